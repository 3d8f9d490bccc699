//! From a status to the notices about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::report::Status;
use super::wire::WireError;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::notify::{Condition, Notifier};

/// What somebody should know about, as things are.
pub fn of(status: &Status) -> BTreeSet<Condition> {
    Condition::of(status)
}

/// The channels of a configuration.
///
/// # Errors
/// A secret that cannot be read, an address or URL that cannot be used.
pub fn notifier(config: &Config, metrics: &Arc<Metrics>, clock: &Clock) -> Result<Notifier, WireError> {
    Ok(Notifier::new(&config.name, &config.notify, Arc::clone(metrics), clock.clone())?)
}
