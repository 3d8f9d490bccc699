//! People and groups as providers' own APIs write them, told by their keys and rewritten as SCIM.
//!
//! Such an export is often handed in as it came, and says under a key of its own who has left. Read as SCIM it would say
//! of nobody that they had.

use std::fmt;

use serde_json::{Map, Value, json};

use super::Object;
use crate::model::Activity;
use crate::source::activity::activity_of;

/// Whose shape a person is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// SCIM, or something like it.
    Plain,
    /// `admin#directory#user`.
    Google,
    /// `microsoft.graph.user`.
    Graph,
    /// `GET /api/v1/users`.
    Okta,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "SCIM",
            Self::Google => "Google Directory",
            Self::Graph => "Microsoft Graph",
            Self::Okta => "Okta",
        })
    }
}

impl Shape {
    /// By what only this provider's people have. Whatever calls itself SCIM is SCIM.
    pub(super) fn of_person(object: &Object<'_>) -> Self {
        let has = |key: &str| object.get(key).is_some();
        let says = |key: &str, word: &str| object.get(key).is_some_and(|raw| raw.get().contains(word));
        let is_folder = |key: &str| object.get(key).is_some_and(|raw| raw.get().starts_with('{'));
        if has("userName") || says("schemas", "urn:ietf:params:scim") {
            Self::Plain
        } else if has("primaryEmail") || says("kind", "admin#directory#user") {
            Self::Google
        } else if has("userPrincipalName") || says("@odata.type", "microsoft.graph.user") {
            Self::Graph
        } else if is_folder("profile") && (has("status") || says("profile", "\"login\"")) {
            Self::Okta
        } else {
            Self::Plain
        }
    }

    /// Where people in this shape say whether they may sign in, and how to export it.
    pub(super) fn status_key(self) -> (&'static str, &'static str) {
        match self {
            Self::Plain => ("active", "write it for each of them"),
            Self::Google => {
                ("suspended", "export without \"fields\", or with suspended and archived among them")
            }
            Self::Graph => (
                "accountEnabled",
                "export with $select=id,userPrincipalName,mail,givenName,surname,accountEnabled",
            ),
            Self::Okta => ("status", "export without \"fields\", or with status among them"),
        }
    }
}

/// True for what only providers' own groups have.
pub(super) fn is_group(object: &Object<'_>) -> bool {
    let says = |key: &str, word: &str| object.get(key).is_some_and(|raw| raw.get().contains(word));
    says("@odata.type", "microsoft.graph.group")
        || says("kind", "admin#directory#group")
        || says("objectClass", "user_group")
        || (object.get("profile").is_some() && says("type", "_GROUP"))
        || object.get("securityEnabled").is_some()
        || object.get("groupTypes").is_some()
}

/// Whether a person may sign in, by the keys of their shape.
pub(super) fn activity(shape: Shape, object: &Object<'_>) -> Activity {
    let value = |key: &str| object.get(key).and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let said = |key: &str| value(key).map_or(Activity::NotSaid, |value| activity_of(&value));
    match shape {
        Shape::Plain => plain(object),
        Shape::Google => google(said, value),
        Shape::Graph => said("accountEnabled"),
        Shape::Okta => okta(value("status").as_ref()),
    }
}

/// Suspended, archived or deleted is disabled. A new account is suspended until its owner has signed in for the first time
/// (`WEB_LOGIN_REQUIRED`): neither somebody who left nor somebody to invite.
fn google(said: impl Fn(&str) -> Activity, value: impl Fn(&str) -> Option<Value>) -> Activity {
    let is_new = value("suspensionReason").is_some_and(|reason| reason == "WEB_LOGIN_REQUIRED");
    let deleted = match value("deletionTime") {
        None | Some(Value::Null) => Activity::NotSaid,
        Some(_) => Activity::Disabled,
    };
    let suspended = match inverted(said("suspended")) {
        Activity::Disabled if is_new => Activity::Unclear,
        suspended => suspended,
    };
    match strictest([suspended, inverted(said("archived")), deleted]) {
        // Not archived, and nothing said of suspended, is not yet active.
        Activity::Active if suspended == Activity::NotSaid => Activity::NotSaid,
        activity => activity,
    }
}

