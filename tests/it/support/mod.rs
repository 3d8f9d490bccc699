//! The real binary against a simulated team and directory.

pub(crate) mod disk;
pub(crate) mod keys;
pub(crate) mod terminal;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rosterd::simulator::{FileOptions, Grant, Options, Running, Simulator, State, World, write_files};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Both simulated sides, a configuration for them in a folder of its own, and the program.
pub(crate) struct Bench {
    pub(crate) sim: Running,
    pub(crate) dir: TempDir,
    // Dropped last: the simulator is served by it.
    _runtime: Runtime,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    /// The sample organization.
    pub(crate) fn sample() -> Self {
        Self::with(World::sample(), Options::default())
    }

    /// The sample organization after its first plan: the next one has no operation.
    pub(crate) fn settled() -> Self {
        let bench = Self::sample();
        bench.run(&["apply", "--yes"]).expect(0);
        bench
    }

    pub(crate) fn with(world: World, options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let sim = runtime.block_on(Simulator::start(world, options)).expect("the simulator starts");
        let dir = TempDir::new().expect("a folder");
        write_files(dir.path(), &sim, FileOptions::default()).expect("a configuration");
        Self { sim, dir, _runtime: runtime }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces a part of the configuration, which has to be there once.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = self.path("config.toml");
        let text = fs::read_to_string(&path).expect("a configuration");
        assert_eq!(text.matches(from).count(), 1, "{from:?} in the configuration");
        fs::write(&path, text.replace(from, to)).expect("written");
    }

    /// The program with this configuration and nothing of our own environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.arg("-c").arg(self.path("config.toml")).args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        Output::of(&mut self.command(args))
    }

    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }

    /// The plan of now.
    pub(crate) fn plan(&self) -> Plan {
        Plan(self.run(&["plan", "--output", "json"]).expect(0).json())
    }

    /// `status --json`.
    pub(crate) fn status(&self) -> Value {
        self.run(&["status", "--json"]).expect(0).json()
    }

    /// Looks at what the services know, or changes it.
    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        self.sim.with_state(look)
    }

    /// Requests that were writes to the team, of those still in the log.
    pub(crate) fn writes(&self) -> usize {
        self.state(|state| state.writes().count())
    }

    /// What every seat may do: members by user name, invitations by address.
    pub(crate) fn seats(&self) -> BTreeMap<String, Grant> {
        self.state(|state| {
            let members = state.team.members.iter().map(|seat| (seat.username.clone(), seat.grant.clone()));
            let invited = state.team.invitations.iter().map(|seat| (seat.email.clone(), seat.grant.clone()));
            members.chain(invited).collect()
        })
    }

    /// Reads the directory through another source: replaces the configuration's table.
    pub(crate) fn read_from(&self, table: &str) {
        let path = self.path("config.toml");
        let text = fs::read_to_string(&path).expect("a configuration");
        let (before, rest) = text.split_once("[source]\n").expect("a source");
        let (_, after) = rest.split_once("[scope]\n").expect("a scope");
        fs::write(&path, format!("{before}[source]\n{table}\n[scope]\n{after}")).expect("written");
    }

    pub(crate) fn set_active(&self, who: &str, active: bool) {
        self.state(|state| person(state, who).active = active);
    }

    /// No address ever got two mails for the same invitation period.
    pub(crate) fn assert_one_mail_each(&self, context: &str) {
        self.state(|state| {
            for mail in &state.mails {
                assert_eq!(state.mails_to(&mail.address), 1, "{context}: mails to {}", mail.address);
            }
        });
    }
}

/// Somebody of the directory, to change.
pub(crate) fn person<'s>(state: &'s mut State, who: &str) -> &'s mut rosterd::simulator::directory::Person {
    state.directory.person_mut(who).expect("somebody of the directory")
}

/// The program with nothing of our own environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    command.env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    command
}

impl Output {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program starts");
        Self {
            code: output.status.code().or(output.status.signal().map(|signal| -signal)).unwrap_or(-99),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// One line that names the thing, and a hint on a line of its own.
    #[track_caller]
    pub(crate) fn expect_trouble(self, code: i32, names: &[&str], hint: &str) -> Self {
        let lines: Vec<&str> = self.stderr.lines().collect();
        let told = || format!("code {}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr);
        assert_eq!(self.code, code, "{}", told());
        let is_hint = |line: &str| line.trim_start().starts_with("hint: ");
        let named = |line: &&&str| !is_hint(line) && names.iter().all(|name| line.contains(name));
        let error = lines.iter().filter(named).count();
        assert_eq!(error, 1, "one line with {names:?}: {}", told());
        let mut hints = lines.iter().filter(|line| is_hint(line));
        assert!(hints.any(|line| line.contains(hint)), "a hint with {hint:?}: {}", told());
        self
    }
}

/// A printed plan.
#[derive(Debug)]
pub(crate) struct Plan(pub(crate) Value);

impl Plan {
    pub(crate) fn digest(&self) -> &str {
        self.0["digest"].as_str().expect("a digest")
    }

    pub(crate) fn operations(&self) -> Vec<String> {
        entries(&self.0["operations"]).iter().map(entry).collect()
    }

    /// `remove_member john@example.com unmanaged`
    pub(crate) fn held(&self) -> Vec<String> {
        let reason = |held: &Value| held["hold"]["reason"].as_str().expect("a reason").to_owned();
        entries(&self.0["held"]).iter().map(|held| format!("{} {}", entry(held), reason(held))).collect()
    }

    /// Held entries of one reason, as `remove_member john@example.com`.
    pub(crate) fn held_for(&self, reason: &str) -> Vec<String> {
        let held = entries(&self.0["held"]);
        held.iter().filter(|held| held["hold"]["reason"] == reason).map(entry).collect()
    }

    #[track_caller]
    pub(crate) fn assert_empty(&self, context: &str) {
        assert!(self.operations().is_empty(), "{context}: {:?}", self.operations());
    }
}

fn entries(list: &Value) -> &[Value] {
    list.as_array().expect("a list")
}

/// `remove_member john@example.com`, by the address of the person or the name of the seat.
fn entry(entry: &Value) -> String {
    let email = entry["person"]["email"].as_str().or(entry["target"]["name"].as_str()).unwrap_or("?");
    format!("{} {email}", entry["kind"].as_str().expect("a kind"))
}

/// Everything in a folder, so that a change shows.
pub(crate) fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.metadata() {
                Ok(found) if found.is_dir() => open.push(path),
                Ok(found) => all.push((path, found.len())),
                Err(_) => {}
            }
        }
    }
    all.sort();
    all
}
