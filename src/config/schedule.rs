//! `[schedule]`: when cycles start.

use std::sync::Arc;

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::SignedDuration;
use serde::Deserialize;

use super::checker::Checker;
use super::near::near;
use super::values::Length;

/// `[schedule]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScheduleTable {
    /// From the end of a cycle to the start of the next; at least 1s. Not beside `cron`.
    #[cfg_attr(test, schemars(extend("default" = "40m")))]
    interval: Option<Length>,
    /// Instead of `interval`: second, minute, hour, day, month and weekday, such as `0 0 6-20 * * Mon-Fri`;
    /// with five fields, seconds are 0.
    cron: Option<String>,
    /// The IANA zone of the hours in `cron`, such as `Europe/Berlin`. Only with `cron`, then `UTC` by default.
    timezone: Option<String>,
    /// Up to this much of the wait is added to it, so that several teams spread out.
    #[cfg_attr(test, schemars(range(max = 100)))]
    jitter_percent: u32,
    /// How often a source with change feeds is read whole again; more than 0s.
    full_interval: Length,
}

impl Default for ScheduleTable {
    fn default() -> Self {
        Self {
            interval: None,
            cron: None,
            timezone: None,
            jitter_percent: 10,
            full_interval: Length::hours(24),
        }
    }
}

/// `[schedule]`.
#[derive(Clone, Debug)]
pub struct ScheduleConfig {
    /// When a cycle starts.
    pub when: When,
    /// At most this much of the wait is added to it.
    pub jitter_percent: u32,
    /// How often a source with change feeds is read whole again.
    pub full_interval: SignedDuration,
}

/// When a cycle starts.
#[derive(Clone, Debug)]
pub enum When {
    /// This long after the end of the one before.
    Every(SignedDuration),
    /// At the times of a cron line.
    Cron {
        /// Six fields, seconds first, as the scheduler wants it.
        line: Arc<str>,
        /// The line, read.
        cron: Box<Cron>,
        /// The zone its hours are in.
        timezone: Tz,
    },
}

/// Forty minutes: what Microsoft's own provisioning service takes, so nobody waits longer than they are used to.
const DEFAULT_INTERVAL: SignedDuration = SignedDuration::from_mins(40);

impl ScheduleTable {
    pub(super) fn check(self, checker: &mut Checker) -> Option<ScheduleConfig> {
        checker.percent("schedule.jitter_percent", self.jitter_percent, 100);
        if self.full_interval.0.is_zero() {
            checker.problem(
                "schedule.full_interval",
                "0s would never end",
                "write a duration such as \"24h\"",
            );
        }
        let when = match (self.interval, self.cron) {
            (Some(_), Some(_)) => {
                checker.problem("schedule.cron", "stands beside interval", "remove either interval or cron");
                None
            }
            (interval, None) => {
                let hint = "write interval in [schedule] for a fixed pause, or cron with timezone";
                if self.timezone.is_some() {
                    checker.problem("schedule.timezone", "is used only with cron", hint);
                }
                every(interval, checker)
            }
            (None, Some(line)) => {
                let timezone = self.timezone.as_deref().map_or(Some(Tz::UTC), |name| zone(name, checker));
                let cron = cron(&line, checker);
                cron.zip(timezone).map(|((line, cron), timezone)| When::Cron { line, cron, timezone })
            }
        };
        Some(ScheduleConfig {
            when: when?,
            jitter_percent: self.jitter_percent,
            full_interval: self.full_interval.0,
        })
    }
}

fn every(interval: Option<Length>, checker: &mut Checker) -> Option<When> {
    let interval = interval.map_or(DEFAULT_INTERVAL, |length| length.0);
    if interval < SignedDuration::from_secs(1) {
        checker.problem(
            "schedule.interval",
            "is shorter than 1s",
            "write at least \"1s\"; \"40m\" suits most",
        );
        return None;
    }
    Some(When::Every(interval))
}

fn zone(name: &str, checker: &mut Checker) -> Option<Tz> {
    let zone = name.parse::<Tz>().ok();
    if zone.is_none() {
        let meant = near(name, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()));
        let hint = match meant {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "write an IANA name such as \"Europe/Berlin\" or \"UTC\"".to_owned(),
        };
        checker.problem("schedule.timezone", format!("there is no time zone {name:?}"), hint);
    }
    zone
}

/// Reads a line of five or six fields. Five get a leading `0`: the scheduler insists on seconds, and people do not.
fn cron(line: &str, checker: &mut Checker) -> Option<(Arc<str>, Box<Cron>)> {
    let six = if line.split_whitespace().count() == 5 { format!("0 {line}") } else { line.to_owned() };
    match CronParser::builder().seconds(Seconds::Required).build().parse(&six) {
        Ok(cron) => Some((six.into(), Box::new(cron))),
        Err(error) => {
            let text = error.to_string();
            checker.problem(
                "schedule.cron",
                format!("{line:?} is no cron line: {}", text.trim_end_matches('.')),
                "write second, minute, hour, day, month and weekday, such as \"0 0 6-20 * * Mon-Fri\"",
            );
            None
        }
    }
}
