//! The journal (truth) and sled (cache), behind one door.
//!
//! [`State::record`] returns when what happened is on the disk, and only then may anyone act on it. The [`Ledger`] is a
//! fold over the journal; the cache holds nothing that a decision rests on and that could not be read again.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::model::event::{Actor, CycleId, Event};
use crate::model::ledger::Ledger;

pub mod audit;
mod cache;
mod chain;
mod check;
mod error;
mod export;
mod forget;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod head;
mod journal;
mod kept;
mod ledger;
mod lock;
mod look;
mod mend;
pub mod process;
mod redact;
mod rewritten;
pub mod seccomp;
mod segment;
mod terms;
mod verify;

pub use audit::AuditFilter;
pub use cache::{Cache, CacheError, CacheHealth, CachedDirectory};
pub use chain::{Hash, Head, Record};
pub use check::{CheckReport, JournalHealth, accept_history, check};
pub use error::{Flaw, FlawKind, Notice, StateError};
pub use forget::{ForgetError, Forgotten, Known, find, forget};
pub use kept::Note;
pub use ledger::fold;
pub use lock::PATIENCE;
pub use redact::redact;
pub use verify::{Verified, verify};

use journal::{Journal, Limits, Occasion};
use lock::Lock;

/// Small enough to be read again at every start.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// How a state is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// `audit.retention`: older records are deleted, by whole segments.
    pub retention: SignedDuration,
    /// How long a lock held by somebody else is waited for; [`PATIENCE`] outside tests.
    pub patience: std::time::Duration,
    /// Bytes after which a segment of the journal ends, its checkpoint not counted: read again at every start.
    pub segment_bytes: u64,
    /// Tells the time of records.
    pub clock: Clock,
}

impl OpenOptions {
    /// For records kept this long, by the machine's clock.
    pub fn new(retention: SignedDuration) -> Self {
        Self { retention, patience: PATIENCE, segment_bytes: SEGMENT_BYTES, clock: Clock::System }
    }

    /// Segments are deleted whole, so they have to end well within the retention.
    fn limits(&self) -> Limits {
        let eighth = self.retention / 8;
        let age = eighth.clamp(SignedDuration::from_hours(24), SignedDuration::from_hours(24 * 30));
        Limits { bytes: self.segment_bytes, age }
    }
}

/// What a state was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Write,
    Look,
}

/// The state folder, held by this process. All calls block on the disk for milliseconds.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    mode: Mode,
    journal: Mutex<Option<Journal>>,
    ledger: RwLock<(Arc<Ledger>, Head)>,
    cache: Cache,
    /// See [`Self::changes`].
    changes: AtomicU64,
    clock: Clock,
    retention: SignedDuration,
    _lock: Option<Lock>,
}

impl State {
    /// Opens the state in `dir`, makes it where it is missing, and repairs what a kill or a power cut left.
    pub fn open(dir: &Path, options: OpenOptions) -> Result<(Self, Vec<Notice>), StateError> {
        lock::prepare(dir)?;
        let lock = Lock::acquire(dir, options.patience)?;
        let now = options.clock.now();
        let (mut journal, told) = Journal::open(&journal_folder(dir), options.limits(), now)?;
        let mut notices = told.notices;
        notices.extend(purge(&mut journal, now, options.retention));
        let (cache, more) = Cache::open(dir, now);
        notices.extend(more);
        let state = Self {
            dir: dir.to_owned(),
            mode: Mode::Write,
            ledger: RwLock::new((Arc::new(told.ledger), journal.head())),
            journal: Mutex::new(Some(journal)),
            cache,
            changes: AtomicU64::new(0),
            clock: options.clock,
            retention: options.retention,
            _lock: Some(lock),
        };
        Ok((state, notices))
    }

    /// Opens the state for commands that only look: nothing is made, repaired or recorded. A folder that does not exist is
    /// an empty state. The lock is taken all the same, because sled allows one process.
    pub fn open_read_only(dir: &Path, options: OpenOptions) -> Result<(Self, Vec<Notice>), StateError> {
        let mut notices = Vec::new();
        let (mut lock, mut cache) = (None, Cache::off("there is none"));
        let mut told = None;
        if lock::exists(dir)? {
            lock::check(dir)?;
            lock = Some(Lock::acquire(dir, options.patience)?);
            told = look::read(&journal_folder(dir))?;
            if cache::is_present(dir) {
                (cache, notices) = Cache::open(dir, options.clock.now());
            }
        }
        let (ledger, head) = match told {
            Some(told) => {
                notices.extend(told.notices);
                (told.ledger, told.head)
            }
            None => (Ledger::default(), Head::START),
        };
        let state = Self {
            dir: dir.to_owned(),
            mode: Mode::Look,
            journal: Mutex::new(None),
            ledger: RwLock::new((Arc::new(ledger), head)),
            cache,
            changes: AtomicU64::new(0),
            clock: options.clock,
            retention: options.retention,
            _lock: lock,
        };
        Ok((state, notices))
    }

