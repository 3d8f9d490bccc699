//! One HTTP client for every peer: bounds, retries of idempotent reads, link checks, redaction.
//!
//! Writes go through [`HttpClient::send`], which tries once; only [`HttpClient::read`] tries again. What a status means is
//! the caller's to say, so any answer with a status is `Ok`, but for redirects: following one could carry a token elsewhere.

mod hints;
pub(crate) mod list;
pub mod path;
mod reply;
mod request_id;

pub use reply::Reply;
pub(crate) use request_id::suffix as request_suffix;

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Url};

use crate::clock::Clock;
use crate::metrics::{Metrics, RequestEnd, RetryReason};

/// One request, from its sending to the last byte of its answer.
pub const LONGEST_REQUEST: Duration = Duration::from_secs(60);
/// A longer wait than this ends the cycle instead of being slept through.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Tries of an idempotent read.
const TRIES: usize = 3;
/// A system's whole bundle of certificates is about 250 KB.
const LARGEST_BUNDLE: u64 = 16 << 20;
/// `skew` when no answer carried a date yet.
const NO_SKEW: i64 = i64::MIN;

/// Whom a client talks to; the label of its metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Apple.
    AppStoreConnect,
    /// The identity provider.
    Directory,
    /// The identity provider's token endpoint.
    Token,
    /// A webhook.
    Notice,
}

impl Peer {
    /// Every peer.
    pub const ALL: [Self; 4] = [Self::AppStoreConnect, Self::Directory, Self::Token, Self::Notice];

    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AppStoreConnect => "app_store_connect",
            Self::Directory => "directory",
            Self::Token => "token",
            Self::Notice => "notice",
        }
    }
}

/// Bounds of a client.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// For a whole request, its body included.
    pub timeout: Duration,
    /// Bytes of one answer, unpacked.
    pub max_body: usize,
    /// Shortest pause before a second try; doubles, with jitter.
    pub first_pause: Duration,
    /// The way there.
    pub transport: Transport,
}

/// How requests travel.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Over the network.
    Network,
    /// Straight into a simulator of this process, in whatever time its runtime keeps.
    #[cfg(feature = "simulator")]
    Simulated(crate::simulator::Line),
}

impl HttpOptions {
    /// 60 s, 32 MiB, the system's certificates.
    pub fn standard() -> Self {
        Self {
            ca_file: None,
            timeout: LONGEST_REQUEST,
            max_body: 32 << 20,
            first_pause: Duration::from_millis(400),
            transport: Transport::Network,
        }
    }
}

/// Why there is no usable answer. One line each, without secrets, queries or user info.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or its TLS failed: the request had no effect.
    #[error("cannot connect to {place}: {cause}")]
    NotSent {
        /// Scheme, host, port and path.
        place: String,
        /// The innermost reason.
        cause: String,
    },
    /// The connection broke after the request was (perhaps partly) sent.
    #[error("no complete answer from {place}: {cause}")]
    Lost {
        /// Scheme, host, port and path.
        place: String,
        /// The innermost reason.
        cause: String,
    },
    /// No answer within the limit.
    #[error("no answer from {place} within {seconds} s")]
    Timeout {
        /// Scheme, host, port and path.
        place: String,
        /// The limit.
        seconds: u64,
    },
    /// The body is larger than we read.
    #[error("the answer of {place} is larger than {limit} bytes")]
    TooLarge {
        /// Scheme, host, port and path.
        place: String,
        /// The limit.
        limit: usize,
    },
    /// A 30x.
    #[error("{place} answered with a redirect to {target}, which is not followed")]
    Redirect {
        /// Scheme, host, port and path.
        place: String,
        /// Host of the target.
        target: String,
    },
    /// A pagination or delta link that leaves the configured origin.
    #[error("a link in an answer leads away from {origin} to {target}; it was not followed")]
    ForeignLink {
        /// The configured origin.
        origin: String,
        /// Scheme, host and port of the link.
        target: String,
    },
    /// Not the JSON that was asked for.
    #[error("{place} answered with {what} instead of the JSON asked for")]
    NotJson {
        /// Scheme, host, port and path.
        place: String,
        /// `a page of HTML`, or the parser's words.
        what: String,
    },
    /// The peer asks for a longer wait than a cycle may take.
    #[error("{place} asks to wait {seconds} s, longer than a cycle waits")]
    WaitTooLong {
        /// Scheme, host, port and path.
        place: String,
        /// What it asks.
        seconds: u64,
    },
    /// An id that no path can hold.
    #[error("nothing can be asked for by the id {id:?}")]
    BadId {
        /// Which.
        id: String,
    },
    /// The client cannot be built, or a URL cannot be used.
    #[error("{0}")]
    Setup(String),
}

