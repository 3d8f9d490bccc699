//! From standings to changes: joiners and movers here, leavers in `leave`, seats that are nobody's in `stray`.

use std::collections::BTreeSet;

use crate::model::event::LinkBy;
use crate::model::policy::OnJoin;
use crate::model::{
    Access, Address, Coverage, Event, Hold, HoldReason, Invitation, Invitee, PersonId, SeatId,
};

use super::book::{People, Seats};
use super::change::{Change, Offer, Turn};
use super::correlate::{Case, Entry, Standing, Without, obstacle};
use super::mapping::{self, Desired, Mapping, Unsaid};
use super::scope::{self, Scope};
use super::seat::Seat;
use super::{Input, guard, leave, names, stray};

/// What every part of the diff looks at.
pub(super) struct Context<'c, 'a> {
    pub(super) input: &'c Input<'a>,
    pub(super) scope: &'c Scope<'a>,
    pub(super) mapping: &'c Mapping<'c>,
    pub(super) people: &'c People<'a>,
    pub(super) seats: &'c Seats<'a>,
    /// How much of the directory was seen, groups that ought to be there included.
    pub(super) directory: &'c Coverage,
}

impl Context<'_, '_> {
    /// Where somebody stands among the people of the directory.
    pub(super) fn position(&self, id: &PersonId) -> Option<usize> {
        self.input.directory.people().binary_search_by(|person| person.id.cmp(id)).ok()
    }
}

/// What the diff comes to.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) changes: Vec<Change>,
    pub(super) unchanged: usize,
    pub(super) findings: Vec<Event>,
    /// Whose absence this read saw.
    pub(super) absent: BTreeSet<PersonId>,
    /// Seats that somebody has, in whatever state.
    pub(super) claimed: BTreeSet<SeatId>,
}

impl Draft {
    pub(super) fn is_claimed(&self, seat: &SeatId) -> bool {
        self.claimed.contains(seat)
    }
}

/// Everything that ought to be done, nothing of it weighed yet.
pub(super) fn diff(context: &Context<'_, '_>, cases: &[Case<'_>]) -> Draft {
    let mut draft = Draft::default();
    for case in cases {
        draft.claimed.extend(case.standing.seats().map(Seat::id));
        draft.findings.extend(called_otherwise(case));
        match &case.found {
            Some(entry) if entry.is_in_scope() => person(context, case, *entry, &mut draft),
            Some(_) | None => leave::person(context, case, &mut draft),
        }
    }
    stray::seats(context, cases, &mut draft);
    leave::returned(context, cases, &mut draft);
    draft
}

/// Notes how the directory calls a linked person now: once it has forgotten them, their last name and address are all
/// that tells a newcomer from somebody who is back under another id. Providers may list addresses in any order, so one that
/// is still theirs is as good as another.
fn called_otherwise(case: &Case<'_>) -> Option<Event> {
    let (entry, link) = (case.found.as_ref()?, case.link?);
    let known = &link.person;
    let addresses = match entry.person.addresses.vouched() {
        [] => entry.person.addresses.all(),
        vouched => vouched,
    };
    let theirs = known.email.as_ref().is_some_and(|email| addresses.contains(email));
    let mut now = names::person_ref(entry.person);
    if theirs || now.email.is_none() {
        now.email.clone_from(&known.email);
    }
    let changed = (&now.name, &now.email) != (&known.name, &known.email);
    changed.then_some(Event::PersonChanged { person: now })
}

/// Somebody in scope.
fn person(context: &Context<'_, '_>, case: &Case<'_>, entry: Entry<'_>, draft: &mut Draft) {
    let desired = context.mapping.desired(entry.at, entry.person);
    let mover = Mover { context, case, entry, desired };
    let change = match &case.standing {
        Standing::Holds { seat, by, left_over } => {
            record_link(context, case, *seat, *by, draft);
            draft.changes.extend(mover.left_over(left_over, &mut draft.claimed));
            let change = mover.seat(*seat);
            if change.is_none() && case.conflict.is_some() && by.is_some() {
                Some(mover.nothing(*seat))
            } else {
                draft.unchanged += usize::from(change.is_none());
                change
            }
        }
        Standing::Without(why) => Some(mover.without(*why)),
        Standing::Several(seats) | Standing::Claims(seats) => {
            draft.changes.extend(seats.iter().map(|seat| mover.judged(mover.nothing(*seat))));
            None
        }
        Standing::Unseen => {
            let mut change = mover.invite(Vec::new());
            // Whatever else stands in the way was told from a read that did not show their seat.
            change.hold = Some(Hold::new(HoldReason::IncompleteRead, "their seat was not read"));
            Some(change)
        }
        Standing::Vanished => {
            if case.link.is_some_and(|link| !link.awaiting_link) {
                draft.findings.push(Event::InvitationVanished { person: case.id.clone() });
            }
            Some(mover.invite(Vec::new()).held_for(
                HoldReason::AwaitingLink,
                "their invitation is gone before its time, and nobody can be told to have accepted it",
            ))
        }
    };
    draft.changes.extend(change.map(|change| mover.judged(change)));
}

/// Notes a link that this read established; one that is in doubt is none.
pub(super) fn record_link(
    context: &Context<'_, '_>,
    case: &Case<'_>,
    seat: Seat<'_>,
    by: Option<LinkBy>,
    draft: &mut Draft,
) {
    let (Some(by), None) = (by, &case.conflict) else { return };
    // Nobody is taken for active, and so for the owner of a seat, on a word that can not be understood.
    if case.found.is_some_and(|entry| scope::unclear(entry.person).is_some()) {
        return;
    }
    let person = match (&case.found, case.link) {
        (Some(entry), _) => names::person_ref(entry.person),
        (None, Some(link)) => link.person.clone(),
        (None, None) => return,
    };
    let left = left_behind(case);
    // A protected person's invitation must stay theirs: on its own nothing would tell that it is protected.
    if !left.is_empty() && guard::protects(context, &person, [seat.name()]).is_some() {
        return;
    }
    draft.findings.push(Event::Linked {
        person,
        seat: seat.id(),
        by,
        name: seat.name().clone(),
        access: Some(seat.access().clone()),
        expires: seat.expires(),
    });
    draft.findings.extend(left.into_iter().map(|seat| Event::Adopted {
        seat: seat.id(),
        name: seat.name().clone(),
        person: Some(case.id.clone()),
    }));
}

/// Invitations that a link moves away from. They stay ours, and known as this person's, until they are taken back: a
/// guard that holds one must find the same in the next plan, whoever has its address by then.
fn left_behind<'a>(case: &Case<'a>) -> Vec<Seat<'a>> {
    let Standing::Holds { left_over, .. } = &case.standing else { return Vec::new() };
    let before = case.link.and_then(|link| link.seat.as_ref());
    let seats = left_over.iter().map(|invitation| Seat::Invitation(invitation));
    seats.filter(|seat| before == Some(&seat.id())).collect()
}

