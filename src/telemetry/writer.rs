//! JSON lines to stderr, without the characters that JSON allows and terminals obey.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use crate::model::text::printable_json;

/// stderr behind a cleaner.
pub(super) struct CleanStderr;

impl MakeWriter<'_> for CleanStderr {
    type Writer = Cleaner<io::Stderr>;

    fn make_writer(&self) -> Self::Writer {
        Cleaner(io::stderr())
    }
}

/// Escapes unprintable characters as JSON does; the line's own end stays.
pub(super) struct Cleaner<W>(W);

impl<W: Write> Write for Cleaner<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The subscriber hands over whole lines; anything that is no text never came from it.
        match std::str::from_utf8(bytes) {
            Ok(line) => self.0.write_all(printable_json(line).as_bytes())?,
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::is_unprintable;

    #[test]
    fn a_line_stays_json_with_the_same_text() {
        let text = "a\u{9b}31m\u{202e}b\u{7f}";
        let line = serde_json::to_string(text).expect("JSON") + "\n";
        let mut out = Cleaner(Vec::new());
        out.write_all(line.as_bytes()).expect("written");
        let written = String::from_utf8(out.0).expect("UTF-8");
        assert!(!written.trim_end().chars().any(is_unprintable), "{written:?}");
        assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
    }
}
