//! The shape of the command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::control::protocol::Request;
use crate::telemetry::{ColorChoice, LogFormat, Program};

/// Keep the roster of an App Store Connect team in line with an identity provider.
#[derive(Debug, Parser)]
#[command(
    name = "rosterd",
    version,
    max_term_width = 100,
    propagate_version = true,
    subcommand_required = true
)]
#[command(
    after_help = "Try it with no account anywhere:\n  rosterd demo\n  rosterd simulate --dir sim          (and in a second terminal:)\n  rosterd -c sim/config.toml plan\n\nExit codes:\n  0 done or nothing to do        4 authentication or authorization refused\n  1 error                        5 partly read or partly applied\n  2 changes are planned          6 state locked\n    (plan --detailed-exitcode)  64 usage\n  3 held by a guard             78 configuration"
)]
pub struct Args {
    /// The team's configuration.
    #[arg(
        short,
        long,
        global = true,
        env = "ROSTERD_CONFIG",
        default_value = "/etc/rosterd/config.toml",
        value_name = "FILE"
    )]
    pub config: PathBuf,
    /// Shape of log lines on stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Auto, value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// Say more; twice for requests.
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Say only what is wrong.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub color: ColorChoice,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Args {
    /// -1 quiet, 0 usual, 1 and 2 more.
    pub fn verbosity(&self) -> i8 {
        if self.quiet { -1 } else { i8::try_from(self.verbose).unwrap_or(2) }
    }
}

/// Text for people or JSON for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanOutput {
    /// For people.
    Text,
    /// The saved file's schema, rosterd.plan/1.
    Json,
    /// For a pull-request comment.
    Markdown,
}

/// `--output text|json|markdown`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct PlanFormat {
    /// How to print the plan.
    #[arg(long, value_enum, default_value_t = PlanOutput::Text, value_name = "FORMAT")]
    output: PlanOutput,
    /// The same as --output json.
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl PlanFormat {
    /// What was asked for.
    pub fn output(self) -> PlanOutput {
        if self.json { PlanOutput::Json } else { self.output }
    }
}

/// `--output text|json`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Output {
    /// How to print.
    #[arg(long, value_enum, default_value_t = TextOrJson::Text, value_name = "FORMAT")]
    pub output: TextOrJson,
    /// The same as --output json.
    #[arg(long)]
    pub json: bool,
}

