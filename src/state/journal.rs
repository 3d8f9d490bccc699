//! The journal: the truth, and the audit log. Append-only JSON Lines, synced before anyone acts on them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::chain::{Draft, Head, SCHEMA};
use super::error::{Notice, StateError};
use super::head::{HeadFile, Written};
use super::lock::{keep_name, make_private};
use super::look::{Found, Told, look};
use super::mend::{remove_drafts, set_aside};
use super::segment::{self, Segment};
use crate::model::event::{Actor, CycleId, Event};
use crate::model::ledger::Ledger;

/// When a segment ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes after its checkpoint.
    pub bytes: u64,
    /// Of its first record.
    pub age: SignedDuration,
}

/// Who records something, when, and on what occasion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion<'a> {
    pub at: Timestamp,
    pub cycle: Option<&'a CycleId>,
    pub actor: &'a Actor,
}

/// Whether the file ends where the last acknowledged record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    Clean,
    /// A write failed half-way and could not be taken back yet.
    Dirty,
}

/// The newest segment, open at its end.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    segment: Segment,
    file: File,
    length: u64,
    checkpoint: u64,
    began: Timestamp,
    first: u32,
    head: Head,
    head_file: HeadFile,
    tail: Tail,
    limits: Limits,
}

impl Journal {
    /// Opens the journal in `folder`, makes it where it is missing, and cuts off a record that was not written whole.
    pub(super) fn open(folder: &Path, limits: Limits, now: Timestamp) -> Result<(Self, Told), StateError> {
        if !super::lock::exists(folder)? {
            make_private(folder)?;
        }
        keep_name(folder)?;
        remove_drafts(folder)?;
        let found = match look(folder)? {
            Some(found) => found,
            None => {
                start(folder, now)?;
                look(folder)?.ok_or_else(|| StateError::io("read", folder)(io::ErrorKind::NotFound.into()))?
            }
        };
        Self::resume(folder, limits, found)
    }

    fn resume(folder: &Path, limits: Limits, found: Found) -> Result<(Self, Told), StateError> {
        let segment = found.segments.last().expect("a journal that was found has a segment").clone();
        let mut notices = Vec::new();
        if !found.torn.is_empty() {
            notices.push(set_aside(folder, &segment, found.good, &found.torn)?);
        }
        let file = OpenOptions::new()
            .append(true)
            .open(&segment.path)
            .map_err(StateError::io("open", &segment.path))?;
        let mut journal = Self {
            folder: folder.to_owned(),
            file,
            length: found.good,
            checkpoint: found.checkpoint,
            began: found.began,
            first: found.segments[0].number,
            head: found.head,
            head_file: HeadFile::open(folder)?,
            tail: if found.torn.is_empty() { Tail::Clean } else { Tail::Dirty },
            limits,
            segment,
        };
        journal.restore_tail()?;
        journal.write_head()?;
        journal.head_file.sync()?;
        let told = Told { ledger: found.ledger, head: found.head, notices };
        Ok((journal, told))
    }

    /// The last record.
    pub(super) fn head(&self) -> Head {
        self.head
    }

    /// Appends the events in one write and returns when they are on the disk. On an error none of them count.
    pub(super) fn append(&mut self, occasion: Occasion<'_>, events: &[Event]) -> Result<(), StateError> {
        self.restore_tail()?;
        let mut lines = Vec::new();
        let mut head = self.head;
        for event in events {
            head = seal(head, None, occasion, event, &mut lines)?;
        }
        if let Err(error) = self.file.write_all(&lines).and_then(|()| self.file.sync_data()) {
            self.tail = Tail::Dirty;
            // Where this fails as well, the next append tries again before it writes anything.
            let _ = self.restore_tail();
            return Err(StateError::io("write", &self.segment.path)(error));
        }
        self.length += lines.len() as u64;
        self.head = head;
        self.note_head();
        Ok(())
    }

