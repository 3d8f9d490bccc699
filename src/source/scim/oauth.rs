//! Access tokens by OAuth 2 client credentials (RFC 6749 §4.4), kept until shortly before they expire.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::http::{HttpClient, HttpError, HttpOptions, Peer, Reply};
use crate::metrics::Metrics;
use crate::source::{SourceError, one_line};

/// A token is replaced this long before its end, so that it outlives the request it is put on.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// What a token without `expires_in` is good for (RFC 6749 §5.1 recommends the field and does not demand it).
const UNSAID: SignedDuration = SignedDuration::from_secs(300);
/// A token said to live longer is asked for anew all the same.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// A client of an authorization server.
#[derive(Clone, Debug)]
pub(super) struct ClientCredentials {
    /// Where tokens come from.
    pub(super) token_url: Url,
    /// Who we are.
    pub(super) client_id: String,
    /// How we prove it.
    pub(super) client_secret: SecretString,
    /// What the token is for, where the server wants to be told.
    pub(super) scope: Option<String>,
}

/// How the client secret travels (RFC 6749 §2.3.1): in the body works nearly everywhere, some servers take the header only.
#[derive(Clone, Copy)]
enum SecretIn {
    Body,
    Header,
}

struct Held {
    token: SecretString,
    good_until: Timestamp,
}

/// The current access token of one client.
pub(super) struct TokenSource {
    http: HttpClient,
    credentials: ClientCredentials,
    clock: Clock,
    held: Mutex<Option<Held>>,
    secret_in_header: AtomicBool,
}

