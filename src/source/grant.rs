//! Answers of OAuth 2 token endpoints (RFC 6749 §5), for every source: read as leniently as servers write them, and with the
//! server's own words where there is no token.

use jiff::SignedDuration;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::one_line;
use crate::http::Reply;

/// What a token is good for that says nothing, or nothing of use, of its end (RFC 6749 §5.1 recommends `expires_in` and does
/// not demand it). Most live that long, and one that does not is replaced when it is refused.
const UNSAID: SignedDuration = SignedDuration::from_hours(1);
/// A token said to live longer is asked for anew all the same.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);
/// Characters shown of what a server says.
const SHOWN: usize = 300;

/// A token and how long it lives by its server's word.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: SecretString,
    pub(super) lifetime: SignedDuration,
}

/// An answer without a token that can be used.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// `invalid_client` and the like (RFC 6749 §5.2), or what stands in its place; may be empty.
    pub(super) code: Box<str>,
    /// The description; may be empty.
    pub(super) words: Box<str>,
    /// Microsoft's numbers for what is wrong.
    pub(super) numbers: Vec<u32>,
    place: Box<str>,
    /// The request's id, for the end of a line.
    pub(super) request: Box<str>,
}

impl Refusal {
    /// True when the same question gets the same answer: another secret or another setting is needed.
    pub(super) fn is_final(&self) -> bool {
        let passes = matches!(&*self.code, "temporarily_unavailable" | "server_error" | "slow_down");
        let says_so = self.status.is_success() && !self.code.is_empty();
        !passes
            && (says_so
                || matches!(
                    self.status,
                    StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                ))
    }

    /// Who said what, with what status, as one line.
    pub(super) fn text(&self) -> String {
        let (status, place) = (self.status.as_u16(), &self.place);
        let said = self.said();
        let (colon, request) = (if said.is_empty() { "" } else { ": " }, &self.request);
        if self.is_final() {
            format!("{place} refused us a token ({status}){colon}{said}{request}")
        } else if self.status.is_success() {
            format!("{place} answered {status} without a token{colon}{said}{request}")
        } else {
            format!("{place} answered {status} instead of a token{colon}{said}{request}")
        }
    }

    /// The server's own words.
    pub(super) fn said(&self) -> String {
        match (&*self.code, &*self.words) {
            ("", words) => words.to_owned(),
            (code, "") => code.to_owned(),
            (code, words) => format!("{code}: {words}"),
        }
    }
}

/// Reads an answer. A server that echoes what it was sent must not bring a secret into our logs, so those are struck out.
pub(super) fn read(reply: &Reply, secrets: &[&str]) -> Result<Grant, Refusal> {
    let body = reply.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&reply.body);
    let mut said: Body = serde_json::from_slice(body).unwrap_or_default();
    let mut lack = None;
    if reply.status.is_success() {
        let token = said.access_token.take().filter(|token| !token.expose_secret().trim().is_empty());
        match (token, said.foreign_type()) {
            (Some(token), None) => return Ok(Grant { token, lifetime: lifetime(&said.expires_in) }),
            (_, Some(kind)) => {
                lack = Some(format!("it is of type {kind}, and only bearer tokens can be used"))
            }
            (None, None) => lack = Some(describe(body)),
        }
    }
    let clean =
        |text: String| one_line(&secrets.iter().fold(text, |text, secret| without(&text, secret)), SHOWN);
    let (code, words) = (clean(said.code()), clean(said.words()));
    let is_silent = code.is_empty() && words.is_empty();
    Err(Refusal {
        status: reply.status,
        code: code.into(),
        words: lack.filter(|_| is_silent).map_or(words, |lack| one_line(&lack, SHOWN)).into(),
        numbers: said.numbers(),
        place: reply.place().into(),
        request: reply.request_suffix().into(),
    })
}

/// A text with a secret struck out.
pub(super) fn without(text: &str, secret: &str) -> String {
    if secret.is_empty() { text.to_owned() } else { text.replace(secret, "…") }
}

