//! The promises as properties, over small worlds full of coincidences.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::world::{World, globs, now, one, roles, show};
use crate::model::event::{Departure, IntentId, LinkBy, Outcome};
use crate::model::ledger::{Absence, Link, OwnedSeat, is_revocation};
use crate::model::policy::{Grant, NewAdmins, OnLeave, Rule, ScopeMode};
use crate::model::*;
use crate::plan::Planned;

/// How many people and seats a world has at most; few, so that they often meet.
const SIZE: usize = 7;
const ROLES: [&str; 6] =
    ["DEVELOPER", "ADMIN", "SALES", "MARKETING,CREATE_APPS", "FINANCE", "IMAGE_MANAGER,SALES"];

fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    // PROPTEST_CASES asks for more.
    ProptestConfig { cases: asked.cases.max(1000), failure_persistence: None, ..asked }
}

/// One place in a world: perhaps a person, perhaps a seat, perhaps a link between some person and this seat.
#[derive(Clone, Debug)]
struct Place {
    person: Option<(u8, bool, Option<usize>, Option<usize>)>,
    seat: Option<(u8, usize, usize)>,
    linked_to: Option<(usize, u8)>,
    owned: bool,
    absent: Option<u8>,
}

fn place() -> impl Strategy<Value = Place> {
    let person = (
        0..6_u8,
        prop::bool::weighted(0.7),
        prop::option::weighted(0.2, 0..SIZE),
        prop::option::weighted(0.4, 0..ROLES.len()),
    );
    let seat = (0..4_u8, 0..SIZE + 2, 0..ROLES.len());
    (
        prop::option::weighted(0.8, person),
        prop::option::weighted(0.7, seat),
        prop::option::weighted(0.6, (0..SIZE, 0..6_u8)),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.3, 0..3_u8),
    )
        .prop_map(|(person, seat, linked_to, owned, absent)| Place {
            person,
            seat,
            linked_to,
            owned,
            absent,
        })
}

fn worlds() -> impl Strategy<Value = World> {
    (prop::collection::vec(place(), SIZE), any::<[u8; 6]>()).prop_map(|(places, dice)| build(&places, dice))
}

fn address(at: usize) -> Address {
    Address::new(&format!("a{at}@example.com"))
}

fn access(at: usize) -> Access {
    Access {
        roles: roles(ROLES[at]),
        all_apps_visible: Some(true),
        // Unlike the default, and nothing else speaks of it.
        provisioning_allowed: Some(at % 3 == 2),
        visible_apps: Some(BTreeSet::new()),
    }
}

fn build(places: &[Place], dice: [u8; 6]) -> World {
    let mut world = World::empty();
    configure(&mut world, dice);
    let mut members = Vec::new();
    for (at, place) in places.iter().enumerate() {
        if let Some((activity, in_group, extra, role)) = place.person {
            let id: PersonId = format!("p{at}").into();
            if in_group {
                members.push(GroupMember::Person(id.clone()));
            }
            world.people.push(person(at, id, activity, extra, role));
        }
        if let Some((kind, named, what)) = place.seat {
            seat(&mut world, at, kind, named, what);
        }
    }
    world.groups.push(Group { id: "g1".into(), name: "iOS".into(), members });
    for (at, place) in places.iter().enumerate() {
        know(&mut world, at, place);
    }
    // The Account Holder is always there.
    world.members.push(Member {
        id: "m-owner".into(),
        user_name: Address::new("owner@example.com"),
        first_name: None,
        last_name: None,
        access: Access { roles: roles("ACCOUNT_HOLDER,ADMIN"), ..access(0) },
    });
    world
}

