//! Guards: what needs a second look, and what an approval releases.

use jiff::SignedDuration;

use super::check;
use super::world::{World, now, show};
use crate::model::Held;
use crate::model::ledger::{Approval, entry_key};
use crate::plan::Planned;

/// A team of `members` of whom the first `leavers` are deactivated; none is an administrator.
fn team(members: usize, leavers: usize) -> String {
    (1..=members)
        .map(|n| {
            let disabled = if n <= leavers { "disabled" } else { "" };
            format!(
                "person p{n:03} u{n}@example.com {disabled}
                 member m{n:03} u{n}@example.com DEVELOPER
                 link p{n:03} m{n:03}\n"
            )
        })
        .collect()
}

/// How many are removed, how many a guard holds, and which guards say so.
#[track_caller]
fn counts(world: &str, removed: usize, held: usize, guards: &str) {
    let planned = World::read(world).plan();
    let shown = show(&planned);
    assert_eq!(planned.plan.summary.remove_member, removed, "{shown}");
    let by_guard = planned.plan.held.iter().filter(|held| held.hold.reason.as_str() == "guard").count();
    assert_eq!(by_guard, held, "{shown}");
    assert_eq!(planned.guards.join(" "), guards, "{shown}");
}

#[test]
fn a_cycle_may_revoke_a_few() {
    counts(&team(20, 3), 3, 0, "");
}

#[test]
fn one_too_many_holds_them_all() {
    counts(&team(20, 4), 0, 4, "removals_max");
}

#[test]
fn the_share_counts_where_it_is_larger_and_is_rounded_down() {
    counts(&team(50, 5), 5, 0, "");
    counts(&team(50, 6), 0, 6, "removals_max");
    counts(&team(59, 5), 5, 0, "");
    counts(&team(59, 6), 0, 6, "removals_max");
}

#[test]
fn zero_asks_before_any() {
    counts(&format!("set removals_max 0\n{}", team(50, 1)), 0, 1, "removals_max");
    counts(&format!("set removals_max_per_day 0\n{}", team(50, 1)), 0, 1, "removals_max_per_day");
    counts(&format!("set removals_max_percent 0\n{}", team(50, 3)), 3, 0, "");
    counts(&format!("set removals_max_percent 0\n{}", team(50, 4)), 0, 4, "removals_max");
    counts(&format!("set removals_max 0\n{}", team(50, 0)), 0, 0, "");
    counts(
        &format!("set source_shrink_percent 0\nbaseline 51\n{}", team(51, 1)),
        0,
        1,
        "source_shrink_percent",
    );
    counts(&format!("set source_shrink_percent 0\nbaseline 50\n{}", team(51, 1)), 1, 0, "");
}

#[test]
fn a_day_has_its_own_limit_and_rolls() {
    counts(&format!("revoked 17 hours=23\n{}", team(20, 3)), 3, 0, "");
    counts(&format!("revoked 18 hours=23\n{}", team(20, 3)), 0, 3, "removals_max_per_day");
    counts(&format!("revoked 18 hours=24\n{}", team(20, 3)), 3, 0, "");
    counts(&format!("revoked 99 hours=1\n{}", team(20, 0)), 0, 0, "");
}

#[test]
fn a_source_that_shrank_holds_removals() {
    counts(&format!("baseline 27\n{}", team(20, 1)), 1, 0, "");
    counts(&format!("baseline 28\n{}", team(20, 1)), 0, 1, "source_shrink_percent");
    counts(&format!("baseline 29\n{}", team(20, 0)), 0, 0, "source_shrink_percent");
    counts(&format!("baseline 28\ndirectory partial\n{}", team(20, 1)), 0, 0, "");
}

#[test]
fn several_guards_are_all_named() {
    let planned = World::read(&format!("baseline 99\n{}", team(20, 4))).plan();
    assert_eq!(planned.guards, ["removals_max", "source_shrink_percent"]);
    assert_eq!(planned.plan.held[0].hold.detail, "removals_max, source_shrink_percent");
}

