//! Tidies up what a kill or a power cut left in the journal's folder.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::{Notice, StateError};
use super::segment::Segment;

/// At most this many cut-off ends are kept for whoever wants to look at them.
const TORN_KEPT: usize = 8;

pub(super) fn set_aside(
    folder: &Path,
    segment: &Segment,
    offset: u64,
    torn: &[u8],
) -> Result<Notice, StateError> {
    let kept = folder.join(format!("torn-{:08}-{offset:012}", segment.number));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&kept)?;
        file.write_all(torn)?;
        file.sync_all()
    };
    write().map_err(StateError::io("write", &kept))?;
    let mut old = names(folder, |name| name.starts_with("torn-"))?;
    old.sort();
    old.truncate(old.len().saturating_sub(TORN_KEPT));
    for path in old {
        fs::remove_file(&path).map_err(StateError::io("delete", &path))?;
    }
    let (file, bytes) = (segment.path.clone(), torn.len() as u64);
    Ok(Notice::TailRepaired { file, bytes, kept: Some(kept) })
}

/// Segments whose making was interrupted.
pub(super) fn remove_drafts(folder: &Path) -> Result<(), StateError> {
    for path in names(folder, |name| name.ends_with(".new"))? {
        fs::remove_file(&path).map_err(StateError::io("delete", &path))?;
    }
    Ok(())
}

/// Cut-off ends that were kept.
pub(super) fn remove_torn(folder: &Path) -> Result<(), StateError> {
    for path in names(folder, |name| name.starts_with("torn-"))? {
        fs::remove_file(&path).map_err(StateError::io("delete", &path))?;
    }
    Ok(())
}

fn names(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, StateError> {
    let entries = fs::read_dir(folder).map_err(StateError::io("list", folder))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StateError::io("list", folder))?;
        if entry.file_name().to_str().is_some_and(&wanted) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
