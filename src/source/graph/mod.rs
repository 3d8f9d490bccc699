//! Microsoft Graph: Entra's people, groups and app assignments, read whole or by change feeds.
//!
//! `client` sends with a `token`, `paging` and `batch` walk, `wire` knows the shapes. `people`, `groups` and `assigned`
//! read; `delta` asks what changed and `merge` lays it over the last complete snapshot.

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Mutex;

use self::certificate::Certificate;
use self::client::GraphClient;
use self::delta::Watermark;
use self::failure::{Failure, Right};
use self::groups::{Closure, Seed};
use self::merge::Merge;
use self::throttle::Pace;
use self::token::Tokens;
use self::wire::Wanted;
use crate::clock::Clock;
use crate::http::{HttpClient, HttpError, HttpOptions, Peer};
use crate::metrics::Metrics;
use crate::model::{Assignment, Coverage, DirectorySnapshot, GroupId, PersonId, Principal, Problem};
use crate::source::{Again, DirectorySource, Interest, Previous, Recheck, SourceError};

mod assigned;
mod batch;
mod certificate;
mod client;
mod delta;
mod expiry;
mod failure;
mod groups;
mod merge;
mod paging;
mod people;
mod throttle;
mod token;
mod wire;

pub use certificate::AssertionAlgorithm;
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
    expiry: Mutex<Option<(Timestamp, Option<Timestamp>)>>,
}

/// Groups as one read found them.
struct GroupsRead {
    roots: BTreeMap<String, GroupId>,
    closure: Closure,
}

/// Links of feeds that were opened before a full read.
struct Feeds {
    users: String,
    groups: Option<String>,
}

