//! What an answer proves: a seat is gone only on Apple's own word, and stays ours until a whole list agrees.

use rosterd::simulator::switches::KeyRole;
use rosterd::simulator::{Fault, Rule, When};
use serde_json::json;

use super::daemon::start;
use crate::support::{Bench, person};

fn is_member(bench: &Bench, who: &str) -> bool {
    bench.state(|state| state.team.member(who).is_some())
}

fn member_id(bench: &Bench, who: &str) -> String {
    bench.state(|state| state.team.member(who).expect("a member").id.clone())
}

/// At rest, and seats that are not ours are only reported.
fn settled() -> Bench {
    let bench = Bench::settled();
    bench.edit("deactivated = \"remove\"  ", "deactivated = \"report\"  ");
    bench
}

/// Answers that are not Apple's word that something is gone.
fn not_apples_word() -> [Fault; 4] {
    let says = |status, body| Fault::Says { status, body };
    [
        Fault::Html { status: 404 },
        Fault::Html { status: 410 },
        says(404, json!({"code": "NOT_FOUND", "message": "no route"})),
        says(410, json!({"errors": [{"status": "410", "code": "GONE", "title": "gone"}]})),
    ]
}

#[test]
fn a_gateways_404_to_a_removal_forgets_no_seat() {
    for fault in not_apples_word() {
        let bench = settled();
        bench.set_active("alan@example.com", false);
        let path = format!("/v1/users/{}", member_id(&bench, "alan@example.com"));
        bench.sim.fault(Rule::asc("DELETE", &path, fault.clone()));
        let output = bench.run(&["run", "--once"]).expect(5);
        assert!(output.stderr.contains("error: remove_member alan@example.com: DELETE"), "{output:?}");
        assert!(output.stderr.contains("applied 0 of 1"), "{output:?}");
        assert!(is_member(&bench, "alan@example.com"));
        assert_eq!(bench.status()["open_intents"], 1, "{fault:?}");
        let explained = bench.run(&["explain", "alan@example.com"]).expect(0).stdout;
        assert!(explained.contains("outcome is not known yet"), "{explained}");
        assert!(explained.contains("linked to") && !explained.contains("not ours"), "{explained}");
        let plan = bench.plan();
        assert_eq!(plan.held_for("incomplete_read"), ["remove_member alan@example.com"], "{fault:?}");
        bench.run(&["run", "--once"]).expect(0);
        assert!(!is_member(&bench, "alan@example.com"), "{fault:?}: it goes in a later cycle");
        bench.plan().assert_empty("gone for good");
    }
}

#[test]
fn a_gateways_404_to_any_write_is_an_unknown_outcome() {
    let writes = [
        ("PATCH", "/v1/users/*", "update_member"),
        ("POST", "/v1/userInvitations", "invite"),
        ("DELETE", "/v1/userInvitations/*", "cancel_invitation"),
    ];
    for (method, path, kind) in writes {
        for fault in not_apples_word() {
            let bench = Bench::sample();
            bench.sim.fault(Rule::asc(method, path, fault.clone()));
            let output = bench.run(&["apply", "--yes"]).expect(5);
            assert!(output.stderr.contains(&format!("error: {kind} ")), "{kind} {fault:?}: {output:?}");
            assert_eq!(bench.status()["open_intents"], 1, "{kind} {fault:?}");
            bench.run(&["run", "--once"]).expect(0);
            bench.plan().assert_empty(&format!("{kind} {fault:?}"));
            bench.assert_one_mail_each(&format!("{kind} {fault:?}"));
        }
    }
}

