//! Who is who by address: indexes over people and seats, so that nothing looks through a whole list twice.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};

use crate::model::event::LinkBy;
use crate::model::policy::MatchAddresses;
use crate::model::{Address, Invitation, Ledger, Member, Person, PersonId, SeatId, TeamSnapshot, UnreadSeat};

use super::Input;
use super::mapping::Mapping;
use super::seat::Seat;

/// People by address and by Apple Account, each by their position in the snapshot.
pub(super) struct People<'a> {
    people: &'a [Person],
    /// Which addresses may find a seat.
    which: MatchAddresses,
    /// For each address the upper half of its hash, then the person's place: comparing the addresses of a whole company
    /// letter by letter takes longer than all the rest of a plan, and numbers are sorted fastest.
    by_address: Vec<u64>,
    /// Attribute and manual mapping; few, so kept apart from the addresses that everybody has.
    accounts: BTreeMap<usize, Vec<(Address, LinkBy)>>,
    by_account: BTreeSet<(String, usize)>,
}

impl<'a> People<'a> {
    pub(super) fn new(people: &'a [Person], mapping: &Mapping<'_>, ledger: &Ledger) -> Self {
        let mut book = Self {
            people,
            which: mapping.match_addresses(),
            by_address: Vec::with_capacity(people.len() * 2),
            accounts: BTreeMap::new(),
            by_account: BTreeSet::new(),
        };
        for (at, person) in people.iter().enumerate() {
            let addresses = person.addresses.all().iter();
            book.by_address.extend(addresses.map(|address| hashed(address.folded()) | at as u64));
            if mapping.reads_apple_accounts() {
                book.add_account(at, mapping.apple_account(person), LinkBy::AppleAccount);
            }
        }
        book.by_address.sort_unstable();
        book.by_address.dedup();
        for (address, account) in &ledger.accounts {
            for at in book.with_address(address, book.which).collect::<Vec<_>>() {
                book.add_account(at, Some(account.clone()), LinkBy::Manual);
            }
        }
        book
    }

    fn add_account(&mut self, at: usize, account: Option<Address>, by: LinkBy) {
        let Some(account) = account else { return };
        if self.by_account.insert((account.folded().to_owned(), at)) {
            self.accounts.entry(at).or_default().push((account, by));
        }
    }

    /// The Apple Accounts of a person, and who says so.
    pub(super) fn accounts(&self, at: usize) -> &[(Address, LinkBy)] {
        self.accounts.get(&at).map_or(&[], Vec::as_slice)
    }

    /// Everybody with this address among those of theirs.
    fn with_address(&self, folded: &str, which: MatchAddresses) -> impl Iterator<Item = usize> {
        let hash = hashed(folded);
        let from = self.by_address.partition_point(|key| *key < hash);
        let same = self.by_address[from..].iter().take_while(move |key| **key & !PLACE == hash);
        let places = same.filter_map(|key| usize::try_from(key & PLACE).ok());
        let theirs = move |at: &usize| self.people[*at].addresses.matching(which);
        places.filter(move |at| theirs(at).iter().any(|address| address.folded() == folded))
    }

    /// Everybody whose seat one of this name may be.
    pub(super) fn named(&self, name: &Address) -> BTreeSet<usize> {
        self.named_by(name, self.which)
    }

    /// Everybody who names this in any way, also by an address that nobody vouches for. That gives them no seat, and is
    /// reason enough not to call one nobody's.
    pub(super) fn mentioning(&self, name: &Address) -> BTreeSet<usize> {
        self.named_by(name, MatchAddresses::Any)
    }

    fn named_by(&self, name: &Address, which: MatchAddresses) -> BTreeSet<usize> {
        let folded = name.folded();
        let accounts = self
            .by_account
            .range((folded.to_owned(), 0)..)
            .take_while(|(known, _)| known == folded)
            .map(|(_, at)| *at);
        self.with_address(folded, which).chain(accounts).collect()
    }
}

/// Seats by name, and by whose name they go.
pub(super) struct Seats<'a> {
    team: &'a TeamSnapshot,
    members: Vec<(&'a str, &'a Member)>,
    invitations: Vec<(&'a str, &'a Invitation)>,
    /// Names of seats that are there and could not be read, each with whether it may be a member's.
    unread: BTreeMap<&'a str, bool>,
    /// What seats may be there that nobody can be told to have.
    hidden: Hidden,
    /// Names of linked seats and of invitations left behind, and last known addresses of linked people whom the directory
    /// has forgotten.
    taken: BTreeMap<&'a str, BTreeSet<&'a PersonId>>,
}