    /// What is known now.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The journal's last record.
    pub fn head(&self) -> Head {
        self.ledger.read().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Records ever written.
    pub fn records_total(&self) -> u64 {
        self.head().seq
    }

    /// Writes down what happened. On `Ok` it is on the disk and in the ledger; on an error it is in neither, and nothing
    /// may be written to the team.
    pub fn record(
        &self,
        cycle: Option<&CycleId>,
        actor: &Actor,
        events: Vec<Event>,
    ) -> Result<(), StateError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut guard = self.journal();
        let journal = guard.as_mut().ok_or(StateError::ReadOnly)?;
        let at = self.clock.now();
        let occasion = Occasion { at, cycle, actor };
        if journal.is_due(at) {
            self.roll(journal, at)?;
        }
        journal.append(occasion, &events)?;
        let mut current = self.ledger.write().unwrap_or_else(PoisonError::into_inner);
        let ledger = Arc::make_mut(&mut current.0);
        for event in &events {
            fold(ledger, at, event);
        }
        current.1 = journal.head();
        drop(current);
        if events.iter().any(|event| matches!(event, Event::CycleFinished { .. }))
            && let Err(error) = journal.sync_head()
        {
            tracing::warn!(error = %error, "journal head could not be synced");
        }
        Ok(())
    }

    fn roll(&self, journal: &mut Journal, now: Timestamp) -> Result<(), StateError> {
        let occasion = Occasion { at: now, cycle: None, actor: &Actor::Daemon };
        journal.roll(occasion, &self.ledger())?;
        self.ledger.write().unwrap_or_else(PoisonError::into_inner).1 = journal.head();
        if let Some(notice) = purge(journal, now, self.retention) {
            tracing::info!(notice = %notice, "journal purged");
        }
        Ok(())
    }

    fn journal(&self) -> MutexGuard<'_, Option<Journal>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Bytes on the disk, of everything in the folder.
    pub fn size_bytes(&self) -> u64 {
        cache::size_of(&self.dir).unwrap_or(0)
    }

    /// Waits until the cache and `HEAD` are on the disk. Records are already.
    pub fn flush(&self) -> Result<(), StateError> {
        self.logged("flush", self.cache.flush());
        self.journal().as_ref().map_or(Ok(()), Journal::sync_head)
    }
}

/// For backup, moving and support.
impl State {
    /// Writes the ledger as JSON Lines, schema `rosterd.state/1`; returns the number of entries.
    pub fn export(&self, out: &mut impl Write) -> Result<usize, StateError> {
        export::export(&self.ledger(), self.head(), self.clock.now(), out)
    }

    /// Puts an export in the place of the ledger, recorded as a checkpoint. Refused where a write whose outcome is
    /// unknown would be forgotten. Returns the number of links and owned seats.
    pub fn import(&self, actor: &Actor, input: impl BufRead) -> Result<usize, StateError> {
        let ledger = export::read(input)?;
        let count = export::forgotten(&self.ledger(), &ledger);
        if count > 0 {
            return Err(StateError::OpenIntents { count });
        }
        let seats = ledger.links.len() + ledger.owned.len();
        self.record(None, actor, vec![Event::Checkpoint { ledger: Box::new(ledger) }])?;
        Ok(seats)
    }
}

fn journal_folder(dir: &Path) -> PathBuf {
    dir.join("journal")
}

/// Old records are a matter of tidiness: where they cannot be deleted, work goes on.
fn purge(journal: &mut Journal, now: Timestamp, retention: SignedDuration) -> Option<Notice> {
    let cutoff = now.checked_sub(retention).unwrap_or(Timestamp::MIN);
    journal.purge(cutoff).unwrap_or_else(|error| {
        tracing::warn!(error = %error, "old journal segments could not be deleted");
        None
    })
}

#[cfg(test)]
mod tests;
