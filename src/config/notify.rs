//! `[[notify]]`: who is told.

use std::fmt;

use reqwest::Url;
use serde::Deserialize;

use super::checker::Checker;
use super::scope::texts;
use crate::secret::SecretRef;

/// One `[[notify]]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct NotifyTable {
    /// How to tell. Required.
    #[serde(rename = "type")]
    kind: Option<NotifyType>,
    /// What to tell of.
    events: Vec<NotifyEvent>,
    /// Where to post, where the URL is no secret, for `type = "webhook"`.
    url: Option<String>,
    /// The file with the URL, because whoever knows it can post there, for `type = "webhook"`.
    url_file: Option<String>,
    /// The body's shape, for `type = "webhook"`.
    #[cfg_attr(test, schemars(extend("default" = "json")))]
    format: Option<WebhookFormat>,
    /// The mail server, for `type = "email"`.
    host: Option<String>,
    /// Its port. Default: 587, 465 with `tls = "tls"`, 25 with `tls = "none"`.
    port: Option<u16>,
    /// How the server is talked to; without TLS only on this machine.
    #[cfg_attr(test, schemars(extend("default" = "starttls")))]
    tls: Option<MailTls>,
    /// The sender's address. Required for `type = "email"`.
    from: Option<String>,
    /// The receivers' addresses. Required for `type = "email"`.
    to: Option<Vec<String>>,
    /// The user, where the server wants one.
    username: Option<String>,
    /// The file with the user's password.
    password_file: Option<String>,
}

impl Default for NotifyTable {
    fn default() -> Self {
        Self {
            kind: None,
            events: NotifyEvent::ALL.to_vec(),
            url: None,
            url_file: None,
            format: None,
            host: None,
            port: None,
            tls: None,
            from: None,
            to: None,
            username: None,
            password_file: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
enum NotifyType {
    /// An HTTP POST.
    Webhook,
    /// A mail.
    Email,
}

/// What somebody may want to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum NotifyEvent {
    /// A guard holds something that can be approved.
    Guard,
    /// Cycles fail and are paused, or work again.
    Quarantine,
    /// One of our own credentials lapses soon.
    CredentialExpiry,
    /// Two answers where one is needed.
    Conflict,
    /// What was reported before is over.
    Recovered,
}

impl NotifyEvent {
    /// Every event.
    pub const ALL: [Self; 5] =
        [Self::Guard, Self::Quarantine, Self::CredentialExpiry, Self::Conflict, Self::Recovered];

    /// The word of `events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Quarantine => "quarantine",
            Self::CredentialExpiry => "credential_expiry",
            Self::Conflict => "conflict",
            Self::Recovered => "recovered",
        }
    }
}

/// One `[[notify]]`.
#[derive(Clone, Debug)]
pub struct NotifyConfig {
    /// Told about these.
    pub events: Vec<NotifyEvent>,
    /// How.
    pub channel: NotifyChannel,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub enum NotifyChannel {
    /// An HTTP POST.
    Webhook {
        /// Where to.
        url: WebhookUrl,
        /// The body's shape.
        format: WebhookFormat,
    },
    /// A mail.
    Email(EmailConfig),
}

/// Where a webhook goes. Whoever knows Slack's URLs can post there, so this never prints one.
#[derive(Clone)]
pub enum WebhookUrl {
    /// Written in the configuration.
    Plain(Url),
    /// Written in a file of its own, on one line.
    File(SecretRef),
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(url) => write!(f, "{}://{}/…", url.scheme(), url.host_str().unwrap_or_default()),
            Self::File(file) => file.fmt(f),
        }
    }
}

/// The shape of a webhook's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum WebhookFormat {
    /// Our own JSON.
    Json,
    /// `{"text": …}`, as Slack and its likes want it.
    Slack,
}

/// How a mail server is talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// Plain first, then TLS, which is insisted upon (port 587).
    Starttls,
    /// TLS from the start (port 465).
    Tls,
    /// None; only to this machine (port 25).
    None,
}

