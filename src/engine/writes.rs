//! How a plan is cut into writes, and what one operation is on the wire of [`TeamWrite`].

use crate::asc::{AscError, TeamRead, TeamWrite};
use crate::model::SeatId;
use crate::model::access::AccessChange;
use crate::model::event::Outcome;
use crate::model::operation::{Kind, Operation};

/// Operations that belong together: a pair of cancel and invite, or one alone.
pub(super) type Unit<'p> = &'p [Operation];

/// Whom an operation is about, for messages.
pub fn whom(operation: &Operation) -> String {
    let person = operation.person.as_ref();
    let email = person.and_then(|person| person.email.as_ref()).or(operation.target.name.as_ref());
    match (email, person, &operation.target.id) {
        (Some(email), _, _) => email.to_string(),
        (None, Some(person), _) => person.id.to_string(),
        (None, None, Some(seat)) => seat.clone(),
        (None, None, None) => "nobody".to_owned(),
    }
}

/// One request for one operation.
pub(super) async fn write<T: TeamWrite>(
    team: &T,
    operation: &Operation,
) -> Result<(Outcome, Option<String>), AscError> {
    let broken = || AscError::Invalid {
        codes: Vec::new(),
        text: format!("the plan's {} names no seat or access", operation.kind).into(),
    };
    let id = operation.target.id.as_deref();
    let gone = |request_id| (Outcome::Applied { seat: None, expires: None }, request_id);
    match operation.kind {
        Kind::Invite => {
            let (Some(invitee), Some(after)) = (&operation.invitee, &operation.after) else {
                return Err(broken());
            };
            let written = team.invite(invitee, after).await?;
            let seat = Some(SeatId::Invitation(written.value.id));
            Ok((Outcome::Applied { seat, expires: written.value.expires }, written.request_id))
        }
        Kind::CancelInvitation => {
            let written = team.cancel(&id.ok_or_else(broken)?.into()).await?;
            Ok(gone(written.request_id))
        }
        Kind::UpdateMember => {
            let (Some(id), Some(before), Some(after)) = (id, &operation.before, &operation.after) else {
                return Err(broken());
            };
            let written = team.update(&id.into(), before, after).await?;
            let seat = Some(SeatId::Member(id.into()));
            Ok((Outcome::Applied { seat, expires: None }, written.request_id))
        }
        Kind::RemoveMember => {
            let written = team.remove(&id.ok_or_else(broken)?.into()).await?;
            Ok(gone(written.request_id))
        }
    }
}

/// Apple replaces a list of roles or apps whole, and so would undo, past every guard, whatever an administrator did to it
/// since the team was read: ADMIN taken away, an app added. Where a list is written, the seat is read again just before.
///
/// # Errors
/// What moved, or why that cannot be told.
pub(super) async fn unmoved<T: TeamRead>(team: &T, operation: &Operation) -> Result<(), String> {
    let (Kind::UpdateMember, Some(id)) = (operation.kind, operation.target.id.as_deref()) else {
        return Ok(());
    };
    let (Some(before), Some(after)) = (&operation.before, &operation.after) else { return Ok(()) };
    let change = AccessChange::between(before, after);
    if !change.replaces_lists() {
        return Ok(());
    }
    match team.access(&id.into()).await {
        Ok(now) => match change.overtaken(before, &now) {
            Some(what) => Err(format!("{what} were changed at App Store Connect since the team was read")),
            None => Ok(()),
        },
        // Apple's own word that nobody is there; the write is told the same.
        Err(AscError::Gone { .. }) => Ok(()),
        Err(error) => Err(format!("could not be read again before the change: {error}")),
    }
}

/// Cuts a plan into units: the halves of a replacement stay together.
pub(super) fn units(operations: &[Operation]) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    let mut at = 0;
    while at < operations.len() {
        let first = &operations[at];
        let pair = first.replacement
            && operations.get(at + 1).is_some_and(|next| next.replacement && next.person == first.person);
        let end = if pair { at + 2 } else { at + 1 };
        units.push(&operations[at..end]);
        at = end;
    }
    units
}

/// Groups units so that nothing of a later kind starts before everything of an earlier kind has ended.
pub(super) fn phases(units: Vec<Unit<'_>>) -> Vec<Vec<Unit<'_>>> {
    let mut phases: Vec<Vec<Unit<'_>>> = Vec::new();
    for unit in units {
        let same = phases
            .last()
            .is_some_and(|phase| phase[0][0].kind == unit[0].kind && phase[0].len() == unit.len());
        if same {
            if let Some(phase) = phases.last_mut() {
                phase.push(unit);
            }
        } else {
            phases.push(vec![unit]);
        }
    }
    phases
}

/// Puts what failed when it was last tried behind all others of its kind, so that one refusal never stands before them.
pub(super) fn failed_last(phases: &mut [Vec<Unit<'_>>], has_failed: impl Fn(&Operation) -> bool) {
    for phase in phases {
        phase.sort_by_cached_key(|unit| unit.iter().any(&has_failed));
    }
}

/// Takes out the write that goes first and alone: the first of all, but of a kind at which the key was not refused, and else
/// another than the one it was refused at. Whether a key may write nobody learns from what it was refused before.
pub(super) fn take_first<'p>(
    phases: &mut [Vec<Unit<'p>>],
    was_refused: impl Fn(&Operation) -> bool,
) -> Option<Unit<'p>> {
    let refused = |unit: &Unit<'_>| unit.iter().any(&was_refused);
    let of_its_kind = phases.iter().position(|phase| !phase.is_empty() && !phase.iter().any(refused));
    let another = || phases.iter().position(|phase| phase.iter().any(|unit| !refused(unit)));
    let at = of_its_kind.or_else(another).or_else(|| phases.iter().position(|phase| !phase.is_empty()))?;
    let first = phases[at].iter().position(|unit| !refused(unit)).unwrap_or(0);
    Some(phases[at].remove(first))
}
