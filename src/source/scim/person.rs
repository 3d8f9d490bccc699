//! A SCIM `User` (RFC 7643 §4.1) becomes a person.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::wanted::Wanted;
use super::wire::{Fields, LONGEST_TEXT, bounded, each_field, id_text, string_of, truth_of, value_of};
use crate::model::{Activity, Address, Addresses, Attributes, GroupId, GroupMember, Person, PersonId};
use crate::source::activity::{activity_of, agreed};
use crate::source::address::addresses_of;

/// A person and what only references to them need.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonRecord {
    /// The person.
    pub person: Person,
    /// `externalId`: some providers name members by it.
    pub external_id: Option<Arc<str>>,
    /// The groups that their own record says they are in, directly.
    pub groups: Box<[Arc<str>]>,
}

impl PersonRecord {
    /// The memberships that their own record claims.
    pub fn own_claims(&self) -> impl Iterator<Item = (GroupId, GroupMember)> {
        let member = GroupMember::Person(self.person.id.clone());
        self.groups.iter().map(move |group| (GroupId::from(Arc::clone(group)), member.clone()))
    }
}

/// Groups of one person that are kept; beyond them nobody is asked which are the ones that matter.
const OWN_GROUPS_MAX: usize = 500;

/// The attributes of one resource as they come.
pub(super) struct PersonFields<'w> {
    wanted: &'w Wanted,
    id: Option<String>,
    external_id: Option<Arc<str>>,
    user_name: Option<Arc<str>>,
    display_name: Option<Arc<str>>,
    name: Name,
    emails: Vec<Email>,
    activity: Activity,
    groups: Vec<Arc<str>>,
    attributes: Attributes,
}

/// `name`, as far as it is used.
#[derive(Default)]
struct Name {
    given: Option<Arc<str>>,
    family: Option<Arc<str>>,
    formatted: Option<Arc<str>>,
}

/// One of `emails`, with its place among them.
struct Email {
    rank: Rank,
    text: Box<str>,
}

/// The place of an address among a person's: all but the last are vouched for by the organization.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    PrimaryAtWork,
    Primary,
    Work,
    Plain,
    /// Of another type, such as `home`: people write it themselves.
    Own,
}

/// What `type` says.
#[derive(Clone, Copy)]
enum EmailKind {
    Work,
    NotSaid,
    Other,
}

impl EmailKind {
    fn of(raw: &RawValue) -> Self {
        match string_of(raw).as_deref().map(str::trim) {
            Some("") => Self::NotSaid,
            Some(kind) if kind.eq_ignore_ascii_case("work") => Self::Work,
            None if raw.get() == "null" => Self::NotSaid,
            Some(_) | None => Self::Other,
        }
    }
}

impl<'w> PersonFields<'w> {
    pub(super) fn new(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            id: None,
            external_id: None,
            user_name: None,
            display_name: None,
            name: Name::default(),
            emails: Vec::new(),
            activity: Activity::NotSaid,
            groups: Vec::new(),
            attributes: Attributes::default(),
        }
    }

    /// First and last names come again and again, so each is kept once.
    fn name(&self, raw: &RawValue) -> Result<Name, String> {
        let mut name = Name::default();
        if !raw.get().starts_with('{') {
            return Ok(name);
        }
        each_field(raw.get(), |key, raw| {
            match key {
                "givenname" => name.given = short(raw).map(|text| self.wanted.shared(&text)),
                "familyname" => name.family = short(raw).map(|text| self.wanted.shared(&text)),
                "formatted" => name.formatted = short(raw).map(Arc::from),
                _ => {}
            }
            Ok(())
        })?;
        Ok(name)
    }

    /// RFC 7643 §4.1.2, as far as it can be read: it is only ever held against what the groups say, so what is odd in it
    /// says nothing. Groups have many members, so each id is kept once.
    fn own_groups(&self, raw: &RawValue) -> Vec<Arc<str>> {
        let entries: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        let direct = entries.into_iter().take(OWN_GROUPS_MAX).filter_map(own_group);
        direct.map(|id| self.wanted.shared(&id)).collect()
    }
}

impl Fields for PersonFields<'_> {
    type Record = PersonRecord;
    const WHAT: &'static str = "a person";

    fn take(&mut self, key: &str, raw: &RawValue) -> Result<(), String> {
        let kept = self.wanted.keep(key);
        if kept.is_none() && !is_core(key) {
            return Ok(());
        }
        if key != "groups" || kept.is_some() {
            bounded(raw)?;
        }
        // RFC 7643 §2.5: null is the same as absent, and what everybody has unset need not be kept for anybody.
        if let Some(name) = kept
            && let Some(value) = assigned(value_of(raw)?)
        {
            self.attributes.insert_shared(name, value);
        }
        match key {
            "id" => self.id = id_of(raw)?,
            "externalid" => self.external_id = short(raw).map(Arc::from),
            "username" => self.user_name = short(raw).map(Arc::from),
            "displayname" => self.display_name = short(raw).map(Arc::from),
            "name" => self.name = self.name(raw)?,
            "emails" => self.emails = emails(raw)?,
            "active" => self.activity = agreed(self.activity, activity(raw)?),
            "groups" => self.groups = self.own_groups(raw),
            _ => {}
        }
        Ok(())
    }

    /// The person, when there is an id to know them by.
    fn finish(mut self) -> Result<PersonRecord, String> {
        let id = self.id.ok_or_else(|| match &self.user_name {
            Some(name) => format!("{name:?} has no usable id"),
            None => "it has no usable id".to_owned(),
        })?;
        self.attributes.shrink();
        let person = Person {
            id: PersonId::from(id),
            addresses: addresses(self.emails, self.user_name.as_ref()),
            given_name: self.name.given,
            family_name: self.name.family,
            display_name: self.display_name.or(self.name.formatted),
            activity: self.activity,
            user_name: self.user_name,
            attributes: self.attributes,
        };
        Ok(PersonRecord { person, external_id: self.external_id, groups: self.groups.into() })
    }
}

