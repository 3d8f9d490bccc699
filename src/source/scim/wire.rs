//! What SCIM answers look like, read leniently: keys in any case, numbers and booleans also as text, unknown keys skipped.
//!
//! Resources are read one by one, so that a broken one costs itself and not the page.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

mod page;

use super::paging::Page;
use super::person::{PersonFields, PersonRecord};
use super::wanted::Wanted;
use crate::model::{GroupId, Problem};
use crate::source::one_line;
pub(super) use page::{Fields, each_field, string_of, truth_of};

/// Characters of an id, a name or an address; RFC 5321 ends addresses at 254.
pub(super) const LONGEST_TEXT: usize = 1024;
/// Bytes of one attribute's value.
const LARGEST_VALUE: usize = 256 << 10;

/// Why an answer is not the JSON that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Gateways answer so, with any content type.
    #[error("a page of HTML instead of JSON")]
    Html,
    /// Nothing at all.
    #[error("an empty body instead of JSON")]
    Empty,
    /// Cut off, or never JSON.
    #[error("broken JSON: {0}")]
    Json(String),
    /// JSON without `Resources` and `totalResults`.
    #[error("JSON that is no SCIM list")]
    NotAList,
}

impl WireError {
    fn of(body: &[u8], error: &impl fmt::Display) -> Self {
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Self::Empty,
            Some(b'<') => Self::Html,
            Some(_) => Self::Json(error.to_string()),
        }
    }
}

/// A `ListResponse` (RFC 7644 §3.4.2, RFC 9865 §2), its resources not yet read.
#[derive(Debug, Default)]
pub struct List<'a> {
    /// `totalResults`.
    pub total: Option<u64>,
    /// `startIndex`, the echo of what was asked.
    pub start: Option<u64>,
    /// `nextCursor`.
    pub next_cursor: Option<String>,
    /// `Resources`, or `resources` as Entra writes it; may be absent when there are none.
    pub resources: Vec<&'a RawValue>,
}

/// Reads a list answer.
///
/// # Errors
/// [`WireError`]; never for one of the resources.
pub fn parse_list(body: &[u8]) -> Result<List<'_>, WireError> {
    let object: Object<'_> = serde_json::from_slice(body).map_err(|error| WireError::of(body, &error))?;
    object.into_list().ok_or(WireError::NotAList)
}

/// Reads a page of people: every readable one, and a problem for each of the others.
///
/// # Errors
/// [`WireError`] when the page as a whole is no list.
pub fn parse_users(body: &[u8], wanted: &Wanted) -> Result<Page<PersonRecord>, WireError> {
    page::parse(body, || PersonFields::new(wanted))
}

/// Reads a page of groups.
///
/// # Errors
/// [`WireError`] when the page as a whole is no list.
pub fn parse_groups(body: &[u8]) -> Result<Page<GroupRecord>, WireError> {
    page::parse(body, GroupFields::default)
}

/// Reads one person.
///
/// # Errors
/// What is wrong with it: no id, an oversized attribute, broken JSON.
pub fn parse_user(text: &str, wanted: &Wanted) -> Result<PersonRecord, Problem> {
    page::parse_one(text, PersonFields::new(wanted))
}

/// Reads one group.
///
/// # Errors
/// What is wrong with it: no id, broken JSON. A broken member is inside the record.
pub fn parse_group(text: &str) -> Result<GroupRecord, Problem> {
    page::parse_one(text, GroupFields::default())
}

/// A SCIM error body (RFC 7644 §3.12) as far as people read it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// `scimType`.
    pub kind: Option<String>,
    /// `detail`, on one line.
    pub detail: Option<String>,
}

/// Reads an error body; whatever is not one says nothing. The status is HTTP's: bodies disagree and may be absent. SCIM 1.1
/// has a list of `Errors`, each with a `description`, and gateways have words of their own.
pub fn parse_error(body: &[u8]) -> ErrorBody {
    let mut found = ErrorBody::default();
    let Ok(text) = std::str::from_utf8(body) else { return found };
    let mut other = None;
    // A half-read error body still has a use, so the result does not matter.
    let _ = each_field(text, |key, raw| {
        match key {
            "scimtype" => found.kind = serde_json::from_str(raw.get()).ok(),
            "detail" => found.detail = string_of(raw).and_then(|detail| said(&Value::from(detail))),
            "errors" | "error" | "description" | "message" | "error_description" | "errorsummary"
            | "title" => {
                other = other.take().or_else(|| value_of(raw).ok().as_ref().and_then(said));
            }
            _ => {}
        }
        Ok(())
    });
    found.detail = found.detail.or(other);
    found
}