impl GraphSource {
    /// A source that has not sent anything yet.
    ///
    /// # Errors
    /// URLs that cannot be used.
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
            auth.clone(),
            clock.clone(),
        );
        let http = new(Peer::Directory, &base_url)?;
        let tenant = format!("{base_url} {tenant_id} {client_id}");
        let client = GraphClient { http, base: base_url, tokens, pace: Pace::default() };
        Ok(Self { client, client_id, auth, clock: clock.clone(), tenant, expiry: Mutex::new(None) })
    }

    /// When our own credential ends, as far as that can be known, and the name of its gauge.
    pub async fn credential_expiry(&self) -> Option<(Timestamp, &'static str)> {
        match &self.auth {
            GraphAuth::Secret(secret) => {
                let mut kept = self.expiry.lock().await;
                let now = self.clock.now();
                let fresh = kept.filter(|(asked, _)| now.duration_since(*asked) < EXPIRY_KEPT);
                let end = match fresh {
                    Some((_, end)) => end,
                    None => {
                        let end =
                            expiry::of_secret(&self.client, &self.client_id, &secret.read().ok()?, now).await;
                        *kept = Some((now, end));
                        end
                    }
                };
                Some((end?, "graph_client_secret"))
            }
            // The registration's own date for it is the certificate's, so nobody needs to be asked.
            GraphAuth::Certificate { certificate, .. } => {
                Some((Certificate::read(certificate).ok()?.ends(), "graph_certificate"))
            }
            GraphAuth::Federated(_) => None,
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

    /// Everything, with a watermark when `feeds` were opened before and nothing was missed.
    async fn whole(
        &self,
        interest: &Interest,
        wanted: &Wanted,
        feeds: Option<Feeds>,
    ) -> Result<(DirectorySnapshot, Option<Watermark>), SourceError> {
        let others = async {
            let (assignments, mut problems) = self.assignments(interest).await?;
            let read = self.read_groups(interest, &assignments).await?;
            problems.extend(read.closure.problems.iter().cloned());
            Ok((assignments, read, problems))
        };
        let ((people, mut problems), (assignments, read, more)) =
            tokio::try_join!(people::list(&self.client, wanted), others)?;
        problems.extend(more);
        let watermark = feeds.filter(|_| problems.is_empty()).map(|feeds| {
            let mut watermark = Watermark::new(self.fingerprint(interest, wanted), feeds.users, feeds.groups);
            watermark.roots = read.roots;
            watermark
        });
        let groups = read.closure.groups.into_values().collect();
        let coverage = Coverage::from_problems(problems);
        Ok((DirectorySnapshot::new(people, groups, assignments, coverage), watermark))
    }

    async fn assignments(&self, interest: &Interest) -> Result<(Vec<Assignment>, Vec<Problem>), SourceError> {
        if !interest.assignments {
            return Ok((Vec::new(), Vec::new()));
        }
        assigned::read(&self.client, &self.client_id).await
    }

    async fn read_groups(
        &self,
        interest: &Interest,
        assignments: &[Assignment],
    ) -> Result<GroupsRead, SourceError> {
        let (found, mut problems) = groups::resolve(&self.client, &interest.groups).await?;
        let assigned = assigned_groups(assignments);
        let (objects, more) = groups::objects(&self.client, assigned.iter().map(GroupId::as_str)).await?;
        problems.extend(more);
        let roots =
            found.iter().map(|(name, group)| (name.to_string(), GroupId::from(group.id.as_str()))).collect();
        let named = found.into_values().map(|group| Seed { group, follow: interest.nested });
        let plain = objects.into_values().map(|group| Seed { group, follow: false });
        let mut closure = groups::close(&self.client, named.chain(plain).collect()).await?;
        closure.problems.extend(problems);
        Ok(GroupsRead { roots, closure })
    }

    /// Opens the feeds that the next cycle will follow. A tenant that has none is read whole each time.
    async fn open_feeds(&self, interest: &Interest, wanted: &Wanted) -> Option<Feeds> {
        if wanted.defies_feeds() {
            return None;
        }
        let groups = async {
            match has_groups(interest) {
                true => delta::open_groups(&self.client).await.map(Some),
                false => Ok(None),
            }
        };
        match tokio::try_join!(delta::open_users(&self.client, wanted), groups) {
            Ok((users, groups)) => Some(Feeds { users, groups }),
            Err(failure) => {
                let reason = failure.into_problem("change feeds", Right::Users).0;
                tracing::warn!(reason, "no change feeds from Microsoft Graph, each cycle reads everything");
                None
            }
        }
    }

    /// The last snapshot with what changed since; `None` when a feed cannot go on and everything must be read.
    async fn changed(
        &self,
        interest: &Interest,
        wanted: &Wanted,
        last: &DirectorySnapshot,
        mut watermark: Watermark,
    ) -> Result<Option<(DirectorySnapshot, Option<Watermark>)>, SourceError> {
        let groups = async {
            match &watermark.groups {
                Some(link) => {
                    Ok(Some(delta::round(&self.client, link).await.map_err(|f| (f, Right::Groups))?))
                }
                None => Ok(None),
            }
        };
        let users =
            async { delta::round(&self.client, &watermark.users).await.map_err(|f| (f, Right::Users)) };
        let ((users, next_users), groups) = match tokio::try_join!(users, groups) {
            Ok(rounds) => rounds,
            Err((Failure::Answer(answer), _)) if answer.is_feed_lost() => return Ok(None),
            Err((failure, right)) => return Err(failure.into_source(right)),
        };
        let (assignments, mut problems) = self.assignments(interest).await?;
        let mut merge = Merge::new(last, std::mem::take(&mut watermark.departed));
        merge.people(&users, wanted);
        problems.extend(self.settle(&mut merge, wanted).await?);
        watermark.users = next_users;
        if let Some((changes, next)) = groups {
            merge.groups(&changes, &watermark.roots);
            watermark.groups = Some(next);
        }
        self.prune(&mut merge, interest, &assignments, &watermark);
        if merge.groups_again {
            problems.extend(self.groups_again(&mut merge, interest, &assignments, &mut watermark).await?);
        }
        watermark.departed = merge.departed;
        let complete = problems.is_empty();
        let (people, groups) = (merge.people.into_values().collect(), merge.groups.into_values().collect());
        let snapshot = DirectorySnapshot::new(people, groups, assignments, Coverage::from_problems(problems));
        Ok(Some((snapshot, complete.then_some(watermark))))
    }

    /// Reads those by id of whom the feed said too little.
    async fn settle(&self, merge: &mut Merge, wanted: &Wanted) -> Result<Vec<Problem>, SourceError> {
        let unclear: Vec<PersonId> = merge.unclear.iter().cloned().collect();
        let mut problems = Vec::new();
        for (id, again) in people::by_id(&self.client, wanted, &unclear).await? {
            match again {
                Again::There(person) => merge.settle(&id, Some(person)),
                Again::Gone => merge.settle(&id, None),
                Again::Unread(problem) => problems.push(problem),
            }
        }
        Ok(problems)
    }

    fn prune(
        &self,
        merge: &mut Merge,
        interest: &Interest,
        assignments: &[Assignment],
        watermark: &Watermark,
    ) {
        let roots: BTreeSet<GroupId> = watermark.roots.values().cloned().collect();
        let mut plain = assigned_groups(assignments);
        if interest.nested {
            merge.prune(&roots, &plain);
        } else {
            plain.extend(roots);
            merge.prune(&BTreeSet::new(), &plain);
        }
    }

    /// Reads the groups whole while people go on by their feed.
    async fn groups_again(
        &self,
        merge: &mut Merge,
        interest: &Interest,
        assignments: &[Assignment],
        watermark: &mut Watermark,
    ) -> Result<Vec<Problem>, SourceError> {
        let link =
            delta::open_groups(&self.client).await.map_err(|failure| failure.into_source(Right::Groups))?;
        let read = self.read_groups(interest, assignments).await?;
        merge.groups = read.closure.groups;
        watermark.groups = Some(link);
        watermark.roots = read.roots;
        Ok(read.closure.problems)
    }
}

impl DirectorySource for GraphSource {
    async fn read(&self, interest: &Interest) -> Result<DirectorySnapshot, SourceError> {
        let wanted = Wanted::of(interest);
        Ok(self.whole(interest, &wanted, None).await?.0)
    }

    async fn read_since(
        &self,
        interest: &Interest,
        previous: Option<Previous<'_>>,
    ) -> Result<(DirectorySnapshot, Option<String>), SourceError> {
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
        let (objects, mut problems) =
            groups::objects(&self.client, groups.iter().map(GroupId::as_str)).await?;
        let seeds = objects.into_values().map(|group| Seed { group, follow: interest.nested }).collect();
        let closure = groups::close(&self.client, seeds).await?;
        problems.extend(closure.problems);
        // A group that could not be read would look like one that holds nobody.
        match problems.into_iter().next() {
            Some(problem) => Err(SourceError::Protocol(problem.0)),
            None => Ok(Recheck { people, groups: closure.groups.into_values().collect() }),
        }
    }
}

fn has_groups(interest: &Interest) -> bool {
    !interest.groups.is_empty() || interest.assignments
}

fn assigned_groups(assignments: &[Assignment]) -> BTreeSet<GroupId> {
    let group = |assignment: &Assignment| match &assignment.principal {
        Principal::Group(id) => Some(id.clone()),
        Principal::Person(_) => None,
    };
    assignments.iter().filter_map(group).collect()
}

fn token_url(authority: &Url, tenant: &str) -> Result<Url, HttpError> {
    let path = wire::path(&[tenant, "oauth2", "v2.0", "token"], &[]);
    let text = format!("{}{path}", authority.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|_| HttpError::Setup(format!("not a URL: {text}")))
}
