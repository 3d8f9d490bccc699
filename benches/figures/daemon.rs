//! The daemon as systemd has it, told when to start a cycle.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::cycle::Bench;
use crate::measure::{Used, cpu_of, forget_peak, memory_mb};

/// It ends with this value.
pub(crate) struct Daemon {
    process: Child,
    notices: UnixDatagram,
    /// From the start to READY=1.
    pub(crate) ready: Duration,
    /// From then to the end of the first cycle.
    pub(crate) first: Duration,
}

impl Daemon {
    pub(crate) fn start(bench: &Bench) -> Self {
        let socket = bench.dir.path().join("notify");
        let notices = UnixDatagram::bind(&socket).expect("a socket");
        notices.set_read_timeout(Some(Duration::from_secs(600))).expect("a time limit");
        let mut command = bench.command(&["run"]);
        command.env("NOTIFY_SOCKET", &socket);
        let started = Instant::now();
        let process = command.spawn().expect("the daemon starts");
        await_notice(&notices, "READY=1");
        let ready = started.elapsed();
        await_notice(&notices, "last cycle");
        Self { process, notices, ready, first: started.elapsed().saturating_sub(ready) }
    }

    pub(crate) fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// A cycle, from the signal that asks for it to its end.
    pub(crate) fn cycle(&self) -> Used {
        let pid = self.pid();
        forget_peak(&pid);
        let (before, started) = (cpu_of(self.process.id()), Instant::now());
        let usr1 = Command::new("kill").args(["-USR1", &pid]).status();
        assert!(usr1.is_ok_and(|status| status.success()), "a signal");
        let told = await_notice(&self.notices, "last cycle");
        Used {
            wall: started.elapsed(),
            cpu: cpu_of(self.process.id()).saturating_sub(before),
            peak_mb: memory_mb(&pid, "VmHWM"),
            success: told.contains("no_op") || told.contains("applied"),
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits for a message to systemd with these words.
fn await_notice(notices: &UnixDatagram, words: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let length = notices.recv(&mut buffer).expect("a message");
        let text = String::from_utf8_lossy(&buffer[..length]);
        if text.contains(words) {
            return text.into_owned();
        }
    }
}
