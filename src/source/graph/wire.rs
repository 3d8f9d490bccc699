//! Microsoft Graph's shapes: pages, errors, batches, users, members, assignments. Unknown members are ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Activity, Address, Attributes, GroupId, GroupMember, Person, PersonId};
use crate::source::Interest;

/// A directory object as it came.
pub(super) type Object = serde_json::Map<String, Value>;

/// One page of a collection or of a change feed.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub value: Vec<Object>,
    #[serde(rename = "@odata.nextLink")]
    pub next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    pub delta: Option<String>,
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

/// A path below the version, with a query: every value escaped, and blanks as `%20`, since OData reads `+` as itself.
pub(super) fn path(segments: &[&str], query: &[(&str, &str)]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        escape(segment, &mut path);
    }
    for (at, (name, value)) in query.iter().enumerate() {
        path.push(if at == 0 { '?' } else { '&' });
        path.push_str(name);
        path.push('=');
        escape(value, &mut path);
    }
    path
}

/// A string literal of OData: quotes within are doubled.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn escape(text: &str, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'~'
            | b','
            | b'('
            | b')'
            | b'='
            | b'$'
            | b'\'' => {
                out.push(char::from(byte));
            }
            b'.' if !out.ends_with(['/', '.']) => out.push('.'),
            _ => {
                out.push('%');
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
}

/// Properties that every read asks for.
const BUILT_IN: [&str; 10] = [
    "id",
    "userPrincipalName",
    "mail",
    "otherMails",
    "proxyAddresses",
    "givenName",
    "surname",
    "displayName",
    "accountEnabled",
    "userType",
];

/// Further properties of a user, for their case (Graph metadata 2026-08, `microsoft.graph.user`). What is not here is
/// asked for as it was written.
const KNOWN: [&str; 40] = [
    "ageGroup",
    "businessPhones",
    "city",
    "companyName",
    "consentProvidedForMinor",
    "country",
    "createdDateTime",
    "creationType",
    "customSecurityAttributes",
    "department",
    "employeeHireDate",
    "employeeId",
    "employeeOrgData",
    "employeeType",
    "externalUserState",
    "faxNumber",
    "identities",
    "imAddresses",
    "isManagementRestricted",
    "isResourceAccount",
    "jobTitle",
    "legalAgeGroupClassification",
    "mailNickname",
    "mobilePhone",
    "officeLocation",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesExtensionAttributes",
    "onPremisesImmutableId",
    "onPremisesSamAccountName",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "postalCode",
    "preferredDataLocation",
    "preferredLanguage",
    "securityIdentifier",
    "showInAddressList",
    "state",
    "streetAddress",
    "usageLocation",
];

/// SCIM's names of what a [`Person`] holds anyway. Graph has no property of these names and refuses a `$select` of one.
const SCIM_ONLY: [&str; 6] = ["username", "active", "emails", "name", "groups", "externalid"];

/// The default names of `[access.attributes]` begin so. A property of Graph cannot be called that (a directory
/// extension is `extension_<app>_<name>`), so asking would fail every read of whoever left the defaults alone.
const OUR_OWN: &str = "appstoreconnect_";
/// Names of SCIM's extensions; a filter that uses one falls back to the plain name, which is asked for beside it.
const SCHEMA: &str = "urn:";

/// What is kept of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The value of `$select`.
    pub select: String,
    /// Lower-case names of the attributes to keep.
    kept: BTreeSet<String>,
}

impl Wanted {
    pub(super) fn of(interest: &Interest) -> Self {
        let mut select: Vec<String> = BUILT_IN.map(str::to_owned).to_vec();
        // Addresses are derived from these, and a change feed may send one of them alone.
        let mut kept: BTreeSet<String> = ["mail", "othermails", "proxyaddresses"].map(str::to_owned).into();
        for name in &interest.attributes {
            let lower = name.to_lowercase();
            if SCIM_ONLY.contains(&lower.as_str()) || lower.starts_with(OUR_OWN) || lower.starts_with(SCHEMA)
            {
                continue;
            }
            let asked = if extension_number(&lower).is_some() {
                kept.insert(ON_PREMISES.to_owned());
                "onPremisesExtensionAttributes".to_owned()
            } else {
                canonical(name)
            };
            if !select.contains(&asked) {
                select.push(asked);
            }
            kept.insert(lower);
        }
        Self { select: select.join(","), kept }
    }

    /// True when change feeds cannot carry what is wanted: custom security attributes and sign-in activity are kept
    /// outside the directory's main store, whose changes are all that feeds follow (Graph delta query overview).
    pub(super) fn defies_feeds(&self) -> bool {
        ["customsecurityattributes", "signinactivity"].iter().any(|name| self.kept.contains(*name))
    }
}

const ON_PREMISES: &str = "onpremisesextensionattributes";