/// Seats that are there, linked to nobody, and whose records could not be read: anybody's, for all that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Hidden {
    /// One may be a member.
    members: bool,
    /// One has no name.
    nameless: bool,
}

impl Hidden {
    fn of(input: &Input<'_>) -> Self {
        let linked = |seat: &SeatId| input.ledger.links.of_seat(seat).is_some();
        let unread = input.team.unread_records();
        let strangers = unread.filter(|unread| !unread.seat.as_ref().is_some_and(linked));
        strangers.fold(Self::default(), |hidden, unread| Self {
            members: hidden.members || may_be_member(unread),
            nameless: hidden.nameless || unread.name.is_none(),
        })
    }
}

fn may_be_member(unread: &UnreadSeat) -> bool {
    !matches!(unread.seat, Some(SeatId::Invitation(_)))
}

impl<'a> Seats<'a> {
    pub(super) fn new(input: &Input<'a>) -> Self {
        let (team, ledger) = (input.team, input.ledger);
        let mut members: Vec<_> = team.members.iter().map(|seat| (seat.user_name.folded(), seat)).collect();
        members.sort_by_key(|(name, seat)| (*name, &seat.id));
        let mut invitations: Vec<_> =
            team.invitations.iter().map(|seat| (seat.email.folded(), seat)).collect();
        invitations.sort_by_key(|(name, seat)| (*name, &seat.id));
        let mut taken: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (person, link) in &ledger.links {
            let gone = input.directory.person(person).is_none();
            let names = link.seat.iter().map(|_| &link.name).chain(link.person.email.iter().filter(|_| gone));
            for name in names {
                taken.entry(name.folded()).or_default().insert(person);
            }
        }
        // What they left behind is theirs until it is taken back: nobody takes it over in between.
        for (id, person) in ledger.left_behind() {
            if let Some(invitation) = team.invitation(id) {
                taken.entry(invitation.email.folded()).or_default().insert(person);
            }
        }
        let mut unread = BTreeMap::new();
        for record in team.unread_records() {
            if let Some(name) = &record.name {
                *unread.entry(name.folded()).or_default() |= may_be_member(record);
            }
        }
        Self { team, members, invitations, unread, hidden: Hidden::of(input), taken }
    }

    pub(super) fn find(&self, seat: &SeatId) -> Option<Seat<'a>> {
        match seat {
            SeatId::Member(id) => self.team.member(id).map(Seat::Member),
            SeatId::Invitation(id) => self.team.invitation(id).map(Seat::Invitation),
        }
    }

    /// True when a seat of one of these names is there and could not be read.
    pub(super) fn hides_any(&self, names: &[&Address]) -> bool {
        !self.unread.is_empty() && names.iter().any(|name| self.unread.contains_key(name.folded()))
    }

    /// The same of one name and a seat that may be a member's.
    pub(super) fn is_unread_member(&self, name: &Address) -> bool {
        self.unread.get(name.folded()).copied().unwrap_or_default()
    }

    /// True when somebody may be a member without anybody being able to tell who.
    pub(super) fn hides_members(&self) -> bool {
        self.hidden.members
    }

    /// True when a seat that is not shown, or goes by a name that could not be read, may be anybody's.
    pub(super) fn hides_names(&self) -> bool {
        self.team.is_cut() || self.hidden.nameless
    }

    /// Members whose Apple Account is this.
    pub(super) fn members(&self, name: &Address) -> impl Iterator<Item = &'a Member> {
        named(&self.members, name.folded())
    }

    /// Invitations that went there.
    pub(super) fn invitations(&self, name: &Address) -> impl Iterator<Item = &'a Invitation> {
        named(&self.invitations, name.folded())
    }

    /// A linked person, other than this one, by whose name or last known address this goes.
    pub(super) fn taken_by_other(&self, name: &Address, person: &PersonId) -> Option<&'a PersonId> {
        self.taken.get(name.folded())?.iter().find(|other| **other != person).copied()
    }
}

/// The half of an entry of the index that says whose address it is; no directory has 2^32 people.
const PLACE: u64 = u32::MAX as u64;

/// The other half. The hash decides about places in the index only, never about an order that anybody sees.
fn hashed(folded: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(folded.as_bytes());
    hasher.finish() & !PLACE
}

fn named<'i, 'a, T>(
    index: &'i [(&'a str, &'a T)],
    folded: &str,
) -> impl Iterator<Item = &'a T> + use<'i, 'a, T> {
    let from = index.partition_point(|(name, _)| *name < folded);
    let to = from + index[from..].partition_point(|(name, _)| *name == folded);
    index[from..to].iter().map(|(_, seat)| *seat)
}
