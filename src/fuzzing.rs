//! Every reader of bytes that somebody else wrote, by name: for the targets of `fuzz/` and for the tests beside this file,
//! which go through the same doors without a fuzzer. A reader answers whether it took the bytes for what they claim to be;
//! what it must not do is panic, run away, or read what it wrote itself as something else.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::asc;
use crate::config::Config;
use crate::control::protocol::Request;
use crate::model::filter::Filter;
use crate::model::{Activity, Address, Addresses, Person, PersonId, Plan};
use crate::source::scim::{self, Wanted};
use crate::source::{file, grant, graph};

/// A reader: true for bytes that it took.
pub type Reader = fn(&[u8]) -> bool;

/// By the name of the fuzz target, which is also that of its folder of seeds.
pub const READERS: [(&str, Reader); 22] = [
    ("scim_users", scim_users),
    ("scim_groups", scim_groups),
    ("scim_error", scim_error),
    ("scim_service_provider", scim_service_provider),
    ("scim_token", grant::reads_as_grant),
    ("people_file", people_file),
    ("graph_list", graph::fuzzing::list),
    ("graph_delta", graph::fuzzing::delta),
    ("graph_token", graph::fuzzing::token),
    ("graph_error", graph::fuzzing::error),
    ("graph_batch", graph::fuzzing::batch),
    ("graph_watermark", graph::fuzzing::watermark),
    ("asc_users", asc_users),
    ("asc_invitations", asc_invitations),
    ("asc_apps", asc_apps),
    ("asc_errors", asc_errors),
    ("asc_rate_header", asc::rate::fuzzing::header),
    ("filter", filter),
    ("journal", journal),
    ("plan_file", plan_file),
    ("control_request", control_request),
    ("config", config),
];

/// Reads bytes by a reader's name.
///
/// # Panics
/// When there is no such reader, or when the reader has a defect.
pub fn read(name: &str, bytes: &[u8]) -> bool {
    let (_, reader) = READERS.iter().find(|(known, _)| *known == name).expect("a reader of this name");
    reader(bytes)
}

fn wanted() -> Wanted {
    let names = ["userType".into(), "appStoreConnect_role".into()].into();
    Wanted::new(&names, "urn:ietf:params:scim:schemas:extension:custom:2.0:User")
}

fn scim_users(body: &[u8]) -> bool {
    let read = scim::wire::parse_users(body, &wanted());
    if let Ok(page) = &read {
        assert!(page.entries.len() <= body.len(), "more people than bytes");
    }
    read.is_ok_and(|page| page.entries.iter().any(Result::is_ok))
}

fn scim_groups(body: &[u8]) -> bool {
    let read = scim::wire::parse_groups(body);
    read.is_ok_and(|page| page.entries.iter().any(Result::is_ok))
}

fn scim_error(body: &[u8]) -> bool {
    let read = scim::wire::parse_error(body);
    let shown = read.detail.as_deref().unwrap_or_default();
    assert!(shown.chars().count() <= 201 && !shown.chars().any(char::is_control), "{shown:?}");
    read.detail.is_some()
}

fn scim_service_provider(body: &[u8]) -> bool {
    scim::wire::parse_service_provider(body) != scim::wire::Announced::default()
}

fn people_file(bytes: &[u8]) -> bool {
    file::reads_as_people(bytes, &wanted())
}

fn asc_users(body: &[u8]) -> bool {
    asc::wire::parse_users(body).is_ok_and(|page| !page.items.is_empty())
}

fn asc_invitations(body: &[u8]) -> bool {
    let _ = (asc::wire::parse_sent(body), asc::wire::parse_done(body));
    asc::wire::parse_invitations(body).is_ok_and(|page| !page.items.is_empty())
}

fn asc_apps(body: &[u8]) -> bool {
    let _ = asc::wire::parse_app_ids(body);
    asc::wire::parse_apps(body).is_ok_and(|page| !page.items.is_empty())
}

fn asc_errors(body: &[u8]) -> bool {
    let errors = asc::errors::parse_errors(body);
    for text in errors.iter().flat_map(|error| [&error.code, &error.title, &error.detail]) {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    !errors.is_empty()
}

fn filter(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(filter) = Filter::parse(&text) else { return false };
    let _ = filter.attributes();
    let person = Person {
        id: PersonId::from("p-1"),
        user_name: Some("ada@example.com".into()),
        addresses: Addresses::new([Address::new("ada@example.com")], []),
        given_name: Some("Ada".into()),
        family_name: Some("King".into()),
        display_name: None,
        activity: Activity::Active,
        attributes: Default::default(),
    };
    let first = filter.matches(&person);
    assert_eq!(first, filter.matches(&person), "one filter, one person, two answers");
    true
}

fn journal(bytes: &[u8]) -> bool {
    let segment = crate::state::fuzzing::segment(bytes);
    let export = crate::state::fuzzing::exported(bytes);
    let mut lines = bytes.split(|byte| *byte == b'\n').take(64);
    lines.any(crate::state::fuzzing::record) || segment || export
}

/// What is read and written again is read as the same.
fn again<T: Serialize + DeserializeOwned>(value: &T) {
    let first = serde_json::to_value(value).expect("what was read can be written");
    let text = first.to_string();
    let second: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let second = serde_json::to_value(&second).expect("what was read can be written");
    assert_eq!(first, second, "read again it is another");
}

fn plan_file(bytes: &[u8]) -> bool {
    let Ok(plan) = serde_json::from_slice::<Plan>(bytes) else { return false };
    again(&plan);
    let _ = crate::plan::digest::verify(&plan);
    assert!(crate::plan::moved::between(&plan, &plan).is_empty(), "a plan moved since itself");
    true
}

fn control_request(bytes: &[u8]) -> bool {
    let Ok(request) = serde_json::from_slice::<Request>(bytes) else { return false };
    again(&request);
    true
}

fn config(bytes: &[u8]) -> bool {
    // The file is refused before this when it is no UTF-8.
    let text = String::from_utf8_lossy(bytes);
    match Config::of_text(&text) {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.to_string().is_empty(), "refused without a word");
            false
        }
    }
}

#[cfg(test)]
mod tests;
