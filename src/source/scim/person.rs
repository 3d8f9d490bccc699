//! A SCIM `User` (RFC 7643 §4.1) becomes a person.

use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;

use super::wanted::Wanted;
use super::wire::{id_text, member, text, truth, value_of};
use crate::model::{Activity, Address, Attributes, Person, PersonId};

/// A person and what only references to them need.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonRecord {
    /// The person.
    pub person: Person,
    /// `externalId`: some providers name members by it.
    pub external_id: Option<Arc<str>>,
}

/// The attributes of one resource as they come.
#[derive(Default)]
pub(super) struct PersonFields {
    id: Option<String>,
    external_id: Option<Arc<str>>,
    user_name: Option<Arc<str>>,
    display_name: Option<Arc<str>>,
    name: Value,
    emails: Value,
    active: Value,
    attributes: Attributes,
}

impl PersonFields {
    /// Takes one attribute; `key` is lower case.
    pub(super) fn take(&mut self, key: &str, raw: &RawValue, wanted: &Wanted) -> Result<(), String> {
        let kept = wanted.keep(key);
        if kept.is_none() && !is_core(key) {
            return Ok(());
        }
        let value = value_of(raw)?;
        if let Some(name) = kept {
            self.attributes.insert_shared(name, value.clone());
        }
        match key {
            "id" => self.id = id_text(&value),
            "externalid" => self.external_id = text(&value).map(Arc::from),
            "username" => self.user_name = text(&value).map(Arc::from),
            "displayname" => self.display_name = text(&value).map(Arc::from),
            "name" => self.name = value,
            "emails" => self.emails = value,
            "active" => self.active = value,
            _ => {}
        }
        Ok(())
    }

    /// The person, when there is an id to know them by.
    pub(super) fn finish(self) -> Result<PersonRecord, String> {
        let id = self.id.ok_or_else(|| match &self.user_name {
            Some(name) => format!("{name:?} has no usable id"),
            None => "it has no usable id".to_owned(),
        })?;
        let part = |name| member(&self.name, name).and_then(text).map(Arc::from);
        let person = Person {
            id: PersonId::from(id),
            addresses: addresses(&self.emails, self.user_name.as_deref()),
            given_name: part("givenName"),
            family_name: part("familyName"),
            display_name: self.display_name.or_else(|| part("formatted")),
            activity: activity(&self.active),
            user_name: self.user_name,
            attributes: self.attributes,
        };
        Ok(PersonRecord { person, external_id: self.external_id })
    }
}

fn is_core(key: &str) -> bool {
    matches!(key, "id" | "externalid" | "username" | "displayname" | "name" | "emails" | "active")
}

/// RFC 7643 gives `active` no default, so its absence says nothing; Entra-fed servers send `"False"`.
fn activity(active: &Value) -> Activity {
    match truth(active) {
        Some(true) => Activity::Active,
        Some(false) => Activity::Disabled,
        None => Activity::NotSaid,
    }
}

/// Every address once, the one to invite first: primary and work, primary, work, the others in their order, and at
/// last the user name where it is an address. Servers send two primaries, none, and `"True"`.
fn addresses(emails: &Value, user_name: Option<&str>) -> Vec<Address> {
    let entries = match emails {
        Value::Array(entries) => entries.as_slice(),
        Value::String(_) | Value::Object(_) => std::slice::from_ref(emails),
        Value::Null | Value::Bool(_) | Value::Number(_) => &[],
    };
    let mut ranked: Vec<(u8, Address)> = entries.iter().filter_map(ranked_address).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let from_name = user_name.map(Address::new);
    let mut found: Vec<Address> = Vec::with_capacity(ranked.len() + 1);
    for address in ranked.into_iter().map(|(_, address)| address).chain(from_name) {
        if address.is_mail() && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

fn ranked_address(entry: &Value) -> Option<(u8, Address)> {
    if let Some(plain) = text(entry) {
        return Some((3, Address::new(plain)));
    }
    let address = Address::new(member(entry, "value").and_then(text)?);
    let primary = member(entry, "primary").and_then(truth).unwrap_or(false);
    let kind = member(entry, "type").and_then(Value::as_str).unwrap_or_default();
    let rank = match (primary, kind.eq_ignore_ascii_case("work")) {
        (true, true) => 0,
        (true, false) => 1,
        (false, true) => 2,
        (false, false) => 3,
    };
    Some((rank, address))
}
