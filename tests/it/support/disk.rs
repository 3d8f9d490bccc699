//! What a disk may hold after a power cut, as strictly as POSIX allows: of a file only what was synced, and of a folder only
//! the names that were there when the folder itself was synced. Whatever came later may be there, may be missing, or may be
//! there in part, in any order within a file and in the order of its making within a folder.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Splitmix, so that a failure can be run again by its seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % limit
    }

    fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).expect("below a usize")
    }
}

/// What became of all that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It is gone.
    All,
    /// It is there: the disk was fast.
    Nothing,
    /// Each file and folder has its own fate.
    Chance,
}

#[derive(Debug)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Default)]
struct File {
    synced: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Renaming {
    Put(String, u64),
    Drop(String),
    Move(String, String),
}

#[derive(Debug, Default)]
struct Folder {
    synced: BTreeMap<String, u64>,
    since: Vec<Renaming>,
}

#[derive(Debug)]
enum Node {
    File(File),
    Folder(Folder),
}

/// A folder and all below it, by inode.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    top: u64,
    nodes: BTreeMap<u64, Node>,
    /// Records that concern the folder, and those of them that made something durable.
    pub(crate) records: u64,
    pub(crate) syncs: usize,
}

impl Disk {
    /// `folder` within `root`, as it is now: what a computer finds when it starts is on the disk.
    pub(crate) fn scan(root: &Path, folder: &str) -> Self {
        let top = fs::metadata(root).expect("a folder").ino();
        let mut disk = Self { root: root.to_owned(), top, nodes: BTreeMap::new(), records: 0, syncs: 0 };
        let mut names = BTreeMap::new();
        if let Some(inode) = disk.read(&root.join(folder)) {
            names.insert(folder.to_owned(), inode);
        }
        disk.nodes.insert(top, Node::Folder(Folder { synced: names, since: Vec::new() }));
        disk
    }

    fn read(&mut self, path: &Path) -> Option<u64> {
        let found = fs::symlink_metadata(path).ok()?;
        let node = if found.is_dir() {
            let mut names = BTreeMap::new();
            for entry in fs::read_dir(path).expect("a folder").flatten() {
                let name = entry.file_name().into_string().expect("plain names");
                names.extend(self.read(&entry.path()).map(|inode| (name, inode)));
            }
            Node::Folder(Folder { synced: names, since: Vec::new() })
        } else {
            Node::File(File { synced: fs::read(path).expect("readable"), since: Vec::new() })
        };
        self.nodes.insert(found.ino(), node);
        Some(found.ino())
    }

    /// Goes through what `recorder.c` wrote; a last record that is not whole is none.
    pub(crate) fn replay(&mut self, mut log: &[u8]) {
        while let Some(end) = log.iter().position(|byte| *byte == b'\n') {
            let head = std::str::from_utf8(&log[..end]).expect("a record");
            let words: Vec<&str> = head.split(' ').collect();
            let number = |at: usize| words[at].parse::<u64>().expect("a number");
            let length = usize::try_from(number(3)).expect("a length");
            let Some(data) = log.get(end + 1..end + 1 + length) else { return };
            log = &log[end + 1 + length..];
            self.apply(words[0], number(1), number(2), data);
        }
    }

    fn apply(&mut self, what: &str, inode: u64, number: u64, data: &[u8]) {
        self.records += 1;
        let text = || std::str::from_utf8(data).expect("a path");
        let size = usize::try_from(number).expect("a size");
        match what {
            "W" => self.change(inode, Change::Write { at: size, data: data.to_vec() }),
            "T" => self.change(inode, Change::Length(size)),
            "S" => self.sync(inode),
            "O" => self.opened(text(), inode, number == 1),
            "D" => {
                self.nodes.insert(inode, Node::Folder(Folder::default()));
                self.rename(text(), |name| Renaming::Put(name, inode));
            }
            "U" | "V" => self.rename(text(), Renaming::Drop),
            "R" => {
                let (from, to) = text().split_once('\0').expect("two paths");
                self.moved(from, to);
            }
            other => panic!("a record {other:?}"),
        }
    }

    fn change(&mut self, inode: u64, change: Change) {
        if let Some(Node::File(file)) = self.nodes.get_mut(&inode) {
            file.since.push(change);
        }
    }

