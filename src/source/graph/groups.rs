//! Finds groups and reads who is in them.
//!
//! Nested groups are followed by reading the direct members of each, level by level, and not by `transitiveMembers`:
//! that flat list cannot tell through which group somebody is in, rules may name an inner group, and a change feed
//! reports direct members only, so that nothing could be laid over a flat list later.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::batch;
use super::client::GraphClient;
use super::failure::{Answer, Failure, Right};
use super::paging::walk;
use super::people::PAGE;
use super::wire::{Entry, GROUP_SELECT, GroupObject, Page, entry, literal, path};
use crate::model::id::is_same_name;
use crate::model::policy::GroupName;
use crate::model::{Group, GroupId, GroupMember, Problem};
use crate::source::{SourceError, one_line};

/// Groups of one closure; more is a loop in somebody's tooling, not an organization.
const MOST_GROUPS: usize = 10_000;
/// Walks of further pages side by side.
const SIDE_BY_SIDE: usize = 4;

/// A group to start from.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    pub group: GroupObject,
    /// Whether groups within it are read too.
    pub follow: bool,
}

/// Groups with their members, and what could not be read of them.
#[derive(Debug, Default)]
pub(super) struct Closure {
    pub groups: BTreeMap<GroupId, Group>,
    pub problems: Vec<Problem>,
    /// The first refusal of a single group: where not one can be read, it is the permission that is missing.
    pub refused: Option<Answer>,
    /// Every group asked for, so that circles end.
    met: BTreeSet<GroupId>,
}

/// Finds groups by id or display name. An id wins; a name must fit exactly one group.
pub(super) async fn resolve(
    client: &GraphClient,
    names: &BTreeSet<GroupName>,
) -> Result<(BTreeMap<GroupName, GroupObject>, Vec<Problem>), SourceError> {
    let ids = names.iter().filter(|name| uuid::Uuid::parse_str(name).is_ok());
    let by_id = objects(client, ids.map(|name| &**name)).await?;
    let mut problems = by_id.problems;
    let mut found: BTreeMap<GroupName, GroupObject> =
        by_id.found.into_iter().map(|(id, group)| (GroupName::from(id), group)).collect();
    // Somebody may have named a group like an id, so ids that are not found are looked up as names.
    let is_name = |name: &&GroupName| uuid::Uuid::parse_str(name).is_err() || by_id.gone.contains(&***name);
    let names: Vec<&GroupName> = names.iter().filter(is_name).collect();
    if let Some(answer) = by_id.refused.filter(|_| found.is_empty() && names.is_empty()) {
        return Err(Failure::from(answer).into_source(Right::Groups));
    }
    let paths: Vec<String> = names.iter().map(|name| by_name(name)).collect();
    for (name, answer) in names.into_iter().zip(read(client, &paths).await?) {
        match answer.map_err(Failure::from).and_then(|body| parsed::<Page>(body, name)) {
            Ok(page) => {
                let group = choose(client, name, page).await?;
                found.insert(name.clone(), group);
            }
            // The list of groups, asked for a name: who may not read that may read nothing.
            Err(failure) if failure.denied().is_some() => return Err(failure.into_source(Right::Groups)),
            Err(failure) => problems.push(unless_total(failure, name)?),
        }
    }
    Ok((found, problems))
}

fn by_name(name: &str) -> String {
    let filter = format!("displayName eq {}", literal(name));
    path(&["groups"], &[("$filter", &filter), ("$select", GROUP_SELECT)])
}

/// The one group of an answer that has the name. A filter's answer is checked again: a proxy or a new version may
/// ignore a filter, and everybody would be in scope.
async fn choose(client: &GraphClient, name: &GroupName, page: Page) -> Result<GroupObject, SourceError> {
    let groups =
        page.value.into_iter().filter_map(|object| serde_json::from_value(Value::Object(object)).ok());
    let mut fit: Vec<GroupObject> =
        groups.filter(|group: &GroupObject| is_same_name(group.name(), name)).collect();
    if fit.len() > 1 && fit.iter().filter(|group| group.name() == &**name).count() == 1 {
        fit.retain(|group| group.name() == &**name);
    }
    match (fit.pop(), fit.len()) {
        (Some(group), 0) => Ok(group),
        (Some(_), others) => Err(SourceError::GroupAmbiguous { name: name.to_string(), count: others + 1 }),
        (None, _) => {
            Err(SourceError::GroupNotFound { name: name.to_string(), near: near(client, name).await })
        }
    }
}

