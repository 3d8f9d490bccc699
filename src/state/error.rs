//! What can be wrong with the state folder, and what its owner can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Somebody else holds the lock and kept it.
    #[error("{path}: state is in use by another process")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Group or others may enter the folder, and it holds names and addresses.
    #[error("{path}: mode {mode:04o} lets other users in")]
    TooOpen {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Files made here would lock their owner out.
    #[error("{path}: belongs to user {owner}, and this process runs as user {us}")]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The effective user id.
        us: u32,
    },
    /// The system refused.
    #[error("{path}: cannot {action}")]
    Io {
        /// `open`, `write`, …
        action: &'static str,
        /// What was touched.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The journal is not what was written.
    #[error(transparent)]
    Damaged(#[from] Flaw),
    /// There is nothing to look at.
    #[error("{path}: there is no journal")]
    NoJournal {
        /// Its folder.
        path: PathBuf,
    },
    /// Written by a newer version.
    #[error("{path}: schema {found:?} is newer than this version can read")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// Something was to be recorded in a state opened for reading.
    #[error("state was opened for reading only")]
    ReadOnly,
    /// A value could not be written as JSON.
    #[error("record cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// An export that cannot be imported.
    #[error("line {line} of the export: {problem}")]
    Import {
        /// 1 for the first.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// An import would forget writes whose outcome is unknown.
    #[error("{count} writes without a known outcome would be forgotten")]
    OpenIntents {
        /// How many.
        count: usize,
    },
}

impl StateError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// True for what exit code 6 stands for.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked { .. })
    }

    /// True for what exit code 78 stands for: the folder has to be put right first.
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::TooOpen { .. } | Self::NotOurs { .. })
    }

    /// What the operator can do, where there is something.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Locked { .. } => {
                "a daemon that answers is asked over its socket; this one does not, see its log".to_owned()
            }
            Self::TooOpen { path, .. } => {
                format!("chmod 700 {} (in a systemd unit: StateDirectoryMode=0700)", path.display())
            }
            Self::NotOurs { owner, .. } => {
                format!("run it as user {owner}, for example with sudo -u '#{owner}'")
            }
            Self::Io { source, path, .. } => io_hint(source, path)?,
            Self::Damaged(flaw) => flaw.hint(),
            Self::NewerSchema { .. } => "install the version that wrote it, or a newer one".to_owned(),
            Self::NoJournal { .. } => "the first `rosterd run` or `rosterd apply` makes it".to_owned(),
            Self::OpenIntents { .. } => "run one cycle first, it settles them".to_owned(),
            Self::Import { .. } => "name a file that `rosterd state export` wrote, unchanged".to_owned(),
            Self::ReadOnly | Self::Encode(_) => return None,
        })
    }
}

fn io_hint(source: &io::Error, path: &Path) -> Option<String> {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            Some(format!("{} must be readable and writable by this user", path.display()))
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space; nothing is written to the team until the journal can be".to_owned())
        }
        io::ErrorKind::FileTooLarge => Some(
            "let this process write larger files (ulimit -f, LimitFSIZE= in a unit); nothing is written to the team until then"
                .to_owned(),
        ),
        io::ErrorKind::ReadOnlyFilesystem => {
            Some("mount it writable; nothing is written to the team until the journal can be".to_owned())
        }
        _ => Some(
            "state_dir must name a folder of this user's own on a local disk, or one that can be made"
                .to_owned(),
        ),
    }
}

/// The first record that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {kind}", file.display())]
pub struct Flaw {
    /// The segment.
    pub file: PathBuf,
    /// 1 for the first.
    pub line: usize,
    /// What is wrong.
    pub kind: FlawKind,
}

