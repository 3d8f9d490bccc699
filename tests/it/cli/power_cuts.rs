//! A power cut is worse than a kill: what was written but not synced may be gone, there, or there in part. The program is
//! recorded while it works (`recorder.c`), killed at a random moment, and its state is put back to what a disk may hold then
//! (`disk.rs`); the simulated services stay as they are. `POWER_CUTS=200` cuts more.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, Peer, Rule};

use super::kills::{assert_all_done, kill_after};
use crate::support::Bench;
use crate::support::disk::{Dice, Disk, Loss, record};

/// What became of the cuts of some worlds.
#[derive(Debug, Default)]
struct Tally {
    cuts: usize,
    /// Nothing was left of the state.
    empty: usize,
    /// The journal ended in the middle of a record.
    torn: usize,
    /// The cache was of no use.
    cacheless: usize,
    /// Records that were promised before one of the cuts.
    promised: usize,
    slowest: Duration,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.empty += other.empty;
        self.torn += other.torn;
        self.cacheless += other.cacheless;
        self.promised += other.promised;
        self.slowest = self.slowest.max(other.slowest);
    }

    /// What a start after a cut says of the state it found.
    fn note(&mut self, told: &str) {
        self.torn += usize::from(told.contains("was not written whole"));
        self.cacheless +=
            usize::from(told.contains("cache starts empty") || told.contains("cache cannot be used"));
        assert!(!told.contains("panicked") && !told.contains("edited"), "{told}");
    }
}

/// When the power goes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Right after this many changes of the state folder.
    Change(u64),
    /// So long after the start.
    After(Duration),
    /// Not while the command runs.
    Never,
}

/// Runs a command under the recorder, cuts the power, and puts the state back to what may be left. False when the command had
/// ended before; then nothing is cut.
fn cut(bench: &Bench, command: &[&str], moment: Moment, loss: Loss, dice: &mut Dice) -> (bool, Disk) {
    let mut disk = Disk::scan(bench.dir.path(), "state");
    let log = bench.path("recorded");
    let _ = fs::remove_file(&log);
    let mut command = bench.command(command);
    let (stop, longest) = match moment {
        Moment::Change(number) => (Some(number), Duration::from_secs(120)),
        Moment::After(time) => (None, time),
        Moment::Never => (None, Duration::from_secs(120)),
    };
    record(&mut command, &bench.path("state"), &log, stop);
    let told = fs::File::create(bench.path("told")).expect("made");
    command.stdout(Stdio::null()).stderr(told);
    let was_cut = kill_after(command.spawn().expect("the program starts"), longest);
    disk.replay(&fs::read(&log).unwrap_or_default());
    if was_cut {
        disk.cut("state", loss, dice);
    }
    (was_cut, disk)
}

/// Every line of every segment.
fn journal(bench: &Bench) -> BTreeSet<String> {
    let entries = fs::read_dir(bench.path("state/journal")).into_iter().flatten().flatten();
    let segments =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
    let text: Vec<String> = segments.map(|path| fs::read_to_string(path).expect("text")).collect();
    text.iter().flat_map(|text| text.split_inclusive('\n')).map(str::to_owned).collect()
}

/// Cuts the power of one world again and again, and checks what became of it.
fn world(seed: u64) -> Tally {
    let mut dice = Dice(seed);
    let mut tally = Tally::default();
    let bench = Bench::sample();
    for method in ["POST", "PATCH", "DELETE"] {
        bench.sim.fault(Rule::to(Peer::Asc, method, "*", Fault::Slow { ms: 25 }).times(u32::MAX));
    }
    let mut promised = BTreeSet::new();
    for attempt in 0..5 {
        let command: &[&str] = if dice.below(2) == 0 { &["apply", "--yes"] } else { &["run", "--once"] };
        // An apply of the sample's ten operations is about 110 changes.
        let moment = match dice.below(3) {
            0 => Moment::After(Duration::from_millis(60 + dice.below(900))),
            _ => Moment::Change(1 + dice.below(110)),
        };
        let loss = [Loss::All, Loss::Chance, Loss::Chance, Loss::Nothing];
        let loss = loss[usize::try_from(dice.below(4)).expect("small")];
        let (was_cut, disk) = cut(&bench, command, moment, loss, &mut dice);
        tally.note(&fs::read_to_string(bench.path("told")).unwrap_or_default());
        if !was_cut {
            break;
        }
        tally.cuts += 1;
        tally.empty += usize::from(!bench.path("state/journal").exists());
        promised.extend(disk.promised());
        let context = format!("seed {seed}, cut {attempt} at {moment:?} with {loss:?}");
        bench.assert_one_mail_each(&context);
        let kept = journal(&bench);
        let lost: Vec<&String> = promised.difference(&kept).collect();
        assert!(lost.is_empty(), "{context}: promised and lost: {lost:?}");
    }
    tally.promised = promised.len();
    for _ in 0..3 {
        let started = Instant::now();
        let output = bench.run(&["run", "--once"]).expect(0);
        tally.slowest = tally.slowest.max(started.elapsed());
        tally.note(&output.stderr);
        if tally.slowest > Duration::from_secs(5) {
            eprintln!("seed {seed}: a restart took {:?}: {}", tally.slowest, output.stderr);
        }
        if bench.plan().operations().is_empty() {
            break;
        }
    }
    assert_all_done(&bench, seed);
    let kept = journal(&bench);
    let lost: Vec<&String> = promised.difference(&kept).collect();
    assert!(lost.is_empty(), "seed {seed}: promised and lost: {lost:?}");
    tally
}

