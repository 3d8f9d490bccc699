//! Microsoft Graph's shapes: pages, errors, batches, users, members, assignments. Unknown members are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::http::path::encoded;
use crate::model::{GroupId, GroupMember, PersonId};

mod person;

pub(super) use person::{Wanted, apply, blank, person};

/// A directory object as it came.
pub(super) type Object = serde_json::Map<String, Value>;

/// One page of a collection or of a change feed.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(deserialize_with = "objects")]
    pub value: Vec<Object>,
    #[serde(rename = "@odata.nextLink")]
    pub next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub delta: Option<String>,
}

/// Objects of one page: ten times what is asked for.
const OBJECTS_MAX: usize = 10_000;

/// A list that ends the page where it is longer than any of Graph's.
fn objects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Object>, D::Error> {
    crate::http::list::at_most(OBJECTS_MAX, "objects", deserializer)
}

/// An error body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorBody {
    pub error: ErrorDetail,
}

/// An error, or one within it. Both spellings of the inner one occur, and the code may be empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorDetail {
    pub code: String,
    pub message: String,
    #[serde(rename = "innerError", alias = "innererror")]
    pub inner: Option<Box<ErrorDetail>>,
}

impl ErrorDetail {
    /// Every code, the outer one first.
    pub(super) fn codes(&self) -> Vec<String> {
        let mut codes = Vec::new();
        let mut detail = Some(self);
        while let Some(here) = detail {
            codes.push(here.code.clone());
            detail = here.inner.as_deref();
        }
        codes
    }
}

/// Requests of a batch.
#[derive(Debug, Serialize)]
pub(super) struct Batch<'a> {
    pub requests: Vec<BatchRequest<'a>>,
}

/// One request of a batch; its URL is relative to the version.
#[derive(Debug, Serialize)]
pub(super) struct BatchRequest<'a> {
    pub id: String,
    pub method: &'static str,
    pub url: &'a str,
}

/// Answers of a batch, in any order.
#[derive(Debug, Deserialize)]
pub(super) struct BatchAnswers {
    pub responses: Vec<BatchAnswer>,
}

/// One answer of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct BatchAnswer {
    pub id: String,
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub body: Value,
}

/// A path below the version, with a query: every id and value encoded, and blanks as `%20`, since OData reads `+` as itself.
pub(super) fn path(segments: &[&str], query: &[(&str, &str)]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(&encoded(segment));
    }
    for (at, (name, value)) in query.iter().enumerate() {
        path.push(if at == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        path.push_str(&encoded(value));
    }
    path
}

/// A string literal of OData: quotes within are doubled.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The id of an object, where it has one.
pub(super) fn id_of(object: &Object) -> Option<&str> {
    object.get("id").and_then(Value::as_str).filter(|id| !id.is_empty())
}

/// True for `"@removed": {…}`.
pub(super) fn is_removed(object: &Object) -> bool {
    object.get("@removed").is_some_and(|removed| !removed.is_null())
}

/// What an entry of a group's members is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A person or a group.
    Member(GroupMember),
    /// A device, a service principal, a contact: nobody who could sit on a team.
    Other,
    /// No id or no type: nothing can be said, so the group was not read.
    Unclear,
}

/// Reads a member by its `@odata.type`. Its names may be null for want of a right and are not looked at.
pub(super) fn entry(object: &Object) -> Entry {
    let kind = object.get("@odata.type").and_then(Value::as_str);
    match (id_of(object), kind) {
        (Some(id), Some("#microsoft.graph.user")) => Entry::Member(GroupMember::Person(PersonId::from(id))),
        (Some(id), Some("#microsoft.graph.group")) => Entry::Member(GroupMember::Group(GroupId::from(id))),
        (Some(_), Some(_)) => Entry::Other,
        (None, _) | (_, None) => Entry::Unclear,
    }
}

/// A group without its members.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupObject {
    pub id: String,
    pub display_name: Option<String>,
    pub visibility: Option<String>,
}

/// The properties of a [`GroupObject`].
pub(super) const GROUP_SELECT: &str = "id,displayName,visibility";

impl GroupObject {
    pub(super) fn name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }

    /// True for groups whose members only `Member.Read.Hidden` shows.
    pub(super) fn hides_members(&self) -> bool {
        self.visibility
            .as_deref()
            .is_some_and(|visibility| visibility.eq_ignore_ascii_case("HiddenMembership"))
    }
}

/// An enterprise application's roles.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServicePrincipal {
    #[serde(default)]
    pub app_roles: Vec<AppRole>,
}

/// A role that the application declares.
#[derive(Debug, Deserialize)]
pub(super) struct AppRole {
    pub id: String,
    pub value: Option<String>,
}

/// Who is assigned to an enterprise application.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleAssignment {
    pub principal_id: String,
    pub principal_type: String,
    pub app_role_id: Option<String>,
}

/// An app registration's secrets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Application {
    #[serde(default)]
    pub password_credentials: Vec<PasswordCredential>,
}

/// A client secret without the secret.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PasswordCredential {
    /// Its first three characters.
    pub hint: Option<String>,
    pub end_date_time: Option<jiff::Timestamp>,
}

#[cfg(test)]
mod tests;