impl HttpError {
    /// True when the request may have had an effect.
    pub fn was_sent(&self) -> bool {
        match self {
            Self::NotSent { .. } | Self::ForeignLink { .. } | Self::BadId { .. } | Self::Setup(_) => false,
            Self::Lost { .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::Redirect { .. }
            | Self::NotJson { .. }
            | Self::WaitTooLong { .. } => true,
        }
    }

    /// True when the same read may succeed a moment later.
    fn is_passing(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::Lost { .. } | Self::Timeout { .. })
    }
}

/// A client for one peer at one origin.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: reqwest::Client,
    peer: Peer,
    origin: Url,
    options: HttpOptions,
    metrics: Arc<Metrics>,
    clock: Clock,
    skew: Arc<AtomicI64>,
}

impl HttpClient {
    /// A client whose links must keep `origin`'s scheme, host and port.
    ///
    /// # Errors
    /// [`HttpError::Setup`]: `http://` to another host than this machine, user info in the URL, no certificates.
    pub fn new(
        peer: Peer,
        origin: &Url,
        options: &HttpOptions,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, HttpError> {
        check_origin(origin)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("rosterd/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(Duration::from_secs(10).min(options.timeout))
            .timeout(options.timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .tls_version_min(reqwest::tls::Version::TLS_1_2);
        if is_loopback(origin) {
            builder = builder.no_proxy();
        }
        if let Some(path) = &options.ca_file {
            builder = builder.tls_certs_merge(read_certificates(path)?);
        } else if origin.scheme() == "http" {
            // Loopback needs no trust store, and building one fails on machines without ca-certificates.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let inner = builder.build().map_err(|error| HttpError::Setup(innermost(&error)))?;
        Ok(Self {
            inner,
            peer,
            origin: origin.clone(),
            options: options.clone(),
            metrics,
            clock,
            skew: Arc::new(AtomicI64::new(NO_SKEW)),
        })
    }

    /// Starts a request. The URL is the caller's; links from answers come through [`Self::link`].
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.inner.request(method, url)
    }

    /// Our clock minus the peer's `Date`, in seconds, as the latest answer had it.
    pub fn skew_seconds(&self) -> Option<i64> {
        let skew = self.skew.load(Ordering::Relaxed);
        (skew != NO_SKEW).then_some(skew)
    }

    /// One try.
    ///
    /// # Errors
    /// Whatever leaves no answer with a status and a whole body, and redirects.
    pub async fn send(&self, request: RequestBuilder) -> Result<Reply, HttpError> {
        let request = request.build().map_err(|error| HttpError::Setup(innermost(&error)))?;
        let method = request.method().clone();
        let place = place_of(request.url());
        let started = Instant::now();
        // On the heap: reads nest deep, and each level would carry the whole of this one.
        let result = Box::pin(self.exchange(request, place)).await;
        let end = match &result {
            Ok(reply) => RequestEnd::Answered(reply.status.as_u16()),
            Err(HttpError::Redirect { .. }) => RequestEnd::Redirected,
            Err(_) => RequestEnd::Unanswered,
        };
        self.metrics.http_request(self.peer, method.as_str(), end, started.elapsed());
        result
    }

    /// Up to three tries of an idempotent read; the last answer is returned whatever its status.
    ///
    /// # Errors
    /// As [`Self::send`], and [`HttpError::WaitTooLong`].
    pub async fn read(&self, build: impl Fn() -> RequestBuilder) -> Result<Reply, HttpError> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(self.options.first_pause)
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(TRIES - 1)
            .with_jitter()
            .build();
        loop {
            let result = self.send(build()).await;
            let Some(reason) = retry_reason(&result) else { return result };
            let Some(pause) = pauses.next() else { return result };
            let asked = result.as_ref().ok().and_then(|reply| retry_after(&reply.headers, self.clock.now()));
            if let (Ok(reply), Some(asked)) = (&result, asked)
                && asked > LONGEST_WAIT
            {
                return Err(HttpError::WaitTooLong { place: reply.named(), seconds: asked.as_secs() });
            }
            self.metrics.http_retry(self.peer, reason);
            let pause = asked.map_or(pause, |asked| asked.max(pause / 2));
            tracing::debug!(
                peer = self.peer.as_str(),
                reason = reason.as_str(),
                pause_ms = pause.as_millis() as u64,
                "trying again"
            );
            tokio::time::sleep(pause).await;
        }
    }

    /// Accepts a link of an answer only when it keeps scheme, host and port of the configured origin, after parsing.
    ///
    /// # Errors
    /// [`HttpError::ForeignLink`] naming where it leads.
    pub fn link(&self, link: &str) -> Result<Url, HttpError> {
        let foreign = |target: String| HttpError::ForeignLink { origin: origin_text(&self.origin), target };
        // A backslash is a slash to URL parsers and a letter to people; no honest link has one.
        if link.contains('\\') || link.contains(char::is_whitespace) {
            return Err(foreign("a malformed address".to_owned()));
        }
        let url = self.origin.join(link).map_err(|_| foreign("a malformed address".to_owned()))?;
        let same = url.scheme() == self.origin.scheme()
            && url.host_str() == self.origin.host_str()
            && url.port_or_known_default() == self.origin.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none();
        if same { Ok(url) } else { Err(foreign(origin_text(&url))) }
    }

    async fn exchange(&self, request: reqwest::Request, place: String) -> Result<Reply, HttpError> {
        let response = self.answer(request, &place).await?;
        self.learn_skew(response.headers());
        let named = format!("{place}{}", request_id::suffix(response.headers()));
        if response.status().is_redirection() {
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let target = target.and_then(|target| self.origin.join(target).ok());
            let target = target.map_or_else(|| "nowhere".to_owned(), |url| origin_text(&url));
            return Err(HttpError::Redirect { place: named, target });
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.whole_body(response, &named).await?;
        Ok(Reply { status, headers, body, place })
    }

    async fn answer(&self, request: reqwest::Request, place: &str) -> Result<reqwest::Response, HttpError> {
        match &self.options.transport {
            Transport::Network => {
                self.inner.execute(request).await.map_err(|error| self.typed(&error, place))
            }
            #[cfg(feature = "simulator")]
            Transport::Simulated(line) => line.send(&request, place, self.options.timeout).await,
        }
    }

    async fn whole_body(&self, mut response: reqwest::Response, place: &str) -> Result<Vec<u8>, HttpError> {
        let limit = self.options.max_body;
        let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut body = Vec::with_capacity(expected.min(1 << 20));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.typed(&error, place))? {
            if body.len() + chunk.len() > limit {
                return Err(HttpError::TooLarge { place: place.to_owned(), limit });
            }
            body.extend_from_slice(&chunk);
        }
        // Some servers begin with a byte order mark, which RFC 8259 §8.1 lets a reader pass over.
        if body.starts_with("\u{feff}".as_bytes()) {
            body.drain(.."\u{feff}".len());
        }
        Ok(body)
    }

    fn learn_skew(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        let Some(theirs) = date.and_then(|date| rfc2822::parse(date).ok()) else { return };
        let skew = self.clock.now().as_second() - theirs.timestamp().as_second();
        self.skew.store(skew, Ordering::Relaxed);
        self.metrics.clock_skew(self.peer, skew);
    }

    fn typed(&self, error: &reqwest::Error, place: &str) -> HttpError {
        let (place, cause) = (place.to_owned(), innermost(error));
        if error.is_connect() {
            HttpError::NotSent { place, cause }
        } else if error.is_timeout() {
            HttpError::Timeout { place, seconds: self.options.timeout.as_secs() }
        } else {
            HttpError::Lost { place, cause }
        }
    }
}

/// `Retry-After` as a wait from now: seconds or an HTTP date (RFC 9110 §10.2.3).
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(text).ok()?.timestamp();
    let seconds = u64::try_from(at.as_second() - now.as_second()).unwrap_or(0);
    Some(Duration::from_secs(seconds))
}

fn retry_reason(result: &Result<Reply, HttpError>) -> Option<RetryReason> {
    match result {
        Ok(reply) => match reply.status.as_u16() {
            429 => Some(RetryReason::RateLimited),
            500 | 502 | 503 | 504 => Some(RetryReason::ServerFailed),
            _ => None,
        },
        Err(HttpError::Timeout { .. }) => Some(RetryReason::TimedOut),
        Err(HttpError::NotSent { .. }) => Some(RetryReason::NotConnected),
        Err(error) => error.is_passing().then_some(RetryReason::Lost),
    }
}

fn check_origin(origin: &Url) -> Result<(), HttpError> {
    let shown = origin_text(origin);
    if !origin.username().is_empty() || origin.password().is_some() {
        return Err(HttpError::Setup(format!("{shown}: a URL must not carry a user name or password")));
    }
    match origin.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(origin) => Ok(()),
        "http" => {
            Err(HttpError::Setup(format!("{shown}: http:// is allowed to this machine only, use https://")))
        }
        other => Err(HttpError::Setup(format!("{shown}: {other}:// is not supported, use https://"))),
    }
}

