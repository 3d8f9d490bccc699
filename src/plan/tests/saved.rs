//! What surrounds a plan: order, digest, forecast, what moved, the last look, what is asked of the readers.

use jiff::SignedDuration;

use super::check;
use super::world::{World, show};
use crate::model::{Address, AppId, Claims, Coverage, Event, Kind, Ledger, Operation, Plan, Problem};
use crate::plan::recheck::{answering, staying, still_leaving};
use crate::plan::saved::{self, SavedPlanFault};
use crate::plan::{
    Allowance, attributes_of_interest, bundles_of_interest, digest, groups_of_interest, moved,
};

const MIXED: &str = "person p1 z@example.com
     person p2 b@example.com appStoreConnect_role=SALES,DEVELOPER
     person p3 c@example.com appStoreConnect_role=SALES,DEVELOPER
     person p4 d@example.com disabled
     person p5 e@example.com disabled
     person p6 a@example.com
     member m2 b@example.com DEVELOPER
     invitation i3 c@example.com DEVELOPER
     invitation i4 d@example.com DEVELOPER
     member m5 e@example.com DEVELOPER
     link p2 m2
     link p3 i3
     link p4 i4
     link p5 m5";

#[test]
fn revocations_go_first_then_pairs_then_updates_then_invitations() {
    check(
        MIXED,
        "cancel i4 of p4; deactivated
         remove m5 of p5; deactivated
         cancel i3 of p3; attribute appStoreConnect_role
         invite p3 at c@example.com: DEVELOPER,SALES; attribute appStoreConnect_role
         update m2 of p2: DEVELOPER -> DEVELOPER,SALES; attribute appStoreConnect_role
         invite p1 at z@example.com: DEVELOPER; default
         invite p6 at a@example.com: DEVELOPER; default
         absent p4 deactivated
         absent p5 deactivated",
    );
}

#[test]
fn both_halves_of_a_pair_are_marked_and_counted() {
    let plan = World::read(MIXED).plan().plan;
    let halves: Vec<&str> =
        plan.operations.iter().filter(|operation| operation.replacement).map(|o| o.kind.as_str()).collect();
    assert_eq!(halves, ["cancel_invitation", "invite"]);
    let summary = plan.summary;
    let counts = [summary.invite, summary.cancel_invitation, summary.update_member, summary.remove_member];
    assert_eq!(counts, [3, 2, 1, 1]);
    assert_eq!(summary.operations(), 7);
}

#[test]
fn the_digest_covers_what_is_done_and_held_and_nothing_else() {
    let world = World::read(MIXED);
    let plan = world.plan().plan;
    assert!(plan.digest.starts_with("sha256:") && plan.digest.len() == 7 + 64, "{}", plan.digest);
    assert!(digest::verify(&plan));

    let mut later = world.clone();
    later.now += SignedDuration::from_hours(1);
    assert_eq!(later.plan().plan.digest, plan.digest, "times do not count");

    let edits: [fn(&mut Plan); 5] = [
        |plan| plan.team.push('x'),
        |plan| drop(plan.operations.pop()),
        |plan| plan.operations.swap(0, 1),
        |plan| plan.operations[4].after.iter_mut().for_each(|access| drop(access.roles.pop_first())),
        |plan| plan.operations[0].target.id = Some("m0".to_owned()),
    ];
    for (which, edit) in edits.iter().enumerate() {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert!(!digest::verify(&edited), "edit {which}");
    }
    let mut other = plan.clone();
    other.created_at += SignedDuration::from_hours(1);
    other.forecast.requests = 99;
    assert!(digest::verify(&other), "neither time nor forecast is covered");
}

