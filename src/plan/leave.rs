//! Leavers: deactivated at once, gone or out of scope after enough complete reads, everyone after the grace.

use std::collections::BTreeSet;

use crate::model::event::Departure;
use crate::model::policy::OnLeave;
use crate::model::{
    Event, Hold, HoldReason, Invitation, Kind, Operation, PersonId, PersonRef, SeatId, Target,
};

use super::change::Change;
use super::correlate::{Case, Standing};
use super::diff::{Context, Draft, record_link};
use super::names;
use super::scope::{self, Verdict};
use super::seat::Seat;

/// Somebody linked who is not in scope any more.
pub(super) fn person(context: &Context<'_, '_>, case: &Case<'_>, draft: &mut Draft) {
    let (departure, why) = departure(case);
    let lifecycle = &context.input.policy.lifecycle;
    let (on, key) = lifecycle.on(departure);
    if let Standing::Holds { seat, by, .. } = &case.standing {
        record_link(context, case, *seat, *by, draft);
    }
    let wait = wait(context, case.id, departure, draft);
    let conflict = case.conflict.clone().map(|detail| Hold::new(HoldReason::Conflict, detail));
    let unclear = case.found.and_then(|entry| scope::unclear(entry.person));
    let hold = conflict.or(unclear).or_else(|| report(on, key)).or_else(|| wait.clone());
    let Some(person) = reference(case) else { return };
    let seats: Vec<Seat<'_>> = match &case.standing {
        Standing::Holds { seat, left_over, .. } => {
            let own: Vec<_> = own_invitations(context, case, left_over, &mut draft.claimed).collect();
            std::iter::once(*seat).chain(own).collect()
        }
        Standing::Several(seats) | Standing::Claims(seats) => seats.clone(),
        Standing::Unseen => {
            draft.changes.extend(unseen(case, person, &why));
            return;
        }
        Standing::Without(_) | Standing::Vanished => {
            // Nothing is left to take away; once that is sure, nothing needs to be remembered either.
            if wait.is_none() {
                let person = case.id.clone();
                let had_one = case.link.is_some_and(|link| link.seat.is_some());
                // One list can miss a seat: what it was to us is kept until the next one agrees.
                draft.findings.push(match had_one {
                    true => Event::SeatLost { person },
                    false => Event::Unlinked { person },
                });
            }
            return;
        }
    };
    let changes = seats.into_iter().map(|seat| {
        let reasons = vec![departure.as_str().to_owned()].into_iter().chain(why.clone()).collect();
        Change::revoke(Some(person.clone()), seat, reasons).held(hold.clone())
    });
    draft.changes.extend(changes);
}

fn departure(case: &Case<'_>) -> (Departure, Option<String>) {
    match case.found.map(|entry| entry.verdict) {
        None => (Departure::Deleted, None),
        Some(Verdict::Disabled) => (Departure::Deactivated, None),
        Some(Verdict::Out(outside)) => (Departure::OutOfScope, Some(outside.to_string())),
        Some(Verdict::In(source)) => (Departure::OutOfScope, Some(source.to_string())),
    }
}

fn reference(case: &Case<'_>) -> Option<PersonRef> {
    let found = case.found.map(|entry| names::person_ref(entry.person));
    found.or_else(|| case.link.map(|link| link.person.clone()))
}

/// "report": it is said, and nothing is done.
pub(super) fn report(on: OnLeave, key: &str) -> Option<Hold> {
    match on {
        OnLeave::Remove => None,
        OnLeave::Report => Some(Hold::new(HoldReason::Policy, format!("{key} is \"report\""))),
    }
}

