//! Every key there is, asked of the types themselves, so that no list of keys can fall behind them.
//!
//! serde's derived code tells a deserializer which fields and variants it wants. A probe that answers with one field
//! at a time and notes what is asked for walks the whole tree without a value in sight.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::Tables;
use super::values::{DAY, LENGTH};

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Further keys.
    Table,
    /// Tables, one after the other (`[[access.rules]]`).
    Tables,
    /// Text.
    Text,
    /// Texts.
    Texts,
    /// A whole number from 0 up.
    Whole,
    /// True or false.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// These words.
    Choices(&'static [&'static str]),
    /// A duration.
    Length,
    /// A date.
    Day,
}

impl Kind {
    /// What to write, in words.
    pub(super) fn wanted(self) -> String {
        match self {
            Self::Table => "a table".to_owned(),
            Self::Tables => "a list of tables".to_owned(),
            Self::Text => "a text in quotes".to_owned(),
            Self::Texts => "a list of texts, such as [\"a\", \"b\"]".to_owned(),
            Self::Whole => "a whole number from 0 up, without quotes".to_owned(),
            Self::Flag => "true or false, without quotes".to_owned(),
            Self::Choice(words) => one_of(words),
            Self::Choices(words) => format!("a list with any of {}", quoted(words)),
            Self::Length => "a duration in quotes, such as \"40m\", \"24h\" or \"3d\"".to_owned(),
            Self::Day => "a date in quotes, such as \"2027-01-31\"".to_owned(),
        }
    }
}

/// `"a", "b" or "c"`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("{one:?}"),
        [first @ .., last] => format!("{} or {last:?}", quoted(first)),
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

/// Every key by its path; entries of a list of tables are written `access.rules[].group`.
pub(super) static KEYS: LazyLock<BTreeMap<String, Kind>> = LazyLock::new(|| {
    let mut keys = BTreeMap::new();
    explore(&mut Vec::new(), &mut keys);
    keys
});

/// The path in [`KEYS`] of a path with indexes: `access.rules.0.group` is `access.rules[].group`.
pub(super) fn general(path: &str) -> String {
    let mut general = String::new();
    for part in path.split('.') {
        if part.parse::<usize>().is_ok() {
            general.push_str("[]");
        } else {
            if !general.is_empty() {
                general.push('.');
            }
            general.push_str(part);
        }
    }
    general
}

/// What a path is shown as: entries count from 1, as they do in the reasons of a plan.
pub(super) fn shown(path: &str) -> String {
    let mut shown = String::new();
    for part in path.split('.') {
        if let Ok(index) = part.parse::<usize>() {
            shown.push_str(&format!("[{}]", index + 1));
        } else {
            if !shown.is_empty() {
                shown.push('.');
            }
            shown.push_str(part);
        }
    }
    shown
}

fn explore(path: &mut Vec<&'static str>, keys: &mut BTreeMap<String, Kind>) {
    let asked = ask(path);
    let kind = match &asked {
        Asked::Fields(_) => Kind::Table,
        Asked::One(kind) => *kind,
        Asked::Many => {
            path.push(ENTRY);
            let entry = ask(path);
            let kind = match entry {
                Asked::Fields(fields) => {
                    for field in fields {
                        path.push(field);
                        explore(path, keys);
                        path.pop();
                    }
                    Kind::Tables
                }
                Asked::One(Kind::Choice(words)) => Kind::Choices(words),
                Asked::One(_) | Asked::Many => Kind::Texts,
            };
            path.pop();
            kind
        }
    };
    if !path.is_empty() {
        keys.insert(path.join(".").replace(".[]", "[]"), kind);
    }
    if let Asked::Fields(fields) = asked {
        for field in fields {
            path.push(field);
            explore(path, keys);
            path.pop();
        }
    }
}

const ENTRY: &str = "[]";

/// What a type asked its deserializer for.
enum Asked {
    Fields(&'static [&'static str]),
    Many,
    One(Kind),
}

fn ask(path: &[&'static str]) -> Asked {
    let asked = RefCell::new(None);
    // The probe always ends in an error: it has an answer once it has been asked.
    let _ = Tables::deserialize(Probe { path, asked: &asked });
    asked.into_inner().unwrap_or(Asked::One(Kind::Text))
}

#[derive(Clone, Copy)]
struct Probe<'a> {
    path: &'a [&'static str],
    asked: &'a RefCell<Option<Asked>>,
}

/// The end of a probe.
#[derive(Debug)]
struct Answered;

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("answered")
    }
}
impl std::error::Error for Answered {}
impl serde::de::Error for Answered {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Probe<'_> {
    fn answer<T>(self, asked: Asked) -> Result<T, Answered> {
        self.asked.replace(Some(asked));
        Err(Answered)
    }
}

impl<'de> IntoDeserializer<'de, Answered> for Probe<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! answer {
    ($($method:ident)* => $kind:expr) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answered> {
            self.answer(Asked::One($kind))
        })*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Answered;

    answer! { deserialize_any deserialize_str deserialize_string deserialize_identifier deserialize_char => Kind::Text }
    answer! { deserialize_bool => Kind::Flag }
    answer! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 => Kind::Whole }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Answered> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Answered> {
        match name {
            LENGTH => self.answer(Asked::One(Kind::Length)),
            DAY => self.answer(Asked::One(Kind::Day)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Answered> {
        match self.path {
            [] => self.answer(Asked::Many),
            [_, rest @ ..] => {
                let entry = Probe { path: rest, asked: self.asked };
                visitor.visit_seq(SeqDeserializer::new(std::iter::once(entry)))
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Answered> {
        match self.path {
            [] => self.answer(Asked::Fields(fields)),
            [field, rest @ ..] => {
                let value = Probe { path: rest, asked: self.asked };
                visitor.visit_map(MapDeserializer::new(std::iter::once((*field, value))))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Answered> {
        self.answer(Asked::One(Kind::Choice(variants)))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 f64 bytes byte_buf unit unit_struct tuple tuple_struct map ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_tell_their_keys_and_kinds() {
        for (key, kind) in [
            ("name", Kind::Text),
            ("schedule", Kind::Table),
            ("schedule.interval", Kind::Length),
            ("schedule.jitter_percent", Kind::Whole),
            ("source.type", Kind::Choice(&["scim", "graph", "file"])),
            ("source.scim.credential_expires", Kind::Day),
            ("scope.groups", Kind::Texts),
            ("scope.nested", Kind::Flag),
            ("access.rules", Kind::Tables),
            ("access.rules[].apps", Kind::Texts),
            ("notify[].type", Kind::Choice(&["webhook", "email"])),
        ] {
            assert_eq!(KEYS.get(key), Some(&kind), "{key}");
        }
        assert!(!KEYS.contains_key("scope.rules"));
    }

    #[test]
    fn paths_with_indexes_are_shown_counting_from_one() {
        assert_eq!(general("access.rules.0.group"), "access.rules[].group");
        assert_eq!(shown("access.rules.0.group"), "access.rules[1].group");
        assert_eq!(general("name"), "name");
    }
}
