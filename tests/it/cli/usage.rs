//! The command line itself.

use crate::support::{Bench, Output, program};

#[test]
fn what_cannot_be_understood_exits_with_64() {
    let cases: [&[&str]; 9] = [
        &["nonsense"],
        &["plan", "--nonsense"],
        &["plan", "--output", "yaml"],
        &[],
        &["approve"],
        &["unlink"],
        &["unlink", "--all", "ada@example.com"],
        &["run", "--twice"],
        &["--color", "perhaps", "plan"],
    ];
    for args in cases {
        let output = Output::of(program().args(args));
        assert_eq!(output.code, 64, "{args:?}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
    let near = Output::of(program().arg("pln"));
    assert!(near.stderr.contains("plan"), "{}", near.stderr);
}

#[test]
fn help_and_version_exit_with_0() {
    for args in
        [&["--help"] as &[&str], &["-h"], &["help"], &["plan", "--help"], &["--version"], &["help", "apply"]]
    {
        let output = Output::of(program().args(args)).expect(0);
        assert!(output.stdout.contains("rosterd"), "{args:?}: {}", output.stdout);
    }
}

#[test]
fn apply_without_yes_and_without_a_terminal_is_a_usage_error() {
    let bench = Bench::sample();
    bench.run(&["apply"]).expect_trouble(64, &["no terminal"], "--yes");
    assert_eq!(bench.state(|state| state.answered()), 0, "nothing was even read");
}

#[test]
fn results_go_to_stdout_and_messages_to_stderr() {
    let bench = Bench::sample();
    let output = bench.run(&["plan", "--output", "json"]).expect(0);
    assert!(output.json().is_object());
    assert_eq!(output.stderr, "");
    let output = bench.run(&["apply", "--yes", "--output", "json"]).expect(0);
    assert!(output.json().is_object(), "{}", output.stdout);
    let output = bench.run(&["status", "--json"]).expect(0);
    assert_eq!(output.json()["schema"], "rosterd.status/1");
    assert_eq!(output.stderr, "");
}

#[test]
fn colour_comes_only_where_it_is_asked_for() {
    let bench = Bench::sample();
    assert!(!bench.run(&["plan"]).expect(0).stdout.contains('\u{1b}'));
    assert!(bench.run(&["--color", "always", "plan"]).expect(0).stdout.contains('\u{1b}'));
    assert!(!bench.run(&["--color", "never", "plan"]).expect(0).stdout.contains('\u{1b}'));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let bench = Bench::sample();
    let config = bench.path("config.toml");
    let line = format!("{} -c {} plan | true", env!("CARGO_BIN_EXE_rosterd"), config.display());
    let output = Output::of(std::process::Command::new("sh").args(["-c", &line]));
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

#[test]
fn the_configuration_can_come_from_the_environment() {
    let bench = Bench::sample();
    let mut command = program();
    command.env("ROSTERD_CONFIG", bench.path("config.toml")).args(["plan", "--detailed-exitcode"]);
    Output::of(&mut command).expect(2);
}

#[test]
fn a_key_can_be_overridden_by_the_environment() {
    let bench = Bench::sample();
    let mut command = bench.command(&["plan", "--output", "json"]);
    command.env("ROSTERD_NAME", "from-outside").env("ROSTERD_LIFECYCLE__ON_JOIN", "report");
    let plan = Output::of(&mut command).expect(0).json();
    assert_eq!(plan["team"], "from-outside");
    // Tom was invited before, by somebody else; all others would be new.
    assert_eq!(plan["summary"]["invite"], 0, "{}", plan["summary"]);
    let mut command = bench.command(&["plan"]);
    command.env("ROSTERD_GUARD__REMOVALS_MAXX", "1");
    Output::of(&mut command).expect_trouble(
        78,
        &["ROSTERD_GUARD__REMOVALS_MAXX"],
        "ROSTERD_GUARD__REMOVALS_MAX",
    );
    let mut command = bench.command(&["plan"]);
    command.env("ROSTERD_GUARD__REMOVALS_MAX", "many");
    Output::of(&mut command).expect_trouble(78, &["ROSTERD_GUARD__REMOVALS_MAX"], "");
}
