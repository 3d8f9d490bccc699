//! Sends the requests: address, credentials, and what a status means.

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, StatusCode, Url};

use super::auth::{Credentials, Shown};
use super::paging::PageError;
use super::wire::{Announced, ErrorBody, WireError, parse_error, parse_list, parse_service_provider};
use crate::http::{HttpClient, HttpError, Reply};
use crate::model::Problem;
use crate::source::SourceError;

const RENEW: &str = "renew the token (or secret) in [source.scim]; it has expired, was revoked or belongs to another provider";
const GRANT: &str = "give the token's account the right to read users and groups at the identity provider";

/// Talks to one SCIM service provider.
pub(super) struct Client {
    pub(super) http: HttpClient,
    pub(super) base: Url,
    pub(super) credentials: Credentials,
}

/// What a read of one resource says.
pub(super) enum One {
    /// The body of a 200.
    Body(Vec<u8>),
    /// 404 or 410.
    Absent,
    /// No usable answer, in words.
    Failed(String),
}

impl Client {
    /// `base/parts…?query`; every part and value is encoded here and nowhere else.
    fn url(&self, parts: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Any answer but 401 and 403, which are errors: nothing can be read without the right to.
    pub(super) async fn get(&self, parts: &[&str], query: &[(&str, String)]) -> Result<Reply, SourceError> {
        let url = self.url(parts, query);
        let mut shown = self.credentials.show().await?;
        let mut reply = self.read(&url, &shown.header).await?;
        if reply.status == StatusCode::UNAUTHORIZED
            && let Some(newer) = self.credentials.show_another(&shown).await?
        {
            reply = self.read(&url, &newer.header).await?;
            shown = newer;
        }
        match reply.status {
            StatusCode::UNAUTHORIZED => {
                Err(refused("the identity provider refused the token", &reply, &shown, RENEW))
            }
            StatusCode::FORBIDDEN => {
                Err(refused("the identity provider does not let the token read", &reply, &shown, GRANT))
            }
            _ => Ok(reply),
        }
    }

    async fn read(&self, url: &Url, header: &reqwest::header::HeaderValue) -> Result<Reply, HttpError> {
        let build = || {
            let request = self.http.request(Method::GET, url.clone());
            request.header(ACCEPT, "application/scim+json, application/json").header(AUTHORIZATION, header)
        };
        self.http.read(build).await
    }

    /// One page's body.
    pub(super) async fn page(&self, endpoint: &str, query: &[(&str, String)]) -> Result<Vec<u8>, PageError> {
        let reply = match self.get(&[endpoint], query).await {
            Ok(reply) => reply,
            Err(SourceError::Http(error @ HttpError::TooLarge { .. })) => {
                return Err(PageError::TooLarge(error.to_string()));
            }
            Err(error) => return Err(split(error).map_or_else(PageError::Fatal, PageError::Failed)),
        };
        if reply.status.is_success() {
            return Ok(reply.body);
        }
        let said = parse_error(&reply.body);
        let words = status_words(&reply);
        match said.kind.as_deref().unwrap_or_default() {
            "invalidCursor" | "expiredCursor" => Err(PageError::CursorLost),
            "invalidCount" | "tooMany" => Err(PageError::TooMany(words)),
            // Some providers call a count over their cap an invalid value, and only the words say which.
            _ if reply.status == StatusCode::BAD_REQUEST && names_count(&said) => {
                Err(PageError::TooMany(words))
            }
            _ if matches!(reply.status, StatusCode::BAD_REQUEST | StatusCode::NOT_IMPLEMENTED) => {
                Err(PageError::Declined(words))
            }
            _ => Err(PageError::Failed(words)),
        }
    }

    /// One resource by id.
    pub(super) async fn one(&self, endpoint: &str, id: &str) -> Result<One, SourceError> {
        // URL parsers drop these two as steps in the path, which would read the whole list.
        if matches!(id, "." | "..") {
            return Ok(One::Failed(format!("{id:?} cannot be asked for by id")));
        }
        let reply = match self.get(&[endpoint, id], &[]).await {
            Ok(reply) => reply,
            Err(error) => return split(error).map(One::Failed),
        };
        Ok(match reply.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => One::Absent,
            status if status.is_success() => One::Body(reply.body),
            _ => One::Failed(status_words(&reply)),
        })
    }

