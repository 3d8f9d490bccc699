//! `/v1/users`.

use serde_json::{Value, json};

use super::body::{self, Resource};
use super::errors::{Answer, Refused, conflict, forbidden, missing};
use super::query::{Allowed, Page, Params, page};
use super::resources::{Seat, included, seat};
use super::rules::{self, Wish};
use crate::simulator::message::{Call, Reply};
use crate::simulator::state::State;
use crate::simulator::store::Identified;
use crate::simulator::team::Member;

const FIELDS: (&str, &[&str]) = (
    "users",
    &["username", "firstName", "lastName", "roles", "allAppsVisible", "provisioningAllowed", "visibleApps"],
);
const LIST: Allowed = Allowed {
    filters: &["username", "roles", "visibleApps"],
    sorts: &["username", "lastName"],
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

/// GET /v1/users.
pub(super) fn list(state: &State, call: &Call) -> Answer {
    let params = Params::read(call, &LIST)?.under(&state.switches.app_store_connect);
    let keep = |member: &Member| {
        let roles = member.grant.roles.iter().map(String::as_str);
        let mut apps = state.team.visible(&member.grant).map(|app| app.id.as_str());
        params.passes("username", std::iter::once(member.username.as_str()))
            && params.passes("roles", roles)
            && params.passes("visibleApps", &mut apps)
    };
    let key = |member: &Member, field: &str| match field {
        "lastName" => member.last_name.clone(),
        _ => member.username.clone(),
    };
    let rows = page(&state.team.members, &params, keep, key);
    Ok(document(state, call, &params, &rows))
}

/// A page of seats as a document.
pub(super) fn document<S: Seat + Identified>(
    state: &State,
    call: &Call,
    params: &Params,
    rows: &Page<'_, S>,
) -> Reply {
    let data: Vec<Value> = rows.rows.iter().map(|row| seat(state, *row, params)).collect();
    let (links, meta) = rows.frame(&state.origin, call, params);
    let mut document = json!({"data": data, "links": links, "meta": meta});
    if let Some(apps) = included(state, rows.rows.iter().copied(), params) {
        document["included"] = apps;
    }
    Reply::json(200, document)
}

/// A single seat as a document.
pub(super) fn single<S: Seat>(state: &State, row: &S, params: &Params) -> Value {
    let resource = seat(state, row, params);
    let link = resource["links"]["self"].clone();
    let mut document = json!({"data": resource, "links": {"self": link}});
    if let Some(apps) = included(state, std::iter::once(row), params) {
        document["included"] = apps;
    }
    document
}

/// GET /v1/users/{id}.
pub(super) fn read(state: &State, call: &Call, id: &str) -> Answer {
    let params = Params::read(call, &ONE)?;
    Ok(Reply::json(200, single(state, find(state, id)?, &params)))
}

/// The member of an id, or 404.
pub(super) fn find<'a>(state: &'a State, id: &str) -> Result<&'a Member, Refused> {
    state.team.members.get(id).ok_or_else(|| missing("users", id))
}

/// PATCH /v1/users/{id}: roles, flags and apps; names and user names cannot be changed by anyone but their owner.
pub(super) fn update(state: &mut State, call: &Call, id: &str) -> Answer {
    let params = Params::read(call, &Allowed::default())?;
    let before = find(state, id)?.grant.clone();
    super::may_write(state, super::Write::Change)?;
    let mut resource = Resource::new(body::data(call)?, "users", Some(id))?;
    resource.allow(&["roles", "allAppsVisible", "provisioningAllowed"]);
    let wish = Wish {
        roles: resource.roles(),
        all_apps: resource.flag("allAppsVisible"),
        provisioning: resource.flag("provisioningAllowed"),
        apps: resource.apps(),
    };
    resource.finish()?;
    if before.is_account_holder() {
        let detail = "The access of the ACCOUNT_HOLDER can not be changed";
        return Err(conflict("ENTITY_ERROR.ATTRIBUTE.INVALID", detail, "/data/attributes/roles"));
    }
    let after = rules::grant(&state.team, Some(&before), wish)?;
    if let Some(member) = state.team.members.get_mut(id) {
        member.grant = after;
    }
    Ok(Reply::json(200, single(state, find(state, id)?, &params)))
}

/// DELETE /v1/users/{id}.
pub(super) fn delete(state: &mut State, call: &Call, id: &str) -> Answer {
    Params::read(call, &Allowed::default())?;
    let holder = find(state, id)?.grant.is_account_holder();
    super::may_write(state, super::Write::Change)?;
    if holder {
        // 409 is not among the errors that Apple lists for this request.
        return Err(forbidden("The ACCOUNT_HOLDER can not be removed"));
    }
    state.team.members.remove(id);
    Ok(Reply::empty(204))
}
