//! Takes credentials in whose files have changed, one by one: a bad one leaves what was in force.

use std::sync::Arc;

use super::Shared;
use crate::engine::credentials::{self, Part};
use crate::engine::report::Trouble;
use crate::engine::told;
use crate::engine::wire::{Team, WireError};
use crate::notify::Notifier;

/// Reads what has changed since the last look. Costs a `stat` of each file when nothing has.
pub(super) fn renew(shared: &Arc<Shared>) {
    let team = shared.team.load_full();
    let changed = team.credentials.changed();
    if changed.is_empty() {
        return;
    }
    for (part, credential) in changed {
        match renew_one(shared, &team, part) {
            Ok(()) => {
                tracing::info!(credential, "a new credential is in use");
                team.credentials.judged(part, None);
            }
            Err(error) => {
                let trouble = Trouble { text: told(&error), hint: error.hint() };
                let hint = trouble.hint.as_deref().unwrap_or_default();
                tracing::error!(credential, error = %trouble.text, hint, "a new credential was refused, the old one stays");
                team.credentials.judged(part, Some(trouble));
            }
        }
    }
    let good = team.credentials.troubles().is_empty();
    shared.metrics.credentials_reload_successful.set(i64::from(good));
    learn(Arc::clone(shared), team);
}

fn renew_one(shared: &Shared, team: &Team, part: Part) -> Result<(), WireError> {
    match part {
        Part::Key | Part::Source => team.renew(part),
        Part::HttpToken => {
            let token = credentials::http_token(&team.config)?;
            shared.http_token.store(token.map(Arc::new));
            Ok(())
        }
        Part::Notices => {
            let (metrics, clock) = (Arc::clone(&shared.metrics), shared.clock.clone());
            let new = Notifier::new(&team.config.name, &team.config.notify, metrics, clock)?;
            shared.replace_notifier(new);
            Ok(())
        }
    }
}

/// The end of a new credential is news, and finding it out may take a request that nobody should wait for.
fn learn(shared: Arc<Shared>, team: Arc<Team>) {
    tokio::spawn(async move {
        team.learn_credentials().await;
        shared.publish_expiry(&team);
    });
}
