//! A seat as both lists show it: one noun for members and invitations.

use jiff::Timestamp;

use crate::model::{Access, Address, Invitation, Member, SeatId, Target};

/// A member or an invitation of the snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seat<'a> {
    Member(&'a Member),
    Invitation(&'a Invitation),
}

impl<'a> Seat<'a> {
    pub(super) fn id(self) -> SeatId {
        match self {
            Self::Member(member) => SeatId::Member(member.id.clone()),
            Self::Invitation(invitation) => SeatId::Invitation(invitation.id.clone()),
        }
    }

    /// The member's Apple Account or the invited address.
    pub(super) fn name(self) -> &'a Address {
        match self {
            Self::Member(member) => &member.user_name,
            Self::Invitation(invitation) => &invitation.email,
        }
    }

    pub(super) fn access(self) -> &'a Access {
        match self {
            Self::Member(member) => &member.access,
            Self::Invitation(invitation) => &invitation.access,
        }
    }

    pub(super) fn target(self) -> Target {
        Target::seat(&self.id(), self.name().clone())
    }

    /// When it lapses, where it can and that is known.
    pub(super) fn expires(self) -> Option<Timestamp> {
        match self {
            Self::Member(_) => None,
            Self::Invitation(invitation) => invitation.expires,
        }
    }

    pub(super) fn is_expired(self, now: Timestamp) -> bool {
        match self {
            Self::Member(_) => false,
            Self::Invitation(invitation) => invitation.is_expired(now),
        }
    }
}