#[test]
fn a_saved_plan_is_spent_whatever_is_edited_in_it() {
    let world = World::read(MIXED);
    let plan = world.plan().plan;
    let now = plan.created_at + SignedDuration::from_hours(1);
    let judge = |plan: &Plan, ledger: &Ledger| saved::check(plan, "production", ledger, now);
    let (fresh, mut spent) = (Ledger::default(), Ledger::default());
    spent.spent_plans.push((plan.digest.clone(), plan.created_at));
    assert_eq!(judge(&plan, &fresh), Ok(()));

    let unseen: [fn(&mut Plan); 5] = [
        |plan| plan.created_at += SignedDuration::from_secs(1),
        |plan| plan.created_at -= SignedDuration::from_hours(9),
        |plan| plan.created_at += SignedDuration::from_hours(9),
        |plan| plan.forecast.seconds += 1,
        |plan| plan.coverage.team = "partial".to_owned(),
    ];
    for (which, edit) in unseen.iter().enumerate() {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert_eq!(judge(&edited, &spent), Err(SavedPlanFault::Spent), "edit {which}");
    }
    let refused = |edit: fn(&mut Plan), fault: SavedPlanFault| {
        let mut edited = plan.clone();
        edit(&mut edited);
        assert_eq!(judge(&edited, &fresh), Err(fault));
    };
    refused(|plan| plan.summary.remove_member = 0, SavedPlanFault::Miscounted);
    refused(|plan| plan.summary.held += 1, SavedPlanFault::Miscounted);
    refused(|plan| plan.schema = "rosterd.plan/2".to_owned(), SavedPlanFault::Edited);
    refused(|plan| plan.team = "other".to_owned(), SavedPlanFault::Edited);
    let created_at = now + SignedDuration::from_hours(8);
    refused(
        |plan| plan.created_at += SignedDuration::from_hours(9),
        SavedPlanFault::FromTheFuture { created_at, now },
    );
    let elsewhere = saved::check(&plan, "staging", &fresh, now);
    assert!(matches!(elsewhere, Err(SavedPlanFault::OtherTeam { .. })), "{elsewhere:?}");
}

#[test]
fn a_plan_older_than_all_that_is_remembered_is_refused() {
    let plan = World::read(MIXED).plan().plan;
    let later = |hours: i64| plan.created_at + SignedDuration::from_hours(hours);
    let mut ledger = Ledger::default();
    for number in 1..=256 {
        let known = saved::check(&plan, "production", &ledger, later(999));
        assert_eq!(known, Ok(()), "{number}");
        ledger.spent_plans.push((format!("sha256:{number}"), later(number)));
    }
    let forgotten = saved::check(&plan, "production", &ledger, later(999));
    assert_eq!(forgotten, Err(SavedPlanFault::Forgotten { created_at: plan.created_at }));
}

#[test]
fn a_plan_survives_its_own_json() {
    let plan =
        World::read(&format!("{MIXED}\nmember m9 x@example.com DEVELOPER,IMAGE_MANAGER apps=?")).plan().plan;
    let json = serde_json::to_string(&plan).expect("JSON");
    let back: Plan = serde_json::from_str(&json).expect("a plan");
    assert_eq!(back, plan);
    assert!(digest::verify(&back));
}

#[test]
fn what_moved_is_told_line_by_line() {
    let world = World::read(MIXED);
    let old = world.plan().plan;
    assert!(moved::between(&old, &old).is_empty());
    let mut later =
        World::read(&MIXED.replace("person p6 a@example.com", "person p6 a@example.com disabled"));
    later.policy.guard.removals_max = 0;
    later.people[1].attributes.insert("appStoreConnect_role", "FINANCE".into());
    let mut new = later.plan().plan;
    new.team = "other".to_owned();
    assert_eq!(
        moved::between(&old, &new),
        [
            "team: production became other",
            "changed: cancel_invitation d@example.com (held, guard: removals_max), was: cancel_invitation d@example.com",
            "no longer planned: invite a@example.com to DEVELOPER",
            "changed: remove_member e@example.com (held, guard: removals_max), was: remove_member e@example.com",
            "changed: update_member b@example.com to FINANCE (held, guard: removals_max), was: update_member b@example.com to DEVELOPER, SALES",
        ]
    );
    assert_eq!(
        moved::between(&new, &old).iter().filter(|line| line.starts_with("new: ")).collect::<Vec<_>>(),
        ["new: invite a@example.com to DEVELOPER"]
    );
    let update =
        |plan: &Plan| plan.operations.iter().position(|operation| operation.kind == Kind::UpdateMember);
    let at = update(&old).expect("an update");
    let differing = |edit: fn(&mut Operation)| {
        let mut new = old.clone();
        edit(&mut new.operations[at]);
        new.digest = digest::of(&new);
        moved::between(&old, &new)
    };
    assert_eq!(
        differing(|update| update.reasons = vec!["rule 1".to_owned()]),
        [
            "changed: update_member b@example.com to DEVELOPER, SALES, because: rule 1, was because: attribute appStoreConnect_role"
        ]
    );
    assert_eq!(
        differing(|update| {
            update.after.iter_mut().for_each(|access| access.provisioning_allowed = Some(true));
        }),
        [
            "changed: update_member b@example.com to DEVELOPER, SALES, with other apps, flags or names than before"
        ]
    );
    let mut turned = old.clone();
    turned.operations.reverse();
    turned.digest = digest::of(&turned);
    assert_eq!(moved::between(&old, &turned), ["the same entries in another order"]);
}

