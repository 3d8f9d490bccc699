//! The daemon: the same commands over its socket, signals, approvals that start a cycle, and restarts.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Bench, Output};

/// A running daemon that has done its first cycle.
pub(super) struct Daemon<'b> {
    bench: &'b Bench,
    child: Child,
}

impl Drop for Daemon<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn start(bench: &Bench) -> Daemon<'_> {
    start_as(bench, bench.command(&["run"]))
}

pub(super) fn start_as(bench: &Bench, mut command: Command) -> Daemon<'_> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = Daemon { bench, child: command.spawn().expect("the program starts") };
    until("the first cycle", || {
        let output = bench.run(&["status", "--json"]);
        output.code == 0 && output.json()["doing"] == "waiting" && cycles(&output) > 0
    });
    daemon
}

fn cycles(output: &Output) -> usize {
    output.json()["cycles"].as_array().map_or(0, Vec::len)
}

#[track_caller]
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

impl Daemon<'_> {
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }

    /// A cycle from now on.
    pub(super) fn cycle(&self) {
        let before = self.latest();
        self.signal("USR1");
        until("a cycle", || self.latest() != before);
    }

    fn latest(&self) -> String {
        self.bench.status()["cycles"][0]["id"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn end(self) -> i32 {
        self.signal("TERM");
        self.ended()
    }

    /// Ends by itself, or by a signal that was sent.
    pub(super) fn ended(mut self) -> i32 {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "the daemon does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

const LEAVERS: [&str; 4] =
    ["alan@example.com", "edsger@example.com", "kathleen@example.com", "emmy@example.com"];

#[test]
fn a_daemon_serves_every_command_and_an_approval_starts_a_cycle() {
    let bench = Bench::sample();
    let daemon = start(&bench);
    assert_eq!(bench.state(|state| state.mails.len()), 7, "the first cycle applies");
    bench.run(&["plan", "--detailed-exitcode"]).expect(0);
    bench.run(&["explain", "ada@example.com"]).expect(0);
    bench.run(&["audit", "verify"]).expect(0);
    bench.run(&["audit", "show"]).expect(0);
    assert!(bench.run(&["state", "export"]).expect(0).stdout.lines().count() > 1);
    bench.run(&["adopt", "konrad@example.net"]).expect(0);
    bench.run(&["unlink", "konrad@example.net"]).expect(0);
    bench.run(&["link", "john@example.com", "konrad@example.net"]).expect(0);
    bench.run(&["unlink", "john@example.com"]).expect(0);
    bench.run(&["explain", "nobody@example.com"]).expect_trouble(1, &["nobody@example.com"], "address");
    for who in LEAVERS {
        bench.set_active(who, false);
    }
    daemon.cycle();
    let status = bench.status();
    assert_eq!(status["held_by_reason"]["guard"], 4, "{status}");
    assert_eq!(status["doing"], "waiting");
    let digest = status["guard"]["digest"].as_str().expect("a digest");
    bench.run(&["approve", "0123456789ab"]).expect_trouble(1, &["nothing was approved"], "");
    bench.run(&["approve", digest]).expect(0);
    until("the approved removals", || {
        bench.state(|state| LEAVERS.iter().all(|who| state.team.member(who).is_none()))
    });
    bench.set_active("grace@example.com", false);
    bench.run(&["apply", "--yes"]).expect(0);
    assert!(bench.state(|state| state.team.invitation("grace@example.com").is_none()));
    bench.run(&["run", "--once"]).expect_trouble(6, &["state"], "");
    assert_eq!(daemon.end(), 0);
    bench.run(&["run", "--once"]).expect(0);
    bench.assert_one_mail_each("after the daemon");
}

#[test]
fn a_saved_plan_goes_through_the_daemon_exactly_once() {
    let bench = Bench::sample();
    bench.edit("interval = \"1m\"", "interval = \"1h\"");
    let daemon = start(&bench);
    bench.set_active("alan@example.com", false);
    let path = bench.path("plan.json").to_string_lossy().into_owned();
    bench.run(&["plan", "--out", &path]).expect(0);
    bench.set_active("edsger@example.com", false);
    bench.run(&["apply", &path]).expect_trouble(1, &["stale"], "new plan");
    bench.set_active("edsger@example.com", true);
    bench.run(&["apply", &path]).expect(0);
    bench.run(&["apply", &path]).expect_trouble(1, &["applied already"], "");
    assert!(bench.state(|state| state.team.member("alan@example.com").is_none()));
    drop(daemon);
}

#[test]
fn a_reload_takes_a_good_configuration_and_refuses_a_bad_one() {
    let bench = Bench::sample();
    let daemon = start(&bench);
    bench.edit("on_deactivated = \"remove\"", "on_deactivated = \"remov\"");
    daemon.signal("HUP");
    until("the refusal", || !bench_status(&bench, "reload_trouble").is_null());
    bench.edit("on_deactivated = \"remov\"", "on_deactivated = \"report\"");
    daemon.signal("HUP");
    until("the reload", || bench_status(&bench, "reload_trouble").is_null());
    bench.set_active("alan@example.com", false);
    daemon.cycle();
    assert!(bench.state(|state| state.team.member("alan@example.com").is_some()), "the new policy holds");
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_reload_takes_the_new_interval_at_once() {
    let bench = Bench::sample();
    bench.edit("interval = \"1m\"", "interval = \"3h\"");
    let daemon = start(&bench);
    bench.edit("interval = \"3h\"", "interval = \"1s\"");
    let first = daemon.latest();
    daemon.signal("HUP");
    until("a cycle by the new interval", || daemon.latest() != first);
    assert_eq!(bench.status()["interval_seconds"], 1);
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_lost_cache_costs_no_history() {
    let bench = Bench::sample();
    let daemon = start(&bench);
    daemon.cycle();
    assert_eq!(daemon.end(), 0);
    let before = bench.status();
    std::fs::remove_dir_all(bench.path("state").join("sled")).expect("the cache");
    let shown = |status: &serde_json::Value| {
        let cycles = status["cycles"].as_array().expect("cycles").iter();
        let told = |cycle: &serde_json::Value| {
            let id = cycle["id"].as_str().expect("an id").to_owned();
            (id, cycle["result"].clone(), cycle["done"]["applied"].clone(), cycle["summary"].clone())
        };
        cycles.map(told).collect::<Vec<_>>()
    };
    assert_eq!(shown(&bench.status()), shown(&before), "read off the journal, without writing anything");
    bench.run(&["run", "--once"]).expect(0);
    let after = bench.status();
    assert_eq!(shown(&after)[1..], shown(&before), "and kept from then on");
    assert!(after["last_success"].is_string());
}

/// Of a daemon whose configuration on disk may be broken, so that the socket has to be found by the good one.
fn bench_status(bench: &Bench, key: &str) -> serde_json::Value {
    let output = bench.run(&["status", "--json"]);
    if output.code == 0 { output.json()[key].clone() } else { serde_json::json!(output.code) }
}

#[test]
fn a_daemon_that_was_killed_leaves_nothing_in_the_way() {
    let bench = Bench::sample();
    let daemon = start(&bench);
    drop(daemon);
    bench.run(&["status"]).expect(0);
    bench.run(&["plan"]).expect(0);
    let daemon = start(&bench);
    assert_eq!(daemon.end(), 0);
    bench.assert_one_mail_each("restarted");
}

#[test]
fn a_daemon_that_is_refused_goes_on_and_says_so() {
    use rosterd::simulator::switches::Agreement;
    let bench = Bench::sample();
    bench.sim.switch(|switches| switches.app_store_connect.agreement = Agreement::Unsigned);
    let daemon = start(&bench);
    let status = bench.status();
    assert_eq!(status["consecutive_failures"], 1);
    let text = bench.run(&["status"]).expect(0).stdout;
    assert!(text.contains("Account Holder"), "{text}");
    bench.run(&["plan"]).expect_trouble(4, &["403"], "Account Holder");
    bench.sim.switch(|switches| switches.app_store_connect.agreement = Agreement::Signed);
    daemon.cycle();
    assert_eq!(bench.status()["consecutive_failures"], 0);
    assert_eq!(bench.state(|state| state.mails.len()), 7);
}

#[test]
fn a_daemon_with_a_bad_configuration_does_not_start() {
    let bench = Bench::sample();
    bench.edit("admins_min = 2", "admins_min = -2");
    bench.run(&["run"]).expect_trouble(78, &["admins_min"], "");
}

#[test]
fn a_daemon_that_does_not_answer_is_not_waited_for() {
    let bench = Bench::sample();
    let daemon = start(&bench);
    daemon.signal("STOP");
    // Its threads stop one after the other.
    let stat = format!("/proc/{}/stat", daemon.child.id());
    until("the stop", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
    let started = Instant::now();
    thread::scope(|scope| {
        for command in ["status", "plan"] {
            let bench = &bench;
            scope.spawn(move || bench.run(&[command]).expect_trouble(6, &["does not answer"], "log"));
        }
    });
    assert!(started.elapsed() < Duration::from_secs(30));
    daemon.signal("CONT");
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_daemon_that_stops_answering_in_the_middle_is_not_waited_for_either() {
    use rosterd::simulator::{Fault, Rule};
    let bench = Bench::sample();
    let daemon = start(&bench);
    bench.sim.fault(Rule::asc("GET", "*", Fault::Slow { ms: 60_000 }).times(u32::MAX));
    let started = Instant::now();
    thread::scope(|scope| {
        let plan = scope.spawn(|| bench.run(&["plan"]).expect_trouble(6, &["does not answer"], "log"));
        until("the request", || bench.status()["doing"] == "observing");
        daemon.signal("STOP");
        plan.join().expect("told");
    });
    assert!(started.elapsed() < Duration::from_secs(40));
    bench.state(|state| state.faults.clear());
    daemon.signal("CONT");
}

#[test]
fn a_signal_finishes_the_request_in_flight_and_records_it() {
    use rosterd::simulator::{Fault, Rule};
    for command in [&["run", "--once"] as &[&str], &["apply", "--yes"]] {
        let bench = Bench::sample();
        bench.sim.fault(Rule::asc("POST", "*", Fault::Slow { ms: 1500 }).times(u32::MAX));
        let once = Daemon { bench: &bench, child: bench.spawn(command) };
        until("the first invitation", || bench.state(|state| !state.mails.is_empty()));
        assert_eq!(once.end(), 1, "{command:?}");
        let mails = bench.state(|state| state.mails.len());
        assert!(mails < 7, "{mails}");
        assert_eq!(bench.status()["open_intents"], 0, "{command:?}");
        bench.state(|state| state.faults.clear());
        bench.run(&["run", "--once"]).expect(0);
        bench.assert_one_mail_each("after the signal");
        bench.plan().assert_empty("after the signal");
    }
}

#[test]
fn a_key_shared_with_others_is_left_room() {
    let mut switches = rosterd::simulator::Switches::default();
    switches.app_store_connect.requests_per_hour = 20;
    let options = rosterd::simulator::Options { switches, ..Default::default() };
    let bench = Bench::with(rosterd::simulator::World::sample(), options);
    bench.run(&["apply", "--yes"]).expect_trouble(1, &["hourly budget"], "shared");
    let used =
        bench.state(|state| state.requests.iter().filter(|seen| seen.path.starts_with("/v1/")).count());
    assert!(used <= 12, "half of the hour is for others: {used}");
    bench.run(&["run", "--once"]).expect(1);
    let again =
        bench.state(|state| state.requests.iter().filter(|seen| seen.path.starts_with("/v1/")).count());
    assert!(again <= used + 3, "the hour is remembered: {used}, then {again}");
    bench.assert_one_mail_each("within the hour");
}
