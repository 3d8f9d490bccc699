//! Writes a plan, one operation at a time, and writes down each before and after.
//!
//! Nothing is decided here that the plan does not say: a write can only go through, be refused, be withdrawn because the
//! leaver turned out to be here, or wait for the next cycle.

mod refusals;
mod second_look;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use refusals::Undecided;
use second_look::Looks;

use super::report::{Done, Trouble};
use super::settle::Seats;
use super::writes::{Unit, failed_last, phases, take_first, units, whom, write};
use super::{Book, CycleError};
use crate::asc::{AscError, KeyStanding, TeamRead, TeamWrite};
use crate::metrics::Metrics;
use crate::model::event::{Actor, CycleId, IntentId, Outcome};
use crate::model::ledger::{hold_key, subject_key};
use crate::model::operation::{Hold, HoldReason, Kind, Operation, Plan};
use crate::model::{Event, Held, Policy};
use crate::source::{DirectorySource, Interest};

/// Writes under way at once. Apple's budget, not the connection, is what limits a plan.
const CONCURRENCY: usize = 4;
/// Waits for a 429 before an operation is left for the next cycle.
const RATE_LIMIT_TRIES: u32 = 3;
/// How long after a lost answer the lists are read: a write that got through needs a moment to show.
const BEFORE_READING_BACK: Duration = Duration::from_millis(500);
/// Writes in a row that could not be sent before the rest is left for the next cycle.
const UNSENT_LIMIT: u32 = 3;

/// Everything applying needs; borrowed from the engine.
pub struct Applier<'a, S, T, B> {
    /// To read leavers again.
    pub source: &'a S,
    /// To write, and to read back.
    pub team: &'a T,
    /// The journal.
    pub book: &'a B,
    /// To judge what was read again.
    pub policy: &'a Policy,
    /// What the source is asked for.
    pub interest: &'a Interest,
    /// The directory the plan was made of.
    pub directory: &'a crate::model::DirectorySnapshot,
    /// For counting.
    pub metrics: &'a Metrics,
    /// Finishes the request in flight and starts no other.
    pub cancel: &'a CancellationToken,
    /// Who asked.
    pub actor: &'a Actor,
    /// Within this cycle.
    pub cycle: &'a CycleId,
    /// Called first and after each operation with how many are done and how many there are.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// How applying went.
#[derive(Debug, Default)]
pub struct Applied {
    /// Counts.
    pub done: Done,
    /// The first answer that ended the writing, where one did.
    pub ended_by: Option<CycleError>,
    /// One line per operation that failed or is unknown.
    pub troubles: Vec<Trouble>,
    /// What was held back at the last look.
    pub held: Vec<Held>,
    /// True when a signal ended it.
    pub cancelled: bool,
}

/// What became of one operation.
enum Step {
    Applied,
    Failed(String),
    /// Nothing was left to write to.
    Withdrawn,
    /// Not sent: the second look failed, or contradicts the first.
    Held(Box<Held>),
    Unknown(String),
    /// Left for the next cycle, with why where this operation itself was tried.
    Deferred(Option<String>),
    /// Refused, and only the writes to come tell whether it is the key's refusal or this operation's.
    Undecided,
}

#[derive(Default)]
struct Tally {
    applied: Applied,
    /// Whose outcomes are not known.
    unknown: Vec<IntentId>,
    finished: usize,
    unsent: u32,
    /// Refusals since the latest success.
    refused: u32,
    /// Those that are judged when all writes are through.
    undecided: Vec<Undecided>,
    /// The subject of the write at which the key was refused.
    key_refused: Option<String>,
}

