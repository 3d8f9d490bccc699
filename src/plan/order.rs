//! The order of applying: what takes away first, so that a leaver never waits for a joiner, and the same for the same plan.

use crate::model::{Held, Kind, Operation};

use super::change::Change;

/// Sorts both, takes changes apart into operations and held entries.
pub(super) fn order(mut changes: Vec<Change>) -> (Vec<Operation>, Vec<Held>) {
    changes.sort_by_cached_key(key);
    let (mut operations, mut held) = (Vec::new(), Vec::new());
    for change in changes {
        match change.hold {
            None => operations.extend(change.operations),
            Some(hold) => {
                let entries = change.operations.into_iter();
                held.extend(entries.map(|operation| Held { operation, hold: hold.clone() }));
            }
        }
    }
    (operations, held)
}

/// Rank, then person, then seat; seats without a person come last among their like.
fn key(change: &Change) -> (u8, bool, String, String) {
    let first = change.operations.first();
    let person = first.and_then(|operation| operation.person.as_ref());
    let seat = change.operations.iter().find_map(|operation| operation.target.id.clone());
    let name = person.map(|person| person.id.as_str().to_owned()).unwrap_or_default();
    (rank(change), person.is_none(), name, seat.unwrap_or_default())
}

fn rank(change: &Change) -> u8 {
    match change.operations.as_slice() {
        [operation] => match operation.kind {
            Kind::RemoveMember | Kind::CancelInvitation => 0,
            Kind::UpdateMember => 2,
            Kind::Invite => 3,
        },
        _ => 1,
    }
}
