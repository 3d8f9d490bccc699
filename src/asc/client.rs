//! One request to App Store Connect: a permit, a token, the answer's cause. `read` and `write` are made of these.
//!
//! What is tried again here, and why that is safe: a 429 after its pause (it had no effect, so this goes for writes too),
//! and for reads a 401 once with a fresh token (Apple answers some valid tokens so) and whatever may pass: no connection,
//! a lost answer, a 5xx. A write whose answer was lost is never repeated, and one that is refused ends the writing: the
//! reads before it have shown that the token was good.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::{Method, StatusCode, Url};
use secrecy::ExposeSecret;

use super::apps::KnownApps;
use super::errors::{Answer, ApiError, Spend, parse_errors, without_answer};
use super::look::Looks;
use super::rate::Budget;
use super::seat_apps::SeatApps;
use super::standing::{KeyStanding, Standing};
use super::token::{KeyKind, Scope, SigningKey, TokenSource};
use super::wire::WireError;
use super::{AscError, Said};
use crate::clock::Clock;
use crate::http::path::below;
use crate::http::{HttpClient, HttpError, HttpOptions, LONGEST_WAIT, Peer, Reply, retry_after};
use crate::metrics::{Metrics, RetryReason};

/// Tries of one request beside the one more that a 401 gets.
const TRIES: usize = 3;

/// Whether a client will ever write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Dry runs: the lists are read with tokens that Apple would refuse for anything else, as long as Apple takes them.
    ReadOnly,
    /// Reads and writes with one token, as Apple advises.
    Full,
}

/// How to reach App Store Connect.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Scheme, host and port; `https://api.appstoreconnect.apple.com` but for tests and proxies.
    pub origin: Url,
    /// Signs the tokens.
    pub key: SigningKey,
    /// Dry run or not.
    pub reach: Reach,
    /// Time-outs and bounds.
    pub http: HttpOptions,
}

/// The App Store Connect API for users and invitations.
pub struct AscClient {
    pub(super) http: HttpClient,
    origin: Url,
    tokens: TokenSource,
    budget: Budget,
    metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    first_pause: Duration,
    /// Lists are read with scoped tokens.
    scoped: AtomicBool,
    pub(super) standing: Standing,
    pub(super) known_apps: KnownApps,
    pub(super) seat_apps: SeatApps,
    pub(super) looks: Looks,
}

impl fmt::Debug for AscClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AscClient")
            .field("origin", &self.origin.as_str())
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// What a request is, without what only one try of it has.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Vec<u8>>,
    /// `POST /v1/userInvitations`: how errors name it.
    pub(super) endpoint: String,
    /// What a read-only token for it says; `None` where the address has an id in it.
    pub(super) scope: Option<String>,
}

impl Call {
    /// A success whose body is not what it should be.
    pub(super) fn misread(&self, reply: &Reply, error: &WireError) -> Said {
        Said::of_request(format!("{}: answered with {error}", self.endpoint), reply.request_id())
    }

    fn spend(&self) -> Spend {
        if self.method == Method::GET { Spend::Read } else { Spend::Write }
    }
}

/// What a `Call` did so far.
struct Progress {
    pauses: ExponentialBackoff,
    /// A 401 was answered with a fresh token.
    refreshed: bool,
}

/// What to do with an answer.
enum Next {
    Done(Reply),
    Fail(AscError),
    /// For this reason, after this pause.
    Again(RetryReason, Duration),
}

impl AscClient {
    /// A client for one team. The budget is shared with whoever else uses this key in this process and survives restarts.
    ///
    /// # Errors
    /// [`AscError::NotSent`] when the origin or the certificates cannot be used.
    pub fn new(
        settings: Settings,
        metrics: Arc<Metrics>,
        clock: Clock,
        budget: Budget,
    ) -> Result<Self, AscError> {
        let Settings { origin, key, reach, http: options } = settings;
        let peer = Peer::AppStoreConnect;
        let http = HttpClient::new(peer, &origin, &options, Arc::clone(&metrics), clock.clone())
            .map_err(|error| AscError::NotSent { text: error.to_string().into() })?;
        Ok(Self {
            http,
            origin,
            tokens: TokenSource::new(key, clock.clone()),
            budget,
            metrics,
            clock,
            first_pause: options.first_pause,
            scoped: AtomicBool::new(reach == Reach::ReadOnly),
            standing: Standing::default(),
            known_apps: KnownApps::default(),
            seat_apps: SeatApps::default(),
            looks: Looks::default(),
        })
    }

