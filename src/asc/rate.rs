//! The API key's hour, which rosterd shares with the team's other tools.
//!
//! Apple counts requests per key in a rolling hour and tells limit and rest in `X-Rate-Limit` ("Identifying Rate Limits").
//! Three things hold a request back, and the longest wait counts:
//!
//! - the **window**: never more requests in any rolling hour than the limit less the reserve, across restarts;
//! - the **pace**: a burst at once, then evenly. With 3600 an hour and half of it in reserve that is 120 requests at once
//!   and one every 2.14 s from then on: the reads of a cycle and a plan of a hundred writes do not wait at all, the bucket
//!   is full again four minutes later, and a first minute of 148 requests stays below the undocumented minute limits that
//!   were seen (150 at least);
//! - a **pause** after a 429, for everybody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};

use super::AscError;
pub(super) use super::errors::Spend;
use crate::clock::Clock;
use crate::http::LONGEST_WAIT;
use crate::plan::Allowance;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod header;
mod pace;
mod window;

use header::Limits;
use pace::Pace;
use window::Window;

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// Waits are slept in pieces, so that a new limit or a clock that was set is noticed.
const LONGEST_NAP: Duration = Duration::from_secs(30);
/// A pause is never longer, whatever a `Retry-After` says.
const LONGEST_PAUSE_MS: i64 = HOUR_MS;
/// More is not believed: the log of the hour is kept in memory.
const HIGHEST_LIMIT: u64 = 100_000;

/// What a restart must not forget. Serialize it with the state; the default is "nothing known".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetState {
    /// Requests of the last hour: the start of a minute in milliseconds since 1970, and how many.
    pub minutes: Vec<(i64, u32)>,
    /// Nobody sends before.
    pub paused_until: Option<Timestamp>,
    /// The limit the server last told.
    pub limit: Option<u64>,
}

/// What `status` and `doctor` show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Requests an hour, by the server's header or the configuration.
    pub limit: u64,
    /// Left for others.
    pub reserve: u64,
    /// Ours within the last hour.
    pub used: u64,
    /// What the key's hour has left, as the server last said less what we sent since.
    pub remaining: Option<u64>,
}

/// The one budget of a process; clones share it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    /// Whoever waits holds it, so that permits are given in the order they were asked for.
    gate: tokio::sync::Mutex<()>,
    core: Mutex<Core>,
}

/// Why there is no permit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotNow {
    /// For this long.
    Wait(Duration),
    /// The key's hour has less left than the reserve: others need it.
    Reserved { remaining: u64, reserve: u64 },
}

impl Budget {
    /// A budget of `requests_per_hour` (until the server tells another limit) less `reserve_percent`, that remembers `state`.
    pub fn new(requests_per_hour: u32, reserve_percent: u8, clock: Clock, state: BudgetState) -> Self {
        let now = clock.now().as_millisecond();
        let core = Core::new(u64::from(requests_per_hour), reserve_percent, state, now);
        Self(Arc::new(Shared { clock, gate: tokio::sync::Mutex::new(()), core: Mutex::new(core) }))
    }

    /// Other figures of the configuration; what was counted and what the server told stays.
    pub fn configure(&self, requests_per_hour: u32, reserve_percent: u8) {
        self.core().configure(u64::from(requests_per_hour), reserve_percent);
    }

    /// Waits for a permit and returns how long that took.
    ///
    /// # Errors
    /// [`AscError::RateLimited`] when the wait is longer than 15 minutes, or a write would touch the reserve.
    pub(super) async fn acquire(&self, spend: Spend) -> Result<Duration, AscError> {
        let _turn = self.0.gate.lock().await;
        let mut waited = Duration::ZERO;
        loop {
            let wait = match self.core().take(self.now(), spend) {
                Ok(()) => return Ok(waited),
                Err(NotNow::Reserved { remaining, reserve }) => return Err(reserved(remaining, reserve)),
                Err(NotNow::Wait(wait)) => wait,
            };
            if waited + wait > LONGEST_WAIT {
                return Err(too_long(wait));
            }
            let nap = wait.min(LONGEST_NAP);
            tokio::time::sleep(nap).await;
            waited += nap;
        }
    }