    fn sync(&mut self, inode: u64) {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => {
                file.synced = file.now();
                file.since.clear();
                self.syncs += 1;
            }
            Some(Node::Folder(folder)) => {
                folder.synced = folder.now();
                folder.since.clear();
                self.syncs += 1;
            }
            None => {}
        }
    }

    fn opened(&mut self, path: &str, inode: u64, cut: bool) {
        if self.find(path) == Some(inode) {
            if cut {
                self.change(inode, Change::Length(0));
            }
            return;
        }
        self.nodes.insert(inode, Node::File(File::default()));
        self.rename(path, |name| Renaming::Put(name, inode));
    }

    fn moved(&mut self, from: &str, to: &str) {
        let (old, new) = (Path::new(from), Path::new(to));
        let Some(inode) = self.find(from) else { return };
        if old.parent() == new.parent() {
            let to = name_of(new);
            self.rename(from, |name| Renaming::Move(name, to));
        } else {
            self.rename(from, Renaming::Drop);
            self.rename(to, |name| Renaming::Put(name, inode));
        }
    }

    fn rename(&mut self, path: &str, entry: impl FnOnce(String) -> Renaming) {
        let path = Path::new(path);
        let parent = path.parent().and_then(|parent| self.find(&parent.to_string_lossy()));
        if let Some(Node::Folder(folder)) = parent.and_then(|inode| self.nodes.get_mut(&inode)) {
            folder.since.push(entry(name_of(path)));
        }
    }

    /// Where a path leads while the computer runs.
    fn find(&self, path: &str) -> Option<u64> {
        let below = Path::new(path).strip_prefix(&self.root).ok()?;
        below.iter().try_fold(self.top, |inode, name| match self.nodes.get(&inode)? {
            Node::Folder(folder) => folder.now().get(name.to_str()?).copied(),
            Node::File(_) => None,
        })
    }

    /// Lines of the journal that somebody was promised: written, and synced.
    pub(crate) fn promised(&self) -> Vec<String> {
        let files = self.nodes.values().filter_map(|node| match node {
            Node::File(file) => Some(file),
            Node::Folder(_) => None,
        });
        let lines = files.flat_map(|file| file.synced.split_inclusive(|byte| *byte == b'\n'));
        let whole =
            lines.filter(|line| line.ends_with(b"}\n")).filter_map(|line| std::str::from_utf8(line).ok());
        // A checkpoint is promised only when its file has its name, and says nothing that was not said before.
        let records =
            whole.filter(|line| line.contains("\"prev\":") && !line.contains("\"event\":\"checkpoint\""));
        records.map(str::to_owned).collect()
    }

    /// Puts what is left in the place of the folder.
    pub(crate) fn cut(&self, folder: &str, loss: Loss, dice: &mut Dice) {
        let place = self.root.join(folder);
        if place.exists() {
            fs::remove_dir_all(&place).expect("removed");
        }
        let Node::Folder(top) = &self.nodes[&self.top] else { unreachable!("the root is a folder") };
        if let Some(inode) = top.left(loss, dice).get(folder) {
            self.write(*inode, &place, loss, dice);
        }
    }

    fn write(&self, inode: u64, place: &Path, loss: Loss, dice: &mut Dice) {
        match &self.nodes[&inode] {
            Node::File(file) => {
                let mut out = fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(place)
                    .expect("made");
                std::io::Write::write_all(&mut out, &file.left(loss, dice)).expect("written");
            }
            Node::Folder(folder) => {
                fs::DirBuilder::new().mode(0o700).create(place).expect("made");
                for (name, inode) in folder.left(loss, dice) {
                    self.write(inode, &place.join(name), loss, dice);
                }
            }
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("plain names").to_owned()
}

fn resize_and_put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    if bytes.len() < at + data.len() {
        bytes.resize(at + data.len(), 0);
    }
    bytes[at..at + data.len()].copy_from_slice(data);
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, data } => resize_and_put(bytes, *at, data),
            Self::Length(length) => bytes.resize(*length, 0),
        }
    }

    /// Some sectors of it, or the whole.
    fn apply_in_part(&self, bytes: &mut Vec<u8>, dice: &mut Dice) {
        let Self::Write { at, data } = self else { return self.apply(bytes) };
        let mut from = 0;
        while from < data.len() {
            let to = data.len().min(from + SECTOR - (at + from) % SECTOR);
            if dice.below(2) == 0 {
                resize_and_put(bytes, at + from, &data[from..to]);
            }
            from = to;
        }
    }
}

impl File {
    fn now(&self) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        self.since.iter().for_each(|change| change.apply(&mut bytes));
        bytes
    }

    fn left(&self, loss: Loss, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        match (loss, dice.below(4)) {
            (Loss::All, _) | (Loss::Chance, 0) => {}
            (Loss::Nothing, _) | (Loss::Chance, 1) => return self.now(),
            // In order, and the last one torn.
            (Loss::Chance, 2) => {
                let kept = dice.index(self.since.len() + 1);
                self.since.iter().take(kept).for_each(|change| change.apply(&mut bytes));
                if let Some(torn) = self.since.get(kept) {
                    torn.apply_in_part(&mut bytes, dice);
                }
            }
            // In any order.
            (Loss::Chance, _) => {
                for change in &self.since {
                    if dice.below(2) == 0 {
                        change.apply_in_part(&mut bytes, dice);
                    }
                }
            }
        }
        bytes
    }
}

impl Folder {
    fn now(&self) -> BTreeMap<String, u64> {
        self.first(self.since.len())
    }

    fn left(&self, loss: Loss, dice: &mut Dice) -> BTreeMap<String, u64> {
        match loss {
            Loss::All => self.first(0),
            Loss::Nothing => self.now(),
            Loss::Chance => self.first(dice.index(self.since.len() + 1)),
        }
    }

    fn first(&self, count: usize) -> BTreeMap<String, u64> {
        let mut names = self.synced.clone();
        for entry in &self.since[..count] {
            match entry {
                Renaming::Put(name, inode) => drop(names.insert(name.clone(), *inode)),
                Renaming::Drop(name) => drop(names.remove(name)),
                Renaming::Move(from, to) => {
                    if let Some(inode) = names.remove(from) {
                        names.insert(to.clone(), inode);
                    }
                }
            }
        }
        names
    }
}

/// Lets a command be recorded: everything it does below `folder` is appended to `log`. It is killed right after the given
/// number of records, if any.
pub(crate) fn record(command: &mut Command, folder: &Path, log: &Path, stop: Option<u64>) {
    command.env("LD_PRELOAD", recorder()).env("RECORDER_FOLDER", folder).env("RECORDER_LOG", log);
    if let Some(stop) = stop {
        command.env("RECORDER_STOP", stop.to_string());
    }
}

/// `recorder.c`, compiled once for this run.
fn recorder() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/recorder.c");
        let library =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recorder-{}.so", std::process::id()));
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .args([source, "-lpthread"])
            .output()
            .expect("a C compiler, which building this crate needs as well");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        library
    })
}
