//! What an answer proves: a seat is gone only on Apple's own word, and stays ours until a whole list agrees.

use rosterd::simulator::{Fault, Rule, When};
use serde_json::json;

use crate::support::Bench;

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
    assert!(bench.plan().held_for("unmanaged").contains(&"remove_member alan@example.com".to_owned()));
}
