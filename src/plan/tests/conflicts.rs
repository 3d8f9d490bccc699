//! Who is which seat, and what happens when two answers come.

use super::check;
use super::world::{World, show};

#[test]
fn the_link_answers_first() {
    check(
        "person p1 new@example.com
         member m1 old@example.com DEVELOPER
         link p1 m1",
        "unchanged 1",
    );
}

#[test]
fn renamed_people_keep_their_seat() {
    check(
        "person p1 ada.king@example.com name='Ada King'
         member m1 Ada.Byron@example.com DEVELOPER name='Ada Byron'
         link p1 m1 by=address email=ada.byron@example.com",
        "p1 is ada.king@example.com now
         unchanged 1",
    );
}

#[test]
fn the_apple_account_answers_before_an_address() {
    check(
        "person p1 a@example.com appStoreConnect_appleAccount=Ada@Home.example
         member m1 ada@home.example DEVELOPER",
        "linked p1 m1 AppleAccount
         unchanged 1",
    );
    check(
        "account a@example.com ada@home.example
         person p1 A@example.com
         member m1 ada@home.example DEVELOPER",
        "linked p1 m1 Manual
         unchanged 1",
    );
}

#[test]
fn any_address_adopts_whatever_its_case() {
    check(
        "person p1 first@example.com Second@Example.com
         person p2 third@example.com
         member m1 second@EXAMPLE.com DEVELOPER
         invitation i2 THIRD@example.com DEVELOPER",
        "linked p1 m1 Address
         linked p2 i2 Address
         unchanged 2",
    );
}

#[test]
fn an_owned_seat_is_adopted_like_any_other() {
    check(
        "person p1 a@example.com
         member m1 a@example.com DEVELOPER
         owned m1",
        "linked p1 m1 Address
         unchanged 1",
    );
}

#[test]
fn two_seats_for_one_person_are_a_conflict() {
    check(
        "person p1 a@example.com b@example.com
         member m1 a@example.com DEVELOPER
         member m2 b@example.com DEVELOPER",
        "held conflict (several seats answer to them: a@example.com, b@example.com): update m1 of p1: DEVELOPER -> ?
         held conflict (several seats answer to them: a@example.com, b@example.com): update m2 of p1: DEVELOPER -> ?",
    );
}

#[test]
fn two_people_for_one_seat_are_a_conflict() {
    check(
        "person p1 a@example.com team@example.com
         person p2 b@example.com team@example.com
         member m1 team@example.com DEVELOPER",
        "held conflict (seat team@example.com also answers to p2): update m1 of p1: DEVELOPER -> ?
         held conflict (seat team@example.com also answers to p1): update m1 of p2: DEVELOPER -> ?",
    );
}

#[test]
fn a_seat_that_is_linked_to_another_is_a_conflict_for_the_one_who_claims_it() {
    check(
        "person p1 a@example.com appStoreConnect_role=SALES
         person p2 b@example.com a2@example.com
         member m1 a2@example.com DEVELOPER
         link p1 m1",
        "update m1 of p1: DEVELOPER -> SALES; attribute appStoreConnect_role
         held conflict (seat a2@example.com also answers to p1): update m1 of p2: DEVELOPER -> ?",
    );
}

#[test]
fn the_removal_of_a_disabled_person_waits_for_no_claim() {
    for claim in ["~a@example.com", "a@example.com"] {
        let planned = World::read(&format!(
            "person p1 a@example.com disabled
             person p2 b@example.com {claim}
             member m1 a@example.com DEVELOPER
             link p1 m1"
        ))
        .plan();
        let shown = show(&planned);
        assert!(
            shown.contains("\nremove m1 of p1; deactivated")
                || shown.starts_with("remove m1 of p1; deactivated"),
            "{claim}: {shown}"
        );
    }
    // Gone under another name: only an address that is vouched for may mean that the directory was moved.
    check(
        "person p2 b@example.com ~a@example.com
         member m1 ada@home.example DEVELOPER
         member m2 b@example.com DEVELOPER
         link p1 m1 email=a@example.com
         link p2 m2
         absent p1 deleted 1",
        "remove m1 of p1; deleted
         absent p1 deleted
         unchanged 1",
    );
}

#[test]
fn two_links_to_one_seat_are_a_conflict_for_both() {
    check(
        "person p1 a@example.com disabled
         person p2 b@example.com disabled
         member m1 a@example.com DEVELOPER
         link p1 m1
         link p2 m1",
        "held conflict (seat a@example.com also answers to p2): remove m1 of p1; deactivated
         held conflict (seat a@example.com also answers to p1): remove m1 of p2; deactivated
         absent p1 deactivated
         absent p2 deactivated",
    );
}

