//! One command's way to the engine: the daemon when one answers, else the state itself.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use super::args::{Args, ExplainArgs, UnlinkArgs};
use super::out::{self, Failure};
use super::progress;
use super::run::Signals;
use crate::config::{self, Config, Problems};
use crate::control::client::{self, ClientError};
use crate::control::protocol::{Answer, Request};
use crate::engine::commands::Caller;
use crate::engine::wire::{self, Opened, Use};
use crate::model::text::printable_json;

/// What every command is told.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) config_path: PathBuf,
    pub(super) width: usize,
    pub(super) color_out: bool,
    pub(super) quiet: bool,
}

impl Options {
    pub(super) fn of(args: &Args) -> Self {
        Self {
            config_path: args.config.clone(),
            width: width(),
            color_out: args.color.applies_to(&std::io::stdout()),
            quiet: args.quiet,
        }
    }

    pub(super) fn config(&self) -> Result<Config, Failure> {
        told(Config::load(&self.config_path, config::environment()))
    }

    /// Enough to find the daemon: its secrets may be credentials that only its unit can see.
    fn outline(&self) -> Result<Config, Failure> {
        told(Config::outline(&self.config_path, config::environment()))
    }
}

fn told(loaded: Result<Config, Problems>) -> Result<Config, Failure> {
    loaded.map_err(|problems| {
        out::message(&format!("{problems}\n"));
        Failure::new(config::EXIT_CODE, "")
    })
}

/// Of the terminal; 100 where there is none, so that files are stable.
fn width() -> usize {
    if !std::io::stdout().is_terminal() {
        return 100;
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.or_else(super::render::terminal_width).unwrap_or(100).clamp(40, 200)
}

/// A configuration and, once it is needed, the engine.
pub(super) struct Session {
    config: Config,
    options: Options,
    usage: Use,
    local: Option<Opened>,
    stop: CancellationToken,
    /// While a request is served.
    busy: Arc<AtomicBool>,
}

impl Session {
    pub(super) fn load(options: &Options) -> Result<Self, Failure> {
        Ok(Self {
            config: options.outline()?,
            options: options.clone(),
            usage: Use::Read,
            local: None,
            stop: CancellationToken::new(),
            busy: Arc::default(),
        })
    }

    /// The command changes something: state or target.
    pub(super) fn will_write(&mut self) {
        self.usage = Use::Write;
    }

    /// A signal finishes the request in flight and records it. Where nothing is under way, as at a question, and the second
    /// time, it ends the process.
    fn stop_on_signals(&self) -> Result<(), Failure> {
        let (stop, busy, mut signals) = (self.stop.clone(), Arc::clone(&self.busy), Signals::new()?);
        tokio::spawn(async move {
            loop {
                signals.next().await;
                if stop.is_cancelled() || !busy.load(Ordering::SeqCst) {
                    std::process::exit(130);
                }
                stop.cancel();
            }
        });
        Ok(())
    }

    /// Asks the daemon, or serves the request with an engine of our own.
    pub(super) async fn ask(&mut self, request: Request) -> Result<Answer, Failure> {
        if self.local.is_none() {
            match client::ask(&self.config.runtime_dir, &self.config.state_dir, &request).await {
                Ok(answer) => return refused(answer),
                Err(ClientError::NoDaemon(_)) => {}
                Err(ClientError::Untrusted(fault)) => {
                    return Err(Failure::new(config::EXIT_CODE, fault.to_string()).hint(fault.cure()));
                }
                Err(error @ ClientError::NoAnswer { .. }) => {
                    return Err(Failure::new(6, error.to_string())
                        .hint("look at the daemon's log, or stop it, and try again"));
                }
            }
            self.config = self.options.config()?;
            let progress = progress::shown(self.options.quiet);
            self.local = Some(wire::open(&self.config, self.usage, progress)?);
            self.stop_on_signals()?;
        }
        let Some(local) = &self.local else { return Err(Failure::new(1, "the engine did not open")) };
        let caller =
            Caller { cancel: self.stop.clone(), ..Caller::user(crate::state::process::effective_user()) };
        self.busy.store(true, Ordering::SeqCst);
        let answer = match request {
            Request::Status => Answer::Status { status: Box::new(local.status()) },
            request => local.team.core.serve(request, &caller).await,
        };
        self.busy.store(false, Ordering::SeqCst);
        local.keep_client();
        refused(answer)
    }
}

fn refused(answer: Answer) -> Result<Answer, Failure> {
    match answer {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Plan { .. }
        | Answer::Applied { .. }
        | Answer::Status { .. }
        | Answer::Explanation { .. }
        | Answer::Done { .. }
        | Answer::Text { .. } => Ok(answer),
    }
}

/// An answer of another kind than was asked for can only come from another version.
pub(super) fn unexpected(_: &Answer) -> Failure {
    Failure::new(1, "the daemon answered something else than was asked")
        .hint("restart the daemon, so that it is of the same version as this program")
}

/// Forgets whose a seat is; everybody at once only for whoever means it.
pub(super) async fn unlink(options: &Options, args: UnlinkArgs) -> Result<u8, Failure> {
    if args.all && !args.yes {
        let unasked = Failure::new(
            super::USAGE,
            "unlink --all would ask before it forgets everything, and there is no terminal to ask on",
        )
        .hint("pass --yes; `rosterd state export` keeps what is known now");
        let question = "forget every link and every seat of ours? Seats stay as they are, and removals start from nothing:";
        if !out::agreed(question, unasked, "nothing was forgotten\n")? {
            return Ok(1);
        }
    }
    simple(options, args.request()).await
}

/// A command whose answer is lines or text.
pub(super) async fn simple(options: &Options, request: Request) -> Result<u8, Failure> {
    let mut session = Session::load(options)?;
    let reads = matches!(request, Request::StateExport);
    if !reads {
        session.will_write();
    }
    match session.ask(request).await? {
        Answer::Done { lines } => out::result(
            &lines
                .iter()
                .map(|line| format!("{}\n", crate::model::text::printable(line)))
                .collect::<String>(),
        ),
        Answer::Text { text } => out::result(&printable_json(&text)),
        other => return Err(unexpected(&other)),
    }
    Ok(0)
}

/// The text that a question is answered with.
pub(super) async fn text(options: &Options, request: Request) -> Result<String, Failure> {
    match Session::load(options)?.ask(request).await? {
        Answer::Text { text } => Ok(text),
        other => Err(unexpected(&other)),
    }
}

pub(super) async fn explain(options: &Options, args: &ExplainArgs) -> Result<u8, Failure> {
    let mut session = Session::load(options)?;
    match session.ask(Request::Explain { who: args.who.clone() }).await? {
        Answer::Explanation { json, .. } if args.output.json() => {
            out::json(&json)?;
        }
        Answer::Explanation { text, .. } => out::result(&format!("{}\n", text.trim_end())),
        other => return Err(unexpected(&other)),
    }
    Ok(0)
}
