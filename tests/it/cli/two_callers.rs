//! Two callers at once: what was shown to one of them is applied, or refused with what moved since, whatever the other one
//! was shown meanwhile.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rosterd::simulator::{Fault, Rule, When};
use serde_json::{Value, json};

use super::daemon::start;
use crate::support::Bench;
use crate::support::terminal::Terminal;

/// A settled team and a daemon that does no cycle by itself.
fn quiet() -> Bench {
    let bench = Bench::settled();
    bench.edit("interval = \"1m\"", "interval = \"3h\"");
    bench
}

fn join(bench: &Bench, who: &str) {
    bench.state(|state| {
        state.directory.add_person(who, "New", "Joiner");
        state.directory.join("iOS Developers", who);
    });
}

fn mails(bench: &Bench, who: &str) -> usize {
    bench.state(|state| state.mails_to(who))
}

/// One request as any program can send it over the socket.
fn ask(bench: &Bench, request: &Value) -> Value {
    let mut socket = UnixStream::connect(bench.path("run/control.sock")).expect("a daemon");
    let body = request.to_string();
    let head =
        "POST /control HTTP/1.1\r\nHost: rosterd\r\nContent-Type: application/json\r\nConnection: close";
    write!(socket, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// The digest of the plan that this caller is shown.
fn shown(bench: &Bench) -> String {
    let answer = ask(bench, &json!({"command": "plan"}));
    answer["plan"]["digest"].as_str().expect("a digest").to_owned()
}

fn apply(bench: &Bench, digest: &str) -> Value {
    ask(bench, &json!({"command": "apply", "digest": digest}))
}

/// Refused with exactly these lines of what moved, which stand in the order of random ids.
#[track_caller]
fn assert_refused(answer: &Value, details: &[&str]) {
    assert_eq!((&answer["answer"], &answer["exit_code"]), (&json!("refused"), &json!(1)), "{answer}");
    let mut told: Vec<&str> =
        answer["details"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    told.sort_unstable();
    assert_eq!(told, details, "{answer}");
}

#[test]
fn a_yes_is_for_the_plan_that_stood_above_the_question() {
    let bench = quiet();
    let _daemon = start(&bench);
    join(&bench, "first@example.com");
    let mut one = Terminal::start(bench.command(&["apply"]));
    one.until("[y/N]");
    join(&bench, "second@example.com");
    let other = bench.run(&["plan"]).expect(0).stdout;
    assert!(other.contains("first@example.com") && other.contains("second@example.com"), "{other}");
    one.answer("y");
    let (code, screen) = one.end();
    assert_eq!(code, 1, "{screen}");
    for told in ["out of date; nothing was applied", "new: invite second@example.com", "hint: "] {
        assert!(screen.contains(told), "{told}: {screen}");
    }
    assert_eq!((mails(&bench, "first@example.com"), mails(&bench, "second@example.com")), (0, 0));
    // Asked once more, about both.
    let mut again = Terminal::start(bench.command(&["apply"]));
    again.until("[y/N]");
    again.answer("y");
    let (code, screen) = again.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!((mails(&bench, "first@example.com"), mails(&bench, "second@example.com")), (1, 1));
}

#[test]
fn two_who_were_shown_the_same_may_both_say_yes_and_it_happens_once() {
    let bench = quiet();
    let _daemon = start(&bench);
    join(&bench, "first@example.com");
    let [mut one, mut other] = [(); 2].map(|()| Terminal::start(bench.command(&["apply"])));
    one.until("[y/N]");
    other.until("[y/N]");
    one.answer("y");
    let (code, screen) = one.end();
    assert_eq!(code, 0, "{screen}");
    other.answer("y");
    let (code, screen) = other.end();
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("no longer planned: invite first@example.com"), "{screen}");
    assert_eq!(mails(&bench, "first@example.com"), 1);
}

#[test]
fn what_a_cycle_did_while_somebody_thought_is_not_done_again() {
    let bench = quiet();
    let daemon = start(&bench);
    join(&bench, "first@example.com");
    let mut one = Terminal::start(bench.command(&["apply"]));
    one.until("[y/N]");
    daemon.cycle();
    assert_eq!(mails(&bench, "first@example.com"), 1);
    one.answer("y");
    let (code, screen) = one.end();
    assert_eq!(code, 1, "{screen}");
    assert!(screen.contains("no longer planned: invite first@example.com"), "{screen}");
    assert_eq!(mails(&bench, "first@example.com"), 1);
}

#[test]
fn a_daemon_that_was_started_again_still_tells_what_moved() {
    let bench = quiet();
    let daemon = start(&bench);
    join(&bench, "first@example.com");
    let mut one = Terminal::start(bench.command(&["apply"]));
    one.until("[y/N]");
    assert_eq!(daemon.end(), 0);
    join(&bench, "second@example.com");
    one.answer("y");
    let (code, screen) = one.end();
    assert_eq!(code, 1, "without a daemon the command reads for itself: {screen}");
    assert!(screen.contains("new: invite second@example.com"), "{screen}");
    assert_eq!((mails(&bench, "first@example.com"), mails(&bench, "second@example.com")), (0, 0));
}

#[test]
fn alone_at_a_terminal_the_plan_that_was_shown_is_applied() {
    let bench = Bench::settled();
    join(&bench, "first@example.com");
    let mut one = Terminal::start(bench.command(&["apply"]));
    one.until("[y/N]");
    join(&bench, "second@example.com");
    one.answer("y");
    let (code, screen) = one.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!((mails(&bench, "first@example.com"), mails(&bench, "second@example.com")), (1, 0));
}

#[test]
fn each_caller_is_told_what_moved_since_their_own_plan() {
    let bench = quiet();
    let _daemon = start(&bench);
    let callers = ["first@example.com", "second@example.com", "third@example.com"].map(|who| {
        join(&bench, who);
        shown(&bench)
    });
    let line = |who: &str| format!("new: invite {who} to DEVELOPER");
    let (second, third) = (line("second@example.com"), line("third@example.com"));
    assert_refused(&apply(&bench, &callers[0]), &[&second, &third]);
    assert_refused(&apply(&bench, &callers[1]), &[&third]);
    let done = apply(&bench, &callers[2]);
    assert_eq!((&done["answer"], &done["plan"]["digest"]), (&json!("applied"), &json!(callers[2])), "{done}");
    let gone = |who: &str| format!("no longer planned: invite {who} to DEVELOPER");
    let first = gone("first@example.com");
    assert_refused(&apply(&bench, &callers[0]), &[&first]);
    let all = ["first@example.com", "second@example.com", "third@example.com"].map(gone);
    assert_refused(&apply(&bench, &callers[2]), &all.each_ref().map(String::as_str));
    bench.assert_one_mail_each("three callers");
}

#[test]
fn what_is_no_digest_applies_nothing() {
    let bench = quiet();
    let _daemon = start(&bench);
    join(&bench, "first@example.com");
    let digest = shown(&bench);
    let writes = bench.writes();
    let hex = &digest["sha256:".len()..];
    let malformed = [
        "",
        " ",
        "sha256:",
        "sha256:0000",
        "0000",
        hex,
        &digest[..70],
        &format!("{digest}0"),
        &format!("{digest} "),
    ];
    for wrong in malformed {
        let answer = apply(&bench, wrong);
        assert_refused(&answer, &[]);
        assert!(answer["hint"].as_str().is_some_and(|hint| hint.contains("rosterd apply")), "{answer}");
    }
    let unknown = format!("sha256:{}", "0".repeat(64));
    assert_refused(&apply(&bench, &unknown), &["planned now: invite first@example.com to DEVELOPER"]);
    assert_eq!(bench.writes(), writes);
    assert_eq!(apply(&bench, &digest)["answer"], "applied");
    assert_eq!(mails(&bench, "first@example.com"), 1);
    assert_refused(&apply(&bench, &unknown), &["nothing is planned now"]);
}

/// An invitation that got through without an answer, and that nothing could be read back of.
fn left_open(bench: &Bench) {
    join(bench, "first@example.com");
    bench.sim.fault(Rule::asc("POST", "*", Fault::DropAfter));
    let unread = Fault::Status { status: 500, when: When::Before };
    bench.sim.fault(Rule { nth: 2, ..Rule::asc("GET", "/v1/users", unread) }.times(u32::MAX));
    bench.run(&["run", "--once"]).expect(5);
    bench.state(|state| state.faults.clear());
    assert_eq!(bench.status()["open_intents"], 1);
}

#[test]
fn an_open_write_is_no_leave_to_apply_another_plan() {
    let bench = quiet();
    left_open(&bench);
    join(&bench, "second@example.com");
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!((mails(&bench, "first@example.com"), mails(&bench, "second@example.com")), (1, 1));

    let bench = quiet();
    let _daemon = start(&bench);
    let before = shown(&bench);
    join(&bench, "first@example.com");
    // The daemon's own write stays open: its answer is lost, and so is what would be read back.
    let plan = shown(&bench);
    bench.sim.fault(Rule::asc("POST", "*", Fault::DropAfter));
    let unread = Fault::Status { status: 500, when: When::Before };
    bench.sim.fault(Rule::asc("GET", "/v1/users", unread).times(u32::MAX));
    assert_eq!(apply(&bench, &plan)["answer"], "applied");
    bench.state(|state| state.faults.clear());
    assert_eq!(bench.status()["open_intents"], 1);
    join(&bench, "second@example.com");
    let line = "new: invite second@example.com to DEVELOPER";
    assert_refused(&apply(&bench, &before), &[line]);
    assert_eq!((mails(&bench, "first@example.com"), mails(&bench, "second@example.com")), (1, 0));
    assert_eq!(apply(&bench, &shown(&bench))["answer"], "applied");
    assert_eq!((mails(&bench, "first@example.com"), mails(&bench, "second@example.com")), (1, 1));
}

#[test]
fn a_digest_that_moved_before_it_was_approved_says_what_moved() {
    let bench = quiet();
    bench.edit("removals_max = 3", "removals_max = 0");
    let _daemon = start(&bench);
    bench.set_active("alan@example.com", false);
    let digest = shown(&bench);
    bench.set_active("edsger@example.com", false);
    let output = bench.run(&["approve", &digest]).expect_trouble(1, &["moved since"], "rosterd plan");
    assert!(output.stderr.contains("new: remove_member edsger@example.com"), "{}", output.stderr);
    assert!(bench.state(|state| state.team.member("alan@example.com").is_some()));
}
