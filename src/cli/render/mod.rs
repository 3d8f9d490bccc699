//! Plans and status as people read them. Everything that came from a peer is cleaned on the way.

mod markdown;
mod plan;
mod status;
mod words;

#[cfg(test)]
mod tests;

use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};

pub use markdown::plan_markdown;
pub use plan::plan_text;
pub use status::status_text;
pub(super) use words::what_it_does;

/// Columns of the terminal behind stdout, where there is one.
pub fn terminal_width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = window_size()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[expect(unsafe_code, reason = "the standard library does not ask terminals for their size")]
fn window_size() -> Option<libc::winsize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one `winsize` through the pointer, which lives until the call returns.
    let answer = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (answer == 0).then_some(size)
}

/// What a piece of text means; only here does it become a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Heading,
    Gain,
    Change,
    Loss,
    Waits,
    Aside,
}

/// Colours text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
struct Paint {
    color: bool,
}

impl Paint {
    fn text(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Heading => Style::new().bold(),
            Tone::Gain => AnsiColor::Green.on_default(),
            Tone::Change => AnsiColor::Yellow.on_default(),
            Tone::Loss => AnsiColor::Red.on_default(),
            Tone::Waits => AnsiColor::Magenta.on_default(),
            Tone::Aside => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// A blank at which no line is broken: commands stay on one line, so that they can be copied.
const FIXED_BLANK: char = '\u{a0}';

/// Lines with one indent, broken at blanks where they would be wider than the page.
fn wrap(text: &str, indent: usize, width: usize) -> Vec<String> {
    fill(text, indent, indent, width)
}

/// As [`wrap`], with another indent for the first line. A word that is wider than the page stays whole: an address
/// broken in two cannot be copied.
fn fill(text: &str, first: usize, rest: usize, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut taken = first;
    for (at, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        let fits = taken + usize::from(!line.is_empty()) + length <= width;
        // Under something in front of it, even the first word may go to a line of its own.
        if !fits && (!line.is_empty() || (at == 0 && first > rest)) {
            lines.push(std::mem::take(&mut line));
            taken = rest;
        }
        if !line.is_empty() {
            line.push(' ');
            taken += 1;
        }
        line.push_str(word);
        taken += length;
    }
    lines.push(line);
    lines.into_iter().map(|line| line.replace(FIXED_BLANK, " ")).collect()
}
