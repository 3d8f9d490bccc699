//! Records that were rewritten to forget somebody, held against the later records that list them.

use std::collections::BTreeMap;

use super::chain::{Links, Record};
use super::error::{FlawKind, StateError};
use super::segment::Segment;
use crate::model::event::Event;

/// Those that no later record has listed yet, by number, each with its hash and the flaw that it would be.
#[derive(Default)]
pub(super) struct Pending(BTreeMap<u64, (String, StateError)>);

impl Pending {
    /// Takes the next record of the chain in.
    pub(super) fn follow(
        &mut self,
        segment: &Segment,
        line: usize,
        links: &Links,
        bytes: &[u8],
    ) -> Result<(), StateError> {
        if links.was.is_some() {
            let flaw = segment.flaw(line, FlawKind::Unaccounted { seq: links.seq });
            self.0.insert(links.seq, (links.hash.to_string(), flaw.into()));
        }
        if links.event != EVENT || self.0.is_empty() {
            return Ok(());
        }
        let record: Record =
            serde_json::from_slice(bytes).map_err(|_| segment.flaw(line, FlawKind::NotARecord))?;
        if let Event::PersonForgotten { records, .. } = record.event {
            for listed in records {
                if self.0.get(&listed.seq).is_some_and(|(hash, _)| *hash == listed.hash) {
                    self.0.remove(&listed.seq);
                }
            }
        }
        Ok(())
    }

    /// The first that is left is a record that somebody edited.
    pub(super) fn end(self) -> Result<(), StateError> {
        match self.0.into_values().next() {
            Some((_, flaw)) => Err(flaw),
            None => Ok(()),
        }
    }
}

const EVENT: &str = "person_forgotten";