/// For `crate::fuzzing`: an answer of a token endpoint, with a status of each kind. True for a usable grant.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn reads_as_grant(body: &[u8]) -> bool {
    let read = |status| read(&Reply::of(status, body), &["s3cret"]);
    if let Err(refusal) = read(StatusCode::BAD_REQUEST) {
        let text = refusal.text();
        assert!(text.chars().count() < 2 * SHOWN + 100 && !text.chars().any(char::is_control), "{text:?}");
    }
    let granted = read(StatusCode::OK);
    granted.is_ok_and(|grant| grant.lifetime > SignedDuration::ZERO && grant.lifetime <= LONGEST)
}

/// A grant or a refusal. Everything but the token may have any type: a field that is odd must not cost the others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    access_token: Option<SecretString>,
    token_type: Value,
    expires_in: Value,
    error: Value,
    error_description: Value,
    /// Microsoft's numbers.
    error_codes: Value,
    /// Okta's two.
    #[serde(rename = "errorCode")]
    error_code: Value,
    #[serde(rename = "errorSummary")]
    error_summary: Value,
    /// What gateways write.
    message: Value,
    detail: Value,
}

impl Body {
    /// A type of token that we cannot show (RFC 6749 §7.1). Servers have many names for the one that we can.
    fn foreign_type(&self) -> Option<&str> {
        let kind = self.token_type.as_str()?.trim();
        ["dpop", "mac", "pop"].iter().any(|foreign| kind.eq_ignore_ascii_case(foreign)).then_some(kind)
    }

    fn code(&self) -> String {
        first([&self.error, &self.error_code, &self.error["code"], &self.error["status"]])
    }

    fn words(&self) -> String {
        let nested = [&self.error["message"], &self.error["description"]];
        let flat = [&self.error_description, &self.error_summary, &self.message, &self.detail];
        first(flat.into_iter().chain(nested))
    }

    fn numbers(&self) -> Vec<u32> {
        let numbers = self.error_codes.as_array().into_iter().flatten();
        numbers.filter_map(|number| u32::try_from(number.as_u64()?).ok()).collect()
    }
}

