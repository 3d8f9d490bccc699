//! `approve`: leave to do what guards hold, for exactly the set that a digest stands for.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Caller, Core};
use crate::asc::{TeamRead, TeamWrite};
use crate::control::protocol::Answer;
use crate::engine::{Book, CycleError};
use crate::model::ledger::entry_key;
use crate::model::{Event, Held, Plan};
use crate::plan::moved;
use crate::source::DirectorySource;

/// An approval is good for this long.
const APPROVAL_HOURS: i64 = 24;
/// Digits of a digest that are enough to name it.
const SHORTEST_DIGEST: usize = 12;

/// True when this is the digest, or enough of its beginning.
fn names(wanted: &str, full: &str) -> bool {
    let wanted = wanted.trim().to_ascii_lowercase();
    let wanted = wanted.trim_start_matches("sha256:");
    wanted.len() >= SHORTEST_DIGEST && full.trim_start_matches("sha256:").starts_with(wanted)
}

impl<S, T> Core<S, T>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
{
    pub(super) async fn approve(&self, wanted: &str, caller: &Caller) -> Result<Answer, CycleError> {
        let now = self.read_and_plan(caller).await?.planned.plan;
        let (digest, entries) = self.approvable(wanted, &now)?;
        if entries.is_empty() {
            return Err(CycleError::refused(
                "no guard holds anything in this plan",
                "there is nothing to approve",
            ));
        }
        let expires = self.clock.now() + SignedDuration::from_hours(APPROVAL_HOURS);
        let count = entries.len();
        let entries = entries.into_iter().collect();
        Book::record(&*self.state, None, &caller.actor, vec![Event::Approved { digest, entries, expires }])?;
        let lines = vec![
            format!(
                "approved: {count} held {} released, once, until {expires:.0}",
                if count == 1 { "entry is" } else { "entries are" }
            ),
            "the next cycle, or `rosterd apply`, does them".to_owned(),
        ];
        Ok(Answer::Done { lines })
    }

    /// The set that a digest stands for: what guards hold in the plan of now, or what they held in a cycle's, as long as all
    /// of it is still held.
    fn approvable(&self, wanted: &str, now: &Plan) -> Result<(String, BTreeSet<String>), CycleError> {
        let held_now = keys(&now.held);
        if names(wanted, &now.digest) {
            return Ok((now.digest.clone(), held_now));
        }
        let ledger = self.state.ledger();
        let Some(set) = ledger.guarded.iter().rev().find(|set| names(wanted, &set.digest)) else {
            return Err(self.unknown_set(wanted, now));
        };
        let gone = set.entries.iter().filter(|held| !held_now.contains(&entry_key(&held.operation)));
        let moved: Vec<String> = gone
            .map(|Held { operation, .. }| {
                let who = crate::engine::writes::whom(operation);
                format!("{} {who} is no longer held like that", operation.kind)
            })
            .collect();
        if moved.is_empty() {
            Ok((set.digest.clone(), keys(&set.entries)))
        } else {
            Err(moved_since(moved, now))
        }
    }

    /// No cycle held a set of this digest; a plan that somebody was shown may have had it.
    fn unknown_set(&self, wanted: &str, now: &Plan) -> CycleError {
        let plans = self.shown_plans();
        match plans.find(|digest| names(wanted, digest)) {
            Some(shown) => moved_since(moved::between(shown, now), now),
            None => CycleError::refused(
                "no plan with this digest holds anything now; nothing was approved",
                approve_hint(now),
            ),
        }
    }
}

/// What exactly `approve` can release.
fn keys(held: &[Held]) -> BTreeSet<String> {
    let approvable = held.iter().filter(|held| held.hold.reason.is_approvable());
    approvable.map(|held| entry_key(&held.operation)).collect()
}

fn moved_since(details: Vec<String>, now: &Plan) -> CycleError {
    CycleError::Refused {
        text: "what this digest was shown for has moved since; nothing was approved".to_owned(),
        details,
        hint: Some(approve_hint(now)),
    }
}

fn approve_hint(now: &Plan) -> String {
    if now.is_held_by_guard() {
        format!("look at `rosterd plan` again; what guards hold now has the digest {}", now.digest)
    } else {
        "guards hold nothing now; whatever is left of it needs no approval".to_owned()
    }
}
