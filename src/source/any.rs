//! The source that the configuration chose.

use super::file::FileSource;
use super::graph::GraphSource;
use super::scim::ScimSource;
use super::{DirectorySource, Interest, Previous, Recheck, SourceError};
use crate::model::{DirectorySnapshot, GroupId, PersonId};

/// One of the sources, by `source.type`. An enum rather than a trait object: there are few, and all are known.
pub enum AnySource {
    /// `scim`.
    Scim(Box<ScimSource>),
    /// `graph`.
    Graph(Box<GraphSource>),
    /// `file`.
    File(FileSource),
}

impl std::fmt::Debug for AnySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Scim(_) => "scim",
            Self::Graph(_) => "graph",
            Self::File(_) => "file",
        })
    }
}

impl AnySource {
    /// Our clock minus the provider's in seconds, as its latest answer told it.
    pub fn skew_seconds(&self) -> Option<i64> {
        match self {
            Self::Scim(source) => source.skew_seconds(),
            Self::Graph(source) => source.skew_seconds(),
            Self::File(_) => None,
        }
    }

    /// When our own credential ends, where the source can find out, and how that is known.
    pub async fn credential_expiry(&self) -> Option<(jiff::Timestamp, &'static str)> {
        match self {
            Self::Graph(source) => source.credential_expiry().await,
            Self::Scim(_) | Self::File(_) => None,
        }
    }
}

impl DirectorySource for AnySource {
    fn has_change_feeds(&self) -> bool {
        match self {
            Self::Graph(_) => true,
            Self::Scim(_) | Self::File(_) => false,
        }
    }

    async fn read(&self, interest: &Interest) -> Result<DirectorySnapshot, SourceError> {
        match self {
            Self::Scim(source) => source.read(interest).await,
            Self::Graph(source) => source.read(interest).await,
            Self::File(source) => source.read(interest).await,
        }
    }

    async fn read_since(
        &self,
        interest: &Interest,
        previous: Option<Previous<'_>>,
    ) -> Result<(DirectorySnapshot, Option<String>), SourceError> {
        match self {
            Self::Scim(source) => source.read_since(interest, previous).await,
            Self::Graph(source) => source.read_since(interest, previous).await,
            Self::File(source) => source.read_since(interest, previous).await,
        }
    }

    fn notes(&self) -> Option<String> {
        match self {
            Self::Scim(source) => source.notes(),
            Self::Graph(source) => source.notes(),
            Self::File(source) => source.notes(),
        }
    }

    fn take_up(&self, notes: &str) {
        match self {
            Self::Scim(source) => source.take_up(notes),
            Self::Graph(source) => source.take_up(notes),
            Self::File(source) => source.take_up(notes),
        }
    }

    async fn recheck(
        &self,
        interest: &Interest,
        people: &[PersonId],
        groups: &[GroupId],
    ) -> Result<Recheck, SourceError> {
        match self {
            Self::Scim(source) => source.recheck(interest, people, groups).await,
            Self::Graph(source) => source.recheck(interest, people, groups).await,
            Self::File(source) => source.recheck(interest, people, groups).await,
        }
    }
}
