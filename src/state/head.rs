//! `journal/HEAD`: what the journal's last record was, kept apart from it, so that records cut off its end are missed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::chain::{Hash, Head};
use super::error::StateError;
use super::segment::sync_folder;

/// Written in place and always this long, so that no kill leaves half of it: one block, one write.
const LENGTH: usize = 192;

/// What was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// Number and hash of the last record. May lag behind the journal after a power cut, and is never ahead of it.
    pub seq: u64,
    pub hash: Hash,
    /// Number of the oldest segment that was kept.
    pub first: u32,
}

impl Written {
    pub(super) fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("HEAD")
}

/// `None` where it is missing or unreadable as such.
pub(super) fn read(folder: &Path) -> Result<Option<Written>, StateError> {
    let path = path(folder);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::io("read", &path)(error)),
    }
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct HeadFile {
    file: File,
    path: PathBuf,
}

impl HeadFile {
    pub(super) fn open(folder: &Path) -> Result<Self, StateError> {
        let path = path(folder);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(StateError::io("open", &path))?;
        sync_folder(folder).map_err(StateError::io("sync", folder))?;
        Ok(Self { file, path })
    }

    /// Writes it without waiting for the disk: a kill of the process cannot undo it, a power cut may.
    pub(super) fn write(&self, written: &Written) -> Result<(), StateError> {
        let text = serde_json::to_string(written).map_err(StateError::Encode)?;
        let line = format!("{text:<width$}\n", width = LENGTH - 1);
        self.file.write_all_at(line.as_bytes(), 0).map_err(StateError::io("write", &self.path))
    }

    /// Waits for the disk.
    pub(super) fn sync(&self) -> Result<(), StateError> {
        self.file.sync_data().map_err(StateError::io("sync", &self.path))
    }
}
