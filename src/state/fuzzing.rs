//! The way in for `crate::fuzzing`: lines of the journal, and what an export holds.

use jiff::Timestamp;

use super::chain::{Head, Record, reseal, unseal};
use super::segment::{Segment, follow};
use super::{export, fold};
use crate::model::ledger::Ledger;

/// A line as it came, and the same line with a hash that fits, for no random bytes ever have one.
pub(crate) fn record(line: &[u8]) -> bool {
    let _ = unseal(line);
    let _ = serde_json::from_slice::<Record>(line);
    let sealed = reseal(line);
    let Ok(links) = unseal(&sealed) else { return false };
    let Ok(record) = serde_json::from_slice::<Record>(&sealed) else { return false };
    assert_eq!((record.seq, record.hash), (links.seq, links.hash), "two readings of one record");
    let mut ledger = Ledger::default();
    fold(&mut ledger, record.at, &record.event);
    true
}

/// A whole segment.
pub(crate) fn segment(bytes: &[u8]) -> bool {
    let segment = Segment::new(std::path::Path::new("/fuzz"), 2);
    let mut seen = 0;
    let followed = follow(&segment, bytes, None, |_, _, _| {
        seen += 1;
        Ok(())
    });
    let Ok(followed) = followed else { return false };
    assert_eq!(followed.good + followed.rest.len(), bytes.len(), "bytes that are neither good nor bad");
    let _ = followed.is_torn(0);
    seen > 0 && followed.stop.is_none()
}

/// An export to be imported.
pub(crate) fn exported(bytes: &[u8]) -> bool {
    let Ok(ledger) = export::read(bytes) else { return false };
    let mut again = Vec::new();
    let head = Head { seq: 1, ..Head::START };
    export::export(&ledger, head, Timestamp::UNIX_EPOCH, &mut again).expect("what was read can be written");
    assert_eq!(export::read(again.as_slice()).expect("what was written can be read"), ledger);
    true
}