/// The words of an error: a text, or the first words within a list or an object.
fn said(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(one_line(text, 200)).filter(|text| !text.is_empty()),
        Value::Array(errors) => errors.iter().find_map(said),
        Value::Object(_) => {
            ["description", "detail", "message"].iter().find_map(|key| said(member(value, key)?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// What `/ServiceProviderConfig` says of paging (RFC 9865 §4). Hints only: real servers say more than they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// `pagination.cursor` is true.
    pub cursor: bool,
    /// `pagination.maxPageSize`.
    pub max_page_size: Option<u64>,
}

/// Reads the service provider configuration; whatever it does not say stays unsaid.
pub fn parse_service_provider(body: &[u8]) -> Announced {
    // As a tree it takes more than twenty times its bytes; real ones have a few thousand.
    if body.len() > LARGEST_VALUE {
        return Announced::default();
    }
    let Ok(config) = serde_json::from_slice::<Value>(body) else { return Announced::default() };
    let Some(pagination) = member(&config, "pagination") else { return Announced::default() };
    Announced {
        cursor: member(pagination, "cursor").and_then(truth).unwrap_or(false),
        max_page_size: member(pagination, "maxPageSize").and_then(number).filter(|size| *size > 0),
    }
}

/// What a reference to a member says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// `type` is `User`, or `$ref` goes through `/Users/`.
    Person,
    /// `type` is `Group`, or `$ref` goes through `/Groups/`.
    Group,
    /// Neither is there.
    NotSaid,
}

/// One entry of `members`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRef {
    /// `value`: the id by the RFC, a user name at some providers.
    pub value: Arc<str>,
    /// The last part of `$ref`'s path, where it differs from `value`.
    pub ref_end: Option<Arc<str>>,
    /// What it refers to.
    pub kind: MemberKind,
}

/// A group's `members`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// The key is absent or null, or the list was not kept: says nothing about how many there are.
    NotListed,
    /// As listed, and how many entries could not be read.
    Listed {
        /// The readable ones.
        refs: Vec<MemberRef>,
        /// The others.
        broken: usize,
    },
}

/// A group as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    /// Stable id.
    pub id: GroupId,
    /// `displayName`; empty when there is none.
    pub name: Arc<str>,
    /// Who is in it.
    pub members: Members,
}

#[derive(Default)]
struct GroupFields {
    id: Option<Value>,
    name: Option<Arc<str>>,
    members: Option<Members>,
}

impl Fields for GroupFields {
    type Record = GroupRecord;
    const WHAT: &'static str = "a group";

