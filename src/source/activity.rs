//! Whether a provider says that somebody may sign in, in whatever shape it says so.

use serde_json::{Number, Value};

use crate::model::Activity;

/// Words that can only mean yes; providers and exports write each of them.
const YES: [&str; 8] = ["true", "1", "yes", "y", "t", "on", "enabled", "active"];
/// Words that can only mean no.
const NO: [&str; 11] = [
    "false",
    "0",
    "no",
    "n",
    "f",
    "off",
    "disabled",
    "inactive",
    "deactivated",
    "suspended",
    "deprovisioned",
];

/// Reads `active`, `accountEnabled` and their like. Null is the same as absent (RFC 7643 §2.5) and says nothing; what is
/// there and means neither yes nor no is [`Activity::Unclear`], because guessing would either keep a leaver or remove
/// somebody who works here.
pub(super) fn activity_of(value: &Value) -> Activity {
    match value {
        Value::Null => Activity::NotSaid,
        Value::Bool(true) => Activity::Active,
        Value::Bool(false) => Activity::Disabled,
        Value::Number(number) => of_number(number),
        Value::String(word) if word.trim().is_empty() => Activity::NotSaid,
        Value::String(word) => of_word(word),
        Value::Array(_) | Value::Object(_) => Activity::Unclear,
    }
}

fn of_number(number: &Number) -> Activity {
    match number.as_f64() {
        Some(1.0) => Activity::Active,
        Some(0.0) => Activity::Disabled,
        Some(_) | None => Activity::Unclear,
    }
}

fn of_word(word: &str) -> Activity {
    let is = |known: &str| word.trim().eq_ignore_ascii_case(known);
    if YES.iter().any(|known| is(known)) {
        Activity::Active
    } else if NO.iter().any(|known| is(known)) {
        Activity::Disabled
    } else {
        Activity::Unclear
    }
}

/// What two answers about one person come to: the same key twice, or two keys for one thing. Where they disagree neither
/// is evidence.
pub(super) fn agreed(first: Activity, second: Activity) -> Activity {
    match (first, second) {
        (Activity::NotSaid, other) | (other, Activity::NotSaid) => other,
        (first, second) if first == second => first,
        (Activity::Active | Activity::Disabled | Activity::Unclear, _) => Activity::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_clearly_no_is_no_and_what_is_clearly_yes_is_yes() {
        for no in [
            json!(0),
            json!(0.0),
            json!("0"),
            json!("no"),
            json!("false"),
            json!(" FALSE "),
            json!("Disabled"),
        ] {
            assert_eq!(activity_of(&no), Activity::Disabled, "{no}");
        }
        for yes in [json!(1), json!(1.0), json!("1"), json!("Yes"), json!("TRUE"), json!("active")] {
            assert_eq!(activity_of(&yes), Activity::Active, "{yes}");
        }
        for silent in [Value::Null, json!(""), json!(" ")] {
            assert_eq!(activity_of(&silent), Activity::NotSaid, "{silent}");
        }
    }

    #[test]
    fn what_can_not_be_understood_is_neither_yes_nor_no() {
        for odd in [json!(2), json!(-1), json!(0.5), json!("maybe"), json!("nein"), json!({}), json!([true])]
        {
            assert_eq!(activity_of(&odd), Activity::Unclear, "{odd}");
        }
    }

    #[test]
    fn two_answers_that_disagree_are_none() {
        use Activity::{Active, Disabled, NotSaid, Unclear};
        for (first, second, both) in [
            (Active, Active, Active),
            (NotSaid, Disabled, Disabled),
            (Active, NotSaid, Active),
            (Active, Disabled, Unclear),
            (Unclear, Active, Unclear),
        ] {
            assert_eq!(agreed(first, second), both);
        }
    }
}
