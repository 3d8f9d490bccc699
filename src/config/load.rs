//! From a file and an environment to checked tables, without stopping at the first error.
//!
//! figment merges; serde reports one error at a time, with its path. So the value at that path is taken out and the
//! rest read again, until what is left is good. Names of keys come from the types ([`super::keys`]), lines from a
//! second look at the file ([`super::positions`]).

use std::collections::BTreeMap;
use std::path::Path;

use figment::error::Kind as Cause;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};
use serde::Deserialize;

use super::checker::{Checker, Secrets};
use super::environment;
use super::keys::{self, KEYS, Kind};
use super::near::{keys_of, near, near_key, split};
use super::ownership;
use super::positions::Positions;
use super::problems::{Origin, Problem, Problems};
use super::{Config, Tables};
use crate::regular_file;

/// A configuration is a page of text; a larger file is not the one that was meant.
const LARGEST: u64 = 1 << 20;

/// The key under which serde's TOML wraps a date.
const TOML_DATE: &str = "$__toml_private_datetime";

/// Reads and checks a configuration.
pub(super) fn load(
    path: &Path,
    env: impl Iterator<Item = (String, String)>,
    secrets: Secrets,
) -> Result<Config, Problems> {
    let text = read(path).map_err(|problem| Problems::new(path, vec![problem]))?;
    load_text(path, &text, env.collect(), secrets)
}

/// The same for text that is at hand; `path` is where relative names begin.
pub(super) fn load_text(
    path: &Path,
    text: &str,
    env: BTreeMap<String, String>,
    secrets: Secrets,
) -> Result<Config, Problems> {
    let positions = Positions::read(text).map_err(|(message, (line, column))| {
        let text = format!("not TOML: {}", message.replace('\n', ", "));
        let origin = Origin::Line { line, column };
        let hint = Some("correct this line; text stands in quotes, a table's name in brackets".to_owned());
        Problems::new(path, vec![Problem { key: String::new(), origin, text, hint }])
    })?;
    let variables = environment::read(&env);
    let mut figment = Figment::from(Toml::string(text));
    for (key, (_, value)) in &variables.set {
        figment = figment.merge(Serialized::default(key, value));
    }
    let merged = figment.data().map_err(|error| {
        let text = error.kind.to_string();
        Problems::new(path, vec![Problem { key: String::new(), origin: Origin::File, text, hint: None }])
    })?;
    let mut dict = merged.get(&Profile::Default).cloned().unwrap_or_default();
    let mut checker = Checker {
        path: path.into(),
        positions,
        variables: variables.set.into_iter().map(|(key, (name, _))| (key, name)).collect(),
        env,
        problems: variables.problems,
        warnings: Vec::new(),
        secrets,
        refused: Vec::new(),
    };
    tidy(&mut dict, "", &mut checker);
    let tables = tables(dict, &mut checker);
    let config = Config::check(tables, &mut checker);
    match config {
        Some(config) if checker.problems.is_empty() => Ok(Config { warnings: checker.warnings, ..config }),
        Some(_) | None => Err(Problems::new(path, checker.problems)),
    }
}

fn read(path: &Path) -> Result<String, Problem> {
    let fail = |text: String, hint: &str| Problem {
        key: String::new(),
        origin: Origin::File,
        text,
        hint: Some(hint.to_owned()),
    };
    let file = regular_file::open(path).map_err(|error| {
        fail(
            format!("cannot be read: {error}"),
            "name the configuration with -c FILE or $ROSTERD_CONFIG; config.example.toml has every key",
        )
    })?;
    ownership::judge(path, &file).map_err(|fault| fail(fault.text, &fault.cure))?;
    let bytes = regular_file::read_open(&file, LARGEST).map_err(|error| {
        fail(format!("cannot be read: {error}"), "name the configuration file with -c FILE")
    })?;
    let text =
        String::from_utf8(bytes).map_err(|_| fail("is not UTF-8".to_owned(), "save the file as UTF-8"))?;
    // Editors write a byte order mark that says nothing.
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Trims texts, takes unknown keys out, and turns TOML's own dates into text.
fn tidy(dict: &mut Dict, path: &str, checker: &mut Checker) {
    let names: Vec<String> = dict.keys().cloned().collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if !KEYS.contains_key(&keys::general(&path)) {
            dict.remove(&name);
            unknown(&path, checker);
        } else if let Some(value) = dict.get_mut(&name) {
            tidy_value(value, &path, checker);
            let empty = matches!(value, Value::Empty(..)) || value.as_str().is_some_and(str::is_empty);
            if empty && !may_be_empty(&path) {
                dict.remove(&name);
            }
        }
    }
}

fn tidy_value(value: &mut Value, path: &str, checker: &mut Checker) {
    match value {
        Value::String(_, text) => {
            if text.chars().any(char::is_control) && !text.contains("-----BEGIN") {
                checker.problem(path, "holds a control character", "write it on one line, without tabs");
            }
            let trimmed = text.trim();
            if trimmed.is_empty() && !may_be_empty(path) {
                checker.problem(path, "is empty", "write a value, or remove the key");
                checker.refused.push(path.to_owned());
            }
            *text = trimmed.to_owned();
        }
        Value::Dict(_, dict) => match dict.get(TOML_DATE).cloned() {
            Some(date) => *value = date,
            None => tidy(dict, path, checker),
        },
        Value::Array(_, entries) => {
            for (index, entry) in entries.iter_mut().enumerate() {
                tidy_value(entry, &format!("{path}.{index}"), checker);
            }
        }
        Value::Char(..) | Value::Bool(..) | Value::Num(..) | Value::Empty(..) => {}
    }
}

