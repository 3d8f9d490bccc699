//! What the commands do, the same with and without a daemon.

mod approve;
mod saved;
mod shown;

pub use shown::ShownPlans;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::CycleError;
use super::cycle::{Context, Observed, Progress};
use super::report::CycleReport;
use crate::asc::{TeamRead, TeamWrite};
use crate::clock::Clock;
use crate::control::protocol::{Answer, Request};
use crate::metrics::Metrics;
use crate::model::event::{Actor, CycleId};
use crate::model::{DirectorySnapshot, Plan, Policy};
use crate::plan::{Allowance, Planned};
use crate::source::{DirectorySource, Previous};
use crate::state::{Note, State};

/// Everything one team needs, wired together.
pub struct Core<S, T> {
    /// The identity provider.
    pub source: S,
    /// App Store Connect.
    pub team: T,
    /// Journal and cache.
    pub state: Arc<State>,
    /// What the configuration decides.
    pub policy: Policy,
    /// How often a source with change feeds is read whole.
    pub full_interval: SignedDuration,
    /// Time.
    pub clock: Clock,
    /// Counting.
    pub metrics: Arc<Metrics>,
    /// What the hour still allows.
    pub allowance: Box<dyn Fn() -> Allowance + Send + Sync>,
    /// What is going on, for a terminal or systemd.
    pub progress: Box<dyn Fn(Progress) + Send + Sync>,
    /// What callers were shown, so that `apply` applies that very value.
    pub shown: Mutex<ShownPlans>,
}

impl<S, T> std::fmt::Debug for Core<S, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("team", &self.policy.team).finish_non_exhaustive()
    }
}

/// A plan with what it was made of.
#[derive(Clone, Debug)]
pub struct Shown {
    pub(super) observed: Observed,
    planned: Planned,
}

/// Where a change feed goes on, and when its source was last read whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// The source's own.
    pub mark: String,
    /// For `schedule.full_interval`.
    pub full_at: Timestamp,
}

/// What the cache kept for a change feed.
struct Kept {
    snapshot: DirectorySnapshot,
    mark: Mark,
}

impl Kept {
    fn previous(&self) -> (Previous<'_>, Timestamp) {
        (Previous { snapshot: &self.snapshot, watermark: &self.mark.mark }, self.mark.full_at)
    }
}

/// Who asks, and how to stop.
#[derive(Clone, Debug)]
pub struct Caller {
    /// For the audit.
    pub actor: Actor,
    /// Finishes the request in flight and stops.
    pub cancel: CancellationToken,
}

impl Caller {
    /// A command of this user.
    pub fn user(uid: u32) -> Self {
        Self { actor: Actor::User(uid), cancel: CancellationToken::new() }
    }
}

/// A new cycle's id.
pub fn new_cycle() -> CycleId {
    CycleId(uuid::Uuid::now_v7().to_string())
}

impl<S, T> Core<S, T>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
{
    /// Serves everything but `status`, which needs to know whether a daemon runs.
    pub async fn serve(&self, request: Request, caller: &Caller) -> Answer {
        let answer = match request {
            Request::Plan => self.show_plan(caller).await,
            Request::PlanToApply => self.show_plan_to_apply(caller).await,
            Request::Apply { digest } => self.apply_shown(&digest, None, caller).await,
            Request::ApplyShown { plan } => self.apply_shown(&plan.digest, Some(&plan), caller).await,
            Request::ApplySaved { plan } => self.apply_saved(&plan, caller).await,
            Request::Approve { digest } => self.approve(&digest, caller).await,
            Request::Explain { who } => self.explain(&who, caller).await,
            Request::Link { email, apple_account } => self.link(&email, &apple_account, caller).await,
            Request::Unlink { who } => self.unlink(&who, caller),
            Request::UnlinkAll => self.unlink_all(caller),
            Request::Adopt { who } => self.adopt(&who, caller).await,
            Request::StateExport => self.state_export(),
            Request::Status => {
                Err(CycleError::refused("status is not served here", "this is a defect, please report it"))
            }
        };
        answer.unwrap_or_else(|error| Answer::Refused(error.into()))
    }

    /// One cycle, recorded in journal and cache, and its plan where it came to one: the cache may be off, so nobody who has
    /// to tell what happened may look for it there.
    pub async fn cycle(&self, caller: &Caller) -> (CycleReport, Option<Plan>) {
        let id = new_cycle();
        let before = self.previous();
        let previous = before.as_ref().map(Kept::previous);
        let (report, finished) = Box::pin(self.context(caller, &id).run(previous)).await;
        let plan = finished.map(|finished| {
            self.remember(&finished.observed, &finished.planned.plan, &report);
            finished.planned.plan
        });
        // Also of a cycle that came to nothing: what the source found out was asked for one by one.
        if let Some(notes) = self.source.notes() {
            self.state.put_note(Note::Source, &notes);
        }
        self.recorded(&report);
        (report, plan)
    }

