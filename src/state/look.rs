//! What a journal says: its newest segment, read and compared with `HEAD`, without changing anything.

use std::path::Path;

use jiff::Timestamp;

use super::chain::{Head, Record};
use super::error::{Flaw, FlawKind, Notice, StateError};
use super::head::{self, Written};
use super::ledger::fold;
use super::rewritten::Pending;
use super::segment::{self, Segment, follow};
use crate::model::ledger::Ledger;

/// What a journal says, however it was opened.
#[derive(Debug)]
pub(super) struct Told {
    pub ledger: Ledger,
    pub head: Head,
    pub notices: Vec<Notice>,
}

/// The last segment as it was found.
pub(super) struct Found {
    pub segments: Vec<Segment>,
    pub ledger: Ledger,
    pub head: Head,
    /// Bytes of the first record, and of all good ones.
    pub checkpoint: u64,
    pub good: u64,
    pub began: Timestamp,
    /// What comes after the good records, for want of a whole one.
    pub torn: Vec<u8>,
    pub written: Option<Written>,
}

/// What the journal in `folder` says, without changing anything. `None` where there is none.
pub(super) fn read(folder: &Path) -> Result<Option<Told>, StateError> {
    let Some(found) = look(folder)? else { return Ok(None) };
    let file = found.segments.last().map(|segment| segment.path.clone()).unwrap_or_default();
    let bytes = found.torn.len() as u64;
    let notices =
        if bytes == 0 { Vec::new() } else { vec![Notice::TailRepaired { file, bytes, kept: None }] };
    Ok(Some(Told { ledger: found.ledger, head: found.head, notices }))
}

/// Reads the newest segment and compares it with what `HEAD` says was written. Records without a `HEAD` may be all but
/// those that somebody cut off.
pub(super) fn look(folder: &Path) -> Result<Option<Found>, StateError> {
    let found = look_at(folder, head::read(folder)?)?;
    match found {
        Some(found) if found.written.is_none() && found.head.seq > 1 => {
            Err(Flaw { file: head::path(folder), line: 1, kind: FlawKind::NoHead }.into())
        }
        found => Ok(found),
    }
}

/// The same, whatever `HEAD` says.
pub(super) fn look_at(folder: &Path, written: Option<Written>) -> Result<Option<Found>, StateError> {
    let segments = segment::list(folder)?;
    let Some(segment) = segments.last() else { return missing(folder, written) };
    if let Some(written) = written.filter(|written| written.first < segments[0].number) {
        let kind = FlawKind::SegmentMissing { name: segment::name(written.first) };
        return Err(segments[0].flaw(1, kind).into());
    }
    let bytes = segment.read()?;
    let mut ledger = Ledger::default();
    let mut began = Timestamp::UNIX_EPOCH;
    let mut pending = Pending::default();
    let followed = follow(segment, &bytes, None, |links, line, number| {
        pending.follow(segment, number, links, line)?;
        if let Some(written) = written.filter(|written| written.seq == links.seq)
            && written.head() != links.head()
        {
            return Err(segment.flaw(number, FlawKind::OtherHead { seq: links.seq }).into());
        }
        if number == 1 {
            began = links.at;
        }
        let record: Record =
            serde_json::from_slice(line).map_err(|_| segment.flaw(number, FlawKind::NotARecord))?;
        fold(&mut ledger, record.at, &record.event);
        Ok(())
    })?;
    let acknowledged = written.map_or(0, |written| written.seq);
    if let Some((line, kind)) = &followed.stop
        && !followed.is_torn(acknowledged)
    {
        return Err(segment.flaw(*line, kind.clone()).into());
    }
    pending.end()?;
    let head = followed.head.expect("a segment whose first record is bad is refused, not torn");
    if head.seq < acknowledged {
        let kind = FlawKind::Truncated { written: acknowledged, found: head.seq };
        return Err(segment.flaw(1, kind).into());
    }
    let (checkpoint, good, torn) = (followed.checkpoint as u64, followed.good as u64, followed.rest.to_vec());
    Ok(Some(Found { ledger, head, checkpoint, began, good, torn, written, segments }))
}

fn missing(folder: &Path, written: Option<Written>) -> Result<Option<Found>, StateError> {
    match written.filter(|written| written.seq > 0) {
        Some(written) => {
            let kind = FlawKind::Truncated { written: written.seq, found: 0 };
            Err(Flaw { file: head::path(folder), line: 1, kind }.into())
        }
        None => Ok(None),
    }
}
