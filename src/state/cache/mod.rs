//! The cache: what both sides looked like, and the daemon's own notes. All of it can be read again or done without.
//!
//! sled 0.34 is kept on a short lead: [`open`] cures what a kill leaves behind, every call runs under `catch_unwind`
//! because sled reports damage by panicking as often as by an error, a damaged database is put aside and an empty one
//! takes its place at once, and after an input or output error the cache stays off until the next start, because sled
//! answers every later write with the first error.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sled::Db;

use super::error::Notice;
use super::seccomp;

mod open;
mod snapshots;

pub use open::CacheHealth;
pub(super) use open::{copies, inspect, is_present, size_of};
pub use snapshots::CachedDirectory;

/// Why the cache did not do what was asked. Nobody's work stops for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// It is off until the next start, or was never opened.
    #[error("cache is off: {0}")]
    Off(String),
    /// It was damaged and is empty now.
    #[error("cache was damaged and starts empty: {0}")]
    Damaged(String),
    /// A value could not be written as JSON.
    #[error("value cannot be cached: {0}")]
    Encode(String),
}

#[derive(Debug)]
enum Store {
    Open(Db),
    Off(String),
}

/// A sled database in `<state>/sled`.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    store: Mutex<Store>,
}

impl Cache {
    /// Opens it, whatever that takes. Never fails: the worst is a cache that is off.
    pub fn open(dir: &Path, now: Timestamp) -> (Self, Vec<Notice>) {
        let mut notices = Vec::new();
        let store = match open::open(dir, now, &mut notices) {
            Ok(db) => Store::Open(db),
            Err(why) => {
                notices.push(Notice::CacheUnavailable { why: why.clone() });
                Store::Off(why)
            }
        };
        (Self { dir: dir.to_owned(), store: Mutex::new(store) }, notices)
    }

    /// One that keeps nothing.
    pub fn off(why: &str) -> Self {
        Self { dir: PathBuf::new(), store: Mutex::new(Store::Off(why.to_owned())) }
    }

    /// Why it is off; `None` while it works.
    pub fn trouble(&self) -> Option<String> {
        match &*self.lock() {
            Store::Open(_) => None,
            Store::Off(why) => Some(why.clone()),
        }
    }

    /// A value kept under a key; `None` as well for one this version cannot read.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, CacheError> {
        let bytes = self.run(|db| db.get(key))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Keeps a value under a key, on the disk when this returns.
    pub fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), CacheError> {
        let bytes = encode(value)?;
        self.run(|db| {
            db.insert(key, bytes.as_slice())?;
            self.sync(db)
        })
    }

    /// Keeps a value behind all others with the same prefix, numbered in the order they come in; the latest `most` stay.
    /// No clock has a part in it: one that was ahead for once would put its value before all that follow.
    pub fn push<T: Serialize>(&self, prefix: &str, value: &T, most: usize) -> Result<(), CacheError> {
        let bytes = encode(value)?;
        self.run(|db| {
            let newest = db.scan_prefix(prefix).keys().next_back().transpose()?;
            let number = newest.and_then(|key| std::str::from_utf8(&key[prefix.len()..]).ok()?.parse().ok());
            let next = number.map_or(0_u64, |number: u64| number.saturating_add(1));
            db.insert(format!("{prefix}{next:020}"), bytes.as_slice())?;
            for old in db.scan_prefix(prefix).keys().rev().skip(most) {
                db.remove(old?)?;
            }
            self.sync(db)
        })
    }

    /// The values with a prefix, newest first.
    pub fn newest<T: DeserializeOwned>(&self, prefix: &str, most: usize) -> Result<Vec<T>, CacheError> {
        let found: Vec<_> =
            self.run(|db| db.scan_prefix(prefix).values().rev().take(most).collect::<sled::Result<_>>())?;
        Ok(found.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect())
    }

    /// Waits until everything is on the disk.
    pub fn flush(&self) -> Result<(), CacheError> {
        self.run(|db| self.sync(db))
    }

    /// Bytes on the disk.
    pub fn size(&self) -> Result<u64, CacheError> {
        self.run(Db::size_on_disk)
    }

    fn sync(&self, db: &Db) -> sled::Result<()> {
        db.flush()?;
        if !seccomp::is_active() {
            File::open(open::path(&self.dir).join("db"))?.sync_all()?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run<T>(&self, work: impl FnOnce(&Db) -> sled::Result<T>) -> Result<T, CacheError> {
        let mut store = self.lock();
        let db = match &*store {
            Store::Open(db) => db,
            Store::Off(why) => return Err(CacheError::Off(why.clone())),
        };
        let why = match catch_unwind(AssertUnwindSafe(|| work(db))) {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(sled::Error::Io(error))) => return Err(turn_off(&mut store, &error)),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => open::words(panic.as_ref()),
        };
        Err(self.replace(&mut store, why))
    }

    /// Puts a damaged database aside and goes on with an empty one.
    fn replace(&self, store: &mut Store, why: String) -> CacheError {
        close(std::mem::replace(store, Store::Off(why.clone())));
        match open::begin_anew(&self.dir, Timestamp::now()) {
            Ok((db, _)) => {
                *store = Store::Open(db);
                CacheError::Damaged(why)
            }
            Err(error) => {
                *store = Store::Off(error.clone());
                CacheError::Off(error)
            }
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        let store = std::mem::replace(&mut *self.lock(), Store::Off("closed".to_owned()));
        close(store);
    }
}

fn turn_off(store: &mut Store, error: &io::Error) -> CacheError {
    let why = error.to_string();
    close(std::mem::replace(store, Store::Off(why.clone())));
    CacheError::Off(why)
}

/// sled flushes while it is dropped, which panics on a damaged database.
fn close(store: Store) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(store)));
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CacheError> {
    serde_json::to_vec(value).map_err(|error| CacheError::Encode(error.to_string()))
}
