//! `state check`: what would have to be rebuilt, told without changing anything.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::cache::{self, CacheHealth};
use super::chain::{self, Head};
use super::error::StateError;
use super::head::{HeadFile, Written};
use super::lock::{self, Lock};
use super::look::look_at;
use super::verify::{Verified, verify};
use super::{OpenOptions, State};
use crate::model::event::{Actor, Event};

/// What [`check`] finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The schema this version writes.
    pub schema: &'static str,
    /// The truth.
    pub journal: JournalHealth,
    /// What can be read again.
    pub cache: CacheHealth,
    /// Of everything in the folder.
    pub size_bytes: u64,
}

/// How the journal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JournalHealth {
    /// Every record is as it was written.
    Good(Verified),
    /// There is none: the first cycle matches seats by address.
    Missing,
    /// A last record was never written whole; the next start cuts it off.
    Torn(Verified),
    /// It has to be restored; the daemon refuses to start.
    Damaged {
        /// File, line and what is wrong.
        problem: String,
        /// What to do.
        hint: String,
    },
}

impl CheckReport {
    /// True when the daemon would start and nothing would have to be rebuilt.
    pub fn is_good(&self) -> bool {
        match (&self.journal, &self.cache) {
            (JournalHealth::Good(_), CacheHealth::Good) | (JournalHealth::Missing, CacheHealth::Missing) => {
                true
            }
            (
                JournalHealth::Good(_)
                | JournalHealth::Missing
                | JournalHealth::Torn(_)
                | JournalHealth::Damaged { .. },
                CacheHealth::Good | CacheHealth::Missing | CacheHealth::Damaged { .. },
            ) => false,
        }
    }
}

/// Takes the records that are there for all that were written, where `HEAD` cannot tell: it is written anew, and who said so
/// is recorded. Returns the last record that was accepted.
pub fn accept_history(dir: &Path, actor: &Actor, options: OpenOptions) -> Result<Head, StateError> {
    lock::check(dir)?;
    let folder = super::journal_folder(dir);
    let head = {
        let _lock = Lock::acquire(dir, options.patience)?;
        let found = look_at(&folder, None)?.ok_or(StateError::NoJournal { path: folder.clone() })?;
        let first = found.segments.first().map_or(1, |segment| segment.number);
        let file = HeadFile::open(&folder)?;
        file.write(&Written { seq: found.head.seq, hash: found.head.hash, first })?;
        file.sync()?;
        found.head
    };
    let (state, _) = State::open(dir, options)?;
    state.record(None, actor, vec![Event::HistoryAccepted { records: head.seq }])?;
    Ok(head)
}

/// Looks at a state folder. Waits for its lock, because the cache is copied file by file.
pub fn check(dir: &Path, patience: Duration) -> Result<CheckReport, StateError> {
    if !lock::exists(dir)? {
        let (journal, cache) = (JournalHealth::Missing, CacheHealth::Missing);
        return Ok(CheckReport { schema: chain::SCHEMA, journal, cache, size_bytes: 0 });
    }
    lock::check(dir)?;
    let _lock = Lock::acquire(dir, patience)?;
    let journal = match verify(dir) {
        Ok(verified) if verified.torn_bytes > 0 => JournalHealth::Torn(verified),
        Ok(verified) => JournalHealth::Good(verified),
        Err(StateError::NoJournal { .. }) => JournalHealth::Missing,
        Err(error @ (StateError::Damaged(_) | StateError::NewerSchema { .. })) => {
            let hint = error.hint().unwrap_or_default();
            JournalHealth::Damaged { problem: error.to_string(), hint }
        }
        Err(other) => return Err(other),
    };
    let cache = cache::inspect(dir).map_err(StateError::io("read", dir))?;
    let size_bytes = cache::size_of(dir).unwrap_or(0);
    Ok(CheckReport { schema: chain::SCHEMA, journal, cache, size_bytes })
}