#[test]
fn cancelled_invitations_and_narrowed_access_are_revocations_too() {
    check(
        "set removals_max 3
         app com.a 1
         rule DEVELOPER group=A apps=com.a
         group A p3
         person p1 a@example.com disabled
         person p2 b@example.com appStoreConnect_role=SALES
         person p3 c@example.com
         person p4 d@example.com appStoreConnect_provisioningAllowed=false
         person p5 e@example.com appStoreConnect_role=SALES,MARKETING
         person p6 f@example.com
         invitation i1 a@example.com DEVELOPER
         member m2 b@example.com DEVELOPER
         member m3 c@example.com DEVELOPER
         member m4 d@example.com DEVELOPER prov
         member m5 e@example.com SALES
         link p1 i1
         link p2 m2
         link p3 m3
         link p4 m4
         link p5 m5",
        "update m5 of p5: SALES -> MARKETING,SALES; attribute appStoreConnect_role
         invite p6 at f@example.com: DEVELOPER; default
         held guard (removals_max): cancel i1 of p1; deactivated
         held guard (removals_max): update m2 of p2: DEVELOPER -> SALES; attribute appStoreConnect_role
         held guard (removals_max): update m3 of p3: DEVELOPER -> DEVELOPER apps=1; rule 1: group \"A\"
         held guard (removals_max): update m4 of p4: DEVELOPER prov -> DEVELOPER; attribute appStoreConnect_provisioningAllowed
         absent p1 deactivated
         guards removals_max",
    );
}

#[test]
fn a_replaced_invitation_counts_only_when_it_offers_less() {
    let world = "set removals_max 0
         person p1 a@example.com appStoreConnect_role=SALES,DEVELOPER
         person p2 b@example.com appStoreConnect_role=SALES
         invitation i1 a@example.com DEVELOPER
         invitation i2 b@example.com DEVELOPER
         link p1 i1
         link p2 i2";
    check(
        world,
        "cancel i1 of p1; attribute appStoreConnect_role
         invite p1 at a@example.com: DEVELOPER,SALES; attribute appStoreConnect_role
         held guard (removals_max): cancel i2 of p2; attribute appStoreConnect_role
         held guard (removals_max): invite p2 at b@example.com: SALES; attribute appStoreConnect_role
         guards removals_max",
    );
}

#[test]
fn what_is_held_for_other_reasons_does_not_count() {
    let waiting: String =
        (1..=9).map(|n| format!("member m9{n} x{n}@example.com DEVELOPER\nlink x{n} m9{n}\n")).collect();
    counts(&format!("{waiting}{}", team(20, 3)), 3, 0, "");
}

#[test]
fn enough_administrators_stay() {
    let world = "set removals_max 9
         set leave_confirmations 1
         person p1 a@example.com disabled
         person p2 b@example.com appStoreConnect_role=SALES
         person p3 c@example.com disabled
         member m0 owner@example.com ACCOUNT_HOLDER,ADMIN
         member m1 a@example.com ADMIN
         member m2 b@example.com ADMIN
         member m3 c@example.com SALES
         link p1 m1
         link p2 m2
         link p3 m3";
    check(
        world,
        "remove m3 of p3; deactivated
         held guard (admins_min): remove m1 of p1; deactivated
         held guard (admins_min): update m2 of p2: ADMIN -> SALES; attribute appStoreConnect_role
         absent p1 deactivated
         absent p3 deactivated
         guards admins_min",
    );
    // The Account Holder is one of them.
    check(
        &format!("set admins_min 1\n{world}"),
        "remove m1 of p1; deactivated
         remove m3 of p3; deactivated
         update m2 of p2: ADMIN -> SALES; attribute appStoreConnect_role
         absent p1 deactivated
         absent p3 deactivated",
    );
}

#[test]
fn an_administrator_who_comes_makes_up_for_one_who_goes() {
    check(
        "set new_admins allow
         person p1 a@example.com disabled
         person p2 b@example.com appStoreConnect_role=ADMIN
         member m0 owner@example.com ACCOUNT_HOLDER,ADMIN
         member m1 a@example.com ADMIN
         member m2 b@example.com DEVELOPER,ADMIN
         member m3 c@example.com DEVELOPER
         person p3 c@example.com appStoreConnect_role=ADMIN,DEVELOPER
         link p1 m1
         link p2 m2
         link p3 m3",
        "remove m1 of p1; deactivated
         update m2 of p2: ADMIN,DEVELOPER -> ADMIN; attribute appStoreConnect_role
         update m3 of p3: DEVELOPER -> ADMIN,DEVELOPER; attribute appStoreConnect_role
         absent p1 deactivated",
    );
}