#[test]
fn a_power_cut_at_any_moment_loses_no_promise_and_repeats_no_invitation() {
    let wanted: usize = std::env::var("POWER_CUTS").ok().and_then(|text| text.parse().ok()).unwrap_or(16);
    let next = AtomicU64::new(1);
    let left = AtomicIsize::new(isize::try_from(wanted).expect("a small number"));
    let mut sum = Tally::default();
    let mut worlds = 0;
    thread::scope(|scope| {
        let worker = || {
            let mut tallies = Vec::new();
            while left.load(Ordering::SeqCst) > 0 {
                let tally = world(next.fetch_add(1, Ordering::SeqCst));
                left.fetch_sub(isize::try_from(tally.cuts).expect("a small number"), Ordering::SeqCst);
                tallies.push(tally);
            }
            tallies
        };
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        for tally in workers.into_iter().flat_map(|worker| worker.join().expect("no panic")) {
            worlds += 1;
            sum.add(&tally);
        }
    });
    println!(
        "{} power cuts in {worlds} worlds: {} left no journal, {} a torn record, {} no cache; {} promised records, none lost; \
         the slowest restart took {:?}",
        sum.cuts, sum.empty, sum.torn, sum.cacheless, sum.promised, sum.slowest
    );
    assert!(sum.cuts >= wanted, "only {} cuts", sum.cuts);
    assert!(sum.promised > 0, "nothing was recorded");
}

#[test]
fn what_is_recorded_is_what_the_folder_holds() {
    let bench = Bench::sample();
    let (was_running, disk) = cut(&bench, &["apply", "--yes"], Moment::Never, Loss::Nothing, &mut Dice(1));
    assert!(!was_running, "an apply ends by itself");
    println!("an apply is {} changes of the state folder, {} of them syncs", disk.records, disk.syncs);
    assert!(disk.syncs > 20, "an intent and an outcome are synced for each of ten writes: {}", disk.syncs);
    let found = contents(&bench);
    disk.cut("state", Loss::Nothing, &mut Dice(1));
    assert!(found.len() > 3, "{:?}", found.keys());
    assert_eq!(contents(&bench).keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    assert!(contents(&bench) == found, "a file differs from what was recorded");
}

fn contents(bench: &Bench) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let files = crate::support::listing(&bench.path("state"));
    files.into_iter().map(|(path, _)| (path.clone(), fs::read(path).expect("readable"))).collect()
}

/// The command is over and has said so; the power goes at once, and all that was not synced is lost.
#[test]
fn a_decision_that_was_acknowledged_survives_a_power_cut_right_after() {
    let bench = Bench::settled();
    let decisions: [(&[&str], &str); 3] = [
        (&["adopt", "konrad@example.net"], "konrad@example.net"),
        (&["link", "grace@example.com", "gh@example.net"], "gh@example.net"),
        (&["unlink", "karen@example.com"], "karen@example.com"),
    ];
    for (command, _) in decisions {
        let (was_running, disk) = cut(&bench, command, Moment::Never, Loss::All, &mut Dice(1));
        assert!(!was_running, "{command:?}");
        disk.cut("state", Loss::All, &mut Dice(1));
    }
    let text = bench.run(&["audit", "export"]).expect(0).stdout;
    for (command, who) in decisions {
        assert!(text.contains(who), "{command:?}: {text}");
    }
    bench.run(&["audit", "verify"]).expect(0);
}

/// On the very first start even the folders are new: their names have to be on the disk before a request is sent.
#[test]
fn the_first_apply_ever_is_remembered_when_the_power_goes_right_after() {
    let bench = Bench::sample();
    let (was_running, disk) = cut(&bench, &["apply", "--yes"], Moment::Never, Loss::All, &mut Dice(1));
    assert!(!was_running);
    disk.cut("state", Loss::All, &mut Dice(1));
    let mode = fs::metadata(bench.path("state")).expect("the state folder is left").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    bench.run(&["audit", "verify"]).expect(0);
    bench.plan().assert_empty("all of it is remembered");
    bench.run(&["run", "--once"]).expect(0);
    assert_all_done(&bench, 0);
}
