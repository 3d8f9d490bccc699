//! What can be asked of the engine, and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::CycleError;
use crate::engine::report::{CycleReport, Status};
use crate::model::{AppId, BundleId, Plan};

/// One request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// Read both sides and plan.
    Plan,
    /// The same to be applied: what was left open is settled first.
    PlanToApply,
    /// Apply the plan of exactly this digest, which was shown before, or the same plan made anew.
    Apply {
        /// Of the plan that was shown.
        digest: String,
    },
    /// The same with the plan as it was shown, which tells what moved where the daemon no longer knows it.
    ApplyShown {
        /// As it was shown.
        plan: Box<Plan>,
    },
    /// Apply exactly this saved plan.
    ApplySaved {
        /// As it was saved.
        plan: Box<Plan>,
    },
    /// How things are.
    Status,
    /// Release what guards hold in this plan.
    Approve {
        /// As shown; 12 digits are enough.
        digest: String,
    },
    /// One person, end to end.
    Explain {
        /// An address, an IdP id or a seat id.
        who: String,
    },
    /// This person is that Apple Account.
    Link {
        /// An address of the person.
        email: String,
        /// The Apple Account.
        apple_account: String,
    },
    /// Forget whose a seat is.
    Unlink {
        /// An address, an IdP id or a seat id.
        who: String,
    },
    /// Forget every link and every seat of ours.
    UnlinkAll,
    /// These seats are ours.
    Adopt {
        /// Addresses, IdP ids or seat ids.
        who: Vec<String>,
    },
    /// Ledger and state as JSON Lines.
    StateExport,
}

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Request::Plan`].
    Plan {
        /// The plan.
        plan: Box<Plan>,
        /// Names of apps for people.
        apps: BTreeMap<BundleId, AppId>,
    },
    /// To the two kinds of apply.
    Applied {
        /// How it went.
        report: Box<CycleReport>,
        /// What was applied.
        plan: Box<Plan>,
    },
    /// To [`Request::Status`].
    Status {
        /// How things are.
        status: Box<Status>,
    },
    /// To [`Request::Explain`].
    Explanation {
        /// For people.
        text: String,
        /// For programs.
        json: serde_json::Value,
    },
    /// Done; one line each for the user.
    Done {
        /// What was done.
        lines: Vec<String>,
    },
    /// Text as it is to be printed.
    Text {
        /// With its line breaks.
        text: String,
    },
    /// It was not done.
    Refused(Refusal),
}

/// Why something was not done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// One line.
    pub text: String,
    /// What moved, one line each.
    pub details: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Of the contract.
    pub exit_code: u8,
}

impl From<CycleError> for Refusal {
    fn from(error: CycleError) -> Self {
        let (text, hint, exit_code) = (crate::engine::told(&error), error.hint(), error.exit_code());
        let details = match error {
            CycleError::Refused { details, .. } => details,
            CycleError::Source(_)
            | CycleError::Team(_)
            | CycleError::State(_)
            | CycleError::NothingRead(_)
            | CycleError::Stopped => Vec::new(),
        };
        Self { text, details, hint, exit_code }
    }
}