#[test]
fn an_address_that_nobody_vouches_for_takes_no_seat_over() {
    let world = "person p1 a@example.com ~boss@example.com
         rule SALES
         member m1 boss@example.com ADMIN";
    let claim = "boss@example.com is only an address that the directory does not vouch for (access.match_addresses); if the seat is theirs: rosterd link a@example.com boss@example.com";
    check(world, &format!("held conflict ({claim}): update m1 of p1: ADMIN -> ?"));
    check(
        &format!("{world}\nset match_addresses any\nset admins_min 0"),
        "update m1 of p1: ADMIN -> SALES; rule 1: everybody
         linked p1 m1 Address",
    );
    // An invitation that another administrator sent is no less theirs.
    check(
        "person p1 a@example.com ~ada@home.example
         invitation i1 ada@home.example ADMIN",
        "held conflict (ada@home.example is only an address that the directory does not vouch for (access.match_addresses); if the seat is theirs: rosterd link a@example.com ada@home.example): invite p1 at nowhere: ?",
    );
}

#[test]
fn a_claim_stops_nobody_but_the_one_who_makes_it() {
    // Neither a newcomer's invitation, nor an adoption, nor a leaver's seat that nobody was linked to.
    check(
        "person p1 a@example.com ~b@example.com ~c@example.com ~d@example.com
         person p2 b@example.com
         person p3 c@example.com
         person p4 d@example.com disabled
         member m3 c@example.com DEVELOPER
         member m4 d@example.com DEVELOPER
         set unmanaged.deactivated remove",
        "remove m4 of p4; deactivated
         invite p1 at a@example.com: DEVELOPER; default
         invite p2 at b@example.com: DEVELOPER; default
         linked p3 m3 Address
         absent p4 deactivated
         unchanged 1",
    );
}

#[test]
fn a_seat_that_only_a_claim_fits_is_not_nobodys() {
    check(
        "person p1 a@example.com disabled ~ada@home.example
         member m1 ada@home.example DEVELOPER
         set unmanaged.unknown remove
         set leave_confirmations 1",
        "held conflict (ada@home.example is only an address of p1 that the directory does not vouch for (access.match_addresses); if the seat is theirs: rosterd link a@example.com ada@home.example): remove m1 of nobody",
    );
    // What rosterd manages leaves with whoever is left of those who name it.
    check(
        "person p1 a@example.com disabled ~ada@home.example
         invitation i1 ada@home.example DEVELOPER
         owned i1",
        "cancel i1 of p1; deactivated
         absent p1 deactivated",
    );
    // Whoever has a seat already waits for nothing.
    check(
        "person p1 a@example.com ~ada@home.example
         member m1 a@example.com DEVELOPER
         member m2 ada@home.example DEVELOPER
         link p1 m1
         set unmanaged.unknown remove
         set leave_confirmations 1",
        "held unmanaged (its person has another seat): remove m2 of p1; they have another seat
         unchanged 1",
    );
}

#[test]
fn a_protected_address_in_a_profile_protects_nobody() {
    let world = "set protected boss@*
         person p1 a@example.com disabled ~boss@example.com
         member m1 a@example.com DEVELOPER
         link p1 m1";
    check(
        world,
        "remove m1 of p1; deactivated
         absent p1 deactivated",
    );
    check(
        &format!("{world}\nset match_addresses any"),
        "held protected (guard.protected: boss@*): remove m1 of p1; deactivated
         absent p1 deactivated",
    );
}

#[test]
fn an_account_said_by_hand_is_not_taken_over_by_a_claim() {
    check(
        "account ada@example.com ada@home.example
         person p1 a@example.com ~ada@example.com
         member m1 ada@home.example ADMIN",
        "invite p1 at a@example.com: DEVELOPER; default
         held unmanaged (unknown): remove m1 of nobody; nobody in the directory",
    );
}

#[test]
fn an_expired_invitation_is_no_second_seat() {
    check(
        "person p1 a@example.com b@example.com
         invitation i1 a@example.com DEVELOPER expired
         invitation i2 b@example.com DEVELOPER",
        "held unmanaged (its person has another seat): cancel i1 of p1; they have another seat
         linked p1 i2 Address
         unchanged 1",
    );
    check(
        "person p1 a@example.com ~ada@home.example
         invitation i1 ada@home.example DEVELOPER expired",
        "invite p1 at a@example.com: DEVELOPER; default
         held unmanaged (its person has another seat): cancel i1 of p1; they have another seat",
    );
}

