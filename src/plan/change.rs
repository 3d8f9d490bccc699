//! One decision: an operation, or the two halves of a replacement, which are held or done together.

use crate::model::ledger::narrows;
use crate::model::{Access, Hold, HoldReason, Invitee, Kind, Operation, PersonRef, Target};

use super::seat::Seat;

/// What is to be done about one seat, and what stands in its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// One, or both halves of a replacement in the order of applying.
    pub(super) operations: Vec<Operation>,
    pub(super) hold: Option<Hold>,
}

/// What an invitation that is about to be sent says.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) invitee: Option<Invitee>,
    pub(super) access: Option<Access>,
}

impl Change {
    pub(super) fn invite(person: PersonRef, offer: Offer, reasons: Vec<String>) -> Self {
        Self::of(Operation {
            kind: Kind::Invite,
            person: Some(person),
            target: Target::new_invitation(),
            before: None,
            after: offer.access,
            reasons,
            invitee: offer.invitee,
            replacement: false,
        })
    }

    pub(super) fn update(
        person: PersonRef,
        seat: Seat<'_>,
        after: Option<Access>,
        reasons: Vec<String>,
    ) -> Self {
        Self::of(Operation {
            kind: Kind::UpdateMember,
            person: Some(person),
            target: seat.target(),
            before: Some(seat.access().clone().canonical()),
            after,
            reasons,
            invitee: None,
            replacement: false,
        })
    }

    /// Removes a member, cancels an invitation.
    pub(super) fn revoke(person: Option<PersonRef>, seat: Seat<'_>, reasons: Vec<String>) -> Self {
        let kind = match seat {
            Seat::Member(_) => Kind::RemoveMember,
            Seat::Invitation(_) => Kind::CancelInvitation,
        };
        let before = Some(seat.access().clone().canonical());
        let target = seat.target();
        Self::of(Operation {
            kind,
            person,
            target,
            before,
            after: None,
            reasons,
            invitee: None,
            replacement: false,
        })
    }

    /// Cancels an invitation and sends another. A changed address offers the new seat before the old one goes.
    pub(super) fn replace(
        person: &PersonRef,
        seat: Seat<'_>,
        offer: Offer,
        reasons: &[String],
        turn: Turn,
    ) -> Self {
        let cancel = Self::revoke(Some(person.clone()), seat, reasons.to_vec());
        let invite = Self::invite(person.clone(), offer, reasons.to_vec());
        let halves = match turn {
            Turn::CancelFirst => [cancel, invite],
            Turn::InviteFirst => [invite, cancel],
        };
        let mut operations: Vec<Operation> = halves.into_iter().flat_map(|half| half.operations).collect();
        operations.iter_mut().for_each(|operation| operation.replacement = true);
        Self { operations, hold: None }
    }

    fn of(operation: Operation) -> Self {
        Self { operations: vec![operation], hold: None }
    }

    /// Held for this, unless something holds it already.
    #[must_use]
    pub(super) fn held(mut self, hold: Option<Hold>) -> Self {
        self.hold = self.hold.or(hold);
        self
    }

    #[must_use]
    pub(super) fn held_for(self, reason: HoldReason, detail: impl Into<String>) -> Self {
        self.held(Some(Hold::new(reason, detail)))
    }

    fn replaces(&self) -> bool {
        self.operations.len() > 1
    }

    /// What the seat may do before and after the whole change.
    fn before_and_after(&self) -> (Option<&Access>, Option<&Access>) {
        let before = self.operations.iter().find_map(|operation| operation.before.as_ref());
        let after = self.operations.iter().find_map(|operation| operation.after.as_ref());
        (before, after)
    }

    /// Takes something away: a seat, an invitation without a successor, a part of the access.
    pub(super) fn revokes(&self) -> bool {
        let removes = self.operations.iter().any(|operation| match operation.kind {
            Kind::RemoveMember | Kind::CancelInvitation => !self.replaces(),
            Kind::Invite | Kind::UpdateMember => false,
        });
        removes || matches!(self.before_and_after(), (Some(before), Some(after)) if narrows(before, after))
    }

    /// Makes an administrator of somebody who is none.
    pub(super) fn gives_admin(&self) -> bool {
        let (before, after) = self.before_and_after();
        after.is_some_and(Access::is_admin) && !before.is_some_and(Access::is_admin)
    }

    /// By how much it changes the number of members who are administrators: invitations are nobody yet.
    pub(super) fn admins(&self) -> i64 {
        let member = self.operations.iter().any(|operation| match operation.kind {
            Kind::UpdateMember | Kind::RemoveMember => true,
            Kind::Invite | Kind::CancelInvitation => false,
        });
        let (before, after) = self.before_and_after();
        let count = |access: Option<&Access>| i64::from(access.is_some_and(Access::is_admin));
        if member { count(after) - count(before) } else { 0 }
    }
}

/// Which half of a replacement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    CancelFirst,
    InviteFirst,
}
