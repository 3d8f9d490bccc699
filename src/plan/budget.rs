//! What applying a plan costs, and how long the hourly budget makes it take.

use crate::model::operation::Forecast;

use super::Allowance;

/// The key's budget counts a rolling hour.
const WINDOW_SECONDS: u64 = 3600;

/// One request to an operation. What the allowance does not cover waits for the budget to come back: at worst a window
/// for each further allowance.
pub(super) fn forecast(operations: usize, allowance: Allowance) -> Forecast {
    let requests = u64::try_from(operations).unwrap_or(u64::MAX);
    let paced = requests.saturating_mul(allowance.pace_ms).div_ceil(1000);
    let beyond = requests.saturating_sub(allowance.requests);
    let windows = if beyond == 0 { 0 } else { beyond.div_ceil(allowance.requests.max(1)).min(beyond) };
    let seconds = paced.max(windows.saturating_mul(WINDOW_SECONDS));
    Forecast { requests, seconds }
}
