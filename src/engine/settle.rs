//! What became of a write whose answer never came: told from both lists, as they are now.
//!
//! Apple knows no idempotency keys, but the address is one: an invitation or a member with the address we invited is
//! the effect we asked for, whoever the answer got lost on.

use crate::model::operation::{Kind, Operation};
use crate::model::{Access, Invitation, Member, Outcome, SeatId};

/// Both lists of the team.
#[derive(Clone, Copy, Debug)]
pub struct Seats<'a> {
    /// Everybody on the team.
    pub members: &'a [Member],
    /// Everybody asked.
    pub invitations: &'a [Invitation],
}

impl Seats<'_> {
    /// The outcome that the lists show. Absence of an effect is reported as such; whether to believe it yet is the caller's.
    pub fn outcome_of(&self, operation: &Operation) -> Outcome {
        match operation.kind {
            Kind::Invite => self.invited(operation),
            Kind::CancelInvitation => self.cancelled(operation),
            Kind::UpdateMember => self.updated(operation),
            Kind::RemoveMember => self.removed(operation),
        }
    }

    /// The seat that holds an invitee's address, the member before the invitation.
    pub fn of_invitee(&self, operation: &Operation) -> Option<Outcome> {
        let email = &operation.invitee.as_ref()?.email;
        if let Some(member) = self.members.iter().find(|member| member.user_name == *email) {
            return Some(Outcome::Applied { seat: Some(SeatId::Member(member.id.clone())), expires: None });
        }
        let invitation = self.invitations.iter().find(|invitation| invitation.email == *email)?;
        let seat = Some(SeatId::Invitation(invitation.id.clone()));
        Some(Outcome::Applied { seat, expires: invitation.expires })
    }

    fn invited(&self, operation: &Operation) -> Outcome {
        self.of_invitee(operation).unwrap_or_else(|| no_effect("no invitation and no member has the address"))
    }

    fn cancelled(&self, operation: &Operation) -> Outcome {
        let listed = |id: &str| self.invitations.iter().any(|invitation| invitation.id.as_str() == id);
        if operation.target.id.as_deref().is_some_and(listed) {
            return no_effect("the invitation is still listed");
        }
        // Gone can also mean accepted: then there is a member now, and losing sight of them would leave a leaver inside.
        let accepted = operation
            .target
            .name
            .as_ref()
            .and_then(|email| self.members.iter().find(|member| member.user_name == *email));
        match accepted {
            Some(member) => Outcome::AlreadySo { seat: Some(SeatId::Member(member.id.clone())) },
            None => Outcome::Applied { seat: None, expires: None },
        }
    }

    fn updated(&self, operation: &Operation) -> Outcome {
        let member =
            self.members.iter().find(|member| operation.target.id.as_deref() == Some(member.id.as_str()));
        match (member, &operation.after) {
            (Some(member), Some(after)) if same_where_known(&member.access, after) => {
                Outcome::Applied { seat: Some(SeatId::Member(member.id.clone())), expires: None }
            }
            (Some(_), _) => no_effect("the member is as before"),
            (None, _) => no_effect("the member is gone"),
        }
    }

    fn removed(&self, operation: &Operation) -> Outcome {
        let listed =
            self.members.iter().any(|member| operation.target.id.as_deref() == Some(member.id.as_str()));
        if listed {
            no_effect("the member is still listed")
        } else {
            Outcome::Applied { seat: None, expires: None }
        }
    }
}

fn no_effect(detail: &str) -> Outcome {
    Outcome::NotApplied { detail: format!("read back: {detail}") }
}

fn same_where_known(now: &Access, wanted: &Access) -> bool {
    let (now, wanted) = (now.clone().canonical(), wanted.clone().canonical());
    let apps_agree = match (&now.visible_apps, &wanted.visible_apps) {
        (Some(now), Some(wanted)) => now == wanted,
        (None, _) | (_, None) => true,
    };
    now.roles == wanted.roles
        && now.provisioning_allowed == wanted.provisioning_allowed
        && (now.all_apps_visible.is_none() || now.all_apps_visible == wanted.all_apps_visible)
        && apps_agree
}
