//! Leavers.

use super::check;
use super::properties::apply;
use super::world::{World, show};

fn told(planned: &crate::plan::Planned) -> String {
    show(planned).trim_end().to_owned()
}

/// An id is new when somebody comes back after their account was deleted; what the directory called them last is kept for that.
#[test]
fn what_the_directory_calls_a_linked_person_is_kept_up_to_date() {
    let moved =
        "person p1 moved@example.com\n member m1 home@example.net DEVELOPER\n link p1 m1 email=a@example.com";
    check(moved, "p1 is moved@example.com now\nunchanged 1");
    let mut world = World::read(moved);
    let planned = world.plan();
    apply(&mut world, &planned);
    assert!(world.plan().findings.is_empty());
    world.people.clear();
    world.people.extend(World::read("person p9 moved@example.com").people);
    let after = show(&world.plan());
    assert!(!after.contains("\nremove m1") && !after.starts_with("remove m1"), "{after}");
    assert!(after.contains("held conflict"), "{after}");
}

#[test]
fn a_seat_that_is_listed_after_an_answer_called_it_gone_is_still_theirs() {
    let left = "person p1 a@example.com disabled\n member m1 a@example.com DEVELOPER\n link p1 m1";
    let mut world = World::read(left);
    let ours = world.ledger.links.clone();
    let planned = world.plan();
    apply(&mut world, &planned);
    assert!(world.ledger.links.is_empty() && world.ledger.revocations.len() == 1);
    // Whatever the answer was, the list shows it again: the plan is as before, and nothing counts as taken.
    world.members.clone_from(&World::read(left).members);
    let again = world.plan();
    assert_eq!(told(&again), "remove m1 of p1; deactivated\nreturned m1");
    for event in &again.findings {
        crate::state::fold(&mut world.ledger, world.now, event);
    }
    assert_eq!(world.ledger.links, ours);
    assert!(world.ledger.revocations.is_empty() && world.ledger.reservations.is_empty());
    // Half a list without it proves nothing, a whole one does, and then the id is nobody's.
    let planned = world.plan();
    apply(&mut world, &planned);
    world.members.clear();
    world.team = crate::model::Coverage::Partial(vec![crate::model::Problem("page 2".to_owned())]);
    assert_eq!(told(&world.plan()), "");
    world.team = crate::model::Coverage::Complete;
    let planned = world.plan();
    assert_eq!(told(&planned), "gone m1");
    apply(&mut world, &planned);
    assert_eq!(told(&world.plan()), "");
    world.members.clone_from(&World::read(left).members);
    assert_eq!(told(&world.plan()), "held unmanaged (deactivated): remove m1 of p1; deactivated");
}

#[test]
fn a_leaver_whom_one_list_missed_is_not_forgotten() {
    let left = "person p1 a@example.com disabled\n link p1 m1";
    let mut world = World::read(left);
    let planned = world.plan();
    assert_eq!(told(&planned), "absent p1 deactivated\nlost p1");
    apply(&mut world, &planned);
    assert!(world.ledger.links.is_empty());
    world.members.extend(World::read("member m1 a@example.com DEVELOPER").members);
    let planned = world.plan();
    assert_eq!(told(&planned), "remove m1 of p1; deactivated\nreturned m1");
}

#[test]
fn a_seat_that_comes_back_beside_a_new_one_is_ours_and_its_person_keeps_the_new_one() {
    let mut world =
        World::read("person p1 a@example.com disabled\n member m1 a@example.com DEVELOPER\n link p1 m1");
    let planned = world.plan();
    apply(&mut world, &planned);
    let later = "person p1 a@example.com\n member m1 a@example.com DEVELOPER\n member m2 home@example.net DEVELOPER\n link p1 m2";
    let later = World::read(later);
    world.people.clone_from(&later.people);
    world.members.clone_from(&later.members);
    world.ledger.links = later.ledger.links;
    let planned = world.plan();
    apply(&mut world, &planned);
    let owned: Vec<&String> = world.ledger.owned.keys().collect();
    assert_eq!(owned, ["m1"]);
    assert_eq!(
        world
            .ledger
            .links
            .of_seat(&crate::model::SeatId::Member("m2".into()))
            .map(|link| link.person.id.as_str()),
        Some("p1")
    );
}

#[test]
fn deactivated_people_lose_their_seat_at_once() {
    check(
        "person p1 a@example.com disabled
         person p2 b@example.com disabled
         member m1 a@example.com DEVELOPER
         invitation i2 b@example.com DEVELOPER
         link p1 m1
         link p2 i2",
        "remove m1 of p1; deactivated
         cancel i2 of p2; deactivated
         absent p1 deactivated
         absent p2 deactivated",
    );
}

