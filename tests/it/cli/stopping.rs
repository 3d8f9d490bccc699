//! Callers that go away and signals to a daemon that writes for one: the request in flight ends and is recorded, the rest
//! waits, and nothing stays "applying".

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, Rule};

use super::daemon::{Daemon, start, until};
use crate::support::{Bench, Output};

const NEWCOMERS: [&str; 6] = [
    "nina@example.com",
    "nora@example.com",
    "noel@example.com",
    "nils@example.com",
    "nick@example.com",
    "neil@example.com",
];

/// A daemon that has nothing to do for an hour, and six people to invite since.
fn with_newcomers(bench: &Bench) -> Daemon<'_> {
    bench.edit("interval = \"1m\"", "interval = \"1h\"");
    let daemon = start(bench);
    bench.state(|state| {
        for who in NEWCOMERS {
            state.directory.add_person(who, "New", "Comer");
            state.directory.join("iOS Developers", who);
        }
    });
    daemon
}

/// From now on every invitation is made at once and answered this much later.
fn answer_late(bench: &Bench, ms: u64) {
    bench.sim.fault(Rule::asc("POST", "*", Fault::AnswersLate { ms }).times(u32::MAX));
}

fn invited(bench: &Bench) -> usize {
    bench.state(|state| NEWCOMERS.iter().filter(|who| state.mails_to(who) > 0).count())
}

fn spawn(bench: &Bench, args: &[&str]) -> Child {
    let mut command = bench.command(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the program starts")
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
    assert!(sent.expect("kill runs").success());
}

fn outcome(child: Child) -> Output {
    let output = child.wait_with_output().expect("a child of ours");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// A client asks for an apply, and is gone while the first invitation is not answered yet.
fn vanish(bench: &Bench, args: &[&str], signal: &str) {
    let client = spawn(bench, args);
    until("the first invitation", || invited(bench) > 0);
    send(&client, signal);
    outcome(client);
}

#[test]
fn an_apply_whose_caller_vanishes_ends_with_the_request_in_flight_recorded() {
    for signal in ["KILL", "INT", "TERM"] {
        let bench = Bench::sample();
        let daemon = with_newcomers(&bench);
        answer_late(&bench, 3000);
        vanish(&bench, &["apply", "--yes"], signal);
        until("the end of the apply", || bench.status()["doing"] == "waiting");
        let status = bench.status();
        assert_eq!(status["open_intents"], 0, "{signal}: the answer is recorded");
        assert_eq!(status["cycles"][0]["result"], "cancelled", "{signal}: {}", status["cycles"][0]);
        assert_eq!(status["cycles"][0]["done"]["applied"], 1, "{signal}");
        assert_eq!(status["cycles"][0]["done"]["deferred"], 5, "{signal}: the rest waits");
        assert_eq!(invited(&bench), 1, "{signal}");
        bench.state(|state| state.faults.clear());
        daemon.cycle();
        assert_eq!(invited(&bench), NEWCOMERS.len(), "{signal}: the next cycle goes on");
        bench.assert_one_mail_each(signal);
        assert_eq!(daemon.end(), 0);
        bench.run(&["audit", "verify"]).expect(0);
    }
}

#[test]
fn a_cycle_right_after_a_caller_vanished_sends_no_invitation_again() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    answer_late(&bench, 3000);
    vanish(&bench, &["apply", "--yes"], "KILL");
    bench.state(|state| state.faults.clear());
    let before = bench.state(|state| state.writes().count());
    daemon.cycle();
    until("the rest", || invited(&bench) == NEWCOMERS.len());
    assert_eq!(bench.state(|state| state.writes().count()) - before, 5, "none is asked for twice");
    bench.assert_one_mail_each("a cycle at once");
    assert_eq!(bench.status()["open_intents"], 0);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_saved_plan_whose_caller_vanished_says_that_it_was_begun() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    let path = bench.path("plan.json").to_string_lossy().into_owned();
    bench.run(&["plan", "--out", &path]).expect(0);
    answer_late(&bench, 2000);
    vanish(&bench, &["apply", &path], "KILL");
    until("the end of the apply", || bench.status()["doing"] == "waiting");
    bench.state(|state| state.faults.clear());
    bench.run(&["apply", &path]).expect_trouble(1, &["applied already", "in part"], "new one");
    bench.run(&["plan", "--out", &path]).expect(0);
    bench.run(&["apply", &path]).expect(0);
    assert_eq!(invited(&bench), NEWCOMERS.len());
    bench.assert_one_mail_each("gone on with");
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_saved_plan_whose_caller_vanished_before_a_write_can_be_gone_on_with() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    let path = bench.path("plan.json").to_string_lossy().into_owned();
    bench.run(&["plan", "--out", &path]).expect(0);
    bench.sim.fault(Rule::asc("GET", "*", Fault::Slow { ms: 20_000 }).times(u32::MAX));
    let client = spawn(&bench, &["apply", &path]);
    until("the reading", || bench.status()["doing"] == "observing");
    send(&client, "KILL");
    outcome(client);
    until("the end of it", || bench.status()["doing"] == "waiting");
    bench.state(|state| state.faults.clear());
    bench.run(&["apply", &path]).expect(0);
    assert_eq!(invited(&bench), NEWCOMERS.len());
    assert_eq!(daemon.end(), 0);
}

#[test]
fn commands_that_only_read_leave_nothing_behind_when_their_caller_vanishes() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    for args in [
        &["plan"] as &[&str],
        &["explain", "ada@example.com"],
        &["approve", "0123456789ab"],
        &["link", "john@example.com", "konrad@example.net"],
        &["adopt", "konrad@example.net"],
    ] {
        bench.sim.fault(Rule::asc("GET", "*", Fault::Slow { ms: 20_000 }).times(u32::MAX));
        let client = spawn(&bench, args);
        until("the reading", || bench.status()["doing"] == "observing");
        send(&client, "KILL");
        outcome(client);
        until("the end of it", || bench.status()["doing"] == "waiting");
        bench.state(|state| state.faults.clear());
        let asked = Instant::now();
        bench.run(&["plan"]).expect(0);
        assert!(asked.elapsed() < Duration::from_secs(10), "{args:?}: the next one waits for nothing");
    }
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_caller_that_vanishes_in_the_queue_gets_nothing_done() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    let path = bench.path("plan.json").to_string_lossy().into_owned();
    bench.run(&["plan", "--out", &path]).expect(0);
    bench.sim.fault(Rule::asc("GET", "*", Fault::Slow { ms: 2000 }).times(u32::MAX));
    let first = spawn(&bench, &["plan"]);
    until("the reading", || bench.status()["doing"] == "observing");
    let second = spawn(&bench, &["apply", &path]);
    thread::sleep(Duration::from_millis(500));
    send(&second, "KILL");
    outcome(second);
    outcome(first).expect(0);
    until("the end of it", || bench.status()["doing"] == "waiting");
    bench.state(|state| state.faults.clear());
    bench.run(&["plan"]).expect(0);
    assert_eq!(invited(&bench), 0);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_daemon_that_is_stopped_waits_for_the_answer_of_a_callers_request() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    answer_late(&bench, 6000);
    let client = spawn(&bench, &["apply", "--yes"]);
    until("the first invitation", || invited(&bench) > 0);
    daemon.signal("TERM");
    let client = outcome(client);
    assert_eq!(daemon.ended(), 0);
    client.expect_trouble(1, &["stopped by a signal", "5 of 6"], "next cycle");
    assert_eq!(bench.status()["open_intents"], 0, "the outcome is recorded");
    assert_eq!(invited(&bench), 1);
    bench.state(|state| state.faults.clear());
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(invited(&bench), NEWCOMERS.len());
    bench.assert_one_mail_each("after the stop");
}

