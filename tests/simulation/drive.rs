//! One world from its beginning to its rest: time passes, the daemon dies and comes back, and in the end all must be well.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rosterd::clock::Clock;
use rosterd::config::Config;
use rosterd::control::protocol::{Answer, Refusal, Request};
use rosterd::control::server::Serve;
use rosterd::engine::daemon::{self, Shared};
use rosterd::engine::report::{CycleReport, Doing, Trouble};
use rosterd::engine::wire::{self, Surroundings};
use rosterd::http::{HttpOptions, Transport};
use rosterd::model::{Held, HoldReason, Plan};
use rosterd::simulator::{InProcess, Options, SCIM_TOKEN, SigningKey, Simulator, graph};
use rosterd::state::{Note, State};
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::oracle::Oracle;
use crate::people::People;
use crate::settings::Settings;

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// Of simulated time, for one cycle with all its waits for the budget.
const LONGEST_CYCLE: Duration = Duration::from_secs(12 * 3600);

/// What came of a seed.
#[derive(Debug, Default)]
pub(crate) struct Result {
    pub(crate) cycles: usize,
    pub(crate) requests: u64,
    pub(crate) writes: usize,
    pub(crate) days: u64,
    pub(crate) crashes: usize,
    pub(crate) damages: usize,
    pub(crate) struck: BTreeMap<&'static str, u64>,
    pub(crate) broken: Vec<String>,
    pub(crate) trace: Vec<String>,
}

/// A yes to a plan that was shown, from the question to the answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) digest: String,
    /// The answer was that nothing was done.
    pub(crate) refused: bool,
}

/// A daemon at work.
struct Daemon {
    shared: Arc<Shared>,
    state: Arc<State>,
    worker: JoinHandle<()>,
    reload: daemon::Reload,
}

pub(crate) struct World {
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) sim: InProcess,
    dir: tempfile::TempDir,
    surroundings: Surroundings,
    dice: Dice,
    daemon: Option<Daemon>,
    pub(crate) plans: BTreeMap<String, Plan>,
    pub(crate) last: Option<Plan>,
    seen: Option<String>,
    /// The cycle that was looked at last: the report of one from before a crash is not this process's.
    judged: Option<String>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) result: Result,
}

/// Runs one seed.
pub(crate) fn run(seed: u64, trace: bool) -> Result {
    // The pauses of retries have jitter, from this thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new(seed, trace);
        let began = tokio::time::Instant::now();
        world.live().await;
        world.rest().await;
        world.end().await;
        let mut result = world.result;
        let mut inner = world.oracle.inner();
        result.requests = inner.requests;
        result.writes = inner.writes;
        result.days = began.elapsed().as_secs() / DAY.as_secs();
        result.struck.clone_from(&inner.struck);
        result.broken.append(&mut inner.broken);
        result.trace = inner.trace.take().unwrap_or_default();
        result
    })
}

