//! The tree as these tests see it: its files, and Rust without comments, strings and tests.

use std::path::{Path, PathBuf};

/// A file below the root of the project.
pub(super) struct File {
    /// With slashes, from the root.
    pub(super) path: String,
    pub(super) text: String,
}

impl File {
    /// True for what is compiled for tests only.
    pub(super) fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.path.ends_with("/fake.rs")
    }

    /// Code alone: comments and the insides of strings are blank, tests at the end are cut off, lines are where they were.
    pub(super) fn code(&self) -> String {
        let code = code_only(&self.text);
        let tests = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub mod ", "#[cfg(test)]\npub(crate) mod "];
        let inline = tests.iter().flat_map(|start| code.match_indices(start));
        let end = inline
            .filter(|(at, _)| code[*at..].find('{') < code[*at..].find(';').or(Some(usize::MAX)))
            .map(|(at, _)| at)
            .min();
        code[..end.unwrap_or(code.len())].to_owned()
    }
}

/// Every text file of the project; what is built, and what only one machine has, is left out.
pub(super) fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry")) {
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let hidden = name.starts_with('.') && name != ".ci" && name != ".gitignore";
            let made = ["target", "corpus", "artifacts", "proptest-regressions"].contains(&name.as_str());
            if hidden || made {
                continue;
            }
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let path = path.strip_prefix(root).expect("below the root");
                found.push(File { path: path.to_str().expect("UTF-8").to_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 150, "only {} files were found", found.len());
    found
}

/// Rust files below one of these folders.
pub(super) fn rust(folders: &[&str]) -> Vec<File> {
    let below = |path: &str| folders.iter().any(|folder| path.starts_with(folder));
    files().into_iter().filter(|file| file.path.ends_with(".rs") && below(&file.path)).collect()
}

/// Blanks comments and the insides of strings and characters, byte by byte, so that every line and column stays.
pub(super) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (from, to) = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => (at, line_end(bytes, at)),
            b'/' if bytes.get(at + 1) == Some(&b'*') => (at, comment_end(bytes, at)),
            b'r' if raw_start(bytes, at).is_some() => {
                let (open, hashes) = raw_start(bytes, at).expect("just seen");
                (open + 1, raw_end(bytes, open + 1, hashes))
            }
            b'"' => (at + 1, string_end(bytes, at + 1)),
            b'\'' if bytes.get(at + 1) == Some(&b'\\') => (at + 1, quote_end(bytes, at + 3)),
            b'\'' if is_character(bytes, at) => (at + 1, quote_end(bytes, at + 1)),
            _ => {
                at += 1;
                continue;
            }
        };
        for byte in &mut out[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        // Past the closing quote, where there is one.
        at = if matches!(bytes.get(to), Some(b'"' | b'\'')) { to + 1 } else { to.max(at + 1) };
    }
    String::from_utf8(out).expect("whole characters are blanked")
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length)
}

fn comment_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].windows(2).position(|two| two == b"*/").map_or(bytes.len(), |length| from + length + 2)
}

/// The opening quote and the number of hashes of a raw string that starts here.
fn raw_start(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if in_word && bytes[at - 1] != b'b' {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    (bytes.get(at + 1 + hashes) == Some(&b'"')).then_some((at + 1 + hashes, hashes))
}

fn raw_end(bytes: &[u8], from: usize, hashes: usize) -> usize {
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let found = bytes[from..].windows(end.len()).position(|window| window == end);
    found.map_or(bytes.len(), |length| from + length)
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// A quote opens a character when one stands right behind the next character; else it is a lifetime.
fn is_character(bytes: &[u8], at: usize) -> bool {
    let width = match bytes.get(at + 1) {
        Some(byte) if byte.is_ascii() => 1,
        Some(byte) => byte.leading_ones() as usize,
        None => return false,
    };
    bytes.get(at + 1 + width) == Some(&b'\'')
}

fn quote_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\'').map_or(bytes.len(), |length| from + length)
}

/// Name and number of lines of each function with a body.
pub(super) fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let word =
            code[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_');
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if !word || name.is_empty() {
            continue;
        }
        if let Some(length) = body_end(&code[at..]) {
            found.push((name, code[at..at + length].lines().count()));
        }
    }
    found
}

/// The length of a function from its `fn`; `None` where there is no body.
fn body_end(code: &str) -> Option<usize> {
    let mut brackets = 0_i32;
    let mut braces = 0_i32;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
