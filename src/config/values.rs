//! Value types of the configuration that TOML does not have: durations with days, and dates.

use std::fmt;

use jiff::civil::Date;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A length of time as written: `40m`, `24h`, `3d`. A day is 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length(pub(super) SignedDuration);

/// A day of the calendar as written: `2027-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(pub(super) Date);

/// The names under which [`super::keys`] recognises the two.
pub(super) const LENGTH: &str = "Length";
pub(super) const DAY: &str = "Day";

/// No setting is about more. What is added to the time of now and doubled by a back-off must still be a date.
const LONGEST: SignedDuration = SignedDuration::from_hours(3_650 * 24);

impl Length {
    pub(super) const fn hours(hours: i64) -> Self {
        Self(SignedDuration::from_hours(hours))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let span: Span = text.parse().map_err(|_| {
            format!("{text:?} is no duration; durations are written \"40m\", \"24h\" or \"3d\"")
        })?;
        let length = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| format!("{text:?} has no fixed length; use days, hours, minutes and seconds"))?;
        if length.is_negative() {
            return Err(format!("{text:?} is negative"));
        }
        if length > LONGEST {
            return Err(format!("{text:?} is longer than ten years (3650d)"));
        }
        Ok(Self(length))
    }
}

impl Day {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("{text:?} is no date; dates are written \"2027-01-31\""))
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(LENGTH, Text(Self::parse))
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(DAY, Text(Self::parse))
    }
}

/// Reads a text and parses it.
struct Text<T>(fn(&str) -> Result<T, String>);

impl<'de, T> Visitor<'de> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

/// A duration as people write it: the largest unit that divides it.
pub(crate) fn duration_text(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => "0s".to_owned(),
        _ if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        _ if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        _ if seconds % 60 == 0 => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde::{Serialize, Serializer};

    use super::*;

    impl JsonSchema for Length {
        fn schema_name() -> Cow<'static, str> {
            LENGTH.into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            let unit = "w|weeks?|d|days?|h|hours?|m|minutes?|s|seconds?";
            json_schema!({"type": "string", "pattern": format!("^([0-9]+ ?({unit}) ?)+$"), "examples": ["40m", "24h", "3d"]})
        }
    }

    impl JsonSchema for Day {
        fn schema_name() -> Cow<'static, str> {
            DAY.into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({"type": "string", "format": "date", "examples": ["2027-01-31"]})
        }
    }

    impl Serialize for Length {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_str(&duration_text(self.0))
        }
    }

    impl Serialize for Day {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&self.0)
        }
    }

    #[test]
    fn durations_are_read_with_days() {
        for (text, seconds) in [
            ("0s", 0),
            ("40m", 2_400),
            ("24h", 86_400),
            ("3d", 259_200),
            ("400d", 34_560_000),
            ("1h 30m", 5_400),
            ("1h30m", 5_400),
            ("2w", 1_209_600),
            ("3650d", 315_360_000),
        ] {
            assert_eq!(Length::parse(text).map(|length| length.0.as_secs()), Ok(seconds), "{text}");
        }
        for text in ["40", "soon", "1 month", "-5m", "", "1y", "3651d", "2920000d"] {
            assert!(Length::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for text in ["0s", "1s", "90s", "40m", "90m", "25h", "3d", "400d"] {
            let length = Length::parse(text).expect("a duration");
            assert_eq!(duration_text(length.0), text);
        }
    }
}