#[test]
fn a_seat_that_is_listed_although_it_was_called_gone_is_still_ours() {
    let said_gone = [
        Fault::Status { status: 404, when: When::Before },
        // Even a success is only an answer.
        Fault::Says { status: 200, body: json!({}) },
    ];
    for fault in said_gone {
        let bench = settled();
        bench.set_active("alan@example.com", false);
        let path = format!("/v1/users/{}", member_id(&bench, "alan@example.com"));
        bench.sim.fault(Rule::asc("DELETE", &path, fault.clone()));
        bench.run(&["run", "--once"]).expect(0);
        assert!(is_member(&bench, "alan@example.com"), "{fault:?}");
        assert_eq!(bench.plan().operations(), ["remove_member alan@example.com"], "{fault:?}");
        // Also where half of a list hid it in between.
        bench.sim.fault(Rule::asc("GET", "/v1/users", Fault::MissingRows { rows: 3 }));
        bench.run(&["run", "--once"]);
        bench.run(&["run", "--once"]).expect(0);
        assert!(!is_member(&bench, "alan@example.com"), "{fault:?}");
        bench.run(&["run", "--once"]).expect(0);
        bench.plan().assert_empty("gone for good");
    }
}

#[test]
fn a_seat_can_be_let_go_before_a_list_has_shown_whether_it_is_gone() {
    let bench = settled();
    bench.set_active("alan@example.com", false);
    let path = format!("/v1/users/{}", member_id(&bench, "alan@example.com"));
    bench.sim.fault(Rule::asc("DELETE", &path, Fault::Status { status: 404, when: When::Before }));
    bench.run(&["run", "--once"]).expect(0);
    let output = bench.run(&["unlink", "alan@example.com"]).expect(0);
    assert!(
        output.stdout.contains("no longer ours") || output.stderr.contains("no longer ours"),
        "{output:?}"
    );
    let unmanaged = bench.plan().held_for("unmanaged");
    assert!(unmanaged.contains(&"remove_member alan@example.com".to_owned()), "{unmanaged:?}");
}

const FORBIDDEN: Fault = Fault::Status { status: 403, when: When::Before };

/// Three people have left, one has come; the removal of the first of them is refused, always.
fn refused_for_one(bench: &Bench) -> [&'static str; 3] {
    let mut leavers = ["alan@example.com", "edsger@example.com", "kathleen@example.com"];
    leavers.sort_by_key(|who| bench.state(|state| person(state, who).id.clone()));
    for who in leavers {
        bench.set_active(who, false);
    }
    bench.state(|state| {
        state.directory.add_person("new@example.com", "New", "Joiner");
        state.directory.join("iOS Developers", "new@example.com");
    });
    let path = format!("/v1/users/{}", member_id(bench, leavers[0]));
    bench.sim.fault(Rule::asc("DELETE", &path, FORBIDDEN).times(u32::MAX));
    leavers
}

fn assert_others_went(bench: &Bench, leavers: [&str; 3], context: &str) {
    assert!(is_member(bench, leavers[0]), "{context}");
    assert!(leavers[1..].iter().all(|who| !is_member(bench, who)), "{context}: the others go");
    assert_eq!(bench.state(|state| state.mails_to("new@example.com")), 1, "{context}: newcomers are invited");
}

#[test]
fn a_403_for_one_person_stops_nobody_else() {
    for command in [&["run", "--once"] as &[&str], &["apply", "--yes"]] {
        let bench = settled();
        let leavers = refused_for_one(&bench);
        let output = bench.run(command).expect(5);
        assert!(output.stderr.contains(&format!("remove_member {}: DELETE", leavers[0])), "{output:?}");
        assert!(!output.stderr.contains("new key"), "{output:?}");
        assert_others_went(&bench, leavers, &format!("{command:?}"));
        let status = bench.status();
        assert_eq!(status["cycles"][0]["result"], "partial", "{status}");
        // It waits, is shown, and is tried again later; meanwhile nothing fails.
        bench.run(&["run", "--once"]).expect(0);
        assert_eq!(bench.plan().held_for("backoff"), [format!("remove_member {}", leavers[0])]);
        assert!(bench.run(&["status"]).expect(0).stdout.contains(leavers[0]));
    }
}

