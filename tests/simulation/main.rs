//! The whole daemon in a simulated world: its own loop, client, journal and cache, on simulated time and network, with
//! faults on. Every world follows from its seed, and what it must never do is judged from both sides' own truth.
//!
//! `ROSTERD_SIM_SEEDS=10000` tries that many worlds; `ROSTERD_SIM_SEED=7` tells the story of one.
#![allow(clippy::print_stderr, reason = "seeds and stories are for whoever runs this")]

mod dice;
mod drive;
mod end;
mod oracle;
mod people;
mod settings;
mod truth;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Worlds of a plain `cargo test`.
const SEEDS: u64 = 20;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text:?} is no number")))
}

#[derive(Default)]
struct Sum {
    result: drive::Result,
    failed: BTreeMap<u64, Vec<String>>,
}

impl Sum {
    fn add(&mut self, seed: u64, result: drive::Result) {
        self.result.cycles += result.cycles;
        self.result.requests += result.requests;
        self.result.writes += result.writes;
        self.result.days += result.days;
        self.result.crashes += result.crashes;
        self.result.damages += result.damages;
        for (kind, count) in result.struck {
            *self.result.struck.entry(kind).or_default() += count;
        }
        if !result.broken.is_empty() {
            result.broken.iter().for_each(|what| eprintln!("seed {seed}: {what}"));
            self.failed.insert(seed, result.broken);
        }
    }

    fn print(&self, seeds: u64) {
        let drive::Result { cycles, requests, writes, days, crashes, damages, struck, .. } = &self.result;
        let faults: u64 = struck.values().sum();
        eprintln!(
            "{seeds} seeds: {cycles} cycles in {days} simulated days, {requests} requests, {writes} writes, \
             {faults} faults, {crashes} crashes, {damages} damaged states"
        );
        for (kind, count) in struck {
            eprintln!("  {count:>8} {kind}");
        }
        let broken: usize = self.failed.values().map(Vec::len).sum();
        eprintln!(
            "promises broken: {broken} in {} seeds {:?}",
            self.failed.len(),
            self.failed.keys().take(50).collect::<Vec<_>>()
        );
    }
}

#[test]
fn no_world_breaks_a_promise() {
    if let Some(seed) = number("ROSTERD_SIM_SEED") {
        let thread = std::thread::Builder::new().stack_size(64 << 20);
        let story = thread.spawn(move || drive::run(seed, true)).expect("a thread");
        let result = story.join().expect("it does not panic");
        for line in &result.trace {
            eprintln!("{line}");
        }
        assert!(result.broken.is_empty(), "seed {seed}: {:#?}", result.broken);
        return;
    }
    let seeds = number("ROSTERD_SIM_SEEDS").unwrap_or(SEEDS);
    let first = number("ROSTERD_SIM_FIRST").unwrap_or(1);
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            // Unoptimized, a daemon's futures take more than the two megabytes of a thread.
            let thread = std::thread::Builder::new().stack_size(64 << 20);
            let work = || {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + seeds {
                        break;
                    }
                    let run = std::panic::catch_unwind(|| drive::run(seed, false));
                    let result = run.unwrap_or_else(|_| drive::Result {
                        broken: vec!["panic".to_owned()],
                        ..drive::Result::default()
                    });
                    sum.lock().expect("nobody panics with it").add(seed, result);
                }
            };
            thread.spawn_scoped(scope, work).expect("a thread");
        }
    });
    let sum = sum.into_inner().expect("nobody panics with it");
    sum.print(seeds);
    assert!(sum.failed.is_empty(), "ROSTERD_SIM_SEED=n tells the story of seed n");
}

#[test]
fn a_seed_is_always_the_same_world() {
    let story = || {
        let thread = std::thread::Builder::new().stack_size(64 << 20);
        thread.spawn(|| drive::run(3, true)).expect("a thread").join().expect("it does not panic").trace
    };
    let (first, second) = (story(), story());
    let parts = first.iter().zip(&second).position(|(first, second)| first != second);
    if let Some(at) = parts {
        panic!("line {at}:\n{}\n{}", first[at], second[at]);
    }
    assert!(first.len() > 100 && first.len() == second.len(), "{} and {}", first.len(), second.len());
}
