//! Who is which seat. First that answers: the ledger's link, the Apple Account, an address. Two answers, or two people
//! for one seat, are a conflict: nothing is guessed.

mod claims;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::event::LinkBy;
use crate::model::ledger::{Link, seat_of_hold};
use crate::model::{Address, Invitation, InvitationId, Kind, Ledger, Member, Person, PersonId, SeatId};

use super::Input;
use super::book::{People, Seats};
use super::scope::{Scope, Verdict};
use super::seat::Seat;

/// Somebody who is in scope, or linked to a seat, or both.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) id: &'a PersonId,
    /// Their place in the directory, if they are there.
    pub(super) found: Option<Entry<'a>>,
    pub(super) link: Option<&'a Link>,
    pub(super) standing: Standing<'a>,
    /// Set when somebody or something else claims the same: whatever would be done is held.
    pub(super) conflict: Option<String>,
}

/// A person of the directory snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) at: usize,
    pub(super) person: &'a Person,
    pub(super) verdict: Verdict<'a>,
}

impl Case<'_> {
    /// Their seat is the one that the ledger links them to, and the directory still knows them.
    fn keeps_link(&self) -> bool {
        self.found.is_some() && matches!(self.standing, Standing::Holds { by: None, .. })
    }
}

impl Entry<'_> {
    pub(super) fn is_in_scope(&self) -> bool {
        matches!(self.verdict, Verdict::In(_))
    }
}

/// How somebody stands with the team.
#[derive(Clone, Debug)]
pub(super) enum Standing<'a> {
    /// This is their seat; `by` when that is news. Invitations beside a membership are left over.
    Holds { seat: Seat<'a>, by: Option<LinkBy>, left_over: Vec<&'a Invitation> },
    /// They have none.
    Without(Without),
    /// Several seats answer to them.
    Several(Vec<Seat<'a>>),
    /// They have a seat, or may have one, of which too little was read to say what to do about it.
    Unseen,
    /// Our invitation is gone before its time, and nobody can be told to have accepted it.
    Vanished,
    /// These seats fit an address of theirs that nobody vouches for, and nothing else says whose they are.
    Claims(Vec<Seat<'a>>),
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// There never was one that we know of.
    Never,
    /// Somebody removed the member at App Store Connect.
    Removed,
    /// Our invitation expired and is gone.
    Expired,
    /// We took the invitation back to replace it.
    TakenBack,
}

/// Everybody concerned, by person id, each with their standing.
pub(super) fn correlate<'a>(
    input: &Input<'a>,
    scope: &Scope<'a>,
    people: &People<'a>,
    seats: &Seats<'a>,
) -> Vec<Case<'a>> {
    let correlator = Correlator { input, scope, people, seats };
    let mut cases: Vec<Case<'a>> = in_scope_or_linked(input, scope)
        .into_iter()
        .map(|(found, link, id)| {
            let standing = correlator.standing(found, link);
            Case { id, found, link, standing, conflict: None }
        })
        .collect();
    correlator.accept_by_name(&mut cases);
    correlator.add_left_behind(&mut cases);
    correlator.find_conflicts(&mut cases);
    correlator.find_claims(&mut cases);
    cases
}

type Start<'a> = (Option<Entry<'a>>, Option<&'a Link>, &'a PersonId);

/// Directory and ledger are both ordered by id, so that one walk over the two meets everybody: looking up each of a whole
/// company in the ledger would cost more than all else that a plan does.
fn in_scope_or_linked<'a>(input: &Input<'a>, scope: &Scope<'a>) -> Vec<Start<'a>> {
    let ledger: &'a Ledger = input.ledger;
    let mut links = ledger.links.iter().peekable();
    let mut all: Vec<Start<'a>> = Vec::with_capacity(ledger.links.len());
    for (at, person) in input.directory.people().iter().enumerate() {
        while let Some((id, link)) = links.next_if(|(id, _)| **id < person.id) {
            all.push((None, Some(link), id));
        }
        let link = links.next_if(|(id, _)| **id == person.id).map(|(_, link)| link);
        let entry = Entry { at, person, verdict: scope.verdict(at) };
        if entry.is_in_scope() || link.is_some() {
            all.push((Some(entry), link, &person.id));
        }
    }
    all.extend(links.map(|(id, link)| (None, Some(link), id)));
    all
}