impl<S, T, B> Applier<'_, S, T, B>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
    B: Book,
{
    /// Applies a whole plan in its order: revocations, pairs, updates, invitations; within one of these, a few at once.
    ///
    /// # Errors
    /// Only when the journal cannot be written: no audit, no write.
    pub async fn apply(&self, plan: &Plan) -> Result<Applied, CycleError> {
        if !plan.operations.is_empty() {
            (self.progress)(0, plan.operations.len());
        }
        let run = Run {
            applier: self,
            plan,
            looks: self.looks(plan).await,
            standing: self.team.key_standing(),
            stop: AtomicBool::new(false),
            fatal: Mutex::new(None),
            tally: Mutex::default(),
        };
        let ledger = self.book.ledger();
        let mut phases = phases(units(&plan.operations));
        let has_failed = |operation: &Operation| {
            let subject = subject_key(operation);
            ledger.backoffs.contains_key(&subject) || ledger.refused.contains(&subject)
        };
        failed_last(&mut phases, has_failed);
        // The first write goes alone: a key that may not write is told by one refusal, not by four.
        let was_refused = |operation: &Operation| {
            run.standing == KeyStanding::Unproved && ledger.refused.contains(&subject_key(operation))
        };
        if let Some(first) = take_first(&mut phases, was_refused) {
            run.unit(first).await;
        }
        for phase in phases {
            futures_util::stream::iter(phase).for_each_concurrent(CONCURRENCY, |unit| run.unit(unit)).await;
        }
        run.judge_refusals()?;
        if let Some(fatal) = run.fatal.into_inner().expect("no writer panics") {
            return Err(fatal);
        }
        let Tally { mut applied, unknown, key_refused, .. } =
            run.tally.into_inner().expect("no writer panics");
        if let Some(subject) = key_refused {
            self.record(vec![Event::KeyRefused { subject }])?;
        }
        applied.cancelled = self.cancel.is_cancelled() && applied.done.deferred > 0;
        if !unknown.is_empty() {
            self.read_back(&mut applied, &unknown).await?;
        }
        Ok(applied)
    }

    /// Settles those of this plan's unknown outcomes that the lists already show; the others stay open for the next cycle.
    async fn read_back(&self, applied: &mut Applied, unknown: &[IntentId]) -> Result<(), CycleError> {
        tokio::time::sleep(BEFORE_READING_BACK).await;
        let Ok((members, invitations)) = self.team.seats().await else { return Ok(()) };
        let seats = Seats { members: &members, invitations: &invitations };
        let mut events = Vec::new();
        // What earlier cycles left open is the next one's to settle, and none of what this plan counts as unknown.
        let ledger = self.book.ledger();
        for open in unknown.iter().filter_map(|intent| ledger.open_intents.get(&intent.0)) {
            let outcome = seats.outcome_of(&open.operation);
            if !matches!(outcome, Outcome::NotApplied { .. }) {
                self.metrics.operation(open.operation.kind, "applied");
                events.push(Event::Outcome { intent: open.intent.clone(), outcome, request_id: None });
            }
        }
        applied.done.unknown = applied.done.unknown.saturating_sub(events.len());
        applied.done.applied += events.len();
        if events.is_empty() { Ok(()) } else { self.record(events) }
    }

    fn record(&self, events: Vec<Event>) -> Result<(), CycleError> {
        self.book.record(Some(self.cycle), self.actor, events)
    }
}

struct Run<'r, 'a, S, T, B> {
    applier: &'r Applier<'a, S, T, B>,
    plan: &'r Plan,
    looks: Looks<'r>,
    /// What was known of the key's right to write when this plan began.
    standing: KeyStanding,
    stop: AtomicBool,
    fatal: Mutex<Option<CycleError>>,
    tally: Mutex<Tally>,
}

