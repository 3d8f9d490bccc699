//! `apply`: the plan of exactly the digest that was asked for, whatever else was planned or shown meanwhile, or a refusal that
//! lists what moved since that plan.

use std::collections::VecDeque;
use std::sync::MutexGuard;

use jiff::{SignedDuration, Timestamp};

use super::{Caller, Core, Shown, stale};
use crate::asc::{TeamRead, TeamWrite};
use crate::control::protocol::Answer;
use crate::engine::CycleError;
use crate::model::Plan;
use crate::plan::{digest, moved};
use crate::source::DirectorySource;

/// A plan that was shown longer ago is made anew before it is applied.
const SHOWN_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Somebody may think for this long and still be told what moved.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Plans that are remembered besides the latest.
const REMEMBERED: usize = 16;
/// Entries of all of them together: those of a large team's first plan are 40 MB.
const ENTRIES: usize = 20_000;

/// Plans that callers were shown: the latest with what it was made of, others as they were printed.
#[derive(Debug, Default)]
pub struct ShownPlans {
    latest: Option<Latest>,
    others: VecDeque<Plan>,
}

#[derive(Debug)]
struct Latest {
    shown: Shown,
    /// Records in the journal when it was made: one more, and it rests on what is no longer so.
    records: u64,
}

impl ShownPlans {
    fn remember(&mut self, shown: Shown, records: u64) {
        let at = shown.observed.at;
        self.retire();
        self.others.retain(|plan| at.duration_since(plan.created_at) < REMEMBERED_FOR);
        self.latest = Some(Latest { shown, records });
    }

    /// Keeps of the latest what can be compared, and lets go of both sides as they were.
    fn retire(&mut self) {
        let Some(Latest { shown, .. }) = self.latest.take() else { return };
        let plan = shown.planned.plan;
        self.others.retain(|other| other.digest != plan.digest);
        self.others.push_back(plan);
        // The oldest goes first, also before one that is larger than all may be.
        while self.others.len() > REMEMBERED || self.others.iter().map(size).sum::<usize>() > ENTRIES {
            self.others.pop_front();
        }
    }

    /// The latest, where it is the one asked for and nothing has been recorded since it was made.
    fn take(&mut self, digest: &str, records: u64, now: Timestamp) -> Option<Shown> {
        let latest = self.latest.take_if(|latest| {
            latest.shown.planned.plan.digest == digest
                && latest.records == records
                && now.duration_since(latest.shown.observed.at) < SHOWN_FOR
        })?;
        self.others.retain(|other| other.digest != digest);
        if size(&latest.shown.planned.plan) <= ENTRIES {
            // Whoever else was shown the same is told what became of it.
            self.others.push_back(latest.shown.planned.plan.clone());
        }
        Some(latest.shown)
    }

    /// A plan that a caller was shown, by a test of its digest.
    pub(super) fn find(&self, is_it: impl Fn(&str) -> bool) -> Option<&Plan> {
        let latest = self.latest.iter().map(|latest| &latest.shown.planned.plan);
        latest.chain(self.others.iter().rev()).find(|plan| is_it(&plan.digest))
    }
}

fn size(plan: &Plan) -> usize {
    plan.operations.len() + plan.held.len()
}

impl<S, T> Core<S, T>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
{
    /// `plan`: nothing is written, not even that an open write turned out to be done.
    pub(super) async fn show_plan(&self, caller: &Caller) -> Result<Answer, CycleError> {
        let records = self.state.head().seq;
        let shown = self.read_and_plan(caller).await?;
        Ok(self.shown_as(shown, records))
    }

    /// What `apply` shows before it asks. Writes that were left open are settled first, because applying would settle them
    /// and what was shown would have moved.
    pub(super) async fn show_plan_to_apply(&self, caller: &Caller) -> Result<Answer, CycleError> {
        if self.state.ledger().open_intents.is_empty() {
            return self.show_plan(caller).await;
        }
        let shown = self.settled_plan(caller).await?;
        let records = self.state.head().seq;
        Ok(self.shown_as(shown, records))
    }

