//! An administrator works on the team while a cycle does. What they changed between the read and the write stays, unless
//! the plan speaks of exactly that; and what Apple never told is not written over.

use rosterd::simulator::switches::ProvisioningShape;
use rosterd::simulator::{Grant, Options, World};
use serde_json::{Value, json};

use crate::support::{Bench, person};

const ALAN: &str = "alan@example.com";

/// Alan has this access; his own attributes ask for something else. Nobody else waits for anything.
fn bench(grant: Grant, attributes: &[(&str, Value)]) -> Bench {
    let bench = Bench::settled();
    bench.run(&["apply", "--yes"]);
    bench.state(|state| {
        state.team.member_mut(ALAN).expect("alan").grant = grant;
        for (name, value) in attributes {
            person(state, ALAN).custom.insert((*name).into(), value.clone());
        }
    });
    bench.plan().assert_only_updates_alan();
    bench
}

impl crate::support::Plan {
    fn assert_only_updates_alan(&self) {
        assert_eq!(self.operations(), ["update_member alan@example.com"]);
    }
}

fn path(bench: &Bench) -> String {
    bench.state(|state| format!("/v1/users/{}", state.team.member(ALAN).expect("alan").id))
}

fn grant(bench: &Bench) -> Grant {
    bench.state(|state| state.team.member(ALAN).expect("alan").grant.clone())
}

fn set(bench: &Bench, method: &str, by_hand: Grant) {
    bench.sim.just_before(method, &path(bench), 1, move |state| {
        state.team.member_mut(ALAN).expect("alan").grant = by_hand;
    });
}

fn provisioning() -> (&'static str, Value) {
    ("appStoreConnect_provisioningAllowed", json!(true))
}

fn roles(names: &[&str]) -> (&'static str, Value) {
    ("appStoreConnect_role", json!(names))
}

#[test]
fn admin_taken_away_by_hand_does_not_come_back_with_a_flag() {
    let bench = bench(Grant::roles(&["ADMIN", "DEVELOPER"]), &[provisioning()]);
    set(&bench, "PATCH", Grant::roles(&["DEVELOPER"]));
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(grant(&bench), Grant { provisioning: true, ..Grant::roles(&["DEVELOPER"]) });
}

#[test]
fn admin_taken_away_by_hand_does_not_come_back_with_other_roles() {
    let bench = bench(Grant::roles(&["ADMIN"]), &[roles(&["ADMIN", "SALES"])]);
    set(&bench, "GET", Grant::roles(&["MARKETING"]));
    bench.run(&["apply", "--yes"]);
    assert_eq!(grant(&bench), Grant::roles(&["MARKETING"]), "nothing was written over the change");
    assert_eq!(bench.plan().held_for("new_admin"), ["update_member alan@example.com"]);
    let audit = bench.run(&["audit", "show"]).expect(0).stdout;
    assert!(audit.contains("the roles were changed at App Store Connect since the team was read"), "{audit}");
}

#[test]
fn role_given_by_hand_is_not_taken_away_past_the_guards() {
    let bench = bench(Grant::roles(&["SALES"]), &[roles(&["SALES", "MARKETING"])]);
    set(&bench, "GET", Grant::roles(&["SALES", "FINANCE"]));
    bench.run(&["apply", "--yes"]);
    assert_eq!(grant(&bench), Grant::roles(&["SALES", "FINANCE"]));
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(grant(&bench), Grant::roles(&["SALES", "MARKETING"]), "by a plan that says so");
}

#[test]
fn app_added_by_hand_stays() {
    let limited = |role: &str, apps: &[&str]| Grant::roles(&[role]).with_apps(apps);
    let bench = bench(limited("DEVELOPER", &["6440000001"]), &[roles(&["MARKETING"])]);
    set(&bench, "PATCH", limited("DEVELOPER", &["6440000001", "6440000002"]));
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(grant(&bench), limited("MARKETING", &["6440000001", "6440000002"]));
}

#[test]
fn app_added_by_hand_stays_when_the_list_itself_is_to_change() {
    let mut world = World::sample();
    let hedy = world.team.member_mut("hedy@example.com").expect("hedy");
    hedy.grant = Grant::roles(&["DEVELOPER"]).with_apps(&["6440000001"]);
    let bench = Bench::with(world, Options::default());
    let by_hand = Grant::roles(&["DEVELOPER"]).with_apps(&["6440000001", "6440000003"]);
    let path =
        bench.state(|state| format!("/v1/users/{}", state.team.member("hedy@example.com").expect("hedy").id));
    let changed = by_hand.clone();
    bench.sim.just_before("GET", &path, 1, move |state| {
        state.team.member_mut("hedy@example.com").expect("hedy").grant = changed;
    });
    bench.run(&["apply", "--yes"]);
    assert_eq!(bench.seats()["hedy@example.com"], by_hand);
}

#[test]
fn role_that_is_unknown_blocks_no_flag() {
    let odd = Grant::roles(&["DEVELOPER", "IMAGE_MANAGER"]);
    let bench = bench(odd.clone(), &[provisioning()]);
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(grant(&bench), Grant { provisioning: true, ..odd });
    bench.plan().assert_empty("settled");
}

#[test]
fn provisioning_that_apple_did_not_tell_is_not_taken_away() {
    for shape in [ProvisioningShape::Null, ProvisioningShape::Absent] {
        let held = Grant { provisioning: true, ..Grant::roles(&["DEVELOPER"]) };
        let bench = bench(held, &[roles(&["APP_MANAGER"])]);
        bench.sim.switch(|switches| switches.app_store_connect.provisioning = shape);
        let plan = bench.plan();
        plan.assert_only_updates_alan();
        for side in ["before", "after"] {
            assert_eq!(plan.0["operations"][0][side]["provisioning_allowed"], Value::Null, "{shape:?}");
        }
        bench.run(&["apply", "--yes"]).expect(0);
        assert_eq!(
            grant(&bench),
            Grant { provisioning: true, ..Grant::roles(&["APP_MANAGER"]) },
            "{shape:?}"
        );
        bench.plan().assert_empty("settled");
    }
}