fn configure(world: &mut World, dice: [u8; 6]) {
    let policy = &mut world.policy;
    policy.scope.mode = ScopeMode::Groups(vec!["iOS".into()]);
    policy.lifecycle.leave_confirmations = 1;
    policy.guard.removals_max = u32::from(dice[0] % 6);
    policy.guard.removals_max_percent = u32::from(dice[1] % 3) * 20;
    policy.guard.admins_min = u32::from(dice[2] % 3);
    policy.guard.new_admins = if dice[3].is_multiple_of(2) { NewAdmins::Hold } else { NewAdmins::Allow };
    policy.guard.protected = globs(if dice[4].is_multiple_of(3) { &["a3@example.com"] } else { &[] });
    if dice[5].is_multiple_of(2) {
        policy.access.rules.push(Rule {
            number: 1,
            group: None,
            filter: Some(Filter::parse("level gt 0").expect("a filter")),
            grant: Grant { roles: Some(roles("APP_MANAGER")), ..Grant::default() },
        });
    }
}

fn person(at: usize, id: PersonId, activity: u8, extra: Option<usize>, role: Option<usize>) -> Person {
    let mut attributes = Attributes::default();
    attributes.insert("level", serde_json::json!(at % 2));
    if let Some(role) = role.filter(|role| *role < 5) {
        attributes.insert("appStoreConnect_role", ROLES[role].into());
    }
    Person {
        id,
        user_name: None,
        addresses: Addresses::new([address(at)], extra.map(address)),
        given_name: Some("Ada".into()),
        family_name: Some(format!("King{}", at % 3).into()),
        display_name: None,
        activity: match activity {
            0 => Activity::Disabled,
            1 => Activity::NotSaid,
            _ => Activity::Active,
        },
        attributes,
    }
}

/// A seat, unless there is one of its kind by that name: Apple has no two.
fn seat(world: &mut World, at: usize, kind: u8, named: usize, what: usize) {
    let member = kind < 2 && world.members.iter().any(|member| member.user_name == address(named));
    if member || (kind >= 2 && world.invitations.iter().any(|invitation| invitation.email == address(named)))
    {
        return;
    }
    let (first_name, last_name) = (Some("Ada".into()), Some(format!("King{}", named % 3).into()));
    if kind < 2 {
        let (id, user_name) = (format!("m{at}").as_str().into(), address(named));
        world.members.push(Member { id, user_name, first_name, last_name, access: access(what) });
    } else {
        let hours = if kind == 2 { 48 } else { -48 };
        let (id, email) = (format!("i{at}").as_str().into(), address(named));
        let expires = Some(now() + SignedDuration::from_hours(hours));
        world.invitations.push(Invitation {
            id,
            email,
            first_name,
            last_name,
            access: access(what),
            expires,
        });
    }
}

/// What the ledger knows: links to seats that are there, were there, or never came.
fn know(world: &mut World, at: usize, place: &Place) {
    let seat: Option<(SeatId, Address, Access)> = (world.members.iter())
        .find(|member| member.id.as_str() == format!("m{at}"))
        .map(|seat| (SeatId::Member(seat.id.clone()), seat.user_name.clone(), seat.access.clone()))
        .or_else(|| {
            let invitation = world.invitations.iter().find(|seat| seat.id.as_str() == format!("i{at}"));
            invitation
                .map(|seat| (SeatId::Invitation(seat.id.clone()), seat.email.clone(), seat.access.clone()))
        });
    if let (Some((seat, name, _)), true, None) = (&seat, place.owned, place.linked_to) {
        world.ledger.owned.insert(
            seat.as_str().to_owned(),
            OwnedSeat { seat: seat.clone(), name: name.clone(), person: None },
        );
    }
    if let Some((person, kind)) = place.linked_to {
        let id: PersonId = format!("p{person}").into();
        let (there, name, applied) = match (kind, seat) {
            (0, _) => (Some(SeatId::Member(format!("m-gone{at}").as_str().into())), address(person), None),
            (1, _) => {
                (Some(SeatId::Invitation(format!("i-gone{at}").as_str().into())), address(person), None)
            }
            (_, Some((seat, name, access))) => (Some(seat), name, Some(access)),
            (_, None) => (None, address(person), None),
        };
        let link = Link {
            person: PersonRef { id: id.clone(), email: Some(address(person)), name: id.to_string() },
            seat: there,
            by: LinkBy::Invited,
            name,
            since: now(),
            applied,
            invited_as: Some(("Ada".to_owned(), format!("King{}", person % 3))),
            expires: Some(now() + SignedDuration::from_hours(if at.is_multiple_of(2) { 48 } else { -1 })),
            invitations_sent: 1,
            awaiting_link: false,
        };
        if !world.ledger.links.contains_key(&id) {
            world.ledger.links.insert(id, link);
        }
    }
    if let Some(kind) = place.absent {
        let departure =
            [Departure::Deactivated, Departure::Deleted, Departure::OutOfScope][usize::from(kind)];
        let absence = Absence { departure, confirmations: 1, since: now() };
        world.ledger.absences.insert(format!("p{at}").into(), absence);
    }
}

