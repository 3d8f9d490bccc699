//! Who may write the configuration. Whoever can, decides who loses access to a company's apps, so it is judged as the folder
//! of the secrets is: ours or root's, and nobody else's to write.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Group and others, write.
const OTHERS_WRITE: u32 = 0o022;
/// In such a folder, only a file's owner may put another in its place.
const STICKY: u32 = 0o1000;

/// Why a configuration is not trusted.
pub(super) struct OwnershipFault {
    pub(super) text: String,
    pub(super) cure: String,
}

/// Judges the open file, and the folder whose writers could put another file in its place.
pub(super) fn judge(path: &Path, file: &File) -> Result<(), OwnershipFault> {
    let Ok(found) = file.metadata() else { return Ok(()) };
    let us = crate::state::process::effective_user();
    let shown = path.display();
    if !is_trusted(&found, us) {
        return Err(OwnershipFault {
            text: format!("belongs to user {}, not to the running user {us} or root", found.uid()),
            cure: format!("chown {us} {shown}, after a look at what it says"),
        });
    }
    let mode = found.mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 {
        return Err(OwnershipFault {
            text: format!("has mode {mode:04o}, so that other users may change it"),
            cure: format!("chmod go-w {shown}"),
        });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.metadata() {
        Ok(found) => judge_folder(folder, &found, us),
        Err(_) => Ok(()),
    }
}

fn judge_folder(folder: &Path, found: &Metadata, us: u32) -> Result<(), OwnershipFault> {
    let (shown, mode) = (folder.display(), found.mode() & 0o7777);
    if !is_trusted(found, us) {
        return Err(OwnershipFault {
            text: format!("lies in {shown}, which belongs to user {}", found.uid()),
            cure: format!("chown {us} {shown}, or move the file into a folder of this user or root"),
        });
    }
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        return Err(OwnershipFault {
            text: format!("lies in {shown}, whose mode {mode:04o} lets other users replace it"),
            cure: format!("chmod go-w {shown}, or move the file into another folder"),
        });
    }
    Ok(())
}

fn is_trusted(found: &Metadata, us: u32) -> bool {
    found.uid() == us || found.uid() == 0
}
