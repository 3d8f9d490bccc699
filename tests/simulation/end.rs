//! What must be true of a world at rest, and of the journal it leaves.

use std::collections::{BTreeMap, BTreeSet};

use rosterd::model::event::Actor;
use rosterd::model::operation::Kind;
use rosterd::model::{Address, Event, Held, HoldReason, Operation, Outcome};
use rosterd::simulator::State;
use rosterd::simulator::directory::Belongs;
use rosterd::state::AuditFilter;

use crate::drive::{Asked, World};
use crate::oracle::{Inner, shown};
use crate::people::Human;
use crate::truth;

impl World {
    /// Everybody has what they ought to have, but for what the plan says it holds.
    pub(crate) fn check_rest(&self, when: &str) {
        let Some(plan) = &self.last else { return };
        let held_people: BTreeMap<String, HoldReason> = (plan.held.iter())
            .filter_map(|held| Some((held.operation.person.as_ref()?.id.to_string(), held.hold.reason)))
            .collect();
        let held_seats: BTreeSet<String> =
            plan.held.iter().filter_map(|held| held.operation.target.id.clone()).collect();
        let oracle = std::sync::Arc::clone(&self.oracle);
        self.sim.with_state(|state| {
            let mut inner = oracle.inner();
            inner.look(state);
            let wrong = everybody(&inner, state, &held_people, &held_seats);
            for what in wrong {
                inner.breaks("3 settles", format!("{when}: {what}"));
            }
            let unjust = unjust(&inner, state, plan);
            for what in unjust {
                inner.breaks("3 held for nothing", format!("{when}: {what}"));
            }
        });
    }
}

/// People in scope without the right seat, and seats of people who left.
fn everybody(
    inner: &Inner,
    state: &State,
    held_people: &BTreeMap<String, HoldReason>,
    held_seats: &BTreeSet<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let settings = &inner.settings;
    let in_scope = truth::in_scope(&state.directory, settings);
    let now = state.now();
    for (who, human) in inner.people.humans.iter().enumerate().filter(|(_, human)| !human.refused) {
        let person = human.person.as_ref().filter(|id| in_scope.contains(*id));
        let theirs = |id: &str| inner.people.seats.get(id).is_some_and(|seat| seat.human == Some(who));
        let member = state.team.members.iter().find(|member| theirs(&member.id));
        let invitation = state.team.invitations.iter().find(|invitation| theirs(&invitation.id));
        match person {
            Some(id) => {
                if held_people.contains_key(id) {
                    continue;
                }
                let person = state.directory.people.get(id).expect("just found");
                let wanted = truth::wanted(&state.directory, &state.team, settings, person);
                let seat = member.map(|member| (&member.grant, &member.id, None));
                let pending = invitation
                    .map(|invitation| (&invitation.grant, &invitation.id, Some(invitation.expires)));
                match seat.or(pending) {
                    None => wrong.push(format!("{} is in scope and has no seat", human.mail)),
                    Some((grant, _, _)) if grant.is_account_holder() => {}
                    Some((_, id, Some(expires))) if expires <= now && !held_seats.contains(id) => {
                        wrong.push(format!("the invitation of {} expired", human.mail));
                    }
                    Some((grant, id, _)) if !held_seats.contains(id) => {
                        if let Some(what) = wanted.differs(grant) {
                            let groups = state.directory.groups.iter();
                            let groups: Vec<_> = groups
                                .filter(|group| {
                                    group.members.iter().any(
                                        |member| matches!(member, Belongs::Person(id) if *id == person.id),
                                    )
                                })
                                .map(|group| &*group.name)
                                .collect();
                            wrong.push(format!(
                                "{} has {what} ({}), being in {groups:?} with {:?} and {:?}",
                                human.mail,
                                shown(grant),
                                person.custom,
                                person.enterprise
                            ));
                        }
                    }
                    Some(_) => {}
                }
            }
            None => {
                for (id, name) in member
                    .map(|member| (&member.id, &member.username))
                    .into_iter()
                    .chain(invitation.map(|invitation| (&invitation.id, &invitation.email)))
                {
                    let ours = inner.people.seats.get(id).is_some_and(|seat| seat.ours);
                    if ours && !held_seats.contains(id) {
                        wrong.push(format!("{name} is not in scope and still there"));
                    }
                }
            }
        }
    }
    wrong
}

