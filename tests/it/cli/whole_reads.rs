//! What an answer of Apple's proves: whose seat a list leaves out is not gone, and what cannot be read of one seat concerns
//! that seat.

use rosterd::simulator::switches::ListOrder;
use rosterd::simulator::{Acceptance, Fault, Grant, Rule, When};
use serde_json::{Value, json};

use crate::support::Bench;

const FOR_EVER: u32 = u32::MAX;

fn id_of(bench: &Bench, username: &str) -> String {
    bench.state(|state| state.team.member(username).expect("a member").id.clone())
}

/// Where a member stands in the list as it is asked for.
fn place_of(bench: &Bench, username: &str) -> usize {
    bench.state(|state| {
        let mut names: Vec<String> =
            state.team.members.iter().map(|member| member.username.to_lowercase()).collect();
        names.sort();
        names.iter().position(|name| name == username).expect("a member")
    })
}

/// The list of members with something else at one place of somebody's record.
fn spoil(bench: &Bench, username: &str, field: &str, value: Value) {
    let at = format!("/data/{}{field}", place_of(bench, username));
    bench.sim.fault(Rule::asc("GET", "/v1/users", Fault::Rewrites { at, value }).times(FOR_EVER));
}

/// Alan's Apple Account is another address than the directory's, and he is linked to it.
fn linked_elsewhere() -> Bench {
    let bench = Bench::settled();
    bench.state(|state| {
        let alan = state.team.member_mut("alan@example.com").expect("alan");
        alan.username = "alan.home@example.net".into();
    });
    bench.run(&["run", "--once"]);
    bench
}

fn audit(bench: &Bench) -> String {
    bench.run(&["audit", "export"]).expect(0).stdout
}

fn hide(bench: &Bench, id: &str, times: u32) {
    bench.sim.fault(Rule::asc("GET", "/v1/users", Fault::HidesRow { id: id.to_owned() }).times(times));
}

#[test]
fn a_linked_member_whom_a_list_leaves_out_is_asked_for_by_id_and_not_invited_again() {
    let bench = linked_elsewhere();
    let id = id_of(&bench, "alan.home@example.net");
    let (mails, writes, before) = (bench.state(|state| state.mails.len()), bench.writes(), audit(&bench));
    hide(&bench, &id, FOR_EVER);
    bench.plan().assert_empty("he is there by id");
    assert_eq!(bench.plan().0["coverage"]["team"], "complete");
    bench.run(&["run", "--once"]).expect(0);
    bench.run(&["apply", "--yes"]).expect(0);
    bench.state(|state| state.faults.clear());
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!((bench.state(|state| state.mails.len()), bench.writes()), (mails, writes));
    let since = audit(&bench).replacen(&before, "", 1);
    for word in ["unlinked", "linked", "vanished", "intent"] {
        assert!(!since.contains(&format!("\"{word}\"")), "{word}: {since}");
    }
    // And a leaver goes although the list does not show them.
    hide(&bench, &id, FOR_EVER);
    bench.set_active("alan@example.com", false);
    bench.run(&["run", "--once"]);
    assert!(bench.state(|state| state.team.member("alan.home@example.net").is_none()));
}

#[test]
fn a_member_who_cannot_be_asked_for_by_id_holds_their_own_entry_and_nobody_else() {
    for fault in [
        Fault::Html { status: 404 },
        Fault::Status { status: 403, when: When::Before },
        Fault::Says { status: 404, body: json!({"errors": [{"code": "PATH_ERROR", "title": "no"}]}) },
    ] {
        let bench = linked_elsewhere();
        let id = id_of(&bench, "alan.home@example.net");
        let mails = bench.state(|state| state.mails.len());
        hide(&bench, &id, FOR_EVER);
        bench.sim.fault(Rule::asc("GET", &format!("/v1/users/{id}"), fault.clone()).times(FOR_EVER));
        bench.set_active("edsger@example.com", false);
        let plan = bench.plan();
        assert_eq!(plan.held_for("incomplete_read"), ["invite alan@example.com"], "{fault:?}");
        assert_eq!(plan.operations(), ["remove_member edsger@example.com"], "{fault:?}");
        assert_eq!(plan.0["coverage"]["team"], "partial", "{fault:?}");
        assert!(plan.0["coverage"]["problems"][0].as_str().expect("a problem").contains(&id), "{fault:?}");
        bench.run(&["run", "--once"]);
        assert_eq!(bench.state(|state| state.mails.len()), mails, "{fault:?}");
        assert!(bench.state(|state| state.team.member("edsger@example.com").is_none()), "{fault:?}");
    }
}

#[test]
fn a_member_whom_apple_says_to_be_gone_is_invited_again() {
    let bench = linked_elsewhere();
    bench.state(|state| drop(state.team.remove_member("alan.home@example.net")));
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.state(|state| state.mails_to("alan@example.com")), 1);
}