#[test]
fn a_seat_that_was_changed_in_between_is_another_plan() {
    let old = World::read(MIXED).plan().plan;
    let mut new = old.clone();
    assert!(moved::between(&old, &new).is_empty());
    new.operations[0].reasons.push("because of something else".to_owned());
    assert_eq!(moved::between(&old, &new).len(), 1);
}

#[test]
fn who_only_loses_a_second_invitation_stays() {
    let world = World::read(
        "person p1 a@example.com
         person p2 b@example.com disabled
         member m1 a@example.com DEVELOPER
         invitation i1 a@example.com DEVELOPER
         member m2 b@example.com DEVELOPER
         link p1 i1
         link p2 m2",
    );
    let plan = world.plan().plan;
    let losing: Vec<_> =
        plan.operations.iter().filter_map(|one| one.person.as_ref()).map(|one| &one.id).collect();
    assert_eq!(losing, [&"p1".into(), &"p2".into()]);
    let directory = world.directory();
    let staying = staying(&world.policy, &plan.operations, &directory);
    assert_eq!(staying.into_iter().collect::<Vec<_>>(), [&"p1".into()]);
}

#[test]
fn a_group_that_was_read_again_counts_as_it_is_now() {
    let inner = World::read("scope iOS\n group iOS @Inner\n group Inner p1\n person p1 a@example.com");
    let outer = World::read("group iOS @Inner");
    let before =
        World::read("scope iOS\n group iOS p1 p2\n person p1 a@example.com\n person p2 b@example.com");
    let (now, policy) = (World::read("group iOS p2\n person p1 a@example.com"), &before.policy);
    let operation = World::read(
        "set unmanaged.unknown remove\n set leave_confirmations 1\n member m1 a@example.com DEVELOPER",
    )
    .plan()
    .plan
    .operations
    .remove(0);
    assert_eq!(
        still_leaving(
            policy,
            &operation,
            now.people.first(),
            &now.groups,
            &Claims::default(),
            &before.directory()
        ),
        Ok(())
    );
    // Groups that were not read again count as they were.
    let directory = inner.directory();
    let back = still_leaving(
        policy,
        &operation,
        inner.people.first(),
        &outer.groups,
        &Claims::default(),
        &directory,
    );
    assert!(back.as_ref().is_err_and(|why| why.starts_with("they are back")), "{back:?}");
}

#[test]
fn an_invitation_that_is_adopted_keeps_its_end() {
    let planned = World::read("person p1 a@example.com\n invitation i1 a@example.com DEVELOPER").plan();
    let ends: Vec<_> = planned
        .findings
        .iter()
        .filter_map(|finding| match finding {
            Event::Linked { expires, .. } => *expires,
            _ => None,
        })
        .collect();
    assert_eq!(ends.len(), 1);
    assert!(ends[0] > super::world::now());
}

#[test]
fn the_forecast_counts_requests_and_their_pace() {
    let forecast = |requests, pace_ms| {
        World::read(MIXED).with_input(|input| {
            let allowance = Allowance { requests, at_once: 0, pace_ms };
            let forecast = crate::plan::plan(&crate::plan::Input { allowance, ..*input }).plan.forecast;
            (forecast.requests, forecast.seconds)
        })
    };
    assert_eq!(forecast(1800, 500), (7, 4));
    assert_eq!(forecast(7, 0), (7, 3));
    assert_eq!(forecast(6, 500), (7, 3600));
    assert_eq!(forecast(3, 500), (7, 7200));
    assert_eq!(forecast(0, 500), (7, 25_200));
}

#[test]
fn a_leaver_is_looked_at_once_more() {
    let text = "scope iOS
         group iOS p2
         person p1 a@example.com
         person p2 b@example.com
         member m1 a@example.com DEVELOPER
         link p1 m1
         absent p1 out 1";
    let world = World::read(text);
    let planned = world.plan();
    let operation = &planned.plan.operations[0];
    assert_eq!(operation.target.id.as_deref(), Some("m1"), "{}", show(&planned));
    let (policy, directory) = (&world.policy, world.directory());
    let known = directory.person(&"p2".into()).and_then(|person| person.addresses.all().first());
    assert_eq!(known, Some(&Address::new("b@example.com")));
    assert_eq!(directory.person(&"p3".into()), None);
    let look = |now: &str, groups: &str| {
        let fresh = World::read(&format!("{groups}\n{now}"));
        still_leaving(policy, operation, fresh.people.first(), &fresh.groups, &Claims::default(), &directory)
    };
    assert_eq!(look("", ""), Ok(()), "gone");
    assert_eq!(look("person p1 a@example.com disabled", "group iOS p1 p2"), Ok(()), "disabled");
    assert_eq!(look("person p1 a@example.com", "group iOS p2"), Ok(()), "out of scope");
    assert_eq!(look("person p1 a@example.com", ""), Ok(()), "by the groups of the plan");
    assert_eq!(
        look("person p1 a@example.com", "group iOS p1 p2"),
        Err("they are back: in group \"iOS\"".to_owned())
    );
    assert_eq!(
        look("person p1 a@example.com", "group iOS p2 @Inner"),
        Err("cannot tell whether they left: group g-Inner within \"iOS\" was not read".to_owned())
    );
    assert_eq!(
        look("person p9 a@example.com", "group iOS p2"),
        Err("the directory answered with somebody else: p9".to_owned())
    );
}