/// Okta's eight statuses. Who is locked out or has to change a password has not left; who is STAGED has not begun.
fn okta(status: Option<&Value>) -> Activity {
    let Some(status) = status.filter(|status| !status.is_null()) else { return Activity::NotSaid };
    match status.as_str().map(str::to_ascii_uppercase).as_deref() {
        Some("ACTIVE" | "PROVISIONED" | "RECOVERY" | "LOCKED_OUT" | "PASSWORD_EXPIRED") => Activity::Active,
        Some("DEPROVISIONED" | "SUSPENDED") => Activity::Disabled,
        Some(_) | None => Activity::Unclear,
    }
}

/// Keys that say "active" by another name.
const ENABLED: [&str; 6] = ["enabled", "isActive", "is_active", "isEnabled", "is_enabled", "accountEnabled"];
/// Keys that say the opposite.
const DISABLED: [&str; 10] = [
    "suspended",
    "is_suspended",
    "archived",
    "disabled",
    "isDisabled",
    "is_disabled",
    "deactivated",
    "deleted",
    "is_deleted",
    "blocked",
];
/// Keys that say it in a word.
const STATUS: [&str; 4] = ["status", "accountStatus", "userStatus", "account_status"];
/// Words of such keys beside those of `active`.
const LEFT: [&str; 6] = ["archived", "blocked", "deleted", "terminated", "left", "retired"];

/// A person without `active` whose status stands under another name, as in exports of identity providers and of spreadsheets.
fn plain(object: &Object<'_>) -> Activity {
    let value = |key: &&str| serde_json::from_str::<Value>(object.get(key)?.get()).ok();
    let enabled = ENABLED.iter().filter_map(value).map(|value| activity_of(&value));
    let disabled = DISABLED.iter().filter_map(value).map(|value| inverted(activity_of(&value)));
    let status = STATUS.iter().filter_map(value).map(|value| match value.as_str() {
        Some(word) if LEFT.iter().any(|left| word.trim().eq_ignore_ascii_case(left)) => Activity::Disabled,
        Some(_) | None => activity_of(&value),
    });
    strictest(enabled.chain(disabled).chain(status))
}

fn inverted(activity: Activity) -> Activity {
    match activity {
        Activity::Active => Activity::Disabled,
        Activity::Disabled => Activity::Active,
        Activity::NotSaid | Activity::Unclear => activity,
    }
}

/// Each key alone can tell that somebody has left.
fn strictest(said: impl IntoIterator<Item = Activity>) -> Activity {
    let weight = |activity: &Activity| match activity {
        Activity::NotSaid => 0,
        Activity::Active => 1,
        Activity::Unclear => 2,
        Activity::Disabled => 3,
    };
    said.into_iter().max_by_key(weight).unwrap_or(Activity::NotSaid)
}

/// A person of a provider's own shape as a SCIM user; every other key stays, so that filters find it.
pub(super) fn person_as_scim(shape: Shape, text: &str) -> Option<String> {
    let mut user: Map<String, Value> = serde_json::from_str(text).ok()?;
    match shape {
        Shape::Plain => return None,
        Shape::Google => google_user(&mut user),
        Shape::Graph => graph_user(&mut user),
        Shape::Okta => okta_user(&mut user),
    }
    serde_json::to_string(&user).ok()
}

fn google_user(user: &mut Map<String, Value>) {
    let primary = take(user, "primaryEmail");
    let aliases = list(get(user, "aliases")).chain(list(get(user, "nonEditableAliases")));
    let own = list(get(user, "emails")).filter_map(|email| email.get("address").cloned());
    let mut emails = vec![email(&primary, Mail::First)];
    emails.extend(aliases.map(|alias| email(&alias, Mail::Work)));
    emails.extend(own.filter(|own| *own != primary).map(|own| email(&own, Mail::Own)));
    let shown = get(user, "name").and_then(|name| name.get("fullName")).cloned().unwrap_or_default();
    put(user, "emails", Value::Array(emails));
    put(user, "displayName", shown);
    put(user, "userName", primary);
}

