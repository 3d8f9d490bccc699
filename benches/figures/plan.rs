//! (b) The plan alone, of snapshots that are in memory: a settled team, and one where everybody in scope is yet to come.

use jiff::Timestamp;
use rosterd::model::{Coverage, Ledger, TeamSnapshot};
use rosterd::plan::{Allowance, Input, plan};

use crate::measure::{best, child, memory_mb, peak_mb, report};
use crate::table::{mb, table as new_table, time};
use crate::world::{Size, directory, ledger, policy, team};

pub(crate) fn table(sizes: &[Size]) {
    let mut out =
        new_table(&["people × seats", "what", "plan", "per person", "operations", "beside the snapshots"]);
    for size in sizes {
        for what in ["quiet", "first", "adopt"] {
            let figures = child(&["plan", what, size.name]);
            let figure = |name: &str| figures.get(name).copied().unwrap_or(f64::NAN);
            out.add_row(vec![
                format!("{} × {}", size.people, size.seats),
                what.to_owned(),
                time(figure("cpu")),
                time(figure("cpu") / size.people as f64),
                format!("{}", figure("operations")),
                mb(figure("memory")),
            ]);
        }
    }
    println!("{out}");
    println!(
        "quiet: all linked; first: nobody on the team; adopt: all on the team, nobody linked yet; best of five runs"
    );
}

pub(crate) fn measure(args: &[&str]) {
    let [what, size] = args else { return };
    let (size, runs) = (Size::named(size), if std::env::var_os("BENCH_RUNS").is_some() { 1 } else { 5 });
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
    let (directory, policy) = (directory(size), policy());
    let nobody = || TeamSnapshot::new(Vec::new(), Vec::new(), [].into(), Coverage::Complete);
    let (team, ledger) = match *what {
        "quiet" => (team(size), ledger(size, now)),
        "adopt" => (team(size), Ledger::default()),
        _ => (nobody(), Ledger::default()),
    };
    let before = memory_mb("self", "VmRSS");
    let allowance = Allowance { requests: 1800, at_once: 120, pace_ms: 2000 };
    let input =
        Input { directory: &directory, team: &team, policy: &policy, ledger: &ledger, now, allowance };
    let (planned, cpu) = best(runs, || plan(&input));
    let operations = planned.plan.operations.len();
    let memory = (peak_mb() - before).max(0.0);
    report(&[("cpu", cpu.as_secs_f64()), ("operations", operations as f64), ("memory", memory)]);
}
