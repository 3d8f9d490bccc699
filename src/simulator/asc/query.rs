//! Query parameters and pages. Whatever an endpoint does not list is refused with 400, as Apple does.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::errors::{Refused, parameter};
use crate::simulator::message::{Call, encode};
use crate::simulator::store::{Identified, Ordered};
use crate::simulator::switches::{AscSwitches, ListOrder};
use crate::simulator::team::ROLES;

/// Rows of a page when nobody asks, and at most.
const LIMIT: (usize, usize) = (100, 200);
/// Apps inlined per row when nobody asks, and at most.
const APPS_LIMIT: (usize, usize) = (10, 50);

/// What an endpoint allows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed {
    /// `filter[…]`.
    pub(super) filters: &'static [&'static str],
    /// `sort`, without the minus.
    pub(super) sorts: &'static [&'static str],
    /// `fields[…]` with the names it takes.
    pub(super) fields: &'static [(&'static str, &'static [&'static str])],
    /// `include=visibleApps` and `limit[visibleApps]`.
    pub(super) includes: bool,
    /// `limit` and `cursor`.
    pub(super) pages: bool,
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    Start,
    After(u64),
    Position(usize),
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(super) struct Params {
    limit: usize,
    cursor: Cursor,
    order: ListOrder,
    /// True with `include=visibleApps`.
    pub(super) include_apps: bool,
    /// Apps inlined per row.
    pub(super) apps_limit: usize,
    filters: BTreeMap<String, Vec<String>>,
    sort: Option<(String, bool)>,
    fields: BTreeMap<String, BTreeSet<String>>,
}

impl Params {
    /// Reads a query.
    pub(super) fn read(call: &Call, allowed: &Allowed) -> Result<Self, Refused> {
        let mut params = Self {
            limit: LIMIT.0,
            cursor: Cursor::Start,
            order: ListOrder::Creation,
            include_apps: false,
            apps_limit: APPS_LIMIT.0,
            filters: BTreeMap::new(),
            sort: None,
            fields: BTreeMap::new(),
        };
        let mut seen = BTreeSet::new();
        for (name, value) in &call.query {
            if !seen.insert(name) {
                return Err(illegal(name));
            }
            params.take(allowed, name, value)?;
        }
        Ok(params)
    }

    fn take(&mut self, allowed: &Allowed, name: &str, value: &str) -> Result<(), Refused> {
        match (name, inner(name)) {
            ("limit", _) if allowed.pages => self.limit = number(name, value, LIMIT.1)?,
            ("cursor", _) if allowed.pages => {
                self.cursor = Cursor::parse(value).ok_or_else(|| invalid(name, value, "cursor"))?;
            }
            ("limit[visibleApps]", _) if allowed.includes => {
                self.apps_limit = number(name, value, APPS_LIMIT.1)?;
            }
            ("include", _) if allowed.includes => {
                if value != "visibleApps" {
                    return Err(invalid(name, value, "relationship name"));
                }
                self.include_apps = true;
            }
            ("sort", _) if !allowed.sorts.is_empty() => {
                let bare = value.trim_start_matches('-');
                if !allowed.sorts.contains(&bare) {
                    return Err(invalid(name, value, "sort"));
                }
                self.sort = Some((bare.to_owned(), value.starts_with('-')));
            }
            (_, Some(("filter", field))) => self.take_filter(allowed, name, field, value)?,
            (_, Some(("fields", kind))) => self.take_fields(allowed, name, kind, value)?,
            _ => return Err(illegal(name)),
        }
        Ok(())
    }

    fn take_filter(
        &mut self,
        allowed: &Allowed,
        name: &str,
        field: &str,
        value: &str,
    ) -> Result<(), Refused> {
        if !allowed.filters.contains(&field) {
            return Err(invalid(name, field, "filter type"));
        }
        let values: Vec<String> = value.split(',').map(str::to_owned).collect();
        let unknown = values.iter().find(|value| !ROLES.contains(&value.as_str()));
        if field == "roles"
            && let Some(unknown) = unknown
        {
            return Err(invalid(name, unknown, "role"));
        }
        self.filters.insert(field.to_owned(), values);
        Ok(())
    }

    fn take_fields(&mut self, allowed: &Allowed, name: &str, kind: &str, value: &str) -> Result<(), Refused> {
        let known = allowed.fields.iter().find(|(own, _)| *own == kind).ok_or_else(|| illegal(name))?.1;
        let asked: BTreeSet<String> = value.split(',').map(str::to_owned).collect();
        if let Some(unknown) = asked.iter().find(|field| !known.contains(&field.as_str())) {
            return Err(invalid(name, unknown, "field name"));
        }
        self.fields.insert(kind.to_owned(), asked);
        Ok(())
    }

    /// The same as the switches would have it.
    pub(super) fn under(mut self, switches: &AscSwitches) -> Self {
        self.limit = self.limit.min(switches.page_max.max(1));
        self.order = switches.list_order;
        self
    }

