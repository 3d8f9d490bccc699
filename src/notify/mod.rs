//! Notices by webhook and e-mail: one when something needs a person, one when it is over.
//!
//! A cycle hands over the conditions that hold now; what is new since the last time becomes a notice. Delivery has tasks and
//! bounded queues of its own, so a receiver that is slow or away never delays a cycle. Notices carry counts and digests and
//! no names: mail and chat keep them longer than we do.

mod condition;
mod email;
mod message;
mod webhook;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::email::Email;
use self::message::Notice;
use self::webhook::Webhook;
use crate::clock::Clock;
use crate::config::{NotifyChannel, NotifyConfig, NotifyEvent};
use crate::http::HttpError;
use crate::metrics::Metrics;
use crate::secret::SecretError;

pub use self::condition::{Condition, Topic};

/// Notices that wait for one channel; more than this and the newest is dropped and counted as failed.
const QUEUE: usize = 32;

/// Why a channel cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The file with its URL or password.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The URL in the file cannot be used. Does not say more, because the URL is the secret.
    #[error("the url of a webhook cannot be used: {0}")]
    Url(String),
    /// The mail server or an address cannot be used.
    #[error("mail cannot be set up: {0}")]
    Mail(String),
}

impl NotifyError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Secret(error) => Some(error.hint()),
            Self::Url(_) => Some(
                "write one https:// address, as the receiver gave it, into the file of url_file".to_owned(),
            ),
            Self::Mail(_) => Some("look at host, port, tls, from and to of the email channel".to_owned()),
        }
    }
}

impl From<HttpError> for NotifyError {
    fn from(error: HttpError) -> Self {
        Self::Url(webhook::describe(&error))
    }
}

/// A try that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Undelivered {
    /// One line without the URL, addresses or passwords.
    text: String,
    next: Next,
}

/// What follows a try that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Another one, not before this.
    Again(Option<Duration>),
    /// Nothing: it would be refused again.
    GiveUp,
}

/// How often and how far apart a notice is tried.
#[derive(Clone, Copy, Debug)]
struct Patience {
    tries: usize,
    first: Duration,
    longest: Duration,
}

impl Patience {
    /// About twenty minutes: longer than a restart of the receiver, shorter than the news is news.
    const STANDARD: Self =
        Self { tries: 8, first: Duration::from_secs(2), longest: Duration::from_secs(5 * 60) };
}

enum Transport {
    Webhook(Webhook),
    Email(Email),
}

impl Transport {
    fn label(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Email(_) => "email",
        }
    }

    async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        match self {
            Self::Webhook(webhook) => webhook.send(notice).await,
            Self::Email(email) => email.send(notice).await,
        }
    }
}

/// One receiver. Its task starts with its first notice.
struct Channel {
    events: Vec<NotifyEvent>,
    transport: Arc<Transport>,
    running: Option<(mpsc::Sender<Notice>, JoinHandle<()>)>,
}

/// Turns conditions into notices and sends them.
pub struct Notifier {
    team: Arc<str>,
    channels: Vec<Channel>,
    previous: BTreeSet<Condition>,
    metrics: Arc<Metrics>,
    clock: Clock,
    patience: Patience,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels: Vec<_> = self.channels.iter().map(|channel| channel.transport.label()).collect();
        f.debug_struct("Notifier").field("channels", &channels).finish_non_exhaustive()
    }
}

impl Notifier {
    /// Reads the channels' secrets and prepares them; nothing is sent yet.
    ///
    /// # Errors
    /// The first channel that cannot be used.
    pub fn new(
        team: &str,
        configs: &[NotifyConfig],
        metrics: Arc<Metrics>,
        clock: Clock,
    ) -> Result<Self, NotifyError> {
        let mut channels = Vec::new();
        for config in configs {
            let transport = match &config.channel {
                NotifyChannel::Webhook { url, format } => {
                    Transport::Webhook(Webhook::new(url, *format, &metrics, &clock)?)
                }
                NotifyChannel::Email(email) => Transport::Email(Email::new(email)?),
            };
            metrics.notice_channel(transport.label());
            let transport = Arc::new(transport);
            channels.push(Channel { events: config.events.clone(), transport, running: None });
        }
        let previous = BTreeSet::new();
        let team = team.into();
        Ok(Self { team, channels, previous, metrics, clock, patience: Patience::STANDARD })
    }