impl MailTls {
    fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A mail server, and whom mails are from and to.
#[derive(Clone, Debug)]
pub struct EmailConfig {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is talked to.
    pub tls: MailTls,
    /// The sender's address.
    pub from: String,
    /// The receivers' addresses, at least one.
    pub to: Vec<String>,
    /// Name and password, where the server wants them.
    pub login: Option<(String, SecretRef)>,
}

impl NotifyTable {
    pub(super) fn check(self, index: usize, checker: &mut Checker) -> Option<NotifyConfig> {
        let at = |key: &str| format!("notify.{index}.{key}");
        if self.events.is_empty() {
            checker.problem(
                &at("events"),
                "is empty",
                "name at least one event, or remove events for all of them",
            );
        }
        let Some(kind) = self.kind else {
            checker.missing(&at("type"), "", "type = \"webhook\" or type = \"email\"");
            return None;
        };
        let webhook = [
            ("url", self.url.is_some()),
            ("url_file", self.url_file.is_some()),
            ("format", self.format.is_some()),
        ];
        let email = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("tls", self.tls.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("username", self.username.is_some()),
            ("password_file", self.password_file.is_some()),
        ];
        let (others, word): (&[_], _) = match kind {
            NotifyType::Webhook => (&email, "type = \"webhook\""),
            NotifyType::Email => (&webhook, "type = \"email\""),
        };
        for (name, present) in others {
            checker.unused(&at(name), *present, word);
        }
        let events = self.events.clone();
        let channel = match kind {
            NotifyType::Webhook => self.webhook(index, checker)?,
            NotifyType::Email => NotifyChannel::Email(self.email(index, checker)?),
        };
        Some(NotifyConfig { events, channel })
    }

    fn webhook(self, index: usize, checker: &mut Checker) -> Option<NotifyChannel> {
        let at = |key: &str| format!("notify.{index}.{key}");
        let url = match (self.url, self.url_file) {
            (Some(_), Some(_)) => {
                checker.problem(&at("url"), "stands beside url_file", "remove either url or url_file");
                None
            }
            (Some(url), None) => plain_url(&at("url"), &url, checker),
            (None, file) => checker.secret(&at("url_file"), file, "").map(WebhookUrl::File),
        };
        Some(NotifyChannel::Webhook { url: url?, format: self.format.unwrap_or(WebhookFormat::Json) })
    }

    fn email(self, index: usize, checker: &mut Checker) -> Option<EmailConfig> {
        let at = |key: &str| format!("notify.{index}.{key}");
        let tls = self.tls.unwrap_or(MailTls::Starttls);
        let host = checker.needed(&at("host"), &self.host, "", "smtp.example.com");
        if host.as_deref().is_some_and(|host| host.contains(['/', '@']) || host.split_once(':').is_some()) {
            checker.problem(&at("host"), "is no host name", "write the host alone; its port goes into port");
        }
        if tls == MailTls::None && host.as_deref().is_some_and(|host| !is_this_machine(host)) {
            let hint =
                "write tls = \"starttls\" or \"tls\"; \"none\" is for a relay on 127.0.0.1 or localhost only";
            checker.problem(&at("tls"), "\"none\" would send mail in the clear", hint);
        }
        let from = checker.needed(&at("from"), &self.from, "", "rosterd@example.com");
        let from = from.filter(|address| mailbox(&at("from"), address, checker));
        let to = self.to.filter(|to| !to.is_empty());
        if to.is_none() {
            checker.missing(&at("to"), "", "to = [\"it@example.com\"]");
        }
        for address in to.iter().flatten() {
            mailbox(&at("to"), address, checker);
        }
        texts(&at("to"), to.as_deref().unwrap_or_default(), checker);
        let login = match (self.username, self.password_file) {
            (None, None) => None,
            (Some(username), file) => {
                let password = checker.secret(&at("password_file"), file, ", and username is there");
                Some((username, password?))
            }
            (None, Some(_)) => {
                checker.missing(&at("username"), ", and password_file is there", "username = \"rosterd\"");
                None
            }
        };
        Some(EmailConfig {
            host: host?,
            port: self.port.unwrap_or(tls.port()),
            tls,
            from: from?,
            to: to?,
            login,
        })
    }
}

/// Whoever knows the address of a webhook can write to its channel, so it is a secret like any other.
fn plain_url(path: &str, url: &str, checker: &mut Checker) -> Option<WebhookUrl> {
    let url = checker.url(path, url)?;
    if !crate::http::is_loopback(&url) {
        checker.warn(
            path,
            "the URL of a webhook works like a password; put it into a file of mode 600 and write url_file instead",
        );
    }
    Some(WebhookUrl::Plain(url))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn mailbox(path: &str, address: &str, checker: &mut Checker) -> bool {
    let good = address.parse::<lettre::message::Mailbox>().is_ok();
    if !good {
        checker.problem(path, format!("{address:?} is no mail address"), "write name@example.com");
    }
    good
}
