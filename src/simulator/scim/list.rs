//! Pages, by index and by cursor, right or odd.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::simulator::message::Call;
use crate::simulator::store::{Identified, Ordered};
use crate::simulator::switches::{
    CountUse, Paging, ResourcesKey, ScimSwitches, StartIndexEcho, StartIndexUse, TotalResults,
};

/// One page.
pub(super) struct Slice<'a, T> {
    rows: Vec<&'a T>,
    total: usize,
    way: Way,
}

enum Way {
    Index { asked: usize, start: usize },
    Cursor { next: Option<String> },
}

/// `scimType` and `detail` of a 400.
type Refusal = (&'static str, &'static str);

impl<'a, T: Identified> Slice<'a, T> {
    /// Cuts the page that a request asks for. `is_all`: no filter, so positions need no counting.
    pub(super) fn cut(
        switches: &ScimSwitches,
        call: &Call,
        items: &'a Ordered<T>,
        is_all: bool,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Self, Refusal> {
        let total = if is_all { items.len() } else { items.iter().filter(|item| keep(item)).count() };
        let count = count(switches, call)?;
        let cursor = call.parameter("cursor");
        match (switches.paging, cursor, call.parameter("startIndex")) {
            (Paging::Index, _, _) | (Paging::BothDefaultCursor, None, Some(_)) => {
                let asked = start_index(call)?;
                let start = match switches.start_index {
                    StartIndexUse::Ignored => 1,
                    StartIndexUse::WrapsAround if asked > total => 1,
                    StartIndexUse::Honoured | StartIndexUse::WrapsAround => asked,
                };
                let rows: Vec<&T> = if is_all {
                    items.from_position(start - 1).take(count).collect()
                } else {
                    items.iter().filter(|item| keep(item)).skip(start - 1).take(count).collect()
                };
                let is_last = start - 1 + rows.len() >= total;
                Ok(Self { rows: shortened(rows, switches, is_last), total, way: Way::Index { asked, start } })
            }
            (Paging::Cursor | Paging::BothDefaultCursor, cursor, _) => {
                let mark = mark(cursor.unwrap_or_default())?;
                let mut rows: Vec<(u64, &T)> =
                    items.after(mark).filter(|(_, item)| keep(item)).take(count + 1).collect();
                let is_last = rows.len() <= count;
                rows.truncate(count);
                let rows = shortened(rows, switches, is_last);
                let last = rows.last().map_or(mark, |(own, _)| *own);
                let next = (!is_last).then(|| URL_SAFE_NO_PAD.encode(format!("after.{last}")));
                let rows = rows.into_iter().map(|(_, item)| item).collect();
                Ok(Self { rows, total, way: Way::Cursor { next } })
            }
        }
    }

    /// The ListResponse.
    pub(super) fn document(&self, switches: &ScimSwitches, render: impl Fn(&T) -> Value) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(|row| render(row)).collect();
        let mut document = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "itemsPerPage": rows.len(),
        });
        match switches.total_results {
            TotalResults::Right => document["totalResults"] = json!(self.total),
            TotalResults::Missing => {}
            TotalResults::OffBy(by) => {
                let total = i64::try_from(self.total).unwrap_or(i64::MAX).saturating_add(by);
                document["totalResults"] = json!(total.max(0));
            }
            TotalResults::PageLength => document["totalResults"] = json!(rows.len()),
        }
        match (&self.way, switches.start_index_echo) {
            (Way::Index { start, .. }, StartIndexEcho::Right) => document["startIndex"] = json!(start),
            (Way::Index { .. }, StartIndexEcho::AlwaysOne) => document["startIndex"] = json!(1),
            (Way::Index { asked, .. }, StartIndexEcho::AsAsked) => document["startIndex"] = json!(asked),
            (Way::Cursor { next: Some(next) }, _) => document["nextCursor"] = json!(next),
            (Way::Cursor { next: None }, _) => {}
        }
        let key = match switches.resources_key {
            ResourcesKey::Standard => "Resources",
            ResourcesKey::LowerCase => "resources",
        };
        document[key] = json!(rows);
        document
    }
}

/// A page that is shorter than it should be, although more follow. Never empty, or no client could get on.
fn shortened<R>(mut rows: Vec<R>, switches: &ScimSwitches, is_last: bool) -> Vec<R> {
    if !is_last {
        rows.truncate(rows.len().saturating_sub(switches.short_by).max(1));
    }
    rows
}

/// A negative count means 0, and a server may send fewer than asked (RFC 7644 §3.4.2.4).
fn count(switches: &ScimSwitches, call: &Call) -> Result<usize, Refusal> {
    let asked = call.parameter("count").filter(|_| switches.count == CountUse::Honoured);
    let Some(text) = asked else { return Ok(switches.page_size.min(switches.page_max)) };
    let count: i64 = text.parse().map_err(|_| ("invalidCount", "count must be a number"))?;
    Ok(usize::try_from(count.max(0)).unwrap_or(usize::MAX).min(switches.page_max))
}

/// Below 1 means 1.
fn start_index(call: &Call) -> Result<usize, Refusal> {
    let Some(text) = call.parameter("startIndex") else { return Ok(1) };
    let start: i64 = text.parse().map_err(|_| ("invalidValue", "startIndex must be a number"))?;
    Ok(usize::try_from(start.max(1)).unwrap_or(usize::MAX))
}

/// The first page has an empty cursor (RFC 9865 §2.1).
fn mark(cursor: &str) -> Result<u64, Refusal> {
    if cursor.is_empty() {
        return Ok(0);
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
    let mark = bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.strip_prefix("after.")?.parse().ok());
    mark.ok_or(("invalidCursor", "the cursor is not one of this provider's"))
}
