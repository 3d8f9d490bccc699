//! Absence of evidence is not evidence of absence.

use super::check;

const WORLD: &str = "rule SALES group=S
     rule DEVELOPER,SALES group=D
     group S p4
     group D p5
     person p1 a@example.com
     person p2 b@example.com disabled
     person p4 d@example.com
     person p5 e@example.com
     person p6 f@example.com appStoreConnect_role=SALES
     person p7 g@example.com appStoreConnect_role=SALES
     member m2 b@example.com DEVELOPER
     member m3 c@example.com DEVELOPER
     member m4 d@example.com DEVELOPER
     member m5 e@example.com DEVELOPER
     invitation i6 f@example.com DEVELOPER
     invitation i7 g@example.com SALES expired
     link p2 m2
     link p3 m3
     link p4 m4
     link p5 m5
     link p6 i6
     link p7 i7 expired
     absent p3 deleted 9";

#[test]
fn a_partial_directory_takes_nothing_away_and_goes_on_giving() {
    check(
        &format!("directory partial\n{WORLD}"),
        "cancel i7 of p7; the invitation expired; attribute appStoreConnect_role
         invite p7 at g@example.com: SALES; the invitation expired; attribute appStoreConnect_role
         update m5 of p5: DEVELOPER -> DEVELOPER,SALES; rule 2: group \"D\"
         invite p1 at a@example.com: DEVELOPER; default
         held incomplete_read (the directory was not read completely): remove m2 of p2; deactivated
         held incomplete_read (the directory was not read completely): remove m3 of p3; deleted
         held incomplete_read (the directory was not read completely): cancel i6 of p6; attribute appStoreConnect_role
         held incomplete_read (the directory was not read completely): invite p6 at f@example.com: SALES; attribute appStoreConnect_role
         held incomplete_read (the directory was not read completely): update m4 of p4: DEVELOPER -> SALES; rule 1: group \"S\"",
    );
}

#[test]
fn a_partial_team_takes_nothing_away_and_goes_on_giving() {
    check(
        &format!("team partial\n{WORLD}"),
        "cancel i7 of p7; the invitation expired; attribute appStoreConnect_role
         invite p7 at g@example.com: SALES; the invitation expired; attribute appStoreConnect_role
         update m5 of p5: DEVELOPER -> DEVELOPER,SALES; rule 2: group \"D\"
         invite p1 at a@example.com: DEVELOPER; default
         held incomplete_read (the team was not read completely): remove m2 of p2; deactivated
         held incomplete_read (the team was not read completely): remove m3 of p3; deleted
         held incomplete_read (the team was not read completely): cancel i6 of p6; attribute appStoreConnect_role
         held incomplete_read (the team was not read completely): invite p6 at f@example.com: SALES; attribute appStoreConnect_role
         held incomplete_read (the team was not read completely): update m4 of p4: DEVELOPER -> SALES; rule 1: group \"S\"
         absent p2 deactivated",
    );
}

/// The rule that limits somebody may be what was not read: their invitation would be replaced by a wider one.
#[test]
fn a_good_invitation_is_not_replaced_on_the_strength_of_half_a_directory() {
    check(
        "directory partial
         person p1 a@example.com appStoreConnect_role=SALES,DEVELOPER
         invitation i1 a@example.com SALES
         link p1 i1",
        "held incomplete_read (the directory was not read completely): cancel i1 of p1; attribute appStoreConnect_role
         held incomplete_read (the directory was not read completely): invite p1 at a@example.com: DEVELOPER,SALES; attribute appStoreConnect_role",
    );
}

#[test]
fn a_linked_seat_that_a_partial_read_does_not_show_is_neither_gone_nor_offered_again() {
    check(
        "team partial
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         link p1 m1
         link p2 i2
         link p3 - awaiting
         link p4 m4 to=d@example.com
         absent p4 deleted 9",
        "held incomplete_read (their seat was not read): remove m4 of p4
         held incomplete_read (their seat was not read): invite p1 at a@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): invite p2 at b@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): invite p3 at c@example.com: DEVELOPER; default",
    );
}

/// Apple refuses to invite an address that is on the team, and cannot know that somebody has a seat under another one.
#[test]
fn who_may_have_a_seat_under_another_name_is_not_invited_on_the_strength_of_half_a_team() {
    let world = "person p1 a@example.com
         person p2 b@example.com b2@example.com
         person p3 c@example.com appStoreConnect_appleAccount=home@example.net
         person p4 d@example.com badge@";
    check(
        &format!("team partial\n{world}"),
        "invite p1 at a@example.com: DEVELOPER; default
         invite p4 at d@example.com: DEVELOPER; default
         held incomplete_read (the team was not read completely, and they may have a seat under another name): invite p2 at b@example.com: DEVELOPER; default
         held incomplete_read (the team was not read completely, and they may have a seat under another name): invite p3 at c@example.com: DEVELOPER; default",
    );
    check(
        world,
        "invite p1 at a@example.com: DEVELOPER; default
         invite p2 at b@example.com: DEVELOPER; default
         invite p3 at c@example.com: DEVELOPER; default
         invite p4 at d@example.com: DEVELOPER; default",
    );
}

#[test]
fn nobody_is_invited_when_nothing_of_the_team_was_read() {
    check(
        "team failed
         person p1 a@example.com",
        "held incomplete_read (the team was not read): invite p1 at a@example.com: DEVELOPER; default",
    );
}

