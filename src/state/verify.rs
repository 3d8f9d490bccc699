//! `audit verify`: walks the whole chain. Needs no lock: a journal only grows, and `HEAD` is read before it.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::chain::Head;
use super::error::{Flaw, FlawKind, StateError};
use super::head::{self, Written};
use super::rewritten::Pending;
use super::segment::{self, Segment, follow};

/// A journal in which nothing was edited, dropped, swapped or cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Files.
    pub segments: usize,
    /// Records in them.
    pub records: u64,
    /// Number of the oldest record that retention has left.
    pub first: u64,
    /// When that one was written.
    pub since: Timestamp,
    /// The newest record; compare its hash with the one the daemon logged.
    pub head: Head,
    /// Bytes of a last record that was never written whole nor acknowledged; the next start cuts them off.
    pub torn_bytes: usize,
}

/// Checks every record of the journal in a state folder. The error of the first bad one names file, line and what is wrong.
pub fn verify(dir: &Path) -> Result<Verified, StateError> {
    let folder = super::journal_folder(dir);
    let written = head::read(&folder)?;
    let segments = segment::list(&folder)?;
    let Some(oldest) = segments.first() else {
        let Some(written) = written else { return Err(StateError::NoJournal { path: folder }) };
        let kind = FlawKind::Truncated { written: written.seq, found: 0 };
        return Err(Flaw { file: head::path(&folder), line: 1, kind }.into());
    };
    if let Some(written) = written.filter(|written| written.first < oldest.number) {
        return Err(oldest.flaw(1, FlawKind::SegmentMissing { name: segment::name(written.first) }).into());
    }
    let mut walk = Walk { written, before: None, first: None, torn: 0, pending: Pending::default() };
    for (index, segment) in segments.iter().enumerate() {
        walk.through(segment, index + 1 == segments.len())?;
    }
    walk.end(&segments, &folder)
}

struct Walk {
    written: Option<Written>,
    before: Option<Head>,
    first: Option<(u64, Timestamp)>,
    torn: usize,
    pending: Pending,
}

impl Walk {
    fn through(&mut self, segment: &Segment, last: bool) -> Result<(), StateError> {
        let bytes = segment.read()?;
        let (written, first, pending) = (self.written, &mut self.first, &mut self.pending);
        let followed = follow(segment, &bytes, self.before, |links, bytes, line| {
            first.get_or_insert((links.seq, links.at));
            pending.follow(segment, line, links, bytes)?;
            match written {
                Some(written) if written.seq == links.seq && written.head() != links.head() => {
                    Err(segment.flaw(line, FlawKind::OtherHead { seq: links.seq }).into())
                }
                Some(_) | None => Ok(()),
            }
        })?;
        if let Some((line, kind)) = &followed.stop {
            if !last || !followed.is_torn(written.map_or(0, |written| written.seq)) {
                return Err(segment.flaw(*line, kind.clone()).into());
            }
            self.torn = followed.rest.len();
        }
        self.before = followed.head;
        Ok(())
    }

    fn end(self, segments: &[Segment], folder: &Path) -> Result<Verified, StateError> {
        let head = self.before.unwrap_or(Head::START);
        let last = segments.last().map(|segment| segment.path.clone()).unwrap_or_default();
        let Some(written) = self.written else {
            return Err(Flaw { file: head::path(folder), line: 1, kind: FlawKind::NoHead }.into());
        };
        if head.seq < written.seq {
            let kind = FlawKind::Truncated { written: written.seq, found: head.seq };
            return Err(Flaw { file: last, line: 1, kind }.into());
        }
        self.pending.end()?;
        let (first, since) = self.first.unwrap_or((0, Timestamp::UNIX_EPOCH));
        let records = (head.seq + 1).saturating_sub(first);
        Ok(Verified { segments: segments.len(), records, first, since, head, torn_bytes: self.torn })
    }
}
