//! Names: of invitees, whom Apple refuses without, and of people in a plan.

use crate::model::{Address, Invitee, Person, PersonRef};

/// First and last name for an invitation, neither ever empty: the directory's own, else the display name split, else
/// the local part of the address and the first label of its domain.
pub(super) fn invitee(person: &Person, email: &Address) -> Invitee {
    let (first, last) = given(person).or_else(|| split(person)).unwrap_or_else(|| of_address(person, email));
    Invitee { email: email.clone(), first_name: first, last_name: last }
}

/// Who a plan's entry is about.
pub fn person_ref(person: &Person) -> PersonRef {
    PersonRef { id: person.id.clone(), email: address(person).cloned(), name: shown(person) }
}

/// Where an invitation goes: their first address. Where that one was meant to be an address and is none, another may be an
/// old or a private one, and nothing is guessed.
pub(super) fn address(person: &Person) -> Option<&Address> {
    first_meant(person).filter(|address| address.is_mail())
}

fn first_meant(person: &Person) -> Option<&Address> {
    person.addresses.all().iter().find(|address| address.resembles_mail())
}

/// Why there is no address to invite.
pub(super) fn no_address(person: &Person) -> String {
    match first_meant(person) {
        Some(odd) => {
            format!("{:?} is no address that mail can go to: correct it in the directory", odd.as_str())
        }
        None => "the directory has no address for them".to_owned(),
    }
}

/// What people call them; the id where nothing else is known.
fn shown(person: &Person) -> String {
    let names: Vec<String> = [&person.given_name, &person.family_name]
        .into_iter()
        .filter_map(|name| filled(name.as_deref()))
        .collect();
    if !names.is_empty() {
        return names.join(" ");
    }
    let other = filled(person.display_name.as_deref()).or_else(|| filled(person.user_name.as_deref()));
    other.unwrap_or_else(|| person.id.as_str().to_owned())
}

fn given(person: &Person) -> Option<(String, String)> {
    let first = filled(person.given_name.as_deref())?;
    let last = filled(person.family_name.as_deref())?;
    Some((first, last))
}

/// "Ada King", or "King, Ada" as directories like to sort.
fn split(person: &Person) -> Option<(String, String)> {
    let whole = filled(person.display_name.as_deref())?;
    let (first, last) = match whole.split_once(',') {
        Some((last, first)) => (first, last),
        None => whole.split_once(char::is_whitespace)?,
    };
    Some((filled(Some(first))?, filled(Some(last))?))
}

fn of_address(person: &Person, email: &Address) -> (String, String) {
    let (local, domain) = email.as_str().split_once('@').unwrap_or((email.as_str(), ""));
    let label = domain.split('.').find(|label| !label.is_empty()).unwrap_or(local);
    let first = filled(person.given_name.as_deref()).unwrap_or_else(|| local.to_owned());
    let last = filled(person.family_name.as_deref()).unwrap_or_else(|| label.to_owned());
    (first, last)
}

/// A name as people write it: Apple refuses control characters, and a directory may hold any that a form let through.
fn filled(name: Option<&str>) -> Option<String> {
    let legible: String = name?.chars().filter(|c| c.is_whitespace() || !is_unseen(*c)).collect();
    let name = legible.split_whitespace().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// Control characters and marks that nobody sees; the joiners that some scripts write names with stay.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
