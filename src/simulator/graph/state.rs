//! What the simulated tenant knows besides people and groups.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::simulator::directory::Directory;
use crate::simulator::ids::uuid;

/// Feeds whose tokens are remembered; a client keeps one or two.
const FEEDS: usize = 64;

/// An assignment to the enterprise application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assigned {
    /// A person or a group, by id.
    pub principal: String,
    /// One of [`Graph::roles`]; `None` for default access.
    pub role: Option<String>,
}

/// Entra's own side of the simulated tenant.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Who is assigned to the enterprise application.
    pub assignments: Vec<Assigned>,
    /// Values of the roles that it declares.
    pub roles: Vec<String>,
    /// Ids of groups that hide their members.
    pub hidden: BTreeSet<String>,
    /// The certificate uploaded to the app registration, DER.
    pub certificate: Option<Vec<u8>>,
    /// The token of another issuer that the app registration trusts.
    pub federated: Option<String>,
    /// When the client secret ends.
    pub secret_ends: Option<Timestamp>,
    pub(in crate::simulator) tokens: BTreeMap<String, Timestamp>,
    pub(super) feeds: VecDeque<(String, Feed)>,
    pub(super) pages: BTreeMap<String, Pages>,
    issued: u64,
}

/// What a change feed is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Users,
    Groups,
}

/// Where a feed stands: the directory as it was then.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub(super) kind: Kind,
    pub(super) select: Option<String>,
    pub(super) base: Arc<Directory>,
    pub(super) at: Timestamp,
}

/// The rest of a round.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    pub(super) path: String,
    pub(super) rest: VecDeque<Vec<Value>>,
    pub(super) delta: String,
}

impl Graph {
    /// Makes every token worthless, as an administrator or a key rotation does.
    pub fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// A token that was given out, for tests that speak HTTP themselves.
    pub fn any_token(&self) -> Option<String> {
        self.tokens.keys().next().cloned()
    }

    pub(in crate::simulator) fn age(&mut self, by: SignedDuration) {
        let older = |at: &mut Timestamp| *at = at.saturating_sub(by).unwrap_or(Timestamp::MIN);
        self.tokens.values_mut().for_each(older);
        self.feeds.iter_mut().for_each(|(_, feed)| older(&mut feed.at));
    }

    pub(super) fn new_id(&mut self) -> String {
        self.issued += 1;
        uuid(0x67a9, self.issued)
    }

    pub(super) fn feed(&self, token: &str) -> Option<&Feed> {
        self.feeds.iter().find(|(own, _)| own == token).map(|(_, feed)| feed)
    }

    pub(super) fn keep_feed(&mut self, feed: Feed) -> String {
        if self.feeds.len() == FEEDS {
            self.feeds.pop_front();
        }
        let token = self.new_id();
        self.feeds.push_back((token.clone(), feed));
        token
    }
}
