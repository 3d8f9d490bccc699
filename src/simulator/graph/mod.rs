//! A Microsoft Graph provider (v1.0, the reads that a roster needs) and the token endpoint of its one tenant, with the
//! same people and groups as the SCIM provider.

mod auth;
mod certificate;
mod feed;
mod list;
mod render;
mod state;
mod switches;

use serde_json::{Map, Value, json};

use super::directory::{Belongs, Group};
use super::message::{Call, Content, Reply, pairs};
use super::state::State;

pub use certificate::{CertificateError, ClientCertificate};
pub use state::{Assigned, Graph};
pub use switches::{DeletedMembers, EmptyPages, FeedAnswer, Feeds, GraphSwitches, Replay};

/// `source.graph.tenant_id` of the simulated tenant.
pub const GRAPH_TENANT: &str = "7e7a7000-0000-4000-8000-000000000001";
/// `source.graph.client_id`.
pub const GRAPH_CLIENT: &str = "c11e7000-0000-4000-8000-000000000002";
/// The client secret. The same in every run, for it opens nothing but a simulation.
pub const GRAPH_SECRET: &str = "sim8Q~graph-client-secret";

/// Where custom attributes of the sample people stand: a directory extension of the application.
pub fn extension(name: &str) -> String {
    format!("extension_{}_{name}", GRAPH_CLIENT.replace('-', ""))
}

/// True for paths that belong to Graph or its token endpoint.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with("/v1.0/") || path.ends_with("/oauth2/v2.0/token")
}

/// Answers a request that [`owns`] said yes to.
pub(super) fn answer(state: &mut State, call: &Call) -> Reply {
    if call.path.ends_with("/oauth2/v2.0/token") {
        return auth::token(state, call);
    }
    let reply = if !auth::is_allowed(state, call) {
        error(401, "InvalidAuthenticationToken", "Access token validation failure.")
    } else if call.path == "/v1.0/$batch" {
        batch(state, call)
    } else {
        read(state, call)
    };
    match &state.switches.graph.throttle_share {
        Some(share) => reply.with("x-ms-throttle-limit-percentage", share.clone()),
        None => reply,
    }
}

/// Graph's error body (Graph, "error responses").
fn error(status: u16, code: &str, message: &str) -> Reply {
    let inner =
        json!({"date": "2026-01-01T00:00:00Z", "request-id": "simulated", "client-request-id": "simulated"});
    Reply::json(status, json!({"error": {"code": code, "message": message, "innerError": inner}}))
}

fn not_found(what: &str) -> Reply {
    error(404, "Request_ResourceNotFound", &format!("Resource '{what}' does not exist."))
}

fn read(state: &mut State, call: &Call) -> Reply {
    if call.method != "GET" {
        return error(
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed for the request target.",
        );
    }
    let segments = call.segments("/v1.0/");
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let right = match path.first() {
        Some(&"users") => "User.Read.All",
        Some(&"groups") => "GroupMember.Read.All",
        Some(_) | None => "Application.Read.All",
    };
    if !state.switches.graph.rights.contains(right) {
        let message = "Insufficient privileges to complete the operation.";
        return error(403, "Authorization_RequestDenied", message);
    }
    if let ["groups", id, ..] = path.as_slice()
        && let Some(group) = state.directory.groups.get(id)
        && state.switches.graph.forbidden.iter().any(|name| **name == *group.name)
    {
        return error(403, "Authorization_RequestDenied", "Insufficient privileges for this object.");
    }
    let answered = match path.as_slice() {
        ["users"] => list::users(state, call),
        ["users", "delta"] => feed::answer(state, call, state::Kind::Users),
        ["groups", "delta"] => feed::answer(state, call, state::Kind::Groups),
        ["users", id] => user(state, call, id),
        ["groups"] => list::groups(state, call),
        ["groups", id] => group(state, call, id),
        ["groups", id, "members"] => members(state, call, id, direct),
        ["groups", id, "transitiveMembers"] => members(state, call, id, transitive),
        [application] if *application == application_path("applications") => Ok(application_body(state)),
        [principal] if *principal == application_path("servicePrincipals") => Ok(principal_body(state)),
        [principal, "appRoleAssignedTo"] if *principal == application_path("servicePrincipals") => {
            list::assignments(state, call)
        }
        _ => Err(error(400, "BadRequest", "Resource not found for the segment.")),
    };
    answered.unwrap_or_else(|refused| refused)
}

fn application_path(kind: &str) -> String {
    format!("{kind}(appId='{GRAPH_CLIENT}')")
}

fn user(state: &State, call: &Call, id: &str) -> Result<Reply, Reply> {
    let person = state.directory.people.get(id).ok_or_else(|| not_found(id))?;
    Ok(Reply::json(200, Value::Object(render::person(person, call.parameter("$select"))?)))
}

fn group(state: &State, call: &Call, id: &str) -> Result<Reply, Reply> {
    let group = state.directory.groups.get(id).ok_or_else(|| not_found(id))?;
    Ok(Reply::json(200, Value::Object(render::group(state, group, call.parameter("$select")))))
}

