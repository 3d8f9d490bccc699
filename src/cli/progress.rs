//! What a command that takes a while is doing: a line on a terminal, STATUS where systemd started us.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::out;
use crate::engine::cycle::Progress;
use crate::engine::daemon::systemd;

/// Whoever waits less is told nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads and applies of more than two seconds show what they do. On anything but a terminal standard error stays quiet.
pub(super) fn shown(quiet: bool) -> Box<dyn Fn(Progress) + Send + Sync> {
    let line = Mutex::new(Line { since: Instant::now(), drawn: false });
    let on_terminal = !quiet && std::io::stderr().is_terminal();
    Box::new(move |progress| {
        systemd::status(&progress.to_string());
        if on_terminal {
            let text = line.lock().expect("nobody panics with it").next(progress, Instant::now());
            out::message(&text);
        }
    })
}

/// One line that is written over, and gone when there is something else to read.
#[derive(Debug)]
struct Line {
    /// Of this read, or of this apply: a question in between is no work.
    since: Instant,
    drawn: bool,
}

impl Line {
    /// What to write to the terminal.
    fn next(&mut self, progress: Progress, now: Instant) -> String {
        let ends = match progress {
            Progress::Observing { directory, team } => {
                if directory + team == 0 {
                    self.since = now;
                }
                false
            }
            Progress::Planning => {
                self.since = now;
                true
            }
            Progress::Applying(done, of) => {
                if done <= 1 {
                    self.since = now;
                }
                done == of
            }
        };
        let was_drawn = std::mem::replace(&mut self.drawn, false);
        if ends || now.duration_since(self.since) < PATIENCE {
            return if was_drawn { "\r\x1b[K".to_owned() } else { String::new() };
        }
        self.drawn = true;
        format!("\r\x1b[K{progress}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_appears_after_two_seconds_and_goes_when_the_work_is_done() {
        let start = Instant::now();
        let mut line = Line { since: start, drawn: false };
        let mut next = |progress, seconds| line.next(progress, start + Duration::from_secs(seconds));
        let read = |directory, team| Progress::Observing { directory, team };
        assert_eq!(next(read(0, 0), 100), "");
        assert_eq!(next(read(9, 1), 101), "");
        assert_eq!(
            next(read(30, 2), 103),
            "\r\x1b[Kreading both sides: 30 answers of the identity provider, 2 of App Store Connect"
        );
        assert_eq!(next(Progress::Planning, 104), "\r\x1b[K");
        assert_eq!(next(Progress::Applying(1, 90), 300), "", "a question in between is no work");
        assert_eq!(next(Progress::Applying(7, 90), 303), "\r\x1b[Kapplying 7 of 90");
        assert_eq!(next(Progress::Applying(90, 90), 304), "\r\x1b[K");
        assert_eq!(next(Progress::Applying(1, 1), 305), "");
    }
}
