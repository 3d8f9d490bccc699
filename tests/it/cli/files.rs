//! Files that people name, and files that others may have put there: nothing hangs, nothing is followed, nothing is
//! trusted by accident.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, Rule};

use crate::support::{Bench, Output};

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("mode set");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

/// Ends by itself, or the test does.
fn run_soon(bench: &Bench, args: &[&str]) -> Output {
    let began = Instant::now();
    let output = bench.run(args);
    assert!(began.elapsed() < Duration::from_secs(20), "{args:?} took {:?}", began.elapsed());
    output
}

#[test]
fn a_saved_plan_follows_no_link_and_keeps_no_foreign_mode() {
    let bench = Bench::sample();
    let (foreign, plan) = (bench.path("foreign"), bench.path("plan.json"));
    fs::write(&foreign, "somebody's").expect("written");
    symlink(&foreign, &plan).expect("linked");
    bench.run(&["plan", "--out", text(&plan)]).expect(0);
    assert_eq!(fs::read_to_string(&foreign).expect("there"), "somebody's");
    let open = bench.path("open.json");
    fs::write(&open, "").expect("written");
    set_mode(&open, 0o666);
    bench.run(&["plan", "--out", text(&open)]).expect(0);
    for path in [&plan, &open] {
        let found = path.symlink_metadata().expect("saved");
        assert!(found.is_file(), "{}", path.display());
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let left: Vec<_> = fs::read_dir(bench.dir.path()).expect("a folder").filter_map(Result::ok).collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().contains("rosterd-plan")));
    let pipe = bench.path("pipe");
    make_pipe(&pipe);
    run_soon(&bench, &["plan", "--out", text(&pipe)]).expect_trouble(1, &["not a regular file"], "file");
}

#[test]
fn a_pipe_or_a_device_in_the_place_of_a_file_hangs_nobody() {
    let bench = Bench::sample();
    let pipe = bench.path("pipe");
    make_pipe(&pipe);
    for path in [text(&pipe), "/dev/zero", text(bench.dir.path())] {
        run_soon(&bench, &["apply", path]).expect_trouble(
            1,
            &[path, "not a regular file"],
            "rosterd plan --out",
        );
        run_soon(&bench, &["state", "import", path]).expect_trouble(
            1,
            &[path, "not a regular file"],
            "export",
        );
        let table = format!("type = \"file\"\n[source.file]\npath = {path:?}\n");
        bench.read_from(&table);
        run_soon(&bench, &["plan"]).expect_trouble(1, &[path, "not a regular file"], "");
        let config = bench.path("config.toml");
        let kept = fs::read(&config).expect("a configuration");
        fs::remove_file(&config).expect("removed");
        symlink(path, &config).expect("linked");
        run_soon(&bench, &["check"]).expect_trouble(78, &["not a regular file"], "-c FILE");
        fs::remove_file(&config).expect("removed");
        fs::write(&config, kept).expect("written");
        set_mode(&config, 0o600);
    }
    assert_eq!(bench.writes(), 0);
}

#[test]
fn a_configuration_that_others_may_write_is_refused_with_the_cure() {
    let bench = Bench::sample();
    let config = bench.path("config.toml");
    for (mode, command) in [(0o666, "check"), (0o620, "plan"), (0o602, "status"), (0o664, "doctor")] {
        set_mode(&config, mode);
        let shown = format!("{mode:04o}");
        bench.run(&[command]).expect_trouble(78, &["config.toml", &shown], "chmod go-w");
    }
    set_mode(&config, 0o644);
    bench.run(&["check"]).expect(0);
    set_mode(bench.dir.path(), 0o777);
    bench.run(&["check"]).expect_trouble(78, &["config.toml", "0777"], "chmod go-w");
    // As /tmp: only a file's owner may put another in its place.
    set_mode(bench.dir.path(), 0o1777);
    bench.run(&["check"]).expect(0);
    set_mode(bench.dir.path(), 0o700);
}

#[test]
fn a_journal_without_its_head_is_damage_until_somebody_accepts_it() {
    let bench = Bench::settled();
    bench.run(&["run", "--once"]).expect(0);
    fs::remove_file(bench.path("state/journal/HEAD")).expect("removed");
    for command in [&["plan"] as &[&str], &["apply", "--yes"], &["run", "--once"], &["audit", "verify"]] {
        bench.run(command).expect_trouble(1, &["HEAD", "truncation"], "--accept-history");
    }
    assert!(bench.run(&["state", "check"]).expect(1).stdout.contains("--accept-history"));
    let told = bench.run(&["state", "check", "--accept-history"]).expect(0);
    assert!(told.stderr.contains("is the last one") && told.stdout.contains("good"), "{told:?}");
    bench.run(&["audit", "verify"]).expect(0);
    let shown = bench.run(&["audit", "show", "--limit", "1"]).expect(0).stdout;
    assert!(shown.contains("accepted without its HEAD"), "{shown}");
    bench.plan().assert_empty("after the journal was accepted");
}

#[test]
fn a_deleted_lock_lets_nobody_else_in() {
    let bench = Bench::settled();
    let daemon = super::daemon::start(&bench);
    fs::remove_file(bench.path("state/LOCK")).expect("removed");
    bench.run(&["run", "--once"]).expect_trouble(6, &["in use"], "");
    drop(daemon);
}

/// The memory has keys and tokens in it.
#[test]
fn a_process_that_dies_leaves_no_core() {
    let bench = Bench::sample();
    let dies = |script: &str| {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -c unlimited 2>/dev/null; {script}");
        shell.args(["-c", &script, "sh"]).current_dir(bench.path(""));
        shell
    };
    let ordinary = dies("kill -ABRT $$").status().expect("a shell");
    if !ordinary.core_dumped() {
        eprintln!("this machine lets nothing leave a core, so there is nothing to see");
        return;
    }
    let program = bench.command(&["run", "--once", "-vv"]);
    let mut command = dies("exec \"$@\"");
    command.arg(program.get_program()).args(program.get_args()).stdout(Stdio::null()).stderr(Stdio::piped());
    bench.sim.fault(Rule::asc("GET", "*", Fault::Slow { ms: 60_000 }).times(u32::MAX));
    let mut child = command.spawn().expect("a process");
    // Its first line of log comes long after its first line of code.
    let mut first = [0; 1];
    child.stderr.take().expect("a pipe").read_exact(&mut first).expect("a line of log");
    Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().expect("kill");
    let ended = child.wait().expect("its end");
    assert_eq!(ended.signal(), Some(6), "{ended:?}");
    assert!(!ended.core_dumped(), "{ended:?}");
}