    fn take(&mut self, key: &str, raw: &RawValue) -> Result<(), String> {
        match key {
            "id" => self.id = Some(value_of(raw)?),
            "displayname" => self.name = text(&value_of(raw)?).map(Arc::from),
            "members" => self.members = Some(parse_members(raw)?),
            _ => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<GroupRecord, String> {
        let id = self.id.as_ref().and_then(id_text).ok_or("it has no usable id")?;
        Ok(GroupRecord {
            id: GroupId::from(id),
            name: self.name.unwrap_or_else(|| Arc::from("")),
            members: self.members.unwrap_or(Members::NotListed),
        })
    }
}

fn parse_members(raw: &RawValue) -> Result<Members, String> {
    let entries: Option<Vec<&RawValue>> =
        serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let Some(entries) = entries else { return Ok(Members::NotListed) };
    let (mut refs, mut broken) = (Vec::with_capacity(entries.len()), 0);
    for entry in entries {
        match parse_member(entry) {
            Some(member) => refs.push(member),
            None => broken += 1,
        }
    }
    Ok(Members::Listed { refs, broken })
}

fn parse_member(raw: &RawValue) -> Option<MemberRef> {
    let entry = value_of(raw).ok()?;
    if let Some(value) = id_text(&entry) {
        return Some(MemberRef { value: value.into(), ref_end: None, kind: MemberKind::NotSaid });
    }
    let target = member(&entry, "$ref").and_then(Value::as_str).unwrap_or_default();
    let (path_kind, ref_end) = read_ref(target);
    let value = member(&entry, "value").and_then(id_text).or_else(|| ref_end.map(str::to_owned))?;
    let kind = match member(&entry, "type").and_then(Value::as_str) {
        Some(word) if word.eq_ignore_ascii_case("group") => MemberKind::Group,
        Some(word) if word.eq_ignore_ascii_case("user") => MemberKind::Person,
        Some(_) | None => path_kind,
    };
    let ref_end = ref_end.filter(|end| *end != value).map(Arc::from);
    Some(MemberRef { value: value.into(), ref_end, kind })
}

/// What a `$ref` (absolute, or relative to the base) says. It is never followed, so it may lead anywhere.
fn read_ref(target: &str) -> (MemberKind, Option<&str>) {
    let path = target.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let mut parts = path.rsplit('/');
    let (end, kind) = (parts.next().filter(|end| !end.is_empty()), parts.next().unwrap_or_default());
    match kind.to_ascii_lowercase().as_str() {
        "users" => (MemberKind::Person, end),
        "groups" => (MemberKind::Group, end),
        _ => (MemberKind::NotSaid, None),
    }
}

/// The keys and values of one JSON object, in order, with the keys as written.
pub(in crate::source) struct Object<'a>(pub(in crate::source) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields).map(Self)
    }
}

impl<'a> Object<'a> {
    /// The value of a key, whatever its case.
    pub(in crate::source) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, raw)| *raw)
    }

    /// The object as a list; `None` when nothing makes it one.
    pub(in crate::source) fn into_list(self) -> Option<List<'a>> {
        let count = |name| self.get(name).and_then(|raw| value_of(raw).ok()).as_ref().and_then(number);
        let total = count("totalResults");
        let resources = self.get("Resources").map(|raw| serde_json::from_str::<Option<Vec<_>>>(raw.get()));
        let resources = match resources {
            Some(parsed) => parsed.ok()?.unwrap_or_default(),
            None if total.is_none() => return None,
            None => Vec::new(),
        };
        let next_cursor = self.get("nextCursor").and_then(|raw| value_of(raw).ok());
        let next_cursor = next_cursor.as_ref().and_then(Value::as_str).filter(|cursor| !cursor.is_empty());
        Some(List {
            total,
            start: count("startIndex"),
            next_cursor: next_cursor.map(str::to_owned),
            resources,
        })
    }
}

/// A value, unless it is larger than any attribute has reason to be. Depth is bounded by the parser (128).
pub(super) fn value_of(raw: &RawValue) -> Result<Value, String> {
    bounded(raw)?;
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

/// Fails for a value that is larger than any attribute has reason to be.
pub(super) fn bounded(raw: &RawValue) -> Result<(), String> {
    if raw.get().len() > LARGEST_VALUE {
        return Err(format!("an attribute is larger than {LARGEST_VALUE} bytes"));
    }
    Ok(())
}

/// The member of an object, whatever the case of its name.
pub(super) fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let fields = value.as_object()?;
    fields
        .get(name)
        .or_else(|| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// A non-empty text of a sane length, without blanks around it. A longer one is left out: no real name or address
/// is so long, so nobody can be matched or missed by it.
pub(super) fn text(value: &Value) -> Option<&str> {
    let text = value.as_str()?.trim();
    (!text.is_empty() && text.len() <= LONGEST_TEXT).then_some(text)
}

/// An id: opaque text, or a number as some servers write it.
pub(super) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(id) if !id.trim().is_empty() && id.len() <= LONGEST_TEXT => Some(id.clone()),
        Value::Number(id) => id.as_i64().map(|id| id.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A boolean, also as `"True"` or `"false"`.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(said) => Some(*said),
        Value::String(word) if word.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(word) if word.trim().eq_ignore_ascii_case("false") => Some(false),
        Value::String(_) | Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
