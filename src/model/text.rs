//! Text that others wrote, on its way to people. A terminal obeys some characters instead of showing them, and others make
//! a line read otherwise than it is.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Control characters (C0, DEL, C1), line and paragraph separators, the bidirectional controls (Unicode TR 9 §2), and
/// those that take no room. The joiners U+200C and U+200D stay, for names need them.
pub fn is_unprintable(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Every unprintable character as a visible escape such as `\u{1b}`, line breaks too.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\n' => clean.push_str("\\n"),
            '\r' => clean.push_str("\\r"),
            '\t' => clean.push_str("\\t"),
            letter if is_unprintable(letter) => clean.extend(letter.escape_unicode()),
            letter => clean.push(letter),
        }
    }
    Cow::Owned(clean)
}

/// As [`printable`], of text in lines of its own: their ends stay.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|letter| letter != '\n' && is_unprintable(letter)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(printable).collect::<Vec<_>>().join("\n"))
}

/// JSON with the same content and without unprintable characters. `serde_json` escapes C0 alone; the others can stand only
/// inside strings, where an escape is always valid. Line ends stay.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |letter: char| letter != '\n' && is_unprintable(letter);
    if !json.chars().any(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for letter in json.chars() {
        if is_escaped(letter) {
            // All of them lie in the basic plane: one unit of UTF-16.
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_survives() {
        for (text, cleaned) in [
            ("Ada King", "Ada King"),
            ("Zoë 李", "Zoë 李"),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("a\r\nroot: removed", "a\\r\\nroot: removed"),
            ("a\u{9b}31m", "a\\u{9b}31m"),
            ("a\u{202e}gpj.exe", "a\\u{202e}gpj.exe"),
            ("a\u{2066}b\u{7f}", "a\\u{2066}b\\u{7f}"),
            ("a\u{200b}b\u{2028}", "a\\u{200b}b\\u{2028}"),
        ] {
            assert_eq!(printable(text), cleaned);
        }
        assert_eq!(printable_lines("a\r\n\tb\n\u{9b}\n"), "a\\r\n\\tb\n\\u{9b}\n");
    }

    #[test]
    fn json_stays_json_with_the_same_text() {
        let text = "a\u{9b}31m\u{202e}b\u{7f}\n\u{1b}\u{2028}";
        let json = serde_json::to_string_pretty(&[text]).expect("JSON");
        let shown = printable_json(&json);
        assert!(!shown.chars().any(|letter| letter != '\n' && is_unprintable(letter)), "{shown:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).expect("JSON"), [text]);
    }
}
