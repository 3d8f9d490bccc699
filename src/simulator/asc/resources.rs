//! Members, invitations and apps as JSON:API resources.

use serde_json::{Map, Value, json};

use super::query::Params;
use crate::simulator::state::State;
use crate::simulator::switches::{AdminProvisioning, AllAppsShape, ProvisioningShape};
use crate::simulator::team::{App, Grant, Invitation, Member};

/// Something that shows apps: a member or an invitation.
pub(super) trait Seat {
    /// `users` or `userInvitations`.
    const KIND: &'static str;
    /// Its id.
    fn id(&self) -> &str;
    /// What it may do.
    fn grant(&self) -> &Grant;
    /// Every attribute.
    fn attributes(&self, state: &State) -> Value;
}

impl Seat for Member {
    const KIND: &'static str = "users";

    fn id(&self) -> &str {
        &self.id
    }

    fn grant(&self) -> &Grant {
        &self.grant
    }

    fn attributes(&self, state: &State) -> Value {
        json!({
            "username": self.username, "firstName": self.first_name, "lastName": self.last_name,
            "roles": self.grant.roles, "allAppsVisible": self.grant.all_apps,
            "provisioningAllowed": provisioning(state, &self.grant),
        })
    }
}

impl Seat for Invitation {
    const KIND: &'static str = "userInvitations";

    fn id(&self) -> &str {
        &self.id
    }

    fn grant(&self) -> &Grant {
        &self.grant
    }

    fn attributes(&self, state: &State) -> Value {
        // Apple writes its own offset, not Z, so parsers must read offsets.
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(-7));
        let expires = self.expires.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        let all_apps = match state.switches.app_store_connect.invited_to_all_apps {
            AllAppsShape::Null if self.grant.all_apps => Value::Null,
            AllAppsShape::Null | AllAppsShape::True => json!(self.grant.all_apps),
        };
        json!({
            "email": self.email, "firstName": self.first_name, "lastName": self.last_name,
            "roles": self.grant.roles, "allAppsVisible": all_apps,
            "provisioningAllowed": provisioning(state, &self.grant), "expirationDate": expires,
        })
    }
}

fn provisioning(state: &State, grant: &Grant) -> bool {
    match state.switches.app_store_connect.admin_provisioning {
        AdminProvisioning::AsSent => grant.provisioning,
        AdminProvisioning::Always => grant.provisioning || grant.roles.contains("ADMIN"),
    }
}

/// A member or an invitation as a resource.
pub(super) fn seat<S: Seat>(state: &State, seat: &S, params: &Params) -> Value {
    let url = format!("{}/v1/{}/{}", state.origin, S::KIND, seat.id());
    let mut attributes = seat.attributes(state);
    if let Value::Object(fields) = &mut attributes {
        fields.retain(|name, _| params.shows(S::KIND, name));
        match state.switches.app_store_connect.provisioning {
            ProvisioningShape::Told => {}
            ProvisioningShape::Null => {
                fields.entry("provisioningAllowed").and_modify(|told| *told = Value::Null);
            }
            ProvisioningShape::Absent => drop(fields.remove("provisioningAllowed")),
        }
    }
    let mut resource =
        json!({"type": S::KIND, "id": seat.id(), "attributes": attributes, "links": {"self": url}});
    if params.shows(S::KIND, "visibleApps") {
        resource["relationships"] = json!({"visibleApps": relationship(state, &url, seat.grant(), params)});
    }
    resource
}

/// Without `include` only links come back; with it the apps too, cut at the limit, with the real number beside them.
fn relationship(state: &State, url: &str, grant: &Grant, params: &Params) -> Value {
    let links =
        json!({"self": format!("{url}/relationships/visibleApps"), "related": format!("{url}/visibleApps")});
    if !params.include_apps {
        return json!({"links": links});
    }
    let apps: Vec<Value> = state.team.visible(grant).map(linkage).collect();
    let paging = json!({"total": apps.len(), "limit": params.apps_limit});
    let data: Vec<Value> = apps.into_iter().take(params.apps_limit).collect();
    json!({"links": links, "data": data, "meta": {"paging": paging}})
}

/// The apps that the rows of a page inline, each once.
pub(super) fn included<'a, S: Seat + 'a>(
    state: &State,
    rows: impl Iterator<Item = &'a S>,
    params: &Params,
) -> Option<Value> {
    if !params.include_apps {
        return None;
    }
    let mut apps = Map::new();
    for row in rows {
        for shown in state.team.visible(row.grant()).take(params.apps_limit) {
            apps.entry(shown.id.as_str()).or_insert_with(|| app(state, shown, params));
        }
    }
    Some(apps.into_iter().map(|(_, value)| value).collect())
}

/// `{"type": "apps", "id": …}`.
pub(super) fn linkage(app: &App) -> Value {
    json!({"type": "apps", "id": app.id})
}

/// An app as a resource.
pub(super) fn app(state: &State, app: &App, params: &Params) -> Value {
    let mut attributes = json!({
        "name": app.name, "bundleId": app.bundle_id, "sku": format!("SKU{}", app.id), "primaryLocale": "en-US",
    });
    if let Value::Object(fields) = &mut attributes {
        fields.retain(|name, _| params.shows("apps", name));
    }
    let url = format!("{}/v1/apps/{}", state.origin, app.id);
    json!({"type": "apps", "id": app.id, "attributes": attributes, "links": {"self": url}})
}
