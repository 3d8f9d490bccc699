//! Slows down before Graph has to say no: it tells how near its limit we are, from 0.8 of it on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::HeaderMap;

/// Share of the limit in use, sent only from 0.8 to 1.8 (Graph throttling limits, "identity and access").
const SHARE: &str = "x-ms-throttle-limit-percentage";
/// Longest pause between two requests.
const LONGEST: u64 = 5_000;

/// The pause before the next request, as the latest answer would have it.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    /// Learns from an answer; one without the header lifts the pause.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        let share = headers
            .get(SHARE)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse().ok());
        self.0.store(share.map_or(0, pause_for), Ordering::Relaxed);
    }

    /// Waits as long as the latest answer asks.
    pub(super) async fn wait(&self) {
        let pause = self.pause();
        if !pause.is_zero() {
            tracing::debug!(pause_ms = pause.as_millis() as u64, "near the limit of Microsoft Graph");
            tokio::time::sleep(pause).await;
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// Milliseconds: a quarter of a second at 0.8, 1.25 s at the limit itself, 5 s from 1.75 on.
fn pause_for(share: f64) -> u64 {
    if !share.is_finite() || share < 0.8 {
        return 0;
    }
    let pause = 250.0 + (share - 0.8) * 5_000.0;
    (pause.round() as u64).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_the_share_and_is_bounded() {
        for (text, millis) in [
            ("0.5", 0),
            ("0.8", 250),
            ("1.0", 1_250),
            (" 1.8 ", 5_000),
            ("90000", 5_000),
            ("NaN", 0),
            ("soon", 0),
        ] {
            let pace = Pace::default();
            let mut headers = HeaderMap::new();
            headers.insert(SHARE, text.parse().expect("a header"));
            pace.learn(&headers);
            assert_eq!(pace.pause().as_millis(), millis, "{text:?}");
            pace.learn(&HeaderMap::new());
            assert!(pace.pause().is_zero());
        }
    }
}