    /// A permit for a write, for whoever stands in for Apple in a test.
    #[cfg(test)]
    pub(crate) async fn acquire_write(&self) -> Result<Duration, AscError> {
        self.acquire(Spend::Write).await
    }

    /// Takes what an answer's headers tell, and returns what the key's hour has left.
    pub(super) fn learn(&self, headers: &HeaderMap) -> Option<u64> {
        let limits = Limits::of(headers)?;
        self.core().learn(&limits, self.now());
        limits.hour_left
    }

    /// After a 429: nobody sends for as long as the server asks, or for 2, 4, 8 … seconds when it does not say.
    pub(super) fn refused(&self, retry_after: Option<Duration>) {
        self.core().refused(retry_after, self.now());
    }

    /// After any other answer.
    pub(super) fn accepted(&self) {
        self.core().strikes = 0;
    }

    /// What the planner may reckon with.
    pub fn allowance(&self) -> Allowance {
        let mut core = self.core();
        let now = self.now();
        let requests = core.left(now);
        let at_once = core.pace.at_once(now).min(requests);
        Allowance { requests, at_once, pace_ms: core.pace.period_ms() }
    }

    /// The hour in figures.
    pub fn usage(&self) -> Usage {
        let mut core = self.core();
        let now = self.now();
        Usage {
            limit: core.limit,
            reserve: core.reserve(),
            used: core.window.used(now, HOUR_MS),
            remaining: core.remaining(now),
        }
    }

    /// What to keep for the next start.
    pub fn snapshot(&self) -> BudgetState {
        self.core().snapshot(self.now())
    }

