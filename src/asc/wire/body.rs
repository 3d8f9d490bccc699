//! What is sent: `UserInvitationCreateRequest` and `UserUpdateRequest`.

use serde::Serialize;

use crate::model::operation::Invitee;
use crate::model::{Access, MemberId};

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

/// The body of `PATCH /v1/users/{id}` (`UserUpdateRequest`): roles, flags and apps in one request, because two could leave
/// them out of step.
pub fn update_body(member: &MemberId, access: &Access) -> impl Serialize {
    Body {
        data: Data {
            kind: "users",
            id: Some(member.as_str().to_owned()),
            attributes: WrittenAttributes::of(access),
            relationships: apps_of(access),
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
    attributes: WrittenAttributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    relationships: Option<WrittenRelationships>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenAttributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    all_apps_visible: Option<bool>,
    provisioning_allowed: bool,
}

impl WrittenAttributes {
    fn of(access: &Access) -> Self {
        // "Not all apps" is only ever said together with the apps: what Apple makes of it alone is not documented.
        let all_apps_visible = match (access.all_apps_visible, &access.visible_apps) {
            (Some(false), None) => None,
            (said, _) => said,
        };
        Self {
            email: None,
            first_name: None,
            last_name: None,
            roles: access.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            all_apps_visible,
            provisioning_allowed: access.provisioning_allowed,
        }
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
    let apps = access.visible_apps.as_ref()?;
    let data = apps.iter().map(|app| WrittenApp { kind: "apps", id: app.as_str().to_owned() }).collect();
    Some(WrittenRelationships { visible_apps: WrittenApps { data } })
}