/// The first text that is not empty.
fn first<'v>(values: impl IntoIterator<Item = &'v Value>) -> String {
    values
        .into_iter()
        .filter_map(Value::as_str)
        .find(|text| !text.trim().is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// Some servers send the seconds as text, some with a fraction, some none, and some what nobody can count with.
fn lifetime(value: &Value) -> SignedDuration {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    // `as` saturates and takes NaN for 0; zero or less tells nothing of use.
    match seconds.map(|seconds: f64| seconds as i64) {
        Some(whole @ 1..) => SignedDuration::from_secs(whole.min(LONGEST.as_secs())),
        Some(_) | None => UNSAID,
    }
}

fn describe(body: &[u8]) -> String {
    let what = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => "an empty body",
        Some(b'<') => "a page of HTML",
        Some(b'{') => "JSON without a usable access_token",
        Some(_) => "something else than JSON",
    };
    what.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &[u8]) -> Result<Grant, Refusal> {
        read(&Reply::of(StatusCode::from_u16(status).expect("a status"), body), &["s3cret"])
    }

    #[test]
    fn the_end_of_a_token_is_read_in_every_form_and_never_missing() {
        for (value, seconds) in [
            (json!(3600), 3600),
            (json!("3600"), 3600),
            (json!(" 3600 "), 3600),
            (json!("3599.5"), 3599),
            (json!(3599.0), 3599),
            (json!(1), 1),
            (json!(null), 3600),
            (json!({"seconds": 60}), 3600),
            (json!([60]), 3600),
            (json!(true), 3600),
            (json!("1h"), 3600),
            (json!("NaN"), 3600),
            (json!(0), 3600),
            (json!(-5), 3600),
            (json!("-5"), 3600),
            (json!(0.5), 3600),
            (json!(86_401), 86_400),
            (json!(u64::MAX), 86_400),
            (json!(1e300), 86_400),
            (json!("inf"), 86_400),
        ] {
            let body = json!({"access_token": "t", "token_type": "Bearer", "expires_in": value}).to_string();
            let grant = answer(200, body.as_bytes()).expect("a token");
            assert_eq!(grant.lifetime.as_secs(), seconds, "{value}");
        }
        let grant = answer(200, b"{\"access_token\":\"t\"}").expect("a token");
        assert_eq!(grant.lifetime, UNSAID);
    }

    #[test]
    fn a_token_is_taken_whatever_its_kind_is_called_unless_it_cannot_be_shown() {
        for (kind, taken) in [
            (json!("Bearer"), true),
            (json!("bearer"), true),
            (json!("BEARER"), true),
            (json!("BearerToken"), true),
            (json!(null), true),
            (json!(7), true),
            (json!("DPoP"), false),
            (json!("mac"), false),
        ] {
            let body = json!({"access_token": "t", "token_type": kind}).to_string();
            let read = answer(200, body.as_bytes());
            assert_eq!(read.is_ok(), taken, "{kind}");
            if let Err(refusal) = read {
                assert!(
                    refusal.text().contains("only bearer tokens") && !refusal.is_final(),
                    "{}",
                    refusal.text()
                );
            }
        }
        assert!(answer(200, b"\xef\xbb\xbf{\"access_token\":\"t\"}").is_ok(), "a byte order mark");
    }

    #[test]
    fn the_servers_own_words_are_shown_on_one_line_and_without_our_secret() {
        for (status, body, text, is_final) in [
            (401, r#"{"error":"invalid_client"}"#, "refused us a token (401): invalid_client", true),
            (
                200,
                r#"{"error":"invalid_client","error_description":"bad secret"}"#,
                "refused us a token (200): invalid_client: bad secret",
                true,
            ),
            (
                401,
                r#"{"errorCode":"invalid_client","errorSummary":"A client_id must be provided in the request."}"#,
                "refused us a token (401): invalid_client: A client_id must be provided in the request.",
                true,
            ),
            (
                400,
                r#"{"error":"invalid_scope","error_description":"s3cret\nis \u001b[31mbad"}"#,
                "refused us a token (400): invalid_scope: … is  [31mbad",
                true,
            ),
            (403, r#"{"message":"Forbidden"}"#, "refused us a token (403): Forbidden", true),
            (
                400,
                r#"{"error":{"code":"bad_client","message":"no such client"}}"#,
                "refused us a token (400): bad_client: no such client",
                true,
            ),
            (401, "nothing", "refused us a token (401)", true),
            (401, "<html>", "refused us a token (401)", true),
            (
                400,
                r#"{"error":"temporarily_unavailable"}"#,
                "answered 400 instead of a token: temporarily_unavailable",
                false,
            ),
            (503, r#"{"error":"server_error"}"#, "answered 503 instead of a token: server_error", false),
            (404, "<html>", "answered 404 instead of a token", false),
            (200, "<html>", "answered 200 without a token: a page of HTML", false),
            (200, "", "answered 200 without a token: an empty body", false),
            (
                200,
                r#"{"access_token":7}"#,
                "answered 200 without a token: JSON without a usable access_token",
                false,
            ),
            (
                200,
                r#"{"access_token":" "}"#,
                "answered 200 without a token: JSON without a usable access_token",
                false,
            ),
        ] {
            let refusal = answer(status, body.as_bytes()).expect_err(body);
            assert!(refusal.text().ends_with(text), "{body}: {}", refusal.text());
            assert_eq!(refusal.is_final(), is_final, "{body}");
        }
        let long = json!({"error": "e", "error_description": "x".repeat(5_000)}).to_string();
        assert!(answer(400, long.as_bytes()).expect_err("refused").text().len() < 400);
    }
}