fn direct(_: &State, group: &Group) -> Vec<Belongs> {
    group.members.clone()
}

/// Everybody and every group within, each once.
fn transitive(state: &State, group: &Group) -> Vec<Belongs> {
    let mut all: Vec<Belongs> = group.members.clone();
    let mut at = 0;
    while at < all.len() {
        if let Belongs::Group(id) = &all[at]
            && let Some(inner) = state.directory.groups.get(id)
        {
            let fresh: Vec<Belongs> =
                inner.members.iter().filter(|member| !all.contains(member)).cloned().collect();
            all.extend(fresh);
        }
        at += 1;
    }
    all
}

fn members(
    state: &mut State,
    call: &Call,
    id: &str,
    of: fn(&State, &Group) -> Vec<Belongs>,
) -> Result<Reply, Reply> {
    let group = state.directory.groups.get(id).ok_or_else(|| not_found(id))?;
    let is_hidden =
        state.graph.hidden.contains(id) && !state.switches.graph.rights.contains("Member.Read.Hidden");
    let members = if is_hidden { Vec::new() } else { of(state, group) };
    list::members(state, call, &members)
}

fn principal_body(state: &State) -> Reply {
    let roles: Vec<Value> = state
        .graph
        .roles
        .iter()
        .map(|role| {
            json!({
                "id": role_id(role), "value": role, "displayName": role, "description": role, "isEnabled": true,
                "allowedMemberTypes": ["User"],
            })
        })
        .collect();
    Reply::json(200, json!({"id": principal_id(), "appId": GRAPH_CLIENT, "appRoles": roles}))
}

fn application_body(state: &State) -> Reply {
    let credential = json!({
        "customKeyIdentifier": null, "displayName": "rosterd", "endDateTime": state.graph.secret_ends,
        "hint": &GRAPH_SECRET[..3], "keyId": super::ids::uuid(0x67aa, 3), "secretText": null,
        "startDateTime": "2026-01-01T00:00:00Z",
    });
    let secrets: Vec<Value> = state.graph.secret_ends.iter().map(|_| credential.clone()).collect();
    Reply::json(
        200,
        json!({
            "id": super::ids::uuid(0x67aa, 1), "appId": GRAPH_CLIENT, "displayName": "rosterd",
            "passwordCredentials": secrets, "keyCredentials": [],
        }),
    )
}

/// The id of a declared role, a function of its value.
fn role_id(role: &str) -> String {
    let number = role.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    super::ids::uuid(0x67ab, number)
}

fn principal_id() -> String {
    super::ids::uuid(0x67aa, 2)
}

/// Up to twenty requests, answered in reverse, since no order is promised (Graph, "JSON batching").
fn batch(state: &mut State, call: &Call) -> Reply {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let requests = body["requests"].as_array().cloned().unwrap_or_default();
    if requests.is_empty() || requests.len() > 20 {
        return error(400, "BadRequest", "Invalid batch payload format.");
    }
    let mut responses: Vec<Value> = requests.iter().map(|request| inner(state, call, request)).collect();
    responses.reverse();
    Reply::json(200, json!({"responses": responses}))
}

fn inner(state: &mut State, outer: &Call, request: &Value) -> Value {
    let id = &request["id"];
    let throttled = &mut state.switches.graph.inner_throttled;
    if *throttled > 0 {
        *throttled -= 1;
        let wait = state.switches.graph.inner_retry_after.to_string();
        let body = json!({"error": {"code": "TooManyRequests", "message": "Too many requests."}});
        return json!({"id": id, "status": 429, "headers": {"Retry-After": wait}, "body": body});
    }
    let url = request["url"].as_str().unwrap_or_default();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let call = Call {
        peer: outer.peer,
        method: request["method"].as_str().unwrap_or_default().to_owned(),
        path: format!("/v1.0/{}", path.trim_start_matches('/')),
        query: pairs(query),
        headers: outer.headers.clone(),
        body: Default::default(),
    };
    let reply = read(state, &call);
    let body = match reply.content {
        Content::Json(_, value) => value,
        Content::Empty | Content::Text(..) | Content::Truncated(..) => Value::Null,
    };
    json!({"id": id, "status": reply.status, "headers": {"Content-Type": "application/json"}, "body": body})
}

/// The rows of a page as Graph wraps them.
fn wrapped(state: &State, context: &str, rows: Vec<Value>) -> Map<String, Value> {
    let mut page = Map::new();
    page.insert("@odata.context".into(), json!(format!("{}/v1.0/$metadata#{context}", state.origin)));
    page.insert("value".into(), Value::Array(rows));
    page
}

/// A link to a further page, unless a test wants it to lead elsewhere.
fn next_link(state: &mut State, path_and_query: &str) -> String {
    match state.switches.graph.next_link.take() {
        Some(template) => template.replace("{path}", path_and_query),
        None => format!("{}{path_and_query}", state.origin),
    }
}
