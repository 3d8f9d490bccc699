//! Joiners, and invitations that wait, change, move and lapse.

use super::check;

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
