//! How we show who we are: a token, a password, or tokens by OAuth 2.

use std::sync::Arc;

use arc_swap::ArcSwap;
use reqwest::Url;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::oauth::{ClientAuth, ClientCredentials, TokenSource, basic_auth};
use crate::clock::Clock;
use crate::http::HttpOptions;
use crate::metrics::Metrics;
use crate::source::SourceError;
use crate::source::grant::without;
use crate::source::shelf::Token;

/// `source.scim.auth` with its secrets read.
#[derive(Clone, Debug)]
pub enum Auth {
    /// A static bearer token.
    Bearer {
        /// The token.
        token: SecretString,
    },
    /// HTTP Basic.
    Basic {
        /// Who.
        username: String,
        /// Their password.
        password: SecretString,
    },
    /// OAuth 2 client credentials; SCIM has no way to find the token URL, so it is a setting.
    OAuth2 {
        /// Where tokens come from.
        token_url: Url,
        /// Who we are.
        client_id: String,
        /// How we prove it.
        client_secret: SecretString,
        /// What the token is for.
        scope: Option<String>,
        /// How id and secret travel, where that is set.
        client_auth: Option<ClientAuth>,
    },
}

/// A header value, and the token in it when a newer one can be had.
#[derive(Clone)]
pub(super) struct Shown {
    /// Marked as sensitive.
    pub(super) header: HeaderValue,
    token: Option<Token>,
}

impl Shown {
    /// A provider's words, in which it may repeat what it was sent.
    pub(super) fn strike_from(&self, text: &str) -> String {
        let header = self.header.to_str().unwrap_or_default();
        without(text, header.split_once(' ').map_or(header, |(_, secret)| secret))
    }
}

enum Ready {
    Fixed(HeaderValue),
    Tokens(Box<TokenSource>),
}

/// The credentials in use, which may be changed while requests are in flight.
pub(super) struct Credentials {
    current: ArcSwap<Ready>,
    options: HttpOptions,
    metrics: Arc<Metrics>,
    clock: Clock,
}

impl Credentials {
    pub(super) fn new(
        auth: Auth,
        options: &HttpOptions,
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        let ready = Arc::new(ready(auth, options, &metrics, &clock)?);
        Ok(Self { current: ArcSwap::new(ready), options: options.clone(), metrics, clock })
    }

    /// Uses other credentials from the next request on. Bad ones leave the old.
    pub(super) fn swap(&self, auth: Auth) -> Result<(), SourceError> {
        let ready = ready(auth, &self.options, &self.metrics, &self.clock)?;
        self.current.store(Arc::new(ready));
        Ok(())
    }

    pub(super) async fn show(&self) -> Result<Shown, SourceError> {
        let current = self.current.load_full();
        match &*current {
            Ready::Fixed(header) => Ok(Shown { header: header.clone(), token: None }),
            Ready::Tokens(tokens) => shown(tokens.token().await?),
        }
    }

    /// A cycle begins: a secret that was refused may be shown once more.
    pub(super) async fn allow_again(&self) {
        match &*self.current.load_full() {
            Ready::Fixed(_) => {}
            Ready::Tokens(tokens) => tokens.allow_again().await,
        }
    }

    /// Something newer than what was refused, when there can be: a refreshed token, or credentials changed meanwhile.
    pub(super) async fn show_another(&self, refused: &Shown) -> Result<Option<Shown>, SourceError> {
        let current = self.current.load_full();
        match (&*current, &refused.token) {
            (Ready::Fixed(header), _) if *header == refused.header => Ok(None),
            (Ready::Fixed(header), _) => Ok(Some(Shown { header: header.clone(), token: None })),
            (Ready::Tokens(tokens), Some(token)) => shown(tokens.other_than(token).await?).map(Some),
            (Ready::Tokens(tokens), None) => shown(tokens.token().await?).map(Some),
        }
    }
}

fn ready(
    auth: Auth,
    options: &HttpOptions,
    metrics: &Arc<Metrics>,
    clock: &Clock,
) -> Result<Ready, SourceError> {
    match auth {
        Auth::Bearer { token } => Ok(Ready::Fixed(bearer(token.expose_secret())?)),
        Auth::Basic { username, password } => Ok(Ready::Fixed(basic_auth(&username, &password))),
        Auth::OAuth2 { token_url, client_id, client_secret, scope, client_auth } => {
            let credentials = ClientCredentials { token_url, client_id, client_secret, scope, client_auth };
            let tokens = TokenSource::new(credentials, options, Arc::clone(metrics), clock.clone())?;
            Ok(Ready::Tokens(Box::new(tokens)))
        }
    }
}

fn shown(token: Token) -> Result<Shown, SourceError> {
    Ok(Shown { header: bearer(token.expose())?, token: Some(token) })
}

fn bearer(token: &str) -> Result<HeaderValue, SourceError> {
    let text = SecretString::from(format!("Bearer {}", token.trim()));
    let mut header = HeaderValue::try_from(text.expose_secret()).map_err(|_| {
        SourceError::Protocol("the identity provider's token holds characters that no token has".to_owned())
    })?;
    header.set_sensitive(true);
    Ok(header)
}
