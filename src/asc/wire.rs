//! Apple's shapes (JSON:API, OpenAPI 4.4.1) and nothing of what they mean. Only this file knows them.
//!
//! Every `parse_…` takes the bytes of an answer as they came. None panics; an element of a list that cannot be used is
//! named in `unreadable`, so that one odd record makes a read partial instead of failing it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Sent;
use super::errors::clean;
mod body;
pub use body::{invitation_body, update_body};

use crate::model::{
    Access, Address, AppId, BundleId, Invitation, InvitationId, Member, MemberId, Role, Roles,
};

/// Apps that Apple puts into a record at most (`limit[visibleApps]`).
pub const INLINED_APPS: usize = 50;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What could be read, in Apple's order.
    pub items: Vec<T>,
    /// What could not, by id or place.
    pub unreadable: Vec<String>,
    /// `links.next`, as it came.
    pub next: Option<String>,
    /// `meta.paging.total`: of all pages together.
    pub total: Option<u64>,
}

/// A seat, and whether Apple cut its list of apps.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<S> {
    /// The seat. Its `visible_apps` is `None` when [`Self::apps_cut`].
    pub seat: S,
    /// True when its apps must be read from their own address.
    pub apps_cut: bool,
}

/// An answer that is not the document it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No bytes.
    #[error("an empty body")]
    Empty,
    /// A proxy or a portal speaks.
    #[error("a page of HTML")]
    Html,
    /// Something else, with the parser's words.
    #[error("something that is not the expected JSON ({0})")]
    NotJson(String),
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default, deserialize_with = "null_is_default")]
    links: Links,
    #[serde(default, deserialize_with = "null_is_default")]
    meta: Meta,
}

#[derive(Default, Deserialize)]
struct Links {
    #[serde(default)]
    next: Option<Link>,
}

/// JSON:API allows both forms.
#[derive(Deserialize)]
#[serde(untagged)]
enum Link {
    Text(String),
    Object { href: String },
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default, deserialize_with = "null_is_default")]
    paging: Paging,
}

#[derive(Default, Deserialize)]
struct Paging {
    #[serde(default)]
    total: Option<u64>,
}

#[derive(Deserialize)]
struct Resource<A> {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default = "Option::default")]
    attributes: Option<A>,
    #[serde(default, deserialize_with = "null_is_default")]
    relationships: Relationships,
}

#[derive(Default, Deserialize)]
struct Relationships {
    #[serde(default, rename = "visibleApps")]
    visible_apps: Option<Relationship>,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(default)]
    data: Option<Vec<Linkage>>,
    #[serde(default, deserialize_with = "null_is_default")]
    meta: Meta,
}

#[derive(Deserialize)]
struct Linkage {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SeatAttributes {
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    expiration_date: Option<String>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(default)]
    all_apps_visible: Option<bool>,
    #[serde(default)]
    provisioning_allowed: Option<bool>,
}

#[derive(Deserialize)]
struct AppAttributes {
    #[serde(rename = "bundleId")]
    bundle_id: String,
}

#[derive(Deserialize)]
struct Ignored {}

/// JSON:API members are optional, and Apple's answers have null where the schema says "absent".
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(de: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(de)?.unwrap_or_default())
}

/// `GET /v1/users`.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_users(body: &[u8]) -> Result<Page<Listed<Member>>, WireError> {
    page(body, "users", |resource: Resource<SeatAttributes>| {
        let (id, seat) = SeatParts::of(resource, |attributes| attributes.username.take())?;
        let member = Member {
            id: MemberId::from(id),
            user_name: seat.address,
            first_name: seat.attributes.first_name.map(Into::into),
            last_name: seat.attributes.last_name.map(Into::into),
            access: seat.access,
        };
        Some(Listed { seat: member, apps_cut: seat.apps_cut })
    })
}

/// `GET /v1/userInvitations`.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_invitations(body: &[u8]) -> Result<Page<Listed<Invitation>>, WireError> {
    page(body, "userInvitations", |resource: Resource<SeatAttributes>| {
        let (id, seat) = SeatParts::of(resource, |attributes| attributes.email.take())?;
        // An invitation whose end cannot be read would look pending for ever.
        let expires = match &seat.attributes.expiration_date {
            Some(text) => Some(text.parse().ok()?),
            None => None,
        };
        let invitation = Invitation {
            id: InvitationId::from(id),
            email: seat.address,
            first_name: seat.attributes.first_name.map(Into::into),
            last_name: seat.attributes.last_name.map(Into::into),
            access: seat.access,
            expires,
        };
        Some(Listed { seat: invitation, apps_cut: seat.apps_cut })
    })
}

