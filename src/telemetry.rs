//! Logs: text on a terminal, journal fields under systemd, JSON elsewhere.
//!
//! Whatever the shape, nothing that came from the other side can move a cursor, start a line of its own or turn the
//! reading direction around: see [`crate::model::text`].

mod journal;
mod writer;

use std::fmt;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;

use clap::ValueEnum;
use jiff::{Timestamp, Unit};
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use writer::CleanStderr;

use crate::model::text::printable;

/// `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, the journal's own protocol under systemd, JSON otherwise.
    Auto,
    /// One line each, for people.
    Text,
    /// One object per line, for programs.
    Json,
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// True when what goes to this stream is coloured.
    pub fn applies_to(self, stream: &impl IsTerminal) -> bool {
        self.decide(stream.is_terminal(), |name| std::env::var(name).ok())
    }

    fn decide(self, terminal: bool, env: impl Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                let refused = env("NO_COLOR").is_some_and(|value| !value.is_empty());
                terminal && !refused && env("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

/// Who talks: a daemon's cycles are worth a line each, a command's answer is on stdout anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `run`.
    Daemon,
    /// Everything else.
    Command,
}

/// Where log lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    Text,
    Json,
    Journal,
}

/// Starts logging to stderr. A second call does nothing.
///
/// `verbosity` is -1 for warnings only, 1 for debug, 2 and more for everything. `ROSTERD_LOG` overrides it, in the
/// form `info,rosterd::asc=trace`.
pub fn init(format: LogFormat, verbosity: i8, color: ColorChoice, program: Program) {
    let stderr = std::io::stderr();
    let written = std::env::var("ROSTERD_LOG").ok().filter(|text| !text.trim().is_empty());
    let parsed = written.as_deref().map(str::parse::<Targets>);
    let (targets, refused) = match parsed {
        Some(Ok(targets)) => (targets, None),
        Some(Err(error)) => (targets(verbosity, program, stderr.is_terminal()), Some(error)),
        None => (targets(verbosity, program, stderr.is_terminal()), None),
    };
    let sink = sink(format, stderr.is_terminal(), is_journal());
    let layer = layer(sink, color.applies_to(&stderr)).with_filter(targets);
    // A test that starts several commands in one process has a subscriber already.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    if let Some(error) = refused {
        tracing::warn!(%error, "ROSTERD_LOG cannot be read and is ignored");
    }
}

/// Levels by verbosity. Libraries speak only of trouble, except to those who ask twice; the scheduler logs every tick.
fn targets(verbosity: i8, program: Program, terminal: bool) -> Targets {
    let ours = match verbosity {
        i8::MIN..=-1 => LevelFilter::WARN,
        // What a command does is on stdout, and progress is on the terminal.
        0 if program == Program::Command && terminal => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        2.. => LevelFilter::TRACE,
    };
    let others = if verbosity >= 2 { LevelFilter::DEBUG } else { LevelFilter::WARN };
    Targets::new()
        .with_default(others)
        .with_target("rosterd", ours)
        .with_target("tokio_cron_scheduler", LevelFilter::OFF)
}

fn sink(format: LogFormat, terminal: bool, journal: bool) -> Sink {
    match format {
        LogFormat::Text => Sink::Text,
        LogFormat::Json => Sink::Json,
        LogFormat::Auto if terminal => Sink::Text,
        LogFormat::Auto if journal => Sink::Journal,
        LogFormat::Auto => Sink::Json,
    }
}

/// True when stderr is the journal's: systemd sets `JOURNAL_STREAM` to the device and inode of the socket it
/// connected. The variable alone proves nothing, since children inherit it and may have been redirected.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let stderr = std::fs::metadata("/proc/self/fd/2");
    stderr.is_ok_and(|stderr| names(&stream, stderr.dev(), stderr.ino()))
}

fn names(stream: &str, device: u64, inode: u64) -> bool {
    let Some((dev, ino)) = stream.split_once(':') else { return false };
    dev.parse() == Ok(device) && ino.parse() == Ok(inode)
}

fn layer(sink: Sink, color: bool) -> Box<dyn Layer<Registry> + Send + Sync> {
    match sink {
        Sink::Journal => match journal::layer() {
            Ok(layer) => layer.boxed(),
            // No socket: as if there were no journal.
            Err(_) => layer(Sink::Json, color),
        },
        Sink::Json => json(CleanStderr),
        Sink::Text => text(color, std::io::stderr),
    }
}

