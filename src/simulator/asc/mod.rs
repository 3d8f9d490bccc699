//! App Store Connect, as strict as Apple is known to be. Where Apple's answer is not known, the stricter guess is taken,
//! so that a client which gets along here gets along there.

mod apps;
mod auth;
mod body;
pub(super) mod errors;
mod invitations;
mod query;
mod rate;
mod resources;
mod rules;
mod users;

use errors::{Answer, Refused};

use super::message::{Call, Reply};
use super::state::State;
use super::switches::{Agreement, KeyRole, Membership};

/// Answers a request.
pub(super) fn answer(state: &mut State, call: &Call) -> Reply {
    let reply = match auth::check(state, call) {
        Err(refused) => refused.into_reply(),
        Ok(()) => {
            let answer = enter(state).and_then(|()| route(state, call));
            rate::tell(state, answer.unwrap_or_else(Refused::into_reply))
        }
    };
    let date = state.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let number = state.answered + 1;
    reply.with("date", date).with("x-apple-request-uuid", super::ids::uuid(0x4e9, number))
}

/// What stands before every endpoint.
fn enter(state: &mut State) -> Result<(), Refused> {
    rate::spend(state)?;
    let switches = &state.switches.app_store_connect;
    match switches.agreement {
        Agreement::Signed => {}
        Agreement::Unsigned => return Err(errors::agreement()),
    }
    match switches.membership {
        Membership::Active => {}
        Membership::Lapsed => {
            let detail = "Team ID 'SIMULATED1' is not associated with an active membership";
            return Err(errors::forbidden(detail));
        }
    }
    Ok(())
}

/// The 16 requests that concern users, invitations and apps.
fn route(state: &mut State, call: &Call) -> Answer {
    if !accepts_json(call) {
        return Ok(Reply::text(406, "text/plain", "Not Acceptable"));
    }
    let segments = call.segments("/v1/");
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("GET", ["users"]) => users::list(state, call),
        ("GET", ["users", id]) => users::read(state, call, id),
        ("PATCH", ["users", id]) => users::update(state, call, id),
        ("DELETE", ["users", id]) => users::delete(state, call, id),
        ("GET", ["users", id, "visibleApps"]) => apps::related(state, call, &users::find(state, id)?.grant),
        ("GET", ["users", id, "relationships", "visibleApps"]) => {
            apps::linkages(state, call, &users::find(state, id)?.grant)
        }
        (method, ["users", id, "relationships", "visibleApps"]) => match method {
            "POST" => apps::relink(state, call, id, apps::Change::Add),
            "PATCH" => apps::relink(state, call, id, apps::Change::Replace),
            "DELETE" => apps::relink(state, call, id, apps::Change::Remove),
            _ => Err(not_offered(call, "visibleApps")),
        },
        ("GET", ["userInvitations"]) => invitations::list(state, call),
        ("POST", ["userInvitations"]) => invitations::create(state, call),
        ("GET", ["userInvitations", id]) => invitations::read(state, call, id),
        ("DELETE", ["userInvitations", id]) => invitations::delete(state, call, id),
        ("GET", ["userInvitations", id, "visibleApps"]) => {
            apps::related(state, call, &invitations::find(state, id)?.grant)
        }
        ("GET", ["userInvitations", id, "relationships", "visibleApps"]) => {
            apps::linkages(state, call, &invitations::find(state, id)?.grant)
        }
        ("GET", ["apps"]) => apps::list(state, call),
        (_, ["users" | "userInvitations" | "apps", ..]) if path.len() <= 2 => Err(not_offered(call, path[0])),
        (_, _) => Err(errors::unknown_path()),
    }
}

fn accepts_json(call: &Call) -> bool {
    let Some(accept) = call.header("accept") else { return true };
    accept.split(',').any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        ["*/*", "application/*", "application/json"].contains(&kind)
    })
}

/// There is no POST on users and no PATCH on invitations; Apple answers 403, not 405.
fn not_offered(call: &Call, resource: &str) -> Refused {
    let operation = match call.method.as_str() {
        "POST" => "CREATE",
        "PATCH" | "PUT" => "UPDATE",
        "DELETE" => "DELETE",
        _ => "GET_INSTANCE",
    };
    errors::forbidden(&format!("The resource '{resource}' does not allow '{operation}'"))
}

/// Kinds of write, told apart by how they are refused.
#[derive(Clone, Copy, Debug)]
enum Write {
    Create,
    Change,
}

/// Refuses a write of a key whose role is too small. A made-up id is answered with 404 before this.
fn may_write(state: &State, write: Write) -> Result<(), Refused> {
    match (state.switches.app_store_connect.role, write) {
        (KeyRole::Admin, _) => Ok(()),
        (KeyRole::ReadOnly, Write::Create) => Err(errors::role_not_allowed()),
        (KeyRole::ReadOnly, Write::Change) => {
            Err(errors::forbidden("The API key in use does not allow this request"))
        }
    }
}
