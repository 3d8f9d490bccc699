//! Seats that rosterd neither invited nor adopted.

use super::check;

const WORLD: &str = "scope iOS
     group iOS p1
     person p1 a@example.com disabled
     person p2 b@example.com
     member m1 a@example.com DEVELOPER
     member m2 b@example.com DEVELOPER
     member m3 c@example.com DEVELOPER
     invitation i4 d@example.com DEVELOPER
     invitation i5 e@example.com DEVELOPER expired";

#[test]
fn they_are_reported_with_why() {
    check(
        WORLD,
        "held unmanaged (deactivated): remove m1 of p1; deactivated
         held unmanaged (out of scope): remove m2 of p2; out of scope
         held unmanaged (unknown): cancel i4 of nobody; nobody in the directory
         held unmanaged (unknown): cancel i5 of nobody; nobody in the directory
         held unmanaged (unknown): remove m3 of nobody; nobody in the directory",
    );
}

#[test]
fn each_kind_leaves_only_where_its_policy_says_so() {
    check(
        &format!("set unmanaged.deactivated remove\n{WORLD}"),
        "remove m1 of p1; deactivated
         held unmanaged (out of scope): remove m2 of p2; out of scope
         held unmanaged (unknown): cancel i4 of nobody; nobody in the directory
         held unmanaged (unknown): cancel i5 of nobody; nobody in the directory
         held unmanaged (unknown): remove m3 of nobody; nobody in the directory
         absent p1 deactivated",
    );
    check(
        &format!("set unmanaged.out_of_scope remove\nset leave_confirmations 1\n{WORLD}"),
        "remove m2 of p2; out of scope
         held unmanaged (deactivated): remove m1 of p1; deactivated
         held unmanaged (unknown): cancel i4 of nobody; nobody in the directory
         held unmanaged (unknown): cancel i5 of nobody; nobody in the directory
         held unmanaged (unknown): remove m3 of nobody; nobody in the directory
         absent p2 out of scope",
    );
    check(
        &format!("set unmanaged.unknown remove\n{WORLD}"),
        "held unmanaged (deactivated): remove m1 of p1; deactivated
         held unmanaged (out of scope): remove m2 of p2; out of scope
         held awaiting_confirmation (1 of 2): cancel i4 of nobody; nobody in the directory
         held awaiting_confirmation (1 of 2): cancel i5 of nobody; nobody in the directory
         held awaiting_confirmation (1 of 2): remove m3 of nobody; nobody in the directory
         absent seat:m3 deleted
         absent seat:i4 deleted
         absent seat:i5 deleted",
    );
}

#[test]
fn a_seat_that_may_be_two_peoples_is_a_conflict() {
    check(
        "scope iOS
         group iOS
         set unmanaged.out_of_scope remove
         person p1 a@example.com
         person p2 a@example.com disabled
         member m1 a@example.com DEVELOPER",
        "held conflict (answers to several people: p1, p2): remove m1 of nobody",
    );
}

#[test]
fn the_person_is_found_by_their_apple_account_too() {
    check(
        "person p1 a@example.com disabled appStoreConnect_appleAccount=ada@home.example
         member m1 ada@home.example DEVELOPER",
        "held unmanaged (deactivated): remove m1 of p1; deactivated",
    );
}

#[test]
fn the_account_holder_is_not_even_mentioned() {
    check("member m1 owner@example.com ACCOUNT_HOLDER,ADMIN", "");
    check(
        "set unmanaged.unknown remove
         member m1 owner@example.com ACCOUNT_HOLDER,ADMIN",
        "held protected (the Account Holder): remove m1 of nobody; nobody in the directory
         absent seat:m1 deleted",
    );
    check(
        "person p1 owner@example.com appStoreConnect_role=SALES
         member m1 owner@example.com ACCOUNT_HOLDER,ADMIN",
        "held protected (the Account Holder): update m1 of p1: ACCOUNT_HOLDER,ADMIN -> ACCOUNT_HOLDER,SALES; attribute appStoreConnect_role
         linked p1 m1 Address",
    );
    check(
        "person p1 owner@example.com
         member m1 owner@example.com ACCOUNT_HOLDER,ADMIN",
        "linked p1 m1 Address
         unchanged 1",
    );
}

#[test]
fn protected_people_are_linked_but_for_an_invitation_that_only_the_link_protects() {
    check(
        "set protected boss@*
         person p1 boss@example.com
         member m1 boss@example.com DEVELOPER",
        "linked p1 m1 Address
         unchanged 1",
    );
    check(
        "set protected boss@*
         person p1 boss@example.com
         member m1 boss@example.com DEVELOPER
         invitation i1 boss@example.com DEVELOPER
         link p1 i1",
        "held protected (guard.protected: boss@*): cancel i1 of p1; they are a member already
         unchanged 1",
    );
}

#[test]
fn nothing_is_done_to_protected_people() {
    check(
        "set protected boss@* *@vip.example
         set leave_confirmations 1
         set unmanaged.unknown remove
         person p1 a@example.com Boss@example.com
         person p2 b@vip.example disabled
         person p3 c@example.com appStoreConnect_role=SALES
         member m2 b2@home.example DEVELOPER
         member m3 c@vip.example DEVELOPER
         member m4 x@vip.example DEVELOPER
         link p2 m2
         link p3 m3",
        "held protected (guard.protected: *@vip.example): remove m2 of p2; deactivated
         held protected (guard.protected: *@vip.example): remove m4 of nobody; nobody in the directory
         held protected (guard.protected: *@vip.example): update m3 of p3: DEVELOPER -> SALES; attribute appStoreConnect_role
         held protected (guard.protected: boss@*): invite p1 at a@example.com: DEVELOPER; default
         absent p2 deactivated
         absent seat:m4 deleted",
    );
}

#[test]
fn a_protected_person_keeps_an_invitation_that_is_linked_to_a_former_owner_of_the_address() {
    check(
        "set protected boss@*
         set leave_confirmations 1
         person p1 new@example.com Boss@example.com disabled
         invitation i1 new@example.com DEVELOPER
         link p0 i1",
        "held protected (guard.protected: boss@*): cancel i1 of p0; deleted
         absent p0 deleted",
    );
}

#[test]
fn half_a_directory_is_not_said_to_have_nobody() {
    check(
        "directory partial
         member m1 a@example.com DEVELOPER",
        "held unmanaged (unknown): remove m1 of nobody; nobody in what was read of the directory, which is not all of it",
    );
}
