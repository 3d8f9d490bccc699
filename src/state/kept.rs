//! What a [`State`] keeps in its cache.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Cache, CacheError, CachedDirectory, Mode, State};
use crate::model::DirectorySnapshot;
use crate::model::team::TeamSnapshot;

/// Cycles the cache remembers.
const CYCLES: usize = 100;

/// A small value the daemon keeps between cycles and can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Requests of the last hour.
    Budget,
    /// The id of the API key that has written with success.
    ProvedKey,
    /// The plan of the last cycle.
    LastPlan,
    /// Quarantine, last success, failures in a row.
    Daemon,
    /// What the source found out about single people, to be asked again after a day.
    Source,
}

impl Note {
    fn key(self) -> &'static str {
        match self {
            Self::Budget => "note/budget",
            Self::ProvedKey => "note/proved-key",
            Self::LastPlan => "note/plan",
            Self::Daemon => "note/daemon",
            Self::Source => "note/source",
        }
    }
}

/// The cache, whose trouble nobody has to handle: it is logged, and what was asked for is not there.
impl State {
    /// Why the cache is off; `None` while it works.
    pub fn cache_trouble(&self) -> Option<String> {
        self.cache.trouble()
    }

    /// Keeps the team as it was read.
    pub fn put_team(&self, team: &TeamSnapshot, at: Timestamp) {
        self.keep("team", |cache| cache.put_team(team, at));
    }

    /// The team as it was kept last, and when it was read.
    pub fn team(&self) -> Option<(TeamSnapshot, Timestamp)> {
        self.logged("team", self.cache.team())?
    }

    /// Keeps the directory as it was read, and where its change feed goes on.
    pub fn put_directory(&self, snapshot: &DirectorySnapshot, watermark: Option<Value>, at: Timestamp) {
        self.keep("directory", |cache| cache.put_directory(snapshot, watermark, at));
    }

    /// The directory as it was kept last.
    pub fn directory(&self) -> Option<CachedDirectory> {
        self.logged("directory", self.cache.directory())?
    }

    /// Keeps a cycle's report behind those of all cycles before it, as the journal has their ends; the latest hundred stay.
    pub fn put_cycle<T: Serialize>(&self, report: &T) {
        self.keep("cycle", |cache| cache.push("cycles/", report, CYCLES));
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Moves when there is another report of a cycle or another last plan.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// The latest reports, newest first.
    pub fn cycles<T: DeserializeOwned>(&self, most: usize) -> Vec<T> {
        self.logged("cycles", self.cache.newest("cycles/", most)).unwrap_or_default()
    }

    /// Keeps a note.
    pub fn put_note<T: Serialize>(&self, note: Note, value: &T) {
        self.keep(note.key(), |cache| cache.put(note.key(), value));
        if note == Note::LastPlan {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A note, where there is one.
    pub fn note<T: DeserializeOwned>(&self, note: Note) -> Option<T> {
        self.logged("note", self.cache.get(note.key()))?
    }

    fn keep(&self, what: &'static str, put: impl FnOnce(&Cache) -> Result<(), CacheError>) {
        match self.mode {
            Mode::Write => self.logged(what, put(&self.cache)).unwrap_or_default(),
            Mode::Look => {}
        }
    }

    pub(super) fn logged<T>(&self, what: &'static str, result: Result<T, CacheError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(CacheError::Off(why)) => {
                tracing::debug!(what, why, "cache is off");
                None
            }
            Err(error) => {
                tracing::warn!(what, error = %error, "cache failed");
                None
            }
        }
    }
}
