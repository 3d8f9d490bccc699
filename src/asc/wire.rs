//! Apple's shapes (JSON:API, OpenAPI 4.4.1) and nothing of what they mean. Only this file knows them.
//!
//! Every `parse_…` takes the bytes of an answer as they came. None panics; an element of a list that cannot be used is
//! named in `unreadable`, so that one odd record makes a read partial instead of failing it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::Sent;
use super::errors::clean;
mod body;
mod lenient;
pub use body::{invitation_body, update_body};
use lenient::{count_or_text, moment_of, null_is_default, odd_is_default, records, without_odd_parts};

use crate::model::{
    Access, Address, AppId, BundleId, Invitation, InvitationId, Member, MemberId, Role, Roles,
};

/// Apps that Apple puts into a record at most (`limit[visibleApps]`).
pub const INLINED_APPS: usize = 50;

/// Bytes of one record: fifty apps are about five thousand.
const LARGEST_RECORD: usize = 1 << 20;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What could be read, in Apple's order.
    pub items: Vec<T>,
    /// What could not.
    pub unreadable: Vec<Unreadable>,
    /// `links.next`, as it came.
    pub next: Option<String>,
    /// `meta.paging.total`: of all pages together.
    pub total: Option<u64>,
}

/// A record that cannot be used, with what it is known by all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Its id, where that could be read.
    pub id: Option<String>,
    /// Its user name or invited address, where that could be read.
    pub name: Option<Address>,
    /// How a problem names it: by id or by place.
    pub label: String,
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
    #[serde(borrow, deserialize_with = "records")]
    data: Vec<&'a RawValue>,
    #[serde(default, deserialize_with = "odd_is_default")]
    links: Links,
    #[serde(default, deserialize_with = "odd_is_default")]
    meta: Meta,
}

/// The answer to a question about one id.
#[derive(Deserialize)]
struct Single<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Default, Deserialize)]
struct Links {
    #[serde(default)]
    next: Value,
}

impl Links {
    /// JSON:API allows a text and an object. Nothing, null and an empty text all say that there is no more; what cannot be
    /// understood says that there is, and is not followed.
    fn next(self) -> Option<String> {
        let next = match self.next {
            Value::Object(mut link) => link.remove("href").unwrap_or_default(),
            other => other,
        };
        match next {
            Value::Null => None,
            Value::String(link) => Some(link).filter(|link| !link.trim().is_empty()),
            odd => Some(odd.to_string()),
        }
    }
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default, deserialize_with = "odd_is_default")]
    paging: Paging,
}

#[derive(Default, Deserialize)]
struct Paging {
    #[serde(default, deserialize_with = "count_or_text")]
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
    #[serde(default, deserialize_with = "odd_is_default")]
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

/// `GET /v1/users`.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_users(body: &[u8]) -> Result<Page<Listed<Member>>, WireError> {
    page(body, "users", member)
}

/// `GET /v1/users/{id}`.
///
/// # Errors
/// The body is no document with a resource.
pub fn parse_user(body: &[u8]) -> Result<Result<Listed<Member>, Unreadable>, WireError> {
    single(body, "users", member)
}

/// `GET /v1/userInvitations`.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_invitations(body: &[u8]) -> Result<Page<Listed<Invitation>>, WireError> {
    page(body, "userInvitations", invitation)
}

/// `GET /v1/userInvitations/{id}`.
///
/// # Errors
/// The body is no document with a resource.
pub fn parse_invitation(body: &[u8]) -> Result<Result<Listed<Invitation>, Unreadable>, WireError> {
    single(body, "userInvitations", invitation)
}

/// A member, or at least their user name.
fn member(resource: Resource<SeatAttributes>) -> Result<Listed<Member>, Option<Address>> {
    let (id, seat) = SeatParts::of(resource, |attributes| attributes.username.take())?;
    let member = Member {
        id: MemberId::from(id),
        user_name: seat.address,
        first_name: seat.attributes.first_name.map(Into::into),
        last_name: seat.attributes.last_name.map(Into::into),
        access: seat.access,
    };
    Ok(Listed { seat: member, apps_cut: seat.apps_cut })
}

/// An invitation, or at least its address.
fn invitation(resource: Resource<SeatAttributes>) -> Result<Listed<Invitation>, Option<Address>> {
    let (id, seat) = SeatParts::of(resource, |attributes| attributes.email.take())?;
    // An invitation whose end cannot be read would look pending for ever.
    let expires = match &seat.attributes.expiration_date {
        Some(text) => Some(moment_of(text).ok_or_else(|| Some(seat.address.clone()))?),
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
    Ok(Listed { seat: invitation, apps_cut: seat.apps_cut })
}

/// `GET /v1/apps?fields[apps]=bundleId`.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_apps(body: &[u8]) -> Result<Page<(AppId, BundleId)>, WireError> {
    page(body, "apps", |resource: Resource<AppAttributes>| {
        let bundle = resource.attributes.ok_or(None)?.bundle_id;
        Ok((AppId::from(resource.id), BundleId::from(bundle)))
    })
}