/// True for `localhost`, 127.0.0.0/8 and ::1.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read_certificates(path: &std::path::Path) -> Result<Vec<reqwest::Certificate>, HttpError> {
    let setup = |error: &dyn std::fmt::Display| HttpError::Setup(format!("{}: {error}", path.display()));
    let pem = crate::regular_file::read(path, LARGEST_BUNDLE).map_err(|error| setup(&error))?;
    reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| setup(&error))
}

fn origin_text(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

fn place_of(url: &Url) -> String {
    format!("{}{}", origin_text(url), url.path())
}

/// The last cause of a chain: reqwest's own words name the URL with its query, which may hold a person.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if error.source().is_none() { error.to_string().replace(" for url", "") } else { cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(origin: &str) -> Result<HttpClient, HttpError> {
        let origin = Url::parse(origin).expect("a URL");
        HttpClient::new(Peer::Directory, &origin, &HttpOptions::standard(), Metrics::new(), Clock::System)
    }

    #[test]
    fn links_must_keep_scheme_host_and_port() {
        let client = client("http://127.0.0.1:8080/scim/v2").expect("loopback");
        for good in ["http://127.0.0.1:8080/other?cursor=1", "/scim/v2/Users?startIndex=2", "?cursor=x"] {
            assert!(client.link(good).is_ok(), "{good}");
        }
        for bad in [
            "https://127.0.0.1:8080/x",
            "http://127.0.0.1:8081/x",
            "http://127.0.0.2:8080/x",
            "http://127.0.0.1.example.com:8080/x",
            "http://user@127.0.0.1:8080/x",
            "http://127.0.0.1:8080@example.com/x",
            "//example.com/x",
            "http:\\\\127.0.0.1:8080\\x",
            "file:///etc/passwd",
        ] {
            assert!(matches!(client.link(bad), Err(HttpError::ForeignLink { .. })), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (origin, good) in [
            ("http://localhost:1/", true),
            ("http://[::1]:1/", true),
            ("http://127.8.8.8/", true),
            ("http://example.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://user@localhost/", false),
            ("ftp://localhost/", false),
        ] {
            assert_eq!(client(origin).is_ok(), good, "{origin}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        for (text, seconds) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Sun, 22 Nov 2026 10:00:30 GMT", Some(30)),
            ("Sun, 22 Nov 2026 09:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), seconds, "{text:?}");
        }
    }
}
