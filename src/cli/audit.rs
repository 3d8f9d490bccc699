//! `audit`: the decision log, which is the journal itself. A journal only grows, so it is read beside a running daemon.

use std::io::{IsTerminal, Write};

use super::args::{AuditCommand, AuditShowArgs};
use super::out::{self, Failure};
use super::session::Options;
use crate::config::Config;
use crate::engine::CycleError;
use crate::model::event::Actor;
use crate::model::text::{printable, printable_json};
use crate::state::audit::{export, newest_first};
use crate::state::{self, AuditFilter, ForgetError, Known, StateError};

pub(super) fn run(options: &Options, command: &AuditCommand) -> Result<u8, Failure> {
    let config = options.config()?;
    match command {
        AuditCommand::Show(args) => show(&config, args),
        AuditCommand::Verify => {
            let verified = crate::state::verify(&config.state_dir).map_err(CycleError::from)?;
            out::result(&super::reports::verified_text(&verified));
            Ok(0)
        }
        AuditCommand::Export { since } => {
            export_to_stdout(&config, *since)?;
            Ok(0)
        }
        AuditCommand::Forget { who, yes } => forget(&config, who, *yes),
    }
}

/// Byte by byte, so that the chain can be followed. Versions before wrote characters into it that a terminal obeys; there,
/// they are escaped.
fn export_to_stdout(config: &Config, since: Option<jiff::Timestamp>) -> Result<(), Failure> {
    let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
    if std::io::stdout().is_terminal() {
        let mut lines = Vec::new();
        export(&config.state_dir, since, &mut lines).map_err(CycleError::from)?;
        let shown = printable_json(&String::from_utf8_lossy(&lines)).into_owned();
        stdout.write_all(shown.as_bytes()).map_err(|error| Failure::new(1, error.to_string()))?;
    } else {
        export(&config.state_dir, since, &mut stdout).map_err(CycleError::from)?;
    }
    stdout.flush().map_err(|error| Failure::new(1, error.to_string()))
}

fn forget(config: &Config, who: &str, yes: bool) -> Result<u8, Failure> {
    let known = state::find(&config.state_dir, who).map_err(not_forgotten)?;
    let text = called(&known);
    if !yes {
        let unasked = Failure::new(1, format!("nobody was forgotten: {text}"))
            .hint("look whether that is who you mean, and add --yes; it cannot be undone");
        let question = format!("put a pseudonym in the place of {text} in every record, for good?");
        if !out::agreed(&question, unasked, "nobody was forgotten\n")? {
            return Ok(1);
        }
    }
    let actor = Actor::User(state::process::effective_user());
    let options = state::OpenOptions::new(config.audit.retention);
    let forgotten = state::forget(&config.state_dir, &known, &actor, options).map_err(not_forgotten)?;
    out::result(&super::reports::forgotten_text(&forgotten));
    Ok(0)
}

/// Whoever is found, as one line.
fn called(known: &Known) -> String {
    let names = known.names.iter().max_by_key(|name| name.len());
    let words: Vec<&str> =
        names.into_iter().chain(&known.addresses).chain(&known.id).map(String::as_str).collect();
    printable(&words.join(", ")).into_owned()
}

fn not_forgotten(error: ForgetError) -> Failure {
    match error {
        ForgetError::State(error) => super::state::ours_alone(error),
        other => {
            let failure = Failure::new(1, printable(&other.to_string()).into_owned());
            match other.hint() {
                Some(hint) => failure.hint(printable(&hint).into_owned()),
                None => failure,
            }
        }
    }
}

fn show(config: &Config, args: &AuditShowArgs) -> Result<u8, Failure> {
    let filter = AuditFilter { since: args.since, cycle: None, who: args.who.clone() };
    let records = newest_first(&config.state_dir, filter)
        .and_then(|records| records.take(args.limit).collect::<Result<Vec<_>, StateError>>())
        .map_err(CycleError::from)?;
    let text: String = records.iter().rev().map(super::reports::record_line).collect();
    out::result(&text);
    Ok(0)
}