/// An entry for a seat that an incomplete read did not show.
fn unseen(case: &Case<'_>, person: PersonRef, why: &Option<String>) -> Option<Change> {
    let link = case.link?;
    let seat = link.seat.as_ref()?;
    let kind = match seat {
        SeatId::Member(_) => Kind::RemoveMember,
        SeatId::Invitation(_) => Kind::CancelInvitation,
    };
    let operation = Operation {
        kind,
        person: Some(person),
        target: Target::seat(seat, link.name.clone()),
        before: None,
        after: None,
        reasons: why.iter().cloned().collect(),
        invitee: None,
        replacement: false,
    };
    let change = Change { operations: vec![operation], hold: None };
    Some(change.held_for(HoldReason::IncompleteRead, "their seat was not read"))
}

/// Notes an absence and says what it still waits for.
pub(super) fn wait(
    context: &Context<'_, '_>,
    key: &PersonId,
    departure: Departure,
    draft: &mut Draft,
) -> Option<Hold> {
    if !context.directory.is_complete() {
        return Some(Hold::new(HoldReason::IncompleteRead, "the directory was not read completely"));
    }
    let contradiction = context.position(key).and_then(|at| context.scope.contradiction(at));
    if let Some(words) = contradiction.filter(|_| departure == Departure::OutOfScope) {
        return Some(Hold::new(HoldReason::IncompleteRead, words));
    }
    let lifecycle = &context.input.policy.lifecycle;
    // Another way of leaving is another absence: its count and its grace start again.
    let known = context.input.ledger.absences.get(key).filter(|absence| absence.departure == departure);
    let before = known.map_or(0, |absence| absence.confirmations);
    let needed = match departure {
        Departure::Deactivated => 1,
        Departure::Deleted | Departure::OutOfScope => lifecycle.leave_confirmations.max(1),
    };
    // Noted by a clock that was ahead: it is noted anew, or its grace would last until that time comes.
    let ahead = known.is_some_and(|absence| absence.since > context.input.now);
    if draft.absent.insert(key.clone()) && (before < needed || ahead) {
        draft.findings.push(Event::AbsenceSeen { person: key.clone(), departure });
    }
    let now = before.saturating_add(1);
    if now < needed {
        return Some(Hold::new(HoldReason::AwaitingConfirmation, format!("{now} of {needed}")));
    }
    if lifecycle.leave_grace.is_zero() {
        return None;
    }
    let Some(known) = known else {
        return Some(Hold::new(HoldReason::Grace, format!("{:#} from now on", lifecycle.leave_grace)));
    };
    let until = known.since.saturating_add(lifecycle.leave_grace).ok()?;
    (context.input.now < until).then(|| Hold::new(HoldReason::Grace, format!("until {until}")))
}

/// Absences that are over: somebody is back, or there is nothing left to take away.
pub(super) fn returned(context: &Context<'_, '_>, cases: &[Case<'_>], draft: &mut Draft) {
    let certain = context.directory.is_complete() && !context.input.team.is_cut();
    let back = |id: &PersonId| {
        let at = cases.binary_search_by(|case| case.id.cmp(id)).ok();
        at.and_then(|at| cases[at].found).is_some_and(|entry| entry.is_in_scope())
    };
    for person in context.input.ledger.absences.keys() {
        if !draft.absent.contains(person) && (certain || back(person)) {
            draft.findings.push(Event::AbsenceCleared { person: person.clone() });
        }
    }
}

/// Those of these invitations that are ours, claimed.
pub(super) fn own_invitations<'i, 'a>(
    context: &'i Context<'_, '_>,
    case: &'i Case<'_>,
    invitations: &'i [&'a Invitation],
    claimed: &'i mut BTreeSet<SeatId>,
) -> impl Iterator<Item = Seat<'a>> + 'i {
    let ours = |id: &SeatId| {
        case.link.is_some_and(|link| link.seat.as_ref() == Some(id))
            || context.input.ledger.owned.contains_key(id.as_str())
    };
    let seats = invitations.iter().map(|invitation| Seat::Invitation(invitation));
    seats.filter(move |seat| ours(&seat.id())).inspect(|seat| {
        claimed.insert(seat.id());
    })
}