/// A display name that begins alike, for the message; nothing when the question fails.
async fn near(client: &GraphClient, name: &str) -> Option<String> {
    let start: String = name.chars().take(3).collect();
    let filter = format!("startswith(displayName,{})", literal(&start));
    let url = client.url(&path(&["groups"], &[("$filter", &filter), ("$select", "id,displayName")])).ok()?;
    let page: Page = client.get(&url).await.ok()?.json().ok()?;
    let names = page.value.iter().filter_map(|group| group.get("displayName")?.as_str());
    let scored = names.map(|other| (strsim::jaro_winkler(other, name), other));
    let best = scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(one_line(best.1, 80))
}

/// Reads the seeds and whatever is within those that are followed.
pub(super) async fn close(client: &GraphClient, seeds: Vec<Seed>) -> Result<Closure, SourceError> {
    let mut closure = Closure::default();
    let (followed, plain): (Vec<Seed>, Vec<Seed>) = seeds.into_iter().partition(|seed| seed.follow);
    let mut level: Vec<GroupObject> = followed.into_iter().map(|seed| seed.group).collect();
    while !level.is_empty() {
        let inner = closure.read_level(client, level).await?;
        level = closure.look_up(client, inner).await?;
    }
    closure.read_level(client, plain.into_iter().map(|seed| seed.group).collect()).await?;
    Ok(closure)
}

impl Closure {
    /// Adds the groups of one level and returns those within them that were not met before.
    async fn read_level(
        &mut self,
        client: &GraphClient,
        level: Vec<GroupObject>,
    ) -> Result<BTreeSet<GroupId>, SourceError> {
        let level: Vec<GroupObject> =
            level.into_iter().filter(|group| self.met.insert(GroupId::from(group.id.as_str()))).collect();
        if self.met.len() > MOST_GROUPS {
            return Err(SourceError::Protocol(format!("more than {MOST_GROUPS} groups to read")));
        }
        let mut inner = BTreeSet::new();
        for (group, members) in level.iter().zip(members_of(client, &level).await?) {
            match members {
                Ok(members) => inner.extend(self.add(group, members)),
                Err(failure) => {
                    self.refused = self.refused.take().or_else(|| failure.denied().cloned());
                    self.problems.push(member_problem(failure, group)?);
                }
            }
        }
        inner.retain(|id| !self.met.contains(id));
        Ok(inner)
    }

    fn add(&mut self, group: &GroupObject, members: Vec<GroupMember>) -> Vec<GroupId> {
        if members.is_empty() && group.hides_members() {
            // It may only look empty to us, and nobody may be removed for that.
            let cure = Right::HiddenMembers.cure();
            self.problems
                .push(Problem(format!("group {:?} hides its members ({cure})", one_line(group.name(), 80))));
        }
        let inner = members.iter().filter_map(|member| match member {
            GroupMember::Group(id) => Some(id.clone()),
            GroupMember::Person(_) => None,
        });
        let inner = inner.collect();
        let id = GroupId::from(group.id.as_str());
        self.groups.insert(id.clone(), Group { id, name: group.name().into(), members });
        inner
    }

    /// Names and visibility of groups met within others; one that is gone by now has no members.
    async fn look_up(
        &mut self,
        client: &GraphClient,
        ids: BTreeSet<GroupId>,
    ) -> Result<Vec<GroupObject>, SourceError> {
        let mut objects = objects(client, ids.iter().map(GroupId::as_str)).await?;
        self.problems.append(&mut objects.problems);
        let gone: BTreeSet<GroupId> = objects.gone.iter().map(|id| GroupId::from(*id)).collect();
        let is_left = |member: &GroupMember| !matches!(member, GroupMember::Group(id) if gone.contains(id));
        self.groups.values_mut().for_each(|group| group.members.retain(is_left));
        Ok(objects.found.into_values().collect())
    }
}

