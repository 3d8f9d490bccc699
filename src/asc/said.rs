//! One line about a failed request, with the id that Apple's support asks for.

use std::fmt;
use std::ops::Deref;

/// The line, which names the request where the answer did, and that id for the audit's own field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    text: String,
    request_id: Option<String>,
}

impl Said {
    /// A line about the answer to this request.
    pub(super) fn of_request(text: String, request_id: Option<String>) -> Self {
        let text = match &request_id {
            Some(id) => format!("{text} (request {id})"),
            None => text,
        };
        Self { text, request_id }
    }

    /// Apple's id of the request, where its answer had one.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, request_id: None }
    }
}

impl From<&str> for Said {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Deref for Said {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
