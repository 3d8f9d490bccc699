//! `/v1/apps` and the apps that a member or an invitation shows.

use serde_json::{Value, json};

use super::body;
use super::errors::{Answer, Refused};
use super::query::{Allowed, Page, Params, page};
use super::resources::{app, linkage};
use super::rules::{self, Wish};
use super::{Write, may_write, users};
use crate::simulator::message::{Call, Reply};
use crate::simulator::state::State;
use crate::simulator::team::{App, Grant};

/// Attributes of an app that may be asked for.
pub(super) const FIELDS: (&str, &[&str]) = (
    "apps",
    &[
        "name",
        "bundleId",
        "sku",
        "primaryLocale",
        "accessibilityUrl",
        "isOrEverWasMadeForKids",
        "contentRightsDeclaration",
    ],
);
const LIST: Allowed = Allowed {
    filters: &["name", "bundleId", "sku", "id"],
    sorts: &["name", "bundleId", "sku"],
    fields: &[FIELDS],
    includes: false,
    pages: true,
};
const OF_SEAT: Allowed =
    Allowed { filters: &[], sorts: &[], fields: &[FIELDS], includes: false, pages: true };
const LINKAGES: Allowed = Allowed { filters: &[], sorts: &[], fields: &[], includes: false, pages: true };

/// GET /v1/apps.
pub(super) fn list(state: &State, call: &Call) -> Answer {
    let params = Params::read(call, &LIST)?;
    let keep = |app: &App| {
        params.passes("name", std::iter::once(app.name.as_str()))
            && params.passes("bundleId", std::iter::once(app.bundle_id.as_str()))
            && params.passes("sku", std::iter::once(format!("SKU{}", app.id).as_str()))
            && params.passes("id", std::iter::once(app.id.as_str()))
    };
    let key = |app: &App, field: &str| match field {
        "name" => app.name.clone(),
        "sku" => app.id.clone(),
        _ => app.bundle_id.clone(),
    };
    let rows = page(&state.team.apps, &params, keep, key);
    Ok(document(state, call, &params, &rows, |row| app(state, row, &params)))
}

/// GET …/visibleApps: full resources.
pub(super) fn related(state: &State, call: &Call, grant: &Grant) -> Answer {
    let params = Params::read(call, &OF_SEAT)?;
    let rows = shown(state, &params, grant);
    Ok(document(state, call, &params, &rows, |row| app(state, row, &params)))
}

/// GET …/relationships/visibleApps: types and ids.
pub(super) fn linkages(state: &State, call: &Call, grant: &Grant) -> Answer {
    let params = Params::read(call, &LINKAGES)?;
    let rows = shown(state, &params, grant);
    Ok(document(state, call, &params, &rows, linkage))
}

fn shown<'a>(state: &'a State, params: &Params, grant: &Grant) -> Page<'a, App> {
    let keep = |app: &App| grant.all_apps || grant.apps.contains(&app.id);
    page(&state.team.apps, params, keep, |app, _| app.id.clone())
}

fn document(
    state: &State,
    call: &Call,
    params: &Params,
    rows: &Page<'_, App>,
    render: impl Fn(&App) -> Value,
) -> Reply {
    let data: Vec<Value> = rows.rows.iter().map(|row| render(row)).collect();
    let (links, meta) = rows.frame(&state.origin, call, params);
    Reply::json(200, json!({"data": data, "links": links, "meta": meta}))
}

/// How a request changes the apps of a member.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Add,
    Replace,
    Remove,
}

/// POST, PATCH and DELETE …/relationships/visibleApps of a member. All carry a body, DELETE too.
pub(super) fn relink(state: &mut State, call: &Call, id: &str, change: Change) -> Answer {
    Params::read(call, &Allowed::default())?;
    let before = users::find(state, id)?.grant.clone();
    may_write(state, Write::Change)?;
    let named = body::linkages(&body::data(call)?)?;
    let mut apps = before.apps.clone();
    match change {
        Change::Add => apps.extend(named),
        Change::Replace => apps = named.into_iter().collect(),
        Change::Remove => apps.retain(|app| !named.contains(app)),
    }
    let wish = Wish { apps: Some(apps.into_iter().collect()), ..Wish::default() };
    let after = rules::grant(&state.team, Some(&before), wish).map_err(Refused::from)?;
    if let Some(member) = state.team.members.get_mut(id) {
        member.grant = after;
    }
    Ok(Reply::empty(204))
}
