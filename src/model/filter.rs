//! SCIM filters (RFC 7644 §3.4.2.2) over a person, evaluated here on what was read: providers answer filters wrongly
//! often enough (ignored, case-sensitive, empty with status 200) that theirs are never trusted.

mod eval;
mod parse;
mod path;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

pub use path::AttributePath;

use super::directory::Person;

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    text: String,
    root: Expr,
}

/// A filter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {at}: expected {expected}")]
pub struct FilterError {
    /// Counted from 1, in characters.
    pub at: usize,
    /// What may stand there.
    pub expected: String,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Where it stops being one, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(Self { text: text.to_owned(), root: parse::filter(text)? })
    }

    /// The filter as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when a person fits.
    pub fn matches(&self, person: &Person) -> bool {
        eval::person(&self.root, person)
    }

    /// Attributes it looks at that none of these people have, by their names in lower case.
    pub fn unheard_of(&self, people: &[Person]) -> Vec<String> {
        let mut paths = Vec::new();
        self.root.paths(&mut paths);
        paths.retain(|path| {
            let present = Expr::Attribute { path: (*path).clone(), test: Test::Present };
            !people.iter().any(|person| eval::person(&present, person))
        });
        let mut names: Vec<String> = paths.into_iter().map(AttributePath::to_string).collect();
        names.dedup();
        names
    }

    /// Names of the top-level attributes it looks at, as written, for a source to keep. An extension's attribute gives
    /// the whole URN and also the two other places where providers put it: `URN:attribute` and `attribute`.
    pub fn attributes(&self) -> BTreeSet<Arc<str>> {
        let mut names = BTreeSet::new();
        self.root.attributes(&mut names);
        names
    }
}

/// What a filter is made of.
#[derive(Clone, Debug, PartialEq)]
enum Expr {
    /// `and`.
    All(Vec<Expr>),
    /// `or`.
    Any(Vec<Expr>),
    /// `not (…)`.
    Not(Box<Expr>),
    /// `path op value`, `path pr`.
    Attribute { path: AttributePath, test: Test },
    /// `path[inner]`: one element fits; with a rest, such an element's own attribute is tested.
    Element { path: AttributePath, inner: Box<Expr>, rest: Option<(Vec<Arc<str>>, Test)> },
}

impl Expr {
    fn paths<'e>(&'e self, paths: &mut Vec<&'e AttributePath>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.paths(paths)),
            Self::Not(inner) => inner.paths(paths),
            Self::Attribute { path, .. } | Self::Element { path, .. } => paths.push(path),
        }
    }

    fn attributes(&self, names: &mut BTreeSet<Arc<str>>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.attributes(names)),
            Self::Not(inner) => inner.attributes(names),
            // Paths inside the brackets are relative to the element.
            Self::Attribute { path, .. } | Self::Element { path, .. } => names.extend(path.top_level()),
        }
    }
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// `pr`.
    Present,
    /// The other operators.
    Compare(Operator, Literal),
}

/// The comparing operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A JSON literal, made ready for comparing.
#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text { written: String, folded: String, instant: Option<Timestamp> },
}

/// One form for comparing text whose case does not matter.
fn fold(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests;
