//! What is wrong with a configuration, all of it at once, each with its place and its cure.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// Exit code of a configuration that cannot be used (`EX_CONFIG`).
pub const EXIT_CODE: u8 = 78;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file; line and column count from 1, columns in characters.
    Line {
        /// Line.
        line: usize,
        /// Column.
        column: usize,
    },
    /// The file, at no line of its own: the key is absent.
    File,
    /// An environment variable, by its real name.
    Variable(String),
}

/// One thing that is wrong, or worth a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `guard.removals_max`; entries of a list count from 1: `access.rules[2].roles`. Empty for the
    /// file as a whole.
    pub key: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is wrong. Never holds a secret.
    pub text: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Everything that is wrong with one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    path: PathBuf,
    list: Vec<Problem>,
}

impl Problems {
    /// Problems of a file, in the order of its lines; what has no line comes last, then the environment.
    pub(super) fn new(path: &Path, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| match &problem.origin {
            Origin::Line { line, column } => (0, *line, *column),
            Origin::File => (1, 0, 0),
            Origin::Variable(_) => (2, 0, 0),
        });
        Self { path: path.into(), list }
    }

    /// One by one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.list.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl Problem {
    /// `place: key: text`, without the hint.
    pub fn line(&self, path: &Path) -> String {
        let place: Cow<'_, str> = match &self.origin {
            Origin::Line { line, column } => format!("{}:{line}:{column}", path.display()).into(),
            Origin::File => path.display().to_string().into(),
            Origin::Variable(name) => name.into(),
        };
        if self.key.is_empty() {
            format!("{place}: {}", self.text)
        } else {
            format!("{place}: {}: {}", self.key, self.text)
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.list.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&problem.line(&self.path))?;
            if let Some(hint) = &problem.hint {
                write!(f, "\n  hint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