impl TokenSource {
    /// Asks for nothing yet.
    ///
    /// # Errors
    /// A token URL that may not be used.
    pub(super) fn new(
        credentials: ClientCredentials,
        options: &HttpOptions,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, HttpError> {
        let http = HttpClient::new(Peer::Token, &credentials.token_url, options, metrics, clock.clone())?;
        let secret_in_header = AtomicBool::new(false);
        Ok(Self { http, credentials, clock, held: Mutex::new(None), secret_in_header })
    }

    /// The token, a new one when the held one is about to expire. Callers at the same time share one request.
    ///
    /// # Errors
    /// See [`Self::renew`].
    pub(super) async fn token(&self) -> Result<SecretString, SourceError> {
        let mut held = self.held.lock().await;
        match &*held {
            Some(known) if self.clock.now() < known.good_until => Ok(known.token.clone()),
            Some(_) | None => self.renew(&mut held).await,
        }
    }

    /// A token other than the one a server has just refused.
    ///
    /// # Errors
    /// The authorization server's refusal, by its code and description; whatever keeps it from answering.
    pub(super) async fn other_than(&self, refused: &SecretString) -> Result<SecretString, SourceError> {
        let mut held = self.held.lock().await;
        match &*held {
            Some(known) if known.token.expose_secret() != refused.expose_secret() => Ok(known.token.clone()),
            Some(_) | None => self.renew(&mut held).await,
        }
    }

    async fn renew(&self, held: &mut Option<Held>) -> Result<SecretString, SourceError> {
        *held = None;
        let asked_at = self.clock.now();
        let way =
            if self.secret_in_header.load(Ordering::Relaxed) { SecretIn::Header } else { SecretIn::Body };
        let mut reply = self.ask(way).await?;
        if let (SecretIn::Body, Some("invalid_client")) = (way, Refusal::of(&reply).error.as_deref()) {
            let again = self.ask(SecretIn::Header).await?;
            if again.status.is_success() {
                self.secret_in_header.store(true, Ordering::Relaxed);
                reply = again;
            }
        }
        if !reply.status.is_success() {
            return Err(self.refused(&reply));
        }
        let grant: Grant = reply.json()?;
        if grant.access_token.expose_secret().trim().is_empty() {
            return Err(SourceError::Protocol(format!("{} gave an empty token", reply.place())));
        }
        let lifetime = grant.expires_in.and_then(Seconds::get).unwrap_or(UNSAID).min(LONGEST);
        // Short-lived tokens keep half of their life rather than none.
        let good_for = (lifetime - MARGIN).max(lifetime / 2);
        let good_until = asked_at.checked_add(good_for).unwrap_or(asked_at);
        *held = Some(Held { token: grant.access_token.clone(), good_until });
        Ok(grant.access_token)
    }

    async fn ask(&self, way: SecretIn) -> Result<Reply, SourceError> {
        let client = &self.credentials;
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &client.scope {
            form.push(("scope", scope));
        }
        let basic = match way {
            SecretIn::Header => Some(basic_auth(&client.client_id, &client.client_secret)),
            SecretIn::Body => {
                form.push(("client_id", &client.client_id));
                form.push(("client_secret", client.client_secret.expose_secret()));
                None
            }
        };
        // Asking for a token changes nothing, so it is tried again like a read.
        let build = || {
            let request = self.http.request(Method::POST, client.token_url.clone()).form(&form);
            match &basic {
                Some(header) => request.header(AUTHORIZATION, header),
                None => request,
            }
        };
        Ok(self.http.read(build).await?)
    }

    fn refused(&self, reply: &Reply) -> SourceError {
        let refusal = Refusal::of(reply);
        let (place, request) = (reply.place(), reply.request_suffix());
        let said = match (refusal.error, refusal.description) {
            (Some(error), Some(description)) => format!("{error}: {description}"),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => String::new(),
        };
        // A server that echoes what it was sent must not bring the secret into our logs.
        let said = without(&said, self.credentials.client_secret.expose_secret());
        let colon = if said.is_empty() { "" } else { ": " };
        match reply.status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                SourceError::Refused {
                    what: format!(
                        "{place} refused us a token ({}){colon}{said}{request}",
                        reply.status.as_u16()
                    ),
                    cure: "check client_id, the client secret and its expiry, and scope",
                }
            }
            status => SourceError::Protocol(format!(
                "{place} answered {status} instead of a token{colon}{said}{request}"
            )),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

/// A text with a secret struck out.
pub(super) fn without(text: &str, secret: &str) -> String {
    if secret.is_empty() { text.to_owned() } else { text.replace(secret, "…") }
}

/// The header value of HTTP Basic for these, marked so that no log shows it.
pub(super) fn basic_auth(user: &str, password: &SecretString) -> reqwest::header::HeaderValue {
    use base64::Engine as _;
    let pair = SecretString::from(format!("{user}:{}", password.expose_secret()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair.expose_secret());
    let mut value = reqwest::header::HeaderValue::try_from(format!("Basic {encoded}"))
        .expect("base64 is a valid header value");
    value.set_sensitive(true);
    value
}

/// For `crate::fuzzing`: an answer of the token endpoint, read as a grant and as a refusal. True for a usable grant.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn reads_as_grant(body: &[u8]) -> bool {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    drop((refusal.error, refusal.description));
    serde_json::from_slice(body)
        .is_ok_and(|grant: Grant| grant.expires_in.is_none_or(|end| end.get().is_some()))
}

#[derive(Deserialize)]
struct Grant {
    access_token: SecretString,
    expires_in: Option<Seconds>,
}

/// Some servers send the seconds as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(f64),
    Text(String),
}

impl Seconds {
    fn get(self) -> Option<SignedDuration> {
        let seconds = match self {
            Self::Number(seconds) => seconds,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        // `as` saturates and takes NaN for 0; zero or less tells nothing of use.
        let whole = seconds as i64;
        (whole > 0).then(|| SignedDuration::from_secs(whole.min(LONGEST.as_secs())))
    }
}

/// An error answer (RFC 6749 §5.2).
#[derive(Default, Deserialize)]
struct Refusal {
    error: Option<String>,
    #[serde(rename = "error_description")]
    description: Option<String>,
}

impl Refusal {
    fn of(reply: &Reply) -> Self {
        let said: Self = serde_json::from_slice(&reply.body).unwrap_or_default();
        let short =
            |text: Option<String>| text.map(|text| one_line(&text, 200)).filter(|text| !text.is_empty());
        Self { error: short(said.error), description: short(said.description) }
    }
}
