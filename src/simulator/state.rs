//! Everything the simulator knows, behind one lock.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::directory::Directory;
use super::faults::Faults;
use super::key::ApiKey;
use super::switches::Switches;
use super::team::{INVITATION_LIFETIME, Team};
use crate::clock::Clock;

/// Requests kept in the log; older ones fall off, the count goes on.
const LOG_LIMIT: usize = 20_000;

/// Both sides of a simulated organization.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// App Store Connect.
    pub team: Team,
    /// The identity provider.
    pub directory: Directory,
}

/// A mail that an invitation sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub address: String,
    /// Which invitation.
    pub invitation: String,
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// 1 for the first ever.
    pub number: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// Which service.
    pub peer: super::faults::Peer,
    /// `GET`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Decoded.
    pub query: Vec<(String, String)>,
    /// As text; empty when there was none. Forms are left out, for they hold secrets.
    pub body: String,
    /// What was answered; `None`: nothing was.
    pub status: Option<u16>,
    /// The fault that struck it.
    pub fault: Option<String>,
}

/// The state of a running simulator.
#[derive(Debug)]
pub struct State {
    /// App Store Connect.
    pub team: Team,
    /// The identity provider.
    pub directory: Directory,
    /// Every mail ever sent.
    pub mails: Vec<Mail>,
    /// The latest requests.
    pub requests: VecDeque<Seen>,
    /// Faults to come.
    pub faults: Faults,
    /// What is wrong for longer than a request.
    pub switches: Switches,
    /// How far this server's clock is ahead.
    pub skew: SignedDuration,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
    /// Entra's own side: assignments, tokens, change feeds.
    pub graph: super::graph::Graph,
    pub(super) key: ApiKey,
    pub(super) clock: Clock,
    /// When each request of the last hour came.
    pub(super) budget: VecDeque<Timestamp>,
    /// Access tokens of the SCIM provider with their end.
    pub(super) tokens: BTreeMap<String, Timestamp>,
    pub(super) answered: u64,
    pub(super) moments: super::moments::Moments,
}

impl State {
    pub(super) fn new(world: World, key: ApiKey, switches: Switches, clock: Clock, origin: String) -> Self {
        Self {
            team: world.team,
            directory: world.directory,
            mails: Vec::new(),
            requests: VecDeque::new(),
            faults: Faults::default(),
            switches,
            skew: SignedDuration::ZERO,
            origin,
            graph: super::graph::Graph::default(),
            key,
            clock,
            budget: VecDeque::new(),
            tokens: BTreeMap::new(),
            answered: 0,
            moments: super::moments::Moments::default(),
        }
    }

    /// What this server takes for now.
    pub fn now(&self) -> Timestamp {
        self.clock.now().saturating_add(self.skew).unwrap_or(Timestamp::MAX)
    }

    /// When an invitation that is sent now lapses.
    pub fn invitation_end(&self) -> Timestamp {
        self.now().saturating_add(INVITATION_LIFETIME).unwrap_or(Timestamp::MAX)
    }

    /// Lets time pass without moving any clock: all that is remembered gets older by this much. A client that goes by
    /// its own clock cannot tell the difference, and its tokens stay valid.
    pub fn age(&mut self, by: SignedDuration) {
        let older = |at: &mut Timestamp| *at = at.saturating_sub(by).unwrap_or(Timestamp::MIN);
        self.team.invitations.iter_mut().for_each(|invitation| older(&mut invitation.expires));
        self.mails.iter_mut().for_each(|mail| older(&mut mail.at));
        self.requests.iter_mut().for_each(|seen| older(&mut seen.at));
        self.budget.iter_mut().for_each(older);
        self.tokens.values_mut().for_each(older);
        self.graph.age(by);
    }

    /// How many mails went to an address, whatever its case.
    pub fn mails_to(&self, address: &str) -> usize {
        self.mails.iter().filter(|mail| mail.address.eq_ignore_ascii_case(address)).count()
    }

    /// Requests that were writes to App Store Connect, answered or not, of those still in the log.
    pub fn writes(&self) -> impl Iterator<Item = &Seen> {
        self.requests
            .iter()
            .filter(|seen| seen.peer == super::faults::Peer::Asc && !matches!(&*seen.method, "GET" | "HEAD"))
    }

    /// How many requests ever came, including those that fell off the log.
    pub fn answered(&self) -> u64 {
        self.answered
    }

    /// A request that has arrived and is not answered yet.
    pub(super) fn seen(&self, call: &super::message::Call) -> Seen {
        let is_form = call.path.starts_with("/oauth2/") || call.path.ends_with("/token");
        let body = if is_form { String::new() } else { String::from_utf8_lossy(&call.body).into_owned() };
        Seen {
            number: self.answered + 1,
            at: self.now(),
            peer: call.peer,
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.clone(),
            body,
            status: None,
            fault: None,
        }
    }

    pub(super) fn log(
        &mut self,
        call: &super::message::Call,
        status: Option<u16>,
        fault: Option<String>,
    ) -> Seen {
        let seen = Seen { status, fault, ..self.seen(call) };
        self.answered += 1;
        if self.requests.len() == LOG_LIMIT {
            self.requests.pop_front();
        }
        self.requests.push_back(seen.clone());
        seen
    }
}
