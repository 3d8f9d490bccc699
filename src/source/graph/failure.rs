//! What went wrong, and which right would have helped.

use reqwest::header::HeaderMap;

use super::wire::ErrorBody;
use crate::http::{HttpError, Reply};
use crate::model::Problem;
use crate::source::{SourceError, one_line};

/// What a request needs to be granted (Graph permissions reference, application permissions, the least one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// People.
    Users,
    /// Groups and who is in them.
    Groups,
    /// Members of a group that hides them.
    HiddenMembers,
    /// Enterprise application, assignments, app registration.
    Application,
}

impl Right {
    pub(super) fn cure(self) -> &'static str {
        match self {
            Self::Users => {
                "grant the application permission User.Read.All in Entra (App registrations > API permissions) and admin consent; custom security attributes also need CustomSecAttributeAssignment.Read.All"
            }
            Self::Groups => {
                "grant the application permission GroupMember.Read.All in Entra (App registrations > API permissions) and admin consent"
            }
            Self::HiddenMembers => {
                "grant the application permission Member.Read.Hidden in Entra (App registrations > API permissions) and admin consent"
            }
            Self::Application => {
                "grant the application permission Application.Read.All in Entra (App registrations > API permissions) and admin consent"
            }
        }
    }
}

/// An answer that is not what was asked for.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// HTTP status, of the inner answer in a batch.
    pub status: u16,
    /// Graph's codes, the outer one first. May be empty.
    pub codes: Vec<String>,
    message: String,
    place: String,
    /// ` (request ID)`, where Graph gave one.
    request: String,
}

impl Answer {
    pub(super) fn of_reply(reply: &Reply) -> Self {
        let body = reply.json().unwrap_or_default();
        Self { request: reply.request_suffix(), ..Self::new(reply.status.as_u16(), body, reply.place()) }
    }

    pub(super) fn new(status: u16, body: ErrorBody, place: &str) -> Self {
        Self {
            status,
            codes: body.error.codes(),
            message: one_line(&body.error.message, 200),
            place: place.to_owned(),
            request: String::new(),
        }
    }

    /// The same, of a request that these headers answered: each within a batch has its own.
    pub(super) fn with_headers(self, headers: &HeaderMap) -> Self {
        Self { request: crate::http::request_suffix(headers), ..self }
    }

    /// A batch that left a request out.
    pub(super) fn missing(place: &str) -> Self {
        Self::none(place, "no answer in the batch")
    }

    /// A request that would have been about something else than it was meant to be.
    pub(super) fn unasked(place: &str) -> Self {
        Self::none(place, "not asked: the id is none that a path can hold")
    }

    fn none(place: &str, message: &str) -> Self {
        Self {
            status: 0,
            codes: Vec::new(),
            message: message.to_owned(),
            place: place.to_owned(),
            request: String::new(),
        }
    }

    /// Graph itself says that there is no such object; a proxy's page of 404 does not count.
    pub(super) fn is_not_found(&self) -> bool {
        let says = |code: &String| {
            code.eq_ignore_ascii_case("Request_ResourceNotFound")
                || code.eq_ignore_ascii_case("ResourceNotFound")
        };
        self.status == 404 && self.codes.iter().any(says)
    }

    /// The change feed cannot go on from its token. Any 400, 404 or 410 will do: Graph has used several codes over
    /// the years (`syncStateNotFound`, `resyncRequired`, …), and a link that is refused once is refused for ever.
    pub(super) fn is_feed_lost(&self) -> bool {
        let starts = |code: &String| {
            let code = code.to_ascii_lowercase();
            code.starts_with("syncstate") || code.starts_with("resync")
        };
        matches!(self.status, 400 | 404 | 410) || self.codes.iter().any(starts)
    }

    fn text(&self) -> String {
        let code =
            self.codes.iter().find(|code| !code.is_empty()).map(|code| format!(" {}", one_line(code, 60)));
        let message = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        let code = code.unwrap_or_default();
        if self.status == 0 {
            return format!("{}{message}", self.place);
        }
        format!("{} answered {}{code}{message}{}", self.place, self.status, self.request)
    }
}

