//! App Store Connect: read the team, write one seat at a time. Planning holds a [`TeamRead`], applying a [`TeamWrite`].

mod apps;
pub mod client;
pub mod errors;
#[cfg(test)]
mod fake;
mod look;
mod paging;
pub mod rate;
mod read;
mod said;
mod seat_apps;
mod standing;
pub mod token;
pub mod wire;
mod write;

use std::collections::BTreeSet;
use std::future::Future;

use jiff::Timestamp;

pub use client::{AscClient, Reach, Settings};
pub use said::Said;
pub use standing::KeyStanding;

use crate::model::operation::Invitee;
use crate::model::{
    Access, AppId, BundleId, Invitation, InvitationId, Member, MemberId, SeatId, TeamSnapshot,
};

/// What a write came back with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// What Apple made of it.
    pub value: T,
    /// Apple's id of the request, where it sent one.
    pub request_id: Option<String>,
}

/// An invitation that was just sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: InvitationId,
    /// When it lapses.
    pub expires: Option<Timestamp>,
}

/// The team can be read.
pub trait TeamRead: Send + Sync {
    /// Members, invitations and the ids of these bundle ids. A page that fails makes the coverage partial; an error
    /// means that nothing can be said at all.
    fn read(
        &self,
        bundles: &BTreeSet<BundleId>,
    ) -> impl Future<Output = Result<TeamSnapshot, AscError>> + Send;

    /// The same team with what the lists do not show of the seats that ought to be there: each is asked for by id, a few of
    /// them at a time, for only Apple's own word tells that a seat is gone. Never fails: what could not be asked is unread.
    fn look(
        &self,
        team: TeamSnapshot,
        expected: &BTreeSet<SeatId>,
    ) -> impl Future<Output = TeamSnapshot> + Send;

    /// Both lists as they are now, without apps: settles an unknown outcome.
    fn seats(&self) -> impl Future<Output = Result<(Vec<Member>, Vec<Invitation>), AscError>> + Send;

    /// What one member may do now, apps included: a last look before a list of theirs is replaced.
    fn access(&self, member: &MemberId) -> impl Future<Output = Result<Access, AscError>> + Send;
}

/// The team can be changed. Nothing here is ever retried blindly: the caller settles unknown outcomes by reading.
pub trait TeamWrite: Send + Sync {
    /// What is known of the key's right to write.
    fn key_standing(&self) -> KeyStanding;

    /// A write with it was answered as a success is.
    fn key_wrote(&self);

    /// Sends an invitation. Apple mails it at once.
    fn invite(
        &self,
        invitee: &Invitee,
        access: &Access,
    ) -> impl Future<Output = Result<Written<Sent>, AscError>> + Send;

    /// Takes an invitation back.
    fn cancel(&self, invitation: &InvitationId)
    -> impl Future<Output = Result<Written<()>, AscError>> + Send;

    /// Sets what differs of roles, flags and apps, in one request.
    fn update(
        &self,
        member: &MemberId,
        before: &Access,
        after: &Access,
    ) -> impl Future<Output = Result<Written<()>, AscError>> + Send;

    /// Removes a member.
    fn remove(&self, member: &MemberId) -> impl Future<Output = Result<Written<()>, AscError>> + Send;
}

/// The cause of an answer that no retry cures: the whole target refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401 twice: key id, issuer, key file or kind is wrong, or the key was revoked.
    Credentials,
    /// 401 and our clock is off by this many seconds.
    ClockSkew(i64),
    /// 403: the key's role is too small for this request.
    RoleTooSmall,
    /// 403: an agreement is unsigned or lapsed.
    Agreement,
    /// 403: the membership lapsed.
    Membership,
}

/// Why a request to App Store Connect did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum AscError {
    /// The whole target refuses; the cycle ends.
    #[error("{text}")]
    Refused {
        /// The cause.
        cause: Refusal,
        /// One line.
        text: Said,
    },
    /// The address is invited or a member already, or another rule of Apple's data is broken (409).
    #[error("{text}")]
    Conflict {
        /// Apple's codes, most telling first.
        codes: Vec<String>,
        /// One line.
        text: Said,
    },
    /// No such resource, or no longer: 404 or 410 with Apple's own `NOT_FOUND`.
    #[error("{text}")]
    Gone {
        /// One line.
        text: Said,
    },
    /// Refused for this request alone (400, 422 and the like): no effect.
    #[error("{text}")]
    Invalid {
        /// Apple's codes.
        codes: Vec<String>,
        /// One line.
        text: Said,
    },
    /// Too many requests, or the wait our budget asks for is longer than 15 minutes: no effect.
    #[error("{text}")]
    RateLimited {
        /// Seconds to wait, where said.
        retry_after: Option<u64>,
        /// One line.
        text: Said,
    },
    /// Never left this machine (no connection, TLS): no effect.
    #[error("{text}")]
    NotSent {
        /// One line.
        text: Said,
    },
    /// Sent, and no telling whether it had an effect: a lost answer, a time-out, a 5xx, a page that is not Apple's.
    #[error("{text}")]
    Unknown {
        /// One line.
        text: Said,
    },
    /// A read came back in a shape that cannot be used.
    #[error("{text}")]
    Protocol {
        /// One line.
        text: Said,
    },
}

impl AscError {
    /// True when every further request would meet the same answer.
    pub fn ends_cycle(&self) -> bool {
        match self {
            Self::Refused { .. } => true,
            Self::RateLimited { retry_after, .. } => retry_after.is_some_and(|seconds| seconds > 15 * 60),
            Self::Conflict { .. }
            | Self::Gone { .. }
            | Self::Invalid { .. }
            | Self::NotSent { .. }
            | Self::Unknown { .. }
            | Self::Protocol { .. } => false,
        }
    }

    /// Apple's id of the request, which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Refused { text, .. }
            | Self::Conflict { text, .. }
            | Self::Gone { text }
            | Self::Invalid { text, .. }
            | Self::RateLimited { text, .. }
            | Self::NotSent { text }
            | Self::Unknown { text }
            | Self::Protocol { text } => text.request_id(),
        }
    }

    /// What the operator can do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { cause, .. } => Some(cause.hint()),
            Self::RateLimited { .. } => Some(
                "the key's hour is shared with everything that uses it; wait, or give rosterd a key of its own",
            ),
            Self::NotSent { .. } => {
                Some("check this machine's network, its proxy and app_store_connect.base_url")
            }
            Self::Gone { .. } | Self::Protocol { .. } => {
                Some("something else answers in App Store Connect's place: check app_store_connect.base_url")
            }
            Self::Unknown { .. } => Some("this may pass; the next cycle tries again"),
            Self::Conflict { .. } | Self::Invalid { .. } => None,
        }
    }
}

impl Refusal {
    /// The only cure of each cause.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Credentials => {
                "check key_type, issuer_id, key_id and private_key_file against Users and Access > Integrations in App Store Connect; a revoked key must be replaced"
            }
            Self::ClockSkew(_) => {
                "set this machine's clock (systemd-timesyncd, chrony); the key itself may be fine"
            }
            Self::RoleTooSmall => {
                "inviting, changing and removing people needs an API key with the Admin role; a key's role cannot be changed, so make a new key"
            }
            Self::Agreement => {
                "only the Account Holder can accept the agreement, at https://appstoreconnect.apple.com/business"
            }
            Self::Membership => {
                "only the Account Holder can renew the membership, at https://developer.apple.com/account"
            }
        }
    }
}

/// Apps of a snapshot, by bundle id.
pub type AppIds = std::collections::BTreeMap<BundleId, AppId>;