impl Output {
    /// True for JSON.
    pub fn json(self) -> bool {
        self.json || self.output == TextOrJson::Json
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read the configuration and the files it names, offline, and report every problem.
    #[command(after_help = "Example:\n  rosterd -c config.toml check")]
    Check,
    /// Test both connections, rights, budget, state and credentials, one line each with the cure.
    #[command(after_help = "Example:\n  rosterd doctor")]
    Doctor(Output),
    /// Dry run: read both sides and print what would be done.
    #[command(
        after_help = "Examples:\n  rosterd plan\n  rosterd plan --out plan.json && rosterd apply plan.json\n  rosterd plan --output markdown --detailed-exitcode"
    )]
    Plan(PlanArgs),
    /// Apply a saved plan, or plan, ask and apply.
    #[command(after_help = "Examples:\n  rosterd apply\n  rosterd apply --yes\n  rosterd apply plan.json")]
    Apply(ApplyArgs),
    /// The daemon.
    #[command(after_help = "Examples:\n  rosterd run\n  rosterd run --once")]
    Run(RunArgs),
    /// Last cycles, what is held and why, next cycle, quarantine, budget, credentials.
    #[command(after_help = "Example:\n  rosterd status --json")]
    Status(Output),
    /// Release what guards hold in exactly this plan, once, within 24 hours.
    #[command(after_help = "Example:\n  rosterd approve sha256:9f2b5c71d0aa")]
    Approve {
        /// The digest that `plan` and `status` show; its first 12 digits are enough.
        digest: String,
    },
    /// One person, end to end: in scope or why not, which rule gave what, which seat, what happens next.
    #[command(after_help = "Example:\n  rosterd explain ada@example.com")]
    Explain(ExplainArgs),
    /// Say that a person of the directory is a certain Apple Account.
    #[command(after_help = "Example:\n  rosterd link ada@example.com ada.king@icloud.example.com")]
    Link {
        /// An address of the person in the directory.
        email: String,
        /// The Apple Account: the seat's user name.
        apple_account: String,
    },
    /// Forget whose a seat is; the seat stays as it is.
    #[command(after_help = "Examples:\n  rosterd unlink ada@example.com\n  rosterd unlink --all")]
    Unlink(UnlinkArgs),
    /// Say that seats are ours, so that they are removed when nobody in scope has them.
    #[command(after_help = "Example:\n  rosterd adopt tester@example.com")]
    Adopt {
        /// User names, invited addresses or seat ids.
        #[arg(required = true)]
        who: Vec<String>,
    },
    /// The decision log.
    #[command(
        after_help = "Examples:\n  rosterd audit show --limit 20\n  rosterd audit verify\n  rosterd audit export > audit.jsonl"
    )]
    Audit(AuditArgs),
    /// Ledger and state, for backup, moving and support.
    #[command(
        after_help = "Examples:\n  rosterd state export > state.jsonl\n  rosterd state import state.jsonl\n  rosterd state check"
    )]
    State(StateArgs),
    /// Serve a simulated team and identity provider on loopback and write a configuration for them.
    #[cfg(feature = "simulator")]
    #[command(
        after_help = "Example, in two terminals:\n  rosterd simulate --dir sim\n  rosterd -c sim/config.toml plan"
    )]
    Simulate(SimulateArgs),
    /// The whole story in one command, with no account anywhere.
    #[cfg(feature = "simulator")]
    #[command(after_help = "Example:\n  rosterd demo")]
    Demo,
    /// Shell completions on stdout.
    #[command(after_help = "Example:\n  rosterd completions bash > /etc/bash_completion.d/rosterd")]
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Manual pages into a folder.
    #[command(after_help = "Example:\n  rosterd man /usr/local/share/man/man1")]
    Man {
        /// The folder; it is made when missing.
        dir: PathBuf,
    },
}

/// `plan`.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// Save the plan (mode 0600) for `apply FILE`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// How to print.
    #[command(flatten)]
    pub format: PlanFormat,
    /// Exit with 2 when there are operations or entries that a guard holds.
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `apply`.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// A plan saved by `plan --out`: applied exactly, or refused with what moved since.
    pub file: Option<PathBuf>,
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// How to print.
    #[command(flatten)]
    pub format: PlanFormat,
}

/// `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// One cycle, then exit: for timers and cron.
    #[arg(long)]
    pub once: bool,
}

impl Command {
    /// Who writes the log.
    pub fn program(&self) -> Program {
        if matches!(self, Self::Run(_)) { Program::Daemon } else { Program::Command }
    }
}

/// `explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// An address, an id of the identity provider or a seat id.
    pub who: String,
    /// How to print.
    #[command(flatten)]
    pub output: Output,
}

/// `unlink`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct UnlinkArgs {
    /// An address, an id of the identity provider or a seat id.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub who: Option<String>,
    /// Every link and every seat of ours: disconnects, and leaves every seat as it is.
    #[arg(long)]
    pub all: bool,
    /// Do not ask before --all.
    #[arg(short, long, requires = "all")]
    pub yes: bool,
}

impl UnlinkArgs {
    /// As a request.
    pub fn request(self) -> Request {
        match self.who {
            Some(who) => Request::Unlink { who },
            None => Request::UnlinkAll,
        }
    }
}

