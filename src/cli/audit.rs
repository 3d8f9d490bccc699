//! `audit`: the decision log, which is the journal itself.

use super::args::AuditCommand;
use super::out::{self, Failure};
use super::session::{self, Options};
use crate::control::protocol::Request;
use crate::engine::CycleError;

pub(super) async fn run(options: &Options, command: &AuditCommand) -> Result<u8, Failure> {
    match command {
        AuditCommand::Show(args) => {
            let (limit, since, who) = (args.limit, args.since, args.who.clone());
            session::simple(options, Request::AuditShow { limit, since, who }).await
        }
        AuditCommand::Verify => verify(options),
        AuditCommand::Export { since } => {
            // Segments only grow, so they can be read beside a running daemon.
            let config = options.config()?;
            let text = crate::state::audit::export_text(&config.state_dir, *since).map_err(CycleError::from)?;
            out::result(&text);
            Ok(0)
        }
    }
}

fn verify(options: &Options) -> Result<u8, Failure> {
    let config = options.config()?;
    let verified = crate::state::audit::verify(&config.state_dir).map_err(CycleError::from)?;
    out::result(&format!("{verified}\n"));
    Ok(0)
}
