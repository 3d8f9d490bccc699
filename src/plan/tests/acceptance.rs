//! Invitations that are gone: accepted, under whichever Apple Account, or not.

use super::check;

#[test]
fn a_member_with_the_invited_address_has_accepted() {
    check(
        "person p1 a@example.com
         member m1 A@example.com DEVELOPER
         link p1 i1 to=a@example.com",
        "linked p1 m1 Accepted
         unchanged 1",
    );
    check(
        "person p1 a@example.com appStoreConnect_appleAccount=ada@home.example
         member m1 ada@home.example DEVELOPER
         link p1 i1 to=a@example.com",
        "linked p1 m1 Accepted
         unchanged 1",
    );
}

#[test]
fn exactly_one_new_member_of_the_same_name_has_accepted() {
    check(
        "person p1 a@example.com
         member m1 ada@home.example DEVELOPER name='ADA King'
         member m2 other@home.example DEVELOPER name='Grace Hopper'
         link p1 i1 as='Ada King'
         waits remove_member:seat:m2:m2",
        "held unmanaged (unknown): remove m2 of nobody; nobody in the directory
         linked p1 m1 Accepted
         unchanged 1",
    );
}

/// A daemon that stood still for longer than an invitation lasts cannot tell when it went.
#[test]
fn an_invitation_that_has_lapsed_meanwhile_may_have_been_accepted_before() {
    check(
        "person p1 a@example.com
         member m1 ada@home.example DEVELOPER name='Ada King'
         link p1 i1 as='Ada King' expired",
        "linked p1 m1 Accepted
         unchanged 1",
    );
    check(
        "person p1 a@example.com
         member m1 ada@home.example DEVELOPER name='Grace Hopper'
         link p1 i1 as='Ada King' expired",
        "invite p1 at a@example.com: DEVELOPER; the invitation expired and is gone; default
         held unmanaged (unknown): remove m1 of nobody; nobody in the directory",
    );
}

#[test]
fn without_exactly_one_it_waits_for_a_person() {
    let held = "held awaiting_link (their invitation is gone before its time, and nobody can be told to have accepted it): invite p1 at a@example.com: DEVELOPER; default";
    // Nobody of that name.
    check(
        "person p1 a@example.com
         link p1 i1 as='Ada King'",
        &format!("{held}\nvanished p1"),
    );
    // Two of that name.
    check(
        "person p1 a@example.com
         member m1 ada@home.example DEVELOPER name='Ada King'
         member m2 ada@work.example DEVELOPER name='Ada King'
         link p1 i1 as='Ada King'",
        &format!(
            "held unmanaged (unknown): remove m1 of nobody; nobody in the directory
             held unmanaged (unknown): remove m2 of nobody; nobody in the directory
             {held}
             vanished p1"
        ),
    );
    // One of that name, for two who wait.
    check(
        "person p1 a@example.com
         person p2 b@example.com
         member m1 ada@home.example DEVELOPER name='Ada King'
         link p1 i1 as='Ada King'
         link p2 i2 as='Ada King' awaiting",
        &format!(
            "held unmanaged (unknown): remove m1 of nobody; nobody in the directory
             {held}
             {}
             vanished p1",
            held.replace("p1", "p2").replace("a@", "b@")
        ),
    );
    // One of that name, but they were there before.
    check(
        "person p1 a@example.com
         member m1 ada@home.example DEVELOPER name='Ada King'
         link p1 i1 as='Ada King'
         waits remove_member:seat:m1:m1",
        &format!(
            "held unmanaged (unknown): remove m1 of nobody; nobody in the directory
             {held}
             vanished p1"
        ),
    );
    // One of that name, but the Account Holder, or somebody the directory knows by that account.
    check(
        "scope iOS
         group iOS p1
         person p1 a@example.com
         person p3 c@example.com
         member m1 ada@home.example ACCOUNT_HOLDER,ADMIN name='Ada King'
         member m3 c@example.com DEVELOPER name='Ada King'
         link p1 i1 as='Ada King'",
        &format!(
            "held unmanaged (out of scope): remove m3 of p3; out of scope
             {held}
             vanished p1"
        ),
    );
}

#[test]
fn who_waits_is_neither_invited_again_nor_told_twice() {
    let world = "person p1 a@example.com
         link p1 - as='Ada King' awaiting expired";
    let held = "held awaiting_link (their invitation is gone before its time, and nobody can be told to have accepted it): invite p1 at a@example.com: DEVELOPER; default";
    check(world, held);
    // Until the acceptance shows after all.
    check(
        &format!("{world}\nmember m1 ada@home.example DEVELOPER name='Ada King'"),
        "linked p1 m1 Accepted\nunchanged 1",
    );
    check(&format!("{world}\nmember m1 a@example.com DEVELOPER"), "linked p1 m1 Accepted\nunchanged 1");
}

#[test]
fn nobody_is_removed_as_unknown_while_somebody_waits() {
    check(
        "set unmanaged.unknown remove
         set leave_confirmations 1
         person p1 a@example.com
         member m1 other@home.example DEVELOPER name='Somebody Else'
         invitation i2 other@work.example DEVELOPER
         link p1 - as='Ada King' awaiting",
        "cancel i2 of nobody; nobody in the directory
         held awaiting_link (may be the acceptance of an invitation that is gone before its time): remove m1 of nobody; nobody in the directory
         held awaiting_link (their invitation is gone before its time, and nobody can be told to have accepted it): invite p1 at a@example.com: DEVELOPER; default
         absent seat:i2 deleted",
    );
}

#[test]
fn an_invitation_that_vanished_is_forgotten_once_its_person_has_left() {
    check(
        "link p1 - awaiting
         absent p1 deleted 1",
        "absent p1 deleted
         unlinked p1",
    );
    check("link p1 - awaiting", "absent p1 deleted");
    check(
        "link p1 - awaiting
         directory partial",
        "",
    );
}

#[test]
fn a_leaver_who_accepted_meanwhile_is_removed_as_a_member() {
    check(
        "person p1 a@example.com disabled
         member m1 a@example.com DEVELOPER
         link p1 i1 to=a@example.com",
        "remove m1 of p1; deactivated
         linked p1 m1 Accepted
         absent p1 deactivated",
    );
    check(
        "link p1 i1 to=a@example.com
         member m1 a@example.com DEVELOPER
         absent p1 deleted 1",
        "remove m1 of p1; deleted
         linked p1 m1 Accepted
         absent p1 deleted",
    );
}
