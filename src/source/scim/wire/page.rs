//! A page in one pass: every resource is taken in as the parser comes by, and only what is wanted of it is looked at
//! again. Cutting the page into resources first, and those into attributes, would walk over each byte three times.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{WireError, number, value_of};
use crate::model::Problem;
use crate::source::scim::paging::Page;

/// Entries of one page: as many people as fit into the largest answer of a provider that ignores paging.
const ENTRIES_MAX: usize = 200_000;
/// Broken ones among them. Three bytes make one, and each keeps its place in memory.
const BROKEN_MAX: usize = 10_000;

/// What a resource is made of while its attributes come by.
pub(in crate::source::scim) trait Fields {
    /// What it becomes.
    type Record;
    /// `a person`, for problems.
    const WHAT: &'static str;
    /// Takes one attribute; `key` is lower case.
    fn take(&mut self, key: &str, raw: &RawValue) -> Result<(), String>;
    /// The record, when there is enough of it.
    fn finish(self) -> Result<Self::Record, String>;
}

/// Reads a list answer; a broken resource costs itself and not the page.
///
/// # Errors
/// [`WireError`]: the body is no JSON, or no list.
pub(in crate::source::scim) fn parse<F: Fields>(
    body: &[u8],
    new: impl Fn() -> F,
) -> Result<Page<F::Record>, WireError> {
    let text = std::str::from_utf8(body).map_err(|error| WireError::of(body, &error))?;
    let mut parser = serde_json::Deserializer::from_str(text);
    let found = ListSeed { new }.deserialize(&mut parser).and_then(|found| parser.end().map(|()| found));
    found.map_err(|error| WireError::of(body, &error))?.ok_or(WireError::NotAList)
}

/// Reads one resource.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse_one<F: Fields>(text: &str, fields: F) -> Result<F::Record, Problem> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let record = ResourceSeed { fields }.deserialize(&mut parser).and_then(|record| {
        parser.end()?;
        Ok(record)
    });
    record.unwrap_or_else(|error| Err(unread::<F>(&error.to_string())))
}

fn unread<F: Fields>(what: &str) -> Problem {
    Problem(format!("{} could not be read: {what}", F::WHAT))
}

/// Calls `take` with every key of an object (lower case) and its value unread.
///
/// # Errors
/// Broken JSON, something else than an object, or what `take` says.
pub(in crate::source::scim) fn each_field(
    text: &str,
    take: impl FnMut(&str, &RawValue) -> Result<(), String>,
) -> Result<(), String> {
    struct Each<T>(T);
    impl<T: FnMut(&str, &RawValue) -> Result<(), String>> Fields for Each<T> {
        type Record = ();
        const WHAT: &'static str = "it";
        fn take(&mut self, key: &str, raw: &RawValue) -> Result<(), String> {
            (self.0)(key, raw)
        }
        fn finish(self) -> Result<(), String> {
            Ok(())
        }
    }
    parse_one(text, Each(take)).map_err(|problem| problem.0)
}

/// The text of a JSON string, borrowed where nothing in it is escaped; `None` for any other value.
pub(in crate::source::scim) fn string_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// As [`truth`](super::truth), of a value that was not read yet.
pub(in crate::source::scim) fn truth_of(raw: &RawValue) -> Option<bool> {
    match raw.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => match string_of(raw)?.trim() {
            word if word.eq_ignore_ascii_case("true") => Some(true),
            word if word.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        },
    }
}

/// A key in lower case, in a buffer that is used again for the next one.
#[derive(Default)]
struct Key(String);

impl<'de> DeserializeSeed<'de> for &mut Key {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for &mut Key {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        self.0.clear();
        if key.is_ascii() {
            self.0.push_str(key);
            self.0.make_ascii_lowercase();
        } else {
            self.0.push_str(&key.to_lowercase());
        }
        Ok(())
    }
}

