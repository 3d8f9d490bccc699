//! Lists in an answer, with an end: three bytes of an answer make an entry.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A list of at most so many entries.
///
/// # Errors
/// When it is longer, naming the entries by `noun`, or no list of such entries.
pub(crate) fn at_most<'de, T, D>(most: usize, noun: &'static str, deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    deserializer.deserialize_seq(Entries { most, noun, kind: PhantomData })
}

struct Entries<T> {
    most: usize,
    noun: &'static str,
    kind: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.noun)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Self { most, noun, .. } = self;
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element()? {
            if entries.len() == most {
                return Err(A::Error::custom(format!("more than {most} {noun} in a page")));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}