#[test]
fn of_whom_the_directory_says_neither_yes_nor_no_is_neither_invited_nor_removed() {
    let said = "the directory says neither yes nor no to whether they may sign in: correct \"active\" there";
    let held = |what: &str| format!("held invalid_attribute ({said}): {what}");
    check("person p1 a@example.com unclear", &held("invite p1 at a@example.com: ?"));
    let seat = "person p1 a@example.com unclear\n member m1 a@example.com DEVELOPER\n link p1 m1";
    check(seat, &held("update m1 of p1: DEVELOPER -> ?"));
    let out = "scope iOS\n group iOS\n set leave_confirmations 1\n set unmanaged.out_of_scope remove";
    let why = "in none of the groups of scope.groups\nabsent p1 out of scope";
    check(&format!("{seat}\n{out}"), &held(&format!("remove m1 of p1; out of scope; {why}")));
    // Nor is a seat adopted on such a word.
    let foreign = "person p1 a@example.com unclear\n member m1 a@example.com DEVELOPER";
    check(foreign, &held("update m1 of p1: DEVELOPER -> ?"));
    check(&format!("{foreign}\n{out}"), &held("remove m1 of p1; out of scope\nabsent p1 out of scope"));
}

#[test]
fn deleted_people_lose_it_when_enough_complete_reads_agree() {
    let world = "member m1 a@example.com DEVELOPER\n link p1 m1";
    check(world, "held awaiting_confirmation (1 of 2): remove m1 of p1; deleted\nabsent p1 deleted");
    check(
        &format!("{world}\nabsent p1 deleted 1"),
        "remove m1 of p1; deleted
         absent p1 deleted",
    );
    check(&format!("{world}\nabsent p1 deleted 2"), "remove m1 of p1; deleted");
    check(
        &format!("{world}\nset leave_confirmations 1"),
        "remove m1 of p1; deleted
         absent p1 deleted",
    );
}

#[test]
fn people_out_of_scope_lose_it_likewise() {
    let world = "scope iOS
         group iOS
         person p1 a@example.com
         member m1 a@example.com DEVELOPER
         link p1 m1";
    check(
        world,
        "held awaiting_confirmation (1 of 2): remove m1 of p1; out of scope; in none of the groups of scope.groups
         absent p1 out of scope",
    );
    check(
        &format!("{world}\nabsent p1 out 1"),
        "remove m1 of p1; out of scope; in none of the groups of scope.groups
         absent p1 out of scope",
    );
}

#[test]
fn somebody_out_of_scope_takes_no_other_seat_over() {
    check(
        "scope iOS
         group iOS
         person p1 a@example.com
         member m9 a@example.com DEVELOPER
         link p1 m1
         absent p1 out 9",
        "held unmanaged (out of scope): remove m9 of p1; out of scope
         lost p1",
    );
}

#[test]
fn another_way_of_leaving_starts_counting_again() {
    check(
        "member m1 a@example.com DEVELOPER
         link p1 m1
         absent p1 out 7",
        "held awaiting_confirmation (1 of 2): remove m1 of p1; deleted
         absent p1 deleted",
    );
}

#[test]
fn whoever_is_back_is_no_longer_absent() {
    check(
        "person p1 a@example.com
         member m1 a@example.com DEVELOPER
         link p1 m1
         absent p1 deleted 1",
        "back p1
         unchanged 1",
    );
    // Being there is evidence, even when not everybody was read.
    check(
        "directory partial
         person p1 a@example.com
         member m1 a@example.com DEVELOPER
         link p1 m1
         absent p1 deleted 1
         absent p9 deleted 1",
        "back p1
         unchanged 1",
    );
}

#[test]
fn absences_without_a_seat_are_forgotten() {
    check("absent p9 deleted 1", "back p9");
    check("team partial\n absent p9 deleted 1", "");
}

#[test]
fn the_grace_runs_from_the_first_sighting() {
    let world = "set leave_grace 24h
         set leave_confirmations 1
         person p1 a@example.com disabled
         member m1 a@example.com DEVELOPER
         member m2 b@example.com DEVELOPER
         link p1 m1
         link p2 m2";
    check(
        world,
        "held grace (24h from now on): remove m1 of p1; deactivated
         held grace (24h from now on): remove m2 of p2; deleted
         absent p1 deactivated
         absent p2 deleted",
    );
    check(
        &format!("{world}\nabsent p1 deactivated 1 hours=23\nabsent p2 deleted 9 hours=24"),
        "remove m2 of p2; deleted
         held grace (until 2026-11-22T11:00:00Z): remove m1 of p1; deactivated",
    );
    // A sighting in the future was noted by a clock that was ahead: it is noted anew, and the grace runs from then.
    check(
        &format!("{world}\nabsent p1 deactivated 1 hours=-240\nabsent p2 deleted 9 hours=24"),
        "remove m2 of p2; deleted
         held grace (until 2026-12-03T10:00:00Z): remove m1 of p1; deactivated
         absent p1 deactivated",
    );
}

