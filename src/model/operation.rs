//! The plan as a value: what would be done, what is held back, and why. Its JSON is `rosterd.plan/1`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::directory::Problem;
use super::id::{Address, PersonId, SeatId};

/// The schema name of a plan's JSON.
pub const SCHEMA: &str = "rosterd.plan/1";

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Send an invitation. Apple sends the e-mail at once, so this is never repeated blindly.
    Invite,
    /// Take an invitation back.
    CancelInvitation,
    /// Set roles, flags and apps of a member in one request.
    UpdateMember,
    /// Remove a member from the team.
    RemoveMember,
}

impl Kind {
    /// Every kind, in the order of the plan's summary.
    pub const ALL: [Self; 4] = [Self::Invite, Self::CancelInvitation, Self::UpdateMember, Self::RemoveMember];

    /// The word in JSON, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::CancelInvitation => "cancel_invitation",
            Self::UpdateMember => "update_member",
            Self::RemoveMember => "remove_member",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom an operation is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PersonRef {
    /// IdP id.
    pub id: PersonId,
    /// Their first address; `None` when the directory has none.
    pub email: Option<Address>,
    /// First and last name, for people who read the plan.
    pub name: String,
}

/// The seat an operation touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Target {
    /// `users` or `userInvitations`.
    #[serde(rename = "type")]
    pub kind: TargetKind,
    /// Apple's id; `None` for an invitation yet to be sent.
    pub id: Option<String>,
    /// The seat's user name or invited address, where it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Address>,
}

/// Apple's resource types that are seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum TargetKind {
    /// Members.
    #[serde(rename = "users")]
    Users,
    /// Invitations.
    #[serde(rename = "userInvitations")]
    UserInvitations,
}

impl Target {
    /// An existing seat.
    pub fn seat(seat: &SeatId, name: Address) -> Self {
        let (kind, id) = match seat {
            SeatId::Member(id) => (TargetKind::Users, id.as_str()),
            SeatId::Invitation(id) => (TargetKind::UserInvitations, id.as_str()),
        };
        Self { kind, id: Some(id.to_owned()), name: Some(name) }
    }

    /// An invitation yet to be sent.
    pub fn new_invitation() -> Self {
        Self { kind: TargetKind::UserInvitations, id: None, name: None }
    }

    /// The seat, where it exists.
    pub fn seat_id(&self) -> Option<SeatId> {
        let id = self.id.as_deref()?;
        Some(match self.kind {
            TargetKind::Users => SeatId::Member(id.into()),
            TargetKind::UserInvitations => SeatId::Invitation(id.into()),
        })
    }
}

/// What an invitation says about its receiver. Apple refuses empty names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Invitee {
    /// Where it goes.
    pub email: Address,
    /// Never empty.
    pub first_name: String,
    /// Never empty.
    pub last_name: String,
}

/// One write, with every id it touches, so that applying it makes no choices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Operation {
    /// What it does.
    pub kind: Kind,
    /// `None` for a seat that nobody in the directory owns.
    pub person: Option<PersonRef>,
    /// The seat.
    pub target: Target,
    /// What the seat may do now; `None` for an invitation.
    pub before: Option<Access>,
    /// What it will be able to do; `None` for a removal or a cancelled invitation.
    pub after: Option<Access>,
    /// Why, in order of weight; one sentence each.
    pub reasons: Vec<String>,
    /// Only for `invite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitee: Option<Invitee>,
    /// True for both halves of cancel-and-invite.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replacement: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Why something was not planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// A guard; released by `approve`.
    Guard,
    /// Listed in `guard.protected`, or the Account Holder.
    Protected,
    /// Neither invited nor adopted by us.
    Unmanaged,
    /// The read it would rest on was not complete.
    IncompleteRead,
    /// Two answers where one is needed.
    Conflict,
    /// The person's own attribute cannot be used.
    InvalidAttribute,
    /// It would make someone an administrator; released by `approve`.
    NewAdmin,
    /// Absence not yet seen often enough.
    AwaitingConfirmation,
    /// Within `lifecycle.leave_grace`.
    Grace,
    /// Failed before, tried again later.
    Backoff,
    /// Invited `lifecycle.reinvite_max` times again without an answer.
    ReinviteLimit,
    /// Policy says "report", or names what the team does not have.
    Policy,
    /// Our invitation vanished and it is not clear who accepted it.
    AwaitingLink,
}

impl HoldReason {
    /// Every reason.
    pub const ALL: [Self; 13] = [
        Self::Guard,
        Self::Protected,
        Self::Unmanaged,
        Self::IncompleteRead,
        Self::Conflict,
        Self::InvalidAttribute,
        Self::NewAdmin,
        Self::AwaitingConfirmation,
        Self::Grace,
        Self::Backoff,
        Self::ReinviteLimit,
        Self::Policy,
        Self::AwaitingLink,
    ];

