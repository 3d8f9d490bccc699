//! What applying a plan costs, and how long the hourly budget makes it take.

use crate::model::operation::Forecast;

use super::Allowance;

/// The key's budget counts a rolling hour.
const WINDOW_SECONDS: u64 = 3600;

/// What a request takes that waits for nothing but its answer, in milliseconds. A guess; writes go out one after another.
const ROUND_TRIP_MS: u64 = 400;

/// One request to an operation. What the allowance does not cover waits for the budget to come back: at worst a window
/// for each further allowance.
pub(super) fn forecast(operations: usize, allowance: Allowance) -> Forecast {
    let requests = u64::try_from(operations).unwrap_or(u64::MAX);
    let unhurried = requests.saturating_sub(allowance.at_once).saturating_mul(allowance.pace_ms);
    let paced = requests.saturating_mul(ROUND_TRIP_MS).max(unhurried).div_ceil(1000);
    let beyond = requests.saturating_sub(allowance.requests);
    let windows = if beyond == 0 { 0 } else { beyond.div_ceil(allowance.requests.max(1)).min(beyond) };
    let seconds = paced.max(windows.saturating_mul(WINDOW_SECONDS));
    Forecast { requests, seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forecast_counts_the_burst_the_pace_and_the_hour() {
        let seconds = |operations, requests, at_once| {
            let allowance = Allowance { requests, at_once, pace_ms: 2000 };
            forecast(operations, allowance).seconds
        };
        assert_eq!(seconds(0, 1800, 60), 0);
        assert_eq!(seconds(9, 1800, 60), 4);
        assert_eq!(seconds(160, 1800, 60), 200);
        assert_eq!(seconds(10, 1800, 0), 20);
        assert_eq!(seconds(20, 10, 10), 3600);
        assert_eq!(seconds(usize::MAX, 0, 0), u64::MAX);
    }
}
