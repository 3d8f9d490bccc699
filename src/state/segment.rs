//! Files of the journal: their names, and the way along the chain through one of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::chain::{self, Broken, Head, Links, SCHEMA};
use super::error::{Flaw, FlawKind, StateError};

const EXTENSION: &str = "jsonl";

/// A file of the journal. It begins with a checkpoint, so that those before it are not needed to know the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// 1 for the first ever; without gaps.
    pub number: u32,
    pub path: PathBuf,
}

impl Segment {
    pub(super) fn new(folder: &Path, number: u32) -> Self {
        Self { number, path: folder.join(name(number)) }
    }

    pub(super) fn read(&self) -> Result<Vec<u8>, StateError> {
        fs::read(&self.path).map_err(StateError::io("read", &self.path))
    }

    pub(super) fn flaw(&self, line: usize, kind: FlawKind) -> Flaw {
        Flaw { file: self.path.clone(), line, kind }
    }

    /// When its first record was written.
    pub(super) fn begins(&self) -> Result<Timestamp, StateError> {
        let bytes = self.read()?;
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let links = chain::unseal(first).map_err(|broken| self.flaw(1, broken.into()))?;
        Ok(links.at)
    }
}

impl From<Broken> for FlawKind {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::NotARecord => Self::NotARecord,
            Broken::Edited => Self::Edited,
        }
    }
}

pub(super) fn name(number: u32) -> String {
    format!("{number:08}.{EXTENSION}")
}

/// Every segment, oldest first; a gap between two is an error. A folder that does not exist has none.
pub(super) fn list(folder: &Path) -> Result<Vec<Segment>, StateError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StateError::io("list", folder)(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry.map_err(StateError::io("list", folder))?.path();
        if let Some(number) = number_of(&path) {
            segments.push(Segment { number, path });
        }
    }
    segments.sort_by_key(|segment| segment.number);
    for pair in segments.windows(2) {
        if pair[1].number != pair[0].number + 1 {
            let kind = FlawKind::SegmentMissing { name: name(pair[0].number + 1) };
            return Err(pair[1].flaw(1, kind).into());
        }
    }
    Ok(segments)
}

fn number_of(path: &Path) -> Option<u32> {
    let stem = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    (stem.len() == 8 && stem.bytes().all(|digit| digit.is_ascii_digit())).then(|| stem.parse().ok())?
}

/// Makes a segment that is there whole or not at all, whatever happens meanwhile.
pub(super) fn create(folder: &Path, segment: &Segment, content: &[u8]) -> Result<File, StateError> {
    let draft = segment.path.with_extension("new");
    let written = write_draft(&draft, content).and_then(|file| {
        fs::rename(&draft, &segment.path)?;
        sync_folder(folder)?;
        Ok(file)
    });
    if written.is_err() {
        // Best effort: the next attempt and the next start remove it as well.
        let _ = fs::remove_file(&draft);
    }
    written.map_err(StateError::io("write", &segment.path))
}

fn write_draft(draft: &Path, content: &[u8]) -> io::Result<File> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    Ok(file)
}

/// Makes the names in a folder survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// How far the chain holds in a segment.
#[derive(Debug)]
pub(super) struct Followed<'a> {
    /// The last good record; `None` when there is none.
    pub head: Option<Head>,
    /// Bytes of the first record, and of all good ones.
    pub checkpoint: usize,
    pub good: usize,
    /// Where it stops, and what is left from there.
    pub stop: Option<(usize, FlawKind)>,
    pub rest: &'a [u8],
}

impl Followed<'_> {
    /// True when what is left looks like the last write before a power cut: one line, or one with blocks that never
    /// reached the disk and read as zeros. A file with `written` acknowledged records cannot lack one of those.
    pub(super) fn is_torn(&self, written: u64) -> bool {
        let Some((_, FlawKind::NotARecord | FlawKind::Edited)) = &self.stop else { return false };
        let Some(head) = self.head else { return false };
        let line = self.rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        head.seq >= written && (line.len() == self.rest.len() || line.contains(&0))
    }
}

/// Follows the chain, handing each good record to `each`, and stops at the first that does not fit. Without `before`
/// the first record is taken at its word.
pub(super) fn follow<'a>(
    segment: &Segment,
    bytes: &'a [u8],
    before: Option<Head>,
    mut each: impl FnMut(&Links, &[u8], usize) -> Result<(), StateError>,
) -> Result<Followed<'a>, StateError> {
    refuse_newer(segment, bytes)?;
    let mut followed = Followed { head: None, checkpoint: 0, good: 0, stop: None, rest: bytes };
    let before = if segment.number == 1 { Some(Head::START) } else { before };
    for (index, whole) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        match judge(whole, number, followed.head.or(before)) {
            Ok((links, line)) => {
                each(&links, line, number)?;
                followed.head = Some(links.head());
                followed.good += whole.len();
                if number == 1 {
                    followed.checkpoint = whole.len();
                }
            }
            Err(kind) => {
                followed.stop = Some((number, kind));
                break;
            }
        }
    }
    if bytes.is_empty() {
        followed.stop = Some((1, FlawKind::NotARecord));
    }
    followed.rest = &bytes[followed.good..];
    Ok(followed)
}

fn judge(whole: &[u8], number: usize, before: Option<Head>) -> Result<(Links, &[u8]), FlawKind> {
    let line = whole.strip_suffix(b"\n").ok_or(FlawKind::NotARecord)?;
    let links = chain::unseal(line)?;
    if let Some(before) = before {
        if links.seq != before.seq + 1 {
            return Err(FlawKind::OutOfOrder { expected: before.seq + 1, found: links.seq });
        }
        if links.prev != before.hash {
            return Err(FlawKind::OtherPredecessor);
        }
    }
    if number == 1 && (links.schema.is_none() || links.event != "checkpoint") {
        return Err(FlawKind::NoCheckpoint);
    }
    Ok((links, line))
}

/// A newer version may chain its records in another way, so its name is read before anything is judged.
fn refuse_newer(segment: &Segment, bytes: &[u8]) -> Result<(), StateError> {
    let schema = bytes
        .strip_prefix(br#"{"schema":""#)
        .and_then(|rest| rest.split(|byte| *byte == b'"').next())
        .map(|name| String::from_utf8_lossy(&name[..name.len().min(64)]).into_owned());
    match schema {
        Some(found) if found != SCHEMA && found.starts_with("rosterd.journal/") => {
            Err(StateError::NewerSchema { path: segment.path.clone(), found })
        }
        Some(_) | None => Ok(()),
    }
}
