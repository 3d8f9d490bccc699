//! Who may ask for what: methods, the `Host` header, the bearer token, and the headers every answer carries.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};

/// Probes say one word and no more, so that they need no token on any address.
const OPEN: [&str; 3] = ["/livez", "/healthz", "/readyz"];

/// What a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Audience {
    /// Whoever reached the port: counts and times.
    Anyone,
    /// Whoever brought the token: names and addresses too.
    TokenHolder,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// Neither GET nor HEAD.
    Method,
    /// Nothing here takes a body.
    Body,
    /// A token is needed, or the one that came is wrong.
    Token,
    /// HTTP/1.1 wants exactly one `Host`.
    NoHost,
    /// A name that is not ours: what a page in a browser sends after its own name was pointed at this machine
    /// (DNS rebinding).
    ForeignHost,
}

/// What callers bring to see personal data. It is replaced while the server runs, so whoever has a copy of this shares it.
pub type Token = Arc<ArcSwapOption<SecretString>>;

/// Lets requests in.
#[derive(Debug)]
pub(super) struct Gate {
    listen: IpAddr,
    token: Token,
}

impl Gate {
    /// For an address and the token of the configuration.
    pub(super) fn new(listen: IpAddr, token: Token) -> Self {
        Self { listen, token }
    }

    /// Judges a request by its head.
    fn admit(&self, request: &Request) -> Result<Audience, Refusal> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        if has_body(request.headers()) {
            return Err(Refusal::Body);
        }
        let audience = self.audience(request.headers())?;
        match audience {
            // A page in a browser cannot know the token, so whoever has it may use any name for this machine.
            Audience::TokenHolder => {}
            Audience::Anyone => self.admit_without_token(request)?,
        }
        Ok(audience)
    }

    fn audience(&self, headers: &HeaderMap) -> Result<Audience, Refusal> {
        let token = self.token.load();
        let (Some(token), Some(given)) = (&*token, headers.get(header::AUTHORIZATION)) else {
            return Ok(Audience::Anyone);
        };
        let (scheme, given) = given.as_bytes().split_at_checked(7).ok_or(Refusal::Token)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return Err(Refusal::Token);
        }
        verify_slices_are_equal(given.trim_ascii(), token.expose_secret().trim().as_bytes())
            .map(|()| Audience::TokenHolder)
            .map_err(|_| Refusal::Token)
    }

    fn admit_without_token(&self, request: &Request) -> Result<(), Refusal> {
        let host = host(request)?;
        if !self.is_ours(&host) {
            return Err(Refusal::ForeignHost);
        }
        if self.listen.is_loopback() || OPEN.contains(&request.uri().path()) {
            Ok(())
        } else {
            Err(Refusal::Token)
        }
    }

    /// Loopback by name or address, the address we listen on, and on "any" every address: only names can be rebound.
    fn is_ours(&self, host: &Authority) -> bool {
        let name = host.host();
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        match bare.parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || address == self.listen || self.listen.is_unspecified(),
            Err(_) => bare.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// The one `Host`, and where the request line carries an authority of its own, that it is no other.
fn host(request: &Request) -> Result<Authority, Refusal> {
    let mut all = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (all.next(), all.next()) else { return Err(Refusal::NoHost) };
    let host = host.to_str().ok().filter(|host| !host.contains('@')).ok_or(Refusal::NoHost)?;
    let host: Authority = host.parse().map_err(|_| Refusal::NoHost)?;
    match request.uri().authority() {
        Some(other) if *other != host => Err(Refusal::ForeignHost),
        Some(_) | None => Ok(host),
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length != "0")
}

/// Runs before every route, unknown ones included.
pub(super) async fn check(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    match gate.admit(&request) {
        Ok(audience) => {
            request.extensions_mut().insert(audience);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let allow = [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))];
        let bearer = [(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rosterd\""))];
        match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, allow, "only GET and HEAD\n").into_response(),
            Self::Body => (StatusCode::PAYLOAD_TOO_LARGE, "no body is taken here\n").into_response(),
            Self::Token => (StatusCode::UNAUTHORIZED, bearer, "a bearer token is needed\n").into_response(),
            Self::NoHost => (StatusCode::BAD_REQUEST, "one Host header is needed\n").into_response(),
            Self::ForeignHost => {
                (StatusCode::MISDIRECTED_REQUEST, "this is not the host asked for\n").into_response()
            }
        }
    }
}

/// Puts the headers on every answer that keep it out of caches, other sites and guesses about its type.
pub(super) async fn harden(mut response: Response) -> Response {
    let fixed: [(HeaderName, &str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
        .headers_mut()
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}