/// A person in scope and what they should be able to do.
struct Mover<'m, 'c, 'a> {
    context: &'m Context<'c, 'a>,
    case: &'m Case<'a>,
    entry: Entry<'a>,
    desired: Result<Desired, Hold>,
}

impl Mover<'_, '_, '_> {
    /// A conflict outweighs whatever else holds a change.
    fn judged(&self, mut change: Change) -> Change {
        if let Some(conflict) = &self.case.conflict {
            change.hold = Some(Hold::new(HoldReason::Conflict, conflict.clone()));
        }
        change
    }

    /// An entry for a seat of which nothing can be said: something holds it, or will.
    fn nothing(&self, seat: Seat<'_>) -> Change {
        let person = names::person_ref(self.entry.person);
        match seat {
            Seat::Member(_) => Change::update(person, seat, None, Vec::new()),
            Seat::Invitation(_) => {
                let mut change = Change::invite(person, Offer { invitee: None, access: None }, Vec::new());
                change.operations.iter_mut().for_each(|operation| operation.target = seat.target());
                change
            }
        }
    }

    fn seat(&self, seat: Seat<'_>) -> Option<Change> {
        let desired = match &self.desired {
            Ok(desired) => desired,
            Err(hold) => return Some(self.nothing(seat).held(Some(hold.clone()))),
        };
        match seat {
            Seat::Member(_) => self.member(seat, desired),
            Seat::Invitation(invitation) => self.invitation(invitation, desired),
        }
    }

    fn member(&self, seat: Seat<'_>, desired: &Desired) -> Option<Change> {
        let mapping = self.context.mapping;
        match mapping.seat(desired, seat.access(), Unsaid::Stays) {
            Err(hold) => Some(self.nothing(seat).held(Some(hold))),
            Ok(wanted) if mapping::differs(seat.access(), &wanted) => {
                let remarks = mapping.remarks(desired, Some(seat.access()), &wanted);
                let drift = self.drift(seat.access(), &wanted);
                let reasons = desired.reasons.iter().cloned().chain(remarks).chain(drift).collect();
                Some(Change::update(names::person_ref(self.entry.person), seat, Some(wanted), reasons))
            }
            Ok(_) => None,
        }
    }

    /// With what we last wrote as the third side: who moved?
    fn drift(&self, current: &Access, wanted: &Access) -> Option<String> {
        let applied = self.case.link?.applied.as_ref()?;
        let there = mapping::differs(current, &applied.clone().canonical());
        let here = mapping::differs(applied, wanted);
        match (there, here) {
            (true, false) => Some("the seat was changed at App Store Connect".to_owned()),
            (false, true) => Some("the directory or the policy changed".to_owned()),
            (true, true) => Some("both the seat and the directory or the policy changed".to_owned()),
            (false, false) => None,
        }
    }

    fn invitation(&self, invitation: &Invitation, desired: &Desired) -> Option<Change> {
        let seat = Seat::Invitation(invitation);
        if seat.is_expired(self.context.input.now) {
            return Some(self.expired(seat));
        }
        // What we offered ourselves follows the defaults too; what others offered only what speaks of this person.
        let mapping = self.context.mapping;
        let id = seat.id();
        let link = self.case.link.filter(|link| link.by == LinkBy::Invited);
        let offered = link.is_some_and(|link| link.seat.as_ref() == Some(&id));
        let mut asked = if offered { mapping.with_defaults(desired) } else { desired.clone() };
        let wanted = match mapping.seat(&asked, &invitation.access, Unsaid::Stays) {
            Ok(wanted) => wanted,
            Err(hold) => return Some(self.nothing(seat).held(Some(hold))),
        };
        let moved = offered.then(|| self.new_address(invitation)).flatten();
        let changed = mapping::differs(&invitation.access, &wanted);
        let mut reasons = Vec::new();
        let turn = match moved {
            Some(_) => {
                reasons.push(format!("{} is no longer an address of theirs", invitation.email));
                Turn::InviteFirst
            }
            None if changed => Turn::CancelFirst,
            None => return None,
        };
        // What takes the place of another's offer is ours: with the defaults from the start, or the next plan would send
        // yet another one.
        if !offered {
            asked = mapping.with_defaults(desired);
        }
        // A new invitation says everything, also what Apple did not tell of the one it replaces.
        let wanted = match mapping.seat(&asked, &invitation.access, Unsaid::IsFilled) {
            Ok(wanted) => wanted,
            Err(hold) => return Some(self.nothing(seat).held(Some(hold))),
        };
        if changed {
            let remarks = mapping.remarks(&asked, Some(&invitation.access), &wanted);
            reasons.extend(asked.reasons.iter().cloned().chain(remarks));
        }
        let email = moved.unwrap_or(&invitation.email);
        let offer = Offer { invitee: Some(names::invitee(self.entry.person, email)), access: Some(wanted) };
        let change = Change::replace(&names::person_ref(self.entry.person), seat, offer, &reasons, turn);
        Some(change.held(moved.and_then(|email| self.obstacle(email))).held(self.unread()))
    }

    /// A good invitation is not given up for another one while the group that explains it may be what was not read.
    fn unread(&self) -> Option<Hold> {
        let is_whole = self.context.directory.is_complete();
        (!is_whole).then(|| Hold::new(HoldReason::IncompleteRead, "the directory was not read completely"))
    }

    /// Their first address, when an invitation went to one that is theirs no more.
    fn new_address(&self, invitation: &Invitation) -> Option<&Address> {
        let theirs = self.entry.person.addresses.all().contains(&invitation.email)
            || self.context.people.accounts(self.entry.at).iter().any(|(name, _)| *name == invitation.email);
        if theirs { None } else { names::address(self.entry.person) }
    }

    fn expired(&self, seat: Seat<'_>) -> Change {
        let still = self.new_address_of(seat).unwrap_or_else(|| seat.name().clone());
        let person = names::person_ref(self.entry.person);
        let mut reasons = vec!["the invitation expired".to_owned()];
        let (access, problem) = self.offered(&mut reasons);
        let offer = Offer { invitee: Some(names::invitee(self.entry.person, &still)), access };
        Change::replace(&person, seat, offer, &reasons, Turn::CancelFirst)
            .held(self.obstacle_if_new(seat, &still))
            .held(problem)
            .held(self.on_join())
            .held(self.reinvite_limit())
    }

    fn new_address_of(&self, seat: Seat<'_>) -> Option<Address> {
        match seat {
            Seat::Member(_) => None,
            Seat::Invitation(invitation) => self.new_address(invitation).cloned(),
        }
    }

    fn obstacle_if_new(&self, seat: Seat<'_>, email: &Address) -> Option<Hold> {
        if seat.name() == email { None } else { self.obstacle(email) }
    }

    /// What an invitation to them would offer, or why there can be none.
    fn offered(&self, reasons: &mut Vec<String>) -> (Option<Access>, Option<Hold>) {
        let offered = self
            .desired
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|desired| self.context.mapping.invitation(desired));
        match offered {
            Ok((access, why)) => {
                reasons.extend(why);
                (Some(access), None)
            }
            Err(hold) => (None, Some(hold)),
        }
    }

    fn without(&self, why: Without) -> Change {
        let (reason, limit) = match why {
            Without::Never => (None, None),
            Without::Removed => (Some("the seat was removed at App Store Connect"), None),
            Without::Expired => (Some("the invitation expired and is gone"), self.reinvite_limit()),
            Without::TakenBack => (Some("the earlier invitation was taken back"), None),
        };
        let unread = match &self.context.input.team.coverage {
            Coverage::Failed(_) => Some("the team was not read"),
            // Apple refuses a second seat of one name, and knows nothing of somebody's others.
            Coverage::Partial(_) if self.context.seats.hides_names() && self.goes_by_other_names() => {
                Some("the team was not read completely, and they may have a seat under another name")
            }
            Coverage::Complete | Coverage::Partial(_) => None,
        };
        let unread = unread.map(|detail| Hold::new(HoldReason::IncompleteRead, detail));
        let join = match why {
            Without::Never | Without::Removed | Without::Expired => self.on_join(),
            Without::TakenBack => None,
        };
        let reasons = reason.into_iter().map(str::to_owned).collect();
        self.invite(reasons).held(join).held(unread).held(limit)
    }

    /// A seat of theirs may bear another name than the address that would be invited.
    fn goes_by_other_names(&self) -> bool {
        let invited = names::address(self.entry.person);
        let accounts = self.context.people.accounts(self.entry.at).iter().map(|(account, _)| account);
        let names = self.entry.person.addresses.all().iter().chain(accounts);
        names.filter(|name| name.is_mail()).any(|name| Some(name) != invited)
    }

    /// An invitation to their first address; held when there is none, or when it may mean somebody else.
    fn invite(&self, mut reasons: Vec<String>) -> Change {
        let (access, problem) = self.offered(&mut reasons);
        let person = names::person_ref(self.entry.person);
        let Some(email) = names::address(self.entry.person) else {
            let offer = Offer { invitee: None, access };
            let hold = Hold::new(HoldReason::InvalidAttribute, names::no_address(self.entry.person));
            return Change::invite(person, offer, reasons).held(Some(hold));
        };
        let invitee: Invitee = names::invitee(self.entry.person, email);
        let offer = Offer { invitee: Some(invitee), access };
        Change::invite(person, offer, reasons).held(self.obstacle(email)).held(problem)
    }

    /// Why nothing can be sent to an address.
    fn obstacle(&self, email: &Address) -> Option<Hold> {
        let Context { input, people, seats, .. } = self.context;
        // Apple refuses a second one: an invitation that followed them to a new address can meet a seat there.
        let taken = seats.members(email).next().is_some() || seats.invitations(email).next().is_some();
        let taken = taken.then(|| format!("{} has a seat already", email.folded()));
        obstacle(input, people, seats, email, self.case.id)
            .or(taken)
            .map(|detail| Hold::new(HoldReason::Conflict, detail))
    }

    fn on_join(&self) -> Option<Hold> {
        match self.context.input.policy.lifecycle.on_join {
            OnJoin::Invite => None,
            OnJoin::Report => Some(Hold::new(HoldReason::Policy, "lifecycle.on_join is \"report\"")),
        }
    }

    /// The first invitation is none again.
    fn reinvite_limit(&self) -> Option<Hold> {
        let sent_again = self.case.link.map_or(0, |link| link.invitations_sent.saturating_sub(1));
        let limit = self.context.input.policy.lifecycle.reinvite_max;
        (sent_again >= limit).then(|| {
            let detail = format!("invited again {sent_again} times without an answer: needs a person");
            Hold::new(HoldReason::ReinviteLimit, detail)
        })
    }

    /// Invitations beside the seat that they have: ours are taken back, others are left to `stray`.
    fn left_over(&self, left_over: &[&Invitation], claimed: &mut BTreeSet<SeatId>) -> Vec<Change> {
        let is_invited = matches!(self.case.standing, Standing::Holds { seat: Seat::Invitation(_), .. });
        let why = if is_invited { "another invitation took its place" } else { "they are a member already" };
        leave::own_invitations(self.context, self.case, left_over, claimed)
            .map(|seat| {
                let person = names::person_ref(self.entry.person);
                Change::revoke(Some(person), seat, vec![why.to_owned()])
            })
            .map(|change| change.held(scope::unclear(self.entry.person)))
            .map(|change| self.judged(change))
            .collect()
    }
}