/// Groups that were asked for by id.
#[derive(Debug, Default)]
pub(super) struct Objects<'a> {
    pub found: BTreeMap<&'a str, GroupObject>,
    /// Those that Graph knows nothing of.
    gone: BTreeSet<&'a str>,
    pub problems: Vec<Problem>,
    /// The first refusal.
    refused: Option<Answer>,
}

/// Groups by id. One that may not be read is its own failure.
pub(super) async fn objects<'a>(
    client: &GraphClient,
    ids: impl Iterator<Item = &'a str>,
) -> Result<Objects<'a>, SourceError> {
    let ids: Vec<&str> = ids.collect();
    let paths: Vec<String> =
        ids.iter().map(|id| path(&["groups", id], &[("$select", GROUP_SELECT)])).collect();
    let mut objects = Objects::default();
    for (id, answer) in ids.into_iter().zip(read(client, &paths).await?) {
        match answer {
            Err(answer) if answer.is_not_found() => drop(objects.gone.insert(id)),
            answer => match answer.map_err(Failure::from).and_then(|body| parsed::<GroupObject>(body, id)) {
                Ok(group) => drop(objects.found.insert(id, group)),
                Err(failure) => {
                    objects.refused = objects.refused.take().or_else(|| failure.denied().cloned());
                    objects.problems.push(unless_total(failure, id)?);
                }
            },
        }
    }
    Ok(objects)
}

/// Direct members of each group: first pages in batches, further ones by their links.
async fn members_of(
    client: &GraphClient,
    groups: &[GroupObject],
) -> Result<Vec<Result<Vec<GroupMember>, Failure>>, SourceError> {
    let path_of =
        |group: &GroupObject| path(&["groups", &group.id, "members"], &[("$select", "id"), ("$top", PAGE)]);
    let paths: Vec<String> = groups.iter().map(path_of).collect();
    let answers = read(client, &paths).await?.into_iter().zip(groups);
    let first: Vec<Result<Page, Failure>> =
        answers.map(|(answer, group)| parsed(answer?, group.name())).collect();
    let whole = first.into_iter().map(|page| async move { rest(client, page?).await });
    Ok(stream::iter(whole).buffered(SIDE_BY_SIDE).collect().await)
}

async fn rest(client: &GraphClient, page: Page) -> Result<Vec<GroupMember>, Failure> {
    let mut entries: Vec<Entry> = page.value.iter().map(entry).collect();
    if let Some(next) = page.next {
        walk(client, client.link(&next)?, |object| entries.push(entry(&object))).await?;
    }
    sorted(entries)
}

/// Members in order, each once.
fn sorted(entries: Vec<Entry>) -> Result<Vec<GroupMember>, Failure> {
    let mut members = BTreeSet::new();
    for entry in entries {
        match entry {
            Entry::Member(member) => drop(members.insert(member)),
            Entry::Other => {}
            Entry::Unclear => return Err(Failure::protocol("a member came without id or type")),
        }
    }
    Ok(members.into_iter().collect())
}

async fn read(client: &GraphClient, paths: &[String]) -> Result<Vec<Result<Value, Answer>>, SourceError> {
    batch::read(client, paths).await.map_err(|failure| failure.into_source(Right::Groups))
}

fn parsed<T: DeserializeOwned>(body: Value, which: &str) -> Result<T, Failure> {
    let unusable = |error| Failure::protocol(format!("unusable answer about group {which:?}: {error}"));
    serde_json::from_value(body).map_err(unusable)
}

/// The problem of one group; but a token that is no good is no good for all.
fn unless_total(failure: Failure, which: &str) -> Result<Problem, SourceError> {
    if failure.is_total() {
        return Err(failure.into_source(Right::Groups));
    }
    Ok(failure.into_problem(&format!("group {which:?}"), Right::Groups))
}

fn member_problem(failure: Failure, group: &GroupObject) -> Result<Problem, SourceError> {
    if failure.denied().is_some() && group.hides_members() {
        return Ok(failure.into_problem(&format!("group {:?}", group.name()), Right::HiddenMembers));
    }
    unless_total(failure, group.name())
}
