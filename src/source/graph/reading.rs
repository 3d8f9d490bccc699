//! A full read: people on one side, assignments and groups on the other, at the same time.

use std::collections::{BTreeMap, BTreeSet};

use super::delta::Watermark;
use super::failure::{Failure, Right};
use super::following::Feeds;
use super::groups::{self, Closure, Seed};
use super::wire::Wanted;
use super::{GraphSource, assigned, people};
use crate::model::{Assignment, Coverage, DirectorySnapshot, GroupId, Principal, Problem};
use crate::source::{Interest, SourceError};

/// Groups as one read found them.
pub(super) struct GroupsRead {
    pub(super) roots: BTreeMap<String, GroupId>,
    pub(super) closure: Closure,
}

impl GraphSource {
    /// Everything, with a watermark when `feeds` were opened before and nothing was missed.
    pub(super) async fn whole(
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

    pub(super) async fn assignments(
        &self,
        interest: &Interest,
    ) -> Result<(Vec<Assignment>, Vec<Problem>), SourceError> {
        if !interest.assignments {
            return Ok((Vec::new(), Vec::new()));
        }
        assigned::read(&self.client, &self.client_id).await
    }

    pub(super) async fn read_groups(
        &self,
        interest: &Interest,
        assignments: &[Assignment],
    ) -> Result<GroupsRead, SourceError> {
        let (found, mut problems) = groups::resolve(&self.client, &interest.groups).await?;
        let assigned = assigned_groups(assignments);
        let objects = groups::objects(&self.client, assigned.iter().map(GroupId::as_str)).await?;
        problems.extend(objects.problems);
        let roots =
            found.iter().map(|(name, group)| (name.to_string(), GroupId::from(group.id.as_str()))).collect();
        let named = found.into_values().map(|group| Seed { group, follow: interest.nested });
        let plain = objects.found.into_values().map(|group| Seed { group, follow: false });
        let mut closure = groups::close(&self.client, named.chain(plain).collect()).await?;
        if let Some(answer) = closure.refused.take().filter(|_| closure.groups.is_empty()) {
            return Err(Failure::from(answer).into_source(Right::Groups));
        }
        closure.problems.extend(problems);
        Ok(GroupsRead { roots, closure })
    }
}

/// Groups among the assigned.
pub(super) fn assigned_groups(assignments: &[Assignment]) -> BTreeSet<GroupId> {
    let group = |assignment: &Assignment| match &assignment.principal {
        Principal::Group(id) => Some(id.clone()),
        Principal::Person(_) => None,
    };
    assignments.iter().filter_map(group).collect()
}