/// What a cycle that goes well does to both sides: the journal's own fold, and a team that does as it is told.
pub(super) fn apply(world: &mut World, planned: &Planned) {
    for event in &planned.findings {
        crate::state::fold(&mut world.ledger, world.now, event);
    }
    for (number, operation) in planned.plan.operations.iter().enumerate() {
        let outcome = write(world, operation);
        let intent = IntentId(number.to_string());
        let plan = planned.plan.digest.clone();
        let opened = Event::Intent { intent: intent.clone(), plan, operation: operation.clone() };
        crate::state::fold(&mut world.ledger, world.now, &opened);
        let settled = Event::Outcome { intent, outcome, request_id: None };
        crate::state::fold(&mut world.ledger, world.now, &settled);
    }
}

/// Apple gives no id twice.
static MADE: AtomicUsize = AtomicUsize::new(0);

fn write(world: &mut World, operation: &Operation) -> Outcome {
    let id = operation.target.id.clone().unwrap_or_default();
    match operation.kind {
        Kind::Invite => {
            let invitee = operation.invitee.clone().expect("an invitee");
            let taken = world.members.iter().any(|member| member.user_name == invitee.email)
                || world.invitations.iter().any(|invitation| invitation.email == invitee.email);
            assert!(!taken, "Apple refuses a second invitation to {}", invitee.email);
            let id: InvitationId = format!("i-new{}", MADE.fetch_add(1, Ordering::Relaxed)).as_str().into();
            let expires = Some(world.now + SignedDuration::from_hours(72));
            world.invitations.push(Invitation {
                id: id.clone(),
                email: invitee.email,
                first_name: Some(invitee.first_name.into()),
                last_name: Some(invitee.last_name.into()),
                access: operation.after.clone().expect("access"),
                expires,
            });
            Outcome::Applied { seat: Some(SeatId::Invitation(id)), expires }
        }
        Kind::CancelInvitation => {
            world.invitations.retain(|invitation| invitation.id.as_str() != id);
            Outcome::Applied { seat: None, expires: None }
        }
        Kind::RemoveMember => {
            world.members.retain(|member| member.id.as_str() != id);
            Outcome::Applied { seat: None, expires: None }
        }
        Kind::UpdateMember => {
            let after = operation.after.clone().expect("access");
            world
                .members
                .iter_mut()
                .filter(|member| member.id.as_str() == id)
                .for_each(|m| m.access = after.clone());
            Outcome::Applied { seat: operation.target.seat_id(), expires: None }
        }
    }
}

/// Applies until nothing is left to write, with a bound; the last plan.
fn settle(world: &mut World) -> Planned {
    for _ in 0..SIZE {
        let planned = world.plan();
        if planned.plan.is_empty() && planned.findings.is_empty() {
            return planned;
        }
        apply(world, &planned);
    }
    world.plan()
}

