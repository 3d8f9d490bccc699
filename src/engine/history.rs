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
        for report in of_journal(state, most).iter().rev() {
            state.put_cycle(report);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;

    use super::*;
    use crate::engine::quarantine;
    use crate::engine::status::{failures, last_success};
    use crate::model::event::Actor;
    use crate::state::OpenOptions;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// A cycle ends, in the journal and in the cache.
    fn end(state: &State, id: u128, finished_at: Timestamp, result: CycleResult) {
        let id = CycleId(uuid::Uuid::from_u128(id).to_string());
        let event = Event::CycleFinished { result, digest: None, summary: None, in_scope: None, error: None };
        state.record(Some(&id), &Actor::Daemon, vec![event]).expect("a record");
        state.put_cycle(&CycleReport {
            id,
            started_at: finished_at,
            finished_at,
            result,
            digest: None,
            summary: None,
            coverage: None,
            done: Done::default(),
            error: None,
            exit_code: exit_code(result),
        });
    }

    #[test]
    fn a_clock_that_was_ahead_for_one_cycle_hides_none_that_follows() {
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("state");
        let options = || OpenOptions::new(SignedDuration::from_hours(24 * 400));
        let (state, _) = State::open(&dir, options()).expect("a state");
        let now = at("2026-11-22T12:00:00Z");
        // Ids are made of the time, and this one's is ahead by years.
        end(&state, u128::MAX, at("2031-11-22T10:00:00Z"), CycleResult::Success);
        let told = cycles(&state, 10);
        assert_eq!(last_success(&told, now), None, "when it succeeded nobody knows");
        assert_eq!(quarantine::ended(&told, now), now, "nothing waits for years");
        for (id, time) in
            [(1, "2026-11-22T10:00:00Z"), (2, "2026-11-22T11:00:00Z"), (3, "2026-11-22T11:40:00Z")]
        {
            end(&state, id, at(time), CycleResult::Error);
        }
        let check = |told: &[CycleReport], from: &str| {
            assert_eq!(failures(told), 3, "{from}");
            assert!(quarantine::after(told, Duration::from_secs(2400), now).is_some(), "{from}");
            assert_eq!(last_success(told, now), None, "{from}");
        };
        check(&cycles(&state, 10), "the cache");
        drop(state);
        std::fs::remove_dir_all(dir.join("sled")).expect("no cache");
        let (state, _) = State::open(&dir, options()).expect("a state");
        restore(&state, 10);
        assert_eq!(failures(&state.cycles::<CycleReport>(10)), 3, "the cache, filled again");
        end(&state, 4, now, CycleResult::NoOp);
        assert_eq!((failures(&cycles(&state, 10)), last_success(&cycles(&state, 10), now)), (0, Some(now)));
    }
}