/// Holds that nothing explains.
fn unjust(inner: &Inner, state: &State, plan: &rosterd::model::Plan) -> Vec<String> {
    let mut unjust = Vec::new();
    for held in &plan.held {
        let operation = &held.operation;
        let human = human_of(inner, operation);
        let odd = human.is_some_and(|who| inner.people.humans[who].odd);
        let refused = human.is_some_and(|who| inner.people.humans[who].refused);
        let anybody_odd = inner.people.humans.iter().any(|human| human.odd);
        let explained = match held.hold.reason {
            HoldReason::Guard | HoldReason::NewAdmin | HoldReason::Unmanaged | HoldReason::Policy => true,
            HoldReason::Protected => is_protected(inner, operation, human),
            HoldReason::Conflict => odd || is_claim(inner, state, operation, human),
            // An invitation that an administrator took back looks the same.
            HoldReason::AwaitingLink => {
                // A stranger's seat waits with whoever may have accepted under that name.
                let by_hand = |human: &Human| human.by_hand > 0;
                let stranger = operation.person.is_none() && inner.people.humans.iter().any(by_hand);
                odd || anybody_odd || stranger || human.is_some_and(|who| by_hand(&inner.people.humans[who]))
            }
            HoldReason::InvalidAttribute => operation.person.as_ref().is_some_and(|person| {
                let person = state.directory.people.get(person.id.as_str());
                person.is_some_and(|person| {
                    truth::wanted(&state.directory, &state.team, &inner.settings, person).unusable
                })
            }),
            HoldReason::ReinviteLimit => true,
            HoldReason::Backoff => refused,
            HoldReason::IncompleteRead | HoldReason::AwaitingConfirmation | HoldReason::Grace => false,
        };
        if !explained {
            let who = operation.person.as_ref().map(|person| person.id.to_string());
            unjust.push(format!(
                "{} {who:?}: {} {}",
                operation.kind,
                held.hold.reason.as_str(),
                held.hold.detail
            ));
        }
    }
    unjust
}

/// The seat or its person is one that the configuration or Apple itself protects, or may be the seat of somebody who is: the
/// organization made them share its name.
fn is_protected(inner: &Inner, operation: &Operation, human: Option<usize>) -> bool {
    let seat = operation.target.name.as_ref();
    let shares = |human: &Human| {
        seat.is_some_and(|seat| human.shared.iter().any(|name| name.eq_ignore_ascii_case(seat.as_str())))
    };
    let all = inner.people.humans.iter().enumerate();
    let own = all.filter(|(who, other)| human == Some(*who) || shares(other)).map(|(_, human)| human);
    let own = own.flat_map(|human| human.all_names.iter().chain(&human.shared));
    let invited = operation.invitee.as_ref().map(|invitee| invitee.email.to_string());
    let named = operation.target.name.as_ref().map(ToString::to_string);
    let holder = operation.before.as_ref().is_some_and(rosterd::model::Access::is_account_holder);
    holder || own.cloned().chain(invited).chain(named).any(|name| inner.settings.protects(&name))
}

/// It waits for somebody who has an address of another's: they themselves, nobody's seat of that name, or a colleague without
/// a managed seat whom the organization made share an address.
fn is_claim(inner: &Inner, state: &State, operation: &Operation, human: Option<usize>) -> bool {
    let claims = |name: &str| {
        let mut all = inner.people.humans.iter().flat_map(|human| human.claims.iter().chain(&human.shared));
        all.any(|claim| claim.eq_ignore_ascii_case(name))
    };
    let is_shared = |name: &str| {
        let mut all = inner.people.humans.iter().flat_map(|human| &human.shared);
        all.any(|shared| shared.eq_ignore_ascii_case(name))
    };
    let shares = |who: usize| inner.people.humans[who].all_names.iter().any(|own| is_shared(own));
    let has_seat = |who: usize| {
        let members = state.team.members.iter().map(|member| &member.id);
        let mut all = members.chain(state.team.invitations.iter().map(|invitation| &invitation.id));
        all.any(|id| inner.people.seats.get(id).is_some_and(|seat| seat.human == Some(who) && seat.managed))
    };
    let person = operation.person.as_ref().and_then(|person| inner.people.of_person(person.id.as_str()));
    match person {
        Some(who) => {
            let human = &inner.people.humans[who];
            !human.claims.is_empty() || !human.shared.is_empty() || (shares(who) && !has_seat(who))
        }
        None => {
            let left = human.is_none_or(|who| inner.people.humans[who].person.is_none());
            // One that the organization made two people share is neither's, whoever is still there.
            let name = operation.target.name.as_ref().map(Address::as_str);
            name.is_some_and(|name| is_shared(name) || (left && claims(name)))
        }
    }
}

pub(crate) fn human_of(inner: &Inner, operation: &Operation) -> Option<usize> {
    let seat = operation.target.id.as_ref().and_then(|id| inner.people.seats.get(id)?.human);
    let person = operation.person.as_ref().and_then(|person| inner.people.of_person(person.id.as_str()));
    person.or(seat)
}

