//! The journal as the decision log: `audit show` and `audit export`. Reading needs no lock, a journal only grows.

use std::io::Write;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::chain::{self, Record};
use super::error::{FlawKind, StateError};
use super::segment::{self, Segment};
use crate::model::event::CycleId;
use crate::model::id::Address;

/// Which records are wanted; all of what is said must fit.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Written then or later.
    pub since: Option<Timestamp>,
    /// Of this cycle.
    pub cycle: Option<CycleId>,
    /// That name this address, IdP id or seat id, whatever its case.
    pub who: Option<String>,
}

impl AuditFilter {
    /// Judges a record by its line. Checkpoints that only begin a segment decide nothing and are left out.
    fn picks(&self, line: &[u8], record: &Record) -> bool {
        record.schema.is_none()
            && self.since.is_none_or(|since| record.at >= since)
            && (self.cycle.is_none() || self.cycle == record.cycle)
            && self.who.as_deref().is_none_or(|who| names(line, who))
    }
}

fn names(line: &[u8], who: &str) -> bool {
    let wanted = Address::new(who);
    serde_json::from_slice(line).is_ok_and(|value| holds(&value, &wanted))
}

fn holds(value: &Value, wanted: &Address) -> bool {
    match value {
        Value::String(text) => Address::new(text) == *wanted,
        Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
        Value::Object(members) => members.values().any(|member| holds(member, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The records of a state folder that a filter picks, newest first. One segment is in memory at a time.
pub fn newest_first(
    dir: &Path,
    filter: AuditFilter,
) -> Result<impl Iterator<Item = Result<Record, StateError>> + use<>, StateError> {
    let segments = segment::list(&super::journal_folder(dir))?;
    let since = filter.since;
    let mut past = false;
    Ok(segments
        .into_iter()
        .rev()
        .take_while(move |segment| {
            // A segment that began before `since` is the last that can hold anything newer.
            let wanted = !past;
            past = past || since.is_some_and(|since| segment.begins().is_ok_and(|begins| begins < since));
            wanted
        })
        .flat_map(move |segment| picked(&segment, &filter)))
}

fn picked(segment: &Segment, filter: &AuditFilter) -> Vec<Result<Record, StateError>> {
    let bytes = match segment.read() {
        Ok(bytes) => bytes,
        Err(error) => return vec![Err(error)],
    };
    let mut found: Vec<_> = whole_lines(&bytes)
        .filter_map(|(number, line)| match serde_json::from_slice::<Record>(line) {
            Ok(record) => filter.picks(line, &record).then_some(Ok(record)),
            Err(_) => Some(Err(segment.flaw(number, FlawKind::NotARecord).into())),
        })
        .collect();
    found.reverse();
    found
}

/// A last line without its end is still being written, or never was.
fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
    lines.filter_map(|(index, line)| Some((index + 1, line.strip_suffix(b"\n")?)))
}

/// Writes the records from the first that is not older than `since` on, byte by byte as they are in the journal, so that
/// whoever receives them can follow the chain. Returns how many.
pub fn export(dir: &Path, since: Option<Timestamp>, out: &mut impl Write) -> Result<u64, StateError> {
    let mut count = 0;
    let mut begun = since.is_none();
    for segment in segment::list(&super::journal_folder(dir))? {
        let bytes = segment.read()?;
        for (number, line) in whole_lines(&bytes) {
            if !begun {
                let links = chain::unseal(line).map_err(|broken| segment.flaw(number, broken.into()))?;
                begun = since.is_none_or(|since| links.at >= since);
            }
            if begun {
                out.write_all(line)
                    .and_then(|()| out.write_all(b"\n"))
                    .map_err(StateError::io("write", Path::new("output")))?;
                count += 1;
            }
        }
    }
    Ok(count)
}
