//! SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865) as a reading client.
//!
//! `client` sends and judges statuses, `wire` and `person` know the remote shapes, `paging` walks lists, `groups` and
//! `members` find out who belongs to what. Nothing here decides what a membership is worth.

mod asked;
mod auth;
mod client;
mod endpoints;
pub mod groups;
mod index_walk;
pub mod members;
mod oauth;
pub mod paging;
mod person;
mod pieces;
mod recheck;
pub mod strays;
mod wanted;
pub mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde::{Deserialize, Serialize};

pub use auth::Auth;
pub use oauth::ClientAuth;
pub use person::PersonRecord;
pub use wanted::Wanted;

use super::catalog::Catalog;
use super::{DirectorySource, Interest, Recheck, SourceError};
use crate::clock::Clock;
use crate::http::{HttpClient, HttpOptions, Peer};
use crate::metrics::Metrics;
use crate::model::{Coverage, DirectorySnapshot, GroupId, Person, PersonId, Problem};
use auth::Credentials;
use client::Client;
use endpoints::{GroupList, Single, UserList};
use groups::{GatherPlan, Gathered, MembersSeen, Roots, RootsPlan, View, gather, roots};
use members::Index;
use paging::{Begun, Method, WalkPlan, Walked, walk};
use strays::Strays;
use wire::Announced;

/// How long an announcement is good for.
const ANNOUNCED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// `[source.scim]` with its secrets read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of `/Users` and `/Groups`.
    pub base_url: Url,
    /// How we show who we are.
    pub auth: Auth,
    /// Entries asked for per page.
    pub page_size: u32,
    /// Requests in flight at once.
    pub concurrency: usize,
    /// The URN under which the provider may keep custom attributes; empty for none.
    pub attribute_namespace: String,
}

/// A directory behind SCIM 2.0.
pub struct ScimSource {
    client: Client,
    clock: Clock,
    page_size: u32,
    concurrency: usize,
    namespace: String,
    /// Group ids of the latest list: a second read of single groups has no other way to tell a nested group that
    /// comes without `type` and `$ref` from a person.
    group_ids: Mutex<BTreeSet<GroupId>>,
    /// What the provider announces of paging, and until when that is taken for granted.
    announced: Mutex<Option<(Announced, Timestamp)>>,
    /// How groups have to be asked for to show their members.
    view: Mutex<View>,
    notes: Mutex<Notebook>,
}

impl ScimSource {
    /// Opens no connection.
    ///
    /// # Errors
    /// A URL that may not be used, a token that fits no header.
    pub fn new(settings: Settings, metrics: Arc<Metrics>, clock: Clock) -> Result<Self, SourceError> {
        Self::with_options(settings, &HttpOptions::standard(), metrics, clock)
    }

    /// As [`Self::new`], with other bounds.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_options(
        settings: Settings,
        options: &HttpOptions,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        let base = settings.base_url;
        let http = HttpClient::new(Peer::Directory, &base, options, Arc::clone(&metrics), clock.clone())?;
        let credentials = Credentials::new(settings.auth, options, metrics, clock.clone())?;
        Ok(Self {
            client: Client { counts: Mutex::default(), counted: Mutex::default(), http, base, credentials },
            clock,
            page_size: settings.page_size,
            concurrency: settings.concurrency,
            namespace: settings.attribute_namespace,
            group_ids: Mutex::default(),
            announced: Mutex::default(),
            view: Mutex::default(),
            notes: Mutex::default(),
        })
    }

    /// Uses other credentials from the next request on.
    ///
    /// # Errors
    /// Credentials that cannot be used; the old ones stay.
    pub fn swap_auth(&self, auth: Auth) -> Result<(), SourceError> {
        self.client.credentials.swap(auth)
    }

    /// Our clock minus the provider's, in seconds, as its latest answer had it.
    pub fn skew_seconds(&self) -> Option<i64> {
        self.client.http.skew_seconds()
    }

    /// What the provider announces, asked for once a day: it changes with the provider's version, and a walk finds out by
    /// itself when it no longer fits.
    async fn announced(&self) -> Announced {
        let known = || self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        if let Some((announced, until)) = *known()
            && now < until
        {
            return announced;
        }
        self.client.forget_counts();
        let Some(announced) = self.client.announced().await else { return Announced::default() };
        *known() = now.checked_add(ANNOUNCED_FOR).ok().map(|until| (announced, until));
        announced
    }

    fn walk_plan(&self, announced: Announced) -> WalkPlan {
        let page_size = u64::from(self.page_size).min(announced.max_page_size.unwrap_or(u64::MAX));
        let method = if announced.cursor { Method::Cursor } else { Method::Index };
        WalkPlan { method, page_size, concurrency: self.concurrency }
    }

    fn view(&self) -> View {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wanted(&self, interest: &Interest) -> Wanted {
        Wanted::new(&interest.attributes, &self.namespace)
    }

    /// The list of groups, and what those of the interest say of their members.
    async fn list_groups(
        &self,
        interest: &Interest,
        wanted: &Wanted,
        plan: WalkPlan,
    ) -> Result<Listed, SourceError> {
        let list = GroupList::new(&self.client, &interest.groups);
        let mut listed = walk(&list, plan).await?;
        if !listed.problems.is_empty() {
            let reader = Single { client: &self.client, wanted };
            let more =
                asked::ask_for(&self.client, &reader, &interest.groups, &listed.items, self.view()).await?;
            listed.items.extend(more);
        }
        let ids: BTreeSet<GroupId> = listed.items.iter().map(|group| group.id.clone()).collect();
        self.group_ids.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&ids);
        let names = listed.items.iter().map(|group| (group.id.clone(), Arc::clone(&group.name))).collect();
        let catalog = Catalog { groups: names, problems: listed.problems };
        let chosen = catalog.choose(&interest.groups)?;
        let named = listed.items.into_iter().filter(|group| chosen.ids.contains(&group.id)).collect();
        let reader = Single { client: &self.client, wanted };
        let (members_seen, concurrency) = (list.members_seen(), self.concurrency);
        let roots = roots(&reader, named, RootsPlan { view: self.view(), members_seen, concurrency }).await?;
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = roots.view();
        let problems = catalog.problems.into_iter().chain(chosen.problems).collect();
        Ok(Listed { roots, ids, problems, members_seen })
    }

    /// The groups of the interest, as far as they can be read.
    async fn read_groups(
        &self,
        interest: &Interest,
        wanted: &Wanted,
        listed: Listed,
        people: &Walked<PersonRecord>,
    ) -> Result<Gathered, SourceError> {
        let index = Index::new(listed.ids, &people.items);
        let reader = Single { client: &self.client, wanted };
        let (members_seen, concurrency) = (listed.members_seen, self.concurrency);
        let plan = GatherPlan { nested: interest.nested, members_seen, concurrency };
        let notebook = || self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = notebook().memory.clone();
        let strays = match people.problems.as_slice() {
            [] => Strays::LookUp { memory: &mut memory, now: self.clock.now() },
            [_, ..] => Strays::Keep,
        };
        let mut gathered = gather(&reader, index, listed.roots, plan, strays).await?;
        notebook().keep(memory);
        gathered.problems.splice(0..0, listed.problems);
        Ok(gathered)
    }
}

