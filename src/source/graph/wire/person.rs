//! People on the wire: which properties are asked for, and what becomes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Object, id_of};
use crate::model::{Activity, Addresses, Attributes, Person, PersonId};
use crate::source::Interest;
use crate::source::activity::activity_of;
use crate::source::address::addresses_of;

/// Properties that every read asks for.
const BUILT_IN: [&str; 10] = [
    "id",
    "userPrincipalName",
    "mail",
    "otherMails",
    "proxyAddresses",
    "givenName",
    "surname",
    "displayName",
    "accountEnabled",
    "userType",
];

/// Further properties of a user, for their case (Graph metadata 2026-08, `microsoft.graph.user`). What is not here is
/// asked for as it was written.
const KNOWN: [&str; 40] = [
    "ageGroup",
    "businessPhones",
    "city",
    "companyName",
    "consentProvidedForMinor",
    "country",
    "createdDateTime",
    "creationType",
    "customSecurityAttributes",
    "department",
    "employeeHireDate",
    "employeeId",
    "employeeOrgData",
    "employeeType",
    "externalUserState",
    "faxNumber",
    "identities",
    "imAddresses",
    "isManagementRestricted",
    "isResourceAccount",
    "jobTitle",
    "legalAgeGroupClassification",
    "mailNickname",
    "mobilePhone",
    "officeLocation",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesExtensionAttributes",
    "onPremisesImmutableId",
    "onPremisesSamAccountName",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "postalCode",
    "preferredDataLocation",
    "preferredLanguage",
    "securityIdentifier",
    "showInAddressList",
    "state",
    "streetAddress",
    "usageLocation",
];

/// SCIM's names of what a [`Person`] holds anyway. Graph has no property of these names and refuses a `$select` of one.
const SCIM_ONLY: [&str; 6] = ["username", "active", "emails", "name", "groups", "externalid"];

/// The default names of `[access.attributes]` begin so. A property of Graph cannot be called that (a directory
/// extension is `extension_<app>_<name>`), so asking would fail every read of whoever left the defaults alone.
const OUR_OWN: &str = "appstoreconnect_";
/// Names of SCIM's extensions; a filter that uses one falls back to the plain name, which is asked for beside it.
const SCHEMA: &str = "urn:";

/// What is kept of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::graph) struct Wanted {
    /// The value of `$select`.
    pub select: String,
    /// Lower-case names of the attributes to keep, shared by everybody who has them.
    kept: BTreeSet<Arc<str>>,
}

impl Wanted {
    pub(in crate::source::graph) fn of(interest: &Interest) -> Self {
        let mut select: Vec<String> = BUILT_IN.map(str::to_owned).to_vec();
        // Addresses are derived from these, and a change feed may send one of them alone.
        let mut kept: BTreeSet<Arc<str>> = ["mail", "othermails", "proxyaddresses"].map(Arc::from).into();
        for name in &interest.attributes {
            let lower = name.to_lowercase();
            if SCIM_ONLY.contains(&lower.as_str()) || lower.starts_with(OUR_OWN) || lower.starts_with(SCHEMA)
            {
                continue;
            }
            let asked = if extension_number(&lower).is_some() {
                kept.insert(ON_PREMISES.into());
                "onPremisesExtensionAttributes".to_owned()
            } else {
                canonical(name)
            };
            if !select.contains(&asked) {
                select.push(asked);
            }
            kept.insert(lower.into());
        }
        Self { select: select.join(","), kept }
    }

    /// True when change feeds cannot carry what is wanted: custom security attributes and sign-in activity are kept
    /// outside the directory's main store, whose changes are all that feeds follow (Graph delta query overview).
    pub(in crate::source::graph) fn defies_feeds(&self) -> bool {
        ["customsecurityattributes", "signinactivity"].iter().any(|name| self.kept.contains(*name))
    }
}

const ON_PREMISES: &str = "onpremisesextensionattributes";

/// `extensionattribute1` to `15`: shorthand for members of `onPremisesExtensionAttributes`.
fn extension_number(lower: &str) -> Option<u8> {
    let number: u8 = lower.strip_prefix("extensionattribute")?.parse().ok()?;
    (1..=15).contains(&number).then_some(number)
}

fn canonical(name: &str) -> String {
    let known = BUILT_IN.iter().chain(&KNOWN).find(|known| known.eq_ignore_ascii_case(name));
    known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
}

