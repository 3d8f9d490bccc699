//! From a status to the notices about it.

use std::sync::Arc;
use std::time::Duration;

use super::report::Status;
use super::wire::{Opened, WireError};
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::notify::{Condition, Notifier};
use crate::state::{Note, State};

/// How long a program that ends waits for its notices: a receiver that is down must not keep a timer's next run away.
const LAST_NOTICES: Duration = Duration::from_secs(60);

/// Announces what is new by this status, and keeps what has been announced.
pub fn announce(notifier: &mut Notifier, status: &Status, state: &State) {
    notifier.conditions(&Condition::of(status));
    state.put_note(Note::Notices, notifier.snapshot());
}

/// The channels of a configuration.
///
/// # Errors
/// A secret that cannot be read, an address or URL that cannot be used.
pub fn notifier(config: &Config, metrics: &Arc<Metrics>, clock: &Clock) -> Result<Notifier, WireError> {
    Ok(Notifier::new(&config.name, &config.notify, Arc::clone(metrics), clock.clone())?)
}

/// Announces what is new after a single cycle, and waits until it is delivered.
///
/// # Errors
/// See [`notifier`].
pub async fn tell(opened: &Opened, config: &Config) -> Result<(), WireError> {
    let mut notifier = notifier(config, &Metrics::new(), &Clock::System)?;
    notifier.restore(opened.state.note(Note::Notices).unwrap_or_default());
    announce(&mut notifier, &opened.status(), &opened.state);
    notifier.finish(LAST_NOTICES).await;
    Ok(())
}
