//! Joiners, and invitations that wait, change, move and lapse.

use super::check;
use super::properties::apply;
use super::world::{World, show};

#[test]
fn joiners_are_invited_or_reported() {
    check("person p1 a@example.com", "invite p1 at a@example.com: DEVELOPER; default");
    check(
        "set on_join report
         person p1 a@example.com",
        "held policy (lifecycle.on_join is \"report\"): invite p1 at a@example.com: DEVELOPER; default",
    );
}

#[test]
fn pending_and_unchanged_is_left() {
    check(
        "person p1 a@example.com
         person p2 b@example.com
         invitation i1 a@example.com DEVELOPER
         invitation i2 b@example.com SALES
         link p1 i1
         link p2 i2 by=address",
        "unchanged 2",
    );
}

#[test]
fn changed_access_cancels_and_invites_in_one_plan() {
    check(
        "person p1 a@example.com appStoreConnect_role=SALES
         invitation i1 a@example.com MARKETING
         link p1 i1",
        "cancel i1 of p1; attribute appStoreConnect_role
         invite p1 at a@example.com: SALES; attribute appStoreConnect_role",
    );
    // What we offered ourselves follows the defaults as well.
    check(
        "person p1 a@example.com
         invitation i1 a@example.com MARKETING
         link p1 i1",
        "cancel i1 of p1; default
         invite p1 at a@example.com: DEVELOPER; default",
    );
}

#[test]
fn what_others_offered_is_replaced_once_and_only_for_what_speaks_of_the_person() {
    check(
        "person p1 a@example.com\n invitation i1 a@example.com MARKETING prov",
        "linked p1 i1 Address\nunchanged 1",
    );
    // Defaults that no invitation could be sent with are no matter where none has to be sent.
    check(
        "set all_apps_visible no\n person p1 a@example.com\n invitation i1 a@example.com MARKETING",
        "linked p1 i1 Address\nunchanged 1",
    );
    // The new invitation is ours, so the defaults are in it from the start.
    check(
        "person p1 a@example.com appStoreConnect_role=SALES
         invitation i1 a@example.com MARKETING prov",
        "cancel i1 of p1; attribute appStoreConnect_role
         invite p1 at a@example.com: SALES; attribute appStoreConnect_role
         linked p1 i1 Address",
    );
}

#[test]
fn expired_invitations_are_sent_again_a_few_times() {
    let world = |sent: u32| {
        format!(
            "person p1 a@example.com
             invitation i1 a@example.com DEVELOPER expired
             link p1 i1 expired sent={sent}"
        )
    };
    let again = "cancel i1 of p1; the invitation expired; default
         invite p1 at a@example.com: DEVELOPER; the invitation expired; default";
    check(&world(1), again);
    check(&world(3), again);
    check(
        &world(4),
        "held reinvite_limit (invited again 3 times without an answer: needs a person): cancel i1 of p1; the invitation expired; default
         held reinvite_limit (invited again 3 times without an answer: needs a person): invite p1 at a@example.com: DEVELOPER; the invitation expired; default",
    );
    check(
        &format!("set reinvite_max 0\n{}", world(1)),
        "held reinvite_limit (invited again 0 times without an answer: needs a person): cancel i1 of p1; the invitation expired; default
         held reinvite_limit (invited again 0 times without an answer: needs a person): invite p1 at a@example.com: DEVELOPER; the invitation expired; default",
    );
}

#[test]
fn an_expired_invitation_that_is_gone_counts_like_any_other() {
    check(
        "person p1 a@example.com
         link p1 i1 expired sent=2",
        "invite p1 at a@example.com: DEVELOPER; the invitation expired and is gone; default",
    );
    check(
        "person p1 a@example.com
         link p1 i1 expired sent=4",
        "held reinvite_limit (invited again 3 times without an answer: needs a person): invite p1 at a@example.com: DEVELOPER; the invitation expired and is gone; default",
    );
}

