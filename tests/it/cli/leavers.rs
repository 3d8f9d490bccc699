//! Joiners, movers and leavers over several cycles.

use std::fs;

use jiff::SignedDuration;
use rosterd::simulator::{Acceptance, Fault, FileOptions, Grant, Peer, Rule, SourceKind, write_files};
use serde_json::json;

use crate::support::{Bench, person};

fn is_member(bench: &Bench, who: &str) -> bool {
    bench.state(|state| state.team.member(who).is_some())
}

fn once(bench: &Bench) {
    bench.run(&["run", "--once"]).expect(0);
}

#[test]
fn who_is_deactivated_leaves_at_once_and_others_after_two_cycles() {
    let bench = Bench::settled();
    bench.set_active("alan@example.com", false);
    bench.state(|state| {
        state.directory.remove_person("dorothy@example.com");
        state.directory.leave("iOS Developers", "edsger@example.com");
    });
    // A plan is no confirming read, however often it is made.
    for _ in 0..4 {
        let plan = bench.plan();
        assert_eq!(plan.operations(), ["remove_member alan@example.com"]);
        let mut waiting = plan.held_for("awaiting_confirmation");
        waiting.sort();
        assert_eq!(waiting, ["remove_member dorothy@example.com", "remove_member edsger@example.com"]);
    }
    once(&bench);
    assert!(!is_member(&bench, "alan@example.com"));
    assert!(is_member(&bench, "dorothy@example.com") && is_member(&bench, "edsger@example.com"));
    once(&bench);
    assert!(!is_member(&bench, "dorothy@example.com") && !is_member(&bench, "edsger@example.com"));
    bench.plan().assert_empty("they are gone");
}

#[test]
fn who_comes_back_in_between_starts_from_nothing() {
    let bench = Bench::settled();
    bench.state(|state| state.directory.leave("iOS Developers", "edsger@example.com"));
    once(&bench);
    bench.state(|state| state.directory.join("iOS Developers", "edsger@example.com"));
    once(&bench);
    bench.state(|state| state.directory.leave("iOS Developers", "edsger@example.com"));
    once(&bench);
    assert!(is_member(&bench, "edsger@example.com"), "one confirmation of two");
    once(&bench);
    assert!(!is_member(&bench, "edsger@example.com"));
}

#[test]
fn a_leaver_is_read_again_just_before_the_write() {
    let bench = Bench::settled();
    bench.set_active("alan@example.com", false);
    let id = bench.state(|state| person(state, "alan@example.com").id.clone());
    bench.sim.just_before("GET", &format!("/scim/v2/Users/{id}"), 1, |state| {
        person(state, "alan@example.com").active = true;
    });
    let output = bench.run(&["run", "--once"]);
    assert!(is_member(&bench, "alan@example.com"), "enabled again: {output:?}");
    bench.plan().assert_empty("enabled again");

    let bench = Bench::settled();
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    bench.state(|state| state.directory.leave("iOS Developers", "edsger@example.com"));
    // Groups are read for the plan, and once more before anybody loses a seat.
    let reads =
        || bench.state(|state| state.requests.iter().filter(|seen| seen.path.contains("/Groups")).count());
    let before = reads();
    bench.run(&["plan"]).expect(0);
    let of_a_plan = u32::try_from(reads() - before).expect("a small number");
    bench.sim.just_before("GET", "/scim/v2/Groups*", of_a_plan + 1, |state| {
        state.directory.join("iOS Developers", "edsger@example.com");
    });
    let output = bench.run(&["run", "--once"]);
    assert!(is_member(&bench, "edsger@example.com"), "back in the group: {output:?}");
}

#[test]
fn a_leaver_who_cannot_be_read_again_keeps_the_seat() {
    use rosterd::simulator::{Fault, Rule, When};
    let bench = Bench::settled();
    bench.set_active("alan@example.com", false);
    let id = bench.state(|state| person(state, "alan@example.com").id.clone());
    let fault = Fault::Status { status: 503, when: When::Before };
    bench.sim.fault(Rule::scim("GET", &format!("/scim/v2/Users/{id}"), fault).times(u32::MAX));
    bench.run(&["run", "--once"]);
    assert!(is_member(&bench, "alan@example.com"));
    bench.state(|state| state.faults.clear());
    once(&bench);
    assert!(!is_member(&bench, "alan@example.com"));
}

