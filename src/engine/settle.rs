//! What became of a write whose answer never came: told from both lists, as they are now.
//!
//! Apple knows no idempotency keys, but the address is one: an invitation or a member with the address we invited is
//! the effect we asked for, whoever the answer got lost on.

use crate::model::ledger::seat_of_hold;
use crate::model::operation::{Kind, Operation};
use crate::model::{Access, Address, Invitation, Ledger, Member, Outcome, SeatId};

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
            let seat = Some(SeatId::Member(member.id.clone()));
            // Whoever accepted has what was offered. With anything else they were there before, and half a list hid them.
            let offered =
                operation.after.as_ref().is_none_or(|after| same_where_known(&member.access, after));
            return Some(if offered {
                Outcome::Applied { seat, expires: None }
            } else {
                Outcome::AlreadySo { seat }
            });
        }
        let invitation = self.invitations.iter().find(|invitation| invitation.email == *email)?;
        let seat = Some(SeatId::Invitation(invitation.id.clone()));
        Some(Outcome::Applied { seat, expires: invitation.expires })
    }

    /// The member who accepted under another Apple Account what we invited, or were about to take back, before anybody
    /// could look: the only new one of the invited name, as everywhere else where that is how an acceptance is known.
    pub fn accepted_elsewhere(
        &self,
        operation: &Operation,
        ledger: &Ledger,
        is_known: impl Fn(&Address) -> bool,
    ) -> Option<SeatId> {
        let wanted = invited_name(operation, ledger)?;
        let open = ledger.open_intents.values().filter_map(|open| invited_name(&open.operation, ledger));
        if open.filter(|other| *other == wanted).count() > 1 {
            return None;
        }
        let mut new = self.members.iter().filter(|member| {
            let name = member.first_name.as_deref().zip(member.last_name.as_deref());
            let seat = SeatId::Member(member.id.clone());
            let reported = ledger.holds.keys().any(|key| seat_of_hold(key) == Some(seat.as_str()));
            name.is_some_and(|(first, last)| folded(first, last) == wanted)
                && !ledger.owns(&seat)
                && !reported
                && !member.access.is_account_holder()
                && !is_known(&member.user_name)
        });
        match (new.next(), new.next()) {
            (Some(member), None) => Some(SeatId::Member(member.id.clone())),
            (Some(_), Some(_)) | (None, _) => None,
        }
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

/// First and last name that an invitation went to, as people read them.
fn invited_name(operation: &Operation, ledger: &Ledger) -> Option<[String; 2]> {
    match operation.kind {
        Kind::Invite => {
            let invitee = operation.invitee.as_ref()?;
            Some(folded(&invitee.first_name, &invitee.last_name))
        }
        Kind::CancelInvitation => {
            let (first, last) = ledger.person_of(&operation.target.seat_id()?)?.invited_as.as_ref()?;
            Some(folded(first, last))
        }
        Kind::UpdateMember | Kind::RemoveMember => None,
    }
}

fn folded(first: &str, last: &str) -> [String; 2] {
    [first, last].map(|name| Address::new(name).folded().to_owned())
}

fn no_effect(detail: &str) -> Outcome {
    Outcome::NotApplied { detail: format!("read back: {detail}") }
}

fn same_where_known(now: &Access, wanted: &Access) -> bool {
    let (now, wanted) = (now.clone().canonical(), wanted.clone().canonical());
    let agree =
        |now: Option<bool>, wanted: Option<bool>| now.zip(wanted).is_none_or(|(now, wanted)| now == wanted);
    let limited = now.all_apps_visible == Some(false) && wanted.all_apps_visible == Some(false);
    let apps = now.visible_apps.as_ref().zip(wanted.visible_apps.as_ref());
    now.roles == wanted.roles
        && agree(now.provisioning_allowed, wanted.provisioning_allowed)
        && agree(now.all_apps_visible, wanted.all_apps_visible)
        && (!limited || apps.is_none_or(|(now, wanted)| now == wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;
    use crate::model::{Hold, HoldReason};

    fn invite(first: &str) -> Operation {
        from_value(json!({
            "kind": "invite", "person": {"id": "p1", "email": "ada@example.com", "name": "Ada King"},
            "target": {"type": "userInvitations", "id": null}, "before": null, "after": null, "reasons": [],
            "invitee": {"email": "ada@example.com", "first_name": first, "last_name": "King"},
        }))
        .expect("an operation")
    }

    fn member(id: &str, user_name: &str, first: &str) -> Member {
        Member {
            id: id.into(),
            user_name: Address::new(user_name),
            first_name: Some(first.into()),
            last_name: Some("King".into()),
            access: Access {
                roles: ["DEVELOPER".to_owned()].map(crate::model::Role::from).into(),
                all_apps_visible: Some(true),
                provisioning_allowed: Some(false),
                visible_apps: None,
            },
        }
    }

    /// Who accepted the lost invitation of Ada, where `p9@example.com` belongs to somebody else.
    fn found(members: &[Member], ledger: &Ledger) -> Option<String> {
        let seats = Seats { members, invitations: &[] };
        let is_known = |name: &Address| *name == Address::new("p9@example.com");
        seats.accepted_elsewhere(&invite("Ada"), ledger, is_known).map(|seat| seat.as_str().to_owned())
    }

    #[test]
    fn a_member_with_other_access_than_was_offered_was_there_before() {
        let mut operation = invite("Ada");
        let mut there = member("m1", "ADA@example.com", "Ada");
        operation.after = Some(there.access.clone());
        let outcome = |operation: &Operation, there: &Member| {
            Seats { members: std::slice::from_ref(there), invitations: &[] }.outcome_of(operation)
        };
        let seat = Some(SeatId::Member("m1".into()));
        assert_eq!(outcome(&operation, &there), Outcome::Applied { seat: seat.clone(), expires: None });
        there.access.provisioning_allowed = Some(true);
        assert_eq!(outcome(&operation, &there), Outcome::AlreadySo { seat });
    }

    #[test]
    fn a_lost_invitation_is_found_when_it_was_accepted_under_another_account() {
        let mut ledger = Ledger::default();
        let (home, twin) = (member("m1", "home@example.org", "ADA"), member("m2", "ada@example.net", "Ada"));
        assert_eq!(
            found(&[home.clone(), member("m3", "x@example.org", "Grace")], &ledger).as_deref(),
            Some("m1")
        );
        assert_eq!(found(&[home.clone(), twin], &ledger), None, "two of that name");
        assert_eq!(found(&[member("m4", "p9@example.com", "Ada")], &ledger), None, "somebody else's address");
        let hold = Hold::new(HoldReason::Unmanaged, "unknown");
        ledger.holds.insert("remove_member:seat:m1:m1".to_owned(), hold);
        assert_eq!(found(&[home], &ledger), None, "it was there before");
    }
}
