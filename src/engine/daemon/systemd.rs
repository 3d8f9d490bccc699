//! What systemd is told: READY, STATUS, RELOADING, STOPPING and the watchdog's food. Without systemd, nothing is sent.

use sd_notify::NotifyState;

/// Sends states in one datagram.
pub(super) fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd was not told");
    }
}

/// What the daemon does now, as `systemctl status` shows it.
pub(crate) fn status(text: &str) {
    tell(&[NotifyState::Status(text)]);
}

/// A reload begins. The stamp goes with it: without it, systemd waits for the end in vain.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(stamp) => tell(&[NotifyState::Reloading, stamp]),
        Err(error) => tracing::debug!(%error, "no monotonic clock"),
    }
}
