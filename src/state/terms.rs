//! Pseudonyms for what names people, in text that speaks of them among other things.

use std::collections::HashMap;
use std::ops::Range;

use crate::model::id::Address;

/// Words that a term may consist of: an address or a UUID has at most as many, between its dots and dashes.
const WORDS_MAX: usize = 16;

/// What stands for what. A term is found in any case, where it stands by itself: not `ada@example.com` in
/// `dr.ada@example.com`.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    by_text: HashMap<String, String>,
}

impl Terms {
    /// Text without a letter or a digit is no term.
    pub(super) fn insert(&mut self, term: &str, pseudonym: &str) {
        for form in [term, Address::new(term).folded()] {
            let form = trimmed(form);
            if !form.is_empty() {
                self.by_text.insert(form, pseudonym.to_owned());
            }
        }
    }

    /// The pseudonym of a text that is a term as a whole.
    pub(super) fn whole(&self, text: &str) -> Option<&str> {
        let folded = || self.by_text.get(&trimmed(Address::new(text).folded()));
        self.by_text.get(&trimmed(text)).or_else(folded).map(String::as_str)
    }

    /// The text with each term replaced; `None` where it has none.
    pub(super) fn replaced(&self, text: &str) -> Option<String> {
        if self.by_text.is_empty() {
            return None;
        }
        let words = words(text);
        let mut changed = String::new();
        let mut copied = 0;
        let mut at = 0;
        while at < words.len() {
            let found = (at..words.len().min(at + WORDS_MAX)).rev().find_map(|last| {
                let range = words[at].start..words[last].end;
                let known = self.by_text.get(&text[range.clone()].to_lowercase())?;
                stands_alone(text, &range).then_some((last, range, known))
            });
            match found {
                Some((last, range, known)) => {
                    changed.push_str(&text[copied..range.start]);
                    changed.push_str(known);
                    copied = range.end;
                    at = last + 1;
                }
                None => at += 1,
            }
        }
        (copied > 0).then(|| changed + &text[copied..])
    }
}

/// Without what may surround it, in lower case.
fn trimmed(text: &str) -> String {
    text.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase()
}

/// Runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    for (at, letter) in text.char_indices().filter(|(_, letter)| letter.is_alphanumeric()) {
        match words.last_mut() {
            Some(word) if word.end == at => word.end += letter.len_utf8(),
            Some(_) | None => words.push(at..at + letter.len_utf8()),
        }
    }
    words
}

/// True unless what is around makes it a part of another address or id.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let joins =
        |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '+' | '-' | '@' | '%');
    let before = text[..range.start].chars().next_back();
    let mut after = text[range.end..].chars();
    let is_open = match after.next() {
        // The end of a sentence, or of a part.
        Some('.' | '-') => after.next().is_none_or(|letter| !joins(letter)),
        Some(letter) => !joins(letter),
        None => true,
    };
    is_open && before.is_none_or(|letter| !joins(letter))
}

/// The mail addresses in a text, however they are wrapped.
pub(super) fn addresses(text: &str) -> Vec<&str> {
    if !text.contains('@') {
        return Vec::new();
    }
    let ends = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(
                letter,
                '"' | '\''
                    | '<'
                    | '>'
                    | '('
                    | ')'
                    | '['
                    | ']'
                    | '{'
                    | '}'
                    | ','
                    | ';'
                    | ':'
                    | '\\'
                    | '='
                    | '`'
            )
    };
    text.split(ends)
        .map(|part| part.trim_matches(|letter: char| !letter.is_alphanumeric()))
        .filter(|part| Address::new(part).is_mail())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        let mut terms = Terms::default();
        for term in ["ada@example.com", "Ada King", "p-1", "Zo\u{eb}"] {
            terms.insert(term, "X");
        }
        terms
    }

    #[test]
    fn a_term_is_replaced_where_it_stands_by_itself() {
        for (text, expected) in [
            ("ada@example.com", Some("X")),
            ("the seat of Ada@Example.com.", Some("the seat of X.")),
            ("ada king <ADA@example.com>, p-1", Some("X <X>, X")),
            ("update_member:person:p-1:m-1", Some("update_member:person:X:m-1")),
            ("{\"email\":\"ada@example.com\"}", Some("{\"email\":\"X\"}")),
            ("ZO\u{cb} left", Some("X left")),
            ("dr.ada@example.com", None),
            ("ada@example.com.example", None),
            ("p-10, p-1-2, xp-1", None),
            ("Ada Kingsley", None),
            ("", None),
        ] {
            assert_eq!(terms().replaced(text).as_deref(), expected, "{text}");
        }
        assert_eq!(terms().whole(" Ada@EXAMPLE.com"), Some("X"));
        assert_eq!(terms().whole("ada@example.com and others"), None);
        assert_eq!(Terms::default().replaced("ada@example.com"), None);
    }

    #[test]
    fn addresses_are_found_however_they_are_wrapped() {
        let text = "no: <ada@example.com>, \"bo@example.org\"; mailto:cy@example.net. @ x@ (dee@example.com)";
        assert_eq!(
            addresses(text),
            ["ada@example.com", "bo@example.org", "cy@example.net", "dee@example.com"]
        );
        assert_eq!(addresses("nobody here"), [""; 0]);
    }
}