/// Why a request to Graph has no usable answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// No token, no connection, or an answer out of shape.
    Source(SourceError),
    /// Graph says no.
    Answer(Answer),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Source(SourceError::Http(error))
    }
}
impl From<Answer> for Failure {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl Failure {
    pub(super) fn protocol(text: impl Into<String>) -> Self {
        Self::Source(SourceError::Protocol(text.into()))
    }

    /// The error of a read that cannot go on, with the permission it lacked.
    pub(super) fn into_source(self, right: Right) -> SourceError {
        match self {
            Self::Source(error) => error,
            Self::Answer(answer) if answer.status == 401 => SourceError::Refused {
                what: answer.text(),
                cure: "check cloud and base_url: Microsoft Graph does not accept the token it was shown, and each cloud accepts only its own",
            },
            Self::Answer(answer) if answer.status == 403 => {
                SourceError::Refused { what: answer.text(), cure: right.cure() }
            }
            Self::Answer(answer) => SourceError::Protocol(answer.text()),
        }
    }

    /// One line for the coverage of a read that went on without this part.
    pub(super) fn into_problem(self, part: &str, right: Right) -> Problem {
        let error = self.into_source(right);
        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Problem(format!("{part}: {error}{hint}"))
    }

    /// Graph's answer that a right is missing, for this object or for all.
    pub(super) fn denied(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) if answer.status == 403 => Some(answer),
            Self::Answer(_) | Self::Source(_) => None,
        }
    }

    /// True when no other request would fare better: the credentials themselves are refused.
    pub(super) fn is_total(&self) -> bool {
        match self {
            Self::Source(SourceError::Refused { .. }) => true,
            Self::Source(_) => false,
            Self::Answer(answer) => answer.status == 401,
        }
    }
}

/// Headers of an inner answer of a batch as a map of their own.
pub(super) fn headers_of(pairs: impl Iterator<Item = (String, String)>) -> HeaderMap {
    pairs
        .filter_map(|(name, value)| {
            let name = reqwest::header::HeaderName::try_from(name).ok()?;
            Some((name, value.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, code: &str, inner: &str) -> Answer {
        let body = json!({"error": {"code": code, "message": "m", "innerError": {"code": inner}}});
        Answer::new(status, serde_json::from_value(body).expect("an error"), "/users/1")
    }

    #[test]
    fn only_graphs_own_word_says_that_somebody_is_gone() {
        for (status, code, is_not_found) in [
            (404, "Request_ResourceNotFound", true),
            (404, "ResourceNotFound", true),
            (404, "", false),
            (404, "UnknownError", false),
            (400, "Request_ResourceNotFound", false),
            (410, "Request_ResourceNotFound", false),
        ] {
            assert_eq!(answer(status, code, "").is_not_found(), is_not_found, "{status} {code}");
        }
        assert!(!Answer::missing("/users/1").is_not_found());
    }

    #[test]
    fn a_feed_is_lost_when_its_link_is_refused_and_not_when_graph_is_busy() {
        for (status, code, inner, is_lost) in [
            (410, "", "", true),
            (400, "syncStateNotFound", "", true),
            (400, "BadRequest", "", true),
            (404, "", "", true),
            (409, "resyncRequired", "", true),
            (412, "", "resyncApplyDifferences", true),
            (503, "serviceNotAvailable", "", false),
            (429, "TooManyRequests", "", false),
            (403, "Authorization_RequestDenied", "", false),
            (401, "InvalidAuthenticationToken", "", false),
        ] {
            assert_eq!(answer(status, code, inner).is_feed_lost(), is_lost, "{status} {code} {inner}");
        }
    }

    #[test]
    fn what_graph_says_is_one_clean_line() {
        let body = json!({"error": {"code": "bad\u{1b}[31m", "message": "first\nsecond\u{7}"}});
        let answer = Answer::new(400, serde_json::from_value(body).expect("an error"), "/users");
        let text = Failure::from(answer).into_source(Right::Users).to_string();
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