    /// True when the value passes the filter of this name, or there is none. Case does not matter.
    pub(super) fn passes<'a>(&self, field: &str, mut values: impl Iterator<Item = &'a str>) -> bool {
        let Some(wanted) = self.filters.get(field) else { return true };
        values.any(|value| wanted.iter().any(|own| own.eq_ignore_ascii_case(value)))
    }

    fn position(&self) -> usize {
        match self.cursor {
            Cursor::Position(position) => position,
            Cursor::Start | Cursor::After(_) => 0,
        }
    }

    /// True when this field of this type is to be shown.
    pub(super) fn shows(&self, kind: &str, field: &str) -> bool {
        self.fields.get(kind).is_none_or(|fields| fields.contains(field))
    }
}

/// `filter[email]` into `filter` and `email`.
fn inner(name: &str) -> Option<(&str, &str)> {
    let (outer, rest) = name.split_once('[')?;
    Some((outer, rest.strip_suffix(']')?))
}

fn number(name: &str, value: &str, max: usize) -> Result<usize, Refused> {
    match value.parse() {
        Ok(number) if (1..=max).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(parameter(
            "PARAMETER_ERROR.INVALID",
            name,
            format!("'{value}' is not a valid limit: it must be between 1 and {max}"),
        )),
    }
}

fn invalid(name: &str, value: &str, what: &str) -> Refused {
    parameter("PARAMETER_ERROR.INVALID", name, format!("'{value}' is not a valid {what}"))
}

fn illegal(name: &str) -> Refused {
    parameter(
        "PARAMETER_ERROR.ILLEGAL",
        name,
        format!("The parameter '{name}' can not be used with this request"),
    )
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        match plain.split_once(':')? {
            ("after", mark) => Some(Self::After(mark.parse().ok()?)),
            ("position", position) => Some(Self::Position(position.parse().ok()?)),
            _ => None,
        }
    }

    fn opaque(self) -> String {
        URL_SAFE_NO_PAD.encode(match self {
            Self::Start => "after:0".to_owned(),
            Self::After(mark) => format!("after:{mark}"),
            Self::Position(position) => format!("position:{position}"),
        })
    }
}

/// A page of rows.
pub(super) struct Page<'a, T> {
    pub(super) rows: Vec<&'a T>,
    total: usize,
    next: Option<String>,
}

/// Cuts a page. Without `sort` the order is that of creation and deletions lose nobody; with it, pages go by position.
pub(super) fn page<'a, T: Identified>(
    items: &'a Ordered<T>,
    params: &Params,
    keep: impl Fn(&T) -> bool,
    key: impl Fn(&T, &str) -> String,
) -> Page<'a, T> {
    let total = items.iter().filter(|item| keep(item)).count();
    let Some((field, descending)) = &params.sort else {
        match params.order {
            ListOrder::Creation => {}
            ListOrder::FromPageToPage => {
                return restless(items.iter().filter(|item| keep(item)).collect(), params);
            }
        }
        let mark = match params.cursor {
            Cursor::Start | Cursor::Position(_) => 0,
            Cursor::After(mark) => mark,
        };
        let mut rows: Vec<_> =
            items.after(mark).filter(|(_, item)| keep(item)).take(params.limit + 1).collect();
        let is_more = rows.len() > params.limit;
        rows.truncate(params.limit);
        let next = rows.last().filter(|_| is_more).map(|(mark, _)| Cursor::After(*mark).opaque());
        return Page { rows: rows.into_iter().map(|(_, item)| item).collect(), total, next };
    };
    let mut sorted: Vec<&T> = items.iter().filter(|item| keep(item)).collect();
    sorted.sort_by_key(|item| key(item, field).to_lowercase());
    if *descending {
        sorted.reverse();
    }
    at_position(sorted, params)
}

/// Every second page is cut from the list in reverse.
fn restless<'a, T>(mut rows: Vec<&'a T>, params: &Params) -> Page<'a, T> {
    if (params.position() / params.limit) % 2 == 1 {
        rows.reverse();
    }
    at_position(rows, params)
}

fn at_position<'a, T>(sorted: Vec<&'a T>, params: &Params) -> Page<'a, T> {
    let (start, total) = (params.position(), sorted.len());
    let end = start.saturating_add(params.limit);
    let next = (sorted.len() > end).then(|| Cursor::Position(end).opaque());
    Page { rows: sorted.into_iter().skip(start).take(params.limit).collect(), total, next }
}

impl<T> Page<'_, T> {
    /// `links` and `meta` of the document.
    pub(super) fn frame(&self, origin: &str, call: &Call, params: &Params) -> (Value, Value) {
        let url = |cursor: Option<&str>| {
            let kept = call.query.iter().filter(|(name, _)| cursor.is_none() || name != "cursor");
            let mut query: Vec<String> =
                kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
            query.extend(cursor.map(|cursor| format!("cursor={cursor}")));
            let mark = if query.is_empty() { "" } else { "?" };
            format!("{origin}{}{mark}{}", call.path, query.join("&"))
        };
        let mut links = json!({"self": url(None)});
        let mut paging = json!({"total": self.total, "limit": params.limit});
        if let Some(next) = &self.next {
            links["next"] = json!(url(Some(next)));
            paging["nextCursor"] = json!(next);
        }
        (links, json!({"paging": paging}))
    }
}
