//! One record of the journal as bytes: a line of JSON whose last two members chain it to its predecessor.
//!
//! ```text
//! {"seq":7,"at":"…","actor":"daemon","event":"intent",…,"prev":"<64 hex>","hash":"<64 hex>"}
//! ```
//!
//! `hash` is the SHA-256 of the line's own bytes before `,"hash"`, so that anyone can check a record with `sha256sum`
//! and no canonical form of JSON has to be agreed on. `prev` is the `hash` of the record before. A record in which
//! somebody was forgotten has the hash that it had before as `was`, which its successor names; see `super::forget`.

use std::fmt;

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::event::{Actor, CycleId, Event};
use crate::model::text::printable_json;

/// The schema name of a journal, in the first record of each segment.
pub(super) const SCHEMA: &str = "rosterd.journal/1";

const SEAL: &str = r#","hash":""#;
const HEX: usize = 64;
/// `,"hash":"`, the digits, `"}`.
const TRAILER: usize = SEAL.len() + HEX + 2;

/// The SHA-256 of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the very first record names as its predecessor.
    pub const NONE: Self = Self([0; 32]);

    fn of(bytes: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(hash)
    }

    /// Reads 64 hexadecimal digits in lower case.
    pub fn parse(hex: &str) -> Option<Self> {
        let digits = hex.as_bytes();
        if digits.len() != HEX {
            return None;
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(hash))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 in hexadecimal"))
    }
}

/// The newest record of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its number; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub const START: Self = Self { seq: 0, hash: Hash::NONE };
}

/// A record as it is read: the audit log's line.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Record {
    /// `SCHEMA`, in the first record of a segment.
    pub schema: Option<String>,
    /// 1 for the first, then one more each.
    pub seq: u64,
    /// When it was written down.
    pub at: Timestamp,
    /// The cycle it belongs to; `None` for what a command records.
    pub cycle: Option<CycleId>,
    /// Who made it happen.
    pub actor: Actor,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Hash of the record before.
    pub prev: Hash,
    /// Hash of this one before somebody was forgotten in it.
    #[serde(default)]
    pub was: Option<Hash>,
    /// Hash of this one.
    pub hash: Hash,
}

/// A record as it is written, before it has a hash.
#[derive(Serialize)]
pub(super) struct Draft<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<&'static str>,
    pub seq: u64,
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycle: Option<&'a CycleId>,
    pub actor: &'a Actor,
    #[serde(flatten)]
    pub event: &'a Event,
    pub prev: Hash,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Hash>,
}

impl Draft<'_> {
    /// Appends the sealed line with its newline to `lines` and returns the head it makes.
    pub(super) fn seal(&self, lines: &mut Vec<u8>) -> serde_json::Result<Head> {
        let start = lines.len();
        // The line is what an export prints, so nothing in it may move a terminal's cursor.
        lines.extend_from_slice(printable_json(&serde_json::to_string(self)?).as_bytes());
        lines.pop(); // the closing brace, which comes back after the hash
        let hash = Hash::of(&lines[start..]);
        lines.extend_from_slice(format!("{SEAL}{hash}\"}}\n").as_bytes());
        Ok(Head { seq: self.seq, hash: self.was.unwrap_or(hash) })
    }
}

/// The links of a line whose hash fits its bytes; the rest of it is not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Links {
    pub schema: Option<String>,
    pub seq: u64,
    pub at: Timestamp,
    pub event: String,
    pub prev: Hash,
    #[serde(default)]
    pub was: Option<Hash>,
    pub hash: Hash,
}

impl Links {
    pub(super) fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.was.unwrap_or(self.hash) }
    }
}

/// Checks that a line (without its newline) is whole and unedited.
pub(super) fn unseal(line: &[u8]) -> Result<Links, Broken> {
    let at = line.len().checked_sub(TRAILER).ok_or(Broken::NotARecord)?;
    let (body, trailer) = line.split_at(at);
    let hash = std::str::from_utf8(trailer)
        .ok()
        .and_then(|text| text.strip_prefix(SEAL)?.strip_suffix("\"}"))
        .and_then(Hash::parse)
        .ok_or(Broken::NotARecord)?;
    if Hash::of(body) != hash {
        return Err(Broken::Edited);
    }
    serde_json::from_slice(line).map_err(|_| Broken::NotARecord)
}

/// For `crate::fuzzing`: the line with a hash that fits what comes before its last [`TRAILER`] bytes.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn reseal(line: &[u8]) -> Vec<u8> {
    let body = &line[..line.len().saturating_sub(TRAILER)];
    let hash = Hash::of(body);
    [body, format!("{SEAL}{hash}\"}}").as_bytes()].concat()
}

/// What is wrong with a line by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// No JSON, or without a hash at its end.
    NotARecord,
    /// The hash is not that of the bytes.
    Edited,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says enough by failing")]
mod tests {
    use super::*;

    fn sealed(seq: u64, prev: Hash) -> Vec<u8> {
        let mut line = Vec::new();
        let event = Event::AbsenceCleared { person: "p-1".into() };
        let at = Timestamp::UNIX_EPOCH;
        let draft = Draft {
            schema: None,
            seq,
            at,
            cycle: None,
            actor: &Actor::User(7),
            event: &event,
            prev,
            was: None,
        };
        draft.seal(&mut line).unwrap();
        line
    }

    #[test]
    fn a_record_survives_the_way_through_bytes() {
        let line = sealed(3, Hash::NONE);
        let record: Record = serde_json::from_slice(&line).unwrap();
        assert_eq!(record.event, Event::AbsenceCleared { person: "p-1".into() });
        assert_eq!((record.seq, record.actor), (3, Actor::User(7)));
        let links = unseal(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(links.head(), Head { seq: 3, hash: record.hash });
    }

    #[test]
    fn every_single_changed_byte_is_noticed() {
        let line = sealed(3, Hash::NONE);
        let line = line.strip_suffix(b"\n").unwrap();
        for at in 0..line.len() {
            let mut edited = line.to_vec();
            edited[at] ^= 1;
            assert!(unseal(&edited).is_err(), "byte {at}");
        }
    }

    #[test]
    fn hexadecimal_is_read_as_it_is_written() {
        let hash = Hash::of(b"abc");
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), known);
        assert_eq!(Hash::parse(known), Some(hash));
        for bad in ["", "ba78", &known.to_uppercase(), &known.replace('b', "g")] {
            assert_eq!(Hash::parse(bad), None, "{bad}");
        }
    }
}
