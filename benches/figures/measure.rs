//! Clocks that count the processor's time for us, peak memory, and lines measured in processes of their own.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Names and figures that a child prints and its parent reads.
pub(crate) type Figures = BTreeMap<String, f64>;

/// What a whole process used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_mb: f64,
    pub(crate) success: bool,
}

/// Processor time of this thread.
pub(crate) fn cpu() -> Duration {
    cpu_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Processor time of another process, all its threads.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let mut clock = 0;
    #[expect(unsafe_code, reason = "the clock writes into what it is handed")]
    // SAFETY: `clock` is a valid clockid_t.
    let result =
        unsafe { libc::clock_getcpuclockid(libc::pid_t::try_from(pid).unwrap_or(-1), &raw mut clock) };
    if result == 0 { cpu_clock(clock) } else { Duration::ZERO }
}

fn cpu_clock(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[expect(unsafe_code, reason = "the clock writes into what it is handed")]
    // SAFETY: `now` is a valid timespec, and the clock exists on every Linux.
    unsafe {
        libc::clock_gettime(clock, &raw mut now);
    }
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The result and the processor time of some work.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = cpu();
    let result = work();
    (result, cpu() - before)
}

/// The shortest of several runs: others on the machine only ever add.
pub(crate) fn best<T>(runs: usize, mut work: impl FnMut() -> T) -> (T, Duration) {
    let mut best = timed(&mut work);
    for _ in 1..runs {
        let again = timed(&mut work);
        if again.1 < best.1 {
            best = again;
        }
    }
    best
}

/// `VmRSS`, `VmHWM` or the like of a process, in MB; 0 where it cannot be read.
pub(crate) fn memory_mb(pid: &str, key: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}

/// Lets a process's peak memory begin anew (proc(5), clear_refs).
pub(crate) fn forget_peak(pid: &str) {
    // Where that is not allowed, the peak is that of the whole life.
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// Peak memory of this process so far, in MB.
pub(crate) fn peak_mb() -> f64 {
    memory_mb("self", "VmHWM")
}

/// Measures a line in a process of its own.
pub(crate) fn child(args: &[&str]) -> Figures {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .arg("measure")
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .expect("a process of its own");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// The child's side of [`child`].
pub(crate) fn report(figures: &[(&str, f64)]) {
    let figures: Figures = figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect();
    println!("{}", serde_json::to_string(&figures).unwrap_or_default());
}

/// Runs a command to its end.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it, and tells what it used")]
pub(crate) fn run(command: &mut Command) -> Used {
    let started = Instant::now();
    let child = command.spawn().expect("the program starts");
    let (usage, status) = wait(&child);
    let time = |at: libc::timeval| {
        Duration::new(at.tv_sec.unsigned_abs(), u32::try_from(at.tv_usec).unwrap_or(0).saturating_mul(1000))
    };
    Used {
        wall: started.elapsed(),
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak_mb: usage.ru_maxrss as f64 * 1024.0 / 1e6,
        success: status == 0,
    }
}

fn wait(child: &Child) -> (libc::rusage, i32) {
    let mut status = 0;
    let pid = libc::pid_t::try_from(child.id()).unwrap_or(-1);
    #[expect(unsafe_code, reason = "the standard library does not tell what a child used")]
    // SAFETY: rusage is plain data, and both pointers are valid for the call.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::wait4(pid, &raw mut status, 0, &raw mut usage);
        usage
    };
    (usage, status)
}
