//! The command line: one file per command, results on stdout, messages on stderr, exit codes of the contract.

mod apply;
pub mod args;
mod audit;
pub mod check;
#[cfg(feature = "simulator")]
mod demo;
mod doctor;
mod out;
mod papers;
mod plan;
mod progress;
pub mod render;
mod reports;
mod run;
mod session;
#[cfg(feature = "simulator")]
mod simulate;
mod state;
mod status;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use args::{Args, Command};
use out::Failure;

/// Exit code of a command line that cannot be understood (sysexits `EX_USAGE`); clap's own is taken by `plan`.
const USAGE: u8 = 64;

/// Parse, call, turn the result into an exit code.
pub fn main() -> ExitCode {
    // First of all, for whatever this process reads from now on may be a secret.
    crate::state::process::refuse_dumps();
    // Before any thread exists, because the filter is inherited by threads and cannot be given to running ones.
    let durable = crate::state::seccomp::deny_sync_file_range();
    crate::state::process::private_umask();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    crate::telemetry::init(args.log_format, args.verbosity(), args.color, args.command.program());
    if let Err(error) = durable {
        tracing::debug!(%error, "no system call filter, the cache is synced another way");
    }
    crate::asc::token::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let code = match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(dispatch(args)).unwrap_or_else(|failure| failure.print());
            // A blocked reader of stdin must not keep the process.
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            code
        }
        Err(error) => Failure::new(1, format!("cannot start: {error}")).print(),
    };
    ExitCode::from(code)
}

fn usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is the reader's choice, not an error of ours.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

async fn dispatch(args: Args) -> Result<u8, Failure> {
    let options = session::Options::of(&args);
    match args.command {
        Command::Check => check::run(&options.config_path),
        Command::Doctor(doctor) => doctor::run(&options, doctor.json()).await,
        Command::Plan(plan) => plan::run(&options, &plan).await,
        Command::Apply(apply) => apply::run(&options, &apply).await,
        Command::Run(run) => run::run(&options, &run).await,
        Command::Status(status) => status::run(&options, status.json()).await,
        Command::Approve { digest } => {
            session::simple(&options, crate::control::protocol::Request::Approve { digest }).await
        }
        Command::Explain(explain) => session::explain(&options, &explain).await,
        Command::Link { email, apple_account } => {
            session::simple(&options, crate::control::protocol::Request::Link { email, apple_account }).await
        }
        Command::Unlink(unlink) => session::unlink(&options, unlink).await,
        Command::Adopt { who } => {
            session::simple(&options, crate::control::protocol::Request::Adopt { who }).await
        }
        Command::Audit(audit) => audit::run(&options, &audit.command),
        Command::State(state) => state::run(&options, &state.command).await,
        #[cfg(feature = "simulator")]
        Command::Simulate(simulate) => simulate::run(&simulate).await,
        #[cfg(feature = "simulator")]
        Command::Demo => demo::run(&options).await,
        Command::Completions { shell } => papers::completions(shell),
        Command::Man { dir } => papers::man(&dir),
    }
}
