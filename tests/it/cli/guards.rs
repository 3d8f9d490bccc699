//! Guards: what is too much is held as a whole, shown by name, released once by its digest.

use std::time::Duration;

use rosterd::simulator::{Fault, Rule, When};
use serde_json::json;

use super::daemon::until;
use super::kills::kill_after;
use crate::support::{Bench, person};

const LEAVERS: [&str; 5] = [
    "alan@example.com",
    "edsger@example.com",
    "kathleen@example.com",
    "emmy@example.com",
    "annie@example.com",
];

/// Five people left at once; three a cycle are allowed.
fn mass() -> Bench {
    let bench = Bench::settled();
    for who in LEAVERS {
        bench.set_active(who, false);
    }
    bench
}

fn members(bench: &Bench, who: &[&str]) -> usize {
    bench.state(|state| who.iter().filter(|who| state.team.member(who).is_some()).count())
}

#[test]
fn a_mass_removal_is_held_as_a_whole_and_additions_go_on() {
    let bench = mass();
    bench.state(|state| {
        state.directory.add_person("new@example.com", "New", "Joiner");
        state.directory.join("iOS Developers", "new@example.com");
    });
    bench.run(&["plan", "--detailed-exitcode"]).expect(2);
    let plan = bench.plan();
    assert_eq!(plan.operations(), ["invite new@example.com"]);
    assert_eq!(plan.held_for("guard").len(), 5);
    let held = plan.0["held"].as_array().expect("held").iter().find(|held| held["hold"]["reason"] == "guard");
    assert_eq!(held.expect("held")["hold"]["detail"], "removals_max");
    let output = bench.run(&["run", "--once"]).expect(3);
    assert!(output.stderr.contains("approve"), "{}", output.stderr);
    assert_eq!(members(&bench, &LEAVERS), 5);
    assert_eq!(bench.state(|state| state.mails_to("new@example.com")), 1);
    bench.run(&["plan", "--detailed-exitcode"]).expect(2);
    bench.run(&["apply", "--yes"]).expect(3);
    let text = bench.run(&["status"]).expect(0).stdout;
    for who in LEAVERS {
        assert!(text.contains(who), "{who}: {text}");
    }
    let status = bench.status();
    assert_eq!(status["held_by_reason"]["guard"], 5);
    assert_eq!(status["guard"]["guards"], json!(["removals_max"]));
    assert!(text.contains(&status["guard"]["digest"].as_str().expect("a digest")[..19]), "{text}");
}

#[test]
fn an_approval_releases_that_set_once() {
    for form in ["full", "prefix", "short", "upper"] {
        let bench = mass();
        bench.run(&["run", "--once"]).expect(3);
        let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
        let hex = digest.trim_start_matches("sha256:");
        let given = match form {
            "full" => digest.clone(),
            "prefix" => format!("sha256:{}", &hex[..12]),
            "short" => hex[..12].to_owned(),
            _ => hex.to_uppercase(),
        };
        bench.run(&["approve", &given]).expect(0);
        assert_eq!(members(&bench, &LEAVERS), 5, "approving alone does nothing");
        bench.run(&["run", "--once"]).expect(0);
        assert_eq!(members(&bench, &LEAVERS), 0, "{form}");
        bench.run(&["approve", &given]).expect_trouble(1, &["nothing was approved"], "");
        // The same people again: what was approved once is not approved for ever.
        bench.state(|state| {
            for who in LEAVERS {
                let grant = rosterd::simulator::Grant::roles(&["DEVELOPER"]);
                state.team.add_member(who, ("A", "B"), grant);
            }
        });
        bench.run(&["run", "--once"]).expect(3);
        assert_eq!(members(&bench, &LEAVERS), 5, "{form}");
    }
}

