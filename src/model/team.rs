//! App Store Connect's side: members and pending invitations, together the seats.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::directory::Coverage;
use super::id::{Address, AppId, BundleId, InvitationId, MemberId};

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

/// The team as one read saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TeamSnapshot {
    /// Ordered by id.
    pub members: Vec<Member>,
    /// Ordered by id.
    pub invitations: Vec<Invitation>,
    /// The apps that rules name and the team has.
    pub apps: BTreeMap<BundleId, AppId>,
    /// How much was seen.
    pub coverage: Coverage,
}

impl TeamSnapshot {
    /// Orders both lists by id and drops repeated ids.
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
        Self { members, invitations, apps, coverage }
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
