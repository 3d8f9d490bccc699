//! Identity providers, each a folder: `client` sends, `wire` knows the remote shape, `paging` walks.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use crate::http::HttpError;
use crate::model::policy::GroupName;
use crate::model::text::is_unprintable;
use crate::model::{Claims, DirectorySnapshot, Group, GroupId, Person, PersonId, Problem};

/// What a cycle needs to know of a directory, so that no source reads or keeps more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Groups of scope and rules, by display name or id. One that is not found or is ambiguous is an error.
    pub groups: BTreeSet<GroupName>,
    /// Groups within those groups are read too.
    pub nested: bool,
    /// Scope is by assignment to our enterprise application (Graph only).
    pub assignments: bool,
    /// Top-level attributes that filters, mapping and `explain` use, as they were written, so compare without case; a
    /// whole URN names an extension.
    pub attributes: BTreeSet<Arc<str>>,
}

/// What a second read by id says of a person. Three answers, because "could not be read" taken for "gone" removes people.
#[derive(Clone, Debug, PartialEq)]
pub enum Again {
    /// As they are now.
    There(Person),
    /// The provider answers that there is no such person.
    Gone,
    /// No usable answer: they stay.
    Unread(Problem),
}

/// People and groups read again just before a removal.
#[derive(Clone, Debug, Default)]
pub struct Recheck {
    /// Everyone asked for.
    pub people: BTreeMap<PersonId, Again>,
    /// The groups asked for that exist, with their members now.
    pub groups: Vec<Group>,
    /// Memberships that the people asked for claim of themselves, whatever the groups say.
    pub claims: Claims,
}

/// The last complete snapshot, and where the source's change feeds stood then.
#[derive(Clone, Copy, Debug)]
pub struct Previous<'a> {
    /// As it was returned.
    pub snapshot: &'a DirectorySnapshot,
    /// Opaque; one that does not fit (another configuration, another version) leads to a full read.
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

    /// Reads what changed since a complete snapshot and lays it over that, or reads everybody: without a previous
    /// read, and wherever the source cannot go on from it. Beside the snapshot comes the watermark to keep *with it*,
    /// once what it led to was applied; none when the snapshot is not complete or the source has no change feeds.
    fn read_since(
        &self,
        interest: &Interest,
        previous: Option<Previous<'_>>,
    ) -> impl Future<Output = Result<(DirectorySnapshot, Option<String>), SourceError>> + Send {
        let _ = previous;
        async move { Ok((self.read(interest).await?, None)) }
    }

    /// True when [`Self::read_since`] can go on from a previous read, so that one is worth fetching from the cache.
    fn has_change_feeds(&self) -> bool {
        false
    }

    /// Reads these people by id and these groups once more.
    fn recheck(
        &self,
        interest: &Interest,
        people: &[PersonId],
        groups: &[GroupId],
    ) -> impl Future<Output = Result<Recheck, SourceError>> + Send;

    /// What was found out that is worth keeping over a restart, where that changed since it was last asked for; opaque, and
    /// no harm is done where it is lost.
    fn notes(&self) -> Option<String> {
        None
    }

    /// Takes up again what [`Self::notes`] gave; notes that do not fit are none.
    fn take_up(&self, notes: &str) {
        let _ = notes;
    }
}

/// Why a directory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The provider refused our credentials, or they lack a right.
    #[error("{what}")]
    Refused {
        /// Who refused what.
        what: String,
        /// What the operator can do.
        cure: &'static str,
    },
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

impl SourceError {
    /// What the operator can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { cure, .. } => Some((*cure).to_owned()),
            Self::GroupNotFound { near: Some(near), .. } => {
                Some(format!("did you mean {}?", toml_text(near)))
            }
            Self::GroupNotFound { near: None, .. } => {
                Some("write the display name as the provider shows it, or the group's id".to_owned())
            }
            Self::GroupAmbiguous { .. } => Some("write the group's id instead of its name".to_owned()),
            Self::Http(error) => Some(error.hint().to_owned()),
            Self::Protocol(_) => Some(
                "if this stays, check the address in [source] and look at the provider's own log".to_owned(),
            ),
            Self::File { .. } => {
                Some("name a file with a SCIM ListResponse, or with users and groups".to_owned())
            }
        }
    }
}

/// A text as it is written in the configuration. What looks like something else, such as a no-break blank or a letter in two
/// parts, is spelled out.
fn toml_text(text: &str) -> String {
    let mut written = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            ' '..='~' => written.push(c),
            c if c.is_alphanumeric() => written.push(c),
            c if u32::from(c) <= 0xffff => written.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => written.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    written.push('"');
    written
}

/// Remote text as one short line: no control characters, at most `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let printable = text.chars().map(|c| if is_unprintable(c) { ' ' } else { c }).take(limit);
    printable.collect::<String>().trim().to_owned()
}

mod activity;
mod address;
mod any;
pub mod catalog;
pub mod file;
pub(crate) mod grant;
pub mod graph;
pub mod scim;
mod shelf;

pub use any::AnySource;
