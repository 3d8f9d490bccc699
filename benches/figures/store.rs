//! (d) Journal and cache: what a cycle writes, how long opening takes, what 10,000 cycles leave behind.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use rosterd::model::event::{Actor, CycleId, CycleResult, LinkBy};
use rosterd::model::{Event, Plan, SeatId};
use rosterd::plan::{Allowance, Input, plan};
use rosterd::state::{Note, OpenOptions, State};

use crate::measure::{child, peak_mb, report, timed};
use crate::table::{mb, table as new_table, time};
use crate::world::{Size, directory, ledger, policy, team};

pub(crate) fn table(sizes: &[Size]) {
    let mut out = new_table(&[
        "people × seats",
        "first cycle writes",
        "CPU",
        "quiet cycle writes",
        "CPU",
        "open",
        "peak",
        "on disk",
    ]);
    for size in sizes {
        let figures = child(&["store", "cycles", size.name]);
        let figure = |name: &str| figures.get(name).copied().unwrap_or(f64::NAN);
        out.add_row(vec![
            format!("{} × {}", size.people, size.seats),
            mb(figure("first_mb")),
            time(figure("first_cpu")),
            format!("{:.1} kB", figure("quiet_mb") * 1e3),
            time(figure("quiet_cpu")),
            time(figure("open")),
            mb(figure("peak")),
            mb(figure("disk_mb")),
        ]);
    }
    println!("{out}");
    let figures = child(&["store", "many", "1k"]);
    let figure = |name: &str| figures.get(name).copied().unwrap_or(f64::NAN);
    println!(
        "after 10,000 quiet cycles of 200 seats: {} on disk ({} journal, {} cache), opened in {}",
        mb(figure("disk_mb")),
        mb(figure("journal_mb")),
        mb(figure("cache_mb")),
        time(figure("open"))
    );
}

pub(crate) fn measure(args: &[&str]) {
    let [what, size] = args else { return };
    let size = Size::named(size);
    rosterd::state::seccomp::deny_sync_file_range().unwrap_or_default();
    match *what {
        "cycles" => cycles(size),
        "many" => many(size),
        other => eprintln!("nothing is called {other}"),
    }
}

fn open(dir: &Path) -> State {
    State::open(dir, OpenOptions::new(SignedDuration::from_hours(24 * 400))).expect("a state").0
}

fn cycles(size: Size) {
    let dir = tempfile::tempdir().expect("a folder");
    let now = Timestamp::now();
    let state = open(&dir.path().join("state"));
    let (team, plan) = (team(size), quiet_plan(size, now));
    let (before, ((), first)) = (
        written_mb(),
        timed(|| {
            link(&state, size, now);
            cycle(&state, &team, &plan, 0, now);
        }),
    );
    let first_mb = written_mb() - before;
    let (before, ((), quiet)) = (written_mb(), timed(|| cycle(&state, &team, &plan, 1, now)));
    let quiet_mb = written_mb() - before;
    drop(state);
    let started = Instant::now();
    let state = open(&dir.path().join("state"));
    let opening = started.elapsed();
    assert_eq!(state.ledger().links.len(), size.seats);
    report(&[
        ("first_mb", first_mb),
        ("first_cpu", first.as_secs_f64()),
        ("quiet_mb", quiet_mb),
        ("quiet_cpu", quiet.as_secs_f64()),
        ("open", opening.as_secs_f64()),
        ("peak", peak_mb()),
        ("disk_mb", folder_mb(dir.path())),
    ]);
}

fn many(size: Size) {
    let dir = tempfile::tempdir().expect("a folder");
    let now = Timestamp::now();
    let state = open(&dir.path().join("state"));
    let (team, plan) = (team(size), quiet_plan(size, now));
    link(&state, size, now);
    for number in 0..10_000 {
        cycle(&state, &team, &plan, number, now);
    }
    drop(state);
    let started = Instant::now();
    drop(open(&dir.path().join("state")));
    report(&[
        ("open", started.elapsed().as_secs_f64()),
        ("disk_mb", folder_mb(dir.path())),
        ("journal_mb", folder_mb(&dir.path().join("state/journal"))),
        ("cache_mb", folder_mb(&dir.path().join("state/sled"))),
    ]);
}

/// Everybody in scope is matched, in one batch as the engine records findings.
fn link(state: &State, size: Size, now: Timestamp) {
    let ledger = ledger(size, now);
    let links = ledger.links.values().cloned().map(|link| Event::Linked {
        person: link.person,
        seat: link.seat.unwrap_or(SeatId::Member("none".into())),
        by: LinkBy::Address,
        name: link.name,
        access: link.applied,
        expires: None,
    });
    state.record(None, &Actor::Daemon, links.collect()).expect("a record");
}

/// What the engine writes down at the end of a cycle that found nothing to do.
fn cycle(state: &State, team: &rosterd::model::TeamSnapshot, plan: &Plan, number: u64, now: Timestamp) {
    let id = CycleId(format!("{number:012}"));
    let event = Event::CycleFinished {
        result: CycleResult::NoOp,
        digest: Some(plan.digest.clone()),
        summary: Some(plan.summary),
        in_scope: Some(team.members.len() as u64),
        error: None,
    };
    state.record(Some(&id), &Actor::Daemon, vec![event]).expect("a record");
    state.put_team(team, now + SignedDuration::from_secs(number as i64));
    state.put_note(Note::LastPlan, plan);
    state.put_cycle(&serde_json::json!({"id": id.0, "summary": plan.summary}));
    state.put_note(Note::Budget, &serde_json::json!({"minutes": [[number, 7]]}));
}

fn quiet_plan(size: Size, now: Timestamp) -> Plan {
    let (directory, team, policy) = (directory(size), team(size), policy());
    let ledger = Arc::new(ledger(size, now));
    let allowance = Allowance { requests: 1800, at_once: 120, pace_ms: 2000 };
    let input =
        Input { directory: &directory, team: &team, policy: &policy, ledger: &ledger, now, allowance };
    plan(&input).plan
}

/// Bytes this process handed to the system for writing.
fn written_mb() -> f64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let bytes = io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<f64>().ok());
    bytes.unwrap_or(0.0) / 1e6
}

fn folder_mb(folder: &Path) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => folder_mb(&entry.path()),
        Ok(found) => found.len() as f64 / 1e6,
        Err(_) => 0.0,
    });
    sizes.sum()
}
