//! The time of day as a value that is passed in, so that tests can turn it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Tells the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's.
    System,
    /// Milliseconds since 1970 that somebody else moves.
    Manual(Arc<AtomicI64>),
    /// The runtime's, which stands still or leaps where a test has paused it.
    Runtime {
        /// What it said first.
        start: Timestamp,
        /// And when.
        since: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock that stands still until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    /// A clock that begins now and goes with the runtime's timers.
    pub fn runtime(start: Timestamp) -> Self {
        Self::Runtime { start, since: tokio::time::Instant::now() }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Manual(millis) => {
                Timestamp::from_millisecond(millis.load(Ordering::SeqCst)).unwrap_or(Timestamp::UNIX_EPOCH)
            }
            Self::Runtime { start, since } => {
                let passed = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
                start.saturating_add(passed).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Moves a manual clock; the others stay.
    pub fn advance(&self, by: std::time::Duration) {
        if let Self::Manual(millis) = self {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            millis.fetch_add(by, Ordering::SeqCst);
        }
    }
}
