//! The hourly budget of the key: a rolling hour, told in a header on every answer (Apple, "Identifying Rate Limits").

use jiff::SignedDuration;

use super::errors::{Refused, rate_limited};
use crate::simulator::message::Reply;
use crate::simulator::state::State;

/// Counts a request, or refuses it when the hour is spent. A refused request does not count.
pub(super) fn spend(state: &mut State) -> Result<(), Refused> {
    let now = state.now();
    let start = now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(now);
    while state.budget.front().is_some_and(|at| *at <= start) {
        state.budget.pop_front();
    }
    if state.budget.len() >= state.switches.app_store_connect.requests_per_hour {
        return Err(rate_limited());
    }
    state.budget.push_back(now);
    Ok(())
}

/// Adds the header, and `Retry-After` to a 429 where the switch says so.
pub(super) fn tell(state: &State, mut reply: Reply) -> Reply {
    let switches = &state.switches.app_store_connect;
    let left = switches.requests_per_hour.saturating_sub(state.budget.len());
    let limit = switches.requests_per_hour;
    reply = reply.with("x-rate-limit", format!("user-hour-lim:{limit};user-hour-rem:{left};"));
    match switches.retry_after {
        Some(seconds) if reply.status == 429 => reply.with("retry-after", seconds.to_string()),
        Some(_) | None => reply,
    }
}
