//! `ROSTERD_SCHEDULE__INTERVAL=5m`: keys from the environment, with their real names kept for messages.

use std::collections::BTreeMap;

use figment::value::{Num, Value};

use super::checker::{MOST_PROBLEMS, more_problems};
use super::keys::{KEYS, Kind};
use super::near::{near, near_key, split};
use super::problems::{Origin, Problem};

const PREFIX: &str = "ROSTERD_";

/// Variables of the command line (`-c`, `--log-format`, `--color`) and of the filter of the log.
const OF_THE_COMMAND_LINE: [&str; 4] = ["CONFIG", "LOG", "LOG_FORMAT", "COLOR"];

/// Every variable that is a key, and what is wrong with the others.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// Path, real name and value, ordered by path.
    pub(super) set: BTreeMap<String, (String, Value)>,
    /// Variables that are no key.
    pub(super) problems: Vec<Problem>,
}

/// Brackets within brackets: a list of tables with lists in them, and room to spare.
const DEEPEST: usize = 16;

/// Picks the keys out of an environment.
pub(super) fn read(env: &BTreeMap<String, String>) -> Variables {
    let mut variables = Variables::default();
    for (name, text) in env {
        let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| !is_foreign(rest)) else { continue };
        let path = rest.to_ascii_lowercase().replace("__", ".");
        match KEYS.get(&path) {
            Some(Kind::Table) | None if variables.problems.len() < MOST_PROBLEMS => {
                variables.problems.push(unknown(name, &path));
                if variables.problems.len() == MOST_PROBLEMS {
                    variables.problems.push(more_problems());
                }
            }
            Some(Kind::Table) | None => {}
            Some(kind) => {
                variables.set.insert(path, (name.clone(), value(*kind, text)));
            }
        }
    }
    variables
}

/// Names that others put there. Kubernetes describes a service called `rosterd` to every pod as `ROSTERD_PORT`,
/// `ROSTERD_SERVICE_HOST` and so on; nobody could start the daemon beside its own service otherwise.
fn is_foreign(rest: &str) -> bool {
    OF_THE_COMMAND_LINE.contains(&rest)
        || rest == "PORT"
        || ["SIM_", "PORT_", "SERVICE_HOST", "SERVICE_PORT"].iter().any(|prefix| rest.starts_with(prefix))
}

/// Reads a text as its key wants it. Guessing by looks, as figment does, would turn the id `0123` into a number.
fn value(kind: Kind, text: &str) -> Value {
    let trimmed = text.trim();
    match kind {
        Kind::Whole => trimmed.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        Kind::Flag => trimmed.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        Kind::Texts | Kind::Choices(_) | Kind::Tables if trimmed.starts_with('[') && is_shallow(trimmed) => {
            let parsed: Value = trimmed.parse().unwrap_or_else(|never| match never {});
            if kind == Kind::Tables { parsed } else { texts(parsed) }
        }
        Kind::Texts | Kind::Choices(_) | Kind::Tables => text.into(),
        Kind::Text | Kind::Length | Kind::Day | Kind::Choice(_) | Kind::Table => text.into(),
    }
}

/// True for what is nested no deeper than any key: figment's parser takes a level of the stack for each bracket.
fn is_shallow(list: &str) -> bool {
    let mut depth = 0_usize;
    list.chars().all(|letter| {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth <= DEEPEST
    })
}

/// A list of texts whose entries look like something else: `[007, true]`.
fn texts(list: Value) -> Value {
    match list {
        Value::Array(tag, entries) => Value::Array(
            tag,
            entries
                .into_iter()
                .map(|entry| match &entry {
                    Value::Num(_, number) => whole(number).map_or_else(|| entry.clone(), Value::from),
                    Value::Bool(_, flag) => flag.to_string().into(),
                    Value::Char(_, letter) => letter.to_string().into(),
                    _ => entry,
                })
                .collect(),
        ),
        other => other,
    }
}

/// A whole number as text; figment tells signed from unsigned.
pub(super) fn whole(number: &Num) -> Option<String> {
    number.to_i128().map(|n| n.to_string()).or_else(|| number.to_u128().map(|n| n.to_string()))
}

fn unknown(name: &str, path: &str) -> Problem {
    let variables = || KEYS.iter().filter(|(key, kind)| **kind != Kind::Table && !key.contains("[]"));
    let names: Vec<String> = variables().map(|(key, _)| variable(key)).collect();
    let table = KEYS.get(path) == Some(&Kind::Table);
    let meant = if table {
        names.iter().find(|candidate| candidate.starts_with(&format!("{name}__"))).cloned()
    } else {
        let sibling = near_key(path).filter(|key| split(key).0 == split(path).0 && path.contains('.'));
        sibling.map(variable).or_else(|| near(name, names.iter().map(String::as_str)).map(str::to_owned))
    };
    let text = if table { "names a whole table" } else { "is not a key of the configuration" };
    let hint = match meant {
        Some(meant) if table => format!("set one key of it, such as {meant}"),
        Some(meant) => format!("did you mean {meant}?"),
        None => format!(
            "unset {name}; keys are written {PREFIX}SCHEDULE__INTERVAL, with two underscores between table and key"
        ),
    };
    Problem {
        key: String::new(),
        origin: Origin::Variable(name.to_owned()),
        text: text.to_owned(),
        hint: Some(hint),
    }
}

/// The variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}
