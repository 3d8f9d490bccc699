//! A crash or power cut at any point never repeats an invitation and never loses a decision. `ROSTERD_KILLS=500` kills more.

use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, Peer, Rule, When};

use crate::support::Bench;
use crate::support::disk::Dice;

/// Runs for so long, then is killed; false when it had ended before.
pub(super) fn kill_after(mut child: Child, after: Duration) -> bool {
    let deadline = Instant::now() + after;
    let mut was_running = child.try_wait().expect("a child of ours").is_none();
    while was_running && Instant::now() < deadline {
        thread::sleep(deadline.saturating_duration_since(Instant::now()).min(Duration::from_millis(10)));
        was_running = child.try_wait().expect("a child of ours").is_none();
    }
    // A child that has just ended cannot be killed any more, which is fine.
    let _ = child.kill();
    let status = child.wait().expect("a child of ours");
    // Also true of one that was killed by what watches it.
    was_running || status.signal() == Some(9)
}

/// Kills an apply again and again until one gets through, and checks what became of it. Returns the kills and the slowest
/// restart.
fn world(seed: u64, kills: usize) -> (usize, Duration) {
    let mut dice = Dice(seed);
    let bench = Bench::sample();
    // Every write takes its time, so that some are struck after their effect and before their answer.
    for method in ["POST", "PATCH", "DELETE"] {
        bench.sim.fault(Rule::to(Peer::Asc, method, "*", Fault::Slow { ms: 25 }).times(u32::MAX));
    }
    let (mut done, mut slowest) = (0, Duration::ZERO);
    for attempt in 0..kills {
        let command: &[&str] = if dice.below(2) == 0 { &["apply", "--yes"] } else { &["run", "--once"] };
        // Most strike where the writes are; after a few the plan is done and there is nothing left to kill.
        let after = Duration::from_millis(60 + dice.below(700));
        if !kill_after(bench.spawn(command), after) {
            break;
        }
        done += 1;
        bench.assert_one_mail_each(&format!("seed {seed}, kill {attempt}"));
    }
    for _ in 0..3 {
        let started = Instant::now();
        let output = bench.run(&["run", "--once"]).expect(0);
        slowest = slowest.max(started.elapsed());
        if started.elapsed() > Duration::from_secs(5) {
            eprintln!("seed {seed}: a restart took {:?}: {}", started.elapsed(), output.stderr);
        }
        assert!(!output.stderr.contains("panicked"), "seed {seed}: {}", output.stderr);
        if bench.plan().operations().is_empty() {
            break;
        }
    }
    assert_all_done(&bench, seed);
    (done, slowest)
}

/// Everything was done, once, and is remembered.
pub(super) fn assert_all_done(bench: &Bench, seed: u64) {
    bench.plan().assert_empty(&format!("seed {seed}"));
    bench.assert_one_mail_each(&format!("seed {seed}"));
    bench.state(|state| {
        assert_eq!(state.mails.len(), 7, "seed {seed}: everybody was invited");
        assert!(state.team.member("evelyn@example.com").is_none(), "seed {seed}");
    });
    bench.run(&["audit", "verify"]).expect(0);
    bench.run(&["state", "check"]).expect(0);
    assert_eq!(bench.status()["open_intents"], 0, "seed {seed}");
    check_ledger(bench, seed);
}

/// Each seat belongs to one person, and each of those who were invited is linked to their invitation.
fn check_ledger(bench: &Bench, seed: u64) {
    for name in ["betty", "claude", "grace", "jean", "joan", "sofya", "tom", "ada", "emmy", "karen"] {
        let told = bench.run(&["explain", &format!("{name}@example.com"), "--json"]).expect(0).json();
        assert!(told["held"].as_array().is_some_and(Vec::is_empty), "seed {seed}: {name}: {told}");
        assert!(told["operations"].as_array().is_some_and(Vec::is_empty), "seed {seed}: {name}: {told}");
        assert!(!told["seat"].is_null(), "seed {seed}: {name}: {told}");
    }
}

#[test]
fn a_kill_at_any_moment_never_repeats_an_invitation() {
    let wanted: usize = std::env::var("ROSTERD_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let next = std::sync::atomic::AtomicU64::new(1);
    let left = std::sync::atomic::AtomicIsize::new(isize::try_from(wanted).expect("a small number"));
    let results: Vec<(usize, Duration)> = thread::scope(|scope| {
        let worker = || {
            let mut results = Vec::new();
            while left.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let seed = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let (kills, slowest) = world(seed, 6);
                let count = isize::try_from(kills).expect("a small number");
                left.fetch_sub(count, std::sync::atomic::Ordering::SeqCst);
                results.push((kills, slowest));
            }
            results
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    let kills: usize = results.iter().map(|(kills, _)| kills).sum();
    let slowest = results.iter().map(|(_, slowest)| *slowest).max().unwrap_or_default();
    println!("{kills} kills in {} worlds, the slowest restart took {slowest:?}", results.len());
    assert!(kills >= wanted, "only {kills} kills");
}

#[test]
fn a_kill_while_a_pair_is_under_way_finishes_the_pair() {
    let bench = Bench::sample();
    // Tom's expired invitation is cancelled; the invitation that follows is never answered.
    bench.sim.fault(Rule::asc("POST", "/v1/userInvitations", Fault::Hang { when: When::Before }));
    let child = bench.spawn(&["run", "--once"]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while bench.state(|state| state.team.invitation("tom@example.com").is_some()) && Instant::now() < deadline
    {
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(100));
    assert!(kill_after(child, Duration::ZERO));
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.state(|state| state.mails_to("tom@example.com")), 1);
    bench.plan().assert_empty("the pair is finished");
}