    /// Waits until `HEAD` is on the disk; called once a cycle.
    pub(super) fn sync_head(&self) -> Result<(), StateError> {
        self.head_file.sync()
    }

    /// True when the segment is full or old.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.length - self.checkpoint >= self.limits.bytes
            || now.duration_since(self.began) >= self.limits.age
    }

    /// Begins a new segment with the state of things.
    pub(super) fn roll(&mut self, occasion: Occasion<'_>, ledger: &Ledger) -> Result<(), StateError> {
        self.restore_tail()?;
        let segment = Segment::new(&self.folder, self.segment.number + 1);
        let (line, head) = checkpoint(self.head, occasion, ledger)?;
        self.file = segment::create(&self.folder, &segment, &line)?;
        self.length = line.len() as u64;
        self.checkpoint = self.length;
        self.began = occasion.at;
        self.segment = segment;
        self.head = head;
        self.note_head();
        Ok(())
    }

    /// Deletes segments whose every record is older than `cutoff`. The chain goes on from the oldest checkpoint kept.
    pub(super) fn purge(&mut self, cutoff: Timestamp) -> Result<Option<Notice>, StateError> {
        let mut segments = segment::list(&self.folder)?;
        let mut old = 0;
        let mut oldest = None;
        for next in segments.iter().skip(1) {
            let begins = next.begins()?;
            if begins >= cutoff {
                break;
            }
            old += 1;
            oldest = Some(begins);
        }
        let Some(oldest) = oldest else { return Ok(None) };
        // HEAD first: a kill in between leaves segments that are deleted next time, instead of ones that are missed.
        self.first = segments[old].number;
        self.write_head()?;
        self.head_file.sync()?;
        for segment in segments.drain(..old) {
            fs::remove_file(&segment.path).map_err(StateError::io("delete", &segment.path))?;
        }
        segment::sync_folder(&self.folder).map_err(StateError::io("sync", &self.folder))?;
        Ok(Some(Notice::Purged { segments: old, oldest }))
    }

    fn restore_tail(&mut self) -> Result<(), StateError> {
        if self.tail == Tail::Dirty {
            self.file
                .set_len(self.length)
                .and_then(|()| self.file.sync_all())
                .map_err(StateError::io("repair", &self.segment.path))?;
            self.tail = Tail::Clean;
        }
        Ok(())
    }

    fn write_head(&self) -> Result<(), StateError> {
        self.head_file.write(&Written { seq: self.head.seq, hash: self.head.hash, first: self.first })
    }

    /// Puts another file in the place of the segment's, to see what a failing disk does.
    #[cfg(test)]
    pub(super) fn swap_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// The record is on the disk already, so a `HEAD` that lags behind is worth a line in the log and no more.
    fn note_head(&self) {
        if let Err(error) = self.write_head() {
            tracing::warn!(error = %error, "journal head could not be noted");
        }
    }
}

fn start(folder: &Path, now: Timestamp) -> Result<(), StateError> {
    let occasion = Occasion { at: now, cycle: None, actor: &Actor::Daemon };
    let (line, _) = checkpoint(Head::START, occasion, &Ledger::default())?;
    segment::create(folder, &Segment::new(folder, 1), &line)?;
    Ok(())
}

fn checkpoint(before: Head, occasion: Occasion<'_>, ledger: &Ledger) -> Result<(Vec<u8>, Head), StateError> {
    let mut line = Vec::new();
    let event = Event::Checkpoint { ledger: Box::new(ledger.clone()) };
    let head = seal(before, Some(SCHEMA), occasion, &event, &mut line)?;
    Ok((line, head))
}

fn seal(
    before: Head,
    schema: Option<&'static str>,
    occasion: Occasion<'_>,
    event: &Event,
    lines: &mut Vec<u8>,
) -> Result<Head, StateError> {
    let Occasion { at, cycle, actor } = occasion;
    let draft = Draft { schema, seq: before.seq + 1, at, cycle, actor, event, prev: before.hash, was: None };
    draft.seal(lines).map_err(StateError::Encode)
}