impl<S, T, B> Run<'_, '_, S, T, B>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
    B: Book,
{
    /// One unit; the second half of a pair goes only when the first went through.
    async fn unit(&self, unit: Unit<'_>) {
        let mut blocked = false;
        for operation in unit {
            let step = if blocked || self.is_over() {
                Ok(Step::Deferred(None))
            } else {
                self.operation(operation).await
            };
            let step = match step {
                Ok(step) => step,
                Err(fatal) => {
                    self.stop.store(true, Ordering::SeqCst);
                    self.fatal.lock().expect("no writer panics").get_or_insert(fatal);
                    Step::Deferred(None)
                }
            };
            blocked = !matches!(step, Step::Applied);
            if !matches!(step, Step::Undecided) {
                self.count(operation, step);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.applier.cancel.is_cancelled()
    }

    async fn operation(&self, operation: &Operation) -> Result<Step, CycleError> {
        let look = self.applier.unless_stopped(self.applier.looks_the_same(&self.looks, operation)).await;
        if self.applier.cancel.is_cancelled() {
            return Ok(Step::Deferred(None));
        }
        if let Err(reason) = look {
            return self.hold_back(operation, reason);
        }
        let intent = IntentId(uuid::Uuid::now_v7().to_string());
        self.applier.record(vec![Event::Intent {
            intent: intent.clone(),
            plan: self.plan.digest.clone(),
            operation: operation.clone(),
        }])?;
        let (outcome, request_id) = match self.send(operation).await {
            Ok(settled) => settled,
            Err(error) => {
                let undecided = Undecided { intent, operation: operation.clone(), error };
                self.tally.lock().expect("no writer panics").undecided.push(undecided);
                return Ok(Step::Undecided);
            }
        };
        let step = step_of(&outcome);
        if matches!(step, Step::Unknown(_)) {
            self.tally.lock().expect("no writer panics").unknown.push(intent.clone());
        }
        self.applier.record(vec![Event::Outcome { intent, outcome, request_id }])?;
        Ok(step)
    }

    /// The second look failed, or contradicts the first: what the removal rests on was not read whole.
    fn hold_back(&self, operation: &Operation, reason: String) -> Result<Step, CycleError> {
        let hold = Hold::new(HoldReason::IncompleteRead, reason);
        let held = Held { operation: operation.clone(), hold };
        let known = self.applier.book.ledger().holds.get(&hold_key(operation)) == Some(&held.hold);
        if !known {
            let (plan, held) = (self.plan.digest.clone(), held.clone());
            self.applier.record(vec![Event::HeldBack { plan, held }])?;
        }
        Ok(Step::Held(Box::new(held)))
    }

    /// Sends one write until it has an outcome. Only answers that cannot have had an effect are sent again.
    ///
    /// # Errors
    /// A refusal that is judged when all writes are through.
    async fn send(&self, operation: &Operation) -> Result<(Outcome, Option<String>), AscError> {
        for attempt in 1.. {
            let error = match write(self.applier.team, operation).await {
                Ok((outcome, request_id)) => {
                    self.applier.team.key_wrote();
                    let mut tally = self.tally.lock().expect("no writer panics");
                    (tally.unsent, tally.refused) = (0, 0);
                    return Ok((outcome, request_id));
                }
                Err(error) => error,
            };
            match self.pause_before_retry(&error, attempt) {
                Some(pause) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = self.applier.cancel.cancelled() => {
                            let outcome = Outcome::NotApplied { detail: error.to_string() };
                            return Ok((outcome, request_id(&error)));
                        }
                    }
                }
                None => {
                    let request_id = request_id(&error);
                    return Ok((self.outcome_of(operation, error).await?, request_id));
                }
            }
        }
        unreachable!("the loop is left by a return")
    }

    fn pause_before_retry(&self, error: &AscError, attempt: u32) -> Option<Duration> {
        if error.ends_cycle() || attempt >= RATE_LIMIT_TRIES {
            return None;
        }
        let doubling = Duration::from_secs(1 << attempt);
        match error {
            AscError::RateLimited { retry_after, .. } => {
                Some(retry_after.map_or(doubling * 2, Duration::from_secs))
            }
            AscError::NotSent { .. } => Some(doubling / 4),
            AscError::Refused { .. }
            | AscError::Conflict { .. }
            | AscError::Gone { .. }
            | AscError::Invalid { .. }
            | AscError::Unknown { .. }
            | AscError::Protocol { .. } => None,
        }
    }

    /// The outcome of an answer that is no success.
    async fn outcome_of(&self, operation: &Operation, error: AscError) -> Result<Outcome, AscError> {
        let text = error.to_string();
        let outcome = match &error {
            AscError::Refused { cause, .. } => {
                let cause = *cause;
                return self.refused(operation, cause, error);
            }
            AscError::RateLimited { .. } => {
                self.end(error);
                Outcome::NotApplied { detail: text }
            }
            AscError::NotSent { .. } => {
                let mut tally = self.tally.lock().expect("no writer panics");
                tally.unsent += 1;
                if tally.unsent >= UNSENT_LIMIT {
                    drop(tally);
                    self.end(error);
                }
                Outcome::NotApplied { detail: text }
            }
            AscError::Conflict { .. } if operation.kind == Kind::Invite => self.taken(operation, text).await,
            AscError::Gone { .. } => self.gone(operation, text).await,
            AscError::Conflict { .. } | AscError::Invalid { .. } => Outcome::Failed { error: text },
            AscError::Unknown { .. } | AscError::Protocol { .. } if operation.replacement => {
                self.half_of_a_pair(operation, text).await
            }
            AscError::Unknown { .. } | AscError::Protocol { .. } => Outcome::Unknown { error: text },
        };
        Ok(outcome)
    }

    /// An invitation refused by a conflict: the address may be taken, which only reading both lists can tell.
    async fn taken(&self, operation: &Operation, error: String) -> Outcome {
        let Ok((members, invitations)) = self.applier.team.seats().await else {
            return Outcome::Failed { error };
        };
        let seats = Seats { members: &members, invitations: &invitations };
        match seats.of_invitee(operation) {
            Some(Outcome::Applied { seat, .. }) => Outcome::AlreadySo { seat },
            Some(_) | None => Outcome::Failed { error },
        }
    }

    /// A lost answer to half of a pair is read back at once: the other half waits for it, and between the two of them the
    /// person has nothing.
    async fn half_of_a_pair(&self, operation: &Operation, error: String) -> Outcome {
        tokio::time::sleep(BEFORE_READING_BACK).await;
        let Ok((members, invitations)) = self.applier.team.seats().await else {
            return Outcome::Unknown { error };
        };
        match (Seats { members: &members, invitations: &invitations }).outcome_of(operation) {
            done @ Outcome::Applied { .. } => done,
            Outcome::AlreadySo { .. }
            | Outcome::Failed { .. }
            | Outcome::Withdrawn { .. }
            | Outcome::Unknown { .. }
            | Outcome::NotApplied { .. } => Outcome::Unknown { error },
        }
    }

    /// 404 or 410: gone already, or an invitation that has been accepted since.
    async fn gone(&self, operation: &Operation, error: String) -> Outcome {
        match operation.kind {
            Kind::RemoveMember => Outcome::AlreadySo { seat: None },
            Kind::CancelInvitation => {
                let Ok((members, invitations)) = self.applier.team.seats().await else {
                    return Outcome::Unknown { error };
                };
                let seats = Seats { members: &members, invitations: &invitations };
                match seats.outcome_of(operation) {
                    accepted @ Outcome::AlreadySo { .. } => accepted,
                    // Perhaps accepted under another Apple Account: the next plan looks for whoever that is.
                    Outcome::Applied { .. } => Outcome::Withdrawn { detail: error },
                    Outcome::NotApplied { .. }
                    | Outcome::Failed { .. }
                    | Outcome::Withdrawn { .. }
                    | Outcome::Unknown { .. } => Outcome::NotApplied { detail: error },
                }
            }
            Kind::UpdateMember | Kind::Invite => Outcome::NotApplied { detail: error },
        }
    }

    fn end(&self, error: AscError) {
        self.stop.store(true, Ordering::SeqCst);
        let mut tally = self.tally.lock().expect("no writer panics");
        tally.applied.ended_by.get_or_insert(CycleError::Team(error));
    }

    fn count(&self, operation: &Operation, step: Step) {
        let mut tally = self.tally.lock().expect("no writer panics");
        tally.finished += 1;
        let done = &mut tally.applied.done;
        let (result, trouble) = match step {
            Step::Applied => {
                done.applied += 1;
                ("applied", None)
            }
            Step::Failed(text) => {
                done.failed += 1;
                ("failed", Some((text, "it is tried again after a pause; `rosterd explain WHO` tells when")))
            }
            Step::Unknown(text) => {
                done.unknown += 1;
                ("unknown", Some((text, "the next cycle reads back what came of it")))
            }
            Step::Withdrawn => {
                done.withdrawn += 1;
                ("", None)
            }
            Step::Undecided => ("", None),
            Step::Held(held) => {
                done.withdrawn += 1;
                let text = held.hold.detail.clone();
                tally.applied.held.push(*held);
                (
                    "",
                    Some((
                        text,
                        "nobody loses a seat on such a read; it is held until a read and a second look agree",
                    )),
                )
            }
            Step::Deferred(text) => {
                done.deferred += 1;
                // What ended the writing is told once, with its own cure.
                let told = tally.applied.ended_by.as_ref().map(CycleError::to_string);
                (
                    "",
                    text.filter(|text| told.as_ref() != Some(text))
                        .map(|text| (text, "the next cycle plans it anew")),
                )
            }
        };
        if !result.is_empty() {
            self.applier.metrics.operation(operation.kind, result);
        }
        if let Some((text, hint)) = trouble {
            let text = format!("{} {}: {text}", operation.kind, whom(operation));
            tally.applied.troubles.push(Trouble { text, hint: Some(hint.to_owned()) });
        }
        let finished = tally.finished;
        drop(tally);
        (self.applier.progress)(finished, self.plan.operations.len());
    }
}

fn request_id(error: &AscError) -> Option<String> {
    error.request_id().map(str::to_owned)
}

fn step_of(outcome: &Outcome) -> Step {
    match outcome {
        Outcome::Applied { .. } | Outcome::AlreadySo { .. } => Step::Applied,
        Outcome::Failed { error } => Step::Failed(error.clone()),
        Outcome::Unknown { error } => Step::Unknown(error.clone()),
        Outcome::Withdrawn { .. } => Step::Withdrawn,
        Outcome::NotApplied { detail } => Step::Deferred(Some(detail.clone())),
    }
}

#[cfg(test)]
mod tests;