#[test]
fn an_invitation_beside_somebody_elses_membership_is_a_conflict() {
    check(
        "person p1 a@example.com
         person p2 b@example.com
         invitation i1 a@example.com DEVELOPER
         member m2 a@example.com DEVELOPER
         link p1 i1
         link p2 m2",
        "held conflict (seat a@example.com also answers to p2): cancel i1 of p1; they are a member already
         held conflict (seat a@example.com also answers to p2): update m2 of p1: DEVELOPER -> ?
         unchanged 1",
    );
}

#[test]
fn people_out_of_scope_make_an_address_doubtful_too() {
    check(
        "scope iOS
         group iOS p1
         person p1 a@example.com
         person p2 a@example.com
         member m1 a@example.com DEVELOPER",
        "held conflict (a@example.com also belongs to p2): update m1 of p1: DEVELOPER -> ?",
    );
    check(
        "person p1 a@example.com
         person p2 a@example.com",
        "held conflict (a@example.com also belongs to p2): invite p1 at a@example.com: DEVELOPER; default
         held conflict (a@example.com also belongs to p1): invite p2 at a@example.com: DEVELOPER; default",
    );
}

#[test]
fn an_address_that_comes_back_under_another_id_is_a_conflict_for_a_while() {
    check(
        "person p2 a@example.com
         reserved a@example.com p1 days=119",
        "held conflict (a@example.com belonged to p1 until lately (lifecycle.reuse_window)): invite p2 at a@example.com: DEVELOPER; default",
    );
    check(
        "person p2 a@example.com
         reserved a@example.com p1 days=120",
        "invite p2 at a@example.com: DEVELOPER; default",
    );
    check(
        "person p1 a@example.com
         reserved a@example.com p1 days=1",
        "invite p1 at a@example.com: DEVELOPER; default",
    );
    // Also for a seat that somebody made by hand meanwhile.
    check(
        "person p2 a@example.com
         member m1 a@example.com DEVELOPER
         reserved a@example.com p1 days=119",
        "held conflict (a@example.com belonged to p1 until lately (lifecycle.reuse_window)): update m1 of p2: DEVELOPER -> ?",
    );
}

#[test]
fn a_new_id_with_the_address_of_a_leaver_is_a_conflict_for_both() {
    check(
        "person p2 a@example.com
         member m1 a@example.com DEVELOPER
         link p1 m1 email=a@example.com
         absent p1 deleted 9",
        "held conflict (seat a@example.com also answers to p2): remove m1 of p1; deleted
         held conflict (seat a@example.com also answers to p1): update m1 of p2: DEVELOPER -> ?",
    );
    // The seat goes by another name. A directory that was moved or restored numbers everybody anew, so that whoever
    // seems to have left may be here.
    check(
        "person p2 a@example.com
         member m1 ada@home.example DEVELOPER
         link p1 m1 email=a@example.com
         absent p1 deleted 1",
        "held conflict (a@example.com belongs to p2 now): remove m1 of p1; deleted
         held conflict (a@example.com belongs to the seat of p1): invite p2 at a@example.com: DEVELOPER; default
         absent p1 deleted",
    );
}

#[test]
fn a_member_is_the_seat_and_an_invitation_beside_it_is_left_over() {
    check(
        "person p1 a@example.com
         member m1 a@example.com DEVELOPER
         invitation i1 a@example.com DEVELOPER
         link p1 m1",
        "held unmanaged (its person has another seat): cancel i1 of p1; they have another seat
         unchanged 1",
    );
    check(
        "person p1 a@example.com
         member m1 a@example.com DEVELOPER
         invitation i1 a@example.com DEVELOPER
         link p1 i1",
        "cancel i1 of p1; they are a member already
         linked p1 m1 Accepted
         adopted i1
         unchanged 1",
    );
    check(
        "person p1 a@example.com
         member m1 a@example.com DEVELOPER
         invitation i1 a@example.com DEVELOPER expired
         owned i1",
        "cancel i1 of p1; they are a member already
         linked p1 m1 Address
         unchanged 1",
    );
}

#[test]
fn a_second_membership_of_a_linked_person_is_reported_and_left() {
    check(
        "person p1 a@example.com
         member m1 ada@home.example DEVELOPER
         member m2 a@example.com DEVELOPER
         link p1 m1 by=manual
         set unmanaged.unknown remove",
        "held unmanaged (its person has another seat): remove m2 of p1; they have another seat
         unchanged 1",
    );
}

#[test]
fn a_seat_removed_by_hand_is_offered_again() {
    check(
        "person p1 a@example.com
         link p1 m1",
        "invite p1 at a@example.com: DEVELOPER; the seat was removed at App Store Connect; default",
    );
    // Back under another id: found by address.
    check(
        "person p1 a@example.com
         member m2 a@example.com DEVELOPER
         link p1 m1",
        "linked p1 m2 Address
         unchanged 1",
    );
}