/// The id of an entry of `groups`, unless it is said to come from a group within that one.
fn own_group(entry: &RawValue) -> Option<Cow<'_, str>> {
    if let Some(id) = short(entry) {
        return Some(id);
    }
    let (mut id, mut direct) = (None, true);
    let read = each_field(entry.get(), |key, raw| {
        match key {
            "value" => id = id_of(raw)?,
            "type" => direct = !string_of(raw).is_some_and(|kind| kind.eq_ignore_ascii_case("indirect")),
            _ => {}
        }
        Ok(())
    });
    read.ok().and(id).filter(|_| direct).map(Cow::Owned)
}

/// A value without what is null in it; `None` when nothing is left. An empty object or list is left as it came.
fn assigned(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(mut fields) if fields.values().any(Value::is_null) => {
            fields.retain(|_, value| !value.is_null());
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            Some(value)
        }
    }
}

fn is_core(key: &str) -> bool {
    matches!(key, "id" | "externalid" | "username" | "displayname" | "name" | "emails" | "active" | "groups")
}

/// An id, as [`id_text`] has it.
fn id_of(raw: &RawValue) -> Result<Option<String>, String> {
    match string_of(raw) {
        Some(id) => Ok(Some(id.into_owned()).filter(|id| !id.trim().is_empty() && id.len() <= LONGEST_TEXT)),
        None => Ok(id_text(&value_of(raw)?)),
    }
}

/// As [`text`](super::wire::text), of a value that was not read yet.
fn short(raw: &RawValue) -> Option<Cow<'_, str>> {
    let text = match string_of(raw)? {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!text.is_empty() && text.len() <= LONGEST_TEXT).then_some(text)
}

/// RFC 7643 gives `active` no default, so its absence says nothing; Entra-fed servers send `"False"`, others 0.
fn activity(active: &RawValue) -> Result<Activity, String> {
    Ok(match active.get() {
        "true" => Activity::Active,
        "false" => Activity::Disabled,
        _ => activity_of(&value_of(active)?),
    })
}

/// The entries of `emails`, in whatever shape: a list, one object, one string.
fn emails(raw: &RawValue) -> Result<Vec<Email>, String> {
    if !raw.get().starts_with('[') {
        return Ok(email(raw)?.into_iter().collect());
    }
    let entries: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    entries.into_iter().filter_map(|entry| email(entry).transpose()).collect()
}

fn email(entry: &RawValue) -> Result<Option<Email>, String> {
    if let Some(plain) = short(entry) {
        return Ok(Some(Email { rank: Rank::Plain, text: plain.into() }));
    }
    if !entry.get().starts_with('{') {
        return Ok(None);
    }
    let (mut text, mut primary, mut kind) = (None, false, EmailKind::NotSaid);
    each_field(entry.get(), |key, raw| {
        match key {
            "value" => text = short(raw).map(Box::from),
            "primary" => primary = truth_of(raw).unwrap_or(false),
            "type" => kind = EmailKind::of(raw),
            _ => {}
        }
        Ok(())
    })?;
    let rank = match (primary, kind) {
        (true, EmailKind::Work) => Rank::PrimaryAtWork,
        (true, EmailKind::NotSaid | EmailKind::Other) => Rank::Primary,
        (false, EmailKind::Work) => Rank::Work,
        (false, EmailKind::NotSaid) => Rank::Plain,
        (false, EmailKind::Other) => Rank::Own,
    };
    Ok(text.map(|text| Email { rank, text }))
}

/// The one to invite first: primary and work, primary, work, those of no type in their order, and the user name where it
/// is an address. The organization vouches for these, and for no other. Servers send two primaries, none, and `"True"`.
fn addresses(mut emails: Vec<Email>, user_name: Option<&Arc<str>>) -> Addresses {
    emails.sort_by_key(|email| email.rank);
    let named = user_name.map(|name| Address::from(Arc::clone(name)));
    let sign_in = match &named {
        Some(named) if named.is_mail() => vec![named.clone()],
        Some(odd) => addresses_of(odd.as_str()),
        None => Vec::new(),
    };
    // Most people sign in with their address, which is then kept once.
    let read = |email: &Email| match &named {
        Some(named) if *named.as_str() == *email.text && named.is_mail() => vec![named.clone()],
        Some(_) | None => addresses_of(&email.text),
    };
    let own = emails.partition_point(|email| email.rank < Rank::Own);
    let (vouched, own) = emails.split_at(own);
    Addresses::new(vouched.iter().flat_map(read).chain(sign_in), own.iter().flat_map(read))
}