    pub(super) fn shown_plans(&self) -> MutexGuard<'_, ShownPlans> {
        self.shown.lock().expect("nobody panics with it")
    }

    fn shown_as(&self, shown: Shown, records: u64) -> Answer {
        let plan = Box::new(shown.planned.plan.clone());
        let apps = shown.observed.team.apps.clone();
        self.shown_plans().remember(shown, records);
        Answer::Plan { plan, apps }
    }

    /// Applies the plan of this digest. The caller's own copy tells what moved where this process never showed it, or has
    /// forgotten: a daemon may have been started again, or have taken another configuration.
    pub(super) async fn apply_shown(
        &self,
        digest: &str,
        copy: Option<&Plan>,
        caller: &Caller,
    ) -> Result<Answer, CycleError> {
        if !digest::is_whole(digest) {
            return Err(CycleError::refused(
                "what was asked for is not the digest of a plan; nothing was applied",
                "`rosterd apply` shows a plan and applies exactly that one",
            ));
        }
        // A write that is still open may be done: only reading both sides again tells.
        let open = !self.state.ledger().open_intents.is_empty();
        let whole = self.shown_plans().take(digest, self.state.head().seq, self.clock.now());
        if let Some(shown) = whole.filter(|_| !open) {
            return self.apply(shown, None, caller).await;
        }
        let now = self.settled_plan(caller).await?;
        if now.planned.plan.digest == digest {
            return self.apply(now, None, caller).await;
        }
        let plans = self.shown_plans();
        let copy = copy.filter(|plan| plan.digest == digest && digest::verify(plan));
        Err(match plans.find(|known| known == digest).or(copy) {
            Some(old) => stale("the plan that was shown is out of date", old, &now.planned.plan),
            None => CycleError::Refused {
                text: "no plan of this digest was shown here, nor is it the plan of now; nothing was applied"
                    .to_owned(),
                details: moved::planned(&now.planned.plan),
                hint: Some("run `rosterd apply`, look at what it shows, and confirm that".to_owned()),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::engine::cycle::Observed;
    use crate::model::operation::Summary;
    use crate::model::{Coverage, DirectorySnapshot, TeamSnapshot};
    use crate::plan::Planned;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    /// A plan of so many entries that was shown then, whose digest is its number.
    fn shown(number: usize, entries: usize, minute: i64) -> Shown {
        let invite = json!({
            "kind": "invite", "person": {"id": "p1", "email": "ada@example.com", "name": "Ada King"},
            "target": {"type": "userInvitations", "id": null}, "before": null, "after": null, "reasons": [],
        });
        let plan = json!({
            "schema": "rosterd.plan/1", "team": "test", "created_at": at(minute), "digest": number.to_string(),
            "coverage": {"directory": "complete", "team": "complete"}, "summary": Summary::default(),
            "operations": vec![invite; entries], "held": [], "forecast": {"requests": 0, "seconds": 0},
        });
        let plan = serde_json::from_value(plan).expect("a plan");
        let planned = Planned { plan, findings: Vec::new(), in_scope: 1, guards: Vec::new() };
        let directory = DirectorySnapshot::new(Vec::new(), Vec::new(), Vec::new(), Coverage::Complete);
        let team =
            TeamSnapshot::new(Vec::new(), Vec::new(), std::collections::BTreeMap::new(), Coverage::Complete);
        let (directory, team) = (Arc::new(directory), Arc::new(team));
        Shown {
            observed: Observed { directory, team, watermark: None, full_at: at(minute), at: at(minute) },
            planned,
        }
    }

    /// Which of so many plans are remembered.
    fn known(plans: &ShownPlans, of: usize) -> Vec<usize> {
        (0..of).filter(|number| plans.find(|digest| *digest == number.to_string()).is_some()).collect()
    }

    #[test]
    fn a_few_plans_are_remembered_for_a_day() {
        let mut plans = ShownPlans::default();
        (0..20).for_each(|number| plans.remember(shown(number, 1, 0), 7));
        assert_eq!(known(&plans, 20), (3..20).collect::<Vec<_>>(), "sixteen besides the latest");
        plans.remember(shown(20, 1, 24 * 60), 7);
        assert_eq!(known(&plans, 21), [20], "a day later");
    }

    #[test]
    fn large_plans_are_forgotten_first() {
        let mut plans = ShownPlans::default();
        plans.remember(shown(0, ENTRIES / 2, 0), 7);
        plans.remember(shown(1, ENTRIES / 2, 1), 7);
        plans.remember(shown(2, 1, 2), 7);
        assert_eq!(known(&plans, 3), [0, 1, 2]);
        plans.remember(shown(3, ENTRIES + 1, 3), 7);
        assert_eq!(known(&plans, 4), [1, 2, 3]);
        plans.remember(shown(4, 1, 4), 7);
        assert_eq!(known(&plans, 5), [4], "one that is larger than all may be leaves no room for others");
    }

    #[test]
    fn only_the_latest_and_only_while_nothing_was_recorded_is_applied_as_it_is() {
        let fresh = |digest: &str, records, minute| {
            let mut plans = ShownPlans::default();
            plans.remember(shown(0, 1, 0), 7);
            plans.remember(shown(1, 1, 0), 7);
            let taken = plans.take(digest, records, at(minute)).is_some();
            // Taken or not, whoever asks for it next is told what moved.
            assert_eq!(known(&plans, 2), [0, 1]);
            taken
        };
        assert!(fresh("1", 7, 9));
        assert!(!fresh("0", 7, 9), "another was shown since");
        assert!(!fresh("1", 8, 9), "a cycle has written since");
        assert!(!fresh("1", 7, 10), "too long ago");
    }
}
