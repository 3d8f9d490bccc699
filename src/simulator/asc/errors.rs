//! Apple's error bodies. Codes are hierarchical and only their beginning is to be relied on (Apple, "Parsing the Error
//! Response Code"); where Apple's own code is not known, the nearest known parent is used.

use serde_json::{Value, json};

use crate::simulator::message::Reply;

/// What an error is about.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Nothing,
    Pointer(String),
    Parameter(String),
}

/// One entry of `errors`.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Problem {
    status: u16,
    code: &'static str,
    title: &'static str,
    detail: String,
    source: Source,
}

/// A refusal: at least one problem; the first gives the HTTP status.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Refused(pub(super) Vec<Problem>);

/// What an endpoint answers.
pub(super) type Answer = Result<Reply, Refused>;

impl Problem {
    pub(super) fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, code, title, detail: detail.into(), source: Source::Nothing }
    }

    fn value(&self, number: usize) -> Value {
        let id = crate::simulator::ids::uuid(0xe44, number as u64);
        let mut error = json!({
            "id": id, "status": self.status.to_string(), "code": self.code, "title": self.title, "detail": self.detail,
        });
        match &self.source {
            Source::Nothing => {}
            Source::Pointer(pointer) => error["source"] = json!({"pointer": pointer}),
            Source::Parameter(name) => error["source"] = json!({"parameter": name}),
        }
        error
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl Refused {
    /// The answer.
    pub(in crate::simulator) fn into_reply(self) -> Reply {
        let status = self.0.first().map_or(500, |problem| problem.status);
        let errors: Vec<Value> = self.0.iter().enumerate().map(|(at, problem)| problem.value(at)).collect();
        Reply::json(status, json!({"errors": errors}))
    }
}

/// The usual body of a status, for faults.
pub(in crate::simulator) fn plain(status: u16) -> Refused {
    match status {
        401 => unauthorized(),
        403 => forbidden("The API key in use does not allow this request"),
        404 => missing("users", "unknown"),
        429 => rate_limited(),
        409 => conflict("ENTITY_ERROR", "A queued fault broke a rule.", "/data"),
        500..=599 => Problem::new(
            status,
            "UNEXPECTED_ERROR",
            "An unexpected error occurred.",
            "An unexpected error occurred on the server side.",
        )
        .into(),
        other => Problem::new(other, "ERROR", "The request failed.", "A fault was queued.").into(),
    }
}

pub(super) fn unauthorized() -> Refused {
    Problem::new(
        401,
        "NOT_AUTHORIZED",
        "Authentication credentials are missing or invalid.",
        "Provide a properly configured and signed bearer token, and make sure that it has not expired.",
    )
    .into()
}

pub(super) fn forbidden(detail: &str) -> Refused {
    Problem::new(403, "FORBIDDEN_ERROR", "This request is forbidden for security reasons", detail).into()
}

pub(super) fn role_not_allowed() -> Refused {
    Problem::new(
        403,
        "FORBIDDEN_ERROR.ROLES_NOT_ALLOWED",
        "This request is forbidden for security reasons",
        "The API key in use does not allow this request",
    )
    .into()
}

pub(super) fn agreement() -> Refused {
    Problem::new(
        403,
        "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED",
        "A required agreement is missing or has expired.",
        "This request requires an in-effect agreement that has not been signed or has expired.",
    )
    .into()
}

pub(super) fn rate_limited() -> Refused {
    Problem::new(
        429,
        "RATE_LIMIT_EXCEEDED",
        "The request rate limit has been reached.",
        "We've received too many requests for this API. Please wait and try again or slow down your request rate.",
    )
    .into()
}

pub(super) fn missing(kind: &str, id: &str) -> Refused {
    Problem::new(
        404,
        "NOT_FOUND",
        "The specified resource does not exist",
        format!("There is no resource of type '{kind}' with id '{id}'"),
    )
    .into()
}

pub(super) fn unknown_path() -> Refused {
    Problem::new(
        404,
        "NOT_FOUND",
        "The specified resource does not exist",
        "The path provided does not match a defined resource type.",
    )
    .into()
}

pub(super) fn gone(id: &str) -> Refused {
    Problem::new(
        410,
        "NOT_FOUND",
        "The resource is gone",
        format!("The resource of type 'userInvitations' with id '{id}' no longer exists"),
    )
    .into()
}

pub(super) fn parameter(code: &'static str, name: &str, detail: impl Into<String>) -> Refused {
    let mut problem = Problem::new(400, code, "A parameter has an invalid value", detail);
    problem.source = Source::Parameter(name.into());
    problem.into()
}

/// A 409 with a pointer into the request.
pub(super) fn entity(code: &'static str, detail: impl Into<String>, pointer: &str) -> Problem {
    let mut problem = Problem::new(409, code, "There is a problem with the request entity", detail);
    problem.source = Source::Pointer(pointer.into());
    problem
}

pub(super) fn conflict(code: &'static str, detail: impl Into<String>, pointer: &str) -> Refused {
    entity(code, detail, pointer).into()
}
