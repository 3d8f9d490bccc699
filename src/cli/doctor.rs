//! `doctor`: the "test connection". One line for each thing that was tried, what came back, and the cure.

mod local;
mod peers;

use std::fmt::Write as _;

use serde::Serialize;

use super::out::{self, Failure};
use super::session::Options;
use crate::config::Config;
use crate::engine::wire::{self, WireError};
use crate::engine::{CycleError, told};

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

    fn bad(what: &'static str, text: impl Into<String>, hint: Option<String>, exit_code: u8) -> Self {
        Self { what, verdict: Verdict::Bad, text: text.into(), hint, exit_code }
    }

    /// What was tried, and the error it came to.
    fn failed(what: &'static str, tried: &str, error: &CycleError) -> Self {
        Self::bad(what, format!("{tried}: {}", told(error)), error.hint(), error.exit_code())
    }

    fn unusable(what: &'static str, error: &WireError) -> Self {
        Self::bad(what, told(error), error.hint(), error.exit_code())
    }
}

pub(super) async fn run(options: &Options, json: bool) -> Result<u8, Failure> {
    let config = options.config()?;
    let lines = examine(&config).await;
    if json {
        let report = serde_json::json!({"schema": "rosterd.doctor/1", "team": &*config.name, "lines": lines});
        out::json(&report)?;
    } else {
        out::result(&text(&lines));
    }
    // A refusal tells more than an error of another line.
    let codes = || lines.iter().map(|line| line.exit_code).filter(|code| *code != 0);
    Ok(codes().find(|code| *code == 4).or_else(|| codes().next()).unwrap_or(0))
}

async fn examine(config: &Config) -> Vec<Line> {
    let mut lines = vec![
        Line::good("configuration", format!("{} is good", config.path.display())),
        local::state(config).await,
    ];
    lines.extend(config.proxy.as_ref().map(|proxy| {
        Line::good("proxy", format!("hosts other than this machine are reached through {proxy}"))
    }));
    match wire::probe(config) {
        Ok(probe) => {
            let (directory, team) =
                tokio::join!(peers::directory(config, &probe), peers::team(config, &probe));
            lines.extend(directory);
            lines.extend(team);
            lines.push(local::clock(probe.team.skew_seconds(), probe.source.skew_seconds()));
            lines.extend(local::expiries(&probe).await);
        }
        Err(error) => lines.push(Line::unusable("credentials", &error)),
    }
    lines.extend(local::notices(config));
    lines
}

fn text(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let mark = match line.verdict {
            Verdict::Good => "ok  ",
            Verdict::Warning => "warn",
            Verdict::Bad => "FAIL",
        };
        let shown = crate::model::text::printable(&line.text);
        let _ = writeln!(text, "{mark}  {:<18} {shown}", line.what);
        if let Some(hint) = &line.hint {
            let _ = writeln!(text, "{:<24} hint: {}", "", crate::model::text::printable(hint));
        }
    }
    text
}
