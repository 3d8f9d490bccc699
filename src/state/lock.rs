//! The state folder: private, ours, and held by one process at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::StateError;
use super::process::effective_user;
use super::segment::sync_folder;

/// How long a lock is waited for: a process that has just ended may still be closing its files.
pub const PATIENCE: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(50);

/// Held while this value lives; the system lets go of it when the process dies, however it dies. The folder itself is
/// locked besides the file, because a file can be deleted under its holder, and the next one would lock a new file.
#[derive(Debug)]
pub(super) struct Lock {
    _folder: File,
    _file: File,
}

impl Lock {
    /// Takes `<dir>/LOCK`, waiting at most `patience`.
    pub(super) fn acquire(dir: &Path, patience: Duration) -> Result<Self, StateError> {
        let path = dir.join("LOCK");
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(StateError::io("open", &path))?;
        let folder = File::open(dir).map_err(StateError::io("open", dir))?;
        let deadline = Instant::now() + patience;
        wait_for(&file, &path, deadline)?;
        wait_for(&folder, &path, deadline)?;
        Ok(Self { _folder: folder, _file: file })
    }
}

fn wait_for(file: &File, path: &Path, deadline: Instant) -> Result<(), StateError> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(StateError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(StateError::io("lock", path)(error)),
        }
    }
}

/// Makes the folder where it is missing, and refuses one that others may enter or that is not ours.
pub(super) fn prepare(dir: &Path) -> Result<(), StateError> {
    if !exists(dir)? {
        make_private(dir)?;
        // Those above may be new as well.
        for above in dir.ancestors().skip(1).take_while(|above| !above.as_os_str().is_empty()) {
            keep_name(above)?;
        }
    }
    check(dir)?;
    keep_name(dir)
}

/// Makes a folder and those above it that only we may enter.
pub(super) fn make_private(dir: &Path) -> Result<(), StateError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(StateError::io("make the folder", dir))
}

/// Makes a folder's name survive a power cut, without which all that is synced in it is lost. Done at every start: whoever
/// made the folder may have been killed before it came to this.
pub(super) fn keep_name(dir: &Path) -> Result<(), StateError> {
    let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    match sync_folder(parent) {
        // A folder that we may not list is not one that we have made a name in.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        // Nor is one of a file system that cannot sync folders.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other.map_err(StateError::io("sync", parent)),
    }
}

/// True when the folder is there.
pub(super) fn exists(dir: &Path) -> Result<bool, StateError> {
    match dir.metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StateError::io("read", dir)(error)),
    }
}

/// Judges an existing folder. Root is refused as well: what it makes here, the daemon's user could not open.
pub(super) fn check(dir: &Path) -> Result<(), StateError> {
    let found = dir.metadata().map_err(StateError::io("read", dir))?;
    let path = || PathBuf::from(dir);
    if !found.is_dir() {
        return Err(StateError::io("use", dir)(io::ErrorKind::NotADirectory.into()));
    }
    if found.uid() != effective_user() {
        return Err(StateError::NotOurs { path: path(), owner: found.uid(), us: effective_user() });
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StateError::TooOpen { path: path(), mode });
    }
    Ok(())
}
