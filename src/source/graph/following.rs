//! Reading on from the last complete snapshot by change feeds.

use std::collections::BTreeSet;

use super::delta::{self, Watermark};
use super::failure::{Failure, Right};
use super::merge::Merge;
use super::reading::assigned_groups;
use super::wire::Wanted;
use super::{GraphSource, people};
use crate::model::{Assignment, Coverage, DirectorySnapshot, GroupId, PersonId, Problem};
use crate::source::{Again, Interest, SourceError};

/// Links of feeds that were opened before a full read.
pub(super) struct Feeds {
    pub(super) users: String,
    pub(super) groups: Option<String>,
}

impl GraphSource {
    /// Opens the feeds that the next cycle will follow. A tenant that has none is read whole each time.
    pub(super) async fn open_feeds(&self, interest: &Interest, wanted: &Wanted) -> Option<Feeds> {
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
    pub(super) async fn changed(
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

fn has_groups(interest: &Interest) -> bool {
    !interest.groups.is_empty() || interest.assignments
}
