//! The second read, by id, just before a removal: what it does not say clearly is never "gone".

use std::collections::BTreeMap;
use std::sync::PoisonError;

use futures_util::stream::{self, StreamExt};

use super::ScimSource;
use super::client::unread;
use super::endpoints::Single;
use super::groups::{GatherPlan, Lookup, MembersSeen, Reader, RootsPlan, View, gather, roots_of};
use super::members::Index;
use super::person::PersonRecord;
use super::strays::Strays;
use super::wire::GroupRecord;
use crate::model::{Claims, GroupId, PersonId};
use crate::source::{Again, Interest, Recheck, SourceError};

const NO_LIST: &str = "answered as if gone, but the list does not answer either";

/// Reads these people and groups, and groups nested in them.
pub(super) async fn recheck(
    source: &ScimSource,
    interest: &Interest,
    people: &[PersonId],
    groups: &[GroupId],
) -> Result<Recheck, SourceError> {
    let wanted = source.wanted(interest);
    let reader = Single { client: &source.client, wanted: &wanted };
    let width = source.concurrency.max(1);
    let (again, records) = people_again(&reader, people, width).await?;
    let view = source.view();
    let again_groups = roots_again(&reader, groups, view, width).await?;
    // Where no group was asked for before, the provider may yet show members only on request.
    let roots_plan = RootsPlan { view, members_seen: MembersSeen::NotYet, concurrency: width };
    let roots = roots_of(&reader, again_groups, roots_plan).await?;
    let mut claims = Claims::default();
    claims.extend(records.iter().flat_map(PersonRecord::own_claims));
    let mut ids = source.group_ids.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ids.extend(groups.iter().cloned());
    let mut index = Index::new(ids, &[]);
    records.into_iter().for_each(|record| index.add(record));
    let plan = GatherPlan {
        nested: interest.nested,
        // Whether the provider shows members at all was a matter for the read.
        members_seen: MembersSeen::Yes,
        concurrency: width,
    };
    let gathered = gather(&reader, index, roots, plan, Strays::Keep).await?;
    // A group read in part would make leavers of its members.
    match gathered.problems.into_iter().next() {
        Some(problem) => Err(SourceError::Protocol(problem.0)),
        None => Ok(Recheck { people: again, groups: gathered.groups, claims }),
    }
}

type People = (BTreeMap<PersonId, Again>, Vec<PersonRecord>);

async fn people_again(reader: &Single<'_>, people: &[PersonId], width: usize) -> Result<People, SourceError> {
    let answers: Vec<_> = stream::iter(people.to_vec())
        .map(|id| async move { reader.person(id.as_str()).await })
        .buffered(width)
        .collect()
        .await;
    let (mut again, mut records) = (BTreeMap::new(), Vec::new());
    for (id, answer) in people.iter().zip(answers) {
        let answer = match answer? {
            Lookup::Absent => Again::Gone,
            Lookup::Failed(reason) => Again::Unread(unread("Users", id.as_str(), &reason)),
            // Some providers answer for a user name as well: that may be somebody else.
            Lookup::Found(record) if record.person.id != *id => {
                let reason = format!("the provider answered with {}", record.person.id);
                Again::Unread(unread("Users", id.as_str(), &reason))
            }
            Lookup::Found(record) => {
                records.push(record.clone());
                Again::There(record.person)
            }
        };
        again.insert(id.clone(), answer);
    }
    if again.values().any(|answer| *answer == Again::Gone) && !reader.client.lists("Users").await? {
        for (id, answer) in again.iter_mut().filter(|(_, answer)| **answer == Again::Gone) {
            *answer = Again::Unread(unread("Users", id.as_str(), NO_LIST));
        }
    }
    Ok((again, records))
}

/// The groups that still exist.
async fn roots_again(
    reader: &Single<'_>,
    groups: &[GroupId],
    view: View,
    width: usize,
) -> Result<Vec<GroupRecord>, SourceError> {
    let answers: Vec<_> = stream::iter(groups.to_vec())
        .map(|id| async move { reader.group(&id, view).await })
        .buffered(width)
        .collect()
        .await;
    let mut roots = Vec::with_capacity(groups.len());
    for (id, answer) in groups.iter().zip(answers) {
        match answer? {
            Lookup::Found(group) => roots.push(group),
            Lookup::Absent => {}
            Lookup::Failed(reason) => return Err(failed(id, &reason)),
        }
    }
    match groups.iter().find(|id| roots.iter().all(|group| group.id != **id)) {
        Some(absent) if !reader.client.lists("Groups").await? => Err(failed(absent, NO_LIST)),
        Some(_) | None => Ok(roots),
    }
}

fn failed(group: &GroupId, reason: &str) -> SourceError {
    SourceError::Protocol(unread("Groups", group.as_str(), reason).0)
}