fn graph_user(user: &mut Map<String, Value>) {
    let sign_in = get(user, "userPrincipalName").cloned().unwrap_or_default();
    let is_guest = sign_in.as_str().is_some_and(|name| name.to_ascii_lowercase().contains("#ext#"));
    let is_mail = |proxy: &Value| {
        proxy
            .as_str()
            .is_some_and(|proxy| proxy.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("smtp:")))
    };
    let mut emails = vec![email(&get(user, "mail").cloned().unwrap_or_default(), Mail::First)];
    emails.extend(list(get(user, "proxyAddresses")).filter(is_mail).map(|proxy| email(&proxy, Mail::Work)));
    emails.extend(list(get(user, "otherMails")).map(|other| email(&other, Mail::Own)));
    let name = json!({"givenName": get(user, "givenName"), "familyName": get(user, "surname")});
    let extensions = get(user, "onPremisesExtensionAttributes").and_then(Value::as_object).cloned();
    extensions.into_iter().flatten().for_each(|(key, value)| put(user, &key, value));
    put(user, "emails", Value::Array(emails));
    put(user, "name", name);
    // A guest's made-up sign-in name is no address.
    if !is_guest {
        put(user, "userName", sign_in);
    }
}

fn okta_user(user: &mut Map<String, Value>) {
    let Value::Object(profile) = take(user, "profile") else { return };
    let of = |key: &str| get(&profile, key).cloned().unwrap_or_default();
    let emails = json!([email(&of("email"), Mail::First), email(&of("secondEmail"), Mail::Own)]);
    let name = json!({"givenName": of("firstName"), "familyName": of("lastName")});
    let login = of("login");
    for (key, value) in profile {
        if get(user, &key).is_none() {
            put(user, &key, value);
        }
    }
    put(user, "emails", emails);
    put(user, "name", name);
    put(user, "userName", login);
}

/// What an address is to its person.
#[derive(Clone, Copy)]
enum Mail {
    First,
    Work,
    Own,
}

fn email(address: &Value, mail: Mail) -> Value {
    match mail {
        Mail::First => json!({"value": address, "type": "work", "primary": true}),
        Mail::Work => json!({"value": address, "type": "work"}),
        Mail::Own => json!({"value": address, "type": "other"}),
    }
}

/// A group of a provider's own shape as a SCIM group; `None` where there is nothing to rewrite.
pub(super) fn group_as_scim(text: &str) -> Option<String> {
    let mut group: Map<String, Value> = serde_json::from_str(text).ok()?;
    let profile = get(&group, "profile").and_then(|profile| profile.get("name"));
    let name = get(&group, "name").filter(|name| name.is_string()).or(profile).cloned();
    let named = match (get(&group, "displayName"), name) {
        (None | Some(Value::Null), Some(name)) => {
            put(&mut group, "displayName", name);
            true
        }
        _ => false,
    };
    let members: Vec<Value> = list(get(&group, "members")).collect();
    let foreign = members.iter().any(|member| member.is_object() && member.get("value").is_none());
    if foreign {
        let members = members.into_iter().filter_map(member_as_scim).collect();
        put(&mut group, "members", Value::Array(members));
    }
    if named || foreign { serde_json::to_string(&group).ok() } else { None }
}

/// `None` for what is nobody who could have a seat: devices, contacts, addresses outside of Google's customer.
fn member_as_scim(member: Value) -> Option<Value> {
    let Some(id) = member.get("id").filter(|_| member.get("value").is_none()) else {
        let is_outside = member.get("type").is_some_and(|kind| kind == "EXTERNAL");
        return (!is_outside).then_some(member);
    };
    let kind = member.get("@odata.type").or_else(|| member.get("type")).and_then(Value::as_str);
    match kind.map(|kind| kind.trim_start_matches("#microsoft.graph.").to_ascii_lowercase()).as_deref() {
        Some("user") => Some(json!({"value": id, "type": "User"})),
        Some("group") => Some(json!({"value": id, "type": "Group"})),
        None => Some(json!({"value": id})),
        // Everybody of the customer: an entry that cannot be read, so that the group does not look read.
        Some("customer") => Some(json!({})),
        Some(_) => None,
    }
}

fn get<'v>(fields: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Value {
    let value = get(fields, name).cloned().unwrap_or_default();
    fields.retain(|key, _| !key.eq_ignore_ascii_case(name));
    value
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Value) {
    fields.retain(|key, _| !key.eq_ignore_ascii_case(name));
    fields.insert(name.to_owned(), value);
}

/// The entries of a list; one value alone is a list of one.
fn list(value: Option<&Value>) -> impl Iterator<Item = Value> + use<> {
    let values = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.clone(),
        Some(one) => vec![one.clone()],
    };
    values.into_iter()
}
