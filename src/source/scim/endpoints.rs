//! `/Users` and `/Groups`: lists for the walk, single resources for a second look.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::client::{Client, One, unreadable};
use super::groups::{Lookup, MembersSeen, Reader, View};
use super::paging::{Ask, Fetch, Listed, Page, PageError};
use super::person::PersonRecord;
use super::wanted::Wanted;
use super::wire::{GroupRecord, Members, parse_group, parse_groups, parse_user, parse_users};
use crate::model::id::is_same_name;
use crate::model::policy::GroupName;
use crate::model::{GroupId, PersonId, Problem};
use crate::source::SourceError;

impl Listed for PersonRecord {
    type Id = PersonId;
    fn id(&self) -> &PersonId {
        &self.person.id
    }
}

impl Listed for GroupRecord {
    type Id = GroupId;
    fn id(&self) -> &GroupId {
        &self.id
    }
}

pub(super) struct UserList<'c> {
    pub(super) client: &'c Client,
    pub(super) wanted: &'c Wanted,
}

impl Fetch for UserList<'_> {
    type Item = PersonRecord;
    fn words(&self) -> (&'static str, &'static str) {
        ("Users", "people")
    }
    fn counts_list(&self) -> bool {
        self.client.counts_list("Users")
    }
    fn saw_list_counted(&self) {
        self.client.saw_list_counted("Users");
    }
    async fn page(&self, ask: Ask) -> Result<Page<PersonRecord>, PageError> {
        let body = self.client.page("Users", &query(ask)).await?;
        parse_users(&body, self.wanted).map_err(|error| unreadable(&error))
    }
}

pub(super) struct GroupList<'c> {
    client: &'c Client,
    names: &'c BTreeSet<GroupName>,
    members_seen: AtomicBool,
}

impl<'c> GroupList<'c> {
    pub(super) fn new(client: &'c Client, names: &'c BTreeSet<GroupName>) -> Self {
        Self { client, names, members_seen: AtomicBool::new(false) }
    }

    /// What the pages so far showed.
    pub(super) fn members_seen(&self) -> MembersSeen {
        if self.members_seen.load(Ordering::Relaxed) { MembersSeen::Yes } else { MembersSeen::NotYet }
    }
}

impl GroupList<'_> {
    /// Members are kept only of groups the configuration names: the others may be read by id when they turn out to be
    /// nested, and a directory's whole membership is far larger than what is used of it.
    fn slim(&self, mut group: GroupRecord) -> GroupRecord {
        if matches!(&group.members, Members::Listed { refs, .. } if !refs.is_empty()) {
            self.members_seen.store(true, Ordering::Relaxed);
        }
        let named = |name: &GroupName| **name == *group.id.as_str() || is_same_name(name, &group.name);
        if !self.names.iter().any(named) {
            group.members = Members::NotListed;
        }
        group
    }
}

impl Fetch for GroupList<'_> {
    type Item = GroupRecord;
    fn words(&self) -> (&'static str, &'static str) {
        ("Groups", "groups")
    }
    fn counts_list(&self) -> bool {
        self.client.counts_list("Groups")
    }
    fn saw_list_counted(&self) {
        self.client.saw_list_counted("Groups");
    }
    async fn page(&self, ask: Ask) -> Result<Page<GroupRecord>, PageError> {
        let body = self.client.page("Groups", &query(ask)).await?;
        let page = parse_groups(&body).map_err(|error| unreadable(&error))?;
        let entries = page.entries.into_iter().map(|entry| entry.map(|group| self.slim(group))).collect();
        Ok(Page { entries, ..page })
    }
}

fn query(ask: Ask) -> Vec<(&'static str, String)> {
    match ask {
        Ask::Index { start, count } => vec![("startIndex", start.to_string()), ("count", count.to_string())],
        Ask::Cursor { cursor, count } => {
            let count = count.map(|count| ("count", count.to_string()));
            std::iter::once(("cursor", cursor)).chain(count).collect()
        }
    }
}

/// Reads single resources over HTTP.
pub(super) struct Single<'c> {
    pub(super) client: &'c Client,
    pub(super) wanted: &'c Wanted,
}

impl Single<'_> {
    async fn one<T>(
        &self,
        endpoint: &str,
        id: &str,
        query: &[(&str, String)],
        read: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<Lookup<T>, SourceError> {
        let body = match self.client.one(endpoint, id, query).await? {
            One::Absent => return Ok(Lookup::Absent),
            One::Failed(reason) => return Ok(Lookup::Failed(reason)),
            One::Body(body) => body,
        };
        let text = match std::str::from_utf8(&body) {
            Ok(text) if !text.trim_start().starts_with('<') => text,
            Ok(_) => return Ok(Lookup::Failed("a page of HTML instead of JSON".to_owned())),
            Err(_) => return Ok(Lookup::Failed("text that is not UTF-8".to_owned())),
        };
        Ok(read(text).map_or_else(|problem| Lookup::Failed(problem.0), Lookup::Found))
    }
}

impl Reader for Single<'_> {
    async fn group(&self, id: &GroupId, view: View) -> Result<Lookup<GroupRecord>, SourceError> {
        let query = match view {
            View::Plain => Vec::new(),
            View::WithMembers => vec![("attributes", "members".to_owned())],
        };
        Ok(match self.one("Groups", id.as_str(), &query, parse_group).await? {
            Lookup::Found(group) if group.id != *id => {
                Lookup::Failed(format!("the provider answered with group {}", group.id))
            }
            other => other,
        })
    }

    async fn person(&self, value: &str) -> Result<Lookup<PersonRecord>, SourceError> {
        self.one("Users", value, &[], |text| parse_user(text, self.wanted)).await
    }

    async fn has_people(&self) -> Result<bool, SourceError> {
        self.client.lists("Users").await
    }
}
