//! One cycle, as a page: observe both sides, settle what is open, plan, write down, apply, write down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::apply::{Applied, Applier};
use super::report::{CycleReport, Done, Trouble};
use super::settle::Seats;
use super::{Book, CycleError};
use crate::asc::{AscError, TeamRead, TeamWrite};
use crate::clock::Clock;
use crate::http::Peer;
use crate::metrics::Metrics;
use crate::model::event::{Actor, CycleId, CycleResult, Outcome};
use crate::model::operation::Kind;
use crate::model::{
    Address, Coverage, DirectorySnapshot, Event, Operation, Plan, Policy, TeamSnapshot, UnreadSeat,
};
use crate::plan::{Allowance, Input, Planned};
use crate::source::{DirectorySource, Interest, Previous};

/// A lost invitation younger than this may not be listed yet, so it is looked for once more before it counts as not sent.
const LISTING_DELAY: Duration = Duration::from_secs(2);

/// Both sides, as one cycle saw them.
#[derive(Clone, Debug)]
pub struct Observed {
    /// People and groups.
    pub directory: Arc<DirectorySnapshot>,
    /// Members and invitations.
    pub team: Arc<TeamSnapshot>,
    /// Where the source's change feed goes on; kept only once this cycle's plan was applied.
    pub watermark: Option<String>,
    /// When the directory was last read whole.
    pub full_at: Timestamp,
    /// When both had been read.
    pub at: Timestamp,
}

/// What a cycle works with; borrowed from the engine.
pub struct Context<'a, S, T, B> {
    /// The identity provider.
    pub source: &'a S,
    /// App Store Connect.
    pub team: &'a T,
    /// The journal.
    pub book: &'a B,
    /// What the configuration decides.
    pub policy: &'a Policy,
    /// Time.
    pub clock: &'a Clock,
    /// Counting.
    pub metrics: &'a Metrics,
    /// Finish and stop.
    pub cancel: &'a CancellationToken,
    /// Who asked.
    pub actor: &'a Actor,
    /// This cycle.
    pub id: &'a CycleId,
    /// What the hour still allows.
    pub allowance: &'a (dyn Fn() -> Allowance + Sync),
    /// What is going on, for a terminal or systemd.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// How often a read may say how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Reading both sides, and how many answers each has given.
    Observing {
        /// The identity provider's.
        directory: u64,
        /// App Store Connect's.
        team: u64,
    },
    /// Computing.
    Planning,
    /// Writing: done, of.
    Applying(usize, usize),
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Observing { directory: 0, team: 0 } => f.write_str("reading both sides"),
            Self::Observing { directory, team } => write!(
                f,
                "reading both sides: {directory} answers of the identity provider, {team} of App Store Connect"
            ),
            Self::Planning => f.write_str("planning"),
            Self::Applying(done, of) => write!(f, "applying {done} of {of}"),
        }
    }
}

/// What a source is asked for under a policy.
pub fn interest(policy: &Policy) -> Interest {
    Interest {
        groups: crate::plan::groups_of_interest(policy),
        nested: policy.scope.nested,
        assignments: matches!(policy.scope.mode, crate::model::policy::ScopeMode::Assigned),
        attributes: crate::plan::attributes_of_interest(policy),
    }
}

