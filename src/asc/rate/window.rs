//! When each request of the last hour went out.

use std::collections::VecDeque;

use super::{HOUR_MS, MINUTE_MS};

/// Send times in milliseconds since 1970, ascending.
#[derive(Debug, Default)]
pub(super) struct Window {
    sent: VecDeque<i64>,
}

impl Window {
    /// From counts per minute. Each request is taken to have gone out at the end of its minute, or now if that is to come:
    /// it then stays in the window for longer than it must, never for less.
    pub(super) fn restore(minutes: &[(i64, u32)], now: i64) -> Self {
        let most = usize::try_from(super::HIGHEST_LIMIT).unwrap_or(usize::MAX);
        let mut sent: Vec<i64> = minutes
            .iter()
            .flat_map(|(start, count)| {
                let end = start.saturating_add(MINUTE_MS - 1).min(now);
                std::iter::repeat_n(end, usize::try_from(*count).unwrap_or(0).min(most))
            })
            .filter(|at| *at > now - HOUR_MS)
            .take(most)
            .collect();
        sent.sort_unstable();
        Self { sent: sent.into() }
    }

    pub(super) fn times(&self) -> impl Iterator<Item = i64> {
        self.sent.iter().copied()
    }

    /// A clock that was set back moves every request to now: none may leave the window early, none may stay in it for days.
    /// Tells what the clock said at the last request.
    pub(super) fn clock_went_back(&mut self, now: i64) -> Option<i64> {
        let last = self.sent.back().copied().filter(|last| *last > now)?;
        self.sent.iter_mut().for_each(|at| *at = (*at).min(now));
        Some(last)
    }

    pub(super) fn push(&mut self, now: i64) {
        self.forget(now);
        self.sent.push_back(now);
    }

    /// Requests in the last `span`.
    pub(super) fn used(&mut self, now: i64, span: i64) -> u64 {
        self.forget(now);
        let from = self.sent.partition_point(|at| *at <= now - span);
        u64::try_from(self.sent.len() - from).unwrap_or(u64::MAX)
    }

    /// When one more request makes no more than `most` in any `span`; now, if that is already so.
    pub(super) fn free_at(&mut self, now: i64, span: i64, most: u64) -> i64 {
        self.forget(now);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        match self.sent.len().checked_sub(most) {
            Some(at) => self.sent.get(at).map_or(now, |oldest| (oldest + span).max(now)),
            None => now,
        }
    }

    /// The hour as counts per minute.
    pub(super) fn minutes(&mut self, now: i64) -> Vec<(i64, u32)> {
        self.forget(now);
        let mut minutes: Vec<(i64, u32)> = Vec::new();
        for at in &self.sent {
            let start = at - at.rem_euclid(MINUTE_MS);
            match minutes.last_mut() {
                Some((last, count)) if *last == start => *count += 1,
                Some(_) | None => minutes.push((start, 1)),
            }
        }
        minutes
    }

    fn forget(&mut self, now: i64) {
        while self.sent.front().is_some_and(|at| *at <= now - HOUR_MS) {
            self.sent.pop_front();
        }
    }
}
