//! From an answer that is no success to one cause. Apple: use `code` for logic, match it by prefix, because codes may gain
//! levels ("Parsing the Error Response Code"); several errors may come in one body, and the telling one need not be first.

use std::time::Duration;

use serde_json::Value;

use super::{AscError, Refusal, Said};
use crate::http::HttpError;
use crate::model::text::is_unprintable;

/// Characters of Apple's text that reach a log.
const LONGEST_TEXT: usize = 300;
/// Characters of an id or a place in the request.
const LONGEST_NAME: usize = 100;
/// Errors of one body that are looked at.
const MOST_ERRORS: usize = 50;
/// A skew beyond this is named as the cause of a 401: the back-dating of tokens covers less.
const TELLING_SKEW: u64 = 60;

/// What Apple's answers to an unsigned agreement say under whatever code.
const AGREEMENT_WORDS: [&str; 3] =
    ["required agreement", "in-effect agreement", "agreement is missing or has expired"];

/// Whether a lost answer can have had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spend {
    /// It can be sent again.
    Read,
    /// It may have been carried out.
    Write,
}

/// An answer, as far as it tells a cause.
#[derive(Clone, Debug)]
pub(super) struct Answer<'a> {
    /// `PATCH /v1/users/ID`.
    pub(super) endpoint: &'a str,
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    pub(super) retry_after: Option<Duration>,
    /// Apple's id of the request.
    pub(super) request_id: Option<String>,
    /// Our clock minus Apple's.
    pub(super) skew: Option<i64>,
    /// What was asked for.
    pub(super) spend: Spend,
}

impl Answer<'_> {
    /// The cause.
    pub(super) fn error(self) -> AscError {
        let errors = parse_errors(self.body);
        let codes = || codes(&errors);
        let asked = match self.status {
            429 => self.retry_after.map(|wait| format!("; it asks to wait {} s", wait.as_secs())),
            _ => None,
        };
        let text = self.text(&errors) + &asked.unwrap_or_default();
        let text = Said::of_request(text, self.request_id.clone());
        match self.status {
            401 => AscError::Refused { cause: self.unauthorized(), text },
            404 | 410 if errors.iter().any(ApiError::is_not_found) => AscError::Gone { text },
            // Apple's own example of 410 is reading an invitation that was accepted; under which code is not written down.
            410 if self.spend == Spend::Read && !errors.is_empty() => AscError::Gone { text },
            404 | 410 => self.unclear(text),
            // 429 aside, which every gateway sends of itself before anything happens.
            400..=499 if errors.is_empty() && self.status != 429 && self.spend == Spend::Write => {
                self.unclear(text)
            }
            403 => match forbidden(&errors) {
                Some(cause) => AscError::Refused { cause, text },
                None => AscError::Invalid { codes: codes(), text },
            },
            409 => AscError::Conflict { codes: codes(), text },
            429 => {
                let retry_after = self.retry_after.map(|wait| wait.as_secs());
                AscError::RateLimited { retry_after, text }
            }
            408 | 500..=599 => AscError::Unknown { text },
            400..=499 => AscError::Invalid { codes: codes(), text },
            _ => AscError::Protocol { text },
        }
    }

    /// A status that is not backed by Apple's own words: a gateway, a portal or a proxy may have answered in its place, and
    /// nobody can tell what had happened by then.
    fn unclear(&self, text: Said) -> AscError {
        match self.spend {
            Spend::Read => AscError::Protocol { text },
            Spend::Write => AscError::Unknown { text },
        }
    }

    fn unauthorized(&self) -> Refusal {
        match self.skew {
            Some(skew) if skew.unsigned_abs() > TELLING_SKEW => Refusal::ClockSkew(skew),
            Some(_) | None => Refusal::Credentials,
        }
    }

    fn text(&self, errors: &[ApiError]) -> String {
        let said = match errors.first() {
            Some(error) => error.text(),
            None => format!("answered with {}", body_kind(self.body)),
        };
        let more = match errors.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        format!("{}: {} {said}{more}", self.endpoint, self.status)
    }
}

/// The cause of a request without an answer.
pub(super) fn without_answer(endpoint: &str, error: &HttpError, spend: Spend) -> AscError {
    let text = Said::from(format!("{endpoint}: {error}"));
    match error {
        HttpError::WaitTooLong { seconds, .. } => AscError::RateLimited { retry_after: Some(*seconds), text },
        HttpError::NotSent { .. } | HttpError::ForeignLink { .. } | HttpError::Setup(_) => {
            AscError::NotSent { text }
        }
        // It will not be another one a moment later, and it is that seat's trouble alone.
        HttpError::BadId { .. } => AscError::Invalid { codes: Vec::new(), text },
        HttpError::Lost { .. } | HttpError::Timeout { .. } => AscError::Unknown { text },
        HttpError::Redirect { .. } | HttpError::TooLarge { .. } | HttpError::NotJson { .. } => match spend {
            Spend::Read => AscError::Protocol { text },
            Spend::Write => AscError::Unknown { text },
        },
    }
}

/// One element of `errors[]`, cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// `ENTITY_ERROR.ATTRIBUTE.INVALID`.
    pub code: String,
    /// Always there in Apple's description; empty where it is not.
    pub title: String,
    /// Not always there.
    pub detail: String,
    /// Apple's id of this error, where it has one.
    pub id: String,
    /// Where in the request: a JSON pointer (`/data/attributes/roles`), or the name of a parameter.
    pub source: String,
}