fn lines(planned: &Planned) -> BTreeSet<String> {
    planned.plan.operations.iter().map(one).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_cycle_settles_and_the_next_writes_nothing(mut world in worlds()) {
        let first = world.plan();
        apply(&mut world, &first);
        let second = world.plan();
        // What waited for somebody else's address or seat to become free may go one step further, and no more than that.
        let waits = |planned: &Planned| planned.plan.held.iter().any(|held| held.hold.reason == HoldReason::Conflict);
        let waited = waits(&first) || waits(&second);
        prop_assert!(second.plan.is_empty() || waited, "first:\n{}then:\n{}", show(&first), show(&second));
        let last = settle(&mut world);
        prop_assert!(last.plan.is_empty(), "first:\n{}last:\n{}", show(&first), show(&last));
    }

    #[test]
    fn every_person_in_scope_ends_with_one_seat_or_a_reason(mut world in worlds()) {
        let again = settle(&mut world);
        let directory = world.directory();
        let scope = crate::plan::scope::Scope::new(&directory, &world.policy);
        for (at, person) in directory.people().iter().enumerate() {
            if !matches!(scope.verdict(at), crate::plan::scope::Verdict::In(_)) {
                continue;
            }
            let held = again.plan.held.iter().any(|held| held.operation.person.as_ref().is_some_and(|p| p.id == person.id));
            let seat = world.ledger.links.get(&person.id).and_then(|link| link.seat.clone());
            let there = seat.is_some_and(|seat| match seat {
                SeatId::Member(id) => world.team().member(&id).is_some(),
                SeatId::Invitation(id) => world.team().invitation(&id).is_some(),
            });
            prop_assert!(there || held, "{}: {}", person.id, show(&again));
        }
        let mut seats = BTreeSet::new();
        for seat in world.ledger.links.values().filter_map(|link| link.seat.as_ref()) {
            prop_assert!(seats.insert(seat.clone()), "two people for {seat}");
        }
    }

    #[test]
    fn neither_order_nor_case_of_what_was_read_matters(world in worlds(), seed in any::<u64>()) {
        let planned = world.plan();
        let mut turned = world.clone();
        turned.people.reverse();
        turned.members.reverse();
        let middle = usize::try_from(seed % 7).expect("small") % turned.invitations.len().max(1);
        turned.invitations.rotate_left(middle);
        turned.groups.iter_mut().for_each(|group| group.members.reverse());
        prop_assert_eq!(&turned.plan().plan.digest, &planned.plan.digest);

        let loud = |address: &Address| Address::new(&address.as_str().to_uppercase());
        turned.members.iter_mut().for_each(|member| member.user_name = loud(&member.user_name));
        turned.invitations.iter_mut().for_each(|invitation| invitation.email = loud(&invitation.email));
        for person in &mut turned.people {
            let (vouched, all) = (person.addresses.vouched().to_vec(), person.addresses.all().to_vec());
            person.addresses = Addresses::new(vouched.iter().map(loud), all.iter().map(loud));
        }
        prop_assert_eq!(show(&turned.plan()).to_lowercase(), show(&planned).to_lowercase());
    }

    #[test]
    fn nobody_protected_and_no_seat_that_is_not_ours_is_touched(world in worlds()) {
        let planned = world.plan();
        let linked: BTreeSet<&SeatId> = planned.findings.iter().filter_map(|event| match event {
            Event::Linked { seat, .. } => Some(seat),
            _ => None,
        }).collect();
        for operation in &planned.plan.operations {
            let line = one(operation);
            prop_assert!(operation.target.id.as_deref() != Some("m-owner"), "{line}");
            let known = operation.person.iter().filter_map(|person| person.email.as_ref());
            let names = known.chain(&operation.target.name).chain(operation.invitee.iter().map(|to| &to.email));
            for name in names {
                prop_assert!(world.policy.guard.protected.matching(name).is_none(), "{line}");
            }
            if let Some(seat) = operation.target.seat_id() {
                prop_assert!(world.ledger.owns(&seat) || linked.contains(&seat), "{line}");
            }
        }
    }

    #[test]
    fn an_incomplete_read_takes_nothing_away(mut world in worlds(), which in 0..3_u8, remove in any::<bool>()) {
        let partial = Coverage::Partial(vec![Problem("page 2".to_owned())]);
        if which != 1 { world.directory = partial.clone(); }
        if which != 0 { world.team = partial; }
        if remove {
            let unmanaged = &mut world.policy.lifecycle.unmanaged;
            (unmanaged.deactivated, unmanaged.out_of_scope, unmanaged.unknown) = (OnLeave::Remove, OnLeave::Remove, OnLeave::Remove);
        }
        let complete = { let mut all = world.clone(); (all.directory, all.team) = (Coverage::Complete, Coverage::Complete); all.plan() };
        let planned = world.plan();
        for operation in &planned.plan.operations {
            prop_assert!(!is_revocation(operation), "{}", one(operation));
        }
        // And never does anything that a complete read would not.
        let (less, all) = (lines(&planned), lines(&complete));
        let held: BTreeSet<String> = complete.plan.held.iter().map(|held| one(&held.operation)).collect();
        for line in &less {
            prop_assert!(all.contains(line) || held.contains(line), "{line}\nof\n{}", show(&complete));
        }
    }

    #[test]
    fn nobody_gains_a_role_that_nothing_names(world in worlds()) {
        let planned = world.plan();
        for operation in &planned.plan.operations {
            let Some(after) = &operation.after else { continue };
            let held = match &operation.before {
                Some(before) => before.roles.clone(),
                // The other half of a pair says what they had.
                None => planned.plan.operations.iter()
                    .filter(|other| other.replacement && other.person == operation.person)
                    .filter_map(|other| other.before.as_ref())
                    .flat_map(|before| before.roles.clone())
                    .collect(),
            };
            let named = operation.person.as_ref().and_then(|person| {
                let person = world.people.iter().find(|entry| entry.id == person.id)?;
                person.attributes.get("appStoreConnect_role")?.as_str().map(roles)
            });
            let ruled = world.policy.access.rules.iter().filter_map(|rule| rule.grant.roles.clone()).flatten();
            let defaults = world.policy.access.defaults.roles.clone().unwrap_or_default();
            let mut allowed: Roles = named.into_iter().flatten().chain(ruled).chain(defaults).collect();
            allowed.extend(held.iter().filter(|role| world.policy.access.preserve_roles.contains(*role) || !role.is_known()).cloned());
            let update = operation.kind == Kind::UpdateMember;
            for role in &after.roles {
                prop_assert!(allowed.contains(role) || (update && held.contains(role)), "{role}: {}", one(operation));
            }
        }
    }

    #[test]
    fn stricter_guards_only_hold_more(world in worlds(), less in 0..4_u32) {
        let lax = world.plan();
        let mut strict = world.clone();
        let guard = &mut strict.policy.guard;
        guard.removals_max = guard.removals_max.saturating_sub(less);
        guard.removals_max_percent /= 2;
        guard.admins_min += less;
        guard.new_admins = NewAdmins::Hold;
        let strict = strict.plan();
        let (few, many) = (lines(&strict), lines(&lax));
        prop_assert!(few.is_subset(&many), "strict:\n{}lax:\n{}", show(&strict), show(&lax));
        prop_assert_eq!(
            strict.plan.operations.len() + strict.plan.held.len(),
            lax.plan.operations.len() + lax.plan.held.len()
        );
    }

    #[test]
    fn a_held_removal_never_delays_an_addition(world in worlds()) {
        let mut strict = world.clone();
        strict.policy.guard.removals_max = 0;
        strict.policy.guard.removals_max_per_day = 0;
        strict.policy.guard.admins_min = 99;
        let strict = strict.plan();
        let lax = world.plan();
        let additions = |planned: &Planned| -> BTreeSet<String> {
            let operations = planned.plan.operations.iter();
            operations.filter(|operation| operation.kind == Kind::Invite && !operation.replacement).map(one).collect()
        };
        prop_assert_eq!(additions(&strict), additions(&lax));
    }

    #[test]
    fn any_filter_text_is_read_or_refused_and_never_panics(text in "[a-zA-Z0-9 \"\\\\()\\[\\].:$_\u{e9}-]{0,40}") {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(filter.as_str()).map(|again| again.attributes()), Ok(filter.attributes()));
        }
    }
}
