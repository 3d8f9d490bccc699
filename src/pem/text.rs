//! Finds the blocks of PEM in a text, whatever a secret store has done to it.

use secrecy::zeroize::Zeroizing;

use super::{LARGEST, decoded};

/// How often a text is taken out of base64: Kubernetes' own, and that of whoever put it there.
const WRAPPINGS: usize = 2;
/// A label is at most `TRUSTED CERTIFICATE` or the like.
const LONGEST_LABEL: usize = 40;

/// How a text came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In lines.
    Lines,
    /// In one line, so that a store has changed it.
    Flat,
}

/// What stands between a BEGIN and an END line.
pub(super) struct Block {
    /// Letters and digits of the BEGIN line, `PRIVATEKEY`: some stores take blanks out, others turn them to line ends.
    /// Empty for base64 without any such line.
    pub(super) label: String,
    pub(super) body: Zeroizing<String>,
    pub(super) layout: Layout,
}

/// All blocks of a text; `None` when it is something else.
pub(super) fn find(text: &str) -> Option<Vec<Block>> {
    if text.len() > LARGEST {
        return None;
    }
    let mut text = unescaped(text);
    for _ in 0..=WRAPPINGS {
        let blocks = between_markers(&text);
        if !blocks.is_empty() {
            return Some(blocks);
        }
        let inner = decoded(&letters(&text)?)?;
        if is_key(&inner) {
            return Some(vec![bare(&text)]);
        }
        text = unescaped(str::from_utf8(&inner).ok()?);
    }
    None
}

/// The whole text as base64, when it is nothing else.
fn letters(text: &str) -> Option<Zeroizing<String>> {
    let block = bare(text);
    let letters = block.letters();
    (!letters.is_empty() && letters.bytes().all(super::is_base64)).then_some(letters)
}

fn bare(text: &str) -> Block {
    Block { label: String::new(), body: Zeroizing::new(text.to_owned()), layout: layout(text) }
}

/// A sequence that is as long as it says: a password that happens to be base64 is not.
fn is_key(der: &[u8]) -> bool {
    super::said_length(der) == Some(der.len()) && der.len() > 32
}

fn layout(body: &str) -> Layout {
    if body.contains(['\n', '\r']) { Layout::Lines } else { Layout::Flat }
}

/// Which of the two lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Begin,
    End,
}

/// A BEGIN or END line, wherever in a line it stands.
struct Marker {
    edge: Edge,
    label: String,
    from: usize,
    to: usize,
}

fn between_markers(text: &str) -> Vec<Block> {
    let markers = markers(text);
    let mut blocks = Vec::new();
    let mut push = |label: &str, from: usize, to: usize| {
        let body = text.get(from..to).unwrap_or_default();
        let body = Zeroizing::new(body.to_owned());
        blocks.push(Block { label: label.to_owned(), layout: layout(&body), body });
    };
    for (index, marker) in markers.iter().enumerate() {
        let next = markers.get(index + 1);
        match marker.edge {
            Edge::Begin => {
                let end = next.map_or(text.len(), |next| next.from);
                let is_doubled = next.is_some_and(|next| {
                    next.edge == Edge::Begin && text[marker.to..next.from].trim().is_empty()
                });
                if !is_doubled {
                    push(&marker.label, marker.to, end);
                }
            }
            // The BEGIN line got lost, which costs nothing: the END line says what it was.
            Edge::End if index == 0 => push(&marker.label, 0, marker.from),
            Edge::End => {}
        }
    }
    blocks
}

/// Two dashes will do, because the first and the last get lost when text is copied by hand.
fn markers(text: &str) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("--") {
        let from = at + found;
        let word = text[from..].trim_start_matches('-');
        at = text.len() - word.len();
        if let Some(marker) = marker(text, from, word) {
            at = marker.to;
            markers.push(marker);
        }
    }
    markers
}

fn marker(text: &str, from: usize, word: &str) -> Option<Marker> {
    let word = word.trim_start();
    let begin = word.strip_prefix("BEGIN").map(|rest| (Edge::Begin, rest));
    let (edge, rest) = begin.or_else(|| word.strip_prefix("END").map(|rest| (Edge::End, rest)))?;
    let (label, rest) = rest.split_once("--").filter(|(label, _)| label.len() <= LONGEST_LABEL)?;
    let label = label.chars().filter(char::is_ascii_alphanumeric).collect();
    // At most five in all: those behind belong to the next line, where line ends were taken out.
    let more = rest.bytes().take(3).take_while(|byte| *byte == b'-').count();
    let to = text.len() - rest.len() + more;
    Some(Marker { edge, label, from, to })
}

/// Takes out what JSON, shells and addresses write in place of line ends. None of it can stand in PEM.
fn unescaped(text: &str) -> Zeroizing<String> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(rest.trim_start_matches('\\'), &mut plain),
            '%' => rest = percent(rest, &mut plain),
            // Word processors join dashes.
            '\u{2010}'..='\u{2015}' | '\u{2212}' => plain.push_str("--"),
            c => plain.push(c),
        }
    }
    plain
}

/// What a backslash, or several, stands for together with what follows; the rest of the text.
fn escape<'a>(rest: &'a str, plain: &mut String) -> &'a str {
    let skip = |count: usize| rest.get(count..).unwrap_or_default();
    match rest.as_bytes() {
        [b'n' | b'r', ..] => {
            plain.push('\n');
            skip(1)
        }
        [b't', ..] => {
            plain.push(' ');
            skip(1)
        }
        [b'u', ..] => match hex(rest.get(1..5)) {
            Some(c) => {
                plain.push(c);
                skip(5)
            }
            None => rest,
        },
        _ => rest,
    }
}

fn percent<'a>(rest: &'a str, plain: &mut String) -> &'a str {
    match hex(rest.get(..2)) {
        Some(c) => {
            plain.push(c);
            rest.get(2..).unwrap_or_default()
        }
        None => {
            plain.push('%');
            rest
        }
    }
}

fn hex(digits: Option<&str>) -> Option<char> {
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
}