/// Whatever is no object is passed over, and the answer says so.
macro_rules! passed_over {
    ($answer:expr) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            $answer
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            $answer
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            $answer
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            $answer
        }
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            $answer
        }
    };
}

struct ResourceSeed<F> {
    fields: F,
}

impl<'de, F: Fields> DeserializeSeed<'de> for ResourceSeed<F> {
    type Value = Result<F::Record, Problem>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<F: Fields> ResourceSeed<F> {
    fn no_object<T, E>() -> Result<Result<T, Problem>, E> {
        Ok(Err(unread::<F>("expected a JSON object")))
    }
}

impl<'de, F: Fields> Visitor<'de> for ResourceSeed<F> {
    type Value = Result<F::Record, Problem>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut key, mut wrong) = (Key::default(), None);
        while map.next_key_seed(&mut key)?.is_some() {
            let raw: &RawValue = map.next_value()?;
            if wrong.is_none() {
                wrong = self.fields.take(&key.0, raw).err();
            }
        }
        let record = wrong.map_or_else(|| self.fields.finish(), Err);
        Ok(record.map_err(|what| unread::<F>(&what)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Self::no_object()
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Self::no_object()
    }
    passed_over!(Self::no_object());
}

/// `Resources`; `None` when it is no list.
struct ResourcesSeed<'n, N> {
    new: &'n N,
}

type Entries<R> = Vec<Result<R, Problem>>;

impl<'de, F: Fields, N: Fn() -> F> DeserializeSeed<'de> for ResourcesSeed<'_, N> {
    type Value = Option<Entries<F::Record>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: Fields, N: Fn() -> F> Visitor<'de> for ResourcesSeed<'_, N> {
    type Value = Option<Entries<F::Record>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut entries, mut broken) = (Vec::new(), 0);
        while let Some(entry) = seq.next_element_seed(ResourceSeed { fields: (self.new)() })? {
            broken += usize::from(entry.is_err());
            if broken > BROKEN_MAX || entries.len() == ENTRIES_MAX {
                let what = "more resources, or more that cannot be read, than a page can hold";
                return Err(A::Error::custom(what));
            }
            entries.push(entry);
        }
        Ok(Some(entries))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Vec::new()))
    }
    passed_over!(Ok(None));
}

/// The whole page; `None` when nothing makes it a list.
struct ListSeed<N> {
    new: N,
}

impl<'de, F: Fields, N: Fn() -> F> DeserializeSeed<'de> for ListSeed<N> {
    type Value = Option<Page<F::Record>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Fields, N: Fn() -> F> Visitor<'de> for ListSeed<N> {
    type Value = Option<Page<F::Record>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    /// Of a key that comes twice the first counts.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut key = Key::default();
        let (mut total, mut start, mut cursor) = (None, None, None);
        let mut resources: Option<Option<Entries<F::Record>>> = None;
        while map.next_key_seed(&mut key)?.is_some() {
            match key.0.as_str() {
                "resources" if resources.is_none() => {
                    resources = Some(map.next_value_seed(ResourcesSeed { new: &self.new })?);
                }
                "totalresults" if total.is_none() => total = Some(map.next_value::<&RawValue>()?),
                "startindex" if start.is_none() => start = Some(map.next_value::<&RawValue>()?),
                "nextcursor" if cursor.is_none() => cursor = Some(map.next_value::<&RawValue>()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let count = |raw: Option<&RawValue>| raw.and_then(|raw| value_of(raw).ok()).as_ref().and_then(number);
        let total = count(total);
        let entries = match resources {
            Some(Some(entries)) => entries,
            Some(None) => return Ok(None),
            None if total.is_none() => return Ok(None),
            None => Vec::new(),
        };
        let next_cursor = cursor.and_then(string_of).filter(|cursor| !cursor.is_empty());
        Ok(Some(Page { total, start: count(start), next_cursor: next_cursor.map(Cow::into_owned), entries }))
    }
}