#[test]
fn what_was_done_before_a_kill_is_not_approved_again() {
    let bench = Bench::settled();
    bench.edit("removals_max = 3", "removals_max = 0");
    let seats = ["Dorothy@Example.com", "hedy@example.com", "maryam.mirzakhani@example.org"];
    let seats: Vec<&str> = LEAVERS.into_iter().chain(seats).collect();
    let before = bench.seats();
    bench.state(|state| {
        let people = ["dorothy@example.com", "hedy@example.com", "maryam@example.com"];
        for who in LEAVERS.into_iter().chain(people) {
            person(state, who).custom.insert("appStoreConnect_role".into(), json!(["MARKETING"]));
        }
    });
    assert_eq!(bench.plan().held_for("guard").len(), 8, "{:?}", bench.plan().held());
    bench.run(&["run", "--once"]).expect(3);
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    bench.run(&["approve", &digest]).expect(0);
    let changed = || {
        let now = bench.seats();
        seats.iter().filter(|who| now[**who] != before[**who]).count()
    };
    // From the sixth on, no answer ever comes.
    let silence = Rule::asc("PATCH", "*", Fault::Hang { when: When::Before });
    bench.sim.fault(Rule { nth: 6, ..silence }.times(u32::MAX));
    let child = bench.spawn(&["run", "--once"]);
    until("five of eight", || changed() == 5);
    // Their outcomes are written down as well, and the others' intents.
    std::thread::sleep(Duration::from_millis(500));
    assert!(kill_after(child, Duration::ZERO));
    bench.state(|state| {
        state.faults.clear();
        for who in &seats {
            state.team.member_mut(who).expect("a member").grant = before[*who].clone();
        }
    });
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(changed(), 3, "those that had not been done");
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(changed(), 3, "the five wait for another approval");
    assert_eq!(bench.plan().held_for("guard").len(), 5);
}

#[test]
fn an_approval_outlasts_a_refusal_that_had_no_effect() {
    let bench = Bench::settled();
    bench.edit("removals_max = 3", "removals_max = 0");
    bench.set_active("alan@example.com", false);
    let digest = bench.plan().digest().to_owned();
    bench.run(&["approve", &digest]).expect(0);
    let refused = Fault::Status { status: 409, when: When::Before };
    bench.sim.fault(Rule::asc("DELETE", "*", refused));
    bench.run(&["run", "--once"]).expect(5);
    assert_eq!(members(&bench, &["alan@example.com"]), 1);
    assert_eq!(bench.plan().held_for("backoff"), ["remove_member alan@example.com"]);
    let kept = bench.run(&["state", "export"]).expect(0).stdout;
    assert_eq!(kept.matches("\"kind\":\"approval\"").count(), 1, "{kept}");
}

#[test]
fn the_digest_of_a_plan_can_be_approved_before_any_cycle() {
    let bench = mass();
    let digest = bench.plan().digest().to_owned();
    bench.run(&["approve", &digest]).expect(0);
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(members(&bench, &LEAVERS), 0);
}

#[test]
fn an_approval_that_does_not_fit_is_refused() {
    let bench = mass();
    bench.run(&["run", "--once"]).expect(3);
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    for wrong in ["sha256:0123456789ab", "0123456789ab", &digest[7..15], "ada@example.com", ""] {
        bench.run(&["approve", wrong]).expect_trouble(1, &["nothing was approved"], "");
    }
    // Somebody came back: the set is not the one that was shown.
    bench.set_active("alan@example.com", true);
    let output = bench.run(&["approve", &digest]).expect_trouble(1, &["moved"], "plan");
    assert!(output.stderr.contains("alan@example.com"), "{}", output.stderr);
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(members(&bench, &LEAVERS), 5);
}

#[test]
fn what_joined_an_approved_set_stays_held() {
    let bench = mass();
    bench.run(&["run", "--once"]).expect(3);
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    for who in ["dorothy@example.com", "hedy@example.com", "maryam@example.com", "katherine@example.com"] {
        bench.set_active(who, false);
    }
    bench.run(&["approve", &digest]).expect(0);
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(members(&bench, &LEAVERS), 0, "the approved ones are gone");
    assert_eq!(members(&bench, &["dorothy@example.com", "hedy@example.com", "katherine@example.com"]), 3);
    assert_eq!(bench.plan().held_for("guard").len(), 4);
}

