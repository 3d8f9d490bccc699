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
}

impl Answer {
    pub(super) fn of_reply(reply: &Reply) -> Self {
        let body = reply.json().unwrap_or_default();
        Self::new(reply.status.as_u16(), body, reply.place())
    }

    pub(super) fn new(status: u16, body: ErrorBody, place: &str) -> Self {
        Self {
            status,
            codes: body.error.codes(),
            message: one_line(&body.error.message, 200),
            place: place.to_owned(),
        }
    }

    /// A batch that left a request out.
    pub(super) fn missing(place: &str) -> Self {
        Self {
            status: 0,
            codes: Vec::new(),
            message: "no answer in the batch".to_owned(),
            place: place.to_owned(),
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
        format!("{} answered {}{}{message}", self.place, self.status, code.unwrap_or_default())
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

    /// Graph says that a right is missing.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.status == 403)
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
