//! Seats that nobody in scope has and no link explains: those we adopted are ours to take back, the others unmanaged.

use crate::model::event::Departure;
use crate::model::policy::OnLeave;
use crate::model::{Hold, HoldReason, PersonId, SeatId};

use super::change::Change;
use super::correlate::{Case, Standing};
use super::diff::{Context, Draft};
use super::leave::{report, wait};
use super::names;
use super::scope::{self, Verdict};
use super::seat::Seat;

/// Every seat that no case claims.
pub(super) fn seats(context: &Context<'_, '_>, cases: &[Case<'_>], draft: &mut Draft) {
    let awaited = cases.iter().any(|case| matches!(case.standing, Standing::Vanished));
    let team = context.input.team;
    let members = team.members.iter().map(Seat::Member);
    for seat in members.chain(team.invitations.iter().map(Seat::Invitation)) {
        let id = seat.id();
        // A seat that somebody is linked to is theirs to decide, also while they are in doubt about another.
        if !draft.is_claimed(&id) && context.input.ledger.links.of_seat(&id).is_none() {
            let change = stray(context, seat, awaited, draft);
            draft.changes.push(change);
        }
    }
}

/// Whose a stray seat is.
enum Whose {
    Nobody,
    One(usize, Departure),
    /// Somebody in scope who has another seat.
    Second(usize),
    Several(Vec<usize>),
    /// These have it among addresses that nobody vouches for, and no one else has it.
    Claimed(Vec<usize>),
}

fn whose(context: &Context<'_, '_>, seat: Seat<'_>) -> Whose {
    let people: Vec<usize> = context.people.named(seat.name()).into_iter().collect();
    match people.as_slice() {
        [] => claimed(context, seat),
        [at] => of_one(context, *at),
        _ => Whose::Several(people),
    }
}

fn of_one(context: &Context<'_, '_>, at: usize) -> Whose {
    match context.scope.verdict(at) {
        Verdict::In(_) => Whose::Second(at),
        Verdict::Disabled => Whose::One(at, Departure::Deactivated),
        Verdict::Out(_) => Whose::One(at, Departure::OutOfScope),
    }
}

/// Whoever names an address that nobody vouches for may have written it themselves: the seat is not theirs, and not
/// nobody's either. Somebody who has another seat waits for nothing, and a seat that we manage stays with nobody who left.
fn claimed(context: &Context<'_, '_>, seat: Seat<'_>) -> Whose {
    let people: Vec<usize> = context.people.mentioning(seat.name()).into_iter().collect();
    match people.as_slice() {
        [] => Whose::Nobody,
        [at] => match (of_one(context, *at), context.input.ledger.owns(&seat.id())) {
            (Whose::One(..), false) | (Whose::Second(_), true) => Whose::Claimed(people),
            (whose, _) => whose,
        },
        _ => Whose::Claimed(people),
    }
}

fn stray(context: &Context<'_, '_>, seat: Seat<'_>, awaited: bool, draft: &mut Draft) -> Change {
    let everybody = context.input.directory.people();
    let person = |at: usize| Some(names::person_ref(&everybody[at]));
    match whose(context, seat) {
        Whose::Nobody => {
            let key: PersonId = format!("seat:{}", seat.id()).into();
            let left = Left { departure: Departure::Deleted, key, awaited };
            Change::revoke(None, seat, vec![nobody(context).to_owned()]).held(left.hold(context, seat, draft))
        }
        Whose::One(at, departure) => {
            let left = Left { departure, key: everybody[at].id.clone(), awaited: false };
            Change::revoke(person(at), seat, vec![departure.as_str().to_owned()])
                .held(scope::unclear(&everybody[at]))
                .held(left.hold(context, seat, draft))
        }
        Whose::Second(at) => Change::revoke(person(at), seat, vec!["they have another seat".to_owned()])
            .held_for(HoldReason::Unmanaged, "its person has another seat"),
        Whose::Claimed(people) => {
            let id = everybody[people[0]].id.as_str();
            let name = seat.name().folded();
            let vouched = names::address(&everybody[people[0]]).map_or(id, |address| address.folded());
            let detail = format!(
                "{name} is only an address of {id} that the directory does not vouch for (access.match_addresses); \
                 if the seat is theirs: rosterd link {vouched} {name}"
            );
            Change::revoke(None, seat, Vec::new()).held_for(HoldReason::Conflict, detail)
        }
        Whose::Several(people) => {
            let ids: Vec<&str> = people.iter().map(|at| everybody[*at].id.as_str()).collect();
            Change::revoke(None, seat, Vec::new())
                .held_for(HoldReason::Conflict, format!("answers to several people: {}", ids.join(", ")))
        }
    }
}

/// Only a whole directory can be without somebody.
fn nobody(context: &Context<'_, '_>) -> &'static str {
    match context.directory.is_complete() {
        true => "nobody in the directory",
        false => "nobody in what was read of the directory, which is not all of it",
    }
}

struct Left {
    departure: Departure,
    /// Under which absences are counted: the person, or the seat where there is none.
    key: PersonId,
    /// It may be the acceptance of an invitation that vanished.
    awaited: bool,
}

impl Left {
    fn hold(&self, context: &Context<'_, '_>, seat: Seat<'_>, draft: &mut Draft) -> Option<Hold> {
        let owned = context.input.ledger.owned.contains_key(seat.id().as_str());
        let lifecycle = &context.input.policy.lifecycle;
        if owned {
            let wait = wait(context, &self.key, self.departure, draft);
            let (on, key) = lifecycle.on(self.departure);
            return report(on, key).or(wait);
        }
        let (on, key) = lifecycle.unmanaged.on(self.departure);
        match on {
            OnLeave::Report => Some(Hold::new(HoldReason::Unmanaged, key.replace('_', " "))),
            OnLeave::Remove if self.awaited && matches!(seat.id(), SeatId::Member(_)) => Some(Hold::new(
                HoldReason::AwaitingLink,
                "may be the acceptance of an invitation that is gone before its time",
            )),
            OnLeave::Remove => wait(context, &self.key, self.departure, draft),
        }
    }
}