#[test]
fn somebody_who_comes_back_after_the_approval_keeps_the_seat() {
    let bench = mass();
    bench.run(&["run", "--once"]).expect(3);
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    bench.run(&["approve", &digest]).expect(0);
    bench.set_active("alan@example.com", true);
    bench.run(&["run", "--once"]);
    assert_eq!(members(&bench, &["alan@example.com"]), 1);
}

#[test]
fn zero_means_that_any_removal_needs_approval() {
    let bench = Bench::settled();
    bench.edit("removals_max = 3", "removals_max = 0");
    bench.set_active("alan@example.com", false);
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(members(&bench, &["alan@example.com"]), 1);
    let digest = bench.plan().digest().to_owned();
    bench.run(&["approve", &digest]).expect(0);
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(members(&bench, &["alan@example.com"]), 0);
}

#[test]
fn a_new_administrator_is_held_and_released_by_name() {
    let bench = Bench::settled();
    bench.state(|state| state.directory.join("iOS Admins", "alan@example.com"));
    bench.state(|state| {
        state.directory.add_person("new@example.com", "New", "Admin");
        state.directory.join("iOS Admins", "new@example.com");
    });
    let plan = bench.plan();
    plan.assert_empty("held");
    let mut held = plan.held_for("new_admin");
    held.sort();
    assert_eq!(held, ["invite new@example.com", "update_member alan@example.com"]);
    bench.run(&["run", "--once"]).expect(3);
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    bench.run(&["approve", &digest]).expect(0);
    bench.run(&["run", "--once"]).expect(0);
    bench.state(|state| {
        assert!(state.team.member("alan@example.com").is_some_and(|alan| alan.grant.roles.contains("ADMIN")));
        assert_eq!(state.mails_to("new@example.com"), 1);
    });
    bench.plan().assert_empty("released");
    let bench = Bench::settled();
    bench.edit("new_admins = \"hold\"", "new_admins = \"allow\"");
    bench.state(|state| state.directory.join("iOS Admins", "alan@example.com"));
    assert_eq!(bench.plan().operations(), ["update_member alan@example.com"]);
}

#[test]
fn the_last_administrators_are_not_taken_away() {
    let bench = Bench::settled();
    bench.edit("admins_min = 2", "admins_min = 3");
    bench.set_active("ada@example.com", false);
    assert_eq!(bench.plan().held_for("guard"), ["remove_member ada@example.com"]);
    bench.run(&["run", "--once"]).expect(3);
}

#[test]
fn a_scope_that_shrinks_holds_removals_until_approved() {
    let bench = Bench::settled();
    bench.edit("removals_max = 3", "removals_max = 100");
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    // Most leave the group: 8 of 19.
    bench.state(|state| {
        for who in LEAVERS.iter().chain(&["grace@example.com", "joan@example.com", "claude@example.com"]) {
            assert!(state.directory.leave("iOS Developers", who), "{who}");
        }
    });
    let plan = bench.plan();
    plan.assert_empty("held");
    assert_eq!(plan.held_for("guard").len(), 8, "{:?}", plan.held());
    bench.run(&["run", "--once"]).expect(3);
    // What was held is not the new measure.
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(bench.status()["guard"]["guards"], json!(["source_shrink_percent"]));
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    bench.run(&["approve", &digest]).expect(0);
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(members(&bench, &LEAVERS), 0);
    // And now it is.
    bench.set_active("edsger@example.com", false);
    bench.run(&["run", "--once"]).expect(0);
}

