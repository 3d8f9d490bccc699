//! Answers taken as leniently as their meaning allows: a type that is not the described one costs its field, never the page.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Relationships;

/// JSON:API members are optional, and Apple's answers have null where the schema says "absent".
pub(super) fn null_is_default<'de, D, T>(de: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(de)?.unwrap_or_default())
}

/// What has another shape than it should says nothing.
pub(super) fn odd_is_default<'de, D, T>(de: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(de)?).unwrap_or_default())
}

/// Records of one page: Apple sends two hundred at most.
const RECORDS_MAX: usize = 10_000;

/// A list that ends the page where it is longer than any of Apple's.
pub(super) fn records<'de, D: Deserializer<'de>>(de: D) -> Result<Vec<&'de RawValue>, D::Error> {
    crate::http::list::at_most(RECORDS_MAX, "records", de)
}

/// A count, also where a proxy has made a text or a fraction of it.
pub(super) fn count_or_text<'de, D: Deserializer<'de>>(de: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(de)? {
        Value::Number(number) => {
            number.as_u64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok())
        }
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

/// A moment; without an offset it is UTC, and a day alone lasts until it is over.
pub(super) fn moment_of(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let zoned = |civil: DateTime| civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    match text.len() {
        10 => zoned(text.parse::<Date>().ok()?.checked_add(1.day()).ok()?.into()),
        _ => zoned(text.parse::<DateTime>().ok()?),
    }
}

/// A record without the parts whose type is not the described one.
pub(super) fn without_odd_parts(raw: &RawValue) -> Option<Value> {
    let mut record: Value = serde_json::from_str(raw.get()).ok()?;
    let parts = record.as_object_mut()?;
    match parts.get_mut("attributes") {
        Some(Value::Object(attributes)) => {
            // What is there and not understood must not pass for an invitation without an end.
            if let Some(end) =
                attributes.get_mut("expirationDate").filter(|end| !end.is_null() && !end.is_string())
            {
                *end = Value::String(end.to_string());
            }
            attributes.retain(|name, value| fits(name, value));
        }
        Some(_) => drop(parts.remove("attributes")),
        None => {}
    }
    let relationships = parts.get("relationships").cloned();
    if relationships.is_some_and(|value| serde_json::from_value::<Relationships>(value).is_err()) {
        parts.remove("relationships");
    }
    Some(record)
}

/// Whether an attribute has the type that it is described with; what is not described is not looked at.
fn fits(name: &str, value: &Value) -> bool {
    match name {
        "roles" => value.as_array().is_some_and(|roles| roles.iter().all(Value::is_string)),
        "allAppsVisible" | "provisioningAllowed" => value.is_boolean(),
        "username" | "email" | "firstName" | "lastName" | "expirationDate" | "bundleId" => value.is_string(),
        _ => true,
    }
}
