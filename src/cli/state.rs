//! `state`: ledger and state, for backup, moving and support.

use super::args::StateCommand;
use super::out::{self, Failure};
use super::session::{self, Options};
use crate::control::protocol::Request;
use crate::engine::CycleError;
use crate::state::StateError;

pub(super) async fn run(options: &Options, command: &StateCommand) -> Result<u8, Failure> {
    match command {
        StateCommand::Export { redact: false } => session::simple(options, Request::StateExport).await,
        StateCommand::Export { redact: true } => {
            let export = session::text(options, Request::StateExport).await?;
            let mut redacted = Vec::new();
            crate::state::redact(export.as_bytes(), &mut redacted).map_err(CycleError::from)?;
            out::result(&String::from_utf8_lossy(&redacted));
            Ok(0)
        }
        StateCommand::Import { file } => {
            let config = options.config()?;
            let open = crate::regular_file::open(file).map_err(|error| {
                Failure::new(1, format!("{}: {error}", file.display()))
                    .hint("name a file that `rosterd state export` wrote")
            })?;
            let options = crate::state::OpenOptions::new(config.audit.retention);
            let (state, _) = crate::state::State::open(&config.state_dir, options).map_err(ours_alone)?;
            let actor = crate::model::event::Actor::User(crate::state::process::effective_user());
            let seats = state.import(&actor, std::io::BufReader::new(open)).map_err(CycleError::from)?;
            out::result(&format!("{seats} links and seats of ours taken over\n"));
            Ok(0)
        }
        StateCommand::Check { accept_history } => {
            let config = options.config()?;
            if *accept_history {
                let actor = crate::model::event::Actor::User(crate::state::process::effective_user());
                let options = crate::state::OpenOptions::new(config.audit.retention);
                let accepted =
                    crate::state::accept_history(&config.state_dir, &actor, options).map_err(ours_alone)?;
                out::message(&format!("accepted: record {} is the last one\n", accepted.seq));
            }
            let report =
                crate::state::check(&config.state_dir, crate::state::PATIENCE).map_err(ours_alone)?;
            out::result(&super::reports::check_text(&report));
            Ok(u8::from(!report.is_good()))
        }
    }
}

/// These work on the folder itself, so the daemon cannot be asked to do them.
pub(super) fn ours_alone(error: StateError) -> Failure {
    let locked = error.is_locked();
    let failure = Failure::from(CycleError::from(error));
    if locked { failure.hint("stop the daemon first, it holds the state") } else { failure }
}