/// `extensionattribute1` to `15`: shorthand for members of `onPremisesExtensionAttributes`.
fn extension_number(lower: &str) -> Option<u8> {
    let number: u8 = lower.strip_prefix("extensionattribute")?.parse().ok()?;
    (1..=15).contains(&number).then_some(number)
}

fn canonical(name: &str) -> String {
    let known = BUILT_IN.iter().chain(&KNOWN).find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

/// The id of an object, where it has one.
pub(super) fn id_of(object: &Object) -> Option<&str> {
    object.get("id").and_then(Value::as_str).filter(|id| !id.is_empty())
}

/// True for `"@removed": {…}`.
pub(super) fn is_removed(object: &Object) -> bool {
    object.get("@removed").is_some_and(|removed| !removed.is_null())
}

/// A person of a full answer.
pub(super) fn person(object: &Object, wanted: &Wanted) -> Option<Person> {
    let mut person = blank(PersonId::from(id_of(object)?));
    apply(&mut person, object, wanted);
    Some(person)
}

/// Somebody of whom nothing is known but the id.
pub(super) fn blank(id: PersonId) -> Person {
    Person {
        id,
        user_name: None,
        addresses: Vec::new(),
        given_name: None,
        family_name: None,
        display_name: None,
        activity: Activity::NotSaid,
        attributes: Attributes::default(),
    }
}

/// Lays an object over a person: what is absent stays, null clears. A full read lays over a blank person, a change
/// feed over the one known before, so both come to the same.
pub(super) fn apply(person: &mut Person, object: &Object, wanted: &Wanted) {
    let mut kept: BTreeMap<String, Value> =
        person.attributes.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    for (key, value) in object {
        let name = key.to_lowercase();
        match name.as_str() {
            "userprincipalname" => person.user_name = text(value),
            "givenname" => person.given_name = text(value),
            "surname" => person.family_name = text(value),
            "displayname" => person.display_name = text(value),
            "accountenabled" => person.activity = activity(value),
            _ => {}
        }
        if wanted.kept.contains(&name) {
            overlay(&mut kept, name, value);
        }
    }
    flatten(&mut kept, wanted);
    person.addresses = addresses(person.user_name.as_deref(), &kept);
    let mut attributes = Attributes::default();
    for (name, value) in kept {
        attributes.insert(&name, value);
    }
    person.attributes = attributes;
}

fn text(value: &Value) -> Option<Arc<str>> {
    value.as_str().filter(|text| !text.is_empty()).map(Arc::from)
}

fn activity(value: &Value) -> Activity {
    match value.as_bool() {
        Some(true) => Activity::Active,
        Some(false) => Activity::Disabled,
        None => Activity::NotSaid,
    }
}

/// Null and empty lists are kept as nothing, since a full read says null where a change feed says nothing. Objects are
/// laid over each other, since a change feed may send only the members that changed.
fn overlay(kept: &mut BTreeMap<String, Value>, name: String, value: &Value) {
    let merged = match (kept.remove(&name), value) {
        (_, Value::Null) => return,
        (_, Value::Array(items)) if items.is_empty() => return,
        (Some(Value::Object(mut old)), Value::Object(new)) => {
            old.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
            Value::Object(old)
        }
        (_, value) => value.clone(),
    };
    let merged = match merged {
        Value::Object(mut members) => {
            members.retain(|_, value| !value.is_null());
            if members.is_empty() {
                return;
            }
            Value::Object(members)
        }
        other => other,
    };
    kept.insert(name, merged);
}

fn flatten(kept: &mut BTreeMap<String, Value>, wanted: &Wanted) {
    for name in wanted.kept.iter().filter(|name| extension_number(name).is_some()) {
        let members = kept.get(ON_PREMISES).and_then(Value::as_object);
        let value = members.and_then(|all| all.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
        match value.map(|(_, value)| value.clone()) {
            Some(value) => kept.insert(name.clone(), value),
            None => kept.remove(name),
        };
    }
}

/// `mail`, the sign-in name unless it is a guest's made-up one, `otherMails`, then `proxyAddresses` of the kind `smtp:`
/// with the primary one (`SMTP:`) first.
fn addresses(user_name: Option<&str>, kept: &BTreeMap<String, Value>) -> Vec<Address> {
    let list = |name: &str| match kept.get(name) {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let proxies = list("proxyaddresses");
    let proxy = |kind: &'static str| proxies.iter().filter_map(move |one| one.strip_prefix(kind));
    let sign_in = user_name.filter(|name| !name.to_ascii_lowercase().contains("#ext#"));
    let (mail, others) = (list("mail"), list("othermails"));
    let all = mail.into_iter().chain(sign_in).chain(others).chain(proxy("SMTP:")).chain(proxy("smtp:"));
    let mut addresses: Vec<Address> = Vec::new();
    for address in all.map(Address::new).filter(Address::is_mail) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
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
