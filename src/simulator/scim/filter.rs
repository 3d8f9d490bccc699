//! The filters this provider understands: `attribute eq "value"`, joined by `and`. Everything else is refused or, as some
//! servers do, ignored.

use crate::simulator::directory::{Group, Person};
use crate::simulator::state::State;
use crate::simulator::switches::UnknownFilter;

/// `attribute eq "value"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparison {
    attribute: String,
    value: String,
}

const KNOWN: [&str; 7] =
    ["id", "username", "displayname", "emails.value", "emails", "active", "members.value"];

/// Reads a filter; none is no comparison at all.
pub(super) fn read(state: &State, filter: Option<&str>) -> Result<Vec<Comparison>, String> {
    let Some(filter) = filter else { return Ok(Vec::new()) };
    let parts = split(filter).and_then(|parts| parts.iter().map(|part| comparison(part)).collect());
    match (parts, state.switches.scim.unknown_filter) {
        (Some(comparisons), _) => Ok(comparisons),
        (None, UnknownFilter::Ignored) => Ok(Vec::new()),
        (None, UnknownFilter::Refused) => Err(format!("the filter {filter} is not supported")),
    }
}

/// Cuts at `and`, but not within quotes.
fn split(filter: &str) -> Option<Vec<String>> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    for word in filter.split(' ') {
        if !quoted && word.eq_ignore_ascii_case("and") {
            parts.push(std::mem::take(&mut part));
            continue;
        }
        quoted ^= word.matches('"').count() % 2 == 1;
        if !part.is_empty() {
            part.push(' ');
        }
        part.push_str(word);
    }
    parts.push(part);
    (!quoted).then_some(parts)
}

fn comparison(part: &str) -> Option<Comparison> {
    let mut words = part.trim().splitn(3, ' ');
    let (attribute, operator, value) = (words.next()?.to_lowercase(), words.next()?, words.next()?.trim());
    let value = match value {
        "true" | "false" => value.to_owned(),
        _ => serde_json::from_str::<String>(value).ok()?,
    };
    let is_known = operator.eq_ignore_ascii_case("eq") && KNOWN.contains(&attribute.as_str());
    is_known.then_some(Comparison { attribute, value })
}

/// True when a person fits. Only the id is compared exactly (RFC 7643 §4.1, `caseExact`).
pub(super) fn person(person: &Person, comparison: &Comparison) -> bool {
    let value = comparison.value.as_str();
    match comparison.attribute.as_str() {
        "id" => &*person.id == value,
        "username" => person.user_name.eq_ignore_ascii_case(value),
        "displayname" => person.display_name().eq_ignore_ascii_case(value),
        "emails" | "emails.value" => person.email().eq_ignore_ascii_case(value),
        "active" => person.active.to_string() == value,
        _ => false,
    }
}

/// True when a group fits.
pub(super) fn group(group: &Group, comparison: &Comparison) -> bool {
    let value = comparison.value.as_str();
    match comparison.attribute.as_str() {
        "id" => &*group.id == value,
        "displayname" => group.name.eq_ignore_ascii_case(value),
        "members.value" => group.members.iter().any(|member| member.id() == value),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{comparison, split};

    #[test]
    fn only_equality_on_a_few_attributes_is_understood() {
        let understood = |filter: &str| {
            split(filter).is_some_and(|parts| parts.iter().all(|part| comparison(part).is_some()))
        };
        assert!(understood(r#"userName eq "ada@example.com""#));
        assert!(understood(r#"displayName EQ "Rock and Roll" and active eq true"#));
        assert!(!understood(r#"userName co "ada""#));
        assert!(!understood(r#"title eq "Countess""#));
        assert!(!understood(r#"userName eq "open"#));
    }
}
