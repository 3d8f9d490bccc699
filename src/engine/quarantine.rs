//! Repeated failing cycles are slowed, so that a broken key or a down provider is not hammered for days.

use std::time::Duration;

use jiff::Timestamp;

use super::report::{CycleReport, Quarantine};
use super::status::failures;
use crate::model::event::CycleResult;

/// Failures in a row before cycles are slowed.
const THRESHOLD: u32 = 3;
/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The quarantine after these cycles (newest first), with the pause that the interval grows to; `None` while fewer than
/// three failed in a row.
pub fn after(cycles: &[CycleReport], interval: Duration, now: Timestamp) -> Option<Quarantine> {
    let failures = failures(cycles);
    if failures < THRESHOLD {
        return None;
    }
    let row = cycles.iter().filter(|cycle| cycle.result == CycleResult::Error).take(failures as usize);
    let doubled = interval.saturating_mul(2u32.saturating_pow(failures - THRESHOLD + 1));
    Some(Quarantine {
        since: row.last().map_or(now, |cycle| cycle.finished_at),
        until: now + doubled.min(LONGEST.max(interval)),
        failures,
        trouble: cycles.first().and_then(|cycle| cycle.error.clone()),
    })
}

/// The end of the newest cycle, which comes first; never later than now, whatever the clock said then.
pub fn ended(cycles: &[CycleReport], now: Timestamp) -> Timestamp {
    cycles.first().map_or(now, |cycle| cycle.finished_at.min(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::report::Done;
    use crate::model::event::CycleId;

    fn cycles(results: &[CycleResult]) -> Vec<CycleReport> {
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let report = |result: &CycleResult| CycleReport {
            id: CycleId("c".to_owned()),
            started_at: at,
            finished_at: at,
            result: *result,
            digest: None,
            summary: None,
            coverage: None,
            done: Done::default(),
            error: None,
            exit_code: 0,
        };
        results.iter().map(report).collect()
    }

    #[test]
    fn the_third_failure_in_a_row_slows_and_one_success_ends_it() {
        use CycleResult::{Cancelled, Error, NoOp, Partial};
        let now: Timestamp = "2026-11-22T11:00:00Z".parse().expect("a time");
        let minutes = |results: &[CycleResult]| {
            let until = after(&cycles(results), Duration::from_secs(2400), now)?.until;
            Some(until.duration_since(now).as_mins())
        };
        assert_eq!(minutes(&[Error, Error, NoOp]), None);
        assert_eq!(minutes(&[Error, Error, Error, NoOp]), Some(80));
        assert_eq!(minutes(&[Error, Error, Error, Error]), Some(160));
        assert_eq!(minutes(&[Error, Cancelled, Error, Error]), Some(80), "a restart does not hide failures");
        assert_eq!(minutes(&[Error; 40]), Some(24 * 60));
        assert_eq!(minutes(&[NoOp, Error, Error, Error]), None);
        assert_eq!(minutes(&[Partial, Error, Error, Error]), None);
    }
}