/// A person of a full answer.
pub(in crate::source::graph) fn person(object: &Object, wanted: &Wanted) -> Option<Person> {
    let mut person = blank(PersonId::from(id_of(object)?));
    apply(&mut person, object, wanted);
    Some(person)
}

/// Somebody of whom nothing is known but the id.
pub(in crate::source::graph) fn blank(id: PersonId) -> Person {
    Person {
        id,
        user_name: None,
        addresses: Addresses::none(),
        given_name: None,
        family_name: None,
        display_name: None,
        activity: Activity::NotSaid,
        attributes: Attributes::default(),
    }
}

/// Attributes by their lower-case names, so that two ways to one person agree on the order.
type Kept = BTreeMap<Arc<str>, Value>;

/// Lays an object over a person: what is absent stays, null clears. A full read lays over a blank person, a change
/// feed over the one known before, so both come to the same.
pub(in crate::source::graph) fn apply(person: &mut Person, object: &Object, wanted: &Wanted) {
    let shared = |name: &str| wanted.kept.get(name).cloned();
    let mut kept: Kept =
        person.attributes.iter().filter_map(|(name, value)| Some((shared(name)?, value.clone()))).collect();
    for (key, value) in object {
        let name = key.to_lowercase();
        match name.as_str() {
            "userprincipalname" => person.user_name = text(value),
            "givenname" => person.given_name = text(value),
            "surname" => person.family_name = text(value),
            "displayname" => person.display_name = text(value),
            "accountenabled" => person.activity = activity_of(value),
            _ => {}
        }
        if let Some(name) = shared(&name) {
            overlay(&mut kept, name, value);
        }
    }
    flatten(&mut kept, wanted);
    person.addresses = addresses(person.user_name.as_deref(), &kept);
    let mut attributes = Attributes::default();
    for (name, value) in kept {
        attributes.insert_shared(name, value);
    }
    person.attributes = attributes;
}

fn text(value: &Value) -> Option<Arc<str>> {
    value.as_str().filter(|text| !text.is_empty()).map(Arc::from)
}

/// Null and empty lists are kept as nothing, since a full read says null where a change feed says nothing. Objects are
/// laid over each other, since a change feed may send only the members that changed.
fn overlay(kept: &mut Kept, name: Arc<str>, value: &Value) {
    let merged = match (kept.remove(&name), value) {
        (_, Value::Null) => return,
        (_, Value::Array(items)) if items.is_empty() => return,
        (Some(Value::Object(mut old)), Value::Object(new)) => {
            old.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
            Value::Object(old)
        }
        (_, value) => value.clone(),
    };
    let merged = match merged {
        Value::Object(mut members) => {
            members.retain(|_, value| !value.is_null());
            if members.is_empty() {
                return;
            }
            Value::Object(members)
        }
        other => other,
    };
    kept.insert(name, merged);
}

fn flatten(kept: &mut Kept, wanted: &Wanted) {
    for name in wanted.kept.iter().filter(|name| extension_number(name).is_some()) {
        let members = kept.get(ON_PREMISES).and_then(Value::as_object);
        let value = members.and_then(|all| all.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
        match value.map(|(_, value)| value.clone()) {
            Some(value) => kept.insert(name.clone(), value),
            None => kept.remove(name),
        };
    }
}

/// The organization vouches for `mail`, the sign-in name unless it is a guest's made-up one, and `proxyAddresses` of the
/// kind `smtp:` with the primary one (`SMTP:`) first. `otherMails` are what people write themselves.
fn addresses(user_name: Option<&str>, kept: &Kept) -> Addresses {
    let list = |name: &str| match kept.get(name) {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let proxies = list("proxyaddresses");
    // The primary one is written in capitals; everybody's tooling writes the others in whatever case it likes.
    let is_mail = |proxy: &&str| proxy.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case("smtp:"));
    let (first, more): (Vec<&str>, Vec<&str>) =
        proxies.into_iter().filter(is_mail).partition(|proxy| proxy.starts_with("SMTP:"));
    let sign_in = user_name.filter(|name| !name.to_ascii_lowercase().contains("#ext#"));
    let vouched = list("mail").into_iter().chain(sign_in).chain(first).chain(more);
    Addresses::new(vouched.flat_map(addresses_of), list("othermails").into_iter().flat_map(addresses_of))
}