/// `audit`.
#[derive(Debug, clap::Args)]
pub struct AuditArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// `audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// The latest records, newest last.
    #[command(after_help = "Example:\n  rosterd audit show --limit 20 --who ada@example.com")]
    Show(AuditShowArgs),
    /// Find any edited, dropped, swapped or truncated record.
    #[command(after_help = "Example:\n  rosterd audit verify")]
    Verify,
    /// Every record as JSON Lines on stdout.
    #[command(after_help = "Example:\n  rosterd audit export --since 2026-11-01 > audit.jsonl")]
    Export {
        /// Not older than this day or time, such as 2026-11-22 or 2026-11-22T10:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = time)]
        since: Option<jiff::Timestamp>,
    },
    /// Answer an erasure request: a pseudonym takes a person's place in every record.
    #[command(after_help = "Example:\n  sudo systemctl stop rosterd\n  rosterd audit forget ada@example.com")]
    Forget {
        /// An address of theirs, or their id in the directory.
        #[arg(value_name = "PERSON")]
        who: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// A point in time, or the start of a day in UTC.
fn time(text: &str) -> Result<jiff::Timestamp, String> {
    let day = |text: &str| text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse()
        .or_else(|_| day(text).map(|day| day.timestamp()).ok_or(()))
        .map_err(|()| "write a day such as 2026-11-22, or a time such as 2026-11-22T10:00:00Z".to_owned())
}

/// `audit show`.
#[derive(Debug, clap::Args)]
pub struct AuditShowArgs {
    /// How many.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// Not older than this day or time, such as 2026-11-22 or 2026-11-22T10:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<jiff::Timestamp>,
    /// Only records about this address, id or seat.
    #[arg(long)]
    pub who: Option<String>,
}

/// `state`.
#[derive(Debug, clap::Args)]
pub struct StateArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: StateCommand,
}

/// `state …`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// JSON Lines on stdout.
    #[command(
        after_help = "Example:\n  rosterd state export > state.jsonl\n  rosterd state export --redact > case.jsonl"
    )]
    Export {
        /// Pseudonyms for names and addresses, for a support case; cannot be taken in again.
        #[arg(long)]
        redact: bool,
    },
    /// Take over an export.
    #[command(after_help = "Example:\n  rosterd state import state.jsonl")]
    Import {
        /// Made by `state export`.
        file: PathBuf,
    },
    /// Say what is damaged and what would have to be rebuilt.
    #[command(after_help = "Example:\n  rosterd state check")]
    Check {
        /// Take the records that are there for all that were written, where journal/HEAD was lost
        #[arg(long)]
        accept_history: bool,
    },
}

/// `--idp`.
#[cfg(feature = "simulator")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Idp {
    /// SCIM 2.0.
    Scim,
    /// Microsoft Graph.
    Graph,
}

/// `simulate`.
#[cfg(feature = "simulator")]
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// Where the configuration and the key go; made when missing.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Which identity provider the configuration reads.
    #[arg(long, value_enum, default_value_t = Idp::Scim, value_name = "IDP")]
    pub idp: Idp,
    /// First port to try.
    #[arg(long, default_value_t = 9750)]
    pub port: u16,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_every_command_has_an_example() {
        fn walk(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("rosterd"), "{} has no example", command.get_name());
            let wide = help.lines().find(|line| line.chars().count() > 79);
            assert_eq!(wide, None, "a line of {} would be broken anywhere", command.get_name());
            command.get_subcommands().for_each(walk);
        }
        let command = super::Args::command();
        command.clone().debug_assert();
        walk(&command);
    }

    #[test]
    fn times_are_read_as_days_too() {
        for (text, expected) in [
            ("2026-11-22T10:00:00Z", Some("2026-11-22T10:00:00Z")),
            ("2026-11-22T10:00:00+01:00", Some("2026-11-22T09:00:00Z")),
            ("2026-11-22", Some("2026-11-22T00:00:00Z")),
            ("yesterday", None),
        ] {
            let read = super::time(text).map(|time| time.to_string());
            assert_eq!(read.as_deref().ok(), expected, "{text}");
        }
    }
}
