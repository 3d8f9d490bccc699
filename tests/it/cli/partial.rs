//! Absence of evidence is not evidence of absence: what a read did not show is never taken for gone, and additions go on.

use rosterd::simulator::switches::TotalResults;
use rosterd::simulator::{Acceptance, Fault, Rule, When};

use crate::support::{Bench, Plan, person};

const BROKEN: Fault = Fault::Status { status: 503, when: When::Before };

/// Evelyn is still to be removed, alan has just left, hedy gets another app, katherine lost her group: without the fault,
/// all of them would lose something. Grace and others wait for an invitation.
fn eventful() -> Bench {
    let bench = Bench::settled();
    bench.edit("removals_max = 3", "removals_max = 10");
    bench.state(|state| {
        person(state, "alan@example.com").active = false;
        person(state, "karen@example.com").active = false;
        person(state, "kathleen@example.com")
            .custom
            .insert("appStoreConnect_role".into(), serde_json::json!(["MARKETING"]));
        state.directory.remove_person("dorothy@example.com");
        state.directory.add_person("new@example.com", "New", "Joiner");
        state.directory.join("iOS Developers", "new@example.com");
    });
    bench
}

/// Who would lose what in `eventful` were everything read.
const LOSERS: [&str; 3] = ["alan@example.com", "karen@example.com", "kathleen@example.com"];

struct Case {
    what: &'static str,
    /// Struck anew for each run.
    fault: fn(&Bench),
    /// `directory` or `team`.
    side: &'static str,
    invites: bool,
}

#[test]
fn what_was_not_read_whole_takes_nothing_away() {
    let cases = [
        Case {
            what: "the second page of people fails",
            fault: |bench| {
                bench.sim.switch(|switches| switches.scim.page_max = 10);
                bench.sim.fault(Rule::scim("GET", "/scim/v2/Users", BROKEN).nth(3).times(u32::MAX));
            },
            side: "directory",
            invites: false,
        },
        Case {
            what: "a member group fails",
            fault: |bench| {
                let id =
                    bench.state(|state| state.directory.group("Watch Team").expect("a group").id.clone());
                bench.sim.fault(Rule::scim("GET", &format!("/scim/v2/Groups/{id}"), BROKEN).times(u32::MAX));
                bench.sim.switch(|switches| {
                    switches.scim.members_shown = rosterd::simulator::switches::MembersShown::ById;
                });
            },
            side: "directory",
            invites: true,
        },
        Case {
            what: "the total says more people than there were",
            fault: |bench| bench.sim.switch(|switches| switches.scim.total_results = TotalResults::OffBy(3)),
            side: "directory",
            invites: true,
        },
        Case {
            what: "rows of the members are missing",
            fault: |bench| {
                bench
                    .sim
                    .fault(Rule::asc("GET", "/v1/users", Fault::MissingRows { rows: 2 }).times(u32::MAX));
            },
            side: "team",
            invites: true,
        },
        Case {
            what: "rows of the invitations are missing",
            fault: |bench| {
                let fault = Fault::MissingRows { rows: 1 };
                bench.sim.fault(Rule::asc("GET", "/v1/userInvitations", fault).times(u32::MAX));
            },
            side: "team",
            invites: true,
        },
    ];
    for case in cases {
        let bench = eventful();
        let writes = bench.writes();
        (case.fault)(&bench);
        let output = bench.run(&["plan", "--output", "json"]);
        if output.code != 0 {
            // Nothing usable was read at all: then nothing is done at all.
            assert_eq!(output.code, 1, "{}: {output:?}", case.what);
            assert!(!case.invites, "{}: {output:?}", case.what);
            assert_eq!(bench.writes(), writes, "{}", case.what);
            continue;
        }
        let plan = Plan(output.json());
        check(&plan, &case);
        bench.state(|state| state.faults.clear());
        (case.fault)(&bench);
        let output = bench.run(&["run", "--once"]);
        assert!(output.stderr.contains("incomplete read"), "{}: {output:?}", case.what);
        let writes_since: Vec<String> = bench.state(|state| {
            state.writes().skip(writes).map(|seen| format!("{} {}", seen.method, seen.path)).collect()
        });
        assert!(
            writes_since.iter().all(|write| write.starts_with("POST ")),
            "{}: {writes_since:?}",
            case.what
        );
        bench.assert_one_mail_each(case.what);
        if case.invites {
            assert_eq!(bench.state(|state| state.mails_to("new@example.com")), 1, "{}", case.what);
        }
        // Whole again: what was held is done.
        bench.state(|state| state.faults.clear());
        bench.sim.switch(|switches| switches.scim = rosterd::simulator::Switches::default().scim);
        bench.run(&["run", "--once"]).expect(0);
        let lost = bench.state(|state| state.team.member("alan@example.com").is_none());
        assert!(lost, "{}: alan is removed once everything is read", case.what);
    }
}