    /// Goes on from what was known before a restart, so that a restart says nothing twice.
    pub fn restore(&mut self, previous: BTreeSet<Condition>) {
        self.previous = previous;
    }

    /// What has been announced, to be kept for [`Self::restore`]. Holds no personal data.
    pub fn snapshot(&self) -> &BTreeSet<Condition> {
        &self.previous
    }

    /// Announces what is new since the last call, and what is over. Returns at once; to be called within the runtime.
    pub fn conditions(&mut self, now: &BTreeSet<Condition>) {
        let at = self.clock.now();
        for notice in message::edges(&self.team, at, &self.previous, now) {
            // Also where nobody is told by mail or chat, the log has it, once.
            notice.log();
            for channel in &mut self.channels {
                if notice.is_for(&channel.events) {
                    channel.hand_over(notice.clone(), &self.metrics, self.patience);
                }
            }
        }
        self.previous.clone_from(now);
    }

    /// Waits for what is under way, for this long at most. For programs that end; a notifier that is merely replaced can be
    /// dropped, and its notices still go out.
    pub fn finish(&mut self, within: Duration) -> impl Future<Output = ()> + Send + use<> {
        let running = self.channels.iter_mut().filter_map(|channel| channel.running.take());
        let tasks: Vec<_> = running.map(|(_, task)| task).collect();
        async move {
            let all = async {
                for task in tasks {
                    if task.await.is_err() {
                        tracing::debug!("a channel's task did not end cleanly");
                    }
                }
            };
            if tokio::time::timeout(within, all).await.is_err() {
                tracing::warn!("notices were still under way at the end");
            }
        }
    }
}

impl Channel {
    fn hand_over(&mut self, notice: Notice, metrics: &Arc<Metrics>, patience: Patience) {
        let (queue, _) = self.running.get_or_insert_with(|| {
            let (queue, notices) = mpsc::channel(QUEUE);
            let task = deliver_all(Arc::clone(&self.transport), notices, Arc::clone(metrics), patience);
            (queue, tokio::spawn(task))
        });
        if queue.try_send(notice).is_err() {
            metrics.notice(self.transport.label(), false);
            tracing::warn!(channel = self.transport.label(), "a notice was dropped: too many wait already");
        }
    }
}

async fn deliver_all(
    transport: Arc<Transport>,
    mut notices: mpsc::Receiver<Notice>,
    metrics: Arc<Metrics>,
    patience: Patience,
) {
    while let Some(notice) = notices.recv().await {
        let (channel, event) = (transport.label(), notice.event());
        let result = deliver(&transport, &notice, patience).await;
        metrics.notice(channel, result.is_ok());
        match result {
            Ok(()) => tracing::info!(channel, event, "notice delivered"),
            Err(why) => tracing::error!(channel, event, error = why.text, "a notice was given up"),
        }
    }
}

async fn deliver(transport: &Transport, notice: &Notice, patience: Patience) -> Result<(), Undelivered> {
    let mut pauses = ExponentialBuilder::default()
        .with_factor(4.0)
        .with_min_delay(patience.first)
        .with_max_delay(patience.longest)
        .with_max_times(patience.tries - 1)
        .build();
    loop {
        let Err(failed) = transport.send(notice).await else { return Ok(()) };
        let (Next::Again(asked), Some(pause)) = (failed.next, pauses.next()) else { return Err(failed) };
        let pause = asked.map_or(pause, |asked| asked.clamp(pause, patience.longest.max(pause)));
        tracing::debug!(channel = transport.label(), error = failed.text, "a notice is tried again");
        tokio::time::sleep(pause).await;
    }
}
