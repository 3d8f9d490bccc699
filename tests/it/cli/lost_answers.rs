//! Answers that are lost, late, wrong or a refusal, for each of the five writes. Whatever comes: at most one mail per person,
//! nothing forgotten, and the next cycle settles. `EVERY_ANSWER=1` strikes every write with every fault, those included that
//! take the client's whole minute.

use std::thread;

use rosterd::simulator::{Fault, Grant, Options, Peer, Rule, When, World};

use crate::support::Bench;

/// A write: its name, its request, the nth of that kind in the first plan of the sample.
const WRITES: [(&str, &str, &str, u32); 5] = [
    ("remove", "DELETE", "/v1/users/*", 1),
    ("cancel", "DELETE", "/v1/userInvitations/*", 1),
    ("update", "PATCH", "/v1/users/*", 1),
    ("invite", "POST", "/v1/userInvitations", 3),
    ("apps", "PATCH", "/v1/users/*", 2),
];

/// The sample; for the last of the writes also a seat that sees another app than its rule says.
fn sample(name: &str) -> Bench {
    let mut world = World::sample();
    if name == "apps" {
        let hedy = world.team.member_mut("hedy@example.com").expect("hedy");
        hedy.grant = Grant::roles(&["DEVELOPER"]).with_apps(&["6440000001"]);
    }
    Bench::with(world, Options::default())
}

fn everything() -> bool {
    std::env::var_os("EVERY_ANSWER").is_some()
}

/// How `apply` ends, and what is left for later: nothing, or one entry in back-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Later {
    Settles,
    BacksOff,
}

/// A fault with the exit code of the `apply` it struck, by write.
struct Case {
    what: &'static str,
    fault: Fault,
    /// In the order of `WRITES`.
    codes: [i32; 5],
    later: [Later; 5],
}

fn status(status: u16, when: When) -> Fault {
    Fault::Status { status, when }
}

fn cases() -> Vec<Case> {
    use Later::{BacksOff, Settles};
    let settles = [Settles; 5];
    let case = |what, fault, codes, later| Case { what, fault, codes, later };
    let seconds = |text: &str| Fault::TooMany { retry_after: Some(text.to_owned()) };
    let mut cases = vec![
        // Not known to have been sent, so it is settled by the lists: those that show no effect stay open for one cycle.
        case("drop before", Fault::DropBefore, [5, 5, 5, 5, 5], settles),
        case("drop after", Fault::DropAfter, [0, 0, 0, 0, 0], settles),
        case("500 before", status(500, When::Before), [5, 5, 5, 5, 5], settles),
        case("503 after", status(503, When::After), [0, 0, 0, 0, 0], settles),
        // Apple sends nothing after a removal, so there is nothing to cut off.
        case("truncated", Fault::Truncated, [0, 0, 0, 0, 0], settles),
        case("html 200", Fault::Html { status: 200 }, [5, 5, 5, 5, 5], settles),
        case("html 502", Fault::Html { status: 502 }, [5, 5, 5, 5, 5], settles),
        case("slow", Fault::Slow { ms: 300 }, [0, 0, 0, 0, 0], settles),
        case("429 with Retry-After", seconds("1"), [0, 0, 0, 0, 0], settles),
        case("429 without", Fault::TooMany { retry_after: None }, [0, 0, 0, 0, 0], settles),
        // Before the key has written anything it is about the key, afterwards about this one operation.
        case(
            "401 once",
            Fault::Unauthorized,
            [4, 5, 5, 5, 5],
            [Settles, BacksOff, BacksOff, BacksOff, BacksOff],
        ),
        case("409", status(409, When::Before), [5, 5, 5, 5, 5], [BacksOff; 5]),
        case(
            "409 after",
            status(409, When::After),
            [5, 5, 5, 0, 5],
            [Settles, BacksOff, Settles, Settles, Settles],
        ),
        case("404", status(404, When::Before), [0, 5, 5, 5, 5], settles),
        // A status alone proves nothing: the lists do, at once where they show the effect.
        case("410 after", status(410, When::After), [0, 0, 0, 0, 0], settles),
        case("html 404", Fault::Html { status: 404 }, [5, 5, 5, 5, 5], settles),
        case("422", status(422, When::Before), [5, 5, 5, 5, 5], [BacksOff; 5]),
    ];
    if everything() {
        cases.push(case("hang before", Fault::Hang { when: When::Before }, [5, 5, 5, 5, 5], settles));
        cases.push(case("hang after", Fault::Hang { when: When::After }, [0, 0, 0, 0, 0], settles));
    }
    cases
}

/// One fault on one write; a line for the table, and what went wrong.
fn strike(case: &Case, write: usize) -> (String, Vec<String>) {
    let (name, method, path, nth) = WRITES[write];
    let bench = sample(name);
    bench.sim.fault(Rule::asc(method, path, case.fault.clone()).nth(nth));
    let first = bench.run(&["apply", "--yes"]);
    let second = bench.run(&["run", "--once"]);
    let plan = bench.plan();
    let open = bench.status()["open_intents"].as_u64().unwrap_or(99);
    let backoff = plan.held_for("backoff");
    let most = bench.state(|state| {
        let mails = &state.mails;
        mails.iter().map(|mail| state.mails_to(&mail.address)).max().unwrap_or(0)
    });
    let line = format!(
        "{:<22} {name:<7} apply {}, next {}, {open} open, {} left, {} backed off, most mails {most}",
        case.what,
        first.code,
        second.code,
        plan.operations().len(),
        backoff.len()
    );
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{line}: {what}\n{}\n{}\n{:?}", first.stderr, second.stderr, plan.held()));
        }
    };
    must(first.code == case.codes[write], &format!("apply should exit with {}", case.codes[write]));
    must(most == 1, "a second mail");
    must(plan.operations().is_empty(), "the next cycle does not settle it");
    must(open == 0, "an intent stays open");
    match case.later[write] {
        Later::Settles => {
            must(backoff.is_empty() && second.code == 0, "should be done");
            let mails = bench.state(|state| state.mails.len());
            must(mails == 7, &format!("{mails} mails instead of 7"));
        }
        Later::BacksOff => must(!backoff.is_empty(), "should be in back-off"),
    }
    (line, wrong)
}

