//! (c) Whole cycles against the simulator, by `rosterd run --once` and by the daemon: requests by peer, wall against the
//! longest chain of pages that can only be asked for one after the other, processor time and peak memory of the program.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, FileOptions, Options, Peer, Rule, Running, Simulator, write_files};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::daemon::Daemon;
use crate::measure::{Used, run};
use crate::table::{mb, ratio, span, table as new_table};
use crate::world::{Size, simulated};

const DELAYS_MS: [u64; 2] = [0, 20];
/// Runs of which the shortest counts; the longer ones are waited for once.
fn runs(size: Size) -> usize {
    if size.people < 100_000 { 3 } else { 1 }
}

pub(crate) fn table(sizes: &[Size]) {
    let mut out = new_table(&[
        "people × seats",
        "cycle",
        "delay",
        "requests: provider + Apple",
        "wall",
        "floor",
        "÷ floor",
        "CPU",
        "peak",
    ]);
    for size in sizes {
        for delay in DELAYS_MS {
            for line in [first(*size, delay), again(*size, delay), quiet(*size, delay)] {
                out.add_row(line);
            }
        }
    }
    println!("{out}");
    println!(
        "floor: the longest chain of pages that depend on one another, fetched by a bare client, unread"
    );
}

/// Everybody in scope is on the team and yet unknown: they are adopted, which needs no write to Apple.
fn first(size: Size, delay: u64) -> Vec<String> {
    let bench = Bench::new(size, delay);
    line(&bench, "first, run --once", delay, 1, || bench.once())
}

/// Nothing has changed since the last one, which another process made.
fn again(size: Size, delay: u64) -> Vec<String> {
    let bench = Bench::new(size, 0);
    bench.once();
    bench.slow(delay);
    line(&bench, "quiet, run --once", delay, runs(size), || bench.once())
}

/// Nothing has changed since the last one, as the daemon has it every 40 minutes.
fn quiet(size: Size, delay: u64) -> Vec<String> {
    let bench = Bench::new(size, 0);
    let daemon = Daemon::start(&bench);
    bench.slow(delay);
    line(&bench, "quiet, daemon", delay, runs(size), || daemon.cycle())
}

fn line(bench: &Bench, what: &str, delay: u64, times: usize, cycle: impl Fn() -> Used) -> Vec<String> {
    let mut best: Option<(Used, (usize, usize))> = None;
    for _ in 0..times {
        let before = bench.answered();
        let used = cycle();
        let requests = bench.requests_since(before);
        if best.is_none_or(|(known, _)| used.wall < known.wall) {
            best = Some((used, requests));
        }
    }
    let (used, (provider, apple)) = best.expect("a run");
    let floor = (0..runs(bench.size)).map(|_| bench.floor()).min().unwrap_or_default();
    let Size { people, seats, .. } = bench.size;
    vec![
        format!("{people} × {seats}"),
        if used.success { what.to_owned() } else { format!("{what} (failed)") },
        format!("{delay} ms"),
        format!("{provider} + {apple}"),
        span(used.wall),
        span(floor),
        ratio(used.wall.as_secs_f64(), floor.as_secs_f64()),
        span(used.cpu),
        mb(used.peak_mb),
    ]
}

/// Both sides on this machine and a configuration for them.
pub(crate) struct Bench {
    size: Size,
    pub(crate) sim: Running,
    pub(crate) dir: TempDir,
    runtime: Runtime,
}

impl Bench {
    pub(crate) fn new(size: Size, delay: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let world = simulated(size);
        let sim = runtime.block_on(Simulator::start(world, Options::default())).expect("the simulator");
        let dir = TempDir::new().expect("a folder");
        write_files(dir.path(), &sim, FileOptions::default()).expect("a configuration");
        let bench = Self { size, sim, dir, runtime };
        bench.slow(delay);
        bench
    }

    fn slow(&self, ms: u64) {
        if ms > 0 {
            let fault = Fault::Slow { ms };
            let rule = Rule { peer: None, method: None, path: None, nth: 1, count: u32::MAX, fault };
            self.sim.fault(rule);
        }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
        let config = self.dir.path().join("config.toml");
        command.env_clear().env("HOME", "/nonexistent").arg("-c").arg(config).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn once(&self) -> Used {
        run(&mut self.command(&["run", "--once"]))
    }

    fn answered(&self) -> u64 {
        self.sim.with_state(|state| state.answered())
    }

    /// Requests to the provider and to Apple.
    fn requests_since(&self, number: u64) -> (usize, usize) {
        self.sim.with_state(|state| {
            let seen = || state.requests.iter().filter(|seen| seen.number > number);
            let apple = seen().filter(|seen| seen.peer == Peer::Asc).count();
            (seen().count() - apple, apple)
        })
    }

    /// How long the longest chain takes whose every request needs the answer before it: Apple's pages, whose links lead
    /// from one to the next, or the provider's first page and a share of the others, `concurrency` at a time.
    fn floor(&self) -> Duration {
        let apple = self.size.seats.div_ceil(200).max(1);
        let provider = 2 + (self.size.people.div_ceil(99).saturating_sub(1)).div_ceil(4);
        let (url, token, links) = if apple >= provider {
            (format!("{}/v1/users?limit=200", self.sim.origin()), self.sim.token(), apple)
        } else {
            let url = format!("{}/Users?startIndex=1&count=100", self.sim.scim_url());
            (url, rosterd::simulator::SCIM_TOKEN.to_owned(), provider)
        };
        self.runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().expect("a client");
            let started = Instant::now();
            for _ in 0..links {
                let reply = client.get(&url).bearer_auth(&token).send().await.expect("an answer");
                let _ = reply.bytes().await;
            }
            started.elapsed()
        })
    }
}