impl World {
    fn new(seed: u64, trace: bool) -> Self {
        let mut dice = Dice::new(seed, 0);
        let settings = Settings::random(&mut dice);
        let clock = Clock::runtime("2026-03-02T08:00:00Z".parse().expect("a time"));
        let oracle = Oracle::new(seed, settings.clone(), trace);
        let options = Options { switches: settings.switches(), clock: clock.clone(), ..Options::default() };
        let signing = SigningKey::generate().expect("a key");
        let sim = Simulator::in_process(People::world(&mut dice), options, signing, Arc::clone(&oracle) as _);
        sim.with_state(|state| {
            let mut inner = oracle.inner();
            inner.people.settle_in(state, &mut dice);
            inner.look(state);
            inner.choose_refused(state);
            inner.say(|| format!("{settings:#?}"));
        });
        let dir = folder();
        secret(&dir.path().join("AuthKey.p8"), sim.private_key_pem());
        let token = if settings.graph { graph::GRAPH_SECRET } else { SCIM_TOKEN };
        secret(&dir.path().join("source-secret"), token);
        secret(&dir.path().join("config.toml"), &settings.toml(dir.path()));
        let http = HttpOptions { transport: Transport::Simulated(sim.line()), ..HttpOptions::standard() };
        Self {
            oracle,
            sim,
            dir,
            surroundings: Surroundings { clock, http },
            dice,
            daemon: None,
            plans: BTreeMap::new(),
            last: None,
            seen: None,
            judged: None,
            asked: Vec::new(),
            result: Result::default(),
        }
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn say(&self, what: &str) {
        let now = self.surroundings.clock.now();
        self.oracle.inner().say(|| format!("{now:.0} = {what}"));
    }

    fn breaks(&self, promise: &str, what: String) {
        self.oracle.inner().breaks(promise, what);
    }

    /// Starts the daemon on whatever is on the disk.
    fn start(&mut self) {
        let path = self.dir.path().join("config.toml");
        let config = Config::load(&path, std::iter::empty()).unwrap_or_else(|error| panic!("{error:?}"));
        let parts = match wire::daemon(&config, self.surroundings.clone()) {
            Ok(parts) => parts,
            Err(error) => {
                self.breaks("starts", rosterd::engine::told(&error));
                return;
            }
        };
        let rewire = parts.rewire.clone();
        let reload: daemon::Reload = Box::new(move || {
            let trouble = |text| Trouble { text, hint: None };
            let config = Config::load(&path, std::iter::empty()).map_err(|_| trouble("bad".to_owned()))?;
            rewire.wiring(&config).map_err(|error| trouble(error.to_string()))
        });
        let wire::Wiring { team, notifier, .. } = parts.wiring;
        let token = Arc::new(None.into());
        let shared = Shared::new(team, notifier, token, Arc::clone(&parts.state), parts.metrics, parts.clock);
        self.oracle.watch(&shared, &parts.state);
        let worker = Arc::clone(&shared);
        let worker = tokio::spawn(async move { daemon::worker(&worker).await });
        self.daemon = Some(Daemon { shared, state: parts.state, worker, reload });
        self.oracle.inner().starts();
        self.say("the daemon starts");
    }

    /// Ends it between two instructions, as a power cut does.
    async fn kill(&mut self) {
        let Some(daemon) = self.daemon.take() else { return };
        daemon.worker.abort();
        match daemon.worker.await {
            Err(error) if error.is_panic() => self.breaks("panic", error.to_string()),
            Ok(()) | Err(_) => {}
        }
        drop((daemon.shared, daemon.reload));
        if Arc::strong_count(&daemon.state) > 1 {
            self.breaks("ends", "the state is still held".to_owned());
        }
        drop(daemon.state);
        let now = self.surroundings.clock.now();
        let mut inner = self.oracle.inner();
        (inner.dead, inner.dies_in) = (false, None);
        inner.uncounted = Some(now);
        drop(inner);
        self.oracle.idle();
        self.seen = None;
        self.result.crashes += 1;
    }

    /// Ends it by a signal.
    async fn stop(&mut self) {
        let Some(daemon) = self.daemon.take() else { return };
        daemon.shared.stop();
        let ended = tokio::time::timeout(LONGEST_CYCLE, daemon.worker).await;
        match ended {
            Err(_) => self.breaks("7 bounded", "the daemon does not stop".to_owned()),
            Ok(Err(error)) => self.breaks("panic", error.to_string()),
            Ok(Ok(())) => {}
        }
        self.oracle.idle();
        self.seen = None;
    }

    /// Waits until the daemon waits.
    async fn until_idle(&mut self) {
        let began = tokio::time::Instant::now();
        let died = Arc::clone(&self.oracle);
        loop {
            let Some(daemon) = &self.daemon else { return };
            if daemon.worker.is_finished() {
                self.kill().await;
                self.breaks("panic", "the worker ended".to_owned());
                return;
            }
            if daemon.shared.doing() == Doing::Waiting {
                break;
            }
            if began.elapsed() > LONGEST_CYCLE {
                self.breaks("7 bounded", format!("still {:?} after twelve hours", daemon.shared.doing()));
                self.kill().await;
                return;
            }
            tokio::select! {
                () = died.died.notified() => {
                    self.kill().await;
                    return;
                }
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
        }
        self.after_cycle();
    }

    /// Looks at the cycle that has just ended.
    fn after_cycle(&mut self) {
        self.oracle.idle();
        let Some(daemon) = &self.daemon else { return };
        let Some(report) = daemon.state.cycles::<CycleReport>(1).into_iter().next() else { return };
        if self.seen.as_ref() == Some(&report.id.0) {
            return;
        }
        self.seen = Some(report.id.0.clone());
        self.result.cycles += 1;
        let plan = daemon
            .state
            .note::<Plan>(Note::LastPlan)
            .filter(|plan| Some(&plan.digest) == report.digest.as_ref());
        let error = report.error.as_ref().map(|trouble| trouble.text.clone()).unwrap_or_default();
        let summary = report.summary.unwrap_or_default();
        self.say(&format!(
            "cycle {}: {} planned, {} applied, {} held {error}",
            report.result.as_str(),
            summary.operations(),
            report.done.applied,
            summary.held
        ));
        if let Some(plan) = &plan {
            self.oracle.inner().finished += u64::from(plan.coverage.directory == "complete");
            let held: Vec<String> = plan
                .held
                .iter()
                .map(|held| {
                    let who = held
                        .operation
                        .person
                        .as_ref()
                        .and_then(|person| person.email.as_ref())
                        .or(held.operation.target.name.as_ref());
                    format!(
                        "    held {} {who:?}: {} {}",
                        held.operation.kind,
                        held.hold.reason.as_str(),
                        held.hold.detail
                    )
                })
                .collect();
            self.oracle.inner().say(|| held.join("\n"));
            // What the last look held back is no operation of the same plan any more, and may have been one before.
            let known = self.plans.entry(plan.digest.clone()).or_insert_with(|| plan.clone());
            let more = plan.operations.iter().filter(|operation| !known.operations.contains(operation));
            let more: Vec<_> = more.cloned().collect();
            known.operations.extend(more);
        }
        let ledger = daemon.state.ledger();
        self.sim.with_state(|state| self.oracle.inner().remember_managed(state, &ledger));
        if self.judged.as_ref() != Some(&report.id.0) {
            self.judged = Some(report.id.0.clone());
            self.oracle.inner().reported(plan.as_ref(), &report);
        }
        let requests = self.oracle.inner().cycle.requests;
        let size = self.sim.with_state(|state| {
            state.directory.people.len() + state.team.members.len() + state.team.invitations.len() + 10
        });
        if requests > size * 40 {
            self.breaks("7 bounded", format!("{requests} requests in one cycle, {size} things to read"));
        }
        self.last = plan;
    }

    /// Asks for a cycle and waits for its end.
    pub(crate) async fn cycle(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        daemon.shared.ask();
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.until_idle().await;
    }

    /// Lets time pass, with whatever cycles are due.
    pub(crate) async fn pass(&mut self, time: Duration) {
        tokio::time::sleep(time).await;
        self.until_idle().await;
    }

    /// Asks the daemon something, as a command does, whose caller sometimes goes away before the answer.
    async fn command(&mut self, request: Request) -> Option<Answer> {
        let shared = Arc::clone(&self.daemon.as_ref()?.shared);
        let oracle = Arc::clone(&self.oracle);
        let cancel = shared.cancel();
        if self.dice.chance(10) {
            let (gone, wait) = (cancel.clone(), self.dice.below(5000));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(u64::try_from(wait).expect("fits"))).await;
                gone.cancel();
            });
        }
        let answer = tokio::select! {
            answer = shared.serve(request, 1000, cancel) => Some(answer),
            () = oracle.died.notified() => None,
        };
        drop(shared);
        match &answer {
            None => self.kill().await,
            Some(_) => self.until_idle().await,
        }
        answer
    }

    /// Releases what guards hold now; sometimes something older.
    pub(crate) async fn approve(&mut self, digest: &str) {
        let answer = self.command(Request::Approve { digest: digest.to_owned() }).await;
        self.say(&format!("approve: {answer:?}"));
        // The cycle that an approval starts begins with the worker's next step.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.until_idle().await;
    }

    /// The random part of a world's life.
    async fn live(&mut self) {
        self.start();
        self.cycle().await;
        for _ in 0..6 + self.dice.below(10) {
            for _ in 0..self.dice.below(6) {
                let oracle = Arc::clone(&self.oracle);
                self.sim.with_state(|state| oracle.inner().happen(state));
            }
            if self.daemon.is_none() {
                self.start();
            }
            self.step().await;
        }
        if self.daemon.is_none() {
            self.start();
        }
    }

    async fn step(&mut self) {
        let minutes = u64::from(self.oracle.inner().settings.interval_minutes);
        match self.dice.below(100) {
            0..=34 => self.pass(Duration::from_secs(minutes * 60 + 30)).await,
            35..=49 => self.cycle().await,
            50..=64 => {
                let steps = 1 + self.dice.below(60);
                self.oracle.inner().dies_in = Some(steps);
                self.cycle().await;
                self.oracle.inner().dies_in = None;
                self.after_death();
            }
            65..=74 => {
                if let Some(plan) = self.last.clone().filter(Plan::is_held_by_guard) {
                    self.approve(&plan.digest).await;
                } else if let Some(old) = self.plans.keys().next().cloned() {
                    self.approve(&old).await;
                }
            }
            75..=82 => {
                self.stop().await;
                let days = self.dice.pick(&[0, 1, 2, 4]);
                tokio::time::sleep(DAY * days + HOUR * 3).await;
                self.after_death();
            }
            83..=88 => {
                // The daemon dies while somebody asks for a plan.
                self.oracle.inner().dies_in = Some(1 + self.dice.below(20));
                self.command(Request::Plan).await;
                self.oracle.inner().dies_in = None;
            }
            89..=94 => self.reload().await,
            95..=97 => self.two_callers().await,
            _ => self.pass(HOUR * 5).await,
        }
    }

    /// One is shown a plan and thinks; things happen, another one may be shown theirs, and then the first says yes.
    async fn two_callers(&mut self) {
        let Some(Answer::Plan { plan, .. }) = self.command(Request::Plan).await else { return };
        let read = self.oracle.inner().cycle.clone();
        for _ in 0..self.dice.below(3) {
            let oracle = Arc::clone(&self.oracle);
            self.sim.with_state(|state| oracle.inner().happen(state));
        }
        if self.dice.chance(50) {
            self.command(Request::Plan).await;
        }
        // A plan rests on what was read for it, and on nothing that was read for another one since.
        self.oracle.inner().cycle = read;
        let digest = plan.digest.clone();
        let from = self.surroundings.clock.now();
        let answer = self.command(Request::Apply { digest: digest.clone() }).await;
        let to = self.surroundings.clock.now();
        let nothing = |refusal: &Refusal| refusal.text.ends_with("nothing was applied");
        let refused = matches!(&answer, Some(Answer::Refused(refusal)) if nothing(refusal));
        self.asked.push(Asked { from, to, digest: digest.clone(), refused });
        self.say(&format!("a yes to {digest}: {answer:?}"));
        match answer {
            Some(Answer::Applied { plan, .. }) if plan.digest != digest => {
                self.breaks("2 shown", format!("{} instead of {digest}", plan.digest));
            }
            _ => {}
        }
    }

    /// What a power cut may leave: half a record at the journal's end, no cache.
    fn after_death(&mut self) {
        if self.daemon.is_some() {
            return;
        }
        match self.dice.below(5) {
            0 => {
                self.say("half a record is left at the end of the journal");
                let folder = self.state_dir().join("journal");
                let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
                let last = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).max();
                if let Some(path) = last {
                    let mut file = fs::OpenOptions::new().append(true).open(path).expect("the journal");
                    file.write_all(b"{\"seq\":9999,\"at\":\"2026-03-0").expect("written");
                    self.result.damages += 1;
                }
            }
            1 => {
                self.say("the cache is gone");
                let _ = fs::remove_dir_all(self.state_dir().join("sled"));
                self.oracle.inner().uncounted = Some(self.surroundings.clock.now());
                self.result.damages += 1;
            }
            _ => {}
        }
    }

    /// Other guards, or a configuration that is no good.
    async fn reload(&mut self) {
        let good = self.dice.chance(70);
        let mut settings = self.oracle.inner().settings.clone();
        settings.reguard(&mut self.dice);
        let text = if good { settings.toml(self.dir.path()) } else { "name = 7".to_owned() };
        secret(&self.dir.path().join("config.toml"), &text);
        let Some(daemon) = &self.daemon else { return };
        // Between two cycles, so that one cycle has one set of limits.
        daemon.shared.reload(&daemon.reload);
        self.oracle.inner().starts();
        if good {
            self.say("reloaded");
            self.oracle.inner().settings = settings;
        } else {
            let text = self.oracle.inner().settings.toml(self.dir.path());
            secret(&self.dir.path().join("config.toml"), &text);
        }
        self.cycle().await;
    }

    /// No more faults, nothing happens any more: the desired state must come, and then quiet.
    async fn rest(&mut self) {
        {
            let mut inner = self.oracle.inner();
            (inner.faults_on, inner.events_on, inner.dies_in) = (false, false, None);
        }
        self.say("everything rests");
        if self.daemon.is_none() {
            self.start();
        }
        // Whatever a change feed kept back comes with the next full read.
        self.pass(HOUR * 7).await;
        self.until_quiet("at rest").await;
        self.check_rest("before approvals");
        for _ in 0..12 {
            let Some(plan) = self.last.clone().filter(|plan| self.waits_for_approval(plan)) else { break };
            self.approve(&plan.digest).await;
            self.until_quiet("after an approval").await;
        }
        let held = self.last.as_ref().is_some_and(|plan| self.waits_for_approval(plan));
        if held {
            self.breaks("3 settles", "guards still hold something after twelve approvals".to_owned());
        }
        self.check_rest("after approvals");
        if self.oracle.inner().trace.is_some() {
            self.explain_everybody().await;
        }
    }

    /// What the program itself says of everybody, for the story of a seed.
    async fn explain_everybody(&mut self) {
        let people: Vec<String> =
            self.oracle.inner().people.humans.iter().map(|human| human.mail.clone()).collect();
        for who in people {
            match self.command(Request::Explain { who: who.clone() }).await {
                Some(Answer::Explanation { text, .. }) => self.say(&text),
                other => self.say(&format!("explain {who}: {other:?}")),
            }
        }
    }

    /// Cycles until one writes nothing and nothing waits for time alone.
    async fn until_quiet(&mut self, when: &str) {
        for _ in 0..16 {
            let before = self.oracle.inner().writes;
            self.cycle().await;
            let quiet = self.oracle.inner().writes == before;
            let Some(plan) = &self.last else {
                self.pass(HOUR).await;
                continue;
            };
            let others = plan.held.iter().filter(|held| !self.is_refused(held));
            let passing = others.map(|held| held.hold.reason).filter(|reason| passes(*reason)).max();
            match passing {
                None if quiet => return,
                None => self.pass(Duration::from_secs(60)).await,
                Some(HoldReason::Backoff) => self.pass(HOUR * 13).await,
                Some(_) => self.pass(HOUR * 2).await,
            }
        }
        let last = self.last.as_ref().map(|plan| format!("{:?} {:?}", plan.summary, plan.coverage));
        self.breaks("3 settles", format!("{when}: sixteen cycles and no rest, {last:?}"));
    }

    /// Whatever is done about a person whom Apple refuses to hear of.
    fn is_refused(&self, held: &Held) -> bool {
        let inner = self.oracle.inner();
        crate::end::human_of(&inner, &held.operation).is_some_and(|who| inner.people.humans[who].refused)
    }

    /// A guard holds something that could be done.
    fn waits_for_approval(&self, plan: &Plan) -> bool {
        plan.held.iter().any(|held| held.hold.reason.is_approvable() && !self.is_refused(held))
    }

    /// Ends the daemon, and looks at what it wrote down.
    async fn end(&mut self) {
        self.stop().await;
        crate::end::check(self);
    }
}

/// True for what ends by itself.
fn passes(reason: HoldReason) -> bool {
    match reason {
        HoldReason::Backoff
        | HoldReason::IncompleteRead
        | HoldReason::AwaitingConfirmation
        | HoldReason::Grace => true,
        HoldReason::Guard
        | HoldReason::Protected
        | HoldReason::Unmanaged
        | HoldReason::Conflict
        | HoldReason::InvalidAttribute
        | HoldReason::NewAdmin
        | HoldReason::ReinviteLimit
        | HoldReason::Policy
        | HoldReason::AwaitingLink => false,
    }
}

/// In memory where the machine has that: thousands of worlds sync every record.
fn folder() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
    let dir = dir.expect("a folder");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("ours");
    dir
}

fn secret(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}
