//! The second look at whoever is about to lose a seat, just before the write.

use std::collections::BTreeMap;

use super::{Applier, Run};
use crate::asc::{TeamRead, TeamWrite};
use crate::engine::Book;
use crate::model::operation::Operation;
use crate::model::{Address, Group, PersonId};
use crate::source::{Again, DirectorySource};

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

    /// The groups that scope names, read once more where somebody is about to lose a seat for not being in them.
    pub(super) async fn groups_again(&self, doubtful: &[&Operation]) -> Result<Vec<Group>, String> {
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
    pub(super) async fn answering_again(
        &self,
        doubtful: &[&Operation],
    ) -> Result<BTreeMap<Address, PersonId>, String> {
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

impl<S, T, B> Run<'_, '_, S, T, B>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
    B: Book,
{
    /// Looks once more whether a seat may go, just before the write: its person is read again by id.
    pub(super) async fn second_look(&self, operation: &Operation) -> Result<(), String> {
        let Some(person) = &operation.person else { return self.is_nobodys(operation) };
        let groups = self.groups.as_ref().map_err(Clone::clone)?;
        let again = self
            .applier
            .source
            .recheck(self.applier.interest, std::slice::from_ref(&person.id), &[])
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
        let (policy, directory) = (self.applier.policy, self.applier.directory);
        crate::plan::recheck::still_leaving(policy, operation, now, groups, &again.claims, directory)
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
