//! Things that happen at a moment of somebody else's walk: between two pages, or just before a write.

use std::fmt;

use globset::GlobMatcher;

use super::faults::matcher;
use super::message::Call;
use super::state::State;

type Act = Box<dyn FnOnce(&mut State) + Send>;

struct Moment {
    method: String,
    path: GlobMatcher,
    nth: u32,
    act: Act,
}

/// What is to happen, in the order it was said.
#[derive(Default)]
pub(super) struct Moments(Vec<Moment>);

impl fmt::Debug for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} moments", self.0.len())
    }
}

impl Moments {
    /// Remembers what is to happen just before the nth request (1 is the next) of a method and path glob is served.
    pub(super) fn before(&mut self, method: &str, path: &str, nth: u32, act: Act) {
        self.0.push(Moment { method: method.to_owned(), path: matcher(path), nth, act });
    }

    /// Takes out what is due now.
    pub(super) fn due(&mut self, call: &Call) -> Vec<Act> {
        for moment in &mut self.0 {
            if moment.method == call.method && moment.path.is_match(&call.path) {
                moment.nth = moment.nth.saturating_sub(1);
            }
        }
        let (due, later) = std::mem::take(&mut self.0).into_iter().partition(|moment| moment.nth == 0);
        self.0 = later;
        let due: Vec<Moment> = due;
        due.into_iter().map(|moment| moment.act).collect()
    }
}
