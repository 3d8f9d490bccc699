//! Sends the requests: address, credentials, and what a status means.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Method, StatusCode, Url};

use super::auth::{Credentials, Shown};
use super::paging::PageError;
use super::wire::{Announced, ErrorBody, WireError, parse_error, parse_list, parse_service_provider};
use crate::http::path::below;
use crate::http::{HttpClient, HttpError, Reply};
use crate::model::Problem;
use crate::source::SourceError;

const RENEW: &str = "renew the token (or secret) in [source.scim]; it has expired, was revoked or belongs to another provider";
const GRANT: &str = "give the token's account the right to read users and groups at the identity provider";

/// Whether the provider takes a `count`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Counts {
    /// It was not asked yet.
    #[default]
    Unknown,
    /// It answered a request that had one.
    Taken,
    /// It failed over one and answers without: pages have the size that it likes.
    Refused,
}

/// Talks to one SCIM service provider.
pub(super) struct Client {
    pub(super) counts: Mutex<Counts>,
    /// Endpoints whose `totalResults` was seen to count the list.
    pub(super) counted: Mutex<BTreeSet<&'static str>>,
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
    /// `base/parts…?query`.
    fn url(&self, parts: &[&str], query: &[(&str, String)]) -> Result<Url, HttpError> {
        let mut url = below(&self.base, parts)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// Any answer but 401 and 403, which are errors: nothing can be read without the right to.
    pub(super) async fn get(&self, parts: &[&str], query: &[(&str, String)]) -> Result<Reply, SourceError> {
        let (reply, shown) = self.ask(parts, query).await?;
        match refusal(&reply, &shown) {
            Some(error) => Err(error),
            None => Ok(reply),
        }
    }

    /// Any answer, a 401 only after newer credentials were tried, and what was shown for it.
    async fn ask(&self, parts: &[&str], query: &[(&str, String)]) -> Result<(Reply, Shown), SourceError> {
        let url = self.url(parts, query)?;
        let mut shown = self.credentials.show().await?;
        let mut reply = self.read(&url, &shown.header).await?;
        if reply.status == StatusCode::UNAUTHORIZED
            && let Some(newer) = self.credentials.show_another(&shown).await?
        {
            reply = self.read(&url, &newer.header).await?;
            shown = newer;
        }
        Ok((reply, shown))
    }

    async fn read(&self, url: &Url, header: &reqwest::header::HeaderValue) -> Result<Reply, HttpError> {
        let build = || {
            let request = self.http.request(Method::GET, url.clone());
            request.header(ACCEPT, "application/scim+json, application/json").header(AUTHORIZATION, header)
        };
        self.http.read(build).await
    }

    /// One page's body. A provider that fails over `count` is asked once without it.
    pub(super) async fn page(&self, endpoint: &str, query: &[(&str, String)]) -> Result<Vec<u8>, PageError> {
        let counts = || self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let uncounted: Vec<_> = query.iter().filter(|(name, _)| *name != "count").cloned().collect();
        let before = *counts();
        if before == Counts::Refused {
            return self.page_of(endpoint, &uncounted).await;
        }
        match self.page_of(endpoint, query).await {
            Ok(body) => {
                *counts() = Counts::Taken;
                Ok(body)
            }
            Err(PageError::Failed(_)) if before == Counts::Unknown && uncounted.len() < query.len() => {
                let answer = self.page_of(endpoint, &uncounted).await;
                if answer.is_ok() {
                    tracing::info!(
                        endpoint,
                        "the provider fails over the parameter count and is asked without it"
                    );
                    *counts() = Counts::Refused;
                }
                answer
            }
            Err(error) => Err(error),
        }
    }

    async fn page_of(&self, endpoint: &str, query: &[(&str, String)]) -> Result<Vec<u8>, PageError> {
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
            _ if matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::GONE) => {
                Err(PageError::Absent(words))
            }
            _ => Err(PageError::Failed(words)),
        }
    }

    /// One resource by id. What the provider keeps to itself is that resource's failure, not everybody's.
    pub(super) async fn one(
        &self,
        endpoint: &str,
        id: &str,
        query: &[(&str, String)],
    ) -> Result<One, SourceError> {
        let (reply, shown) = match self.ask(&[endpoint, id], query).await {
            Ok(answer) => answer,
            Err(error) => return split(error).map(One::Failed),
        };
        if let Some(error) = refusal(&reply, &shown) {
            // Some servers answer 401 where they mean 403; a token that is no good opens no list either.
            if reply.status == StatusCode::FORBIDDEN || self.lists(endpoint).await? {
                return Ok(One::Failed(shown.strike_from(&status_words(&reply))));
            }
            return Err(error);
        }
        Ok(match reply.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => One::Absent,
            status if status.is_success() => One::Body(reply.body),
            _ => One::Failed(status_words(&reply)),
        })
    }

    pub(super) fn counts_list(&self, endpoint: &str) -> bool {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).contains(endpoint)
    }

    pub(super) fn saw_list_counted(&self, endpoint: &'static str) {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint);
    }

    /// Another version of the provider may count otherwise.
    pub(super) fn forget_counts(&self) {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = Counts::Unknown;
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
            Err(PageError::Absent(_) | PageError::Failed(_)) => Ok(false),
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
            | HttpError::NotJson { .. }
            | HttpError::BadId { .. } => Ok(http.to_string()),
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

/// The error of an answer that says our credentials are not enough.
fn refusal(reply: &Reply, shown: &Shown) -> Option<SourceError> {
    match reply.status {
        StatusCode::UNAUTHORIZED => {
            Some(refused("the identity provider refused the token", reply, shown, RENEW))
        }
        StatusCode::FORBIDDEN => {
            Some(refused("the identity provider does not let the token read", reply, shown, GRANT))
        }
        _ => None,
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
