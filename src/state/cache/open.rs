//! Opens sled, whatever a kill or a power cut has left.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use sled::Db;

use super::super::error::Notice;
use super::super::lock::{PATIENCE, make_private};

/// What this version writes. Another one's cache is put aside, not read: it costs one full read.
const SCHEMA: &[u8] = b"1";
const SCHEMA_KEY: &str = "schema";
/// sled's default is 1 GiB. This one is soft as well.
const MEMORY: u64 = 64 * 1024 * 1024;
/// A hundred thousand people need about a tenth of it.
const DISK: u64 = 1024 * 1024 * 1024;
/// Damaged databases that are kept for whoever wants to look at them.
const DAMAGED_KEPT: usize = 2;

/// What `inspect` finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "problem", rename_all = "snake_case")]
pub enum CacheHealth {
    /// It can be used.
    Good,
    /// There is none: one full read.
    Missing,
    /// It would be put aside and read anew.
    Damaged(String),
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("sled")
}

/// True when there is something to open.
pub(in crate::state) fn is_present(dir: &Path) -> bool {
    path(dir).join("db").exists()
}

/// Opens the cache of a state folder, or an empty one in its place.
pub(super) fn open(dir: &Path, now: Timestamp, notices: &mut Vec<Notice>) -> Result<Db, String> {
    make_private(&path(dir)).map_err(|error| describe(&error))?;
    remove_unfinished_snapshots(&path(dir)).map_err(|error| error.to_string())?;
    let why = match first_try(dir, now) {
        Ok(db) => return Ok(db),
        Err(Refusal::System(why)) => return Err(why),
        Err(Refusal::Damaged(why)) => why,
    };
    let (db, kept) = begin_anew(dir, now)?;
    notices.push(Notice::CacheRebuilt { why, kept: Some(kept) });
    Ok(db)
}

/// Puts the database aside and opens an empty one.
pub(super) fn begin_anew(dir: &Path, now: Timestamp) -> Result<(Db, PathBuf), String> {
    let aside = aside(dir, now);
    fs::rename(path(dir), aside.join("sled"))
        .and_then(|()| forget_old(dir))
        .map_err(|error| format!("{}: {error}", aside.display()))?;
    make_private(&path(dir)).map_err(|error| describe(&error))?;
    match raw(&path(dir)).and_then(|db| mark(&db).map(|()| db)) {
        Ok(db) => Ok((db, aside)),
        Err(Refusal::System(why) | Refusal::Damaged(why)) => Err(why),
    }
}

fn describe(error: &super::super::error::StateError) -> String {
    use std::error::Error;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

enum Refusal {
    /// Disk full, no rights, held by another: opening again some day may work.
    System(String),
    /// It never will.
    Damaged(String),
}

fn first_try(dir: &Path, now: Timestamp) -> Result<Db, Refusal> {
    let path = path(dir);
    let size = size_of(&path).unwrap_or(0);
    if size > DISK {
        return Err(Refusal::Damaged(format!("grew to {size} bytes")));
    }
    let db = match patiently(&path) {
        Err(Refusal::Damaged(why)) if why == BAD_SNAPSHOT => {
            // The log itself is whole; without its snapshots it is replayed from the start.
            move_snapshots(&path, &aside(dir, now))
                .and_then(|()| forget_old(dir))
                .map_err(|error| Refusal::System(error.to_string()))?;
            patiently(&path)
        }
        other => other,
    }?;
    let found = db.get(SCHEMA_KEY).map_err(|error| refuse(&error))?;
    match found {
        Some(found) if found == SCHEMA => Ok(db),
        None if db.is_empty() => mark(&db).map(|()| db),
        Some(found) => {
            let found = String::from_utf8_lossy(&found).into_owned();
            Err(Refusal::Damaged(format!("schema {found:?} is of another version")))
        }
        None => Err(Refusal::Damaged("no schema".to_owned())),
    }
}

/// sled may let go of its lock a moment after a `Db` is dropped.
fn patiently(path: &Path) -> Result<Db, Refusal> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match raw(path) {
            Err(Refusal::System(why)) if why.contains(LOCKED) && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            other => return other,
        }
    }
}

fn raw(path: &Path) -> Result<Db, Refusal> {
    let config = sled::Config::new().path(path).cache_capacity(MEMORY);
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(opened) => opened.map_err(|error| refuse(&error)),
        Err(panic) => Err(Refusal::Damaged(words(panic.as_ref()))),
    }
}

