//! A process that is killed at any moment: what it was told is on the disk is there afterwards.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use super::*;

const DIR: &str = "ROSTERD_TEST_KILLED_STATE";
const KILLS: u64 = 10;

/// Run by the test below in a process of its own; alone it does nothing.
#[test]
#[allow(clippy::print_stdout, reason = "the parent reads what was acknowledged")]
fn a_process_to_be_killed() {
    let Some(dir) = env::var_os(DIR) else { return };
    let options = OpenOptions { segment_bytes: 20_000, ..OpenOptions::new(SignedDuration::from_hours(24)) };
    let (state, _) = State::open(Path::new(&dir), options).unwrap();
    for number in 0_u64.. {
        let events = (0..=number % 3).map(|_| absence("p-1")).collect();
        state.record(None, &Actor::Daemon, events).unwrap();
        println!(
            "acknowledged {} {}",
            state.head().seq,
            state.ledger().absences[&"p-1".into()].confirmations
        );
        if number % 8 == 0 {
            state.put_cycle(&"x".repeat(300));
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_to_a_kill() {
    let world = World::new();
    let mut last = (0, 0);
    for round in 0..KILLS {
        last = kill_one(&world, round).unwrap_or(last);
        let (state, _) = world.open().unwrap();
        let found = state.ledger().absences.get(&"p-1".into()).map_or(0, |absence| absence.confirmations);
        assert!(state.head().seq >= last.0, "round {round}: {} of {}", state.head().seq, last.0);
        assert!(found >= last.1, "round {round}: {found} of {}", last.1);
        assert_eq!(state.cache_trouble(), None, "round {round}");
        drop(state);
        verify(&world.dir()).unwrap();
    }
    assert!(last.0 > KILLS / 2, "the processes were killed before they did anything: {last:?}");
}

/// Every other one is killed while it works, the rest while they start. Returns what was acknowledged last.
fn kill_one(world: &World, round: u64) -> Option<(u64, u32)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "state::tests::kill::a_process_to_be_killed", "--nocapture"])
        .env(DIR, world.dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut last = None;
    if round.is_multiple_of(2) {
        last = lines.find_map(|line| acknowledged(&line));
        assert!(last.is_some(), "round {round}: the process could not start");
    }
    thread::sleep(Duration::from_millis(round * 23 % 110));
    child.kill().unwrap();
    child.wait().unwrap();
    lines.filter_map(|line| acknowledged(&line)).last().or(last)
}

/// The last word of a line cut short by the kill may lack digits, so a line counts only with both numbers and its end.
fn acknowledged(line: &str) -> Option<(u64, u32)> {
    let mut words = line.split(' ').skip_while(|word| !word.ends_with("acknowledged")).skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
