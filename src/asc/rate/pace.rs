//! The even pace after a burst, by governor. Its clock is ours, so that a test can turn it and the past can be replayed into
//! a new limiter: one that starts full would let a restarted or re-limited daemon spend its burst again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::HOUR_MS;

/// Largest number of requests at once.
const MOST_AT_ONCE: u64 = 120;
/// The part of an hour's requests that may go out at once: four minutes' worth.
const BURST_SHARE: u64 = 15;
/// Small budgets may still read a team at once.
const LEAST_AT_ONCE: u64 = 10;

/// Nanoseconds since an origin, set by whoever asks.
#[derive(Clone, Debug, Default)]
struct Ticks(Arc<AtomicU64>);

impl GovernorClock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}

/// A leaky bucket.
#[derive(Debug)]
pub(super) struct Pace {
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>,
    ticks: Ticks,
    /// Milliseconds since 1970 of tick 0.
    origin: Option<i64>,
    period: Duration,
    burst: u64,
    /// What the latest request left of the burst, and when.
    left: Option<(u64, i64)>,
}

impl Pace {
    /// A bucket for `allowed` requests an hour, as full as `past` requests leave it.
    ///
    /// A bucket lets through its burst and what drips in: with a period of an hour over what the burst leaves, both
    /// together are `allowed` in any rolling hour. (`Quota::per_hour` would let out twice that in the first hour.)
    pub(super) fn new(allowed: u64, past: impl Iterator<Item = i64>) -> Self {
        let burst = burst(allowed);
        let period =
            Duration::from_millis(HOUR_MS.unsigned_abs()) / clamped(allowed.saturating_sub(burst).max(1));
        let cells = NonZeroU32::new(clamped(burst)).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period).unwrap_or(Quota::per_hour(NonZeroU32::MIN)).allow_burst(cells);
        let ticks = Ticks::default();
        let limiter = RateLimiter::direct_with_clock(quota, ticks.clone()).with_middleware();
        let mut pace = Self { limiter, ticks, origin: None, period, burst, left: None };
        for at in past {
            // A past that was denser than this pace leaves the bucket empty, and the window counts the rest.
            let _ = pace.take(at);
        }
        pace
    }

    /// A permit, or how long until there is one.
    pub(super) fn take(&mut self, now: i64) -> Result<(), Duration> {
        let since = now - *self.origin.get_or_insert(now);
        let nanos = u64::try_from(since).unwrap_or(0).saturating_mul(1_000_000);
        self.ticks.0.fetch_max(nanos, Ordering::Relaxed);
        match self.limiter.check() {
            Ok(state) => {
                self.left = Some((state.remaining_burst_capacity().into(), now));
                Ok(())
            }
            Err(not_until) => {
                self.left = Some((0, now));
                let wait = not_until.wait_time_from(self.ticks.now());
                // Times here have whole milliseconds: rounded down, the wait would end a moment early.
                Err(wait + Duration::from_millis(1))
            }
        }
    }

    /// Requests that need not wait now.
    pub(super) fn at_once(&self, now: i64) -> u64 {
        let Some((left, at)) = self.left else { return self.burst };
        let dripped = u64::try_from(now - at).unwrap_or(0) / self.period_ms().max(1);
        left.saturating_add(dripped).min(self.burst)
    }

    pub(super) fn period_ms(&self) -> u64 {
        u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX)
    }
}

fn burst(allowed: u64) -> u64 {
    (allowed / BURST_SHARE).clamp(LEAST_AT_ONCE, MOST_AT_ONCE).min(allowed).max(1)
}

fn clamped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