#[test]
fn a_403_for_one_person_is_no_failing_cycle_of_a_daemon() {
    let bench = settled();
    let leavers = refused_for_one(&bench);
    let daemon = start(&bench);
    assert_others_went(&bench, leavers, "daemon");
    for _ in 0..3 {
        daemon.cycle();
    }
    let status = bench.status();
    assert_eq!(status["consecutive_failures"], 0, "{status}");
    assert!(status["quarantine"].is_null(), "{status}");
    assert_eq!(daemon.end(), 0);
}

#[test]
fn the_refused_one_goes_last_also_where_nobody_knows_whether_the_key_may_write() {
    let bench = Bench::sample();
    bench.run(&["plan"]).expect(0);
    // The first write of all is refused, and nothing else.
    let id = member_id(&bench, "evelyn@example.com");
    bench.sim.fault(Rule::asc("DELETE", &format!("/v1/users/{id}"), FORBIDDEN).times(u32::MAX));
    bench.run(&["run", "--once"]).expect_trouble(4, &["403"], "Admin role");
    assert_eq!(bench.writes(), 1, "a key that was never seen to write is told by one refusal");
    let output = bench.run(&["run", "--once"]).expect(5);
    assert!(!output.stderr.contains("new key"), "{output:?}");
    assert_eq!(bench.state(|state| state.mails.len()), 7, "at the latest in the next cycle: {output:?}");
    assert_eq!(bench.plan().held_for("backoff"), ["remove_member evelyn@example.com"]);
}

#[test]
fn a_key_that_wrote_before_and_may_not_any_more_is_told_by_a_few_refusals() {
    let bench = settled();
    bench.sim.switch(|switches| switches.app_store_connect.role = KeyRole::ReadOnly);
    bench.edit("removals_max = 3", "removals_max = 10");
    for who in ["alan@example.com", "edsger@example.com", "kathleen@example.com", "emmy@example.com"] {
        bench.set_active(who, false);
    }
    let writes = bench.writes();
    let output = bench.run(&["run", "--once"]).expect(4);
    assert!(output.stderr.contains("403") && output.stderr.contains("Admin role"), "{output:?}");
    assert!((1..=6).contains(&(bench.writes() - writes)), "{}", bench.writes() - writes);
}

#[test]
fn a_refusal_that_stands_alone_is_the_keys_and_one_of_many_the_persons() {
    let bench = settled();
    bench.set_active("alan@example.com", false);
    let path = format!("/v1/users/{}", member_id(&bench, "alan@example.com"));
    bench.sim.fault(Rule::asc("DELETE", &path, FORBIDDEN).times(u32::MAX));
    // Nothing tells whether this key may still write: it is named, and nobody is made to wait for its cure.
    bench.run(&["run", "--once"]).expect_trouble(4, &["403"], "Admin role");
    assert_eq!(bench.status()["open_intents"], 0);
    assert_eq!(bench.plan().operations(), ["remove_member alan@example.com"]);
    // Another write goes through, before or after his: the key is good.
    bench.set_active("edsger@example.com", false);
    let output = bench.run(&["run", "--once"]).expect(5);
    assert!(!output.stderr.contains("Admin role"), "{output:?}");
    assert!(!is_member(&bench, "edsger@example.com"));
    assert_eq!(bench.plan().held_for("backoff"), ["remove_member alan@example.com"]);
}

/// Alan has left, and his own record cannot be read.
fn unreadable_leaver(fault: Fault) -> Bench {
    let bench = settled();
    bench.set_active("alan@example.com", false);
    let id = bench.state(|state| person(state, "alan@example.com").id.clone());
    bench.sim.fault(Rule::scim("GET", &format!("/scim/v2/Users/{id}"), fault).times(u32::MAX));
    bench
}