#[test]
fn a_lost_answer_never_sends_a_second_mail_and_the_next_cycle_settles() {
    let cases = cases();
    // A fault that means the same for every write strikes two of them, which ones differs from fault to fault.
    let telling = |case: usize, write: usize| {
        let uniform =
            cases[case].later == [Later::Settles; 5] && cases[case].codes == [cases[case].codes[0]; 5];
        let lost = matches!(cases[case].fault, Fault::DropAfter | Fault::Html { status: 200 });
        everything() || !uniform || lost || (case + write).is_multiple_of(2)
    };
    let all = (0..cases.len()).flat_map(|case| (0..WRITES.len()).map(move |write| (case, write)));
    let jobs: Vec<(usize, usize)> = all.filter(|(case, write)| telling(*case, *write)).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut results: Vec<(usize, (String, Vec<String>))> = thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                let Some((case, write)) = jobs.get(at) else { return done };
                done.push((at, strike(&cases[*case], *write)));
            }
        };
        let workers: Vec<_> = (0..6).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    });
    results.sort_by_key(|(at, _)| *at);
    let mut wrong = Vec::new();
    for (_, (line, problems)) in results {
        println!("{line}");
        wrong.extend(problems);
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_pair_whose_second_half_is_lost_is_finished_by_the_next_cycle() {
    for fault in [Fault::DropBefore, Fault::DropAfter, status(500, When::After), Fault::Unauthorized] {
        let bench = Bench::sample();
        // The first invitation of the plan is the second half of tom's pair.
        bench.sim.fault(Rule::asc("POST", "/v1/userInvitations", fault.clone()));
        bench.run(&["apply", "--yes"]);
        bench.run(&["run", "--once"]).expect(0);
        bench.assert_one_mail_each(&format!("{fault:?}"));
        assert_eq!(bench.state(|state| state.mails_to("tom@example.com")), 1, "{fault:?}");
        bench.plan().assert_empty(&format!("{fault:?}"));
    }
}

#[test]
fn an_address_that_is_taken_since_the_plan_is_adopted() {
    let bench = Bench::sample();
    // Somebody invites grace by hand just before we do.
    bench.sim.just_before("POST", "/v1/userInvitations", 2, |state| {
        let end = state.invitation_end();
        let grant = rosterd::simulator::Grant::roles(&["DEVELOPER"]);
        for name in ["betty", "claude", "grace", "jean", "joan", "sofya"] {
            state.team.add_invitation(&format!("{name}@example.com"), ("By", "Hand"), grant.clone(), end);
        }
    });
    bench.run(&["apply", "--yes"]).expect(0);
    bench.run(&["run", "--once"]).expect(0);
    bench.plan().assert_empty("adopted");
    bench.set_active("grace@example.com", false);
    assert_eq!(bench.plan().operations(), ["cancel_invitation grace@example.com"], "hers is ours now");
}

#[test]
fn a_service_that_is_away_for_writes_costs_few_attempts() {
    let bench = Bench::sample();
    bench.sim.fault(Rule::asc("POST", "*", status(503, When::Before)).times(u32::MAX));
    bench.run(&["apply", "--yes"]).expect(5);
    let writes = bench.writes();
    assert!(writes <= 10, "each write is tried once: {writes}");
    bench.state(|state| state.faults.clear());
    bench.run(&["run", "--once"]).expect(0);
    bench.plan().assert_empty("after the outage");
    bench.assert_one_mail_each("after the outage");
}

#[test]
fn a_spent_hour_ends_the_writing_and_is_remembered() {
    let bench = Bench::sample();
    let fault = Fault::TooMany { retry_after: Some("3600".into()) };
    bench.sim.fault(Rule::asc("POST", "*", fault).nth(3).times(u32::MAX));
    let output = bench.run(&["apply", "--yes"]).expect(1);
    assert!(output.stderr.contains("429"), "{}", output.stderr);
    bench.state(|state| state.faults.clear());
    // The hour is remembered across runs: nobody is asked before it is over.
    let asked = bench.state(|state| state.requests.iter().filter(|seen| seen.peer == Peer::Asc).count());
    bench.run(&["run", "--once"]).expect_trouble(1, &["hourly budget"], "shared");
    assert_eq!(
        bench.state(|state| state.requests.iter().filter(|seen| seen.peer == Peer::Asc).count()),
        asked
    );
    bench.assert_one_mail_each("before the hour is over");
}

#[test]
fn reads_that_fail_now_and_then_are_tried_again() {
    for fault in [
        Fault::DropBefore,
        Fault::DropAfter,
        status(503, When::Before),
        Fault::TooMany { retry_after: Some("1".into()) },
        Fault::TooMany { retry_after: None },
        Fault::Truncated,
    ] {
        for (peer, path) in [("asc", "/v1/users"), ("scim", "/scim/v2/Users")] {
            let bench = Bench::sample();
            let rule = if peer == "asc" {
                Rule::asc("GET", path, fault.clone())
            } else {
                Rule::scim("GET", path, fault.clone())
            };
            bench.sim.fault(rule);
            let plan = bench.plan();
            assert_eq!(plan.operations().len(), 10, "{peer} {fault:?}: {}", plan.0["coverage"]);
        }
    }
}