/// `GET /v1/apps?fields[apps]=bundleId`.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_apps(body: &[u8]) -> Result<Page<(AppId, BundleId)>, WireError> {
    page(body, "apps", |resource: Resource<AppAttributes>| {
        Some((AppId::from(resource.id), BundleId::from(resource.attributes?.bundle_id)))
    })
}

/// `GET /v1/users/{id}/visibleApps`, of which only the ids are asked for.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_app_ids(body: &[u8]) -> Result<Page<AppId>, WireError> {
    page(body, "apps", |resource: Resource<Ignored>| Some(AppId::from(resource.id)))
}

/// The answer to `POST /v1/userInvitations`.
///
/// # Errors
/// The body names no invitation.
pub fn parse_sent(body: &[u8]) -> Result<Sent, WireError> {
    #[derive(Deserialize)]
    struct Created {
        data: Resource<SeatAttributes>,
    }
    let created: Created = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let expires = created.data.attributes.and_then(|attributes| attributes.expiration_date);
    let expires: Option<Timestamp> = expires.and_then(|text| text.parse().ok());
    Ok(Sent { id: InvitationId::from(created.data.id), expires })
}

/// The answer to a change: nothing at all, or a document that is not looked into.
pub fn parse_done(body: &[u8]) -> Result<(), WireError> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    let document: Result<&RawValue, _> = serde_json::from_slice(body);
    document.map(drop).map_err(|error| not_json(body, &error))
}

struct SeatParts {
    address: Address,
    access: Access,
    apps_cut: bool,
    attributes: SeatAttributes,
}

impl SeatParts {
    /// `None` for a record without an address or roles: nobody could be matched to it, or would be judged by roles it has not.
    fn of(
        resource: Resource<SeatAttributes>,
        address: fn(&mut SeatAttributes) -> Option<String>,
    ) -> Option<(String, Self)> {
        let mut attributes = resource.attributes?;
        let address = address(&mut attributes).filter(|address| !address.trim().is_empty())?;
        let roles: Roles = attributes.roles.take()?.iter().map(|role| Role::new(role)).collect();
        let inlined = resource.relationships.visible_apps.and_then(Relationship::whole);
        let access = Access {
            roles,
            all_apps_visible: attributes.all_apps_visible,
            provisioning_allowed: attributes.provisioning_allowed.unwrap_or(false),
            visible_apps: inlined,
        }
        .canonical();
        let apps_cut = access.visible_apps.is_none();
        Some((resource.id, Self { address: Address::new(&address), access, apps_cut, attributes }))
    }
}

impl Relationship {
    /// The apps when all of them are here. A full list without a total may be cut and is taken for it.
    fn whole(self) -> Option<BTreeSet<AppId>> {
        let apps: BTreeSet<AppId> = self.data?.into_iter().map(|app| AppId::from(app.id)).collect();
        let is_whole = match self.meta.paging.total {
            Some(total) => u64::try_from(apps.len()) == Ok(total),
            None => apps.len() < INLINED_APPS,
        };
        is_whole.then_some(apps)
    }
}

fn page<'a, A, T>(
    body: &'a [u8],
    kind: &str,
    read: impl Fn(Resource<A>) -> Option<T>,
) -> Result<Page<T>, WireError>
where
    A: Deserialize<'a>,
{
    let document: Document<'a> = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let mut page = Page { items: Vec::new(), unreadable: Vec::new(), next: None, total: None };
    for (at, raw) in document.data.iter().enumerate() {
        let resource = serde_json::from_str::<Resource<A>>(raw.get());
        let item = match resource {
            Ok(resource) if resource.kind == kind && !resource.id.is_empty() => {
                let name = resource.id.clone();
                read(resource).ok_or(name)
            }
            Ok(resource) => Err(resource.id),
            Err(_) => Err(format!("number {}", at + 1)),
        };
        match item {
            Ok(item) => page.items.push(item),
            Err(name) => page.unreadable.push(clean(&name, 60)),
        }
    }
    page.next = document.links.next.map(|link| match link {
        Link::Text(href) | Link::Object { href } => href,
    });
    page.total = document.meta.paging.total;
    Ok(page)
}

fn not_json(body: &[u8], error: &serde_json::Error) -> WireError {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => WireError::Empty,
        Some(b'<') => WireError::Html,
        Some(_) => WireError::NotJson(clean(&error.to_string(), 120)),
    }
}

#[cfg(test)]
mod tests;