impl<S, T, B> Context<'_, S, T, B>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
    B: Book,
{
    /// Reads both sides at once.
    ///
    /// # Errors
    /// When one of them refuses, or nothing of it could be read.
    pub async fn observe(&self, previous: Option<(Previous<'_>, Timestamp)>) -> Result<Observed, CycleError> {
        (self.progress)(Progress::Observing { directory: 0, team: 0 });
        let started = Instant::now();
        let interest = interest(self.policy);
        let (previous, full_at) = previous.map_or((None, self.clock.now()), |(kept, at)| (Some(kept), at));
        // On the heap: whatever waits for a cycle would otherwise carry the state of every walk on its stack.
        let directory = Box::pin(self.source.read_since(&interest, previous));
        let team = Box::pin(self.read_team());
        // Both are let finish even when one fails: the other's connections and budget stay in a known state.
        let both = async { tokio::join!(directory, team) };
        let (directory, team) = tokio::select! {
            both = self.shown(both) => both,
            // Reads change nothing, so they are dropped; only writes are waited for.
            () = self.cancel.cancelled() => return Err(CycleError::Stopped),
        };
        self.metrics.stage("observe", started.elapsed());
        let (team, (directory, watermark)) = (team?, directory?);
        for (side, coverage) in [("identity provider", &directory.coverage), ("team", &team.coverage)] {
            if let Coverage::Failed(problems) = coverage {
                let why = problems.first().map_or("no answer", |problem| &problem.0);
                return Err(CycleError::NothingRead(format!("nothing could be read of the {side}: {why}")));
            }
        }
        if directory.coverage.is_complete() {
            for (key, attribute) in crate::plan::unheard_of(self.policy, &directory) {
                tracing::warn!(
                    key,
                    attribute,
                    "the configuration asks for an attribute that nobody in the directory has"
                );
            }
        }
        let at = self.clock.now();
        self.metrics.directory_people.set(crate::metrics::int(directory.people().len()));
        self.metrics.team_members.set(crate::metrics::int(team.members.len()));
        let expired = team.invitations.iter().filter(|invitation| invitation.is_expired(at)).count();
        self.metrics.invitations(team.invitations.len() - expired, expired);
        Ok(Observed { directory: Arc::new(directory), team: Arc::new(team), watermark, full_at, at })
    }

    /// The team, and by id whatever of it the lists ought to show and do not: a linked seat, and the seat of a write whose
    /// outcome is open.
    async fn read_team(&self) -> Result<TeamSnapshot, AscError> {
        let bundles = crate::plan::bundles_of_interest(self.policy);
        let team = self.team.read(&bundles).await?;
        let ledger = self.book.ledger();
        let linked = ledger.links.values().filter_map(|link| link.seat.clone());
        let open = ledger.open_intents.values().filter_map(|open| open.operation.target.seat_id());
        let missing = linked.chain(open).filter(|seat| !team.shows(seat)).collect();
        Ok(self.team.look(team, &missing).await)
    }

    /// Says how far a read has come, as long as it comes further: silence is what a watchdog goes by.
    async fn shown<R>(&self, read: impl Future<Output = R>) -> R {
        let answers = || [Peer::Directory, Peer::AppStoreConnect].map(|peer| self.metrics.answers(peer));
        let before = answers();
        let mut told = before;
        let mut read = std::pin::pin!(read);
        loop {
            tokio::select! {
                result = &mut read => return result,
                () = tokio::time::sleep(PROGRESS_EVERY) => {}
            }
            let now = answers();
            if now != told {
                told = now;
                let [directory, team] = [0, 1].map(|peer| now[peer].saturating_sub(before[peer]));
                (self.progress)(Progress::Observing { directory, team });
            }
        }
    }

    /// Closes writes whose outcome was never learnt. Rests on complete lists only.
    ///
    /// # Errors
    /// When the journal cannot be written, or the lists cannot be read a second time.
    pub async fn settle(&self, observed: &mut Observed) -> Result<(), CycleError> {
        let open = self.book.ledger();
        if open.open_intents.is_empty() || observed.team.is_cut() {
            return Ok(());
        }
        let now = self.clock.now();
        let seats = Seats { members: &observed.team.members, invitations: &observed.team.invitations };
        let young = |at: Timestamp| now.duration_since(at).unsigned_abs() < LISTING_DELAY;
        let look_again = open.open_intents.values().any(|open| {
            open.operation.kind == Kind::Invite
                && young(open.at)
                && seats.of_invitee(&open.operation).is_none()
        });
        if look_again {
            tokio::time::sleep(LISTING_DELAY).await;
            observed.team = Arc::new(self.read_team().await?);
            if observed.team.is_cut() {
                return Ok(());
            }
        }
        let seats = Seats { members: &observed.team.members, invitations: &observed.team.invitations };
        let which = self.policy.access.match_addresses;
        let everybody = observed.directory.people().iter();
        let is_known =
            |name: &Address| everybody.clone().any(|person| person.addresses.matching(which).contains(name));
        let elsewhere = |operation: &Operation| seats.accepted_elsewhere(operation, &open, is_known);
        let outcome_of = |operation: &Operation| match (seats.outcome_of(operation), operation.kind) {
            (lost @ Outcome::NotApplied { .. }, Kind::Invite) => match elsewhere(operation) {
                Some(seat) => Outcome::Applied { seat: Some(seat), expires: None },
                None => lost,
            },
            (gone @ Outcome::Applied { .. }, Kind::CancelInvitation) => match elsewhere(operation) {
                Some(seat) => Outcome::AlreadySo { seat: Some(seat) },
                None => gone,
            },
            (told, _) => told,
        };
        let events = open
            .open_intents
            .values()
            .filter(|open| is_readable(&open.operation, &observed.team))
            .map(|open| {
                let outcome = outcome_of(&open.operation);
                tracing::info!(operation.kind = open.operation.kind.as_str(), settled = ?Settled(&outcome), "open intent settled");
                Event::Outcome { intent: open.intent.clone(), outcome, request_id: None }
            })
            .collect();
        self.record(events)
    }

    /// Computes the plan.
    pub fn plan(&self, observed: &Observed) -> Planned {
        (self.progress)(Progress::Planning);
        let started = Instant::now();
        let ledger = self.book.ledger();
        let planned = crate::plan::plan(&Input {
            directory: &observed.directory,
            team: &observed.team,
            policy: self.policy,
            ledger: &ledger,
            now: observed.at,
            allowance: (self.allowance)(),
        });
        self.metrics.stage("plan", started.elapsed());
        self.metrics.planned(&planned.plan);
        self.metrics.people_in_scope.set(i64::try_from(planned.in_scope).unwrap_or(i64::MAX));
        planned
    }

    /// Writes findings and decisions down, applies the plan, writes the end down.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn apply(
        &self,
        observed: &Observed,
        planned: &Planned,
        spend: Option<&Plan>,
    ) -> Result<Applied, CycleError> {
        let started = Instant::now();
        let mut events = planned.findings.clone();
        if let Some(saved) = spend {
            events.push(Event::PlanSpent { digest: saved.digest.clone(), created_at: saved.created_at });
        }
        for guard in &planned.guards {
            self.metrics.guard_trip(guard);
        }
        self.record(events)?;
        let interest = interest(self.policy);
        let applier = Applier {
            source: self.source,
            team: self.team,
            book: self.book,
            policy: self.policy,
            interest: &interest,
            directory: &observed.directory,
            metrics: self.metrics,
            cancel: self.cancel,
            actor: self.actor,
            cycle: self.id,
            progress: &|done, of| (self.progress)(Progress::Applying(done, of)),
        };
        let applied = applier.apply(&planned.plan).await?;
        self.metrics.stage("apply", started.elapsed());
        self.metrics.open_intents.set(crate::metrics::int(self.book.ledger().open_intents.len()));
        Ok(applied)
    }

    fn record(&self, events: Vec<Event>) -> Result<(), CycleError> {
        if events.is_empty() {
            return Ok(());
        }
        self.metrics.audited(events.len() as u64);
        self.book.record(Some(self.id), self.actor, events)
    }

    /// The whole cycle. Whatever happens is in the report, and in the journal where that can be written.
    pub async fn run(&self, previous: Option<(Previous<'_>, Timestamp)>) -> (CycleReport, Option<Finished>) {
        let started_at = self.clock.now();
        match self.observe_plan_apply(previous).await {
            Ok(mut finished) => {
                let report = self.finish(started_at, &mut finished.planned, &finished.applied);
                (report, Some(finished))
            }
            Err(error) => (self.failed(started_at, &error), None),
        }
    }

    async fn observe_plan_apply(
        &self,
        previous: Option<(Previous<'_>, Timestamp)>,
    ) -> Result<Finished, CycleError> {
        let mut observed = self.observe(previous).await?;
        self.settle(&mut observed).await?;
        let planned = self.plan(&observed);
        let applied = self.apply(&observed, &planned, None).await?;
        Ok(Finished { observed, planned, applied })
    }

    /// The end of a cycle that had a plan, in the journal and as a report. What was held back at the last look is held in the
    /// plan from here on.
    pub fn finish(&self, started_at: Timestamp, planned: &mut Planned, applied: &Applied) -> CycleReport {
        planned.plan.hold_back(&applied.held);
        self.metrics.planned(&planned.plan);
        let plan = &planned.plan;
        let result = result_of(plan, applied);
        let shrunk = planned.guards.iter().any(|guard| guard == "source_shrink_percent");
        // An approval that released all of it leaves no guard; one that released a part is no leave for the rest.
        let counts = plan.coverage.directory == "complete" && !shrunk;
        // The report has room for one.
        for Trouble { text, hint } in applied.troubles.iter().skip(usize::from(applied.ended_by.is_none())) {
            tracing::warn!(error = text, hint = hint.as_deref().unwrap_or_default(), "nor was this done");
        }
        let refused = applied.ended_by.as_ref().map(CycleError::trouble);
        let error =
            refused.or_else(|| applied.troubles.first().cloned()).or_else(|| left_over(plan, applied));
        let report = CycleReport {
            id: self.id.clone(),
            started_at,
            finished_at: self.clock.now(),
            result,
            digest: Some(plan.digest.clone()),
            summary: Some(plan.summary),
            coverage: Some(plan.coverage.clone()),
            done: applied.done,
            error,
            exit_code: exit_code_of(plan, applied),
        };
        self.close(report, counts.then_some(planned.in_scope))
    }

    fn failed(&self, started_at: Timestamp, error: &CycleError) -> CycleReport {
        let report = CycleReport {
            id: self.id.clone(),
            started_at,
            finished_at: self.clock.now(),
            result: if self.cancel.is_cancelled() { CycleResult::Cancelled } else { CycleResult::Error },
            digest: None,
            summary: None,
            coverage: None,
            done: Done::default(),
            error: Some(error.trouble()),
            exit_code: error.exit_code(),
        };
        self.close(report, None)
    }

    fn close(&self, mut report: CycleReport, in_scope: Option<u64>) -> CycleReport {
        let event = Event::CycleFinished {
            result: report.result,
            digest: report.digest.clone(),
            summary: report.summary,
            in_scope,
            error: report.error.as_ref().map(|trouble| trouble.text.clone()),
        };
        if let Err(error) = self.record(vec![event]) {
            report.result = CycleResult::Error;
            report.error = Some(error.trouble());
            report.exit_code = error.exit_code();
        }
        let took = report.finished_at.duration_since(report.started_at).unsigned_abs();
        self.metrics.cycle(report.result, took);
        report
    }
}

/// True when the outcome of a write can be told from what was read: not while its seat, or one of the invited name, is there
/// and could not be read.
fn is_readable(operation: &Operation, team: &TeamSnapshot) -> bool {
    let seat = operation.target.seat_id();
    let invited = operation.invitee.as_ref().map(|invitee| &invitee.email);
    let concerns = |unread: &UnreadSeat| match (&unread.seat, &unread.name) {
        (Some(unread), _) if seat.as_ref() == Some(unread) => true,
        (_, Some(name)) => Some(name) == invited || Some(name) == operation.target.name.as_ref(),
        (_, None) => false,
    };
    let is_sure = seat.as_ref().is_none_or(|seat| team.shows(seat) || team.gone.contains(seat));
    is_sure && !team.unread_records().any(concerns)
}

/// A cycle that reached its end.
#[derive(Debug)]
pub struct Finished {
    /// What was read.
    pub observed: Observed,
    /// What was planned.
    pub planned: Planned,
    /// What became of it.
    pub applied: Applied,
}

/// The word for how a cycle went, the worst first.
fn result_of(plan: &Plan, applied: &Applied) -> CycleResult {
    let done = applied.done;
    if applied.ended_by.is_some() {
        CycleResult::Error
    } else if applied.cancelled {
        CycleResult::Cancelled
    } else if done.failed + done.unknown + done.deferred > 0 || !is_read_whole(plan, applied) {
        CycleResult::Partial
    } else if plan.is_held_by_guard() {
        CycleResult::Held
    } else if plan.is_empty() {
        CycleResult::NoOp
    } else {
        CycleResult::Success
    }
}

/// Both sides were read whole, and so was whoever had to be read again.
fn is_read_whole(plan: &Plan, applied: &Applied) -> bool {
    plan.coverage.is_complete() && applied.held.is_empty()
}

/// The exit code of the contract: the refusal that ended it, failures and what was not read, guards, in this order.
fn exit_code_of(plan: &Plan, applied: &Applied) -> u8 {
    match &applied.ended_by {
        Some(error) => error.exit_code(),
        None if applied.cancelled => 1,
        None if applied.done.failed + applied.done.unknown + applied.done.deferred > 0 => 5,
        None if !is_read_whole(plan, applied) => 5,
        None if plan.is_held_by_guard() => 3,
        None => 0,
    }
}

/// What was left without a request that could tell why: the end came from here, or a first half was withdrawn.
fn left_over(plan: &Plan, applied: &Applied) -> Option<Trouble> {
    let (left, all) = (applied.done.deferred, plan.operations.len());
    let (text, hint) = if applied.cancelled {
        (
            format!("stopped by a signal: {left} of {all} operations were not sent"),
            "the next cycle goes on with them",
        )
    } else if left > 0 {
        (
            format!("{left} of {all} operations were not sent"),
            "the next cycle plans them anew; `rosterd explain WHO` tells why",
        )
    } else {
        return None;
    };
    Some(Trouble { text, hint: Some(hint.to_owned()) })
}

/// An outcome without addresses, for the log.
struct Settled<'a>(&'a Outcome);

impl std::fmt::Debug for Settled<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Outcome::Applied { .. } => "applied",
            Outcome::AlreadySo { .. } => "already_so",
            Outcome::Failed { .. } => "failed",
            Outcome::Withdrawn { .. } => "withdrawn",
            Outcome::Unknown { .. } => "unknown",
            Outcome::NotApplied { .. } => "not_applied",
        })
    }
}
