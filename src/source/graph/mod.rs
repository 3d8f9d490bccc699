//! Microsoft Graph: Entra's people, groups and app assignments, read whole or by change feeds.
//!
//! `client` sends with a `token`, `paging` and `batch` walk, `wire` knows the shapes. `people`, `groups` and `assigned`
//! are put together by `reading`; `following` asks `delta` what changed and lays it over the last complete snapshot with
//! `merge`.

use std::sync::{Arc, Weak};

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use tokio::sync::Mutex;

use self::client::GraphClient;
use self::delta::Watermark;
use self::groups::Seed;
use self::throttle::Pace;
use self::token::{Proof, Tokens};
use self::wire::Wanted;
use crate::clock::Clock;
use crate::http::path::below;
use crate::http::{HttpClient, HttpError, HttpOptions, Peer};
use crate::metrics::Metrics;
use crate::model::{Claims, DirectorySnapshot, GroupId, PersonId};
use crate::source::{DirectorySource, Interest, Previous, Recheck, SourceError};

mod assigned;
mod batch;
mod certificate;
mod client;
mod delta;
mod expiry;
mod failure;
mod following;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod groups;
mod merge;
mod paging;
mod people;
mod reading;
mod throttle;
mod token;
mod wire;

pub use token::GraphAuth;

/// How long an answer about the end of our secret is good: it is asked for by each cycle, and moves once in months.
const EXPIRY_KEPT: SignedDuration = SignedDuration::from_hours(6);

/// `[source.graph]`.
#[derive(Clone, Debug)]
pub struct GraphSettings {
    /// An id or a verified domain.
    pub tenant_id: String,
    /// The app registration.
    pub client_id: String,
    /// Its credential.
    pub auth: GraphAuth,
    /// Where to sign in, without the tenant. This and the two below are three settings and not one, since newer
    /// sovereign clouds have hosts that no list here would know.
    pub authority_url: Url,
    /// Graph with its version.
    pub base_url: Url,
    /// `https://<Graph>/.default`.
    pub scope: String,
}

/// A tenant of Entra.
#[derive(Debug)]
pub struct GraphSource {
    client: GraphClient,
    client_id: String,
    auth: GraphAuth,
    clock: Clock,
    /// Who is read: part of what a watermark is for.
    tenant: String,
    expiry: Mutex<Option<KnownEnd>>,
}

/// What Graph said of the end of a secret.
#[derive(Debug)]
struct KnownEnd {
    of: Weak<Proof>,
    asked: Timestamp,
    end: Option<Timestamp>,
}

impl KnownEnd {
    fn is_fresh(&self, proof: &Arc<Proof>, now: Timestamp) -> bool {
        // Another secret has another end.
        Weak::ptr_eq(&self.of, &Arc::downgrade(proof)) && now.duration_since(self.asked) < EXPIRY_KEPT
    }
}

impl GraphSource {
    /// A source that has not sent anything yet. Its credential is read now.
    ///
    /// # Errors
    /// URLs or a credential that cannot be used.
    pub fn new(
        settings: GraphSettings,
        options: &HttpOptions,
        metrics: &Arc<Metrics>,
        clock: &Clock,
    ) -> Result<Self, SourceError> {
        let GraphSettings { tenant_id, client_id, auth, authority_url, base_url, scope } = settings;
        let new = |peer, url: &Url| HttpClient::new(peer, url, options, Arc::clone(metrics), clock.clone());
        let token_url = token_url(&authority_url, &tenant_id)?;
        let tokens = Tokens::new(
            new(Peer::Token, &authority_url)?,
            token_url,
            client_id.clone(),
            scope,
            auth.read()?,
            clock.clone(),
        );
        let http = new(Peer::Directory, &base_url)?;
        let tenant = format!("{base_url} {tenant_id} {client_id}");
        let client = GraphClient { http, base: base_url, tokens, pace: Pace::default() };
        Ok(Self { client, client_id, auth, clock: clock.clone(), tenant, expiry: Mutex::new(None) })
    }

