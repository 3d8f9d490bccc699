//! Notices after a single cycle: the daemon keeps its notifier, `run --once` has one for the moment.

use std::sync::Arc;
use std::time::Duration;

use super::quarantine;
use super::wire::{Opened, WireError};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::notify::{Condition, Notifier};
use crate::state::Note;

/// How long a program that ends waits for its notices: a receiver that is down must not keep a timer's next run away.
const LAST_NOTICES: Duration = Duration::from_secs(60);

/// Announces what is new, waits until it is delivered, and keeps what has been announced.
///
/// # Errors
/// A secret that cannot be read, an address or URL that cannot be used.
pub async fn tell(opened: &Opened, config: &Config) -> Result<(), WireError> {
    let metrics: Arc<Metrics> = Metrics::new();
    let mut notifier = Notifier::new(&config.name, &config.notify, metrics, Clock::System)?;
    notifier.restore(opened.state.note(Note::Daemon).unwrap_or_default());
    let mut status = opened.status();
    let interval = Duration::from_secs(status.interval_seconds);
    status.quarantine = quarantine::after(&status.cycles, interval, status.now);
    notifier.conditions(&Condition::of(&status));
    opened.state.put_note(Note::Daemon, notifier.snapshot());
    notifier.finish(LAST_NOTICES).await;
    Ok(())
}