#[test]
fn new_administrators_wait() {
    let world = "person p1 a@example.com appStoreConnect_role=ADMIN
         person p2 b@example.com appStoreConnect_role=ADMIN,DEVELOPER
         person p3 c@example.com appStoreConnect_role=ADMIN,DEVELOPER
         person p4 d@example.com appStoreConnect_role=ADMIN
         person p5 e@example.com appStoreConnect_role=ADMIN,SALES
         member m2 b@example.com DEVELOPER
         invitation i3 c@example.com DEVELOPER
         invitation i4 d@example.com ADMIN expired
         member m5 e@example.com ADMIN
         link p2 m2
         link p3 i3
         link p4 i4 expired
         link p5 m5";
    check(
        world,
        "cancel i4 of p4; the invitation expired; attribute appStoreConnect_role
         invite p4 at d@example.com: ADMIN; the invitation expired; attribute appStoreConnect_role
         update m5 of p5: ADMIN -> ADMIN,SALES; attribute appStoreConnect_role
         held new_admin (they would become an administrator): cancel i3 of p3; attribute appStoreConnect_role
         held new_admin (they would become an administrator): invite p3 at c@example.com: ADMIN,DEVELOPER; attribute appStoreConnect_role
         held new_admin (they would become an administrator): update m2 of p2: DEVELOPER -> ADMIN,DEVELOPER; attribute appStoreConnect_role
         held new_admin (they would become an administrator): invite p1 at a@example.com: ADMIN; attribute appStoreConnect_role
         guards new_admins",
    );
    let allowed = World::read(&format!("set new_admins allow\n{world}")).plan();
    assert!(allowed.plan.held.is_empty(), "{}", show(&allowed));
}

/// Approves everything that guards hold in a plan.
fn approve(world: &mut World, planned: &Planned) {
    let entries = planned.plan.held.iter().filter(|held| held.hold.reason.is_approvable());
    let entries = entries.map(|Held { operation, .. }| entry_key(operation)).collect();
    let expires = now() + SignedDuration::from_hours(24);
    world.ledger.approvals.push(Approval { digest: planned.plan.digest.clone(), entries, expires });
}

#[test]
fn an_approval_releases_exactly_what_was_shown() {
    let mut world = World::read(&format!("baseline 99\n{}", team(20, 4)));
    world.people.push(World::read("person a1 new@example.com appStoreConnect_role=ADMIN").people.remove(0));
    let shown = world.plan();
    assert_eq!((shown.plan.summary.operations(), shown.plan.summary.held), (0, 5));
    approve(&mut world, &shown);

    let released = world.plan();
    assert_eq!(
        (released.plan.summary.operations(), released.plan.summary.held),
        (5, 0),
        "{}",
        show(&released)
    );
    assert!(released.guards.is_empty(), "{:?}", released.guards);

    // One more leaves meanwhile: they stay held, the approved ones go.
    world.people[4].activity = crate::model::Activity::Disabled;
    let joined = world.plan();
    assert_eq!((joined.plan.summary.operations(), joined.plan.summary.held), (5, 1), "{}", show(&joined));
    assert_eq!(joined.guards, ["removals_max", "source_shrink_percent"]);
}

#[test]
fn an_approval_ends_after_its_day() {
    let mut world = World::read(&team(20, 4));
    let shown = world.plan();
    approve(&mut world, &shown);
    world.ledger.approvals[0].expires = now();
    let later = world.plan();
    assert_eq!(later.plan.summary.held, 4);
}

#[test]
fn an_approval_of_other_access_releases_nothing() {
    let mut world = World::read("person p1 a@example.com appStoreConnect_role=ADMIN");
    let shown = world.plan();
    approve(&mut world, &shown);
    let more = World::read("person p1 a@example.com appStoreConnect_role=ADMIN,FINANCE");
    world.people = more.people;
    assert_eq!(world.plan().plan.summary.held, 1);
}

#[test]
fn an_approval_that_is_not_needed_changes_nothing() {
    let mut world = World::read(&team(20, 4));
    let shown = world.plan();
    approve(&mut world, &shown);
    world.policy.guard.removals_max = 9;
    let planned = world.plan();
    assert_eq!((planned.plan.summary.remove_member, planned.plan.summary.held), (4, 0));
}
