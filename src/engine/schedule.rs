//! When the next cycle is due.
//!
//! tokio-cron-scheduler only wakes the one worker, by a cron job that ticks every second. Its repeated jobs die for ever
//! after one gap longer than their interval (a suspended machine), its ticks overlap, and it freezes the offset of a time
//! zone when a job is made; so the due time is computed here, and a tick does nothing but look at it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// `[schedule]`.
#[derive(Clone, Debug)]
pub enum Timing {
    /// From the end of a cycle to the start of the next.
    Interval(Duration),
    /// At these times of a time zone.
    Cron {
        /// Checked.
        cron: Box<Cron>,
        /// Daylight saving is followed.
        zone: Tz,
    },
}

/// A plan of when.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The rule.
    pub timing: Timing,
    /// Up to this much of the wait is added, so that many teams do not start at once.
    pub jitter_percent: u8,
}

impl Schedule {
    /// The start of the cycle after one that ended now. `fraction` is random in 0..1.
    pub fn next_after(&self, now: Timestamp, fraction: f64) -> Timestamp {
        let wait = match &self.timing {
            Timing::Interval(interval) => *interval,
            Timing::Cron { cron, zone } => wait_of(cron, *zone, now).unwrap_or(Duration::from_secs(3600)),
        };
        let jitter = match self.timing {
            Timing::Interval(interval) => interval.mul_f64(f64::from(self.jitter_percent) / 100.0 * fraction),
            // A cron line names a time on purpose; a minute at most keeps teams apart without missing it.
            Timing::Cron { .. } => {
                Duration::from_secs(60).mul_f64(f64::from(self.jitter_percent) / 100.0 * fraction)
            }
        };
        now + wait + jitter
    }

    /// For metrics and readiness: the interval, or the longest gap between the next cron times.
    pub fn typical_gap(&self, now: Timestamp) -> Duration {
        match &self.timing {
            Timing::Interval(interval) => *interval,
            Timing::Cron { cron, zone } => {
                let mut at = now;
                let mut longest = Duration::from_secs(1);
                for _ in 0..50 {
                    let Some(wait) = wait_of(cron, *zone, at) else { break };
                    longest = longest.max(wait);
                    at += wait;
                }
                longest
            }
        }
    }
}

fn wait_of(cron: &Cron, zone: Tz, now: Timestamp) -> Option<Duration> {
    let now: DateTime<Utc> = DateTime::from_timestamp(now.as_second(), 0)?;
    let next = cron.find_next_occurrence(&now.with_timezone(&zone), false).ok()?;
    (next.with_timezone(&Utc) - now).to_std().ok()
}

/// Wakes a worker every second, until dropped or shut down.
///
/// # Errors
/// When the scheduler cannot start.
pub async fn ticker(wake: Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = Job::new("* * * * * *", move |_, _| wake.notify_one())?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn cron(line: &str, zone: Tz) -> Schedule {
        let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Required).build();
        let cron = parser.parse(line).expect("a cron line");
        Schedule { timing: Timing::Cron { cron: Box::new(cron), zone }, jitter_percent: 0 }
    }

    #[test]
    fn an_interval_counts_from_the_end_of_a_cycle() {
        let timing = Timing::Interval(Duration::from_secs(2400));
        let schedule = Schedule { timing, jitter_percent: 10 };
        let now = at("2026-11-22T10:00:00Z");
        assert_eq!(schedule.next_after(now, 0.0), at("2026-11-22T10:40:00Z"));
        assert_eq!(schedule.next_after(now, 0.5), at("2026-11-22T10:42:00Z"));
    }

    #[test]
    fn cron_follows_daylight_saving() {
        let zone = Tz::from_str("Europe/Berlin").expect("a zone");
        let schedule = cron("0 0 6 * * *", zone);
        // The clocks go back on 25 October 2026, so six o'clock is an hour later in UTC from then on.
        assert_eq!(schedule.next_after(at("2026-10-24T12:00:00Z"), 0.0), at("2026-10-25T05:00:00Z"));
        assert_eq!(schedule.next_after(at("2026-10-23T12:00:00Z"), 0.0), at("2026-10-24T04:00:00Z"));
    }

    #[test]
    fn the_gap_of_a_cron_line_is_its_longest() {
        let schedule = cron("0 0 6-20 * * Mon-Fri", Tz::UTC);
        let gap = schedule.typical_gap(at("2026-11-20T12:00:00Z"));
        assert_eq!(gap.as_secs(), 58 * 3600, "from Friday 20:00 to Monday 06:00");
    }
}