fn check(plan: &Plan, case: &Case) {
    let coverage = &plan.0["coverage"];
    assert_eq!(coverage[case.side], "partial", "{}: {coverage}", case.what);
    let problems = coverage["problems"].as_array().expect("problems");
    assert!(!problems.is_empty() && problems.iter().all(serde_json::Value::is_string), "{}", case.what);
    for entry in plan.operations() {
        assert!(entry.starts_with("invite "), "{}: {entry}", case.what);
    }
    let held = plan.held_for("incomplete_read");
    for name in LOSERS {
        let known = held.iter().any(|entry| entry.ends_with(name));
        let unseen = !plan.held().iter().any(|entry| entry.contains(name));
        assert!(known || unseen, "{}: {name} in {:?}", case.what, plan.held());
    }
    assert!(!held.is_empty(), "{}: {:?}", case.what, plan.held());
    if case.invites {
        assert!(plan.operations().contains(&"invite new@example.com".to_owned()), "{}", case.what);
    }
}

/// Apps that cannot be read concern the seat they belong to: hedy waits, everybody else goes.
#[test]
fn apps_that_cannot_be_read_hold_one_seat_and_nobody_else() {
    for fault in [
        BROKEN,
        Fault::Status { status: 403, when: When::Before },
        Fault::Status { status: 404, when: When::Before },
        Fault::Status { status: 500, when: When::Before },
    ] {
        let bench = eventful();
        // More than Apple puts into a list, so that they are asked for one by one.
        bench.state(|state| {
            let ids: Vec<String> = (1..=60).map(|number| format!("70000000{number:02}")).collect();
            for id in &ids {
                state.team.add_app(id, "Many", &format!("com.example.many{id}"));
            }
            let hedy = state.team.member_mut("hedy@example.com").expect("hedy");
            hedy.grant.apps.extend(ids);
            person(state, "hedy@example.com").active = false;
        });
        bench.sim.fault(Rule::asc("GET", "/v1/users/*/visibleApps", fault.clone()).times(u32::MAX));
        let plan = bench.plan();
        assert_eq!(plan.0["coverage"]["team"], "partial", "{fault:?}");
        assert_eq!(plan.held_for("incomplete_read"), ["remove_member hedy@example.com"], "{fault:?}");
        for entry in ["remove_member alan@example.com", "cancel_invitation karen@example.com"] {
            assert!(plan.operations().contains(&entry.to_owned()), "{fault:?}: {:?}", plan.operations());
        }
        bench.run(&["run", "--once"]);
        let stays = |who: &str| bench.state(|state| state.team.member(who).is_some());
        assert_eq!((stays("hedy@example.com"), stays("alan@example.com")), (true, false), "{fault:?}");
        bench.state(|state| state.faults.clear());
        bench.run(&["run", "--once"]);
        assert!(!stays("hedy@example.com"), "{fault:?}: their apps could be read");
    }
}

#[test]
fn an_incomplete_read_confirms_no_absence() {
    let bench = Bench::settled();
    bench.state(|state| state.directory.remove_person("dorothy@example.com"));
    bench.run(&["run", "--once"]).expect(0);
    bench.sim.switch(|switches| switches.scim.total_results = TotalResults::OffBy(3));
    for _ in 0..3 {
        bench.run(&["run", "--once"]);
    }
    assert!(bench.state(|state| state.team.member("dorothy@example.com").is_some()));
    bench.sim.switch(|switches| switches.scim.total_results = TotalResults::Right);
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("dorothy@example.com").is_none()));
}

#[test]
fn a_row_that_is_missing_at_apple_is_not_invited_again() {
    let bench = Bench::settled();
    let mails = bench.state(|state| state.mails.len());
    for path in ["/v1/users", "/v1/userInvitations"] {
        bench.sim.fault(Rule::asc("GET", path, Fault::MissingRows { rows: 5 }).times(u32::MAX));
    }
    bench.run(&["run", "--once"]);
    assert_eq!(bench.state(|state| state.mails.len()), mails);
    // Somebody accepts while the lists are broken.
    bench.state(|state| {
        let now = state.now();
        state.team.accept("grace@example.com", Acceptance::default(), now).expect("accepted");
    });
    bench.run(&["run", "--once"]);
    bench.state(|state| state.faults.clear());
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.state(|state| state.mails.len()), mails);
    bench.plan().assert_empty("whole again");
}

#[test]
fn an_empty_answer_of_the_directory_removes_nobody() {
    let bench = Bench::settled();
    let writes = bench.writes();
    bench.state(|state| {
        let everybody: Vec<_> = state.directory.people.iter().map(|person| person.id.clone()).collect();
        for id in everybody {
            state.directory.people.remove(&id);
        }
    });
    for _ in 0..3 {
        let output = bench.run(&["run", "--once"]);
        assert!(output.code == 1 || output.code == 3 || output.code == 0, "{output:?}");
    }
    assert_eq!(bench.writes(), writes);
}
