//! (e) The daemon: from its start to READY, and what it holds in memory while it waits.

use std::time::Duration;

use crate::cycle::Bench;
use crate::daemon::Daemon;
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
    let daemon = Daemon::start(&bench);
    daemon.cycle();
    std::thread::sleep(Duration::from_secs(2));
    vec![
        format!("{} × {}", size.people, size.seats),
        span(daemon.ready),
        span(daemon.first),
        mb(memory_mb(&daemon.pid(), "VmRSS")),
        mb(memory_mb(&daemon.pid(), "VmHWM")),
    ]
}