    fn now(&self) -> i64 {
        self.0.clock.now().as_millisecond()
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.0.core.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reserved(remaining: u64, reserve: u64) -> AscError {
    let text = format!(
        "the API key has {remaining} requests left in this hour, less than the reserve of {reserve} for other tools"
    );
    // When the others' requests leave the rolling hour is theirs to know; the next cycle's reads will tell.
    AscError::RateLimited { retry_after: Some(3600), text: text.into() }
}

fn too_long(wait: Duration) -> AscError {
    let seconds = wait.as_secs().max(LONGEST_WAIT.as_secs() + 1);
    let text =
        format!("the hourly budget of the API key is spent; the next request may go out in {seconds} s");
    AscError::RateLimited { retry_after: Some(seconds), text: text.into() }
}

/// Everything without waiting: times are milliseconds since 1970 and passed in.
#[derive(Debug)]
struct Core {
    limit: u64,
    /// By the server, which counts more than the configuration.
    told: Option<u64>,
    reserve_percent: u64,
    window: Window,
    pace: Pace,
    hour: Option<Reading>,
    minute: Option<Reading>,
    minute_limit: Option<u64>,
    paused_until: i64,
    strikes: u32,
}

/// What a header said, and what we sent since.
#[derive(Clone, Copy, Debug)]
struct Reading {
    left: u64,
    at: i64,
    sent_since: u64,
}

impl Core {
    fn new(configured: u64, reserve_percent: u8, state: BudgetState, now: i64) -> Self {
        let limit = state.limit.unwrap_or(configured).clamp(1, HIGHEST_LIMIT);
        let reserve_percent = u64::from(reserve_percent.min(100));
        let window = Window::restore(&state.minutes, now);
        let paused_until = state.paused_until.map_or(0, |until| until.as_millisecond());
        let pace = Pace::new(allowed(limit, reserve_percent), window.times());
        Self {
            limit,
            told: state.limit,
            reserve_percent,
            window,
            pace,
            hour: None,
            minute: None,
            minute_limit: None,
            // No pause is as long: such an end was told by a clock that was wrong.
            paused_until: if paused_until > now.saturating_add(LONGEST_PAUSE_MS) { 0 } else { paused_until },
            strikes: 0,
        }
    }

    fn configure(&mut self, requests_per_hour: u64, reserve_percent: u8) {
        self.limit = self.told.unwrap_or(requests_per_hour).clamp(1, HIGHEST_LIMIT);
        self.reserve_percent = u64::from(reserve_percent.min(100));
        self.rebuild();
    }

    fn reserve(&self) -> u64 {
        self.limit - allowed(self.limit, self.reserve_percent)
    }

    /// A permit, noted as spent, or why there is none.
    fn take(&mut self, now: i64, spend: Spend) -> Result<(), NotNow> {
        if let Some(last) = self.window.clock_went_back(now) {
            self.rebuild();
            // What was left of a pause is left of it now, and what a header said in the future is forgotten.
            let rest = self.paused_until.saturating_sub(last).clamp(0, LONGEST_PAUSE_MS);
            self.paused_until = now + rest;
            self.hour = self.hour.filter(|reading| reading.at <= now);
            self.minute = self.minute.filter(|reading| reading.at <= now);
        }
        if spend == Spend::Write
            && let Some(remaining) = self.remaining(now)
            && remaining < self.reserve()
        {
            return Err(NotNow::Reserved { remaining, reserve: self.reserve() });
        }
        let free = self.free_at(now);
        if free > now {
            return Err(NotNow::Wait(millis(free - now)));
        }
        // Last, because a permit of the pace is spent by asking for it.
        self.pace.take(now).map_err(NotNow::Wait)?;
        self.window.push(now);
        for reading in [&mut self.hour, &mut self.minute].into_iter().flatten() {
            reading.sent_since += 1;
        }
        Ok(())
    }

    /// When window, minute and pause let the next request through.
    fn free_at(&mut self, now: i64) -> i64 {
        let hour = self.window.free_at(now, HOUR_MS, allowed(self.limit, self.reserve_percent));
        let minute = self
            .minute_limit
            .map_or(now, |limit| self.window.free_at(now, MINUTE_MS, allowed(limit, self.reserve_percent)));
        let empty_minute = self.minute.filter(|reading| reading.left <= reading.sent_since);
        let empty_minute = empty_minute.map_or(now, |reading| reading.at + MINUTE_MS);
        hour.max(minute).max(empty_minute).max(self.paused_until)
    }

    /// What the server says is left for everybody, while that is less than an hour old.
    fn remaining(&self, now: i64) -> Option<u64> {
        let reading = self.hour.filter(|reading| (0..HOUR_MS).contains(&(now - reading.at)))?;
        Some(reading.left.saturating_sub(reading.sent_since))
    }

    /// What is left for us.
    fn left(&mut self, now: i64) -> u64 {
        let ours = allowed(self.limit, self.reserve_percent).saturating_sub(self.window.used(now, HOUR_MS));
        match self.remaining(now) {
            Some(remaining) => ours.min(remaining.saturating_sub(self.reserve())),
            None => ours,
        }
    }

    fn learn(&mut self, limits: &Limits, now: i64) {
        if let Some(limit) = limits.hour_limit.filter(|limit| *limit > 0) {
            let limit = limit.min(HIGHEST_LIMIT);
            self.told = Some(limit);
            if limit != self.limit {
                self.limit = limit;
                self.rebuild();
            }
        }
        let reading = |left| Reading { left, at: now, sent_since: 0 };
        if let Some(left) = limits.hour_left {
            self.hour = Some(reading(left));
        }
        self.minute_limit = limits.minute_limit.filter(|limit| *limit > 0).or(self.minute_limit);
        if let Some(left) = limits.minute_left {
            self.minute = Some(reading(left));
        }
    }

    fn rebuild(&mut self) {
        self.pace = Pace::new(allowed(self.limit, self.reserve_percent), self.window.times());
    }

    fn refused(&mut self, retry_after: Option<Duration>, now: i64) {
        self.strikes = (self.strikes + 1).min(12);
        let pause = match retry_after {
            Some(asked) => i64::try_from(asked.as_millis()).unwrap_or(LONGEST_PAUSE_MS),
            None => 1000 << self.strikes,
        };
        self.paused_until = self.paused_until.max(now + pause.min(LONGEST_PAUSE_MS));
    }

    fn snapshot(&mut self, now: i64) -> BudgetState {
        let paused = Timestamp::from_millisecond(self.paused_until).ok();
        BudgetState {
            minutes: self.window.minutes(now),
            paused_until: paused.filter(|_| self.paused_until > now),
            limit: self.told,
        }
    }
}

/// What the reserve leaves of a limit: at least one request, or nothing would ever be read.
fn allowed(limit: u64, reserve_percent: u64) -> u64 {
    (limit * (100 - reserve_percent) / 100).max(1)
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