/// See [`Flaw`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlawKind {
    /// No record at all.
    NotARecord,
    /// Its bytes do not have its hash.
    Edited,
    /// Another number than the next: records were dropped, swapped or put in.
    OutOfOrder {
        /// The next.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// It names another predecessor than the record before it.
    OtherPredecessor,
    /// A segment does not begin with a checkpoint of a known schema.
    NoCheckpoint,
    /// A segment between others is not there.
    SegmentMissing {
        /// Its file name.
        name: String,
    },
    /// The journal ends before the record that `HEAD` says was written.
    Truncated {
        /// The number that was written.
        written: u64,
        /// The last that is there.
        found: u64,
    },
    /// `HEAD` names another record of that number.
    OtherHead {
        /// The number.
        seq: u64,
    },
    /// It was rewritten to forget somebody, and no later record says so.
    Unaccounted {
        /// Its number.
        seq: u64,
    },
    /// `HEAD` is not there or not readable, so that a truncation could not be told.
    NoHead,
}

impl fmt::Display for FlawKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecord => write!(f, "not a record"),
            Self::Edited => write!(f, "record was edited: its hash does not fit"),
            Self::OutOfOrder { expected, found } => {
                write!(
                    f,
                    "record {found} where {expected} should be: records were dropped, swapped or put in"
                )
            }
            Self::OtherPredecessor => write!(f, "record does not follow from the one before it"),
            Self::NoCheckpoint => write!(f, "segment does not begin with a checkpoint"),
            Self::SegmentMissing { name } => write!(f, "segment {name} is missing"),
            Self::Truncated { written, found } => {
                write!(f, "journal ends at record {found}, but {written} were written")
            }
            Self::OtherHead { seq } => write!(f, "record {seq} is not the one that was written"),
            Self::Unaccounted { seq } => {
                write!(f, "record {seq} was rewritten, and no later record of an erasure lists it")
            }
            Self::NoHead => write!(f, "no readable HEAD, so a truncation cannot be told"),
        }
    }
}

impl Flaw {
    /// What the operator can do.
    pub fn hint(&self) -> String {
        let folder = self.file.parent().unwrap_or(&self.file).display();
        if self.kind == FlawKind::NoHead {
            return format!(
                "restore {folder} from a backup; if only HEAD was lost, `rosterd state check --accept-history` writes it anew \
                 and records that you did"
            );
        }
        format!(
            "restore {folder} from a backup, or move it away and `rosterd state import` the last export; \
             without either, seats are matched by address again and removals start from nothing"
        )
    }
}

/// Something the operator should hear of, although the state could be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The last record had not been written whole, as after a power cut. It had not been acknowledged either.
    TailRepaired {
        /// The segment.
        file: PathBuf,
        /// How many bytes were cut off.
        bytes: u64,
        /// Where they are kept; `None` when the state was opened for reading and nothing was cut.
        kept: Option<PathBuf>,
    },
    /// The cache was damaged or of another version and starts empty.
    CacheRebuilt {
        /// What was wrong.
        why: String,
        /// Where the old one is kept.
        kept: Option<PathBuf>,
    },
    /// The cache cannot be used; the next reads are full ones.
    CacheUnavailable {
        /// Why.
        why: String,
    },
    /// Segments older than the retention were deleted.
    Purged {
        /// How many.
        segments: usize,
        /// What is left begins here.
        oldest: Timestamp,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TailRepaired { file, bytes, kept: Some(kept) } => write!(
                f,
                "{}: cut off {bytes} bytes of a record that was not written whole, kept in {}",
                file.display(),
                kept.display()
            ),
            Self::TailRepaired { file, bytes, kept: None } => {
                write!(
                    f,
                    "{}: ends with {bytes} bytes of a record that was not written whole",
                    file.display()
                )
            }
            Self::CacheRebuilt { why, kept: Some(kept) } => {
                write!(f, "cache starts empty, the old one is in {}: {why}", kept.display())
            }
            Self::CacheRebuilt { why, kept: None } => write!(f, "cache starts empty: {why}"),
            Self::CacheUnavailable { why } => write!(f, "cache cannot be used: {why}"),
            Self::Purged { segments, oldest } => {
                write!(f, "deleted {segments} journal segments, records now begin at {oldest}")
            }
        }
    }
}
