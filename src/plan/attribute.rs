//! The shapes in which providers hand out one attribute, read into the one thing meant.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::access::KnownRole;
use crate::model::{Role, Roles};

/// Lists within lists go no deeper than any provider's.
const DEPTH_MAX: usize = 4;

/// Reads roles: an array, one string, a comma-separated string, JSON within a string (Entra's mapping of app roles),
/// complex values by their `value`.
///
/// # Errors
/// One line that says what is wrong with it.
pub(super) fn roles(value: &Value) -> Result<Roles, String> {
    let mut names = Vec::new();
    texts(value, DEPTH_MAX, &mut names)?;
    known_roles(names.iter().map(String::as_str))
}

/// The roles of these names.
///
/// # Errors
/// An unknown role, the one that nobody can give, or none at all.
pub(super) fn known_roles<'a>(names: impl Iterator<Item = &'a str>) -> Result<Roles, String> {
    let roles: Roles = names.map(Role::new).collect();
    match roles.iter().find_map(refusal) {
        Some(refusal) => Err(refusal),
        None if roles.is_empty() => Err("names no role".to_owned()),
        None => Ok(roles),
    }
}

fn refusal(role: &Role) -> Option<String> {
    match role {
        Role::Other(name) => Some(format!("unknown role \"{name}\"")),
        Role::Known(KnownRole::AccountHolder) => Some("ACCOUNT_HOLDER cannot be given".to_owned()),
        Role::Known(_) => None,
    }
}

/// Reads a boolean, also as text, in a list of one, or by a complex value's `value`. Empty text says nothing.
///
/// # Errors
/// One line that says what is wrong with it.
pub(super) fn flag(value: &Value) -> Result<Option<bool>, String> {
    let mut names = Vec::new();
    texts(value, DEPTH_MAX, &mut names)?;
    let mut flags = BTreeSet::new();
    for name in &names {
        flags.insert(match name.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(format!("\"{name}\" is neither true nor false")),
        });
    }
    match flags.len() {
        0 | 1 => Ok(flags.pop_first()),
        _ => Err("says both true and false".to_owned()),
    }
}

/// Reads one text; empty text says nothing.
///
/// # Errors
/// One line that says what is wrong with it.
pub(super) fn text(value: &Value) -> Result<Option<String>, String> {
    let mut names = Vec::new();
    texts(value, DEPTH_MAX, &mut names)?;
    match names.len() {
        0 | 1 => Ok(names.pop()),
        _ => Err("has several values".to_owned()),
    }
}

fn texts(value: &Value, depth: usize, names: &mut Vec<String>) -> Result<(), String> {
    let Some(depth) = depth.checked_sub(1) else { return Err("is nested too deep".to_owned()) };
    match value {
        Value::Null => Ok(()),
        Value::Bool(flag) => {
            names.push(flag.to_string());
            Ok(())
        }
        Value::Number(number) => Err(format!("{number} is a number")),
        Value::String(text) => match text.trim_start().chars().next() {
            Some('[' | '{') => match serde_json::from_str(text) {
                Ok(inner) => texts(&inner, depth, names),
                Err(_) => Err("is neither text nor JSON".to_owned()),
            },
            Some(_) | None => {
                names.extend(
                    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned),
                );
                Ok(())
            }
        },
        Value::Array(values) => values.iter().try_for_each(|value| texts(value, depth, names)),
        Value::Object(object) => match object.iter().find(|(name, _)| name.eq_ignore_ascii_case("value")) {
            Some((_, value)) => texts(value, depth, names),
            None => Err("is an object without \"value\"".to_owned()),
        },
    }
}
