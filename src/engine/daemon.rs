//! `run`: one worker that does cycles when they are due, beside the socket, the health endpoints and the signals.

mod driven;
mod renewal;
mod signals;
pub(crate) mod systemd;
mod turn;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::commands::Caller;
use super::cycle::Progress;
use super::report::{CycleReport, Doing, Quarantine, Status, Trouble};
use super::status::{CYCLES, Live, Memory, failures, last_success};
use super::wire::{Team, Wiring};
use super::{history, quarantine, schedule};
use crate::clock::Clock;
use crate::config::Config;
use crate::control;
use crate::metrics::Metrics;
use crate::model::event::{Actor, CycleResult};
use crate::notify::{Condition, Notifier};
use crate::serve::Token;
use crate::state::{Note, State};

/// A worker that made no step for this long hangs: the longest wait within a cycle is 15 minutes.
const LONGEST_SILENCE: Duration = Duration::from_secs(20 * 60);
/// How long the servers may take to finish after the last cycle.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Makes the team's wiring anew from the configuration on disk.
pub type Reload = Box<dyn Fn() -> Result<Wiring, Trouble> + Send + Sync>;

/// What servers, worker and signals share.
pub struct Shared {
    team: ArcSwap<Team>,
    state: Arc<State>,
    memory: Memory,
    metrics: Arc<Metrics>,
    clock: Clock,
    /// One cycle or one command that reads both sides at a time.
    busy: tokio::sync::Mutex<()>,
    wake: Arc<Notify>,
    live: Mutex<Live>,
    notifier: Mutex<Notifier>,
    http_token: Token,
    /// Set by a reload: the next cycle is due by another rule.
    rescheduled: AtomicBool,
    /// Set by a signal or an approval: run now, quarantine or not.
    asked: Mutex<bool>,
    started: Instant,
    /// Milliseconds since `started` of the worker's latest step.
    step: AtomicI64,
    stop: CancellationToken,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// What a daemon is made of, for [`worker`].
    pub fn new(
        team: Team,
        notifier: Notifier,
        http_token: Token,
        state: Arc<State>,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Arc<Self> {
        let live = Live {
            doing: Doing::Waiting,
            running_since: clock.now(),
            next_cycle: None,
            quarantine: None,
            reload_trouble: None,
        };
        Arc::new_cyclic(|me| Self {
            team: ArcSwap::from_pointee(watched(team, me.clone())),
            state,
            memory: Memory::default(),
            metrics,
            clock,
            busy: tokio::sync::Mutex::new(()),
            wake: Arc::new(Notify::new()),
            live: Mutex::new(live),
            notifier: Mutex::new(notifier),
            http_token,
            rescheduled: AtomicBool::new(false),
            asked: Mutex::new(false),
            started: Instant::now(),
            step: AtomicI64::new(0),
            stop: CancellationToken::new(),
        })
    }

    fn live(&self) -> std::sync::MutexGuard<'_, Live> {
        self.live.lock().expect("nobody panics with it")
    }

    /// The worker made a step.
    pub fn stepped(&self) {
        let since = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.step.store(since, Ordering::Relaxed);
    }

    /// A cycle or a command says what it does.
    pub fn progress(&self, progress: Progress) {
        self.stepped();
        self.shows(match progress {
            Progress::Observing { .. } => Doing::Observing,
            Progress::Planning => Doing::Planning,
            Progress::Applying(..) => Doing::Applying,
        });
        systemd::status(&progress.to_string());
    }

    /// True while the worker makes progress.
    pub fn is_live(&self) -> bool {
        let silent = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
            - self.step.load(Ordering::Relaxed);
        u128::try_from(silent).unwrap_or(0) < LONGEST_SILENCE.as_millis()
    }

    /// How things are.
    pub fn status(&self) -> Status {
        let now = self.clock.now();
        let live = Some(self.live().clone());
        super::status::status(&self.state, &self.memory, now, self.team.load().known(now), live)
    }

    /// Tells people what is new. What has been told is kept, so that a restart does not tell it again.
    fn announce(&self) {
        let now = Condition::of(&self.status());
        let mut notifier = self.notifier();
        notifier.conditions(&now);
        self.state.put_note(Note::Daemon, notifier.snapshot());
    }

