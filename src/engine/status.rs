//! Puts the status together, from the state alone or with what a running daemon knows besides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::report::{
    BudgetReport, CredentialReport, CycleReport, Doing, GuardReport, Quarantine, SCHEMA, Status, Trouble,
};
use crate::model::event::CycleResult;
use crate::model::{Held, HoldReason, Plan};
use crate::state::{Note, State};

/// Cycles that are shown.
pub const CYCLES: usize = 40;

/// What only a running daemon knows.
#[derive(Clone, Debug)]
pub struct Live {
    /// What it does.
    pub doing: Doing,
    /// Since when it runs.
    pub running_since: Timestamp,
    /// When the next cycle is due.
    pub next_cycle: Option<Timestamp>,
    /// Where cycles are slowed.
    pub quarantine: Option<Quarantine>,
    /// After a reload that was refused.
    pub reload_trouble: Option<Trouble>,
}

/// What the configuration and the clients know.
#[derive(Clone, Debug)]
pub struct Known {
    /// The configuration's `name`.
    pub team: String,
    /// From the schedule.
    pub interval_seconds: u64,
    /// The API key's hour.
    pub budget: BudgetReport,
    /// Ours.
    pub credentials: Vec<CredentialReport>,
    /// Those whose file on disk was refused.
    pub credential_troubles: BTreeMap<String, Trouble>,
}

/// Last cycles and last plan as they were read, so that a question costs no parsing.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Option<(u64, Arc<Kept>)>>);

#[derive(Debug)]
struct Kept {
    cycles: Vec<CycleReport>,
    held: Arc<[Held]>,
    held_by_reason: BTreeMap<HoldReason, usize>,
    /// The plan holds something that can be approved.
    is_guarded: bool,
}

impl Memory {
    /// What the state keeps. It is read again when it has changed, once for all who ask meanwhile.
    fn of(&self, state: &State) -> Arc<Kept> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the reading: what changes meanwhile is read the next time.
        let changes = state.changes();
        if let Some((_, kept)) = memory.as_ref().filter(|(then, _)| *then == changes) {
            return Arc::clone(kept);
        }
        let kept = Arc::new(Kept::read(state));
        *memory = Some((changes, Arc::clone(&kept)));
        kept
    }
}

impl Kept {
    fn read(state: &State) -> Self {
        let held = state.note::<Plan>(Note::LastPlan).map(|plan| plan.held).unwrap_or_default();
        let mut held_by_reason = BTreeMap::new();
        for entry in &held {
            *held_by_reason.entry(entry.hold.reason).or_insert(0) += 1;
        }
        Self {
            cycles: super::history::cycles(state, CYCLES),
            is_guarded: held.iter().any(|entry| entry.hold.reason.is_approvable()),
            held: held.into(),
            held_by_reason,
        }
    }
}

/// Everything `status` shows.
pub fn status(state: &State, memory: &Memory, now: Timestamp, known: Known, live: Option<Live>) -> Status {
    let kept = memory.of(state);
    let ledger = state.ledger();
    // The latest set counts only while the latest plan still holds something that can be approved.
    let guard = ledger.guarded.last().filter(|_| kept.is_guarded).map(|set| GuardReport {
        digest: set.digest.clone(),
        guards: set.guards.clone(),
        at: set.at,
        approved: ledger
            .approvals
            .iter()
            .any(|approval| approval.digest == set.digest && approval.expires > now),
    });
    let (doing, running_since, next_cycle, quarantine, reload_trouble) = match live {
        Some(live) => {
            (live.doing, Some(live.running_since), live.next_cycle, live.quarantine, live.reload_trouble)
        }
        None => (Doing::NotRunning, None, None, None, None),
    };
    Status {
        schema: SCHEMA.to_owned(),
        team: known.team,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now,
        doing,
        running_since,
        interval_seconds: known.interval_seconds,
        next_cycle,
        last_success: last_success(&kept.cycles, now),
        consecutive_failures: failures(&kept.cycles),
        quarantine,
        cycles: kept.cycles.clone(),
        held_by_reason: kept.held_by_reason.clone(),
        held: Arc::clone(&kept.held),
        guard,
        open_intents: ledger.open_intents.len(),
        budget: known.budget,
        credentials: known.credentials,
        credential_troubles: known.credential_troubles,
        reload_trouble,
    }
}

/// True for a cycle after which the team is as it should be, guards and holds aside.
pub fn succeeded(result: CycleResult) -> bool {
    match result {
        CycleResult::Success | CycleResult::NoOp | CycleResult::Held => true,
        CycleResult::Partial | CycleResult::Error | CycleResult::Cancelled => false,
    }
}

/// The end of the newest cycle that succeeded; the newest comes first. One in the future was read off a clock that was
/// wrong: when that cycle ended nobody knows.
pub fn last_success(cycles: &[CycleReport], now: Timestamp) -> Option<Timestamp> {
    let mut ends = cycles.iter().filter(|cycle| succeeded(cycle.result)).map(|cycle| cycle.finished_at);
    ends.find(|end| *end <= now)
}

/// Cycles that failed in a row, the newest included. A cycle that a signal stopped says nothing either way.
pub fn failures(cycles: &[CycleReport]) -> u32 {
    let told = cycles.iter().filter(|cycle| cycle.result != CycleResult::Cancelled);
    let count = told.take_while(|cycle| cycle.result == CycleResult::Error).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::OpenOptions;

    #[test]
    fn the_last_plan_is_read_once_until_there_is_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = OpenOptions::new(jiff::SignedDuration::from_hours(24));
        let (state, _) = State::open(&folder.path().join("state"), options).expect("opened");
        let memory = Memory::default();
        let first = memory.of(&state);
        assert!(Arc::ptr_eq(&first, &memory.of(&state)), "nothing has changed");
        state.put_note(Note::Budget, &1);
        assert!(Arc::ptr_eq(&first, &memory.of(&state)), "neither the plan nor a cycle has changed");
        state.put_note(Note::LastPlan, &serde_json::json!({"odd": true}));
        let second = memory.of(&state);
        assert!(!Arc::ptr_eq(&first, &second));
        state.put_cycle(&1);
        assert!(!Arc::ptr_eq(&second, &memory.of(&state)));
    }
}