    /// Signs with another key from the next request on.
    pub fn swap_key(&self, key: SigningKey) {
        self.standing.forget();
        self.tokens.swap(key);
    }

    /// The id of the key in use, once it has written with success.
    pub fn proved_key(&self) -> Option<String> {
        (self.standing.get() == KeyStanding::Writes).then(|| self.tokens.key_id())
    }

    /// The key of this id has written with success before; another one in use has not.
    pub fn recall_proved(&self, key_id: &str) {
        if self.tokens.key_id() == key_id {
            self.standing.wrote_before();
        }
    }

    /// The hour's budget.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Our clock minus Apple's in seconds, as the latest answer told it.
    pub fn skew_seconds(&self) -> Option<i64> {
        self.http.skew_seconds()
    }

    /// Team or individual, as configured.
    pub fn key_kind(&self) -> KeyKind {
        self.tokens.kind()
    }

    /// The address of a path with these parameters.
    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.origin.clone();
        url.set_path(path);
        url.set_query(None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The address of one resource below a path; the id is Apple's, and still never read as anything but one segment.
    ///
    /// # Errors
    /// [`AscError::Invalid`] for an id that no path can hold.
    pub(super) fn resource(&self, list: &str, id: &str, tail: Option<&str>) -> Result<Url, AscError> {
        let segments: Vec<&str> = [id].into_iter().chain(tail).collect();
        below(&self.url(list, &[]), &segments).map_err(|error| without_answer(list, &error, Spend::Read))
    }

    /// Sends a request until it has an answer that says something.
    pub(super) async fn call(&self, call: &Call) -> Result<Reply, AscError> {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(self.first_pause)
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(TRIES - 1)
            .with_jitter()
            .build();
        let mut progress = Progress { pauses, refreshed: false };
        loop {
            let scope = self.scope_of(call);
            let result = self.once(call, &scope).await?;
            match self.judge(call, &scope, result, &mut progress) {
                Next::Done(reply) => return Ok(reply),
                Next::Fail(error) => return Err(error),
                Next::Again(reason, pause) => {
                    self.metrics.http_retry(Peer::AppStoreConnect, reason);
                    tracing::debug!(endpoint = call.endpoint, reason = reason.as_str(), "trying again");
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// One try; the outer error is the budget's or the key's.
    async fn once(&self, call: &Call, scope: &Scope) -> Result<Result<Reply, HttpError>, AscError> {
        let waited = self.budget.acquire(call.spend()).await?;
        self.metrics.rate_limit_waited(waited);
        // After the wait, so that a token never ages in a queue.
        let token = self.tokens.token(scope, self.http.skew_seconds()).map_err(|error| {
            AscError::NotSent { text: format!("{}: no token: {error}", call.endpoint).into() }
        })?;
        let mut request = self
            .http
            .request(call.method.clone(), call.url.clone())
            .bearer_auth(token.expose_secret())
            .header(reqwest::header::ACCEPT, "application/json");
        if let Some(body) = &call.body {
            // Apple answers 415 to any other type, JSON:API's own included.
            request = request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        let result = self.http.send(request).await;
        if let Ok(reply) = &result {
            self.learn(reply);
        }
        Ok(result)
    }

    fn learn(&self, reply: &Reply) {
        if let Some(left) = self.budget.learn(&reply.headers) {
            self.metrics.rate_limit_remaining(i64::try_from(left).unwrap_or(i64::MAX));
        }
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            self.budget.refused(retry_after(&reply.headers, self.clock.now()));
        } else {
            self.budget.accepted();
        }
    }

    /// The whole table of what is tried again.
    fn judge(
        &self,
        call: &Call,
        scope: &Scope,
        result: Result<Reply, HttpError>,
        progress: &mut Progress,
    ) -> Next {
        let spend = call.spend();
        let reply = match result {
            Ok(reply) if reply.status.is_success() => return Next::Done(reply),
            Ok(reply) => reply,
            Err(error) => {
                let is_passing = matches!(
                    error,
                    HttpError::NotSent { .. } | HttpError::Lost { .. } | HttpError::Timeout { .. }
                );
                return match progress.pauses.next() {
                    Some(pause) if is_passing && spend == Spend::Read => {
                        Next::Again(RetryReason::Lost, pause)
                    }
                    Some(_) | None => Next::Fail(without_answer(&call.endpoint, &error, spend)),
                };
            }
        };
        let asked = retry_after(&reply.headers, self.clock.now());
        told(call, &reply);
        let error = Answer {
            endpoint: &call.endpoint,
            status: reply.status.as_u16(),
            body: &reply.body,
            retry_after: asked,
            request_id: reply.request_id(),
            skew: self.http.skew_seconds(),
            spend,
        }
        .error();
        match reply.status.as_u16() {
            401 if !progress.refreshed && spend == Spend::Read => {
                progress.refreshed = true;
                self.tokens.forget();
                self.unscope(scope);
                Next::Again(RetryReason::TokenRefused, Duration::ZERO)
            }
            // A scope that Apple matches otherwise than we think is refused too; without it the key's own rights speak.
            403 if self.unscope(scope) => Next::Again(RetryReason::ScopeRefused, Duration::ZERO),
            429 => match progress.pauses.next() {
                // The budget's pause, which everybody keeps, is the wait.
                Some(_) if asked.is_none_or(|asked| asked <= LONGEST_WAIT) => {
                    Next::Again(RetryReason::RateLimited, Duration::ZERO)
                }
                Some(_) | None => Next::Fail(error),
            },
            500 | 502 | 503 | 504 if spend == Spend::Read => match progress.pauses.next() {
                Some(_) if let Some(asked) = asked.filter(|asked| *asked > LONGEST_WAIT) => {
                    Next::Fail(AscError::RateLimited {
                        retry_after: Some(asked.as_secs()),
                        text: Said::of_request(error.to_string(), None),
                    })
                }
                Some(pause) => Next::Again(RetryReason::ServerFailed, asked.unwrap_or(pause).max(pause / 2)),
                None => Next::Fail(error),
            },
            _ => Next::Fail(error),
        }
    }

    fn scope_of(&self, call: &Call) -> Scope {
        match &call.scope {
            Some(entry) if self.scoped.load(Ordering::Relaxed) => Scope::ReadOnly(vec![entry.clone()]),
            Some(_) | None => Scope::Full,
        }
    }

    /// Gives up scoped tokens for the life of this client; true when this request had one.
    fn unscope(&self, scope: &Scope) -> bool {
        match scope {
            Scope::ReadOnly(_) => {
                if self.scoped.swap(false, Ordering::Relaxed) {
                    tracing::debug!("a token limited to reading was refused, going on without the limit");
                }
                true
            }
            Scope::Full => false,
        }
    }
}

/// What Apple's support asks for, of every refused try, those included that are made again; all of its words where
/// everything is asked for.
fn told(call: &Call, reply: &Reply) {
    let (endpoint, status) = (call.endpoint.as_str(), reply.status.as_u16());
    let request_id = reply.request_id().unwrap_or_default();
    let errors = parse_errors(&reply.body);
    let first = errors.first();
    tracing::debug!(
        endpoint,
        status,
        request_id,
        code = first.map_or("", |error| error.code.as_str()),
        source = first.map_or("", |error| error.source.as_str()),
        error_id = first.map_or("", |error| error.id.as_str()),
        "App Store Connect did not do what it was asked"
    );
    for (number, error) in (1..).zip(&errors) {
        let ApiError { code, title, detail, id, source } = error;
        tracing::trace!(
            endpoint,
            request_id,
            number,
            code,
            title,
            detail,
            source,
            error_id = id,
            "one of its errors"
        );
    }
}

#[cfg(test)]
mod tests;
