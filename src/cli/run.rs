//! `run`: the daemon, or one cycle for timers and cron.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::RunArgs;
use super::out::Failure;
use super::session::Options;
use crate::config::Config;
use crate::control::trust::Untrusted;
use crate::engine::commands::Caller;
use crate::engine::report::Trouble;
use crate::engine::wire::{self, Use};
use crate::engine::{conditions, daemon};
use crate::model::event::Actor;

pub(super) async fn run(options: &Options, args: &RunArgs) -> Result<u8, Failure> {
    let config = options.config()?;
    if args.once { once(options, &config).await } else { serve(options, config).await }
}

/// SIGTERM and SIGINT, which ask a command to finish the request in flight and to stop.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the process by themselves.
    pub(super) fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::new(1, format!("signals cannot be handled: {error}")))
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Ends with the next of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn once(options: &Options, config: &Config) -> Result<u8, Failure> {
    let opened = wire::open(config, Use::Write, super::progress::shown(options.quiet))?;
    let caller = Caller { actor: Actor::Daemon, cancel: tokio_util::sync::CancellationToken::new() };
    let stop = caller.cancel.clone();
    let mut signals = Signals::new()?;
    tokio::spawn(async move {
        signals.next().await;
        stop.cancel();
    });
    let (report, plan) = opened.team.core.cycle(&caller).await;
    opened.keep_client();
    if let Err(error) = conditions::tell(&opened, config).await {
        tracing::error!(%error, "nobody could be notified");
    }
    match plan {
        Some(plan) if report.digest.is_some() => super::apply::tell(&report, &plan),
        _ => {
            if let Some(error) = &report.error {
                let mut failure = Failure::new(report.exit_code, error.text.clone());
                if let Some(hint) = &error.hint {
                    failure = failure.hint(hint.clone());
                }
                return Err(failure);
            }
        }
    }
    Ok(report.exit_code)
}

async fn serve(options: &Options, config: Config) -> Result<u8, Failure> {
    let parts = wire::daemon(&config, wire::Surroundings::real())?;
    let path = options.config_path.clone();
    let rewire = parts.rewire.clone();
    let reload: daemon::Reload = Box::new(move || {
        let config = Config::load(&path, crate::config::environment()).map_err(|problems| Trouble {
            text: problems.iter().next().map(|problem| problem.line(&path)).unwrap_or_default(),
            hint: Some("run `rosterd check`".to_owned()),
        })?;
        rewire
            .wiring(&config)
            .map_err(|error| Trouble { text: crate::engine::told(&error), hint: error.hint() })
    });
    let (state, metrics, clock) = (Arc::clone(&parts.state), Arc::clone(&parts.metrics), parts.clock.clone());
    daemon::run(parts.wiring, state, metrics, clock, reload).await.map_err(|error| {
        match error.downcast_ref::<Untrusted>() {
            Some(fault) => Failure::new(crate::config::EXIT_CODE, fault.to_string()).hint(fault.cure()),
            None => Failure::new(1, format!("{error:#}"))
                .hint("is runtime_dir writable, and is http.listen free?"),
        }
    })?;
    Ok(0)
}
