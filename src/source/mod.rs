//! Identity providers, each a folder: `client` sends, `wire` knows the remote shape, `paging` walks.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use crate::http::HttpError;
use crate::model::policy::GroupName;
use crate::model::{DirectorySnapshot, Group, GroupId, Person, PersonId};

/// What a cycle needs to know of a directory, so that no source reads or keeps more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Groups of scope and rules, by display name or id. One that is not found or is ambiguous is an error.
    pub groups: BTreeSet<GroupName>,
    /// Groups within those groups are read too.
    pub nested: bool,
    /// Scope is by assignment to our enterprise application (Graph only).
    pub assignments: bool,
    /// Top-level attributes (lower case) that filters, mapping and `explain` use; a whole URN names an extension.
    pub attributes: BTreeSet<Arc<str>>,
}

/// People and groups read again just before a removal.
#[derive(Clone, Debug, Default)]
pub struct Recheck {
    /// Everyone asked for: `None` when the provider answers that there is no such person.
    pub people: BTreeMap<PersonId, Option<Person>>,
    /// The groups asked for that exist, with their members now.
    pub groups: Vec<Group>,
}

/// The last complete snapshot and where the change feed went on from it.
#[derive(Clone, Copy, Debug)]
pub struct Previous<'a> {
    /// Complete, and applied.
    pub snapshot: &'a DirectorySnapshot,
    /// Opaque to everyone but the source that made it.
    pub watermark: &'a str,
}

/// A directory that can be read. Implementations know no policy and never write.
pub trait DirectorySource: Send + Sync {
    /// Reads everybody. A page or group that fails makes the snapshot's coverage partial; an error means that nothing
    /// can be said at all (refused credentials, a group of the configuration that does not exist).
    fn read(
        &self,
        interest: &Interest,
    ) -> impl Future<Output = Result<DirectorySnapshot, SourceError>> + Send;

    /// Reads what changed since a complete snapshot and merges it, where the provider has change feeds; else everything.
    /// The second value goes on from here and is kept only once the cycle's plan was applied.
    fn read_since(
        &self,
        interest: &Interest,
        previous: Option<Previous<'_>>,
    ) -> impl Future<Output = Result<(DirectorySnapshot, Option<String>), SourceError>> + Send {
        let _ = previous;
        async move { Ok((self.read(interest).await?, None)) }
    }

    /// Reads these people by id and these groups once more; with no people, only the groups.
    fn recheck(
        &self,
        interest: &Interest,
        people: &[PersonId],
        groups: &[GroupId],
    ) -> impl Future<Output = Result<Recheck, SourceError>> + Send;
}

/// Why a directory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The provider refused our credentials or lacks a right.
    #[error("{0}")]
    Refused(String),
    /// A group of the configuration is not in the directory.
    #[error("no group {name:?} in the directory")]
    GroupNotFound {
        /// As configured.
        name: String,
        /// A near display name.
        near: Option<String>,
    },
    /// A display name of the configuration fits several groups.
    #[error("{count} groups are named {name:?}")]
    GroupAmbiguous {
        /// As configured.
        name: String,
        /// How many.
        count: usize,
    },
    /// The answer is not what the protocol says.
    #[error("{0}")]
    Protocol(String),
    /// A local file.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What is wrong.
        error: String,
    },
}

pub mod file;
pub mod scim;
