//! `audit`: the decision log, which is the journal itself. A journal only grows, so it is read beside a running daemon.

use std::io::{IsTerminal, Write};

use super::args::{AuditCommand, AuditShowArgs};
use super::out::{self, Failure};
use super::session::Options;
use crate::config::Config;
use crate::engine::CycleError;
use crate::model::text::printable_json;
use crate::state::audit::{export, newest_first};
use crate::state::{AuditFilter, StateError};

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

fn show(config: &Config, args: &AuditShowArgs) -> Result<u8, Failure> {
    let filter = AuditFilter { since: args.since, cycle: None, who: args.who.clone() };
    let records = newest_first(&config.state_dir, filter)
        .and_then(|records| records.take(args.limit).collect::<Result<Vec<_>, StateError>>())
        .map_err(CycleError::from)?;
    let text: String = records.iter().rev().map(super::reports::record_line).collect();
    out::result(&text);
    Ok(0)
}