#[test]
fn a_daemon_that_is_stopped_waits_for_the_request_of_a_caller_that_vanished() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    answer_late(&bench, 6000);
    vanish(&bench, &["apply", "--yes"], "KILL");
    daemon.signal("TERM");
    assert_eq!(daemon.ended(), 0);
    assert_eq!(bench.status()["open_intents"], 0, "the outcome is recorded");
    bench.state(|state| state.faults.clear());
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(invited(&bench), NEWCOMERS.len());
    bench.assert_one_mail_each("after the stop");
}

#[test]
fn a_daemon_that_is_stopped_refuses_those_who_wait_for_their_turn() {
    let bench = Bench::sample();
    let daemon = with_newcomers(&bench);
    let cycles = || bench.status()["cycles"].as_array().map_or(0, Vec::len);
    let before = cycles();
    answer_late(&bench, 4000);
    let writing = spawn(&bench, &["apply", "--yes"]);
    until("the first invitation", || invited(&bench) > 0);
    let waiting = spawn(&bench, &["adopt", "konrad@example.net"]);
    daemon.signal("USR1");
    thread::sleep(Duration::from_millis(500));
    daemon.signal("TERM");
    outcome(waiting).expect_trouble(1, &["stopped"], "again");
    outcome(writing).expect(1);
    assert_eq!(daemon.ended(), 0);
    assert_eq!(cycles(), before + 1, "of the apply; the cycle that waited did not begin");
}

#[test]
fn a_second_look_that_is_broken_off_removes_nobody() {
    for vanishes in [true, false] {
        let bench = Bench::settled();
        bench.edit("interval = \"1m\"", "interval = \"1h\"");
        let daemon = start(&bench);
        bench.set_active("alan@example.com", false);
        let member = || bench.state(|state| state.team.member("alan@example.com").is_some());
        let id = bench.state(|state| {
            state.directory.person("alan@example.com").expect("a person of the sample").id.to_string()
        });
        let path = format!("/scim/v2/Users/{id}");
        bench.sim.fault(Rule::scim("GET", &path, Fault::Slow { ms: 20_000 }));
        let client = spawn(&bench, &["apply", "--yes"]);
        until("the second look", || bench.state(|state| state.faults.pending().count()) == 0);
        assert_eq!(bench.status()["doing"], "applying");
        let asked = Instant::now();
        let left = if vanishes {
            send(&client, "KILL");
            outcome(client);
            until("the end of it", || bench.status()["doing"] == "waiting");
            Some(daemon)
        } else {
            daemon.signal("TERM");
            outcome(client).expect(1);
            assert_eq!(daemon.ended(), 0);
            None
        };
        assert!(asked.elapsed() < Duration::from_secs(10), "a read is not waited for: {:?}", asked.elapsed());
        assert!(member(), "whoever was not looked at again stays");
        assert_eq!(bench.status()["cycles"][0]["done"]["deferred"], 1);
        bench.state(|state| state.faults.clear());
        if let Some(daemon) = left {
            daemon.cycle();
            assert_eq!(daemon.end(), 0);
        } else {
            bench.run(&["run", "--once"]).expect(0);
        }
        assert!(!member(), "the next cycle removes");
    }
}
