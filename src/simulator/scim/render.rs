//! People and groups as SCIM resources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::simulator::directory::{Belongs, CUSTOM, ENTERPRISE, Group, Person};
use crate::simulator::state::State;
use crate::simulator::switches::{ActiveShape, AttributeShape, MemberValue, MembersShown, ScimSwitches};

/// Where a group is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    List,
    Single,
}

/// RFC 7643 §4.1.
pub(super) fn person(state: &State, person: &Person) -> Value {
    let switches = &state.switches.scim;
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": person.id,
        "userName": person.user_name,
        "name": {"givenName": person.given_name, "familyName": person.family_name},
        "displayName": person.display_name(),
        "userType": person.user_type,
        "emails": [{"value": person.email(), "type": "work", "primary": true}],
        "meta": {"resourceType": "User", "location": format!("{}/scim/v2/Users/{}", state.origin, person.id)},
    });
    match switches.active {
        ActiveShape::Boolean => user["active"] = json!(person.active),
        ActiveShape::Text => user["active"] = json!(if person.active { "True" } else { "False" }),
        ActiveShape::Missing => {}
    }
    for (name, value) in &person.core {
        user[&**name] = value.clone();
    }
    extend(&mut user, switches, ENTERPRISE, &person.enterprise);
    extend(&mut user, switches, CUSTOM, &person.custom);
    user
}

fn extend(user: &mut Value, switches: &ScimSwitches, urn: &str, attributes: &BTreeMap<Box<str>, Value>) {
    if attributes.is_empty() {
        return;
    }
    if let Value::Array(schemas) = &mut user["schemas"] {
        schemas.push(json!(urn));
    }
    match switches.attributes {
        AttributeShape::Nested => user[urn] = json!(attributes),
        AttributeShape::Flattened => {
            for (name, value) in attributes {
                user[format!("{urn}:{name}")] = value.clone();
            }
        }
        AttributeShape::TopLevel => {
            for (name, value) in attributes {
                user[&**name] = value.clone();
            }
        }
    }
}

/// RFC 7643 §4.2.
pub(super) fn group(state: &State, group: &Group, excluded: bool, within: Within) -> Value {
    let mut value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": group.id,
        "displayName": group.name,
        "meta": {"resourceType": "Group", "location": format!("{}/scim/v2/Groups/{}", state.origin, group.id)},
    });
    let is_shown = match state.switches.scim.members_shown {
        MembersShown::Always => true,
        MembersShown::ById => within == Within::Single,
        MembersShown::Never => false,
    };
    if is_shown && !excluded {
        value["members"] = group.members.iter().map(|belongs| member(state, belongs)).collect();
    }
    value
}

fn member(state: &State, member: &Belongs) -> Value {
    let (id, kind) = match member {
        Belongs::Person(id) => (id, "User"),
        Belongs::Group(id) => (id, "Group"),
    };
    let user_name = || Some(state.directory.people.get(id)?.user_name.to_string());
    let value = match state.switches.scim.member_value {
        MemberValue::UserName => user_name().unwrap_or_else(|| id.to_string()),
        MemberValue::Id => id.to_string(),
    };
    json!({"value": value, "type": kind, "$ref": format!("{}/scim/v2/{kind}s/{id}", state.origin)})
}
