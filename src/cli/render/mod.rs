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

/// Lines with one indent, broken at blanks where they would be wider than the page. A word that is wider alone stays
/// whole: an address broken in two cannot be copied.
fn wrap(text: &str, indent: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