    /// Whether a list still answers. While a gateway answers 404 for everything, a 404 for somebody says nothing of them.
    pub(super) async fn lists(&self, endpoint: &str) -> Result<bool, SourceError> {
        match self.page(endpoint, &[("count", "2".to_owned())]).await {
            Ok(body) => Ok(parse_list(&body).is_ok()),
            Err(PageError::Fatal(error)) => Err(error),
            Err(
                PageError::CursorLost
                | PageError::TooMany(_)
                | PageError::TooLarge(_)
                | PageError::Declined(_),
            ) => Ok(true),
            Err(PageError::Failed(_)) => Ok(false),
        }
    }

    /// What the provider announces; silence and refusals are not errors, since the page may be missing or closed. `None`
    /// when the answer may be another one a moment later.
    pub(super) async fn announced(&self) -> Option<Announced> {
        match self.get(&["ServiceProviderConfig"], &[]).await {
            Ok(reply) if reply.status.is_success() => Some(parse_service_provider(&reply.body)),
            Ok(reply) => matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED)
                .then(Announced::default),
            Err(error) => {
                tracing::debug!(error = %error, "no service provider configuration");
                None
            }
        }
    }
}

/// Parts what ends the read from what costs one page: words for the latter.
fn split(error: SourceError) -> Result<String, SourceError> {
    match error {
        SourceError::Http(http) => match http {
            HttpError::NotSent { .. }
            | HttpError::Lost { .. }
            | HttpError::Timeout { .. }
            | HttpError::TooLarge { .. }
            | HttpError::Redirect { .. }
            | HttpError::NotJson { .. } => Ok(http.to_string()),
            HttpError::ForeignLink { .. } | HttpError::WaitTooLong { .. } | HttpError::Setup(_) => {
                Err(SourceError::Http(http))
            }
        },
        SourceError::Refused { .. }
        | SourceError::GroupNotFound { .. }
        | SourceError::GroupAmbiguous { .. }
        | SourceError::Protocol(_)
        | SourceError::File { .. } => Err(error),
    }
}

fn refused(what: &str, reply: &Reply, shown: &Shown, cure: &'static str) -> SourceError {
    SourceError::Refused { what: format!("{what} ({})", shown.strike_from(&status_words(reply))), cure }
}

/// `503 Service Unavailable: try later`, by the status and what the body adds.
fn status_words(reply: &Reply) -> String {
    let reason = reply.status.canonical_reason().unwrap_or_default();
    let head = format!("{} {reason}", reply.status.as_u16());
    let head = head.trim();
    let request = reply.request_suffix();
    let html = reply.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    match parse_error(&reply.body).detail {
        Some(detail) => format!("{head}: {detail}{request}"),
        None if html => format!("{head}, with a page of HTML instead of JSON{request}"),
        None => format!("{head}{request}"),
    }
}

/// True when an error is about how many entries were asked for.
fn names_count(said: &ErrorBody) -> bool {
    let words = said.detail.as_deref().unwrap_or_default().to_lowercase();
    let mut words = words.split(|c: char| !c.is_alphanumeric());
    words.any(|word| matches!(word, "count" | "pagesize" | "itemsperpage" | "maxresults" | "limit"))
}

/// The page's problem when its body is not a list.
pub(super) fn unreadable(error: &WireError) -> PageError {
    PageError::Failed(format!("answered with {error}"))
}

/// A resource that could not be had, by name.
pub(super) fn unread(endpoint: &str, name: &str, reason: &str) -> Problem {
    Problem(format!("{endpoint}: {name}: {reason}"))
}