#[test]
fn an_acceptance_under_the_invited_address_is_linked() {
    let bench = Bench::settled();
    bench.state(|state| {
        let now = state.now();
        state.team.accept("grace@example.com", Acceptance::default(), now).expect("accepted");
    });
    once(&bench);
    bench.plan().assert_empty("accepted");
    bench.set_active("grace@example.com", false);
    once(&bench);
    assert!(!is_member(&bench, "grace@example.com"));
    bench.assert_one_mail_each("accepted");
}

#[test]
fn an_acceptance_under_another_apple_account_is_linked_by_its_name() {
    let bench = Bench::settled();
    bench.state(|state| {
        let now = state.now();
        let how = Acceptance { apple_account: Some("amazing.grace@example.net".into()), names: None };
        state.team.accept("grace@example.com", how, now).expect("accepted");
    });
    let output = bench.run(&["run", "--once"]).expect(0);
    let log = bench.run(&["audit", "show", "--limit", "20"]).expect(0).stdout;
    assert!(log.contains("amazing.grace@example.net"), "{log}{output:?}");
    bench.plan().assert_empty("linked by name");
    bench.set_active("grace@example.com", false);
    once(&bench);
    assert!(!is_member(&bench, "amazing.grace@example.net"), "she leaves with that seat");
    bench.assert_one_mail_each("linked by name");
}

#[test]
fn an_acceptance_that_cannot_be_told_waits_for_a_link() {
    let bench = Bench::settled();
    bench.edit("unknown = \"report\"", "unknown = \"remove\"");
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    bench.run(&["run", "--once"]).expect(0);
    bench.state(|state| {
        let now = state.now();
        let how = Acceptance {
            apple_account: Some("gh@example.net".into()),
            names: Some(("G.".into(), "H.".into())),
        };
        state.team.accept("grace@example.com", how, now).expect("accepted");
    });
    for _ in 0..3 {
        bench.run(&["run", "--once"]).expect(0);
        assert!(is_member(&bench, "gh@example.net"), "nobody is removed for it");
        assert_eq!(bench.state(|state| state.mails_to("grace@example.com")), 1, "nor invited again");
    }
    let held = bench.plan().held_for("awaiting_link");
    assert!(held.contains(&"invite grace@example.com".to_owned()), "{held:?}");
    bench.run(&["link", "grace@example.com", "gh@example.net"]).expect(0);
    once(&bench);
    assert!(bench.plan().held_for("awaiting_link").is_empty());
    bench.plan().assert_empty("linked");
    bench.set_active("grace@example.com", false);
    once(&bench);
    assert!(!is_member(&bench, "gh@example.net"));
}

#[test]
fn changed_access_of_a_pending_invitation_is_cancelled_and_sent_anew() {
    let bench = Bench::settled();
    bench.state(|state| {
        let grace = person(state, "grace@example.com");
        grace.custom.insert("appStoreConnect_role".into(), json!(["DEVELOPER", "MARKETING"]));
    });
    assert_eq!(
        bench.plan().operations(),
        ["cancel_invitation grace@example.com", "invite grace@example.com"]
    );
    once(&bench);
    bench.state(|state| {
        assert_eq!(state.mails_to("grace@example.com"), 2);
        let all: Vec<_> = state.team.invitations.iter().filter(|i| i.email == "grace@example.com").collect();
        assert_eq!(all.len(), 1);
        assert!(all[0].grant.roles.contains("MARKETING"));
    });
    bench.plan().assert_empty("sent anew");
}

