//! SIGHUP, SIGUSR1, SIGTERM and SIGINT, and the look at the files of credentials between two cycles.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Reload, Shared, renewal};
use crate::engine::daemon::systemd;

/// How often files of credentials are looked at; a cycle looks before it starts as well.
const LOOK_AT_CREDENTIALS: Duration = Duration::from_secs(10);

/// Serves signals until one of them ends the daemon.
pub(super) fn signals(
    shared: Arc<Shared>,
    reload: Reload,
) -> anyhow::Result<impl Future<Output = std::io::Result<()>>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut now = signal(SignalKind::user_defined1())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        loop {
            let stop = tokio::select! {
                () = received(&mut hangup) => { reload_now(&shared, &reload); false }
                () = received(&mut now) => { tracing::info!("asked to run a cycle now"); shared.ask(); false }
                () = received(&mut terminate) => true,
                () = received(&mut interrupt) => true,
                () = tokio::time::sleep(LOOK_AT_CREDENTIALS) => { renewal::renew(&shared); false }
            };
            if stop {
                tracing::info!("stopping: the request in flight is finished and recorded");
                shared.stop();
                return Ok(());
            }
        }
    })
}

async fn received(signal: &mut Signal) {
    if signal.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Swaps the wiring for one made of the configuration on disk; a bad one keeps the old. A cycle in progress goes on with
/// what it began with, so that nobody waits for its end.
pub(super) fn reload_now(shared: &Arc<Shared>, reload: &Reload) {
    systemd::reloading();
    match reload() {
        Ok(wiring) => {
            shared.take(wiring);
            tracing::info!("configuration reloaded");
        }
        Err(trouble) => {
            shared.metrics.config_reload_successful.set(0);
            let hint = trouble.hint.as_deref().unwrap_or_default();
            tracing::error!(error = %trouble.text, hint, "the new configuration was refused, the old one stays");
            shared.live().reload_trouble = Some(trouble);
        }
    }
    systemd::tell(&[sd_notify::NotifyState::Ready]);
}
