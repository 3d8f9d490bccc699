//! The last look before a write: what a removal rests on is read once more, by id where there is one, and so is a list that is to
//! be replaced.

use std::collections::BTreeMap;

use super::Applier;
use crate::asc::{TeamRead, TeamWrite};
use crate::engine::Book;
use crate::engine::writes::unmoved;
use crate::model::operation::{Kind, Operation, Plan};
use crate::model::{Address, Group, PersonId};
use crate::source::{Again, DirectorySource};

/// What was read again for all of a plan's removals at once.
pub(super) struct Looks<'p> {
    /// What takes a seat on the strength of a directory read, and is looked at once more before it is sent.
    doubtful: Vec<&'p Operation>,
    /// Read again for people who leave.
    groups: Result<Vec<Group>, String>,
    /// Who answers to a name, read again for seats of nobody.
    answering: Result<BTreeMap<Address, PersonId>, String>,
}

impl Looks<'_> {
    /// True for what must not be sent without a second look.
    fn are_needed_for(&self, operation: &Operation) -> bool {
        self.doubtful.contains(&operation)
    }

    fn is_nobodys(&self, operation: &Operation) -> Result<(), String> {
        let answering = self
            .answering
            .as_ref()
            .map_err(|why| format!("nobody could be looked for again before the removal: {why}"))?;
        let name =
            operation.target.name.as_ref().ok_or("a seat without a name cannot be looked for again")?;
        match answering.get(name) {
            Some(person) => Err(format!("it is somebody's: {person} answers to {name}")),
            None => Ok(()),
        }
    }
}

impl<S, T, B> Applier<'_, S, T, B>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
    B: Book,
{
    /// Reads change nothing, so a stop drops them; only writes are waited for.
    pub(super) async fn unless_stopped<V>(
        &self,
        read: impl Future<Output = Result<V, String>>,
    ) -> Result<V, String> {
        tokio::select! {
            read = read => read,
            () = self.cancel.cancelled() => Err("stopped".to_owned()),
        }
    }

    /// Reads again what concerns all who lose a seat by this plan.
    pub(super) async fn looks<'p>(&self, plan: &'p Plan) -> Looks<'p> {
        let losses = plan.operations.iter().filter(|operation| loses_seat(operation));
        let staying = crate::plan::recheck::staying(self.policy, losses.clone(), self.directory);
        let stays = |operation: &&Operation| {
            operation.person.as_ref().is_some_and(|person| staying.contains(&person.id))
        };
        let doubtful: Vec<&Operation> = losses.filter(|operation| !stays(operation)).collect();
        let groups = self.unless_stopped(self.groups_again(&doubtful)).await;
        let answering = self.unless_stopped(self.answering_again(&doubtful)).await;
        Looks { doubtful, groups, answering }
    }

    /// The last look before a write, at whatever may have moved since both sides were read.
    pub(super) async fn looks_the_same(
        &self,
        looks: &Looks<'_>,
        operation: &Operation,
    ) -> Result<(), String> {
        if looks.are_needed_for(operation) {
            self.second_look(looks, operation).await?;
        }
        unmoved(self.team, operation).await
    }

    /// Looks once more whether a seat may go, just before the write: its person is read again by id.
    async fn second_look(&self, looks: &Looks<'_>, operation: &Operation) -> Result<(), String> {
        let Some(person) = &operation.person else { return looks.is_nobodys(operation) };
        let groups = looks.groups.as_ref().map_err(Clone::clone)?;
        let again = self
            .source
            .recheck(self.interest, std::slice::from_ref(&person.id), &[])
            .await
            .map_err(|error| format!("could not be read again before the removal: {error}"))?;
        let now = match again.people.get(&person.id) {
            Some(Again::There(person)) => Some(person),
            Some(Again::Gone) => None,
            Some(Again::Unread(problem)) => {
                return Err(format!("could not be read again before the removal: {}", problem.0));
            }
            None => return Err("could not be read again before the removal".to_owned()),
        };
        crate::plan::recheck::still_leaving(
            self.policy,
            operation,
            now,
            groups,
            &again.claims,
            self.directory,
        )
    }

    /// The groups that scope names, read once more where somebody is about to lose a seat for not being in them.
    async fn groups_again(&self, doubtful: &[&Operation]) -> Result<Vec<Group>, String> {
        if doubtful.iter().all(|operation| operation.person.is_none()) {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = self.directory.groups.iter().map(|group| group.id.clone()).collect();
        match self.source.recheck(self.interest, &[], &ids).await {
            Ok(again) => Ok(again.groups),
            Err(error) => Err(format!("groups could not be read again: {error}")),
        }
    }

    /// Whom the names of nobody's seats mean after all. Such a seat has no id to be asked for, so everybody is read once
    /// more where one is about to go.
    async fn answering_again(&self, doubtful: &[&Operation]) -> Result<BTreeMap<Address, PersonId>, String> {
        let nobodys = doubtful.iter().filter(|operation| operation.person.is_none());
        let names: Vec<&Address> = nobodys.filter_map(|operation| operation.target.name.as_ref()).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let again = self.source.read(self.interest).await.map_err(|error| error.to_string())?;
        let found = crate::plan::recheck::answering(self.policy, &self.book.ledger(), names, &again)?;
        Ok(found.into_iter().map(|(name, person)| (name.clone(), person)).collect())
    }
}

/// A seat goes, and none takes its place.
fn loses_seat(operation: &Operation) -> bool {
    !operation.replacement && matches!(operation.kind, Kind::RemoveMember | Kind::CancelInvitation)
}