fn mark(db: &Db) -> Result<(), Refusal> {
    db.insert(SCHEMA_KEY, SCHEMA).and_then(|_| db.flush()).map(|_| ()).map_err(|error| refuse(&error))
}

const BAD_SNAPSHOT: &str = "a snapshot is damaged";

fn refuse(error: &sled::Error) -> Refusal {
    match error {
        sled::Error::Io(error) if is_passing(error) => Refusal::System(error.to_string()),
        sled::Error::Corruption { at: None, .. } => Refusal::Damaged(BAD_SNAPSHOT.to_owned()),
        other => Refusal::Damaged(other.to_string()),
    }
}

/// True for what is no fault of the files: another process, a full disk, missing rights, too many open files.
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | PermissionDenied | ReadOnlyFilesystem)
        || matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::EIO | libc::ENOMEM))
        || error.to_string().contains(LOCKED)
}

/// sled says so under the kind `Other`.
const LOCKED: &str = "could not acquire lock";

/// What a panic said.
pub(super) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("panic while it was used").to_owned()
}

/// A kill while a snapshot is written leaves `snap.*.generating`, which sled takes for the newest one at the next start.
fn remove_unfinished_snapshots(path: &Path) -> io::Result<()> {
    for snapshot in snapshots(path)? {
        if snapshot.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(snapshot)?;
        }
    }
    Ok(())
}

fn move_snapshots(path: &Path, aside: &Path) -> io::Result<()> {
    for snapshot in snapshots(path)? {
        if let Some(name) = snapshot.file_name() {
            fs::rename(&snapshot, aside.join(name))?;
        }
    }
    Ok(())
}

fn snapshots(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with("snap.")) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

const DAMAGED: &str = "sled.damaged-";

/// A new folder for what is put aside.
fn aside(dir: &Path, now: Timestamp) -> PathBuf {
    let mut stamp = now.as_millisecond().max(0);
    loop {
        let path = dir.join(format!("{DAMAGED}{stamp:015}"));
        if !path.exists() {
            // Where this fails, so does the move into it, which is reported.
            let _ = make_private(&path);
            return path;
        }
        stamp += 1;
    }
}

/// The database and what was put aside of earlier ones.
pub(in crate::state) fn copies(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name == "sled" || name.starts_with("sled.")) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn forget_old(dir: &Path) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(DAMAGED)) {
            kept.push(entry.path());
        }
    }
    kept.sort();
    kept.truncate(kept.len().saturating_sub(DAMAGED_KEPT));
    kept.iter().try_for_each(fs::remove_dir_all)
}

/// Bytes of the files in a folder and those below it.
pub(in crate::state) fn size_of(path: &Path) -> io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let found = entry.metadata()?;
        size += if found.is_dir() { size_of(&entry.path())? } else { found.len() };
    }
    Ok(size)
}

/// Looks at the cache without changing it: a copy is opened and read from end to end. The state's lock must be held.
pub(in crate::state) fn inspect(dir: &Path) -> io::Result<CacheHealth> {
    if !is_present(dir) {
        return Ok(CacheHealth::Missing);
    }
    let copy = dir.join("sled.check");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    make_private(&copy).map_err(|error| io::Error::other(describe(&error)))?;
    let health = copy_folder(&path(dir), &copy).map(|()| read_all(&copy));
    fs::remove_dir_all(&copy)?;
    health
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.metadata()?.is_dir() {
            fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn read_all(copy: &Path) -> CacheHealth {
    let read = |db: Db| -> sled::Result<Option<sled::IVec>> {
        for entry in db.iter() {
            entry?;
        }
        db.get(SCHEMA_KEY)
    };
    let found = raw(copy).and_then(|db| {
        catch_unwind(AssertUnwindSafe(|| read(db)))
            .map_err(|panic| Refusal::Damaged(words(panic.as_ref())))?
            .map_err(|error| refuse(&error))
    });
    match found {
        Ok(Some(found)) if found == SCHEMA => CacheHealth::Good,
        Ok(_) => CacheHealth::Damaged("schema is of another version".to_owned()),
        Err(Refusal::System(why) | Refusal::Damaged(why)) => CacheHealth::Damaged(why),
    }
}