#[test]
fn a_leaver_whose_record_is_refused_at_the_last_look_is_held_with_the_providers_words() {
    let words = "not allowed to read this user";
    let body =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "403", "detail": words});
    let bench = unreadable_leaver(Fault::Says { status: 403, body });
    for _ in 0..2 {
        let output = bench.run(&["run", "--once"]).expect(5);
        assert!(
            output.stderr.contains("remove_member alan@example.com: could not be read again"),
            "{output:?}"
        );
        assert!(output.stderr.contains(words), "{output:?}");
        assert!(is_member(&bench, "alan@example.com"));
    }
    let shown = bench.status();
    assert_eq!(shown["held_by_reason"]["incomplete_read"], 1, "{shown}");
    assert_eq!(shown["cycles"][0]["result"], "partial", "{shown}");
    let held = shown["held"].as_array().expect("held entries");
    let detail = held.iter().find(|held| held["hold"]["reason"] == "incomplete_read").expect("one");
    assert!(detail["hold"]["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{detail}");
    let text = bench.run(&["status"]).expect(0).stdout;
    assert!(text.contains("alan@example.com") && text.contains(words), "{text}");
    let explained = bench.run(&["explain", "alan@example.com"]).expect(0).stdout;
    assert!(explained.contains(words), "{explained}");
    let log = bench.run(&["audit", "show"]).expect(0).stdout;
    assert_eq!(log.matches("held: remove_member alan@example.com").count(), 1, "told once: {log}");
    bench.run(&["apply", "--yes"]).expect(5);
    bench.state(|state| state.faults.clear());
    bench.run(&["run", "--once"]).expect(0);
    assert!(!is_member(&bench, "alan@example.com"));
    assert_eq!(bench.status()["held_by_reason"]["incomplete_read"], json!(null));
}

#[test]
fn the_daemon_counts_what_is_held_at_the_last_look() {
    let bench = unreadable_leaver(FORBIDDEN);
    let daemon = start(&bench);
    let status = bench.status();
    assert_eq!(status["cycles"][0]["result"], "partial", "{status}");
    assert_eq!(status["cycles"][0]["summary"]["remove_member"], 0, "{status}");
    assert!(
        status["cycles"][0]["error"]["text"].as_str().is_some_and(|text| text.contains("alan@")),
        "{status}"
    );
    assert_eq!(daemon.end(), 0);
}

#[test]
fn who_is_back_at_the_last_look_keeps_the_seat_and_the_next_cycle_is_whole_again() {
    let bench = settled();
    bench.set_active("alan@example.com", false);
    let id = bench.state(|state| person(state, "alan@example.com").id.clone());
    bench.sim.just_before("GET", &format!("/scim/v2/Users/{id}"), 1, |state| {
        person(state, "alan@example.com").active = true;
    });
    let output = bench.run(&["run", "--once"]).expect(5);
    assert!(output.stderr.contains("they are back"), "{output:?}");
    assert_eq!(bench.status()["held_by_reason"]["incomplete_read"], 1);
    assert!(is_member(&bench, "alan@example.com"));
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.status()["held_by_reason"]["incomplete_read"], json!(null));
}

#[test]
fn a_partial_read_is_exit_5_for_every_command_that_writes() {
    for (peer, path) in [("asc", "/v1/users"), ("scim", "/scim/v2/Users")] {
        for command in [&["run", "--once"] as &[&str], &["apply", "--yes"]] {
            let bench = settled();
            let fault = Fault::MissingRows { rows: 1 };
            let rule =
                if peer == "asc" { Rule::asc("GET", path, fault) } else { Rule::scim("GET", path, fault) };
            bench.sim.fault(rule.times(u32::MAX));
            let output = bench.run(command).expect(5);
            assert!(output.stderr.contains("incomplete read"), "{peer} {command:?}: {output:?}");
            assert_eq!(bench.status()["cycles"][0]["exit_code"], 5, "{peer} {command:?}");
            bench.state(|state| state.faults.clear());
            bench.run(command).expect(0);
        }
    }
}
