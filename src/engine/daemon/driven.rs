//! What drives a daemon from without: the signals of a process, and the script of a simulation.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Reload, Shared, signals};
use crate::engine::report::Doing;

impl Shared {
    /// What goes on right now.
    pub fn doing(&self) -> Doing {
        self.live().doing
    }

    /// When the next cycle is due: another time after each.
    pub fn due(&self) -> Option<Timestamp> {
        self.live().next_cycle
    }

    /// Finishes the request in flight and ends the [`super::worker`].
    pub fn stop(&self) {
        self.stop.cancel();
        self.wake.notify_one();
    }

    /// Goes on with the configuration on disk; a bad one keeps the old.
    pub fn reload(self: &Arc<Self>, reload: &Reload) {
        signals::reload_now(self, reload);
    }
}