    /// Reads the credential's files again, and proves who we are by what they hold from the next token on.
    ///
    /// # Errors
    /// A credential that cannot be used; the old one stays.
    pub fn renew(&self) -> Result<(), SourceError> {
        self.client.tokens.renew(self.auth.read()?);
        Ok(())
    }

    /// When our own credential ends, and how that is known: `graph` or `certificate`.
    pub async fn credential_expiry(&self) -> Option<(Timestamp, &'static str)> {
        let proof = self.client.tokens.proof();
        match &*proof {
            Proof::Secret(secret) => {
                let mut kept = self.expiry.lock().await;
                let now = self.clock.now();
                let fresh = kept.as_ref().filter(|kept| kept.is_fresh(&proof, now));
                let end = match fresh {
                    Some(kept) => kept.end,
                    None => {
                        let end = expiry::of_secret(&self.client, &self.client_id, secret, now).await;
                        *kept = Some(KnownEnd { of: Arc::downgrade(&proof), asked: now, end });
                        end
                    }
                };
                Some((end?, "graph"))
            }
            // The registration's own date for it is the certificate's, so nobody needs to be asked.
            Proof::Certificate { certificate, .. } => Some((certificate.ends(), "certificate")),
            Proof::Federated(_) => None,
        }
    }

    /// Our clock minus Graph's, in seconds, as the latest answer had it.
    pub fn skew_seconds(&self) -> Option<i64> {
        self.client.http.skew_seconds()
    }

    fn fingerprint(&self, interest: &Interest, wanted: &Wanted) -> String {
        let Interest { groups, nested, assignments, attributes: _ } = interest;
        format!("{} {} {groups:?} {nested} {assignments}", self.tenant, wanted.select)
    }
}

impl DirectorySource for GraphSource {
    async fn read(&self, interest: &Interest) -> Result<DirectorySnapshot, SourceError> {
        self.client.tokens.allow_again().await;
        let wanted = Wanted::of(interest);
        Ok(self.whole(interest, &wanted, None).await?.0)
    }

    async fn read_since(
        &self,
        interest: &Interest,
        previous: Option<Previous<'_>>,
    ) -> Result<(DirectorySnapshot, Option<String>), SourceError> {
        self.client.tokens.allow_again().await;
        let wanted = Wanted::of(interest);
        let json =
            |(snapshot, mark): (_, Option<Watermark>)| (snapshot, mark.and_then(|mark| mark.to_json()));
        if let Some(previous) = previous.filter(|previous| previous.snapshot.coverage.is_complete())
            && let Some(mark) = Watermark::parse(previous.watermark, &self.fingerprint(interest, &wanted))
        {
            match self.changed(interest, &wanted, previous.snapshot, mark).await? {
                Some(read) => return Ok(json(read)),
                None => tracing::info!("a change feed of Microsoft Graph starts over, reading everything"),
            }
        }
        let feeds = self.open_feeds(interest, &wanted).await;
        Ok(json(self.whole(interest, &wanted, feeds).await?))
    }

    async fn recheck(
        &self,
        interest: &Interest,
        people: &[PersonId],
        groups: &[GroupId],
    ) -> Result<Recheck, SourceError> {
        let wanted = Wanted::of(interest);
        let people = people::by_id(&self.client, &wanted, people).await?.into_iter().collect();
        let groups::Objects { found, mut problems, .. } =
            groups::objects(&self.client, groups.iter().map(GroupId::as_str)).await?;
        let seeds = found.into_values().map(|group| Seed { group, follow: interest.nested }).collect();
        let closure = groups::close(&self.client, seeds).await?;
        problems.extend(closure.problems);
        // A group that could not be read would look like one that holds nobody.
        match problems.into_iter().next() {
            Some(problem) => Err(SourceError::Protocol(problem.0)),
            None => Ok(Recheck {
                people,
                groups: closure.groups.into_values().collect(),
                claims: Claims::default(),
            }),
        }
    }
}

fn token_url(authority: &Url, tenant: &str) -> Result<Url, HttpError> {
    below(authority, &[tenant, "oauth2", "v2.0", "token"])
}