/// `GET /v1/users/{id}/visibleApps`, of which only the ids are asked for.
///
/// # Errors
/// The body is no document with a list.
pub fn parse_app_ids(body: &[u8]) -> Result<Page<AppId>, WireError> {
    page(body, "apps", |resource: Resource<Ignored>| Ok(AppId::from(resource.id)))
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
    let expires: Option<Timestamp> = expires.and_then(|text| moment_of(&text));
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
    /// No seat without an address or roles: nobody could be matched to it, or would be judged by roles it has not. The
    /// address is all that is known of it then.
    fn of(
        resource: Resource<SeatAttributes>,
        address: fn(&mut SeatAttributes) -> Option<String>,
    ) -> Result<(String, Self), Option<Address>> {
        let mut attributes = resource.attributes.ok_or(None)?;
        let address = address(&mut attributes).filter(|address| !address.trim().is_empty()).ok_or(None)?;
        let address = Address::new(&address);
        let roles = attributes.roles.take().ok_or_else(|| Some(address.clone()))?;
        let roles: Roles = roles.iter().map(|role| Role::new(role)).collect();
        let inlined = resource.relationships.visible_apps.and_then(Relationship::whole);
        let access = Access {
            roles,
            all_apps_visible: attributes.all_apps_visible,
            provisioning_allowed: attributes.provisioning_allowed,
            visible_apps: inlined,
        }
        .canonical();
        let apps_cut = access.visible_apps.is_none();
        Ok((resource.id, Self { address, access, apps_cut, attributes }))
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

/// What reads one record: the item, or the name it goes by all the same.
type ReadRecord<A, T> = fn(Resource<A>) -> Result<T, Option<Address>>;

fn page<A: DeserializeOwned, T>(
    body: &[u8],
    kind: &str,
    read: ReadRecord<A, T>,
) -> Result<Page<T>, WireError> {
    let document: Document<'_> = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    let mut page = Page { items: Vec::new(), unreadable: Vec::new(), next: None, total: None };
    for (at, raw) in document.data.iter().enumerate() {
        match record(raw, kind, read) {
            Ok(item) => page.items.push(item),
            Err(unreadable) => page.unreadable.push(unreadable.placed(at)),
        }
    }
    page.next = document.links.next();
    page.total = document.meta.paging.total;
    Ok(page)
}

fn single<A: DeserializeOwned, T>(
    body: &[u8],
    kind: &str,
    read: ReadRecord<A, T>,
) -> Result<Result<T, Unreadable>, WireError> {
    let document: Single<'_> = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    Ok(record(document.data, kind, read).map_err(|unreadable| unreadable.placed(0)))
}

/// One record, as far as it can be read: a field of an odd type is left out, as if it had not been said.
fn record<A: DeserializeOwned, T>(
    raw: &RawValue,
    kind: &str,
    read: ReadRecord<A, T>,
) -> Result<T, Unreadable> {
    if raw.get().len() > LARGEST_RECORD {
        return Err(Unreadable { id: None, name: None, label: String::new() });
    }
    let whole = serde_json::from_str::<Resource<A>>(raw.get()).ok();
    let resource = whole.or_else(|| serde_json::from_value(without_odd_parts(raw)?).ok());
    let Some(resource) = resource.filter(|resource| !resource.id.is_empty()) else {
        return Err(Unreadable::of(raw));
    };
    let id = resource.id.clone();
    let unreadable = |name| Unreadable { label: clean(&id, 60), id: Some(id), name };
    if resource.kind == kind { read(resource).map_err(unreadable) } else { Err(unreadable(None)) }
}

impl Unreadable {
    /// What is known of a record that is no resource with an id.
    fn of(raw: &RawValue) -> Self {
        let record: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let text =
            |at: &str| record.pointer(at).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let name = text("/attributes/username").or_else(|| text("/attributes/email"));
        let id = text("/id").map(str::to_owned);
        Self {
            label: id.as_deref().map(|id| clean(id, 60)).unwrap_or_default(),
            id,
            name: name.map(Address::new),
        }
    }

    fn placed(mut self, at: usize) -> Self {
        if self.label.is_empty() {
            self.label = format!("number {}", at + 1);
        }
        self
    }
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
