//! The state folder under kills, tampering, full disks and other people.
#![allow(clippy::unwrap_used, reason = "a test says enough by failing")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::model::event::CycleResult;

mod audit;
mod bounded;
mod cache;
mod chain;
mod export;
mod folder;
mod forget;
mod full;
mod kill;
mod ledger;
mod segments;

/// A state folder that vanishes, and a clock that stands still.
struct World {
    home: TempDir,
    clock: Clock,
}

impl World {
    fn new() -> Self {
        let start = "2026-03-01T12:00:00Z".parse().unwrap();
        Self { home: tempfile::tempdir().unwrap(), clock: Clock::manual(start) }
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("state")
    }

    fn options(&self) -> OpenOptions {
        OpenOptions {
            retention: SignedDuration::from_hours(24 * 400),
            // A test beside this one may be between fork and exec, and hold the lock for as long.
            patience: Duration::from_millis(300),
            segment_bytes: SEGMENT_BYTES,
            clock: self.clock.clone(),
        }
    }

    fn open(&self) -> Result<(State, Vec<Notice>), StateError> {
        State::open(&self.dir(), self.options())
    }

    /// A state that knows of a few absences, closed again.
    fn filled(records: u32) -> Self {
        let world = Self::new();
        let (state, _) = world.open().unwrap();
        for number in 0..records {
            absent(&state, &format!("p-{number}")).unwrap();
        }
        world
    }

    /// One with a new segment after every record.
    fn chopped(records: u32) -> Self {
        let world = Self::new();
        let (state, _) =
            State::open(&world.dir(), OpenOptions { segment_bytes: 1, ..world.options() }).unwrap();
        for number in 0..records {
            absent(&state, &format!("p-{number}")).unwrap();
        }
        world
    }

    fn lines(&self, number: u32) -> Vec<String> {
        let text = fs::read_to_string(self.segment(number)).unwrap();
        text.split_inclusive('\n').map(ToOwned::to_owned).collect()
    }

    fn segment(&self, number: u32) -> PathBuf {
        self.dir().join("journal").join(segment::name(number))
    }
}

fn absence(person: &str) -> Event {
    Event::AbsenceSeen { person: person.into(), departure: crate::model::event::Departure::Deleted }
}

fn absent(state: &State, person: &str) -> Result<(), StateError> {
    state.record(None, &Actor::Daemon, vec![absence(person)])
}

fn finished(in_scope: u64) -> Event {
    let result = CycleResult::NoOp;
    Event::CycleFinished { result, digest: None, summary: None, in_scope: Some(in_scope), error: None }
}

fn people(state: &State) -> Vec<String> {
    state.ledger().absences.keys().map(ToString::to_string).collect()
}

fn flaw(error: StateError) -> (String, usize, FlawKind) {
    assert!(error.hint().is_some(), "{error}");
    match error {
        StateError::Damaged(flaw) => {
            (flaw.file.file_name().unwrap().to_str().unwrap().to_owned(), flaw.line, flaw.kind)
        }
        other => panic!("not a flaw: {other}"),
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
