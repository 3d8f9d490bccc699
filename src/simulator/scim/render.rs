//! People and groups as SCIM resources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::simulator::directory::{Belongs, CUSTOM, ENTERPRISE, Group, Person};
use crate::simulator::state::State;
use crate::simulator::switches::{
    ActiveShape, AttributeShape, ListedMembers, MemberValue, MembersShown, OwnGroups, ScimSwitches,
};

/// Where a group is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    List,
    Single,
}

/// What a request says of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Excluded,
    Named,
    NotSaid,
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
    if switches.own_groups == OwnGroups::Shown {
        user["groups"] = own_groups(state, person);
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

/// RFC 7643 §4.1.2: true memberships, and what else is claimed.
fn own_groups(state: &State, person: &Person) -> Value {
    let claims = &state.switches.scim.group_claims;
    let claimed = |group: &&Group| {
        let is_this = |(who, name): &(String, String)| **who == *person.user_name && **name == *group.name;
        group.members.iter().any(|member| member.id() == &*person.id) || claims.iter().any(is_this)
    };
    let groups = state.directory.groups.iter().filter(claimed);
    groups.map(|group| json!({"value": group.id, "display": group.name, "type": "direct"})).collect()
}

/// RFC 7643 §4.2.
pub(super) fn group(state: &State, group: &Group, asked: Asked, within: Within) -> Value {
    let mut value = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": group.id,
        "displayName": group.name,
        "meta": {"resourceType": "Group", "location": format!("{}/scim/v2/Groups/{}", state.origin, group.id)},
    });
    let is_shown = match state.switches.scim.members_shown {
        MembersShown::Always => true,
        MembersShown::ById => within == Within::Single,
        MembersShown::OnRequest => asked == Asked::Named,
        MembersShown::Never => false,
    };
    if is_shown && asked != Asked::Excluded {
        value["members"] = members(state, group, within).collect();
    }
    value
}

fn members<'a>(state: &'a State, group: &'a Group, within: Within) -> impl Iterator<Item = Value> + 'a {
    let listed = match within {
        Within::Single => ListedMembers::All,
        Within::List => state.switches.scim.listed_members,
    };
    let is_listed = move |belongs: &&Belongs| match listed {
        ListedMembers::All | ListedMembers::FirstTwo => true,
        ListedMembers::People => matches!(belongs, Belongs::Person(_)),
    };
    let most = if listed == ListedMembers::FirstTwo { 2 } else { usize::MAX };
    let stale =
        (0..state.switches.scim.stale_members).map(|number| json!({"value": format!("stale-{number:04}")}));
    let adds = state
        .switches
        .scim
        .list_adds
        .iter()
        .filter(move |(name, _)| within == Within::List && **name == *group.name);
    let added = adds.map(|(_, id)| json!({"value": id, "type": "User"}));
    group
        .members
        .iter()
        .filter(is_listed)
        .take(most)
        .map(|belongs| member(state, belongs))
        .chain(added)
        .chain(stale)
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
