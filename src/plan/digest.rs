//! The digest: what was shown is what is approved and applied. Times and forecast stay out of it, so that a plan made
//! again from the same facts has the same digest.

use std::fmt::Write as _;

use serde::Serialize;

use crate::model::{Held, Operation, Plan};

#[derive(Serialize)]
struct Digested<'a> {
    schema: &'a str,
    team: &'a str,
    operations: &'a [Operation],
    held: &'a [Held],
}

/// `sha256:` and 64 hexadecimal digits over schema, team, operations and held entries.
pub fn of(plan: &Plan) -> String {
    let Plan { schema, team, operations, held, .. } = plan;
    // Through a `Value`, whose objects are sorted by key, so that the order of fields in this program does not count.
    let canonical = serde_json::to_value(Digested { schema, team, operations, held })
        .expect("a plan has string keys and finite numbers only")
        .to_string();
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    let mut text = String::from("sha256:");
    for byte in sum.as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// True for the text of a whole digest, as plans carry it.
pub fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// True when a plan is what its digest says: a saved file that somebody edited is not.
pub fn verify(plan: &Plan) -> bool {
    plan.digest == of(plan)
}
