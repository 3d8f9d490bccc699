//! The id by which a peer's own log knows a request: the first thing its support asks for.

use reqwest::header::HeaderMap;

/// Where peers put it, the most telling first: Apple, SCIM providers and gateways; Okta; Microsoft Graph, whose second
/// repeats what a client sent.
const NAMES: [&str; 8] = [
    "x-request-id",
    "x-okta-request-id",
    "request-id",
    "x-ms-request-id",
    "client-request-id",
    "x-apple-request-uuid",
    "x-apple-jingle-correlation-key",
    "x-correlation-id",
];
/// Characters of it that are kept; the ids of known peers have 20 to 60.
const LONGEST: usize = 100;

/// The id of an answer, fit for a log and a terminal.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    NAMES.iter().flat_map(|name| headers.get_all(*name)).find_map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let words: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || crate::model::text::is_unprintable(c)).collect();
        let id: String = words.concat().chars().take(LONGEST).collect();
        (!id.is_empty()).then_some(id)
    })
}

/// ` (request ID)` for the end of a line, or nothing.
pub(crate) fn suffix(headers: &HeaderMap) -> String {
    of(headers).map(|id| format!(" (request {id})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let value = |value: &[u8]| HeaderValue::from_bytes(value).expect("a header");
        pairs.iter().map(|(name, bytes)| (HeaderName::from_static(name), value(bytes))).collect()
    }

    #[test]
    fn every_peer_names_its_requests_in_its_own_way() {
        for name in NAMES {
            assert_eq!(of(&headers(&[(name, b"REQ-1234")])).as_deref(), Some("REQ-1234"), "{name}");
        }
        let both = headers(&[("client-request-id", b"ours"), ("request-id", b"theirs")]);
        assert_eq!(of(&both).as_deref(), Some("theirs"));
        assert_eq!(of(&headers(&[("x-request-id", b" "), ("request-id", b"7")])).as_deref(), Some("7"));
        assert_eq!(of(&headers(&[("content-type", b"text/html")])), None);
    }

    #[test]
    fn an_id_is_short_and_shows_on_any_terminal() {
        let odd = headers(&[("x-request-id", "a\u{9b}31m\tb\u{202e}c".as_bytes())]);
        assert_eq!(of(&odd).as_deref(), Some("a31mbc"));
        let long = vec![b'x'; 5000];
        assert_eq!(of(&headers(&[("x-request-id", &long)])).map(|id| id.len()), Some(LONGEST));
    }
}
