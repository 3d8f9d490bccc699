//! App Store Connect's side: members and pending invitations, together the seats.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::directory::{Coverage, Problem};
use super::id::{Address, AppId, BundleId, InvitationId, MemberId, SeatId};

/// Somebody on the team.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Apple's id of the seat.
    pub id: MemberId,
    /// The Apple Account, which may differ from the address that was invited.
    pub user_name: Address,
    /// The Apple Account's own name: shown, never compared with the directory's.
    pub first_name: Option<Arc<str>>,
    /// The Apple Account's own name.
    pub last_name: Option<Arc<str>>,
    /// What they may do, after Apple's all-apps rule.
    pub access: Access,
}

/// Somebody who has been asked to join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invitation {
    /// Apple's id of the invitation.
    pub id: InvitationId,
    /// Where it was sent.
    pub email: Address,
    /// As invited.
    pub first_name: Option<Arc<str>>,
    /// As invited.
    pub last_name: Option<Arc<str>>,
    /// What they would be able to do.
    pub access: Access,
    /// Three days after it was sent. Expired ones stay listed, so this and not presence tells the state.
    pub expires: Option<Timestamp>,
}

impl Invitation {
    /// True when it can no longer be accepted.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Did every seat come, whatever could be made of it?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lists {
    /// Both lists ended cleanly and their counts agree.
    Whole,
    /// A page, a row or more is missing: what is not shown may be there all the same.
    #[default]
    Cut,
}

/// What of a seat could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadPart {
    /// Its record, or a field that decides what becomes of it: it stands in neither list of the snapshot.
    Record,
    /// Its apps only.
    Apps,
}

/// A seat that is there and could not be read whole. It holds what concerns it and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadSeat {
    /// Which; `None` where not even that could be read: it may be any seat that the lists do not show.
    pub seat: Option<SeatId>,
    /// Its user name or invited address, where that could be read.
    pub name: Option<Address>,
    /// How much is missing.
    pub part: UnreadPart,
}

/// The team as one read saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamSnapshot {
    /// Ordered by id.
    pub members: Vec<Member>,
    /// Ordered by id.
    pub invitations: Vec<Invitation>,
    /// The apps that rules name and the team has.
    pub apps: BTreeMap<BundleId, AppId>,
    /// How much was seen, single seats and apps included.
    pub coverage: Coverage,
    /// Whether absence from the lists says anything.
    #[serde(default)]
    pub lists: Lists,
    /// Seats that are there and could not be read whole.
    #[serde(default)]
    pub unread: Vec<UnreadSeat>,
    /// Seats that the lists do not show and Apple, asked by id, said to be gone.
    #[serde(default)]
    pub gone: BTreeSet<SeatId>,
}

impl TeamSnapshot {
    /// Orders both lists by id and drops repeated ids. What the coverage lacks is taken for a part of the lists, unless
    /// [`Self::with_unread`] says that it is one seat's.
    pub fn new(
        mut members: Vec<Member>,
        mut invitations: Vec<Invitation>,
        apps: BTreeMap<BundleId, AppId>,
        coverage: Coverage,
    ) -> Self {
        members.sort_by(|a, b| a.id.cmp(&b.id));
        members.dedup_by(|a, b| a.id == b.id);
        invitations.sort_by(|a, b| a.id.cmp(&b.id));
        invitations.dedup_by(|a, b| a.id == b.id);
        let lists = if coverage.is_complete() { Lists::Whole } else { Lists::Cut };
        Self { members, invitations, apps, coverage, lists, unread: Vec::new(), gone: BTreeSet::new() }
    }

    /// The same with what could not be read of single seats, or of apps: the lists are as whole as they were.
    #[must_use]
    pub fn with_unread(mut self, unread: Vec<UnreadSeat>, problems: Vec<Problem>) -> Self {
        self.unread.extend(unread);
        self.coverage = match self.coverage {
            Coverage::Complete => Coverage::from_problems(problems),
            Coverage::Partial(known) => Coverage::Partial(merged(known, problems)),
            Coverage::Failed(known) => Coverage::Failed(merged(known, problems)),
        };
        self
    }

    /// The same with seats that were asked for by id, because the lists do not show them.
    #[must_use]
    pub fn with_looked_up(
        mut self,
        members: Vec<Member>,
        invitations: Vec<Invitation>,
        gone: BTreeSet<SeatId>,
    ) -> Self {
        self.members.extend(members);
        self.invitations.extend(invitations);
        let found = Self::new(self.members, self.invitations, self.apps, Coverage::Complete);
        self.gone.extend(gone);
        Self { members: found.members, invitations: found.invitations, apps: found.apps, ..self }
    }

    /// True when a seat that is not shown may be there all the same.
    pub fn is_cut(&self) -> bool {
        self.lists == Lists::Cut
    }

    /// Seats whose records could not be read.
    pub fn unread_records(&self) -> impl Iterator<Item = &UnreadSeat> {
        self.unread.iter().filter(|unread| unread.part == UnreadPart::Record)
    }

    /// What of this seat could not be read.
    pub fn unread_part(&self, seat: &SeatId) -> Option<UnreadPart> {
        let unread = self.unread.iter().find(|unread| unread.seat.as_ref() == Some(seat))?;
        Some(unread.part)
    }

    /// True when a seat is shown, in whatever state.
    pub fn shows(&self, seat: &SeatId) -> bool {
        match seat {
            SeatId::Member(id) => self.member(id).is_some(),
            SeatId::Invitation(id) => self.invitation(id).is_some(),
        }
    }

    /// A member by id.
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.binary_search_by(|member| member.id.cmp(id)).ok().map(|at| &self.members[at])
    }

    /// An invitation by id.
    pub fn invitation(&self, id: &InvitationId) -> Option<&Invitation> {
        self.invitations
            .binary_search_by(|invitation| invitation.id.cmp(id))
            .ok()
            .map(|at| &self.invitations[at])
    }
}

fn merged(mut known: Vec<Problem>, more: Vec<Problem>) -> Vec<Problem> {
    known.extend(more);
    known.sort();
    known
}
