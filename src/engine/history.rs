//! The latest cycles: from the cache, and where that was lost from the journal, which has all of them.
//!
//! Quarantine, failures in a row and readiness are read off this history, so a lost cache must not make a daemon forget that
//! it was slowed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::report::{CycleReport, Done, Trouble};
use crate::model::Event;
use crate::model::event::{CycleId, CycleResult, IntentId, Outcome};
use crate::state::{AuditFilter, Record, State, audit};

/// The latest cycles, newest first.
pub fn cycles(state: &State, most: usize) -> Vec<CycleReport> {
    let kept: Vec<CycleReport> = state.cycles(most);
    if kept.is_empty() { of_journal(state, most) } else { kept }
}

/// Fills an empty cache again, so that the next cycle's report is not the only one in it.
pub fn restore(state: &State, most: usize) {
    if state.cycles::<CycleReport>(1).is_empty() {
        for report in of_journal(state, most) {
            state.put_cycle(&report.id, &report);
        }
    }
}

fn of_journal(state: &State, most: usize) -> Vec<CycleReport> {
    let records = match audit::newest_first(state.dir(), AuditFilter::default()) {
        Ok(records) => records,
        Err(error) => {
            tracing::warn!(%error, "the history of cycles could not be read");
            return Vec::new();
        }
    };
    // A record that cannot be read is for `audit verify` to report; the others still tell.
    told(records.flatten(), most)
}

/// Reports of the records of cycles, newest first. A cycle's writes come before its end, so here they follow it.
fn told(records: impl Iterator<Item = Record>, most: usize) -> Vec<CycleReport> {
    let mut reports: Vec<CycleReport> = Vec::new();
    let mut outcomes: BTreeMap<IntentId, Outcome> = BTreeMap::new();
    for Record { at, cycle, event, .. } in records {
        let Some(id) = cycle else { continue };
        match event {
            Event::CycleFinished { .. } if reports.len() == most => break,
            Event::CycleFinished { result, digest, summary, error, .. } => {
                let error = error.map(|text| Trouble { text, hint: None });
                reports.push(CycleReport {
                    started_at: began(&id).unwrap_or(at),
                    id,
                    finished_at: at,
                    result,
                    digest,
                    summary,
                    coverage: None,
                    done: Done::default(),
                    error,
                    exit_code: exit_code(result),
                });
            }
            Event::Outcome { intent, outcome, .. } => {
                // The newest counts: one that was unknown at first may have been settled.
                outcomes.entry(intent).or_insert(outcome);
            }
            Event::Intent { intent, .. } => {
                if let Some(report) = reports.iter_mut().find(|report| report.id == id) {
                    count(&mut report.done, outcomes.remove(&intent).as_ref());
                }
            }
            Event::Linked { .. }
            | Event::Unlinked { .. }
            | Event::Adopted { .. }
            | Event::Disowned { .. }
            | Event::SeatLost { .. }
            | Event::SeatReturned { .. }
            | Event::SeatGone { .. }
            | Event::InvitationVanished { .. }
            | Event::AccountMapped { .. }
            | Event::AccountUnmapped { .. }
            | Event::AbsenceSeen { .. }
            | Event::AbsenceCleared { .. }
            | Event::PersonChanged { .. }
            | Event::HeldBack { .. }
            | Event::HoldEnded { .. }
            | Event::KeyRefused { .. }
            | Event::GuardTripped { .. }
            | Event::Approved { .. }
            | Event::ApprovalSpent { .. }
            | Event::PlanSpent { .. }
            | Event::HistoryAccepted { .. }
            | Event::PersonForgotten { .. }
            | Event::Checkpoint { .. } => {}
        }
    }
    reports
}

fn count(done: &mut Done, outcome: Option<&Outcome>) {
    match outcome {
        Some(Outcome::Applied { .. } | Outcome::AlreadySo { .. }) => done.applied += 1,
        Some(Outcome::Failed { .. }) => done.failed += 1,
        Some(Outcome::Withdrawn { .. }) => done.withdrawn += 1,
        Some(Outcome::Unknown { .. } | Outcome::NotApplied { .. }) | None => done.unknown += 1,
    }
}

/// A cycle's id is made at its start and has the time in it (RFC 9562 §5.7).
fn began(id: &CycleId) -> Option<Timestamp> {
    let (seconds, nanoseconds) = uuid::Uuid::parse_str(&id.0).ok()?.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}

/// As near as the result tells; a refusal's 4 is not in the journal.
fn exit_code(result: CycleResult) -> u8 {
    match result {
        CycleResult::Success | CycleResult::NoOp => 0,
        CycleResult::Held => 3,
        CycleResult::Partial => 5,
        CycleResult::Error | CycleResult::Cancelled => 1,
    }
}
