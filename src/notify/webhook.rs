//! Notices as an HTTP POST. The URL is the secret: whoever knows Slack's may post there, so no error and no log has it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::message::Notice;
use super::{Next, NotifyError, Undelivered};
use crate::clock::Clock;
use crate::config::{WebhookFormat, WebhookUrl};
use crate::http::{HttpClient, HttpError, HttpOptions, Peer, Reply, retry_after};
use crate::metrics::Metrics;

/// For one try.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Receivers answer with a word or two.
const LARGEST_ANSWER: usize = 64 << 10;

/// A receiver.
pub(super) struct Webhook {
    client: HttpClient,
    url: SecretString,
    format: WebhookFormat,
    clock: Clock,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Reads the URL where it is in a file.
    pub(super) fn new(
        url: &WebhookUrl,
        format: WebhookFormat,
        metrics: &Arc<Metrics>,
        clock: &Clock,
    ) -> Result<Self, NotifyError> {
        let url: SecretString = match url {
            WebhookUrl::Plain(url) => url.as_str().into(),
            WebhookUrl::File(file) => file.read()?.expose_secret().trim().into(),
        };
        let parsed = Url::parse(url.expose_secret()).map_err(|error| NotifyError::Url(error.to_string()))?;
        // The client keeps its origin for good and names it in errors, so it gets no more than host and port.
        let mut origin = parsed;
        origin.set_path("/");
        origin.set_query(None);
        origin.set_fragment(None);
        let options = HttpOptions { timeout: TIMEOUT, max_body: LARGEST_ANSWER, ..HttpOptions::standard() };
        let client = HttpClient::new(Peer::Notice, &origin, &options, Arc::clone(metrics), clock.clone())?;
        Ok(Self { client, url, format, clock: clock.clone() })
    }

    /// One try.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let url = Url::parse(self.url.expose_secret())
            .map_err(|error| Undelivered { text: error.to_string(), next: Next::GiveUp })?;
        let request = self.client.request(Method::POST, url).json(&self.body(notice));
        match self.client.send(request).await {
            Ok(reply) => self.judge(&reply),
            Err(error) => Err(Undelivered { text: describe(&error), next: after(&error) }),
        }
    }

    fn body(&self, notice: &Notice) -> Value {
        match self.format {
            WebhookFormat::Json => notice.json(),
            WebhookFormat::Slack => json!({ "text": escaped(&notice.text()) }),
        }
    }

    fn judge(&self, reply: &Reply) -> Result<(), Undelivered> {
        let status = reply.status;
        if status.is_success() {
            return Ok(());
        }
        let passing = status.is_server_error()
            || status == StatusCode::TOO_MANY_REQUESTS
            || status == StatusCode::REQUEST_TIMEOUT;
        let next =
            if passing { Next::Again(retry_after(&reply.headers, self.clock.now())) } else { Next::GiveUp };
        Err(Undelivered { text: format!("the receiver answered {}", status.as_u16()), next })
    }
}

/// Slack's own three characters (api.slack.com, "Formatting text for app surfaces").
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A webhook's trouble without its URL; the client's own words have host and path.
pub(super) fn describe(error: &HttpError) -> String {
    let with = |what: &str, cause: &str| {
        if cause.contains("://") { what.to_owned() } else { format!("{what}: {cause}") }
    };
    match error {
        HttpError::NotSent { cause, .. } => with("cannot connect", cause),
        HttpError::Lost { cause, .. } => with("no complete answer", cause),
        HttpError::Timeout { seconds, .. } => format!("no answer within {seconds} s"),
        HttpError::TooLarge { .. } => "the answer is too large".to_owned(),
        HttpError::Redirect { .. } => "the receiver redirects, which is not followed".to_owned(),
        HttpError::ForeignLink { .. } | HttpError::NotJson { .. } | HttpError::WaitTooLong { .. } => {
            "the answer cannot be used".to_owned()
        }
        HttpError::BadId { .. } | HttpError::Setup(_) => {
            "https:// is needed, http:// is for this machine only".to_owned()
        }
    }
}

/// A lost answer is tried again: a notice twice is better than none, and its id tells them apart.
fn after(error: &HttpError) -> Next {
    match error {
        HttpError::NotSent { .. } | HttpError::Lost { .. } | HttpError::Timeout { .. } => Next::Again(None),
        HttpError::TooLarge { .. }
        | HttpError::Redirect { .. }
        | HttpError::ForeignLink { .. }
        | HttpError::NotJson { .. }
        | HttpError::WaitTooLong { .. }
        | HttpError::BadId { .. }
        | HttpError::Setup(_) => Next::GiveUp,
    }
}
