//! What rosterd knows and neither side can tell it: who is which seat, which seats are ours, what waits and what was decided.
//! A fold over the journal's events; see `state::ledger` for the fold.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::event::{Departure, IntentId, LinkBy};
use super::id::{Address, InvitationId, PersonId, SeatId};
use super::operation::{Held, Hold, Kind, Operation, PersonRef};

mod departed;
mod links;

pub use departed::Departed;
pub use links::Links;

/// A person and the seat that is theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// As last seen; the directory may have forgotten them since.
    pub person: PersonRef,
    /// The seat; `None` while there is none (an invitation was taken back to be replaced, or vanished).
    pub seat: Option<SeatId>,
    /// How the link came to be.
    pub by: LinkBy,
    /// The seat's user name or invited address.
    pub name: Address,
    /// Since when.
    pub since: Timestamp,
    /// What we last wrote or adopted: the third side of a drift report.
    pub applied: Option<Access>,
    /// First and last name as invited, to recognize an acceptance under another Apple Account.
    pub invited_as: Option<(String, String)>,
    /// When our latest invitation lapses, where Apple said.
    pub expires: Option<Timestamp>,
    /// Invitations sent in a row without acceptance; the first one counts as 1.
    pub invitations_sent: u32,
    /// True when our invitation vanished unexpired and nobody can be told to have accepted it.
    pub awaiting_link: bool,
}

/// A seat that is ours although nobody in the directory has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedSeat {
    /// Which.
    pub seat: SeatId,
    /// Its user name or invited address.
    pub name: Address,
    /// Whom it was sent to, where it is an invitation beside the seat that they have: its address tells nothing of that
    /// when it is theirs no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
}

/// How often and since when somebody was found gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// How they left.
    pub departure: Departure,
    /// Complete reads that agreed.
    pub confirmations: u32,
    /// Of the first.
    pub since: Timestamp,
}

/// Something failed and is tried again later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// In a row.
    pub failures: u32,
    /// Of the latest.
    pub last: Timestamp,
    /// One line.
    pub error: String,
}

/// An address and the IdP id it belonged to when its seat was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Whose it was.
    pub person: PersonId,
    /// Until when it was.
    pub released: Timestamp,
}

/// Leave to do a held set, once: an entry that took effect is taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Of the plan that was shown.
    pub digest: String,
    /// [`entry_key`] of each entry that is not done yet.
    pub entries: Vec<String>,
    /// 24 h after it was given.
    pub expires: Timestamp,
}

/// A write whose outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIntent {
    /// Which.
    pub intent: IntentId,
    /// When it was written down.
    pub at: Timestamp,
    /// The plan it belongs to.
    pub plan: String,
    /// What is written.
    pub operation: Operation,
    /// What came instead of an answer, where anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The latest set that guards held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardedSet {
    /// Of the plan.
    pub digest: String,
    /// Keys of `[guard]`.
    pub guards: Vec<String>,
    /// The set.
    pub entries: Vec<Held>,
    /// When.
    pub at: Timestamp,
}

/// Saved plans that are remembered as applied. One that was made before all of these is refused for its age.
pub const SPENT_KEPT: usize = 256;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Who is which seat.
    pub links: Links,
    /// Ours without a person, by seat id.
    pub owned: BTreeMap<String, OwnedSeat>,
    /// Given up, and not yet missed by a complete list, by seat id.
    pub departed: BTreeMap<String, Departed>,
    /// Manual pairs of an address (folded) and an Apple Account.
    pub accounts: BTreeMap<String, Address>,
    /// Who was found gone.
    pub absences: BTreeMap<PersonId, Absence>,
    /// What failed, by [`subject_key`].
    pub backoffs: BTreeMap<String, Backoff>,
    /// At whom a key was refused that had not written anything yet, by [`subject_key`]; empty once one has.
    pub refused: BTreeSet<String>,
    /// Addresses (folded) given up.
    pub reservations: BTreeMap<String, Reservation>,
    /// When each revocation of the last 24 h was done.
    pub revocations: Vec<Timestamp>,
    /// People in scope at the last cycle that was not held for shrinking, or was approved.
    pub scope_baseline: Option<u64>,
    /// Not yet spent.
    pub approvals: Vec<Approval>,
    /// The latest sets that guards held, newest last, a few.
    pub guarded: Vec<GuardedSet>,
    /// Writes without an outcome.
    pub open_intents: BTreeMap<String, OpenIntent>,
    /// What waits, by [`hold_key`], with the reason last written down.
    pub holds: BTreeMap<String, Hold>,
    /// Digest and time of saved plans that were to be applied and of which nothing is known to have taken effect, newest
    /// last, a few.
    pub begun_plans: Vec<(String, Timestamp)>,
    /// Digest and time of saved plans that were applied, newest last, a few.
    pub spent_plans: Vec<(String, Timestamp)>,
}

impl Ledger {
    /// The person a seat is linked to.
    pub fn person_of(&self, seat: &SeatId) -> Option<&Link> {
        self.links.of_seat(seat)
    }