#[test]
fn an_expired_invitation_is_sent_again_only_so_often() {
    let bench = Bench::settled();
    bench.edit("reinvite_max = 3", "reinvite_max = 2");
    for _ in 0..6 {
        // The services' invitations get older than their three days.
        bench.sim.age(SignedDuration::from_hours(73));
        bench.run(&["run", "--once"]).expect(0);
    }
    // The first and two more; tom's and karen's first were sent by others.
    bench.state(|state| {
        for name in ["betty", "sofya", "grace", "joan", "claude", "jean"] {
            assert_eq!(state.mails_to(&format!("{name}@example.com")), 3, "{name}");
        }
    });
    let held = bench.plan().held_for("reinvite_limit");
    assert!(held.iter().any(|entry| entry.ends_with("grace@example.com")), "{held:?}");
    let text = bench.run(&["plan"]).expect(0).stdout;
    assert!(text.contains("needs a person"), "{text}");
}

#[test]
fn the_invitation_of_a_leaver_is_taken_back() {
    let bench = Bench::settled();
    bench.set_active("grace@example.com", false);
    assert_eq!(bench.plan().operations(), ["cancel_invitation grace@example.com"]);
    once(&bench);
    assert!(bench.state(|state| state.team.invitation("grace@example.com").is_none()));
    bench.set_active("grace@example.com", true);
    once(&bench);
    assert_eq!(bench.state(|state| state.mails_to("grace@example.com")), 2, "she is back");
}

#[test]
fn an_invitation_accepted_while_it_is_taken_back_is_not_lost_sight_of() {
    let bench = Bench::settled();
    bench.set_active("grace@example.com", false);
    bench.sim.just_before("DELETE", "/v1/userInvitations/*", 1, |state| {
        let now = state.now();
        state.team.accept("grace@example.com", Acceptance::default(), now).expect("accepted");
    });
    bench.run(&["run", "--once"]);
    once(&bench);
    assert!(!is_member(&bench, "grace@example.com"), "the member she became is removed");
}

#[test]
fn an_address_that_comes_back_under_another_id_is_a_conflict() {
    let bench = Bench::settled();
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    bench.state(|state| state.directory.remove_person("alan@example.com"));
    once(&bench);
    assert!(!is_member(&bench, "alan@example.com"));
    bench.state(|state| {
        state.directory.add_person("alan@example.com", "Alan", "Other");
        state.directory.join("iOS Developers", "alan@example.com");
    });
    assert_eq!(bench.plan().held_for("conflict"), ["invite alan@example.com"]);
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.state(|state| state.mails_to("alan@example.com")), 0);
}

#[test]
fn a_changed_address_is_still_the_same_person() {
    let bench = Bench::settled();
    bench.state(|state| {
        let alan = person(state, "alan@example.com");
        alan.user_name = "alan.turing@example.com".into();
    });
    once(&bench);
    bench.plan().assert_empty("renamed");
    bench.set_active("alan.turing@example.com", false);
    once(&bench);
    assert!(!is_member(&bench, "alan@example.com"));
}

#[test]
fn policies_of_leaving_are_followed() {
    for (key, change) in [
        (
            "on_deactivated = \"remove\"",
            (|state: &mut rosterd::simulator::State| person(state, "alan@example.com").active = false)
                as fn(&mut rosterd::simulator::State),
        ),
        ("on_deleted = \"remove\"", |state| drop(state.directory.remove_person("alan@example.com"))),
        ("on_out_of_scope = \"remove\"", |state| {
            state.directory.leave("iOS Developers", "alan@example.com");
        }),
    ] {
        let bench = Bench::settled();
        bench.edit(key, &key.replace("remove", "report"));
        bench.state(change);
        for _ in 0..3 {
            once(&bench);
        }
        assert!(is_member(&bench, "alan@example.com"), "{key}");
        assert_eq!(bench.plan().held_for("policy"), ["remove_member alan@example.com"], "{key}");
    }
}