/// What is remembered from read to read, and whether that was told since it changed.
#[derive(Debug, Default)]
struct Notebook {
    memory: strays::Memory,
    changed: bool,
}

impl Notebook {
    fn keep(&mut self, memory: strays::Memory) {
        self.changed |= memory != self.memory;
        self.memory = memory;
    }
}

/// A [`Notebook`] as it is kept: ids mean something at one provider only.
#[derive(Serialize, Deserialize)]
struct Notes {
    provider: String,
    strays: strays::Memory,
}

/// The list of groups as it was read.
struct Listed {
    roots: Roots,
    ids: BTreeSet<GroupId>,
    problems: Vec<Problem>,
    members_seen: MembersSeen,
}

impl DirectorySource for ScimSource {
    async fn read(&self, interest: &Interest) -> Result<DirectorySnapshot, SourceError> {
        self.client.credentials.allow_again().await;
        let plan = self.walk_plan(self.announced().await);
        let wanted = self.wanted(interest);
        let users = UserList { client: &self.client, wanted: &wanted };
        // Neither list waits for the other; what a group's references mean is found out when both are there.
        let groups = async {
            let any = !interest.groups.is_empty();
            if any { self.list_groups(interest, &wanted, plan).await.map(Some) } else { Ok(None) }
        };
        let (people, groups) = futures_util::join!(Box::pin(walk(&users, plan)), Box::pin(groups));
        let people = people?;
        if people.begun == Begun::No {
            return Ok(DirectorySnapshot::new(vec![], vec![], vec![], Coverage::Failed(people.problems)));
        }
        let gathered = match groups? {
            Some(listed) => self.read_groups(interest, &wanted, listed, &people).await?,
            None => Gathered::default(),
        };
        let problems = people.problems.into_iter().chain(gathered.problems).collect();
        let mut all: Vec<Person> = people.items.into_iter().map(|record| record.person).collect();
        all.extend(gathered.people.into_iter().map(|record| record.person));
        let coverage = Coverage::from_problems(problems);
        Ok(DirectorySnapshot::new(all, gathered.groups, vec![], coverage).with_claims(gathered.claims))
    }

    fn notes(&self) -> Option<String> {
        let mut notebook = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::take(&mut notebook.changed) {
            return None;
        }
        let provider = self.client.base.to_string();
        serde_json::to_string(&Notes { provider, strays: notebook.memory.clone() }).ok()
    }

    fn take_up(&self, notes: &str) {
        let notes = serde_json::from_str::<Notes>(notes).ok();
        if let Some(notes) = notes.filter(|notes| notes.provider == self.client.base.as_str()) {
            self.notes.lock().unwrap_or_else(PoisonError::into_inner).memory = notes.strays;
        }
    }

    async fn recheck(
        &self,
        interest: &Interest,
        people: &[PersonId],
        groups: &[GroupId],
    ) -> Result<Recheck, SourceError> {
        recheck::recheck(self, interest, people, groups).await
    }
}

#[cfg(test)]
mod tests;