    fn notifier(&self) -> std::sync::MutexGuard<'_, Notifier> {
        self.notifier.lock().expect("nobody panics with it")
    }

    /// Notices go out by another notifier, which knows what was announced. What the old one has under way still goes out.
    fn replace_notifier(&self, mut new: Notifier) {
        let mut notifier = self.notifier();
        new.restore(notifier.snapshot().clone());
        *notifier = new;
    }

    /// Goes on with another wiring. What a cycle in progress holds is its own.
    fn take(self: &Arc<Self>, wiring: Wiring) {
        let old = self.team.load_full();
        for key in needs_a_restart(&old.config, &wiring.team.config) {
            tracing::warn!(key, "this key is read at the start only; restart to use its new value");
        }
        self.http_token.store(wiring.http_token.map(Arc::new));
        self.replace_notifier(wiring.notifier);
        self.team.store(Arc::new(watched(wiring.team, Arc::downgrade(self))));
        self.live().reload_trouble = None;
        self.metrics.config_reload_successful.set(1);
        self.metrics.credentials_reload_successful.set(1);
        self.rescheduled.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    fn publish_expiry(&self, team: &Team) {
        for credential in team.known(self.clock.now()).credentials {
            if let Some(at) = credential.expires {
                self.metrics.credential_expiry(&credential.name, at);
            }
        }
    }

    fn cycles(&self) -> Vec<CycleReport> {
        history::cycles(&self.state, CYCLES)
    }

    /// Runs a cycle now, quarantine or not.
    pub fn ask(&self) {
        *self.asked.lock().expect("nobody panics with it") = true;
        self.wake.notify_one();
    }

    fn is_due(&self, next: Timestamp, deadline: Instant) -> bool {
        // The wall clock finds the time after a suspend; the monotonic one still fires when the wall clock was set back.
        self.clock.now() >= next || Instant::now() >= deadline
    }
}

/// Keys that a reload cannot change, because what they name is open.
fn needs_a_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let keys = [
        ("name", old.name != new.name),
        ("state_dir", old.state_dir != new.state_dir),
        ("runtime_dir", old.runtime_dir != new.runtime_dir),
        ("http.listen", old.http.listen != new.http.listen),
        ("audit.retention", old.audit.retention != new.audit.retention),
    ];
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

/// A team whose steps are seen by systemd, the watchdog and `status`.
fn watched(mut team: Team, shared: Weak<Shared>) -> Team {
    team.core.progress = Box::new(move |progress| {
        if let Some(shared) = shared.upgrade() {
            shared.progress(progress);
        }
    });
    team
}

impl crate::serve::View for Shared {
    fn status(&self) -> Status {
        Self::status(self)
    }

