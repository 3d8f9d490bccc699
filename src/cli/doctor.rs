//! `doctor`: the "test connection". One line for each thing that was tried, what came back, and the cure.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::out::{self, Failure};
use super::session::Options;
use crate::asc::token::KeyKind;
use crate::config::Config;
use crate::control::client;
use crate::control::protocol::Request;
use crate::engine::cycle::interest;
use crate::engine::report::CredentialReport;
use crate::engine::wire::{self, Probe};
use crate::engine::{CycleError, told};
use crate::source::DirectorySource;

/// A skew beyond this makes Apple refuse tokens: they are dated back by a minute.
const SKEW_LIMIT: i64 = 60;
/// Credentials are warned about from this many days on.
const WARN_DAYS: i64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Good,
    Warning,
    Bad,
}

#[derive(Debug, Serialize)]
struct Line {
    what: &'static str,
    verdict: Verdict,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    exit_code: u8,
}

impl Line {
    fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Good, text: text.into(), hint: None, exit_code: 0 }
    }

    fn warning(what: &'static str, text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Warning, text: text.into(), hint: Some(hint.into()), exit_code: 0 }
    }

    fn bad(what: &'static str, error: &CycleError) -> Self {
        let exit_code = error.exit_code();
        Self { what, verdict: Verdict::Bad, text: told(error), hint: error.hint(), exit_code }
    }
}

pub(super) async fn run(options: &Options, json: bool) -> Result<u8, Failure> {
    let config = options.config()?;
    let lines = examine(&config).await;
    if json {
        let report = serde_json::json!({"schema": "rosterd.doctor/1", "team": &*config.name, "lines": lines});
        out::result(&(serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"));
    } else {
        out::result(&text(&lines));
    }
    // A refusal tells more than an error of another line.
    let codes = || lines.iter().map(|line| line.exit_code).filter(|code| *code != 0);
    Ok(codes().find(|code| *code == 4).or_else(|| codes().next()).unwrap_or(0))
}

async fn examine(config: &Config) -> Vec<Line> {
    let mut lines =
        vec![Line::good("configuration", format!("{} is good", config.path.display())), state(config).await];
    match wire::probe(config) {
        Ok(probe) => {
            let (directory, team) = tokio::join!(directory(&probe), team(&probe));
            lines.extend(directory);
            lines.extend(team);
            lines.push(clock(&probe));
            let found = probe.source.credential_expiry().await;
            let credentials = wire::with_found(probe.credentials.clone(), found);
            lines.extend(credentials.iter().map(|credential| expiry(credential, Timestamp::now())));
        }
        Err(error) => {
            let exit_code = error.exit_code();
            let hint = error.hint();
            let (what, verdict) = ("credentials", Verdict::Bad);
            lines.push(Line { what, verdict, text: told(&error), hint, exit_code });
        }
    }
    lines
}

async fn state(config: &Config) -> Line {
    // The daemon's folder belongs to the daemon's user, and what it holds is as good as the daemon that answers.
    if client::ask(&config.runtime_dir, &Request::Status).await.is_ok() {
        return Line::good(
            "state",
            format!("{} is held by the daemon, which answers", config.state_dir.display()),
        );
    }
    if !config.state_dir.exists() {
        let text = format!("{} is not there yet; the first cycle makes it", config.state_dir.display());
        return Line::good("state", text);
    }
    match crate::state::check(&config.state_dir, Duration::from_millis(200)) {
        Ok(report) if report.is_good() => {
            Line::good("state", format!("{} is good", config.state_dir.display()))
        }
        Ok(report) => {
            Line::warning("state", super::reports::check_text(&report), "see `rosterd state check`")
        }
        Err(error) => Line::bad("state", &error.into()),
    }
}

async fn directory(probe: &Probe) -> Vec<Line> {
    let policy = &probe.policy;
    match probe.source.read(&interest(policy)).await.map_err(CycleError::from) {
        Ok(snapshot) => {
            let wanted = crate::plan::groups_of_interest(policy).len();
            let counted =
                format!("{} people, {} groups read", snapshot.people().len(), snapshot.groups.len());
            let read = if snapshot.coverage.is_complete() {
                Line::good("identity provider", counted)
            } else {
                let problem = snapshot.coverage.problems().first().map(|problem| problem.0.clone());
                let text = format!("{counted}, but not everything: {}", problem.unwrap_or_default());
                Line::warning("identity provider", text, "nothing is removed until a read is complete")
            };
            vec![read, Line::good("groups", format!("all {wanted} groups of the configuration are found"))]
        }
        Err(error) => vec![Line::bad("identity provider", &error)],
    }
}

async fn team(probe: &Probe) -> Vec<Line> {
    let kind = match probe.team.key_kind() {
        KeyKind::Team { .. } => "team key",
        KeyKind::Individual => "individual key",
    };
    let mut lines = match probe.team.probe().await.map_err(CycleError::from) {
        // Apple has no way to ask for a key's role; being able to read proves nothing about writing.
        Ok(()) => vec![Line::good(
            "app store connect",
            format!(
                "the {kind} can read users; only its first write can tell whether it may write (that takes the Admin role)"
            ),
        )],
        Err(error) => return vec![Line::bad("app store connect", &error)],
    };
    let usage = probe.team.budget().usage();
    let left = usage
        .remaining
        .map_or_else(|| "not said by the server".to_owned(), |left| format!("{left} left this hour"));
    let text = format!("{} requests an hour, {left}, {} kept for others", usage.limit, usage.reserve);
    lines.push(match usage.remaining {
        Some(left) if left <= usage.reserve => Line::warning(
            "budget",
            text,
            "something else uses this key; writes wait until the hour has more than the reserve left",
        ),
        Some(_) | None => Line::good("budget", text),
    });
    lines
}

fn clock(probe: &Probe) -> Line {
    let skews = [probe.team.skew_seconds(), probe.source.skew_seconds()];
    match skews.into_iter().flatten().max_by_key(|skew| skew.abs()) {
        None => Line::good("clock", "no answer told the time"),
        Some(skew) if skew.abs() <= SKEW_LIMIT => {
            Line::good("clock", format!("{skew} s off the servers' clocks"))
        }
        Some(skew) => Line::warning(
            "clock",
            format!("this machine's clock is {} s {}", skew.abs(), if skew > 0 { "fast" } else { "slow" }),
            "set this machine's clock (systemd-timesyncd, chrony)",
        ),
    }
}

fn expiry(credential: &CredentialReport, now: Timestamp) -> Line {
    let name = &credential.name;
    let Some(at) = credential.expires else {
        return Line::good(
            "expiry",
            format!("{name}: not known; set credential_expires to be warned in time"),
        );
    };
    let days = at.duration_since(now).as_hours() / 24;
    let text = format!("{name} expires in {days} days, on {}", at.strftime("%Y-%m-%d"));
    if days > WARN_DAYS {
        Line::good("expiry", text)
    } else {
        Line::warning("expiry", text, "make a new one now, swap the file and send SIGHUP")
    }
}

fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let mark = match line.verdict {
            Verdict::Good => "ok  ",
            Verdict::Warning => "warn",
            Verdict::Bad => "FAIL",
        };
        let shown = crate::telemetry::clean(&line.text);
        let _ = writeln!(text, "{mark}  {:<18} {shown}", line.what);
        if let Some(hint) = &line.hint {
            let _ = writeln!(text, "{:<24} hint: {hint}", "");
        }
    }
    text
}
