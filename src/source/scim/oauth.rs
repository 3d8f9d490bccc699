//! Access tokens by OAuth 2 client credentials (RFC 6749 §4.4).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::clock::Clock;
use crate::http::{HttpClient, HttpError, HttpOptions, Peer};
use crate::metrics::Metrics;
use crate::source::SourceError;
use crate::source::grant::{self, Grant, Refusal};
use crate::source::shelf::{Shelf, Token};

/// A token is replaced this long before its end, so that it outlives the request it is put on.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

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
    /// How id and secret travel; `None` for the header, and the body where the server says that it is the way that matters.
    pub(super) client_auth: Option<ClientAuth>,
}

/// How id and secret of a client travel (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the header of HTTP Basic, which every server has to take.
    Basic,
    /// In the body of the request.
    Post,
}

/// The current access token of one client.
pub(super) struct TokenSource {
    http: HttpClient,
    credentials: ClientCredentials,
    shelf: Shelf,
    /// The server does not take the header.
    takes_post: AtomicBool,
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
        let shelf = Shelf::new(clock, MARGIN);
        Ok(Self { http, credentials, shelf, takes_post: AtomicBool::new(false) })
    }

    /// The token, a new one when the held one is about to expire. Callers at the same time share one request.
    ///
    /// # Errors
    /// The authorization server's refusal in its own words; whatever keeps it from answering.
    pub(super) async fn token(&self) -> Result<Token, SourceError> {
        self.shelf.token(|_| Box::pin(self.fetch())).await
    }

    /// A token other than the one a server has just refused.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub(super) async fn other_than(&self, refused: &Token) -> Result<Token, SourceError> {
        self.shelf.forget(refused).await;
        self.token().await
    }

    /// A cycle begins: a secret that was refused may be shown once more.
    pub(super) async fn allow_again(&self) {
        self.shelf.allow_again().await;
    }

    async fn fetch(&self) -> Result<Grant, SourceError> {
        let learned =
            if self.takes_post.load(Ordering::Relaxed) { ClientAuth::Post } else { ClientAuth::Basic };
        let way = self.credentials.client_auth.unwrap_or(learned);
        let first = match self.ask(way).await? {
            Ok(grant) => return Ok(grant),
            Err(refusal) => refusal,
        };
        let is_open = self.credentials.client_auth.is_none() && way == ClientAuth::Basic;
        if !(is_open && is_about_the_way(&first)) {
            return Err(refused(&first));
        }
        match self.ask(ClientAuth::Post).await? {
            Ok(grant) => {
                self.takes_post.store(true, Ordering::Relaxed);
                Ok(grant)
            }
            // What it says of the credentials now tells more than that it did not find them before.
            Err(second) => Err(refused(&second)),
        }
    }

    async fn ask(&self, way: ClientAuth) -> Result<Result<Grant, Refusal>, SourceError> {
        let client = &self.credentials;
        let secret = client.client_secret.expose_secret();
        let mut form = vec![("grant_type", "client_credentials")];
        if let Some(scope) = &client.scope {
            form.push(("scope", scope));
        }
        let encoded = SecretString::from(form_encoded(secret));
        let basic = match way {
            ClientAuth::Basic => Some(basic_auth(&form_encoded(&client.client_id), &encoded)),
            ClientAuth::Post => {
                form.push(("client_id", &client.client_id));
                form.push(("client_secret", secret));
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
        let reply = self.http.read(build).await?;
        let shown = basic.as_ref().and_then(|header| header.to_str().ok()).unwrap_or_default();
        let shown = shown.trim_start_matches("Basic ");
        Ok(grant::read(&reply, &[secret, encoded.expose_secret(), shown]))
    }
}

fn refused(refusal: &Refusal) -> SourceError {
    if refusal.is_final() {
        let cure = "check client_id, the client secret and its expiry, scope, and client_auth (\"basic\" or \"post\": where the provider wants to find them)";
        SourceError::Refused { what: refusal.text(), cure }
    } else {
        SourceError::Protocol(refusal.text())
    }
}

/// The example that RFC 6749 §5.2 gives for `invalid_client`. Servers repeat it whatever is the matter.
const EXAMPLE: &str =
    "(e.g., unknown client, no client authentication included, or unsupported authentication method)";

/// Words for the way that id and secret travelled.
const WAYS: [&str; 11] = [
    "authentication method",
    "authentication_method",
    "authentication scheme",
    "auth method",
    "auth_method",
    "client_secret_post",
    "client_secret_basic",
    "request body",
    "post body",
    "body parameter",
    "authorization header",
];

/// Words for something that was not found in a request.
const LACKS: [&str; 9] = [
    "missing",
    "required",
    "must be provided",
    "must contain",
    "must include",
    "not provided",
    "not specified",
    "not included",
    "no client",
];

/// Words for what was not found.
const LACKED: [&str; 7] = [
    "client_id",
    "client id",
    "client_secret",
    "client secret",
    "client authentication",
    "client credentials",
    "client_assertion",
];

/// True when a server says that it did not find id and secret where they were, or does not take them there. A plain
/// `invalid_client` does not say so: most servers mean by it that the secret is wrong, and that is not to be tried twice.
fn is_about_the_way(refusal: &Refusal) -> bool {
    let said = refusal.said().replace(EXAMPLE, "").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    refusal.is_final() && (has(&WAYS) || (has(&LACKS) && has(&LACKED)))
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

/// As RFC 6749 §2.3.1 wants id and secret before they become user name and password: a colon in an id would end it.
fn form_encoded(text: &str) -> String {
    let mut url = Url::parse("form:").expect("a URL");
    url.query_pairs_mut().append_key_only(text);
    url.query().unwrap_or_default().to_owned()
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

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;
    use crate::http::Reply;

    #[test]
    fn a_wrong_secret_is_told_from_a_secret_in_the_wrong_place() {
        let says = |code: &str, words: &str| {
            let body = serde_json::json!({"error": code, "error_description": words}).to_string();
            let reply = Reply::of(StatusCode::UNAUTHORIZED, body.as_bytes());
            is_about_the_way(&grant::read(&reply, &[]).expect_err("a refusal"))
        };
        for (code, words, is_way) in [
            ("invalid_client", "", false),
            ("invalid_client", "bad secret", false),
            ("invalid_client", "Invalid client or Invalid client credentials", false),
            ("invalid_client", "Client authentication failed: client_secret", false),
            ("invalid_client", "The client secret supplied for a confidential client is invalid.", false),
            ("invalid_client", &format!("Client authentication failed {EXAMPLE}"), false),
            (
                "invalid_client",
                &format!("Client authentication failed {EXAMPLE}. The secret did not match."),
                false,
            ),
            ("unauthorized_client", "Invalid client secret", false),
            ("invalid_scope", "scope is required", false),
            ("invalid_client", "Client authentication failed: authentication_method", true),
            (
                "invalid_client",
                "The client supports client authentication method 'client_secret_post', but 'client_secret_basic' was requested",
                true,
            ),
            ("invalid_client", "A client_id must be provided in the request.", true),
            (
                "invalid_client",
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
                true,
            ),
            ("invalid_request", "Missing parameter: client_id", true),
            ("invalid_request", "client_secret is required", true),
            ("invalid_client", "No client credentials", true),
        ] {
            assert_eq!(says(code, words), is_way, "{code}: {words}");
        }
    }

    #[test]
    fn id_and_secret_are_encoded_as_a_form_before_they_become_a_header() {
        for (text, encoded) in
            [("rosterd", "rosterd"), ("a:b", "a%3Ab"), ("p%+ ä&=", "p%25%2B+%C3%A4%26%3D"), ("", "")]
        {
            assert_eq!(form_encoded(text), encoded);
        }
    }
}