#[test]
fn an_invitation_that_a_list_leaves_out_is_nobodys_acceptance() {
    let bench = Bench::settled();
    let invited = bench.state(|state| state.team.invitation("grace@example.com").expect("grace").clone());
    // Somebody of her name joins by another way, while the list leaves her invitation out.
    bench.state(|state| {
        let names = (invited.first_name.as_str(), invited.last_name.as_str());
        state.team.add_member("other@example.net", names, Grant::roles(&["SALES"]));
    });
    let hides = Fault::HidesRow { id: invited.id.clone() };
    bench.sim.fault(Rule::asc("GET", "/v1/userInvitations", hides).times(FOR_EVER));
    let before = audit(&bench);
    bench.run(&["run", "--once"]).expect(0);
    let since = audit(&bench).replacen(&before, "", 1);
    assert!(!since.contains("accepted") && !since.contains("vanished"), "{since}");
    // Once it is really gone, it is her acceptance under another account, or nobody can tell.
    bench.state(|state| {
        state.faults.clear();
        let now = state.now();
        state.team.accept("grace@example.com", Acceptance::default(), now).expect("accepted");
    });
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.state(|state| state.mails_to("grace@example.com")), 1);
}

#[test]
fn members_without_the_account_holder_take_nobody_away() {
    let bench = Bench::settled();
    let holder = bench.state(|state| {
        let holder = state.team.members.iter().find(|member| member.grant.is_account_holder());
        holder.expect("an Account Holder").id.clone()
    });
    hide(&bench, &holder, FOR_EVER);
    bench.set_active("alan@example.com", false);
    let plan = bench.plan();
    assert_eq!(plan.held_for("incomplete_read"), ["remove_member alan@example.com"]);
    assert!(plan.0["coverage"]["problems"][0].as_str().expect("a problem").contains("Account Holder"));
    bench.run(&["run", "--once"]);
    assert!(bench.state(|state| state.team.member("alan@example.com").is_some()));
}

#[test]
fn a_list_without_an_order_of_its_own_is_read_whole_and_leavers_go() {
    let bench = Bench::settled();
    bench.sim.switch(|switches| {
        switches.app_store_connect.list_order = ListOrder::FromPageToPage;
        switches.app_store_connect.page_max = 3;
    });
    bench.set_active("alan@example.com", false);
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("alan@example.com").is_none()));
    bench.plan().assert_empty("everybody was seen");
}

#[test]
fn a_list_that_moves_while_it_is_read_is_read_again_in_the_same_cycle() {
    let bench = Bench::settled();
    bench.sim.switch(|switches| switches.app_store_connect.page_max = 3);
    bench.set_active("alan@example.com", false);
    bench.sim.just_before("GET", "/v1/users", 2, |state| {
        let joined = Grant::roles(&["SALES"]);
        state.team.add_member("aaron@example.net", ("A", "A"), joined);
    });
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("alan@example.com").is_none()));
}

#[test]
fn a_record_that_cannot_be_read_holds_its_seat_and_nothing_else() {
    for (what, field, value, held) in [
        ("roles", "/attributes/roles", json!("ADMIN"), true),
        ("no roles", "/attributes/roles", Value::Null, true),
        ("user name", "/attributes/username", json!(7), true),
        ("no user name", "/attributes/username", Value::Null, true),
        ("type", "/type", json!("people"), true),
        ("id", "/id", json!(7), true),
        ("flag", "/attributes/allAppsVisible", json!("yes"), false),
        ("name", "/attributes/firstName", json!([]), false),
    ] {
        let bench = Bench::settled();
        let mails = bench.state(|state| state.mails.len());
        spoil(&bench, "alan@example.com", field, value);
        bench.set_active("alan@example.com", false);
        bench.set_active("edsger@example.com", false);
        let plan = bench.plan();
        assert!(plan.operations().contains(&"remove_member edsger@example.com".to_owned()), "{what}");
        // Whose record has no id is asked for by the id that is known.
        let goes = !held || what == "id";
        let expected: &[&str] = if goes { &[] } else { &["remove_member alan@example.com"] };
        assert_eq!(plan.held_for("incomplete_read"), expected, "{what}");
        assert_eq!(plan.0["coverage"]["team"], if held { "partial" } else { "complete" }, "{what}");
        bench.run(&["run", "--once"]);
        let stays = |who: &str| bench.state(|state| state.team.member(who).is_some());
        assert_eq!((stays("alan@example.com"), stays("edsger@example.com")), (!goes, false), "{what}");
        assert_eq!(bench.state(|state| state.mails.len()), mails, "{what}");
    }
}

#[test]
fn an_invitation_whose_end_cannot_be_read_is_left_alone() {
    let bench = Bench::settled();
    let place = bench.state(|state| {
        let mut names: Vec<String> =
            state.team.invitations.iter().map(|invitation| invitation.email.clone()).collect();
        names.sort();
        names.iter().position(|name| name == "grace@example.com").expect("grace")
    });
    let at = format!("/data/{place}/attributes/expirationDate");
    let fault = Fault::Rewrites { at, value: json!("soon") };
    bench.sim.fault(Rule::asc("GET", "/v1/userInvitations", fault).times(FOR_EVER));
    bench.set_active("edsger@example.com", false);
    let writes = bench.writes();
    bench.run(&["run", "--once"]);
    assert_eq!(bench.writes(), writes + 1, "one leaver, and no invitation again");
    assert_eq!(bench.plan().held_for("incomplete_read"), ["invite grace@example.com"]);
}
