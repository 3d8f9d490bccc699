//! People and groups as Graph writes them.

use serde_json::{Map, Value, json};

use super::{error, extension};
use crate::simulator::directory::{Group, Person};
use crate::simulator::message::Reply;
use crate::simulator::state::State;

/// Properties returned when nobody selects (Graph, "List users").
const DEFAULT: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// Further properties that a `$select` may name.
const SELECTABLE: [&str; 15] = [
    "accountEnabled",
    "city",
    "companyName",
    "country",
    "createdDateTime",
    "customSecurityAttributes",
    "department",
    "employeeId",
    "employeeType",
    "externalUserState",
    "mailNickname",
    "onPremisesExtensionAttributes",
    "otherMails",
    "proxyAddresses",
    "userType",
];

/// Everything that is known of a person. What was never set is not in it.
pub(super) fn properties(person: &Person) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    put("id", json!(person.id));
    put("userPrincipalName", json!(person.user_name));
    put("displayName", json!(person.display_name()));
    put("givenName", json!(person.given_name));
    put("surname", json!(person.family_name));
    put("mail", json!(person.email()));
    put("accountEnabled", json!(person.active));
    // SCIM's userType says what Entra's employeeType says; Entra's own knows members and guests only.
    put("userType", json!(if &*person.user_type == "Guest" { "Guest" } else { "Member" }));
    if !["Member", "Guest"].contains(&&*person.user_type) {
        put("employeeType", json!(person.user_type));
    }
    for (name, value) in &person.core {
        put(name, value.clone());
    }
    for (name, value) in &person.enterprise {
        put(if &**name == "employeeNumber" { "employeeId" } else { name }, value.clone());
    }
    for (name, value) in &person.custom {
        put(&extension(name), value.clone());
    }
    all.retain(|_, value| !value.is_null());
    all
}

/// A person with the selected properties; what was never set is null, and a directory extension is left out then. Names
/// of extensions have case and others have none, as was seen at Graph (microsoft-graph-docs issue 16908).
pub(super) fn person(person: &Person, select: Option<&str>) -> Result<Map<String, Value>, Reply> {
    let all = properties(person);
    let mut shown = Map::new();
    for name in names(select)? {
        match all.get(&name) {
            Some(value) => drop(shown.insert(name, value.clone())),
            None if name.starts_with("extension_") => {}
            None if ["otherMails", "proxyAddresses", "businessPhones"].contains(&name.as_str()) => {
                shown.insert(name, json!([]));
            }
            None => drop(shown.insert(name, Value::Null)),
        }
    }
    Ok(shown)
}

/// The selected names as Graph spells them.
pub(super) fn names(select: Option<&str>) -> Result<Vec<String>, Reply> {
    let Some(select) = select else { return Ok(DEFAULT.map(str::to_owned).to_vec()) };
    let known = || DEFAULT.iter().chain(&SELECTABLE);
    let spelled = |name: &str| {
        if name.to_lowercase().starts_with("extension_") {
            return Ok(name.to_owned());
        }
        known().find(|known| known.eq_ignore_ascii_case(name)).map(|known| (*known).to_owned()).ok_or_else(|| {
            let message = format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.user'."
            );
            error(400, "BadRequest", &message)
        })
    };
    select.split(',').map(|name| spelled(name.trim())).collect()
}

/// A group without its members.
pub(super) fn group(state: &State, group: &Group, select: Option<&str>) -> Map<String, Value> {
    let visibility =
        if state.graph.hidden.contains(&*group.id) { json!("HiddenMembership") } else { Value::Null };
    let all = [("id", json!(group.id)), ("displayName", json!(group.name)), ("visibility", visibility)];
    let is_selected =
        |name: &str| select.is_none_or(|select| select.split(',').any(|own| own.trim() == name));
    all.into_iter()
        .filter(|(name, _)| is_selected(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