#[test]
fn a_seat_of_nobody_is_somebodys_whose_name_it_bears_in_a_second_read() {
    let mut world = World::read(
        "person p1 a@example.com disabled
         person p2 b@example.com appStoreConnect_appleAccount=B.Home@example.net",
    );
    let names = ["A@example.com", "b.home@example.net", "c@example.com"].map(Address::new);
    let look = |world: &World| {
        let directory = world.directory();
        let found = answering(&world.policy, &world.ledger, &names, &directory)?;
        Ok::<_, String>(found.into_iter().map(|(name, id)| format!("{name} {id}")).collect::<Vec<_>>())
    };
    assert_eq!(look(&world), Ok(vec!["A@example.com p1".to_owned(), "b.home@example.net p2".to_owned()]));
    world.directory = Coverage::Partial(vec![Problem("page 2 of the people".to_owned())]);
    assert_eq!(look(&world), Err("page 2 of the people".to_owned()));
}

#[test]
fn readers_are_asked_for_what_policy_looks_at() {
    let world = World::read(
        "scope iOS g-Mac
         set filter 'userType eq \"Employee\"'
         rule ADMIN group='iOS Admins' filter='urn:x:2.0:User:level.value gt 1' apps=com.a,com.b",
    );
    let groups: Vec<String> = groups_of_interest(&world.policy).iter().map(ToString::to_string).collect();
    assert_eq!(groups, ["g-Mac", "iOS", "iOS Admins"]);
    let attributes: Vec<String> =
        attributes_of_interest(&world.policy).iter().map(ToString::to_string).collect();
    let urn = "urn:ietf:params:scim:schemas:extension:custom:2.0:user";
    assert_eq!(
        attributes,
        [
            "appStoreConnect_allAppsVisible".to_owned(),
            "appStoreConnect_appleAccount".to_owned(),
            "appStoreConnect_provisioningAllowed".to_owned(),
            "appStoreConnect_role".to_owned(),
            "level".to_owned(),
            urn.to_owned(),
            format!("{urn}:appstoreconnect_allappsvisible"),
            format!("{urn}:appstoreconnect_appleaccount"),
            format!("{urn}:appstoreconnect_provisioningallowed"),
            format!("{urn}:appstoreconnect_role"),
            "urn:x:2.0:user".to_owned(),
            "urn:x:2.0:user:level".to_owned(),
            "userType".to_owned(),
        ]
    );
    let bundles = bundles_of_interest(&world.policy);
    assert_eq!(bundles.iter().map(ToString::to_string).collect::<Vec<_>>(), ["com.a", "com.b"]);
}

#[test]
fn holds_are_told_once() {
    use crate::model::Event;
    let mut world = World::read("person p1 a@example.com appStoreConnect_role=ADMIN");
    let told = |world: &World| {
        let events = world.plan().findings;
        let names = events.into_iter().map(|event| match event {
            Event::HeldBack { .. } => "held",
            Event::HoldEnded { .. } => "ended",
            Event::GuardTripped { .. } => "guard",
            _ => "other",
        });
        names.collect::<Vec<_>>()
    };
    assert_eq!(told(&world), ["held", "guard"]);
    for event in world.plan().findings {
        crate::state::fold(&mut world.ledger, world.now, &event);
    }
    assert!(told(&world).is_empty());
    for hold in world.ledger.holds.values_mut() {
        hold.reason = crate::model::HoldReason::Policy;
    }
    assert_eq!(told(&world), ["held"], "the same words for another reason are news");
    world.people.clear();
    assert_eq!(told(&world), ["ended"]);
}

#[test]
fn ids_of_apps_are_not_bundle_ids() {
    let plan = World::read(
        "app com.a 42\n rule DEVELOPER group=A apps=com.a\n group A p1\n person p1 a@example.com",
    )
    .plan()
    .plan;
    let apps = plan.operations[0].after.as_ref().and_then(|access| access.visible_apps.clone());
    assert_eq!(apps, Some([AppId::from("42")].into()));
}
