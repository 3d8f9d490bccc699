//! A SCIM 2.0 provider (RFC 7643, RFC 7644, RFC 9865) whose oddities are switches, each taken from a real server.

mod auth;
mod filter;
mod list;
mod render;

use serde_json::{Value, json};

use super::directory::Person;
use super::message::{Call, Content, Reply};
use super::state::State;
use super::store::{Identified, Ordered};
use super::switches::{CountUse, DisabledShown, MemberValue, Paging};
use filter::Comparison;
use list::Slice;

const KIND: &str = "application/scim+json";

/// Answers a request to the provider or to its token endpoint.
pub(super) fn answer(state: &mut State, call: &Call) -> Reply {
    if call.path.starts_with("/oauth2/") {
        return auth::token(state, call);
    }
    if !auth::is_allowed(state, call) {
        return error(401, None, "authentication is needed");
    }
    if call.method != "GET" {
        return error(405, None, "this provider is read-only");
    }
    let segments = call.segments("/scim/v2/");
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["ServiceProviderConfig"] => ok(provider_config(state)),
        ["ResourceTypes"] => ok(resource_types(state)),
        ["Users"] => users(state, call),
        ["Users", id] => match found(state, id) {
            Some(person) => ok(render::person(state, person)),
            None => error(404, None, "no such user"),
        },
        ["Groups"] => groups(state, call),
        ["Groups", id] => match state.directory.groups.get(id) {
            Some(group) => ok(render::group(state, group, asked_members(call), render::Within::Single)),
            None => error(404, None, "no such group"),
        },
        _ => error(404, None, "no such resource"),
    }
}

/// By id; by user name too only at servers that put it into `members[].value`.
fn found<'a>(state: &'a State, id: &str) -> Option<&'a Person> {
    match state.switches.scim.member_value {
        MemberValue::Id => state.directory.people.get(id),
        MemberValue::UserName => state.directory.person(id),
    }
}

fn ok(value: Value) -> Reply {
    Reply { content: Content::Json(KIND, value), ..Reply::empty(200) }
}

/// RFC 7644 §3.12.
pub(super) fn error(status: u16, scim_type: Option<&str>, detail: &str) -> Reply {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail,
    });
    if let Some(scim_type) = scim_type {
        body["scimType"] = json!(scim_type);
    }
    Reply { content: Content::Json(KIND, body), ..Reply::empty(status) }
}

fn users(state: &mut State, call: &Call) -> Reply {
    let hides = state.switches.scim.disabled == DisabledShown::ById;
    let shown = |person: &Person| !hides || person.active;
    let people = &state.directory.people;
    let reply = listed(state, call, (people, &shown), filter::person, |person| render::person(state, person));
    let is_first = call.parameter("startIndex").is_none_or(|index| index == "1")
        && call.parameter("cursor").is_none_or(str::is_empty);
    let is_whole = is_first && call.parameter("filter").is_none() && reply.status == 200;
    if is_whole && let Some(who) = state.switches.scim.delete_after_first_page.take() {
        state.directory.remove_person(&who);
    }
    reply
}

fn groups(state: &State, call: &Call) -> Reply {
    let asked = asked_members(call);
    listed(state, call, (&state.directory.groups, &|_| true), filter::group, |group| {
        render::group(state, group, asked, render::Within::List)
    })
}

/// Whom a list does not keep to itself.
type Shown<'s, T> = &'s dyn Fn(&T) -> bool;

fn listed<T: Identified>(
    state: &State,
    call: &Call,
    (items, shown): (&Ordered<T>, Shown<'_, T>),
    fits: impl Fn(&T, &Comparison) -> bool,
    render: impl Fn(&T) -> Value,
) -> Reply {
    if state.switches.scim.count == CountUse::Crashes && call.parameter("count").is_some() {
        return error(500, None, "count: unexpected keyword argument");
    }
    let comparisons = match filter::read(state, call.parameter("filter")) {
        Ok(comparisons) => comparisons,
        Err(detail) => return error(400, Some("invalidFilter"), &detail),
    };
    let keep = |item: &T| shown(item) && comparisons.iter().all(|comparison| fits(item, comparison));
    let is_all = comparisons.is_empty() && items.iter().all(shown);
    match Slice::cut(&state.switches.scim, call, items, is_all, keep) {
        Ok(slice) => ok(slice.document(&state.switches.scim, render)),
        Err((scim_type, detail)) => error(400, Some(scim_type), detail),
    }
}

/// What a request says of members.
fn asked_members(call: &Call) -> render::Asked {
    let names_members = |parameter: &str| {
        let names = call.parameter(parameter);
        names.is_some_and(|names| names.split(',').any(|name| name.trim().eq_ignore_ascii_case("members")))
    };
    match (names_members("excludedAttributes"), names_members("attributes")) {
        (true, _) => render::Asked::Excluded,
        (false, true) => render::Asked::Named,
        (false, false) => render::Asked::NotSaid,
    }
}

fn provider_config(state: &State) -> Value {
    let switches = &state.switches.scim;
    let mut config = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": false},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": switches.page_max},
        "changePassword": {"supported": false}, "sort": {"supported": false}, "etag": {"supported": false},
        "authenticationSchemes": [],
    });
    // Providers that know index paging only, and there are many, do not have this attribute at all (RFC 9865 §2).
    let default = match switches.paging {
        Paging::Index => return config,
        Paging::Cursor | Paging::BothDefaultCursor => "cursor",
    };
    config["pagination"] = json!({
        "cursor": true, "index": switches.paging == Paging::BothDefaultCursor, "defaultPaginationMethod": default,
        "defaultPageSize": switches.page_size, "maxPageSize": switches.page_max, "cursorTimeout": 3600,
    });
    config
}

fn resource_types(state: &State) -> Value {
    let one = |name: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "id": name, "name": name,
            "endpoint": format!("/{name}s"), "schema": format!("urn:ietf:params:scim:schemas:core:2.0:{name}"),
            "meta": {"resourceType": "ResourceType", "location": format!("{}/scim/v2/ResourceTypes/{name}", state.origin)},
        })
    };
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 2,
        "Resources": [one("User"), one("Group")],
    })
}
