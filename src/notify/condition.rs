//! What somebody should know about, as a set that can be compared with yesterday's.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::NotifyEvent;
use crate::engine::report::{CredentialReport, Doing, GuardReport, Quarantine, Status};
use crate::model::Held;
use crate::model::operation::HoldReason;
use crate::model::text::printable;

/// Days before an expiry at which it is announced; each is news of its own.
const EXPIRY_DAYS: [i64; 3] = [3, 14, 30];

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A guard holds something that can be approved.
    Guard,
    /// Cycles are slowed after repeated failures.
    Quarantine,
    /// One of our own credentials lapses soon.
    CredentialExpiry,
    /// Two answers where one is needed.
    Conflict,
}

impl Topic {
    /// Every topic, the most pressing first.
    pub const ALL: [Self; 4] = [Self::Quarantine, Self::Guard, Self::CredentialExpiry, Self::Conflict];

    /// The word of `events` that asks for it.
    pub fn event(self) -> NotifyEvent {
        match self {
            Self::Guard => NotifyEvent::Guard,
            Self::Quarantine => NotifyEvent::Quarantine,
            Self::CredentialExpiry => NotifyEvent::CredentialExpiry,
            Self::Conflict => NotifyEvent::Conflict,
        }
    }
}

/// One thing that holds. Two are the same when topic and key are; the note may change meanwhile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Condition {
    topic: Topic,
    key: String,
    #[serde(skip)]
    note: String,
}

impl Condition {
    /// A condition. The key is kept across restarts and must not name anybody; the note is one line of a notice.
    pub fn new(topic: Topic, key: impl Into<String>, note: impl Into<String>) -> Self {
        Self { topic, key: key.into(), note: note.into() }
    }

    /// What it is about.
    pub fn topic(&self) -> Topic {
        self.topic
    }

    /// One line for people.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Everything that holds by a status.
    pub fn of(status: &Status) -> BTreeSet<Self> {
        let waiting = status.guard.as_ref().filter(|guard| !guard.approved);
        let guarded = waiting.into_iter().flat_map(|guard| guarded(guard, &status.held));
        let conflicts = status.held.iter().filter(|held| is_conflict(held.hold.reason)).map(conflict);
        guarded
            .chain(conflicts)
            .chain(status.quarantine.iter().map(|quarantine| quarantined(quarantine, status.doing)))
            .chain(status.credentials.iter().filter_map(|credential| expiring(credential, status.now)))
            .collect()
    }
}

/// One condition an entry: a set that grows is news, one that shrinks is not.
fn guarded<'a>(guard: &'a GuardReport, held: &'a [Held]) -> impl Iterator<Item = Condition> + 'a {
    let guards = guard.guards.join(", ");
    held.iter().filter(|held| held.hold.reason.is_approvable()).map(move |held| {
        let note = format!("held by {guards}; `rosterd approve {}` releases exactly this set", guard.digest);
        Condition::new(Topic::Guard, key(held), note)
    })
}

fn is_conflict(reason: HoldReason) -> bool {
    matches!(reason, HoldReason::Conflict | HoldReason::AwaitingLink)
}

fn conflict(held: &Held) -> Condition {
    let note = "it is not clear who is who; `rosterd link` settles it";
    Condition::new(Topic::Conflict, key(held), note)
}

fn quarantined(quarantine: &Quarantine, doing: Doing) -> Condition {
    let mut note = format!("{} cycles in a row failed", quarantine.failures);
    if let Some(trouble) = &quarantine.trouble {
        // Whoever reads this should know what to do. A cause that names somebody stays on the machine.
        if !trouble.text.contains('@') {
            note.push_str(&format!(": {}", printable(&trouble.text)));
        }
        if let Some(hint) = &trouble.hint {
            note.push_str(&format!("; {}", printable(hint)));
        }
    }
    // Without a daemon the next try is a timer's, which we do not know.
    if doing != Doing::NotRunning {
        note.push_str(&format!("; the next try is at {:.0}", quarantine.until));
    }
    Condition::new(Topic::Quarantine, "", note)
}

fn expiring(credential: &CredentialReport, now: Timestamp) -> Option<Condition> {
    let expires = credential.expires?;
    let seconds = expires.as_second() - now.as_second();
    let name = &credential.name;
    if seconds <= 0 {
        let note = format!("{name} expired on {}", expires.strftime("%Y-%m-%d"));
        return Some(Condition::new(Topic::CredentialExpiry, format!("{name}/expired"), note));
    }
    let days = seconds / 86_400;
    let stage = EXPIRY_DAYS.into_iter().find(|stage| seconds <= stage * 86_400)?;
    let note = match days {
        0 => format!("{name} expires within a day"),
        1 => format!("{name} expires tomorrow, on {}", expires.strftime("%Y-%m-%d")),
        _ => format!("{name} expires in {days} days, on {}", expires.strftime("%Y-%m-%d")),
    };
    let note = note + "; make a new one and put it into its file";
    Some(Condition::new(Topic::CredentialExpiry, format!("{name}/{stage}"), note))
}

/// Tells entries apart without saying whom they are about: this is kept on disk.
fn key(held: &Held) -> String {
    let operation = &held.operation;
    let person = operation.person.as_ref().map_or("", |person| person.id.as_str());
    let seat = operation.target.id.as_deref().unwrap_or_default();
    let text = format!("{}\0{person}\0{seat}", operation.kind);
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Condition {}
impl PartialOrd for Condition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Condition {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.topic, &self.key).cmp(&(other.topic, &other.key))
    }
}