/// Keys where the empty text says "off".
fn may_be_empty(path: &str) -> bool {
    path == "http.listen" || path.starts_with("access.attributes.")
}

fn unknown(path: &str, checker: &mut Checker) {
    if checker.is_full() {
        return;
    }
    let general = keys::general(path);
    let (table, leaf) = split(&general);
    let hint = match near_key(&general) {
        Some(meant) => {
            // The key that was meant is not missing as well.
            let (above, _) = split(path);
            let (meant_table, meant_leaf) = split(meant);
            let twin = if above.is_empty() { meant_leaf.to_owned() } else { format!("{above}.{meant_leaf}") };
            checker.refused.push(if meant_table == table { twin } else { meant.to_owned() });
            format!("did you mean {}?", if meant_table == table { meant_leaf } else { meant })
        }
        None if table.is_empty() => format!("remove it; the tables are {}", keys_of("").join(", ")),
        None => format!("remove it; [{table}] knows {}", keys_of(table).join(", ")),
    };
    // The value is not repeated: people write `token = "…"` here.
    checker.push(path, format!("there is no key {leaf:?}"), Some(hint));
}

/// Reads the tables, taking out one bad value after the other.
fn tables(dict: Dict, checker: &mut Checker) -> Tables {
    let mut value = Value::from(dict);
    loop {
        let error = match Tables::deserialize(&value) {
            Ok(tables) => return tables,
            Err(error) => error,
        };
        if checker.is_full() {
            return Tables::default();
        }
        let path = error.path.join(".");
        let whole = error.path.iter().position(|part| part.parse::<usize>().is_ok());
        // Lists of texts go as a whole: without one entry, the others would move up.
        let cut = match whole {
            Some(at) if at + 1 == error.path.len() => &error.path[..at],
            Some(_) | None => &error.path[..],
        };
        let found = find(&value, &error.path).map(show);
        describe(&path, &error.kind, found, checker);
        checker.refused.push(cut.join("."));
        if !remove(&mut value, cut) {
            // An error without a place would come back for ever.
            return Tables::default();
        }
    }
}

fn describe(path: &str, cause: &Cause, found: Option<String>, checker: &mut Checker) {
    let general = keys::general(path);
    let kind = KEYS.get(&general).or_else(|| KEYS.get(general.trim_end_matches("[]"))).copied();
    let wanted = kind.map(Kind::wanted);
    let found = found.unwrap_or_else(|| "nothing".to_owned());
    match cause {
        Cause::UnknownVariant(word, words) => {
            let hint = match near(word, words.iter().copied()) {
                Some(meant) => format!("did you mean {meant:?}? It is {}", keys::one_of(words)),
                None => format!("write {}", keys::one_of(words)),
            };
            checker.push(path, format!("{found} is not known here"), Some(hint));
        }
        Cause::Message(text) => {
            checker.push(path, text.clone(), wanted.map(|wanted| format!("write {wanted}")));
        }
        Cause::InvalidType(..)
        | Cause::InvalidValue(..)
        | Cause::InvalidLength(..)
        | Cause::UnknownField(..)
        | Cause::MissingField(..)
        | Cause::DuplicateField(..)
        | Cause::ISizeOutOfRange(..)
        | Cause::USizeOutOfRange(..)
        | Cause::Unsupported(..)
        | Cause::UnsupportedKey(..) => {
            let wanted = if general.ends_with("[]") && kind == Some(Kind::Texts) {
                Some("texts in quotes only".to_owned())
            } else {
                wanted
            };
            checker.push(
                path,
                format!("{found} does not fit"),
                wanted.map(|wanted| format!("write {wanted}")),
            );
        }
    }
}

/// A value as it may be repeated in a message. Secrets are never values, but people paste them: long ones stay out.
fn show(value: &Value) -> String {
    match value {
        Value::String(_, text) if text.chars().count() > 40 || text.contains('\n') => "this text".to_owned(),
        Value::String(_, text) => format!("{text:?}"),
        Value::Char(_, letter) => format!("{letter:?}"),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => environment::whole(number)
            .or_else(|| number.to_f64().map(|number| number.to_string()))
            .unwrap_or_else(|| "this number".to_owned()),
        Value::Empty(..) => "nothing".to_owned(),
        Value::Dict(..) => "a table".to_owned(),
        Value::Array(..) => "a list".to_owned(),
    }
}

fn find<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value) };
    match value {
        Value::Dict(_, dict) => find(dict.get(first)?, rest),
        Value::Array(_, entries) => find(entries.get(first.parse::<usize>().ok()?)?, rest),
        _ => None,
    }
}

fn remove(value: &mut Value, path: &[String]) -> bool {
    match (value, path) {
        (Value::Dict(_, dict), [last]) => dict.remove(last).is_some(),
        (Value::Dict(_, dict), [first, rest @ ..]) => {
            dict.get_mut(first).is_some_and(|value| remove(value, rest))
        }
        (Value::Array(_, entries), [first, rest @ ..]) => {
            let entry = first.parse::<usize>().ok().and_then(|index| entries.get_mut(index));
            entry.is_some_and(|value| remove(value, rest))
        }
        _ => false,
    }
}
