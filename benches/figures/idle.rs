//! (e) The daemon: from its start to READY, and what it holds in memory while it waits.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::cycle::Bench;
use crate::measure::memory_mb;
use crate::table::{mb, span, table as new_table};
use crate::world::Size;

pub(crate) fn table(sizes: &[Size]) {
    let mut out = new_table(&["people × seats", "start → ready", "first cycle", "resident, waiting", "peak"]);
    for size in sizes.iter().filter(|size| size.people <= 100_000) {
        out.add_row(line(*size));
    }
    println!("{out}");
    println!("ready: READY=1 to systemd; resident: two seconds after the second cycle");
}

fn line(size: Size) -> Vec<String> {
    let bench = Bench::new(size, 0);
    let socket = bench.dir.path().join("notify");
    let notices = UnixDatagram::bind(&socket).expect("a socket");
    notices.set_read_timeout(Some(Duration::from_secs(120))).expect("a time limit");
    let mut command = bench.command(&["run"]);
    command.env("NOTIFY_SOCKET", &socket);
    let started = Instant::now();
    let mut daemon = command.spawn().expect("the daemon starts");
    await_notice(&notices, "READY=1");
    let ready = started.elapsed();
    await_notice(&notices, "last cycle");
    let cycled = started.elapsed();
    let pid = daemon.id().to_string();
    let usr1 = std::process::Command::new("kill").args(["-USR1", &pid]).status();
    assert!(usr1.is_ok_and(|status| status.success()), "a signal");
    await_notice(&notices, "last cycle");
    std::thread::sleep(Duration::from_secs(2));
    let (resident, peak) = (memory_mb(&pid, "VmRSS"), memory_mb(&pid, "VmHWM"));
    daemon.kill().expect("it ends");
    daemon.wait().expect("it ends");
    vec![
        format!("{} × {}", size.people, size.seats),
        span(ready),
        span(cycled - ready),
        mb(resident),
        mb(peak),
    ]
}

/// Waits for a message to systemd with these words.
fn await_notice(notices: &UnixDatagram, words: &str) {
    let mut buffer = [0; 4096];
    loop {
        let length = notices.recv(&mut buffer).expect("a message");
        if String::from_utf8_lossy(&buffer[..length]).contains(words) {
            return;
        }
    }
}
