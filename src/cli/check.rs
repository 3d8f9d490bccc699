//! `check`: the configuration and the files it names, offline.

use std::path::Path;

use super::out::{self, Failure};
use crate::asc::token::SigningKey;
use crate::config::{Config, EXIT_CODE, Problem, ScimAuth, SourceConfig, When, duration_text};
use crate::model::policy::ScopeMode;
use crate::telemetry::clean;

/// What `check` found, ready to print.
#[derive(Debug, PartialEq, Eq)]
struct Findings {
    code: u8,
    /// For stdout.
    result: String,
    /// For stderr.
    messages: String,
}

pub(super) fn run(path: &Path) -> Result<u8, Failure> {
    let findings = check(path, std::env::vars());
    out::message(&findings.messages);
    out::result(&findings.result);
    Ok(findings.code)
}

fn check(path: &Path, env: impl Iterator<Item = (String, String)>) -> Findings {
    let config = match Config::load(path, env) {
        Ok(config) => config,
        Err(problems) => {
            let count = problems.len();
            let sum = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
            let messages = format!("{problems}\n{sum}\n");
            return Findings { code: EXIT_CODE, result: String::new(), messages };
        }
    };
    let mut messages: String = config.warnings.iter().map(|warning| warning_line(warning, path)).collect();
    let mut trouble = Vec::new();
    trouble.extend(key_problem(&config));
    trouble.extend(file_problem(&config));
    for (text, hint) in &trouble {
        messages.push_str(&format!("{}: {text}\n  hint: {hint}\n", path.display()));
    }
    if trouble.is_empty() {
        Findings { code: 0, result: summary(&config), messages }
    } else {
        Findings { code: EXIT_CODE, result: String::new(), messages }
    }
}

fn warning_line(warning: &Problem, path: &Path) -> String {
    format!("warning: {}\n", clean(&warning.line(path)))
}

/// A key that cannot sign is found here rather than by Apple's 401, which does not say why.
fn key_problem(config: &Config) -> Option<(String, String)> {
    let key = "app_store_connect.private_key_file";
    let asc = &config.app_store_connect;
    let pem = match asc.private_key.read() {
        Ok(pem) => pem,
        Err(error) => return Some((format!("{key}: {error}"), error.hint())),
    };
    let error = SigningKey::new(asc.kind.clone(), &asc.key_id, &pem).err()?;
    let text = format!("{key}: {}: {error}", asc.private_key.path().display());
    Some((text, error.hint().to_owned()))
}

/// The directory as a file has to be there; what it holds is for `doctor` and `plan` to say.
fn file_problem(config: &Config) -> Option<(String, String)> {
    let SourceConfig::File(file) = &config.source else { return None };
    let error = std::fs::File::open(&file.path).err()?;
    let text = format!("source.file.path: {}: {error}", file.path.display());
    Some((text, "name a file with a SCIM ListResponse, or with users and groups".to_owned()))
}

fn summary(config: &Config) -> String {
    let lines = [
        ("team", config.name.to_string()),
        ("source", source(config)),
        ("scope", scope(config)),
        ("access", access(config)),
        ("schedule", schedule(config)),
        ("guards", guards(config)),
        ("key", key(config)),
        ("health", config.http.listen.map_or_else(|| "off".to_owned(), |listen| format!("http://{listen}"))),
        ("state", config.state_dir.display().to_string()),
    ];
    let mut text = format!("configuration is good: {}\n", config.path.display());
    for (name, value) in lines {
        text.push_str(&format!("  {name:<9} {}\n", clean(&value)));
    }
    text
}

fn source(config: &Config) -> String {
    match &config.source {
        SourceConfig::Scim(scim) => {
            let auth = match &scim.auth {
                ScimAuth::Bearer { .. } => "bearer token",
                ScimAuth::Basic { .. } => "name and password",
                ScimAuth::OAuth2 { .. } => "client credentials",
            };
            format!("SCIM at {}, {auth}", scim.base_url)
        }
        SourceConfig::Graph(graph) => format!("Microsoft Graph at {}, tenant {}", graph.base_url, graph.tenant_id),
        SourceConfig::File(file) => format!("file {}", file.path.display()),
    }
}

fn scope(config: &Config) -> String {
    let mut text = match &config.scope.mode {
        ScopeMode::Groups(groups) => {
            let names: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
            let nested = if config.scope.nested { " and the groups in them" } else { "" };
            format!("members of {}{nested}", names.join(", "))
        }
        ScopeMode::Assigned => "whoever is assigned to the enterprise application".to_owned(),
        ScopeMode::All => "everybody".to_owned(),
    };
    if let Some(filter) = &config.scope.filter {
        text.push_str(&format!(", where {}", filter.as_str()));
    }
    text
}

fn access(config: &Config) -> String {
    let roles = config.access.defaults.roles.iter().flatten();
    let roles: Vec<&str> = roles.map(|role| role.as_str()).collect();
    let rules = match config.access.rules.len() {
        0 => "no rules".to_owned(),
        1 => "1 rule".to_owned(),
        count => format!("{count} rules"),
    };
    format!("{} unless said otherwise, {rules}", roles.join(", "))
}

fn schedule(config: &Config) -> String {
    match &config.schedule.when {
        When::Every(pause) => {
            format!("{} after each cycle, plus up to {} %", duration_text(*pause), config.schedule.jitter_percent)
        }
        When::Cron { line, timezone, .. } => format!("{line} ({timezone})"),
    }
}

fn guards(config: &Config) -> String {
    let guard = &config.guard;
    format!(
        "{} removals or {} % per cycle, {} a day; {} admins at least",
        guard.removals_max, guard.removals_max_percent, guard.removals_max_per_day, guard.admins_min
    )
}

fn key(config: &Config) -> String {
    use crate::asc::token::KeyKind;
    let kind = match &config.app_store_connect.kind {
        KeyKind::Team { .. } => "team",
        KeyKind::Individual => "individual",
    };
    let asc = &config.app_store_connect;
    format!("{kind} key {}, {} requests an hour, {} % kept for others", asc.key_id, asc.requests_per_hour, asc.reserve_percent)
}