#[test]
fn an_expired_invitation_that_somebody_else_sent_is_adopted_first() {
    check(
        "person p1 a@example.com
         invitation i1 a@example.com ADMIN expired",
        "cancel i1 of p1; the invitation expired; default
         invite p1 at a@example.com: DEVELOPER; the invitation expired; default
         linked p1 i1 Address",
    );
    check(
        "set on_join report
         person p1 a@example.com
         invitation i1 a@example.com SALES expired",
        "held policy (lifecycle.on_join is \"report\"): cancel i1 of p1; the invitation expired; default
         held policy (lifecycle.on_join is \"report\"): invite p1 at a@example.com: DEVELOPER; the invitation expired; default
         linked p1 i1 Address",
    );
}

#[test]
fn a_changed_address_offers_the_new_seat_before_the_old_one_goes() {
    check(
        "person p1 new@example.com
         invitation i1 old@example.com DEVELOPER
         link p1 i1",
        "invite p1 at new@example.com: DEVELOPER; old@example.com is no longer an address of theirs
         cancel i1 of p1; old@example.com is no longer an address of theirs",
    );
    // Still an address of theirs, or an Apple Account they name: left.
    check(
        "person p1 new@example.com old@example.com
         invitation i1 old@example.com DEVELOPER
         link p1 i1",
        "unchanged 1",
    );
    check(
        "person p1 new@example.com appStoreConnect_appleAccount=old@example.com
         invitation i1 old@example.com DEVELOPER
         link p1 i1",
        "unchanged 1",
    );
    // Somebody has invited the new address already.
    check(
        "person p1 new@example.com
         invitation i1 old@example.com DEVELOPER
         invitation i2 new@example.com DEVELOPER
         link p1 i1",
        "held unmanaged (its person has another seat): cancel i2 of p1; they have another seat
         held conflict (new@example.com has a seat already): invite p1 at new@example.com: DEVELOPER; old@example.com is no longer an address of theirs
         held conflict (new@example.com has a seat already): cancel i1 of p1; old@example.com is no longer an address of theirs",
    );
    // The new address is somebody else's as well.
    check(
        "scope iOS
         group iOS p1
         person p1 new@example.com
         person p2 new@example.com
         invitation i1 old@example.com DEVELOPER
         link p1 i1",
        "held conflict (new@example.com also belongs to p2): invite p1 at new@example.com: DEVELOPER; old@example.com is no longer an address of theirs
         held conflict (new@example.com also belongs to p2): cancel i1 of p1; old@example.com is no longer an address of theirs",
    );
}

#[test]
fn an_expired_invitation_to_an_old_address_goes_to_the_new_one() {
    check(
        "person p1 new@example.com
         invitation i1 old@example.com DEVELOPER expired
         link p1 i1 expired",
        "cancel i1 of p1; the invitation expired; default
         invite p1 at new@example.com: DEVELOPER; the invitation expired; default",
    );
}

#[test]
fn a_replacement_that_stopped_half_way_goes_on() {
    check(
        "set on_join report
         person p1 a@example.com
         link p1 - sent=2",
        "invite p1 at a@example.com: DEVELOPER; the earlier invitation was taken back; default",
    );
}

/// What a guard holds because of its number must not become fewer by waiting.
#[test]
fn an_invitation_that_a_member_left_behind_stays_theirs_while_a_guard_holds_it() {
    let mine = "set removals_max 1
         set removals_max_percent 0
         set leave_confirmations 1
         member m1 ada@example.com DEVELOPER
         member m2 gone@example.com DEVELOPER
         invitation i1 old@example.com DEVELOPER
         owned m2
         absent seat:m2 deleted 1
         link p1 i1 email=ada@example.com";
    let waits = "held guard (removals_max): cancel i1 of p1; they are a member already
         held guard (removals_max): remove m2 of nobody; nobody in the directory";
    let me = "person p1 ada@example.com";
    // Whose the address is now changes nothing about whom the invitation was sent to.
    let others = [
        ("nobody's", "scope iOS\ngroup iOS p1", waits.to_owned()),
        (
            "that of several",
            "scope iOS\ngroup iOS p1\nperson p2 old@example.com\nperson p3 old@example.com",
            waits.to_owned(),
        ),
        ("a leaver's", "scope iOS\ngroup iOS p1\nperson p2 old@example.com disabled", waits.to_owned()),
        (
            "that of another member",
            "scope iOS\ngroup iOS p1 p2\nperson p2 bo@example.com old@example.com
             member m3 bo@example.com DEVELOPER\nlink p2 m3",
            waits.to_owned(),
        ),
    ];
    for (whose, other, expected) in others {
        let mut world = World::read(&format!("{mine}\n{me}\n{other}"));
        for cycle in 1..=3 {
            let planned = world.plan();
            let shown = show(&planned);
            let held: Vec<&str> = shown.lines().filter(|line| line.starts_with("held")).collect();
            let expected: Vec<&str> = expected.lines().map(str::trim).collect();
            assert_eq!(held, expected, "{whose}, cycle {cycle}:\n{shown}");
            assert!(planned.plan.is_empty(), "{whose}, cycle {cycle}:\n{shown}");
            apply(&mut world, &planned);
        }
    }
}

#[test]
fn an_invitation_that_a_leaver_left_behind_stays_theirs_while_a_guard_holds_it() {
    let mut world = World::read(
        "set removals_max 1
         set removals_max_percent 0
         set leave_confirmations 1
         scope iOS
         group iOS
         person p2 old@example.com disabled
         person p3 old@example.com disabled
         member m1 ada@example.com DEVELOPER
         invitation i1 old@example.com DEVELOPER
         link p1 i1 email=ada@example.com",
    );
    for cycle in 1..=3 {
        let planned = world.plan();
        let shown = show(&planned);
        let held: Vec<&str> = shown.lines().filter(|line| line.starts_with("held")).collect();
        let expected = [
            "held guard (removals_max): cancel i1 of p1; deleted",
            "held guard (removals_max): remove m1 of p1; deleted",
        ];
        assert_eq!(held, expected, "cycle {cycle}:\n{shown}");
        apply(&mut world, &planned);
    }
}

#[test]
fn an_invitation_that_somebody_left_behind_is_not_taken_over_by_who_has_its_address_now() {
    let mut world = World::read(
        "set removals_max 0
         person p1 ada@example.com
         person p2 old@example.com
         member m1 ada@example.com DEVELOPER
         invitation i1 old@example.com DEVELOPER
         link p1 i1 email=ada@example.com",
    );
    for cycle in 1..=3 {
        let planned = world.plan();
        let shown = show(&planned);
        assert!(shown.contains("held guard (removals_max): cancel i1 of p1"), "cycle {cycle}:\n{shown}");
        assert!(!shown.contains("linked p2"), "cycle {cycle}:\n{shown}");
        apply(&mut world, &planned);
    }
    // Once it is gone the address is free for an invitation of their own.
    world.policy.guard.removals_max = 3;
    let planned = world.plan();
    apply(&mut world, &planned);
    assert!(world.invitations.is_empty(), "{}", show(&planned));
    world.ledger.reservations.clear();
    let planned = world.plan();
    assert!(show(&planned).starts_with("invite p2 at old@example.com"), "{}", show(&planned));
}

/// The new invitation went out, and taking back the old one failed.
#[test]
fn an_invitation_that_another_took_the_place_of_is_taken_back_later() {
    for other in ["", "person p2 old@example.com"] {
        let mut world = World::read(&format!(
            "set leave_confirmations 1
             person p1 new@example.com
             invitation i1 old@example.com DEVELOPER
             invitation i2 new@example.com DEVELOPER
             link p1 i2
             owned i1
             {other}"
        ));
        world.ledger.owned.get_mut("i1").expect("owned").person = Some("p1".into());
        let mut shown = String::new();
        for _ in 0..3 {
            let planned = world.plan();
            shown.push_str(&show(&planned));
            apply(&mut world, &planned);
        }
        assert!(!world.invitations.iter().any(|known| known.id == "i1".into()), "{other}: {shown}");
        assert!(world.invitations.iter().any(|known| known.id == "i2".into()), "{other}: {shown}");
        assert!(!shown.contains("unmanaged"), "{other}: {shown}");
    }
}