struct Correlator<'c, 'a> {
    input: &'c Input<'a>,
    scope: &'c Scope<'a>,
    people: &'c People<'a>,
    seats: &'c Seats<'a>,
}

/// Names that may answer, in the order of their weight: Apple Accounts, then addresses.
struct Names<'n> {
    accounts: Vec<&'n Address>,
    account_by: LinkBy,
    addresses: Vec<&'n Address>,
}

impl<'n> Names<'n> {
    fn steps(&self) -> [(&[&'n Address], LinkBy); 2] {
        [(&self.accounts, self.account_by), (&self.addresses, LinkBy::Address)]
    }

    fn all(&self) -> Vec<&'n Address> {
        self.accounts.iter().chain(&self.addresses).copied().collect()
    }
}

impl<'c, 'a: 'c> Correlator<'c, 'a> {
    fn standing(&self, found: Option<Entry<'a>>, link: Option<&'a Link>) -> Standing<'a> {
        let names = self.names(found, link);
        let Some(link) = link else {
            if self.seats.hides_any(&names.all()) {
                return Standing::Unseen;
            }
            return self.by_name(&names, None).unwrap_or(Standing::Without(Without::Never));
        };
        match link.seat.as_ref().and_then(|seat| self.seats.find(seat)) {
            Some(seat @ Seat::Member(_)) => self.holds(seat, None, &names),
            // They may be a member by now: that record could not be read.
            Some(Seat::Invitation(_)) if names.all().iter().any(|name| self.seats.is_unread_member(name)) => {
                Standing::Unseen
            }
            // Where both lists show them the member is the seat, whatever the list of invitations still says.
            Some(seat @ Seat::Invitation(_)) => match self.members(&names.all()).as_slice() {
                [] => Standing::Holds { seat, by: None, left_over: Vec::new() },
                [member] => {
                    let mut left_over = self.invitations(&names.all());
                    if let Seat::Invitation(linked) = seat
                        && left_over.iter().all(|invitation| invitation.id != linked.id)
                    {
                        left_over.push(linked);
                    }
                    Standing::Holds { seat: Seat::Member(member), by: Some(LinkBy::Accepted), left_over }
                }
                several => Standing::Several(several.iter().map(|member| Seat::Member(member)).collect()),
            },
            None => self.without_linked_seat(&names, link, found.is_some_and(|entry| entry.is_in_scope())),
        }
    }

    /// The ledger knows them, but not under a seat that is there.
    fn without_linked_seat(&self, names: &Names<'_>, link: &'a Link, in_scope: bool) -> Standing<'a> {
        if self.may_be_there(names, link) {
            return Standing::Unseen;
        }
        let invited = link.awaiting_link || matches!(link.seat, Some(SeatId::Invitation(_)));
        match self.by_name(names, invited.then_some(LinkBy::Accepted)) {
            Some(standing) if in_scope => return standing,
            // Somebody out of scope adopts nothing, but their invitation may have become a membership all the same.
            Some(standing @ (Standing::Holds { seat: Seat::Member(_), .. } | Standing::Several(_)))
                if invited =>
            {
                return standing;
            }
            Some(_) | None => {}
        }
        if self.input.team.is_cut() || !self.is_gone(link) || (invited && self.seats.hides_members()) {
            return Standing::Unseen;
        }
        let lapsed = link.expires.is_some_and(|expires| expires <= self.input.now);
        match &link.seat {
            _ if link.awaiting_link => Standing::Vanished,
            None => Standing::Without(Without::TakenBack),
            Some(SeatId::Member(_)) => Standing::Without(Without::Removed),
            Some(SeatId::Invitation(_)) if lapsed => Standing::Without(Without::Expired),
            Some(SeatId::Invitation(_)) => Standing::Vanished,
        }
    }

    /// True when the linked seat is there and could not be read, or a member's absence from the lists has not been
    /// made sure of: then no other seat is theirs, whatever its name. An invitation that is not listed may have been
    /// accepted, and a member of their name tells so.
    fn may_be_there(&self, names: &Names<'_>, link: &'a Link) -> bool {
        let unread = |seat: &SeatId| self.input.team.unread_part(seat).is_some();
        let doubted = match &link.seat {
            Some(seat @ SeatId::Member(_)) => unread(seat) || !self.is_gone(link),
            Some(seat @ SeatId::Invitation(_)) => unread(seat),
            None => false,
        };
        doubted || self.seats.hides_any(&names.all())
    }

    /// Only Apple's own word about that one seat tells that it is gone: a list may leave somebody out.
    fn is_gone(&self, link: &Link) -> bool {
        link.seat.as_ref().is_none_or(|seat| self.input.team.gone.contains(seat))
    }

    /// First that answers; a membership answers before an invitation.
    fn by_name(&self, names: &Names<'_>, accepted: Option<LinkBy>) -> Option<Standing<'a>> {
        for (step, by) in names.steps() {
            match self.members(step).as_slice() {
                [] => {}
                [member] => {
                    return Some(self.holds(Seat::Member(member), Some(accepted.unwrap_or(by)), names));
                }
                several => {
                    return Some(Standing::Several(
                        several.iter().map(|member| Seat::Member(member)).collect(),
                    ));
                }
            }
        }
        for (step, by) in names.steps() {
            match self.good_invitations(step).as_slice() {
                [] => {}
                [invitation] => {
                    let seat = Seat::Invitation(invitation);
                    return Some(Standing::Holds { seat, by: Some(by), left_over: Vec::new() });
                }
                several => {
                    return Some(Standing::Several(several.iter().map(|i| Seat::Invitation(i)).collect()));
                }
            }
        }
        None
    }

    fn holds(&self, seat: Seat<'a>, by: Option<LinkBy>, names: &Names<'_>) -> Standing<'a> {
        Standing::Holds { seat, by, left_over: self.invitations(&names.all()) }
    }

    fn names<'n>(&'n self, found: Option<Entry<'n>>, link: Option<&'n Link>) -> Names<'n>
    where
        'a: 'n,
    {
        let known = |entry: Entry<'_>| self.people.accounts(entry.at);
        let own = found.map(known).unwrap_or_default();
        let which = self.input.policy.access.match_addresses;
        let theirs = |entry: &Entry<'n>| entry.person.addresses.matching(which);
        let mut addresses: Vec<&Address> = found.iter().flat_map(theirs).collect();
        addresses.extend(link.map(|link| &link.name));
        // What we remember counts only of those whom the directory no longer knows.
        addresses.extend(link.filter(|_| found.is_none()).and_then(|link| link.person.email.as_ref()));
        let manual = addresses.iter().filter_map(|address| self.input.ledger.accounts.get(address.folded()));
        Names {
            account_by: own.first().map_or(LinkBy::Manual, |(_, by)| *by),
            accounts: own.iter().map(|(account, _)| account).chain(manual).collect(),
            addresses,
        }
    }

    fn members(&self, names: &[&Address]) -> Vec<&'a Member> {
        let mut members: Vec<&Member> = names.iter().flat_map(|name| self.seats.members(name)).collect();
        members.sort_by(|a, b| a.id.cmp(&b.id));
        members.dedup_by(|a, b| a.id == b.id);
        members
    }

    /// One that has expired is no second seat beside another.
    fn good_invitations(&self, names: &[&Address]) -> Vec<&'a Invitation> {
        let all = self.invitations(names);
        let now = self.input.now;
        let good: Vec<_> = all.iter().copied().filter(|invitation| !invitation.is_expired(now)).collect();
        if good.is_empty() {
            return all.into_iter().max_by_key(|invitation| invitation.expires).into_iter().collect();
        }
        good
    }

    fn invitations(&self, names: &[&Address]) -> Vec<&'a Invitation> {
        let mut invitations: Vec<&Invitation> =
            names.iter().flat_map(|name| self.seats.invitations(name)).collect();
        invitations.sort_by(|a, b| a.id.cmp(&b.id));
        invitations.dedup_by(|a, b| a.id == b.id);
        invitations
    }

    /// A vanished invitation was accepted under another Apple Account when exactly one new member that is nobody's has
    /// the name that was invited, and nobody else waits for one of that name.
    fn accept_by_name(&self, cases: &mut [Case<'a>]) {
        let mut waiting: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (at, case) in cases.iter().enumerate() {
            let invited_as = case.link.and_then(|link| link.invited_as.as_ref());
            // One that has lapsed by now may have been accepted while nobody looked.
            let gone = matches!(case.standing, Standing::Vanished | Standing::Without(Without::Expired));
            if let (true, Some((first, last))) = (gone, invited_as) {
                waiting.entry((folded(first), folded(last))).or_default().push(at);
            }
        }
        if waiting.is_empty() {
            return;
        }
        let mut new = self.new_members(cases);
        for (name, people) in waiting {
            if let ([at], Some([member])) = (people.as_slice(), new.remove(&name).as_deref()) {
                let seat = Seat::Member(member);
                cases[*at].standing =
                    Standing::Holds { seat, by: Some(LinkBy::Accepted), left_over: Vec::new() };
            }
        }
    }

    /// An invitation beside the seat that somebody has stays theirs, and nobody else's, when its address does not.
    fn add_left_behind(&self, cases: &mut [Case<'a>]) {
        let left: BTreeMap<&InvitationId, &PersonId> = self.input.ledger.left_behind().collect();
        if left.is_empty() {
            return;
        }
        for case in cases.iter_mut() {
            if let Standing::Holds { left_over, .. } = &mut case.standing {
                left_over.retain(|known| left.get(&known.id).is_none_or(|person| *person == case.id));
            }
        }
        for (id, person) in left {
            let Ok(at) = cases.binary_search_by(|case| case.id.cmp(person)) else { continue };
            let Some(invitation) = self.input.team.invitation(id) else { continue };
            if let Standing::Holds { left_over, .. } = &mut cases[at].standing
                && left_over.iter().all(|known| known.id != *id)
            {
                left_over.push(invitation);
            }
        }
    }

    /// Members that are nobody's, by name, and were not there before: a member that was has been reported as such.
    fn new_members(&self, cases: &[Case<'a>]) -> BTreeMap<(String, String), Vec<&'a Member>> {
        let claimed: BTreeSet<SeatId> =
            cases.iter().flat_map(|case| case.standing.seats()).map(Seat::id).collect();
        let reported: BTreeSet<&str> = (self.input.ledger.holds.keys())
            .filter(|key| key.starts_with(Kind::RemoveMember.as_str()))
            .filter_map(|key| seat_of_hold(key))
            .collect();
        let mut new: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for member in &self.input.team.members {
            let seat = SeatId::Member(member.id.clone());
            let is_new = !claimed.contains(&seat)
                && !self.input.ledger.owned.contains_key(member.id.as_str())
                && !reported.contains(member.id.as_str())
                && !member.access.is_account_holder()
                && self.people.named(&member.user_name).is_empty();
            if let (true, Some(first), Some(last)) = (is_new, &member.first_name, &member.last_name) {
                new.entry((folded(first), folded(last))).or_default().push(member);
            }
        }
        new
    }

    /// Marks whoever shares a seat, or stands on a name that may mean somebody else.
    fn find_conflicts(&self, cases: &mut [Case<'a>]) {
        let mut claims: BTreeMap<SeatId, Vec<usize>> = BTreeMap::new();
        for (at, case) in cases.iter().enumerate() {
            for seat in case.standing.seats() {
                claims.entry(seat.id()).or_default().push(at);
            }
        }
        let claimants: Vec<(&PersonId, bool)> =
            cases.iter().map(|case| (case.id, case.keeps_link())).collect();
        for case in cases.iter_mut() {
            // A person who is linked keeps the link: their departure does not wait for whoever names the address, but
            // for another link.
            let keeps = case.keeps_link();
            case.conflict = case.standing.seats().find_map(|seat| {
                let claimed = claims.get(&seat.id())?.iter().map(|at| claimants[*at]);
                let claimed = claimed.filter(|(id, linked)| *id != case.id && (*linked || !keeps));
                let others: Vec<&str> = claimed.map(|(id, _)| id.as_str()).collect();
                let others = (!others.is_empty()).then(|| others.join(", "))?;
                Some(format!("seat {} also answers to {others}", seat.name().folded()))
            });
            if case.conflict.is_none() {
                case.conflict = self.doubt(case).or_else(|| self.returned(case));
            }
        }
    }

    /// Whose id is gone while somebody in scope has their address may well be here under another id: a directory that
    /// was moved or restored numbers everybody anew.
    fn returned(&self, case: &Case<'a>) -> Option<String> {
        let link = case.link.filter(|_| case.found.is_none() && case.standing.seats().next().is_some())?;
        let everybody = self.input.directory.people();
        link.person.email.iter().chain([&link.name]).find_map(|name| {
            let in_scope = |at: &usize| matches!(self.scope.verdict(*at), Verdict::In(_));
            let mut others = self.people.named(name).into_iter().filter(in_scope).map(|at| &everybody[at].id);
            let other = others.find(|id| *id != case.id)?;
            Some(format!("{} belongs to {other} now", name.folded()))
        })
    }

    fn doubt(&self, case: &Case<'a>) -> Option<String> {
        match &case.standing {
            Standing::Several(seats) => {
                let names: Vec<&str> = seats.iter().map(|seat| seat.name().folded()).collect();
                Some(format!("several seats answer to them: {}", names.join(", ")))
            }
            Standing::Holds { seat, by: Some(_), .. } => {
                obstacle(self.input, self.people, self.seats, seat.name(), case.id)
            }
            Standing::Holds { by: None, .. }
            | Standing::Without(_)
            | Standing::Unseen
            | Standing::Vanished
            | Standing::Claims(_) => None,
        }
    }
}

/// Why an address cannot decide whose seat it is: it may mean somebody else as well, or did until lately.
pub(super) fn obstacle(
    input: &Input<'_>,
    people: &People<'_>,
    seats: &Seats<'_>,
    name: &Address,
    person: &PersonId,
) -> Option<String> {
    let folded = name.folded();
    let everybody = input.directory.people();
    if let Some(other) = people.named(name).into_iter().map(|at| &everybody[at].id).find(|id| *id != person) {
        return Some(format!("{folded} also belongs to {other}"));
    }
    if let Some(other) = seats.taken_by_other(name, person) {
        return Some(format!("{folded} belongs to the seat of {other}"));
    }
    let reservation =
        input.ledger.reservations.get(folded).filter(|reservation| reservation.person != *person)?;
    let until = reservation.released.saturating_add(input.policy.lifecycle.reuse_window).ok()?;
    (input.now < until)
        .then(|| format!("{folded} belonged to {} until lately (lifecycle.reuse_window)", reservation.person))
}

impl<'a> Standing<'a> {
    /// The seats it speaks of.
    pub(super) fn seats(&self) -> impl Iterator<Item = Seat<'a>> {
        let seats = match self {
            Self::Holds { seat, .. } => vec![*seat],
            Self::Several(seats) | Self::Claims(seats) => seats.clone(),
            Self::Without(_) | Self::Unseen | Self::Vanished => Vec::new(),
        };
        seats.into_iter()
    }
}

/// Names compared as people read them.
fn folded(name: &str) -> String {
    Address::new(name).folded().to_owned()
}
