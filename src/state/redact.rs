//! `state export --redact`: an export for a support case. Ids stay, so that it can be followed what happened to whom; names
//! and addresses become pseudonyms, the same ones throughout one export and other ones in the next.

use std::io::Write;
use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use super::error::StateError;
use super::terms::{Terms, addresses, words};
use crate::model::text::printable_json;

/// Members whose text names somebody.
pub(super) const PERSONAL: [&str; 7] =
    ["name", "email", "first_name", "last_name", "apple_account", "address", "invited_as"];

/// Members with keys, which name people among other things.
const KEYS: [&str; 2] = ["key", "entries"];

/// Members with sentences: ours, and those of servers.
const SENTENCES: [&str; 4] = ["detail", "error", "reasons", "problems"];

/// What is written with a capital in these sentences and names nobody.
const NAMES_NOBODY: [&str; 8] = ["Account", "Apple", "App", "Connect", "Holder", "Store", "The", "There"];

/// Redacts an export of the state and marks it, so that it is not taken in again.
pub fn redact(export: &[u8], out: &mut impl Write) -> Result<(), StateError> {
    let mut lines = Vec::new();
    for line in export.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        lines.push(serde_json::from_slice(line).map_err(StateError::Encode)?);
    }
    let mut redaction = Redaction::new()?;
    lines.iter().for_each(|line| redaction.learn(line, ""));
    for (index, mut line) in lines.into_iter().enumerate() {
        redaction.rewrite(&mut line, "");
        if let (0, Value::Object(header)) = (index, &mut line) {
            header.insert("redacted".to_owned(), Value::Bool(true));
        }
        let line = serde_json::to_string(&line).map_err(StateError::Encode)?;
        writeln!(out, "{}", printable_json(&line)).map_err(StateError::io("write", Path::new("output")))?;
    }
    out.flush().map_err(StateError::io("write", Path::new("output")))
}

struct Redaction {
    /// Made for one export and dropped with it: without it nobody can try names against the pseudonyms.
    key: hmac::Key,
    /// Everything that names somebody, and addresses alone.
    known: Terms,
    mails: Terms,
}

impl Redaction {
    fn new() -> Result<Self, StateError> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).map_err(|_| {
            StateError::io("read", Path::new("/dev/urandom"))(std::io::ErrorKind::Other.into())
        })?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Ok(Self { key, known: Terms::default(), mails: Terms::default() })
    }

    fn learn(&mut self, value: &Value, member: &str) {
        match value {
            Value::String(text) => {
                for address in addresses(text) {
                    let pseudonym = self.pseudonym("address", address);
                    self.mails.insert(address, &pseudonym);
                    self.known.insert(address, &pseudonym);
                }
                if PERSONAL.contains(&member) && self.known.whole(text).is_none() {
                    let pseudonym = self.pseudonym("name", text);
                    self.known.insert(text, &pseudonym);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item, member)),
            Value::Object(members) => {
                for (member, value) in members {
                    self.learn(&Value::String(member.clone()), "");
                    self.learn(value, member);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn pseudonym(&self, kind: &str, text: &str) -> String {
        let folded = crate::model::id::Address::new(text).folded().to_owned();
        let tag = hmac::sign(&self.key, folded.as_bytes());
        let digits: String = tag.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{digits}")
    }

    fn rewrite(&self, value: &mut Value, member: &str) {
        match value {
            Value::String(text) => {
                if let Some(changed) = self.redacted(text, member) {
                    *text = changed;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.rewrite(item, member)),
            Value::Object(members) => {
                for (member, mut value) in std::mem::take(members) {
                    self.rewrite(&mut value, &member);
                    members.insert(self.mails.replaced(&member).unwrap_or(member), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn redacted(&self, text: &str, member: &str) -> Option<String> {
        if PERSONAL.contains(&member) {
            return Some(
                self.known.whole(text).map_or_else(|| self.pseudonym("name", text), ToOwned::to_owned),
            );
        }
        if SENTENCES.contains(&member) {
            let known = self.known.replaced(text);
            let changed = self.without_names(known.as_deref().unwrap_or(text));
            return Some(changed);
        }
        if KEYS.contains(&member) { self.known.replaced(text) } else { self.mails.replaced(text) }
    }

    /// A sentence may name people whom the ledger does not know any more. It loses a capitalized word too many rather than
    /// a name too few: whatever is not plain English in lower case, nor a code in capitals.
    fn without_names(&self, sentence: &str) -> String {
        let mut changed = String::with_capacity(sentence.len());
        let mut copied = 0;
        for word in words(sentence) {
            let text = &sentence[word.clone()];
            let is_code =
                text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
            let is_plain = text.is_ascii() && !text.starts_with(char::is_uppercase);
            if !is_code && !is_plain && !NAMES_NOBODY.contains(&text) {
                changed.push_str(&sentence[copied..word.start]);
                changed.push_str(&self.pseudonym("name", text));
                copied = word.end;
            }
        }
        changed + &sentence[copied..]
    }
}
