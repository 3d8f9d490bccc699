//! What the engine tells about itself: the JSON of `status`, `/status` and the page.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::event::{CycleId, CycleResult};
use crate::model::operation::{Held, HoldReason, PlanCoverage, Summary};

/// The schema name of [`Status`].
pub const SCHEMA: &str = "rosterd.status/1";

/// How one cycle went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CycleReport {
    /// Its id.
    pub id: CycleId,
    /// Its start.
    pub started_at: Timestamp,
    /// Its end.
    pub finished_at: Timestamp,
    /// How it ended.
    pub result: CycleResult,
    /// Of its plan.
    pub digest: Option<String>,
    /// Of its plan.
    pub summary: Option<Summary>,
    /// Of its plan.
    pub coverage: Option<PlanCoverage>,
    /// What became of its operations.
    pub done: Done,
    /// Why it ended early, or the first operation that failed.
    pub error: Option<Trouble>,
    /// What a command that ran just this cycle exits with.
    pub exit_code: u8,
}

/// What became of a plan's operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Done, or so already.
    pub applied: usize,
    /// Refused.
    pub failed: usize,
    /// Withdrawn before they were sent.
    pub withdrawn: usize,
    /// No telling; settled by the next cycle.
    pub unknown: usize,
    /// Left for the next cycle by the budget, a signal or a refusal.
    pub deferred: usize,
}

/// One line of what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What.
    pub text: String,
    /// The cure, where there is one.
    pub hint: Option<String>,
}

impl Trouble {
    /// What can be told to anyone: texts of errors may name people, their class does not.
    fn without_personal_data(exit_code: u8) -> Self {
        let class = match exit_code {
            4 => "a peer refused our credential or its rights",
            5 => "some operations failed, or a side was read only in part",
            6 => "the state was locked",
            78 => "the configuration was refused",
            _ => "the cycle could not be ended",
        };
        Self { text: format!("{class}; `rosterd status` on the machine says more"), hint: None }
    }
}

/// What the daemon does right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// No daemon runs.
    NotRunning,
    /// Waiting for the next cycle.
    Waiting,
    /// Reading both sides.
    Observing,
    /// Computing.
    Planning,
    /// Writing.
    Applying,
    /// Finishing after a signal.
    Stopping,
}

/// The API key's hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// Requests an hour, by the server's header or the configuration.
    pub limit: u64,
    /// Left for others.
    pub reserve: u64,
    /// Ours within the last hour.
    pub used: u64,
    /// What the key's hour has left, as the server last said.
    pub remaining: Option<u64>,
}

/// A credential of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialReport {
    /// `app_store_connect_key`, `scim_token`, `graph_secret`, …
    pub name: String,
    /// When it expires, where that is known.
    pub expires: Option<Timestamp>,
    /// How it is known: `configuration`, `certificate`, `graph`.
    pub known_from: Option<String>,
}

/// Cycles are slowed after repeated failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Of the first failure in the row.
    pub since: Timestamp,
    /// When the next try is due.
    pub until: Timestamp,
    /// Cycles that failed in a row.
    pub failures: u32,
    /// The last failure.
    pub trouble: Option<Trouble>,
}

/// The latest set that guards hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuardReport {
    /// What `approve` takes.
    pub digest: String,
    /// Keys of `[guard]`.
    pub guards: Vec<String>,
    /// Since when.
    pub at: Timestamp,
    /// True when the set has been approved and waits for the next cycle.
    pub approved: bool,
}

/// Everything `status` shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: String,
    /// The configuration's `name`.
    pub team: String,
    /// Of the program.
    pub version: String,
    /// When this was written.
    pub now: Timestamp,
    /// What the daemon does.
    pub doing: Doing,
    /// Since when it runs.
    pub running_since: Option<Timestamp>,
    /// From the end of a cycle to the start of the next; with cron, the longest gap of the coming day.
    pub interval_seconds: u64,
    /// When the next cycle is due.
    pub next_cycle: Option<Timestamp>,
    /// End of the last cycle that succeeded.
    pub last_success: Option<Timestamp>,
    /// Cycles that failed in a row.
    pub consecutive_failures: u32,
    /// Where cycles are slowed.
    pub quarantine: Option<Quarantine>,
    /// Newest first.
    pub cycles: Vec<CycleReport>,
    /// Of the last plan, by reason.
    pub held_by_reason: BTreeMap<HoldReason, usize>,
    /// Of the last plan; empty where personal data is not shown.
    pub held: Arc<[Held]>,
    /// Where guards hold something.
    pub guard: Option<GuardReport>,
    /// Writes without an outcome.
    pub open_intents: usize,
    /// The API key's hour.
    pub budget: BudgetReport,
    /// Our credentials.
    pub credentials: Vec<CredentialReport>,
    /// Credentials whose file on disk was refused, with why; the one before it goes on.
    #[serde(default)]
    pub credential_troubles: BTreeMap<String, Trouble>,
    /// After a reload that was refused, with why.
    pub reload_trouble: Option<Trouble>,
}

impl Status {
    /// How much waits, by reason.
    pub fn waiting(&self) -> impl Iterator<Item = (HoldReason, usize)> {
        self.held_by_reason
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .filter(|(reason, _)| reason.waits())
    }

    /// Seats that are not managed.
    pub fn unmanaged(&self) -> usize {
        self.held_by_reason.get(&HoldReason::Unmanaged).copied().unwrap_or(0)
    }

    /// The same without names, addresses and ids of people.
    #[must_use]
    pub fn without_personal_data(mut self) -> Self {
        self.held = Arc::default();
        for cycle in &mut self.cycles {
            if let Some(coverage) = &mut cycle.coverage {
                coverage.problems.clear();
            }
            if let Some(error) = &mut cycle.error {
                *error = Trouble::without_personal_data(cycle.exit_code);
            }
        }
        let last = self.cycles.first().map_or(1, |cycle| cycle.exit_code);
        if let Some(trouble) = self.quarantine.as_mut().and_then(|quarantine| quarantine.trouble.as_mut()) {
            *trouble = Trouble::without_personal_data(last);
        }
        for trouble in self.credential_troubles.values_mut() {
            "the file on disk was refused".clone_into(&mut trouble.text);
            trouble.hint = Some("see `rosterd status` on the machine".to_owned());
        }
        self.reload_trouble = self.reload_trouble.map(|_| Trouble {
            text: "the configuration on disk was refused".to_owned(),
            hint: Some("run `rosterd check`".to_owned()),
        });
        self
    }

    /// True when a daemon has succeeded within three intervals.
    pub fn is_ready(&self) -> bool {
        let Some(last) = self.last_success else { return false };
        let age = self.now.as_second() - last.as_second();
        // A success in the future is none that is known.
        u64::try_from(age).is_ok_and(|age| age <= self.interval_seconds.saturating_mul(3))
    }
}