#[test]
fn roles_changed_by_hand_are_put_back_only_where_something_speaks() {
    let bench = Bench::settled();
    bench.state(|state| {
        // A rule speaks for ada, nothing for alan; add-on roles are kept.
        state.team.member_mut("ada@example.com").expect("ada").grant =
            Grant::roles(&["MARKETING", "CREATE_APPS"]);
        state.team.member_mut("alan@example.com").expect("alan").grant = Grant::roles(&["MARKETING"]);
    });
    bench.edit("new_admins = \"hold\"", "new_admins = \"allow\"");
    assert_eq!(bench.plan().operations(), ["update_member ada@example.com"]);
    once(&bench);
    bench.state(|state| {
        let ada = &state.team.member("ada@example.com").expect("ada").grant;
        assert_eq!(ada.roles.iter().collect::<Vec<_>>(), ["ADMIN", "CREATE_APPS"]);
        let alan = &state.team.member("alan@example.com").expect("alan").grant;
        assert_eq!(alan.roles.iter().collect::<Vec<_>>(), ["MARKETING"]);
    });
}

#[test]
fn a_grace_period_is_waited_for() {
    let bench = Bench::settled();
    bench.edit("leave_grace = \"0s\"", "leave_grace = \"3s\"");
    bench.set_active("alan@example.com", false);
    assert_eq!(bench.plan().held_for("grace"), ["remove_member alan@example.com"]);
    once(&bench);
    assert!(is_member(&bench, "alan@example.com"));
    std::thread::sleep(std::time::Duration::from_millis(3100));
    once(&bench);
    assert!(!is_member(&bench, "alan@example.com"));
}

#[test]
fn a_row_that_a_page_left_out_makes_no_seat_nobodys() {
    let bench = Bench::settled();
    write_files(bench.dir.path(), &bench.sim, FileOptions { source: SourceKind::Graph }).expect("written");
    // Everything that would hold it otherwise is set aside.
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    bench.edit("unknown = \"report\"", "unknown = \"remove\"");
    bench.edit("removals_max = 3", "removals_max = 100");
    bench.edit("removals_max_per_day = 20", "removals_max_per_day = 100");
    bench.edit("source_shrink_percent = 30", "source_shrink_percent = 100");
    once(&bench);
    assert!(!is_member(&bench, "konrad@example.net"), "nobody's, and asked to go");
    bench.state(|state| {
        state.team.add_member("ken@example.net", ("Ken", "Iverson"), Grant::roles(&["DEVELOPER"]));
    });
    let before = bench.seats();
    // John is in no group of the scope, so no link says that the seat is his.
    let left_out = Rule::to(Peer::Graph, "GET", "/v1.0/users", Fault::MissingRows { rows: 30 });
    bench.sim.fault(left_out);
    fs::remove_dir_all(bench.path("state/sled")).expect("no feed to go on from");
    let output = bench.run(&["run", "--once"]).expect(5);
    let mut expected = before;
    expected.remove("ken@example.net");
    assert_eq!(bench.seats(), expected, "{output:?}");
    assert!(output.stderr.contains("withdrawn") || output.stdout.contains("withdrawn"), "{output:?}");
    // Changes are not laid over such a read: the next one is whole.
    let whole =
        || bench.state(|state| state.requests.iter().filter(|seen| seen.path == "/v1.0/users").count());
    let before = whole();
    once(&bench);
    assert!(whole() > before);
    let plan = bench.plan();
    assert_eq!(plan.held_for("unmanaged"), ["remove_member john@example.com"]);
}

#[test]
fn the_invitation_of_somebody_who_is_a_member_by_now_is_taken_back() {
    let bench = Bench::settled();
    let pending =
        bench.state(|state| state.team.invitations.iter().map(|one| one.email.clone()).collect::<Vec<_>>());
    let invited = pending.first().expect("somebody was invited").clone();
    bench.state(|state| {
        state.team.add_member(&invited, ("Some", "One"), Grant::roles(&["DEVELOPER"]));
    });
    once(&bench);
    assert!(is_member(&bench, &invited));
    let left = bench.state(|state| state.team.invitation(&invited).is_some());
    assert!(!left, "{invited} needs no invitation any more");
    once(&bench);
    assert!(bench.plan().operations().is_empty());
}