fn json(
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Box<dyn Layer<Registry> + Send + Sync> {
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        // Fields of spans stand in the list of spans; twice helps nobody.
        .with_current_span(false)
        .with_timer(Utc)
        .with_writer(writer)
        .boxed()
}

fn text(
    color: bool,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Box<dyn Layer<Registry> + Send + Sync> {
    tracing_subscriber::fmt::layer()
        .with_ansi(color)
        .with_target(false)
        .with_timer(Utc)
        .fmt_fields(debug_fn(field).delimited(" "))
        .with_writer(writer)
        .boxed()
}

/// Writes one field of a line of text, cleaned.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    let text = printable(&text);
    match field.name() {
        "message" => write!(writer, "{text}"),
        name if writer.has_ansi_escapes() => write!(writer, "\x1b[2m{name}=\x1b[0m{text}"),
        name => write!(writer, "{name}={text}"),
    }
}

/// The time of a line, in UTC and to the millisecond.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = Timestamp::now();
        write!(writer, "{:.3}", now.round(Unit::Millisecond).unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_terminal_and_what_its_owner_says() {
        use ColorChoice::{Always, Auto, Never};
        for (choice, terminal, variable, coloured) in [
            (Auto, true, None, true),
            (Auto, false, None, false),
            (Auto, true, Some(("NO_COLOR", "1")), false),
            (Auto, true, Some(("NO_COLOR", "")), true),
            (Auto, true, Some(("TERM", "dumb")), false),
            (Auto, true, Some(("TERM", "xterm")), true),
            (Always, false, Some(("NO_COLOR", "1")), true),
            (Never, true, None, false),
        ] {
            let env =
                |name: &str| variable.filter(|(set, _)| *set == name).map(|(_, value)| value.to_owned());
            assert_eq!(choice.decide(terminal, env), coloured, "{choice:?} {terminal} {variable:?}");
        }
    }

    #[test]
    fn the_shape_follows_what_stderr_is() {
        use LogFormat::{Auto, Json, Text};
        for (format, terminal, journal, expected) in [
            (Auto, true, false, Sink::Text),
            (Auto, false, true, Sink::Journal),
            (Auto, false, false, Sink::Json),
            (Text, false, true, Sink::Text),
            (Json, true, false, Sink::Json),
        ] {
            assert_eq!(sink(format, terminal, journal), expected, "{format:?} {terminal} {journal}");
        }
    }

    #[test]
    fn the_journal_is_known_by_device_and_inode() {
        assert!(names("8:1234", 8, 1234));
        for stream in ["8:1235", "9:1234", "8", "", ":", "8:1234:5"] {
            assert!(!names(stream, 8, 1234), "{stream}");
        }
    }

    #[test]
    fn levels_follow_verbosity() {
        use Program::{Command, Daemon};
        for (verbosity, program, terminal, level) in [
            (0, Daemon, true, LevelFilter::INFO),
            (0, Daemon, false, LevelFilter::INFO),
            (0, Command, true, LevelFilter::WARN),
            (0, Command, false, LevelFilter::INFO),
            (-1, Daemon, false, LevelFilter::WARN),
            (1, Command, true, LevelFilter::DEBUG),
            (2, Daemon, false, LevelFilter::TRACE),
            (7, Daemon, false, LevelFilter::TRACE),
        ] {
            let targets = targets(verbosity, program, terminal);
            let found = targets.iter().find(|(target, _)| *target == "rosterd").map(|(_, level)| level);
            assert_eq!(found, Some(level), "{verbosity} {program:?} {terminal}");
            assert!(!targets.would_enable("tokio_cron_scheduler::job", &tracing::Level::ERROR));
            assert_eq!(targets.would_enable("hyper", &tracing::Level::INFO), verbosity >= 2);
        }
    }

    /// What a layer writes for an event with a hostile field.
    fn written(layer: impl Fn(Shared) -> Box<dyn Layer<Registry> + Send + Sync>) -> String {
        let shared = Shared::default();
        let subscriber = tracing_subscriber::registry().with(layer(shared.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(error = %"no\n2026 ERROR \u{1b}[2J\u{202e}", count = 3, "cycle ended early");
        });
        let bytes = shared.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[derive(Clone, Default)]
    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_text_holds_message_and_fields_and_stays_one_line() {
        let line = written(|shared| text(false, move || shared.clone()));
        assert!(
            line.ends_with("  WARN cycle ended early error=no\\n2026 ERROR \\u{1b}[2J\\u{202e} count=3\n"),
            "{line}"
        );
        assert_eq!(line.lines().count(), 1);
        let colored = written(|shared| text(true, move || shared.clone()));
        assert!(colored.contains("\u{1b}[2merror=\u{1b}[0mno\\n"), "{colored}");
    }

    #[test]
    fn a_line_of_json_holds_every_field_at_the_top() {
        let line = written(|shared| json(move || shared.clone()));
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["message"], "cycle ended early");
        assert_eq!(value["count"], 3);
        assert_eq!(value["level"], "WARN");
        assert!(value["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    }
}