    fn live(&self) -> bool {
        self.is_live()
    }
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When a listener cannot be made; everything later is reported and survived.
pub async fn run(
    wiring: Wiring,
    state: Arc<State>,
    metrics: Arc<Metrics>,
    clock: Clock,
    reload: Reload,
) -> anyhow::Result<()> {
    let Wiring { team, listen, http_token, runtime_dir, notifier } = wiring;
    let token: Token = Arc::new(http_token.map(Arc::new).into());
    let shared = Shared::new(team, notifier, Arc::clone(&token), state, Arc::clone(&metrics), clock);
    let servers = CancellationToken::new();
    let mut tasks = tokio::task::JoinSet::new();
    if let Some(address) = listen {
        let view: Arc<dyn crate::serve::View> = Arc::clone(&shared) as _;
        let server = crate::serve::Server::bind(address, view, metrics, token)?;
        tracing::info!(listen = %address, "health endpoints ready");
        let stop = servers.clone();
        tasks.spawn(async move {
            server.run(stop).await;
            Ok(())
        });
    }
    let socket = control::server::bind(&runtime_dir)?;
    let served = control::server::run(socket, Arc::clone(&shared), servers.clone());
    tasks.spawn(async move {
        served.await;
        Ok(())
    });
    tasks.spawn(signals::signals(Arc::clone(&shared), reload)?);

    let mut scheduler = schedule::ticker(Arc::clone(&shared.wake)).await?;
    systemd::tell(&[
        sd_notify::NotifyState::Ready,
        sd_notify::NotifyState::Status("waiting for the first cycle"),
    ]);
    worker(&shared).await;
    systemd::tell(&[sd_notify::NotifyState::Stopping]);
    shared.shows(Doing::Stopping);
    let _last = shared.last_turn().await;
    if let Err(error) = scheduler.shutdown().await {
        tracing::debug!(%error, "the scheduler did not stop cleanly");
    }
    let notices = shared.notifier().finish(LAST_ANSWERS);
    notices.await;
    servers.cancel();
    let drained = tokio::time::timeout(LAST_ANSWERS, async { while tasks.join_next().await.is_some() {} });
    if drained.await.is_err() {
        tasks.abort_all();
    }
    match std::fs::remove_file(runtime_dir.join(control::SOCKET)) {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, "the control socket was not removed"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// The loop: wait until due, run a cycle, say how it went. All of a daemon but its listeners, its signals and its ticker.
pub async fn worker(shared: &Arc<Shared>) {
    let (mut next, mut deadline) = first_due(shared);
    while !shared.stop.is_cancelled() {
        shared.stepped();
        feed_watchdog(shared);
        if shared.rescheduled.swap(false, Ordering::SeqCst) {
            (next, deadline) = rescheduled(shared);
        }
        let asked = std::mem::take(&mut *shared.asked.lock().expect("nobody panics with it"));
        if asked || shared.is_due(next, deadline) {
            let Some(report) = one_cycle(shared).await else { break };
            (next, deadline) = after_cycle(shared, &report);
            continue;
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            // The scheduler's tick is the rule; this is what is left should it ever stop ticking.
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
            () = shared.stop.cancelled() => {}
        }
    }
}

fn first_due(shared: &Shared) -> (Timestamp, Instant) {
    let team = shared.team.load();
    let now = shared.clock.now();
    let gap = team.schedule.typical_gap(now);
    set_gap(shared, gap);
    let cycles = shared.cycles();
    if let Some(at) = last_success(&cycles, now) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double")]
        shared.metrics.last_success.set(at.as_second() as f64);
    }
    // A restart does not bring a cycle forward while a quarantine or an interval runs, nor make up for missed ones.
    let kept = quarantine::after(&cycles, gap, quarantine::ended(&cycles, now));
    let due = match (&team.schedule.timing, kept) {
        (_, Some(kept)) => kept.until.max(now),
        (schedule::Timing::Interval(_), None) => now,
        (schedule::Timing::Cron { .. }, None) => team.schedule.next_after(now, 0.0),
    };
    set_next(shared, due)
}

/// The next cycle by the schedule of a new configuration, counted from the end of the last one.
fn rescheduled(shared: &Shared) -> (Timestamp, Instant) {
    let team = shared.team.load();
    let now = shared.clock.now();
    let gap = team.schedule.typical_gap(now);
    set_gap(shared, gap);
    let cycles = shared.cycles();
    let ended = quarantine::ended(&cycles, now);
    let due = match (quarantine::after(&cycles, gap, ended), &team.schedule.timing) {
        (Some(kept), _) => kept.until,
        (None, schedule::Timing::Interval(_)) => team.schedule.next_after(ended, fraction()),
        (None, schedule::Timing::Cron { .. }) => team.schedule.next_after(now, fraction()),
    };
    set_next(shared, due.max(now))
}

fn set_gap(shared: &Shared, gap: Duration) {
    #[expect(clippy::cast_precision_loss, reason = "seconds of an interval are small")]
    shared.metrics.schedule_interval.set(gap.as_secs() as f64);
}

fn set_next(shared: &Shared, next: Timestamp) -> (Timestamp, Instant) {
    shared.live().next_cycle = Some(next);
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double")]
    shared.metrics.next_cycle.set(next.as_second() as f64);
    let wait = next.duration_since(shared.clock.now());
    let wait = Duration::try_from(wait).unwrap_or(Duration::ZERO);
    (next, Instant::now() + wait)
}

/// Runs a cycle. Meanwhile, and while a command is waited for, the watchdog is fed as long as there is progress. There is none
/// where the daemon is stopped before its turn comes.
async fn one_cycle(shared: &Arc<Shared>) -> Option<CycleReport> {
    let cycle = async {
        let _turn = shared.turn_unless(&shared.stop).await?;
        shared.stepped();
        renewal::renew(shared);
        let team = shared.team.load_full();
        let caller = Caller { actor: Actor::Daemon, cancel: shared.stop.clone() };
        let (report, _) = team.core.cycle(&caller).await;
        tokio::select! {
            () = team.learn_credentials() => {}
            () = shared.stop.cancelled() => {}
        }
        Some(report)
    };
    let mut cycle = pin!(cycle);
    let mut answered = shared.metrics.requests_ended();
    loop {
        tokio::select! {
            report = &mut cycle => break report,
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                // A walk of many pages is one step of a cycle, and each of its answers is progress.
                let now = shared.metrics.requests_ended();
                if now != answered {
                    answered = now;
                    shared.stepped();
                }
                feed_watchdog(shared);
            }
        }
    }
}

fn after_cycle(shared: &Shared, report: &CycleReport) -> (Timestamp, Instant) {
    let now = shared.clock.now();
    let team = shared.team.load();
    let cycles = shared.cycles();
    let gap = team.schedule.typical_gap(now);
    let kept = quarantine::after(&cycles, gap, now);
    let next = match &kept {
        Some(kept) => kept.until,
        None => team.schedule.next_after(now, fraction()),
    };
    shared.live().quarantine.clone_from(&kept);
    let due = set_next(shared, next);
    publish(shared, report, &cycles, kept.as_ref());
    log_end(report, kept.as_ref(), &shared.state);
    shared.announce();
    super::wire::keep_client(&shared.state, &team.core.team);
    let text = format!("last cycle: {}, next at {next:.0}", report.result.as_str());
    systemd::status(&text);
    crate::state::process::return_freed_memory();
    due
}

fn publish(shared: &Shared, report: &CycleReport, cycles: &[CycleReport], kept: Option<&Quarantine>) {
    let metrics = &shared.metrics;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double")]
    let seconds = |at: Timestamp| at.as_second() as f64;
    metrics.last_cycle.set(seconds(report.finished_at));
    if let Some(at) = last_success(cycles, shared.clock.now()) {
        metrics.last_success.set(seconds(at));
    }
    metrics.consecutive_failures.set(i64::from(failures(cycles)));
    metrics.quarantined.set(i64::from(kept.is_some()));
    metrics.state_size.set(i64::try_from(shared.state.size_bytes()).unwrap_or(i64::MAX));
    shared.publish_expiry(&shared.team.load());
}

/// The handful of lines of a cycle. The journal's head goes to the log, so that a rewritten journal disagrees with it.
fn log_end(report: &CycleReport, kept: Option<&Quarantine>, state: &State) {
    let duration_ms = report.finished_at.duration_since(report.started_at).as_millis() as u64;
    let summary = report.summary.unwrap_or_default();
    let head = state.head();
    tracing::info!(
        cycle.id = report.id.0,
        cycle.result = report.result.as_str(),
        duration_ms,
        planned = summary.operations(),
        applied = report.done.applied,
        failed = report.done.failed,
        held = summary.held,
        unchanged = summary.unchanged,
        audit.seq = head.seq,
        audit.head = %head.hash,
        "cycle finished"
    );
    if let Some(error) = &report.error {
        let hint = error.hint.as_deref().unwrap_or_default();
        match report.result {
            CycleResult::Error => tracing::error!(error = %error.text, hint, "cycle ended early"),
            CycleResult::Success
            | CycleResult::NoOp
            | CycleResult::Partial
            | CycleResult::Held
            | CycleResult::Cancelled => tracing::warn!(error = %error.text, hint, "not everything was done"),
        }
    }
    if let Some(kept) = kept {
        tracing::warn!(failures = kept.failures, until = %kept.until, "cycles are slowed after repeated failures");
    }
}

fn feed_watchdog(shared: &Shared) {
    if shared.is_live() {
        systemd::tell(&[sd_notify::NotifyState::Watchdog]);
    }
}

/// Random in 0..1; a UUID v7's tail is the randomness that is in the tree already.
fn fraction() -> f64 {
    let bytes = uuid::Uuid::now_v7().into_bytes();
    f64::from(u16::from_be_bytes([bytes[14], bytes[15]])) / f64::from(u16::MAX)
}
