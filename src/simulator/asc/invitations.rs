//! `/v1/userInvitations`.

use serde_json::Value;

use super::body::{self, Resource};
use super::errors::{Answer, Problem, Refused, entity, gone, missing};
use super::query::{Allowed, Params, page};
use super::rules::{self, Wish};
use super::users::{document, single};
use crate::simulator::message::{Call, Reply};
use crate::simulator::state::{Mail, State};
use crate::simulator::team::{Invitation, Team};

const FIELDS: (&str, &[&str]) = (
    "userInvitations",
    &[
        "email",
        "firstName",
        "lastName",
        "expirationDate",
        "roles",
        "allAppsVisible",
        "provisioningAllowed",
        "visibleApps",
    ],
);
const LIST: Allowed = Allowed {
    filters: &["email", "roles", "visibleApps"],
    sorts: &["email", "lastName"],
    fields: &[FIELDS, super::apps::FIELDS],
    includes: true,
    pages: true,
};
const ONE: Allowed = Allowed {
    filters: &[],
    sorts: &[],
    fields: &[FIELDS, super::apps::FIELDS],
    includes: true,
    pages: false,
};

/// GET /v1/userInvitations: expired ones are listed as well.
pub(super) fn list(state: &State, call: &Call) -> Answer {
    let params = Params::read(call, &LIST)?.under(&state.switches.app_store_connect);
    let keep = |invitation: &Invitation| {
        let roles = invitation.grant.roles.iter().map(String::as_str);
        let apps = state.team.visible(&invitation.grant).map(|app| app.id.as_str());
        params.passes("email", std::iter::once(invitation.email.as_str()))
            && params.passes("roles", roles)
            && params.passes("visibleApps", apps)
    };
    let key = |invitation: &Invitation, field: &str| match field {
        "lastName" => invitation.last_name.clone(),
        _ => invitation.email.clone(),
    };
    let rows = page(&state.team.invitations, &params, keep, key);
    Ok(document(state, call, &params, &rows))
}

/// GET /v1/userInvitations/{id}.
pub(super) fn read(state: &State, call: &Call, id: &str) -> Answer {
    let params = Params::read(call, &ONE)?;
    Ok(Reply::json(200, single(state, find(state, id)?, &params)))
}

/// The invitation of an id; 410 when it was accepted or cancelled, 404 when there never was one.
pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<&'a Invitation, Refused> {
    let missing = || if state.team.gone.contains(id) { gone(id) } else { missing("userInvitations", id) };
    state.team.invitations.get(id).ok_or_else(missing)
}

/// POST /v1/userInvitations: sends a mail at once.
pub(super) fn create(state: &mut State, call: &Call) -> Answer {
    let params = Params::read(call, &Allowed::default())?;
    super::may_write(state, super::Write::Create)?;
    let invitation = wanted(state, body::data(call)?)?;
    let (email, first, last) = (invitation.email, invitation.first_name, invitation.last_name);
    let id = state.team.add_invitation(&email, (&first, &last), invitation.grant, invitation.expires);
    state.mails.push(Mail { at: state.now(), address: email, invitation: id.clone() });
    let location = format!("{}/v1/userInvitations/{id}", state.origin);
    Ok(Reply::json(201, single(state, find(state, &id)?, &params)).with("location", location))
}

/// The invitation that a request describes, without an id.
fn wanted(state: &State, data: Value) -> Result<Invitation, Refused> {
    let mut resource = Resource::new(data, "userInvitations", None)?;
    resource.allow(&["email", "firstName", "lastName", "roles", "allAppsVisible", "provisioningAllowed"]);
    let email = resource.required_text("email");
    let first_name = resource.required_text("firstName");
    let last_name = resource.required_text("lastName");
    let roles = resource.roles();
    if roles.is_none() && resource.problems.is_empty() {
        resource.missing("roles");
    }
    let wish = Wish {
        roles,
        all_apps: resource.flag("allAppsVisible"),
        provisioning: resource.flag("provisioningAllowed"),
        apps: resource.apps(),
    };
    resource.finish()?;
    available(&state.team, &email)?;
    let grant = rules::grant(&state.team, None, wish)?;
    Ok(Invitation { id: String::new(), email, first_name, last_name, grant, expires: state.invitation_end() })
}

/// An address that is a member or invited is refused, also when that invitation has expired.
fn available(team: &Team, email: &str) -> Result<(), Problem> {
    let pointer = "/data/attributes/email";
    let is_mail = email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    if !is_mail || email.contains(char::is_whitespace) {
        let detail = format!("'{email}' is not a valid email address");
        return Err(entity("ENTITY_ERROR.ATTRIBUTE.INVALID", detail, pointer));
    }
    let duplicate = "ENTITY_ERROR.ATTRIBUTE.INVALID.DUPLICATE";
    if team.member(email).is_some() {
        return Err(entity(duplicate, format!("'{email}' is already a member of this team"), pointer));
    }
    if team.invitation(email).is_some() {
        return Err(entity(duplicate, format!("'{email}' has already been invited to this team"), pointer));
    }
    Ok(())
}

/// DELETE /v1/userInvitations/{id}: takes it back.
pub(super) fn delete(state: &mut State, call: &Call, id: &str) -> Answer {
    Params::read(call, &Allowed::default())?;
    find(state, id)?;
    super::may_write(state, super::Write::Change)?;
    state.team.cancel(id);
    Ok(Reply::empty(204))
}
