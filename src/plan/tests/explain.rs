//! One person, end to end.

use super::world::World;
use crate::plan::explain::explain;

const WORLD: &str = "scope iOS
     group iOS p1 p4
     rule ADMIN group=iOS filter='level gt 3'
     person p1 ada@example.com name='Ada King' level=5
     person p2 b@example.com display='Bob Stone'
     person p4 d@example.com level=1
     member m0 owner@example.com ACCOUNT_HOLDER,ADMIN
     member m1 ada@example.com DEVELOPER
     member m3 c@example.com SALES apps=1
     member m4 d@example.com DEVELOPER
     link p1 m1
     link p4 m4";

#[track_caller]
fn check(who: &str, text: &str) {
    let explanation = World::read(WORLD).with_input(|input| explain(input, who));
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let shown = explanation.to_string();
    assert_eq!(lines(&shown), lines(text), "\n{shown}");
}

#[test]
fn a_person_is_explained_from_directory_to_next_step() {
    let ada = "Ada King
        directory  p1, ada@example.com, active
        scope      in scope: in group \"iOS\"
        rules      rule 1: group \"iOS\" and filter level gt 3 fits
        access     ADMIN; all apps (rule 1: group \"iOS\" and filter level gt 3)
        seat       member ada@example.com (m1): DEVELOPER; all apps
        ledger     linked to ada@example.com since 2026-11-18T06:00:00Z, because we invited them
        next       held, new_admin: they would become an administrator: update_member to ADMIN; all apps (rule 1: group \"iOS\" and filter level gt 3), until it is approved";
    for who in ["p1", "ADA@example.com", "m1"] {
        check(who, ada);
    }
}

#[test]
fn somebody_out_of_scope_is_told_why() {
    let bob = "Bob Stone
        directory  p2, b@example.com, active
        scope      not in scope: in none of the groups of scope.groups
        access     DEVELOPER; all apps (default)
        seat       none
        next       nothing to do";
    check("p2", bob);
    check("bob stone", bob);
}

#[test]
fn what_ties_a_seat_to_somebody_is_told() {
    const HERE: &str = "scope iOS
        group iOS p1
        person p1 ada@example.com
        person p2 b@example.com
        member m1 ada@example.com DEVELOPER
        member m2 b@example.com DEVELOPER";
    let told = |who: &str| {
        let steps = World::read(HERE).with_input(|input| explain(input, who)).steps;
        let says = steps.into_iter().filter(|step| step.about == "match").map(|step| step.says);
        says.collect::<Vec<_>>()
    };
    assert_eq!(told("p1"), ["by an address of theirs, ada@example.com; ours from the next cycle on"]);
    assert_eq!(
        told("p2"),
        [
            "b@example.com is an address of theirs; not ours: neither invited, adopted nor linked (lifecycle.unmanaged.out_of_scope is \"report\")"
        ]
    );
}

#[test]
fn a_seat_without_a_person_is_explained_too() {
    check(
        "m3",
        "m3
         directory  not in the directory
         seat       member c@example.com (m3): SALES; app 1
         match      c@example.com is of nobody in the directory; not ours: neither invited, adopted nor linked (lifecycle.unmanaged.unknown is \"report\")
         next       held, unmanaged: unknown: remove_member (nobody in the directory)",
    );
    check(
        "owner@example.com",
        "owner@example.com
         directory  not in the directory
         seat       member owner@example.com (m0): ACCOUNT_HOLDER, ADMIN; all apps
         next       nothing: the Account Holder is never touched",
    );
}

#[test]
fn nobody_gives_near_names() {
    check(
        "adda@example.com",
        "nobody answers to \"adda@example.com\", neither in the directory nor at App Store Connect; near: ada@example.com, d@example.com",
    );
    let explanation = World::read(WORLD).with_input(|input| explain(input, "zzz"));
    assert!(!explanation.found());
    assert!(explanation.near.is_empty());
}

#[test]
fn somebody_the_directory_forgot_is_known_by_their_link() {
    let world = World::read("member m1 a@example.com DEVELOPER\n link p1 m1 email=ada@example.com");
    for who in ["p1", "ada@example.com", "a@example.com"] {
        let explanation = world.with_input(|input| explain(input, who));
        assert_eq!(explanation.person.as_ref().map(|person| person.id.as_str()), Some("p1"), "{who}");
        assert_eq!(explanation.held.len(), 1, "{who}");
        assert!(serde_json::to_value(&explanation).is_ok());
    }
}

#[test]
fn a_seat_says_what_it_is_and_which_apps_it_sees() {
    const SEATS: &str = "app com.example.watch 7
        rule DEVELOPER group=iOS apps=com.example.watch
        invitation i1 a@example.com DEVELOPER
        invitation i2 b@example.com DEVELOPER expired
        member m3 c@example.com SALES apps=7,8
        member m4 d@example.com SALES apps=1,2,3,4,5,6,7,8,9,10,11,12";
    let seat = |who: &str| {
        let steps = World::read(SEATS).with_input(|input| explain(input, who)).steps;
        let says = steps.into_iter().filter(|step| step.about == "seat").map(|step| step.says);
        says.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(seat("i1"), "invitation a@example.com (i1): DEVELOPER; all apps");
    assert_eq!(seat("i2"), "expired invitation b@example.com (i2): DEVELOPER; all apps");
    assert_eq!(seat("m3"), "member c@example.com (m3): SALES; com.example.watch, app 8");
    assert_eq!(seat("m4"), "member d@example.com (m4): SALES; 12 apps");
}
