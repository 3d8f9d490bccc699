//! A request as the simulated services see it, and their answer.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::faults::Peer;

/// More than any request of these services needs.
const BODY_LIMIT: usize = 1 << 20;

/// A request, read whole.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Which service it is for.
    pub(super) peer: Peer,
    /// `GET`.
    pub(super) method: String,
    /// As sent, without the query.
    pub(super) path: String,
    /// Decoded pairs in the order they came.
    pub(super) query: Vec<(String, String)>,
    /// As they came.
    pub(super) headers: HeaderMap,
    /// Empty when there was none.
    pub(super) body: Bytes,
}

impl Call {
    /// Reads a request; `None` when its body is too large or broken off.
    pub(super) async fn read(request: Request) -> Option<Self> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_LIMIT).await.ok()?;
        let path = parts.uri.path().to_owned();
        Some(Self {
            peer: Peer::of(&path),
            method: parts.method.as_str().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default()),
            path,
            headers: parts.headers,
            body,
        })
    }

    /// The same of a request that never was on a wire.
    pub(super) fn of(request: &reqwest::Request) -> Self {
        let (url, body) = (request.url(), request.body().and_then(reqwest::Body::as_bytes));
        Self {
            peer: Peer::of(url.path()),
            method: request.method().as_str().to_owned(),
            query: pairs(url.query().unwrap_or_default()),
            path: url.path().to_owned(),
            headers: request.headers().clone(),
            body: Bytes::copy_from_slice(body.unwrap_or_default()),
        }
    }

    /// The decoded segments of the path after a prefix.
    pub(super) fn segments(&self, prefix: &str) -> Vec<String> {
        let rest = self.path.strip_prefix(prefix).unwrap_or(&self.path);
        rest.split('/').filter(|segment| !segment.is_empty()).map(decode).collect()
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What follows a scheme such as `Bearer` in the `Authorization` header.
    pub(super) fn credentials(&self, scheme: &str) -> Option<&str> {
        let (own, rest) = self.header("authorization")?.split_once(' ')?;
        own.eq_ignore_ascii_case(scheme).then(|| rest.trim())
    }
}

/// Decodes `a=b&c=d`.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    match reqwest::Url::parse(&format!("http://localhost/?{query}")) {
        Ok(url) => url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
        Err(_) => Vec::new(),
    }
}

/// Percent-encodes a value for a query.
pub(super) fn encode(text: &str) -> String {
    let mut url = reqwest::Url::parse("http://localhost/").expect("a fixed address parses");
    url.query_pairs_mut().append_pair("v", text);
    url.query().unwrap_or_default().trim_start_matches("v=").to_owned()
}

fn decode(segment: &str) -> String {
    // In a path a plus sign is a plus sign; only the query decoder reads it as a blank.
    let pair = pairs(&format!("v={}", segment.replace('+', "%2B")));
    pair.into_iter().next().map(|(_, value)| value).unwrap_or_default()
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// No body.
    Empty,
    /// JSON under this content type.
    Json(&'static str, Value),
    /// Anything else.
    Text(&'static str, String),
    /// Promises this text whole and sends half of it.
    Truncated(&'static str, String),
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// HTTP status.
    pub(super) status: u16,
    /// Besides those that follow from the body.
    pub(super) headers: Vec<(&'static str, String)>,
    /// Headers of names that somebody chose; they replace what follows from the body.
    pub(super) others: Vec<(String, String)>,
    /// The body.
    pub(super) content: Content,
}

impl Reply {
    /// An answer of JSON as `application/json`.
    pub(super) fn json(status: u16, value: Value) -> Self {
        Self { content: Content::Json("application/json", value), ..Self::empty(status) }
    }

    /// An answer without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), others: Vec::new(), content: Content::Empty }
    }

    /// An answer of text.
    pub(super) fn text(status: u16, kind: &'static str, text: &str) -> Self {
        Self { content: Content::Text(kind, text.to_owned()), ..Self::empty(status) }
    }

    /// Adds a header.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Turns into what the server sends.
    pub(super) fn into_response(self) -> Response<Body> {
        let body = match &self.content {
            Content::Empty => Body::empty(),
            Content::Json(_, value) => Body::from(value.to_string()),
            Content::Text(_, text) => Body::from(text.clone()),
            Content::Truncated(_, text) => half(text),
        };
        let mut response = self.framed(body);
        if let Content::Truncated(_, text) = &self.content {
            response.headers_mut().insert("content-length", HeaderValue::from(text.len()));
        }
        response
    }

    /// The same at once; `None` where it would break off half-way.
    pub(super) fn into_whole(self) -> Option<Response<Vec<u8>>> {
        let body = match &self.content {
            Content::Empty => Vec::new(),
            Content::Json(_, value) => value.to_string().into_bytes(),
            Content::Text(_, text) => text.clone().into_bytes(),
            Content::Truncated(..) => return None,
        };
        Some(self.framed(body))
    }

    /// Status and headers around a body.
    fn framed<B>(&self, body: B) -> Response<B> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        match self.content {
            Content::Empty => {}
            Content::Json(kind, _) | Content::Text(kind, _) | Content::Truncated(kind, _) => {
                headers.insert("content-type", HeaderValue::from_static(kind));
            }
        }
        for (name, value) in &self.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        for (name, value) in &self.others {
            let name = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// The first half of a text, and then the connection breaks.
fn half(text: &str) -> Body {
    let bytes = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    let parts = futures_util::stream::unfold(Some(bytes), |left| async move {
        match left {
            Some(bytes) => Some((Ok(bytes), None)),
            None => {
                // The pause lets the first half leave before the error closes the connection.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                Some((Err(std::io::Error::other("cut off by a queued fault")), None))
            }
        }
    });
    Body::from_stream(parts)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, pairs};

    #[test]
    fn addresses_survive_the_query_and_the_path() {
        let coded = encode("ada+test@example.com");
        assert_eq!(coded, "ada%2Btest%40example.com");
        assert_eq!(
            pairs(&format!("filter%5Bemail%5D={coded}")),
            [("filter[email]".to_owned(), "ada+test@example.com".to_owned())]
        );
        assert_eq!(decode("ada+test%40example.com"), "ada+test@example.com");
    }
}
