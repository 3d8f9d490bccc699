//! What systemd is told, on a socket of our own.

use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, Rule};

use super::daemon::{Daemon, start_as, until};
use crate::support::Bench;

/// The end of `NOTIFY_SOCKET` that systemd has, which listens all the time: a sender waits for a full queue.
struct Manager(Arc<Mutex<Vec<String>>>);

impl Manager {
    fn of(bench: &Bench) -> Self {
        let socket = UnixDatagram::bind(bench.path("notify")).expect("a socket");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::downgrade(&heard);
        std::thread::spawn(move || {
            let mut datagram = [0; 4096];
            while let Ok(length) = socket.recv(&mut datagram) {
                let Some(heard) = to.upgrade() else { return };
                let message = String::from_utf8_lossy(&datagram[..length]).into_owned();
                heard.lock().expect("not poisoned").push(message);
            }
        });
        Self(heard)
    }

    fn start<'b>(&self, bench: &'b Bench) -> Daemon<'b> {
        let mut command = bench.command(&["run"]);
        command.env("NOTIFY_SOCKET", bench.path("notify"));
        start_as(bench, command)
    }

    /// What came since the last look.
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("not poisoned"))
    }

    fn says(&self, what: &str) -> bool {
        self.heard().iter().any(|message| message.lines().any(|line| line.starts_with(what)))
    }
}

fn slow(method: &str, ms: u64) -> Rule {
    Rule::asc(method, "*", Fault::Slow { ms }).times(u32::MAX)
}

#[test]
fn start_and_stop_are_told_with_what_is_going_on() {
    let bench = Bench::sample();
    let manager = Manager::of(&bench);
    let daemon = manager.start(&bench);
    let heard = manager.heard().join("\n");
    for line in
        ["READY=1", "STATUS=reading both sides", "STATUS=applying 1 of ", "STATUS=last cycle: success"]
    {
        assert!(heard.contains(line), "{line}: {heard}");
    }
    assert!(heard.find("READY=1") < heard.find("STATUS=reading"), "ready before the first cycle: {heard}");
    assert_eq!(daemon.end(), 0);
    assert!(manager.says("STOPPING=1"));
}

/// `systemctl reload` waits for the second READY, so that must not wait for a cycle.
#[test]
fn a_reload_is_over_at_once_also_while_a_cycle_runs() {
    let bench = Bench::sample();
    let manager = Manager::of(&bench);
    let daemon = manager.start(&bench);
    bench.sim.fault(slow("GET", 8_000));
    daemon.signal("USR1");
    until("the cycle", || bench.status()["doing"] == "observing");
    manager.heard();
    let started = Instant::now();
    daemon.signal("HUP");
    let mut heard = String::new();
    until("READY", || {
        heard.push_str(&manager.heard().join("\n"));
        heard.contains("READY=1")
    });
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let reloading = heard.find("RELOADING=1").expect("told first");
    assert!(heard[reloading..].starts_with("RELOADING=1\nMONOTONIC_USEC="), "in one datagram: {heard}");
    assert_eq!(bench.status()["doing"], "observing", "the cycle goes on");
    bench.state(|state| state.faults.clear());
    assert_eq!(daemon.end(), 0);
}

/// A cycle that is due while a long command runs waits for it; systemd must not take that for a hang.
#[test]
fn the_watchdog_is_fed_while_a_cycle_waits_for_a_command() {
    let bench = Bench::sample();
    bench.sim.fault(slow("POST", 6_000));
    bench.edit("on_join = \"invite\"", "on_join = \"report\"");
    bench.edit("interval = \"1m\"", "interval = \"3h\"");
    let manager = Manager::of(&bench);
    let daemon = manager.start(&bench);
    bench.edit("on_join = \"report\"", "on_join = \"invite\"");
    daemon.signal("HUP");
    manager.heard();
    until("the reload", || bench.plan().operations().iter().any(|line| line.starts_with("invite")));
    let mut apply = bench.spawn(&["apply", "--yes"]);
    until("the first invitation", || bench.state(|state| !state.mails.is_empty()));
    daemon.signal("USR1");
    std::thread::sleep(Duration::from_millis(1_500));
    manager.heard();
    std::thread::sleep(Duration::from_millis(2_500));
    let fed = manager.heard().iter().filter(|message| message.contains("WATCHDOG=1")).count();
    assert!(apply.try_wait().expect("a child").is_none(), "the command still runs");
    assert!(fed >= 1, "no food for two seconds and a half");
    bench.state(|state| state.faults.clear());
    apply.wait().expect("a child of ours");
    assert_eq!(daemon.end(), 0);
}
