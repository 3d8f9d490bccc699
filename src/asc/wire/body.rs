//! What is sent: `UserInvitationCreateRequest` and `UserUpdateRequest`.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::access::AccessChange;
use crate::model::operation::Invitee;
use crate::model::{Access, AppId, MemberId, Roles};

/// The body of `POST /v1/userInvitations` (`UserInvitationCreateRequest`).
pub fn invitation_body(invitee: &Invitee, access: &Access) -> impl Serialize {
    Body {
        data: Data {
            kind: "userInvitations",
            id: None,
            attributes: WrittenAttributes {
                email: Some(invitee.email.as_str().to_owned()),
                first_name: Some(invitee.first_name.clone()),
                last_name: Some(invitee.last_name.clone()),
                ..WrittenAttributes::of(access)
            },
            relationships: apps_of(access),
        },
    }
}

/// The body of `PATCH /v1/users/{id}` (`UserUpdateRequest`): what differs and nothing else, in one request, because two
/// could leave roles and apps out of step. What is left out stays as it is at Apple.
pub fn update_body(member: &MemberId, change: &AccessChange) -> impl Serialize {
    Body {
        data: Data {
            kind: "users",
            id: Some(member.as_str().to_owned()),
            attributes: WrittenAttributes {
                roles: change.roles.as_ref().map(names_of),
                all_apps_visible: change.all_apps_visible,
                provisioning_allowed: change.provisioning_allowed,
                ..WrittenAttributes::default()
            },
            relationships: change.visible_apps.as_ref().map(relationship),
        },
    }
}

#[derive(Serialize)]
struct Body {
    data: Data,
}

#[derive(Serialize)]
struct Data {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "WrittenAttributes::is_empty")]
    attributes: WrittenAttributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    relationships: Option<WrittenRelationships>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenAttributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_apps_visible: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provisioning_allowed: Option<bool>,
}

impl WrittenAttributes {
    fn of(access: &Access) -> Self {
        // "Not all apps" is only ever said together with the apps: what Apple makes of it alone is not documented.
        let all_apps_visible = match (access.all_apps_visible, &access.visible_apps) {
            (Some(false), None) => None,
            (said, _) => said,
        };
        Self {
            roles: Some(names_of(&access.roles)),
            all_apps_visible,
            provisioning_allowed: access.provisioning_allowed,
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Serialize)]
struct WrittenRelationships {
    #[serde(rename = "visibleApps")]
    visible_apps: WrittenApps,
}

#[derive(Serialize)]
struct WrittenApps {
    data: Vec<WrittenApp>,
}

#[derive(Serialize)]
struct WrittenApp {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
}

/// Left out beside "all apps": Apple refuses "visible apps for this user because the user's roles give them access to all".
fn apps_of(access: &Access) -> Option<WrittenRelationships> {
    if access.all_apps_visible != Some(false) {
        return None;
    }
    access.visible_apps.as_ref().map(relationship)
}

fn relationship(apps: &BTreeSet<AppId>) -> WrittenRelationships {
    let data = apps.iter().map(|app| WrittenApp { kind: "apps", id: app.as_str().to_owned() }).collect();
    WrittenRelationships { visible_apps: WrittenApps { data } }
}

fn names_of(roles: &Roles) -> Vec<String> {
    roles.iter().map(|role| role.as_str().to_owned()).collect()
}