    /// The word in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Protected => "protected",
            Self::Unmanaged => "unmanaged",
            Self::IncompleteRead => "incomplete_read",
            Self::Conflict => "conflict",
            Self::InvalidAttribute => "invalid_attribute",
            Self::NewAdmin => "new_admin",
            Self::AwaitingConfirmation => "awaiting_confirmation",
            Self::Grace => "grace",
            Self::Backoff => "backoff",
            Self::ReinviteLimit => "reinvite_limit",
            Self::Policy => "policy",
            Self::AwaitingLink => "awaiting_link",
        }
    }

    /// True unless nothing is awaited: a seat that is not managed is left alone.
    pub fn waits(self) -> bool {
        self != Self::Unmanaged
    }

    /// True for what `approve` can release.
    pub fn is_approvable(self) -> bool {
        matches!(self, Self::Guard | Self::NewAdmin)
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Hold {
    /// The class.
    pub reason: HoldReason,
    /// The guard's key, the attribute, the other seat: one sentence at most, the same while nothing changes.
    pub detail: String,
}

impl Hold {
    /// A hold of this class.
    pub fn new(reason: HoldReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// An operation that was held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Held {
    /// What would have been done.
    #[serde(flatten)]
    pub operation: Operation,
    /// Why it was not.
    pub hold: Hold,
}

/// A seat that turned out to be somebody's in scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Adopted {
    /// Whose it is.
    pub person: PersonRef,
    /// The seat.
    pub target: Target,
}

/// How much of both sides a plan rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlanCoverage {
    /// `complete`, `partial` or `failed`.
    #[cfg_attr(test, schemars(extend("enum" = ["complete", "partial", "failed"])))]
    pub directory: String,
    /// `complete`, `partial` or `failed`.
    #[cfg_attr(test, schemars(extend("enum" = ["complete", "partial", "failed"])))]
    pub team: String,
    /// What is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Counts of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Invitations to send.
    pub invite: usize,
    /// Invitations to take back.
    pub cancel_invitation: usize,
    /// Members to change.
    pub update_member: usize,
    /// Members to remove.
    pub remove_member: usize,
    /// Entries held back, those of seats that are not managed among them.
    pub held: usize,
    /// Seats that are neither invited nor adopted by us, and left alone.
    #[serde(default)]
    pub unmanaged: usize,
    /// Seats that the next cycle takes over.
    #[serde(default)]
    pub adopted: usize,
    /// Seats that are as they should be.
    pub unchanged: usize,
}

impl Summary {
    /// What waits for something, or for somebody: a seat that is not managed does not.
    pub fn waiting(&self) -> usize {
        self.held.saturating_sub(self.unmanaged)
    }

    /// Everything that would be written.
    pub fn operations(&self) -> usize {
        self.invite + self.cancel_invitation + self.update_member + self.remove_member
    }
}

/// What applying costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Forecast {
    /// Requests to App Store Connect.
    pub requests: u64,
    /// At the budget's pace.
    pub seconds: u64,
}

/// The one value that is computed, printed, saved, approved and applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Plan {
    /// Name and version of this shape.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    pub schema: String,
    /// The configuration's `name`.
    pub team: String,
    /// When both sides had been read.
    pub created_at: Timestamp,
    /// `sha256:` and 64 hexadecimal digits over team, operations and held entries; no times, no forecast.
    #[cfg_attr(test, schemars(regex(pattern = "^sha256:[0-9a-f]{64}$")))]
    pub digest: String,
    /// How much was seen.
    pub coverage: PlanCoverage,
    /// Counts.
    pub summary: Summary,
    /// In the order of applying.
    pub operations: Vec<Operation>,
    /// What waits, and seats that are not managed.
    pub held: Vec<Held>,
    /// Seats that the next cycle takes over: they are ours from then on, and can be changed and removed.
    #[serde(default)]
    pub adopted: Vec<Adopted>,
    /// What it costs.
    pub forecast: Forecast,
}

impl PlanCoverage {
    /// True when both sides were read whole.
    pub fn is_complete(&self) -> bool {
        self.directory == "complete" && self.team == "complete"
    }
}

impl Plan {
    /// Moves operations that turned out not to be safe from what is done to what is held. The digest stays that of the plan
    /// that was shown.
    pub fn hold_back(&mut self, held: &[Held]) {
        for entry in held {
            let before = self.operations.len();
            self.operations.retain(|operation| *operation != entry.operation);
            let moved = before - self.operations.len();
            let count = match entry.operation.kind {
                Kind::Invite => &mut self.summary.invite,
                Kind::CancelInvitation => &mut self.summary.cancel_invitation,
                Kind::UpdateMember => &mut self.summary.update_member,
                Kind::RemoveMember => &mut self.summary.remove_member,
            };
            *count = count.saturating_sub(moved);
        }
        self.held.extend_from_slice(held);
        self.summary.held = self.held.len();
    }

    /// True when nothing would be written.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// What waits for something, or for somebody.
    pub fn waiting(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| held.hold.reason.waits())
    }

    /// Seats that are not managed.
    pub fn unmanaged(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(|held| !held.hold.reason.waits())
    }

    /// True when a guard holds something that `approve` can release.
    pub fn is_held_by_guard(&self) -> bool {
        self.held.iter().any(|held| held.hold.reason.is_approvable())
    }
}