    /// The end of a cycle is written: its record in the journal, both sides and the report in the cache.
    fn recorded(&self, report: &CycleReport) {
        self.state.put_cycle(report);
        let took = self.clock.now().duration_since(report.finished_at);
        self.metrics.stage("record", Duration::try_from(took).unwrap_or_default());
    }

    /// What the cache keeps of a cycle. A cache that cannot be written costs a full read, so it is only logged.
    fn remember(&self, observed: &Observed, plan: &Plan, report: &CycleReport) {
        // A watermark may move on only when what it covers was planned from whole and applied as far as it goes. Where a
        // second look contradicted it, there is none: changes laid over a wrong read would keep it wrong.
        let contradicted = report.done.withdrawn > 0;
        let applied = report.done.deferred == 0 && observed.directory.coverage.is_complete();
        // Only a change feed goes on from a kept directory; others read theirs anew, and their people are not stored at all.
        if (applied || contradicted) && self.source.has_change_feeds() {
            let watermark = observed
                .watermark
                .as_ref()
                .filter(|_| !contradicted)
                .map(|mark| serde_json::json!(Mark { mark: mark.clone(), full_at: observed.full_at }));
            self.state.put_directory(&observed.directory, watermark, observed.at);
        }
        self.state.put_team(&observed.team, observed.at);
        self.state.put_note(Note::LastPlan, plan);
    }

    /// The snapshot and watermark to go on from, unless a full read is due.
    fn previous(&self) -> Option<Kept> {
        if !self.source.has_change_feeds() {
            return None;
        }
        let kept = self.state.directory()?;
        let mark: Mark = serde_json::from_value(kept.watermark?).ok()?;
        let age = self.clock.now().duration_since(mark.full_at).abs();
        (age < self.full_interval).then_some(Kept { snapshot: kept.snapshot, mark })
    }

    fn context<'a>(&'a self, caller: &'a Caller, id: &'a CycleId) -> Context<'a, S, T, State> {
        Context {
            source: &self.source,
            team: &self.team,
            book: &*self.state,
            policy: &self.policy,
            clock: &self.clock,
            metrics: &self.metrics,
            cancel: &caller.cancel,
            actor: &caller.actor,
            id,
            allowance: &*self.allowance,
            progress: &*self.progress,
        }
    }

    pub(super) async fn read_and_plan(&self, caller: &Caller) -> Result<Shown, CycleError> {
        let id = new_cycle();
        let context = self.context(caller, &id);
        let before = self.previous();
        let previous = before.as_ref().map(Kept::previous);
        let observed = context.observe(previous).await?;
        let planned = context.plan(&observed);
        Ok(Shown { observed, planned })
    }

    /// Both sides read, open intents closed, planned.
    async fn settled_plan(&self, caller: &Caller) -> Result<Shown, CycleError> {
        let id = new_cycle();
        let context = self.context(caller, &id);
        let mut observed = context.observe(None).await?;
        context.settle(&mut observed).await?;
        let planned = context.plan(&observed);
        Ok(Shown { observed, planned })
    }

    async fn apply(
        &self,
        mut shown: Shown,
        saved: Option<&Plan>,
        caller: &Caller,
    ) -> Result<Answer, CycleError> {
        let id = new_cycle();
        let started = self.clock.now();
        let context = self.context(caller, &id);
        let applied = context.apply(&shown.observed, &shown.planned, saved).await?;
        let report = context.finish(started, &mut shown.planned, &applied);
        self.remember(&shown.observed, &shown.planned.plan, &report);
        self.recorded(&report);
        Ok(Answer::Applied { report: Box::new(report), plan: Box::new(shown.planned.plan) })
    }

    async fn explain(&self, who: &str, caller: &Caller) -> Result<Answer, CycleError> {
        let shown = self.read_and_plan(caller).await?;
        let ledger = self.state.ledger();
        let input = crate::plan::Input {
            directory: &shown.observed.directory,
            team: &shown.observed.team,
            policy: &self.policy,
            ledger: &ledger,
            now: shown.observed.at,
            allowance: (self.allowance)(),
        };
        let explanation = crate::plan::explain::explain(&input, who);
        let json = serde_json::to_value(&explanation).unwrap_or_default();
        match explanation.found() {
            true => Ok(Answer::Explanation { text: explanation.to_string(), json }),
            false => Err(CycleError::refused(
                explanation.to_string(),
                "WHO is an address, an id of the identity provider or a seat id",
            )),
        }
    }

    fn state_export(&self) -> Result<Answer, CycleError> {
        let mut text = Vec::new();
        self.state.export(&mut text)?;
        Ok(Answer::Text { text: String::from_utf8_lossy(&text).into_owned() })
    }
}

fn stale(text: &str, old: &Plan, new: &Plan) -> CycleError {
    CycleError::Refused {
        text: format!("{text}; nothing was applied"),
        details: crate::plan::moved::between(old, new),
        hint: Some("make a new plan, look at it, and apply that".to_owned()),
    }
}
