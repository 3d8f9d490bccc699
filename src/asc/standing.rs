//! Whether a key may write: nobody says so in advance, its writes tell.

use std::sync::atomic::{AtomicBool, Ordering};

/// What is known of a key's right to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// Nothing: it has not written yet.
    Unproved,
    /// It has written with success in an earlier process, or before the configuration was loaded again.
    WroteBefore,
    /// It has written with success since it was loaded.
    Writes,
}

/// The standing of the key in use.
#[derive(Debug, Default)]
pub(super) struct Standing {
    wrote_before: AtomicBool,
    writes: AtomicBool,
}

impl Standing {
    pub(super) fn get(&self) -> KeyStanding {
        match (self.writes.load(Ordering::Relaxed), self.wrote_before.load(Ordering::Relaxed)) {
            (true, _) => KeyStanding::Writes,
            (false, true) => KeyStanding::WroteBefore,
            (false, false) => KeyStanding::Unproved,
        }
    }

    pub(super) fn writes(&self) {
        self.writes.store(true, Ordering::Relaxed);
    }

    pub(super) fn wrote_before(&self) {
        self.wrote_before.store(true, Ordering::Relaxed);
    }

    /// Another key is in use.
    pub(super) fn forget(&self) {
        self.writes.store(false, Ordering::Relaxed);
        self.wrote_before.store(false, Ordering::Relaxed);
    }
}
