//! Printing: a closed pipe ends quietly, an error is one line with its cure.

use std::io::{self, IsTerminal, Write};

use crate::control::protocol::Refusal;
use crate::engine::CycleError;
use crate::model::text::{printable, printable_json};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    text: String,
    details: Vec<String>,
    hint: Option<String>,
}

impl Failure {
    pub(super) fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), details: Vec::new(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Writes the error to stderr.
    pub(super) fn print(&self) -> u8 {
        let mut text = String::new();
        if !self.text.is_empty() {
            text.push_str(&format!("error: {}\n", printable(&self.text)));
        }
        for detail in &self.details {
            text.push_str(&format!("  {}\n", printable(detail)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", printable(hint)));
        }
        message(&text);
        self.code
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.exit_code, text: refusal.text, details: refusal.details, hint: refusal.hint }
    }
}

impl From<CycleError> for Failure {
    fn from(error: CycleError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<crate::engine::wire::WireError> for Failure {
    fn from(error: crate::engine::wire::WireError) -> Self {
        Self {
            code: error.exit_code(),
            text: crate::engine::told(&error),
            details: Vec::new(),
            hint: error.hint(),
        }
    }
}

/// A result, to stdout.
pub(super) fn result(text: &str) {
    let mut out = io::stdout().lock();
    // A closed pipe is the reader's choice.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A result for programs, to stdout, as JSON without a character that a terminal obeys.
pub(super) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(1, format!("the result cannot be written as JSON: {error}")))?;
    result(&(printable_json(&text) + "\n"));
    Ok(())
}

/// A message, to stderr.
pub(super) fn message(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// True when both ends of a question are a person.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// True when a person says yes; `unasked` where there is nobody to ask, and `no` is told to whoever does not.
pub(super) fn agreed(question: &str, unasked: Failure, no: &str) -> Result<bool, Failure> {
    if !can_ask() {
        return Err(unasked);
    }
    let yes = ask(question);
    if !yes {
        message(no);
    }
    Ok(yes)
}

/// Asks for a `y`.
pub(super) fn ask(question: &str) -> bool {
    message(&format!("{question} [y/N] "));
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
