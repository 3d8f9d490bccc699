//! An answer with a status and a whole body.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

use super::{HttpError, request_id};

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body, unpacked.
    pub body: Vec<u8>,
    pub(super) place: String,
}

impl Reply {
    /// An answer without headers from nowhere, for tests of what reads one.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of(status: StatusCode, body: &[u8]) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.to_vec(), place: "the peer".to_owned() }
    }

    /// A header as text, where it is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where it came from: scheme, host, port and path.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The peer's id of the request, short and printable.
    pub fn request_id(&self) -> Option<String> {
        request_id::of(&self.headers)
    }

    /// ` (request ID)` for the end of a line about this answer; nothing where the peer gave no id.
    pub fn request_suffix(&self) -> String {
        request_id::suffix(&self.headers)
    }

    /// The place with the request's id, for errors of the answer as a whole.
    pub(super) fn named(&self) -> String {
        format!("{}{}", self.place, self.request_suffix())
    }

    /// Parses the body.
    ///
    /// # Errors
    /// [`HttpError::NotJson`], which tells a page of HTML from broken JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| HttpError::NotJson { place: self.named(), what: self.describe(&error) })
    }

    fn describe(&self, error: &serde_json::Error) -> String {
        match self.body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => "an empty body".to_owned(),
            Some(b'<') => "a page of HTML".to_owned(),
            Some(_) => format!("something else ({error})"),
        }
    }
}