/// The journal: whole, every intent with an end, every effect with an intent, nothing applied that was not planned.
pub(crate) fn check(world: &mut World) {
    let mut broken = Vec::new();
    let dir = world.state_dir();
    if let Err(error) = rosterd::state::verify(&dir) {
        broken.push(("8 journal", rosterd::engine::told(&error)));
    }
    let records = match rosterd::state::audit::newest_first(&dir, AuditFilter::default()) {
        Ok(records) => records,
        Err(error) => {
            world.oracle.inner().breaks("8 journal", rosterd::engine::told(&error));
            return;
        }
    };
    let mut records: Vec<_> = records.flatten().collect();
    records.reverse();
    let mut intents: BTreeMap<String, (Operation, Option<Outcome>)> = BTreeMap::new();
    for record in records {
        match record.event {
            Event::Intent { intent, plan, operation } => {
                let of = |asked: &&Asked| (asked.from..=asked.to).contains(&record.at);
                if let Actor::User(_) = record.actor
                    && !world.asked.iter().any(|asked| of(&asked) && !asked.refused && asked.digest == plan)
                {
                    let asked = world.asked.iter().find(of).map(|asked| &asked.digest);
                    broken.push(("2 shown", format!("{} of {plan}, said yes to {asked:?}", operation.kind)));
                }
                // What the last look held back is no operation any more of a plan that is made twice.
                let held_back = |held: &Held| {
                    held.operation == operation && held.hold.reason == HoldReason::IncompleteRead
                };
                if let Some(known) = world.plans.get(&plan)
                    && !known.operations.contains(&operation)
                    && !known.held.iter().any(held_back)
                {
                    broken.push(("2 planned", format!("{} was not in plan {plan}", operation.kind)));
                }
                intents.insert(intent.0, (operation, None));
            }
            Event::Outcome { intent, outcome, .. } => {
                if let Some((_, last)) = intents.get_mut(&intent.0) {
                    *last = Some(outcome);
                }
            }
            _ => {}
        }
    }
    for (intent, (operation, outcome)) in &intents {
        if matches!(outcome, None | Some(Outcome::Unknown { .. })) {
            broken
                .push(("4 no decision lost", format!("{} {intent} has no end: {outcome:?}", operation.kind)));
        }
    }
    let mut inner = world.oracle.inner();
    let effects = inner.effects.clone();
    for effect in &effects {
        let outcome = effect.intent.as_ref().and_then(|id| intents.get(id)?.1.clone());
        let touched = effect.human.is_some_and(|who| {
            let human = &inner.people.humans[who];
            human.by_hand >= effect.request || human.hidden
        });
        let seen = matches!(outcome, Some(Outcome::Applied { .. } | Outcome::AlreadySo { .. }));
        if !seen && !touched {
            let what = format!("{} of request {} ended as {outcome:?}", effect.kind, effect.request);
            broken.push(("4 no decision lost", what));
        }
    }
    for unheard in &inner.unheard {
        let outcome = intents.get(&unheard.intent).and_then(|(_, outcome)| outcome.clone());
        let claimed = matches!(outcome, Some(Outcome::Applied { .. } | Outcome::AlreadySo { .. }));
        let mut later = effects.iter().filter(|effect| effect.seat.as_ref() == Some(&unheard.seat));
        let taken = later.any(|effect| effect.intent.as_ref() != Some(&unheard.intent));
        let there = world.sim.with_state(|state| {
            state.team.members.get(&unheard.seat).is_some()
                || state.team.invitations.get(&unheard.seat).is_some()
        });
        // A whole list without the seat says that it is gone, though it was hidden.
        let hidden = inner.hidden.get(&unheard.seat).is_some_and(|last| *last > unheard.request);
        if claimed && (there || taken) && !hidden {
            let what = format!("request {} was a gateway's 404 and ended as {outcome:?}", unheard.request);
            broken.push(("4 gone", what));
        }
    }
    let done: BTreeSet<&String> = effects.iter().filter_map(|effect| effect.intent.as_ref()).collect();
    for (intent, (operation, outcome)) in &intents {
        let claimed = matches!(outcome, Some(Outcome::Applied { .. }));
        let by_hand = human_of(&inner, operation).is_some_and(|who| {
            let human = &inner.people.humans[who];
            human.by_hand > 0 || human.hidden || human.odd
        });
        // A whole list that hid the seat said that it was gone; a later cycle took it.
        let hidden = operation.target.id.as_ref().is_some_and(|seat| inner.hidden.contains_key(seat));
        let by_hand = by_hand || hidden;
        // An update that changes nothing any more has no effect, and is one all the same.
        if claimed && !done.contains(intent) && !by_hand && operation.kind != Kind::UpdateMember {
            broken.push((
                "4 nothing claimed",
                format!("{} {intent} is written down as done, and was not", operation.kind),
            ));
        }
    }
    for (promise, what) in broken {
        inner.breaks(promise, what);
    }
}