impl ApiError {
    fn text(&self) -> String {
        let said = if self.detail.is_empty() { &self.title } else { &self.detail };
        let said = said.trim_end_matches('.');
        let said = match (self.code.is_empty(), said.is_empty()) {
            (false, false) => format!("{}: {said}", self.code),
            (false, true) => self.code.clone(),
            (true, _) => said.to_owned(),
        };
        let place = (!self.source.is_empty()).then(|| format!("at {}", self.source));
        let id = (!self.id.is_empty()).then(|| format!("error {}", self.id));
        let known: Vec<String> = place.into_iter().chain(id).collect();
        if known.is_empty() { said } else { format!("{said} ({})", known.join(", ")) }
    }

    /// True for the code itself and for any deeper level of it.
    fn is(&self, prefix: &str) -> bool {
        self.code.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
    }

    /// Apple's own word that there is no such thing.
    fn is_not_found(&self) -> bool {
        self.code.split('.').next() == Some("NOT_FOUND")
    }

    fn says(&self, words: &str) -> bool {
        self.title.to_lowercase().contains(words) || self.detail.to_lowercase().contains(words)
    }
}

/// The errors of a body, most telling first: an agreement, a membership, then the deepest code. Empty when the body is no
/// error document.
pub fn parse_errors(body: &[u8]) -> Vec<ApiError> {
    let document: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let mut errors = Vec::new();
    collect(document.get("errors"), &mut errors);
    errors.sort_by_key(|error| std::cmp::Reverse(weight(error)));
    errors
}

/// Apple nests the causes of some errors in `meta.associatedErrors`, by the path of the resource.
fn collect(list: Option<&Value>, into: &mut Vec<ApiError>) {
    for error in list.and_then(Value::as_array).into_iter().flatten() {
        if into.len() >= MOST_ERRORS {
            return;
        }
        let text =
            |at: &str, longest| clean(error.pointer(at).and_then(Value::as_str).unwrap_or_default(), longest);
        let pointer = text("/source/pointer", LONGEST_NAME);
        into.push(ApiError {
            code: text("/code", LONGEST_TEXT),
            title: text("/title", LONGEST_TEXT),
            detail: text("/detail", LONGEST_TEXT),
            id: text("/id", LONGEST_NAME),
            source: if pointer.is_empty() { text("/source/parameter", LONGEST_NAME) } else { pointer },
        });
        let nested = error.pointer("/meta/associatedErrors").and_then(Value::as_object);
        for (_, list) in nested.into_iter().flatten() {
            collect(Some(list), into);
        }
    }
}

fn weight(error: &ApiError) -> usize {
    match refusal(error) {
        Some(Refusal::Agreement) => 1000,
        Some(Refusal::Membership) => 900,
        Some(Refusal::RoleTooSmall | Refusal::Credentials | Refusal::ClockSkew(_)) | None => {
            error.code.matches('.').count()
        }
    }
}

fn codes(errors: &[ApiError]) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for error in errors {
        if !error.code.is_empty() && !codes.contains(&error.code) {
            codes.push(error.code.clone());
        }
    }
    codes
}

/// The cause of a 403, `None` when it is about this request alone or nobody of Apple's said it.
fn forbidden(errors: &[ApiError]) -> Option<Refusal> {
    errors.iter().find_map(refusal)
}

fn refusal(error: &ApiError) -> Option<Refusal> {
    if error.is("FORBIDDEN.REQUIRED_AGREEMENTS")
        || error.code.contains("PLA_NOT_ACCEPTED")
        || AGREEMENT_WORDS.iter().any(|words| error.says(words))
        || (error.code == "FORBIDDEN" && error.says("access unavailable"))
    {
        Some(Refusal::Agreement)
    } else if error.is("FORBIDDEN") && error.says("active membership") {
        // Apple has no code of its own for it; fastlane tells it by the same words.
        Some(Refusal::Membership)
    } else if error.is("FORBIDDEN_ERROR") && error.says("the resource '") {
        // "The resource '…' does not allow 'GET_COLLECTION'": the method, not the key.
        None
    } else if error.is("FORBIDDEN") {
        Some(Refusal::RoleTooSmall)
    } else if error.is("NOT_AUTHORIZED") {
        Some(Refusal::Credentials)
    } else {
        None
    }
}

fn body_kind(body: &[u8]) -> String {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => "an empty body".to_owned(),
        Some(b'<') => "a page of HTML instead of JSON".to_owned(),
        Some(b'{' | b'[') => "JSON that names no error".to_owned(),
        Some(_) => format!("text instead of JSON: {}", clean(&String::from_utf8_lossy(body), 80)),
    }
}

/// Remote text made fit for a log or a terminal: no control or format characters, blanks folded, cut at `longest` characters.
pub fn clean(text: &str, longest: usize) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || is_unprintable(c)).filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > longest * 4 {
            break;
        }
    }
    match out.char_indices().nth(longest) {
        Some((at, _)) => {
            out.truncate(at);
            out.push('…');
            out
        }
        None => out,
    }
}

#[cfg(test)]
mod tests;
