//! Notices by SMTP.

use std::fmt;
use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::ExposeSecret;

use super::message::Notice;
use super::{Next, NotifyError, Undelivered};
use crate::config::{EmailConfig, MailTls};

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// For one command of a conversation.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A mail server with sender and receivers.
pub(super) struct Email {
    smtp: Smtp,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("receivers", &self.to.len()).finish_non_exhaustive()
    }
}

impl Email {
    /// Reads the password, where there is one.
    pub(super) fn new(config: &EmailConfig) -> Result<Self, NotifyError> {
        let builder = match config.tls {
            MailTls::Starttls => Smtp::starttls_relay(&config.host),
            MailTls::Tls => Smtp::relay(&config.host),
            // The configuration allows it to this machine only.
            MailTls::None => Ok(Smtp::builder_dangerous(&config.host)),
        };
        let mut builder = builder
            .map_err(|error| NotifyError::Mail(describe(&error)))?
            .port(config.port)
            .timeout(Some(TIMEOUT));
        if let Some((name, password)) = &config.login {
            let password = password.read()?.expose_secret().trim_end_matches(['\r', '\n']).to_owned();
            builder = builder.credentials(Credentials::new(name.clone(), password));
        }
        let to = config.to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?;
        Ok(Self { smtp: builder.build(), from: mailbox(&config.from)?, to })
    }

    /// One try. A server that refuses one receiver refuses the mail, as lettre does.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let message = self
            .message(notice)
            .map_err(|error| Undelivered { text: error.to_string(), next: Next::GiveUp })?;
        match self.smtp.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let next = if error.is_permanent() { Next::GiveUp } else { Next::Again(None) };
                Err(Undelivered { text: describe(&error), next })
            }
        }
    }

    fn message(&self, notice: &Notice) -> Result<Message, lettre::error::Error> {
        let mut builder = Message::builder().from(self.from.clone());
        for receiver in &self.to {
            builder = builder.to(receiver.clone());
        }
        // RFC 3834: keeps holiday answers and ticket systems from answering a machine.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        builder
            .subject(notice.title())
            .date(SystemTime::from(notice.at))
            .message_id(Some(format!("<{}@{}>", notice.id, self.from.email.domain())))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(notice.text() + "\n")
    }
}

fn mailbox(address: &str) -> Result<Mailbox, NotifyError> {
    address.parse().map_err(|_| NotifyError::Mail("an address is not one".to_owned()))
}

/// A server's own words may repeat addresses, so only its code is told.
fn describe(error: &SmtpError) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None => error.to_string(),
    }
}