    /// Invitations that linked people have no use for any more, each with whose it is.
    pub fn left_behind(&self) -> impl Iterator<Item = (&InvitationId, &PersonId)> {
        self.owned.values().filter_map(|owned| match (&owned.seat, &owned.person) {
            (SeatId::Invitation(invitation), Some(person)) if self.links.contains_key(person) => {
                Some((invitation, person))
            }
            (SeatId::Invitation(_) | SeatId::Member(_), Some(_) | None) => None,
        })
    }

    /// True when we may remove a seat: invited, linked or adopted.
    pub fn owns(&self, seat: &SeatId) -> bool {
        self.owned.contains_key(seat.as_str()) || self.person_of(seat).is_some()
    }
}

/// Whom a failure is counted against: the person, else the seat.
pub fn subject_key(operation: &Operation) -> String {
    match (&operation.person, &operation.target.id) {
        (Some(person), _) => format!("person:{}", person.id),
        (None, Some(seat)) => format!("seat:{seat}"),
        (None, None) => "nobody".to_owned(),
    }
}

/// What waits, whatever it waits for: kind, person and seat.
pub fn hold_key(operation: &Operation) -> String {
    format!("{}:{}:{}", operation.kind, subject_key(operation), operation.target.id.as_deref().unwrap_or("-"))
}

/// The seat that a [`hold_key`] speaks of; `-` where there is none.
pub fn seat_of_hold(key: &str) -> Option<&str> {
    key.rsplit(':').next()
}

/// What exactly would be done: [`hold_key`] with before and after, so that an approval fits only what was shown.
pub fn entry_key(operation: &Operation) -> String {
    let access = serde_json::json!([operation.before, operation.after, operation.invitee]);
    format!("{}:{access}", hold_key(operation))
}

/// True for what takes something away, and so counts towards the guards: a removal, an invitation cancelled without a
/// successor, access narrowed.
pub fn is_revocation(operation: &Operation) -> bool {
    match operation.kind {
        Kind::Invite => false,
        Kind::CancelInvitation => !operation.replacement,
        Kind::RemoveMember => true,
        Kind::UpdateMember => match (&operation.before, &operation.after) {
            (Some(before), Some(after)) => narrows(before, after),
            (None, _) | (_, None) => false,
        },
    }
}

/// True when a role is lost, all apps become some, an app is lost or provisioning is taken away, after Apple's rule
/// that some roles see every app. What Apple did not tell counts as lost: the guards would rather ask.
pub fn narrows(before: &Access, after: &Access) -> bool {
    let (before, after) = (before.clone().canonical(), after.clone().canonical());
    let loses_apps = match (before.all_apps_visible, after.all_apps_visible) {
        (None | Some(true), Some(false)) => true,
        (Some(false), Some(false)) => match (&before.visible_apps, &after.visible_apps) {
            (Some(had), Some(keeps)) => !had.is_subset(keeps),
            (None, _) | (_, None) => true,
        },
        (_, None | Some(true)) => false,
    };
    !before.roles.is_subset(&after.roles)
        || loses_apps
        || (before.provisioning_allowed != Some(false) && after.provisioning_allowed == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    fn access(roles: &[&str], apps: Option<&[&str]>, provisioning_allowed: bool) -> Access {
        Access {
            roles: roles.iter().map(|role| Role::new(role)).collect(),
            all_apps_visible: Some(apps.is_none()),
            provisioning_allowed: Some(provisioning_allowed),
            visible_apps: Some(apps.unwrap_or_default().iter().map(|app| (*app).into()).collect()),
        }
    }

    #[test]
    fn whatever_is_lost_narrows_and_nothing_else() {
        let cases = [
            ("the same", access(&["SALES"], None, false), access(&["SALES"], None, false), false),
            (
                "a role more",
                access(&["SALES"], None, false),
                access(&["SALES", "FINANCE"], None, false),
                false,
            ),
            ("another role", access(&["SALES"], None, false), access(&["DEVELOPER"], None, false), true),
            (
                "all apps to some",
                access(&["SALES"], None, false),
                access(&["SALES"], Some(&["1"]), false),
                true,
            ),
            (
                "some apps to all",
                access(&["SALES"], Some(&["1"]), false),
                access(&["SALES"], None, false),
                false,
            ),
            (
                "an app more",
                access(&["SALES"], Some(&["1"]), false),
                access(&["SALES"], Some(&["1", "2"]), false),
                false,
            ),
            (
                "another app",
                access(&["SALES"], Some(&["1"]), false),
                access(&["SALES"], Some(&["2"]), false),
                true,
            ),
            ("provisioning", access(&["DEVELOPER"], None, true), access(&["DEVELOPER"], None, false), true),
            (
                "apps an admin sees anyway",
                access(&["ADMIN"], None, false),
                access(&["ADMIN"], Some(&["1"]), false),
                false,
            ),
        ];
        for (what, before, after, expected) in cases {
            assert_eq!(narrows(&before, &after), expected, "{what}");
        }
    }
}