#[test]
fn an_app_that_a_partial_read_does_not_show_is_no_mistake_of_the_policy() {
    check(
        "team partial
         rule DEVELOPER group=A apps=com.a
         group A p1
         person p1 a@example.com",
        "held incomplete_read (rule 1: app com.a was not read): invite p1 at a@example.com: ?",
    );
}

#[test]
fn incomplete_reads_count_no_absence() {
    check(
        "directory partial
         member m1 a@example.com DEVELOPER
         link p1 m1
         absent p1 deleted 1",
        "held incomplete_read (the directory was not read completely): remove m1 of p1; deleted",
    );
    check(
        "directory failed
         member m1 a@example.com DEVELOPER
         link p1 m1",
        "held incomplete_read (the directory was not read completely): remove m1 of p1; deleted",
    );
}

/// A list may leave somebody out while its count agrees: only Apple's own word tells that a linked seat is gone.
#[test]
fn a_linked_seat_that_is_not_proved_gone_is_neither_gone_nor_offered_again() {
    let world = "person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         person p4 d@example.com disabled
         invitation i9 c@example.com DEVELOPER
         link p1 m1 to=home@example.net
         link p2 i2
         link p3 m3 to=c3@example.com
         link p4 m4 to=d@example.com
         absent p4 deactivated 9";
    check(
        &format!("{world}\n unasked m1\n unasked i2\n unasked m3\n unasked m4"),
        "held unmanaged (its person has another seat): cancel i9 of p3; they have another seat
         held incomplete_read (their seat was not read): remove m4 of p4
         held incomplete_read (their seat was not read): invite p1 at a@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): invite p2 at b@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): invite p3 at c@example.com: DEVELOPER; default",
    );
}

/// Whoever joined under another account is recognized by name only once the invitation is known to be gone.
#[test]
fn an_acceptance_is_told_by_name_only_when_the_invitation_is_proved_gone() {
    let world = "person p1 a@example.com
         member m9 home@example.net DEVELOPER name=\"Ada King\"
         link p1 i1 as=\"Ada King\"";
    check(world, "linked p1 m9 Accepted\n unchanged 1");
    check(
        &format!("{world}\n unasked i1"),
        "held unmanaged (unknown): remove m9 of nobody; nobody in the directory
         held incomplete_read (their seat was not read): invite p1 at a@example.com: DEVELOPER; default",
    );
}

/// What cannot be read of one seat concerns that seat and its person.
#[test]
fn a_seat_that_cannot_be_read_holds_what_concerns_it_and_nothing_else() {
    check(
        "person p1 a@example.com disabled
         person p2 b@example.com disabled
         person p3 c@example.com
         person p4 d@example.com
         person p5 e@example.com disabled
         person p6 f@example.com f2@example.com
         member m1 a@example.com DEVELOPER
         member m5 e@example.com DEVELOPER
         unread m2 b@example.com
         unread m3 c@example.com
         unread m5 e@example.com apps
         link p1 m1
         link p2 m2
         link p5 m5",
        "remove m1 of p1; deactivated
         invite p4 at d@example.com: DEVELOPER; default
         invite p6 at f@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): remove m2 of p2
         held incomplete_read (the apps of their seat could not be read): remove m5 of p5; deactivated
         held incomplete_read (their seat was not read): invite p3 at c@example.com: DEVELOPER; default
         absent p1 deactivated
         absent p2 deactivated
         absent p5 deactivated",
    );
}

/// A record without a name may be anybody's, so whoever may be on the team under another name waits.
#[test]
fn a_seat_without_a_name_holds_those_who_may_have_it() {
    check(
        "person p1 a@example.com disabled
         person p2 b@example.com
         person p3 c@example.com c2@example.com
         person p4 d@example.com
         person p5 e@example.com
         member m1 a@example.com DEVELOPER
         unread ? -
         unread ? e@example.com
         link p1 m1
         link p4 i4 as=\"Dora Lee\"",
        "remove m1 of p1; deactivated
         invite p2 at b@example.com: DEVELOPER; default
         held incomplete_read (the team was not read completely, and they may have a seat under another name): invite p3 at c@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): invite p4 at d@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): invite p5 at e@example.com: DEVELOPER; default
         absent p1 deactivated",
    );
}

#[test]
fn a_linked_seat_without_a_name_is_its_persons_alone() {
    check(
        "person p1 a@example.com a2@example.com
         person p2 b@example.com b2@example.com
         unread m1 -
         link p1 m1",
        "invite p2 at b@example.com: DEVELOPER; default
         held incomplete_read (their seat was not read): invite p1 at a@example.com: DEVELOPER; default",
    );
}

/// They may have accepted: the record that could not be read may be their membership.
#[test]
fn an_invitation_is_left_alone_while_a_member_of_its_name_could_not_be_read() {
    check(
        "person p1 a@example.com disabled
         person p2 b@example.com
         invitation i1 a@example.com DEVELOPER
         invitation i2 b@example.com DEVELOPER expired
         unread m1 a@example.com
         unread m2 b@example.com
         link p1 i1
         link p2 i2",
        "held incomplete_read (their seat was not read): cancel i1 of p1
         held incomplete_read (their seat was not read): invite p2 at b@example.com: DEVELOPER; default
         absent p1 deactivated",
    );
}