#[test]
fn report_only_says_so() {
    let world = "scope iOS
         group iOS
         person p1 a@example.com disabled
         person p3 c@example.com
         member m1 a@example.com DEVELOPER
         member m2 b@example.com DEVELOPER
         member m3 c@example.com DEVELOPER
         link p1 m1
         link p2 m2
         link p3 m3
         absent p1 deactivated 9
         absent p2 deleted 9
         absent p3 out 9";
    check(
        &format!("set on_deactivated report\n set on_deleted report\n set on_out_of_scope report\n {world}"),
        "held policy (lifecycle.on_deactivated is \"report\"): remove m1 of p1; deactivated
         held policy (lifecycle.on_deleted is \"report\"): remove m2 of p2; deleted
         held policy (lifecycle.on_out_of_scope is \"report\"): remove m3 of p3; out of scope; in none of the groups of scope.groups",
    );
}

#[test]
fn an_owned_seat_without_a_person_leaves_as_if_deleted() {
    check(
        "member m1 a@example.com DEVELOPER
         owned m1",
        "held awaiting_confirmation (1 of 2): remove m1 of nobody; nobody in the directory
         absent seat:m1 deleted",
    );
    check(
        "member m1 a@example.com DEVELOPER
         owned m1
         absent seat:m1 deleted 1",
        "remove m1 of nobody; nobody in the directory
         absent seat:m1 deleted",
    );
    check(
        "set on_deleted report
         member m1 a@example.com DEVELOPER
         owned m1
         absent seat:m1 deleted 9",
        "held policy (lifecycle.on_deleted is \"report\"): remove m1 of nobody; nobody in the directory",
    );
    check(
        "person p1 a@example.com disabled
         member m1 a@example.com DEVELOPER
         owned m1",
        "remove m1 of p1; deactivated
         absent p1 deactivated",
    );
}

#[test]
fn a_leaver_whose_seat_is_gone_already_is_forgotten() {
    check(
        "link p1 m1
         absent p1 deleted 1",
        "absent p1 deleted
         lost p1",
    );
}

#[test]
fn back_off_is_one_persons_and_ends() {
    let world = "person p1 a@example.com\n person p2 b@example.com";
    check(
        &format!("{world}\nfailed person:p1 1 minutes=4"),
        "invite p2 at b@example.com: DEVELOPER; default
         held backoff (failed once: refused; next try 2026-11-22T10:01:00Z): invite p1 at a@example.com: DEVELOPER; default",
    );
    check(
        &format!("{world}\nfailed person:p1 1 minutes=5"),
        "invite p1 at a@example.com: DEVELOPER; default
         invite p2 at b@example.com: DEVELOPER; default",
    );
    check(
        &format!("{world}\nfailed person:p1 6 minutes=-100000"),
        "invite p1 at a@example.com: DEVELOPER; default
         invite p2 at b@example.com: DEVELOPER; default",
    );
}

#[test]
fn back_off_climbs_to_a_day_and_no_further() {
    use crate::model::ledger::Backoff;
    use crate::plan::backoff::retry_at;
    let waits = [5, 15, 60, 240, 720, 1440, 1440];
    for (failures, minutes) in (1..).zip(waits) {
        let backoff = Backoff { failures, last: super::world::now(), error: String::new() };
        assert_eq!(retry_at(&backoff).duration_since(backoff.last).as_mins(), minutes, "after {failures}");
    }
    let forever = Backoff { failures: u32::MAX, last: jiff::Timestamp::MAX, error: String::new() };
    assert_eq!(retry_at(&forever), jiff::Timestamp::MAX);
}

#[test]
fn nothing_follows_a_request_whose_outcome_is_unknown() {
    let mut world = super::world::World::read("person p1 a@example.com\n person p2 b@example.com");
    let sent = world.plan().plan.operations.remove(0);
    world.open_intent(sent);
    let shown = super::world::show(&world.plan());
    assert_eq!(
        shown,
        "invite p2 at b@example.com: DEVELOPER; default\n\
         held incomplete_read (the outcome of an earlier request is not known yet): invite p1 at a@example.com: DEVELOPER; default\n"
    );
}