#[test]
fn who_leaves_after_the_approval_of_a_shrunken_scope_waits_for_one_of_their_own() {
    let bench = Bench::settled();
    bench.edit("removals_max = 3", "removals_max = 100");
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    let leave = |people: &[&str]| {
        bench.state(|state| {
            for who in people {
                assert!(state.directory.leave("iOS Developers", who), "{who}");
            }
        });
    };
    leave(&["grace@example.com", "joan@example.com", "claude@example.com"]);
    leave(&LEAVERS);
    bench.run(&["run", "--once"]).expect(3);
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    let more = ["dorothy@example.com"];
    leave(&more);
    bench.run(&["approve", &digest]).expect(0);
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!((members(&bench, &LEAVERS), members(&bench, &more)), (0, 1));
    // What went by leave is no new measure for what goes without.
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(members(&bench, &more), 1);
}

#[test]
fn protected_people_and_the_account_holder_are_never_touched() {
    let bench = Bench::settled();
    bench.edit("protected = [\"owner@example.com\"]", "protected = [\"al*@example.com\"]");
    bench.edit("unknown = \"report\"", "unknown = \"remove\"");
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    bench.set_active("alan@example.com", false);
    bench.state(|state| {
        state.directory.add_person("owner@example.com", "Jean", "Bartik");
        person(state, "owner@example.com").active = false;
    });
    let plan = bench.plan();
    assert_eq!(plan.operations(), ["remove_member konrad@example.net"]);
    assert!(
        plan.held_for("protected").contains(&"remove_member alan@example.com".to_owned()),
        "{:?}",
        plan.held()
    );
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(members(&bench, &["alan@example.com", "owner@example.com"]), 2);
}

#[test]
fn no_more_than_so_many_are_removed_in_a_day() {
    let bench = Bench::settled();
    // Evelyn was removed by the first plan.
    bench.edit("removals_max_per_day = 20", "removals_max_per_day = 3");
    bench.set_active("alan@example.com", false);
    bench.run(&["run", "--once"]).expect(0);
    bench.set_active("edsger@example.com", false);
    bench.run(&["run", "--once"]).expect(0);
    bench.set_active("emmy@example.com", false);
    bench.run(&["run", "--once"]).expect(3);
    assert_eq!(members(&bench, &["alan@example.com", "edsger@example.com", "emmy@example.com"]), 1);
    assert_eq!(bench.status()["guard"]["guards"], json!(["removals_max_per_day"]));
}

#[test]
fn a_guard_holds_also_what_a_saved_plan_would_do() {
    let bench = mass();
    let path = bench.path("plan.json").to_string_lossy().into_owned();
    bench.run(&["plan", "--out", &path]).expect(0);
    bench.run(&["apply", &path]).expect(3);
    assert_eq!(members(&bench, &LEAVERS), 5);
}

#[test]
fn narrowed_access_counts_as_a_revocation() {
    let bench = Bench::settled();
    bench.edit("removals_max = 3", "removals_max = 0");
    bench.state(|state| {
        person(state, "kathleen@example.com")
            .custom
            .insert("appStoreConnect_role".into(), json!(["MARKETING"]));
        person(state, "alan@example.com")
            .custom
            .insert("appStoreConnect_role".into(), json!(["DEVELOPER", "MARKETING"]));
    });
    let plan = bench.plan();
    assert_eq!(plan.operations(), ["update_member alan@example.com"], "more is no revocation");
    assert_eq!(plan.held_for("guard"), ["update_member kathleen@example.com"]);
}

#[test]
fn what_is_held_is_told_also_without_a_cache() {
    let bench = mass();
    std::fs::remove_dir_all(bench.path("state/sled")).expect("removed");
    // No folder can be made here, so the cache stays off.
    std::fs::write(bench.path("state/sled"), "").expect("written");
    let output = bench.run(&["run", "--once"]).expect(3);
    assert!(output.stderr.contains("cache cannot be used"), "{}", output.stderr);
    assert!(output.stderr.contains("5 of 5 held entries by guard.removals_max"), "{}", output.stderr);
    assert!(output.stderr.contains("rosterd approve sha256:"), "{}", output.stderr);
    assert_eq!(members(&bench, &LEAVERS), 5);
}
