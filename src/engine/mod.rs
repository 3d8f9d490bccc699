//! The only place that both reads and writes. The whole cycle reads as a page in [`cycle`].

pub mod apply;
pub mod commands;
pub mod conditions;
pub mod credentials;
pub mod cycle;
pub mod daemon;
pub mod history;
pub mod quarantine;
pub mod report;
pub mod schedule;
mod seats;
pub mod settle;
pub mod status;
pub mod wire;
pub mod writes;

use std::sync::Arc;

use crate::asc::AscError;
use crate::model::event::{Actor, CycleId};
use crate::model::{Event, Ledger};
use crate::source::SourceError;
use crate::state::{State, StateError};

/// What the engine needs of the journal: read the fold, add facts that are durable when the call returns.
pub trait Book: Send + Sync {
    /// Everything known, as of the latest record.
    fn ledger(&self) -> Arc<Ledger>;

    /// Writes facts down.
    ///
    /// # Errors
    /// When they are not durable: then nothing may be written to the target either.
    fn record(&self, cycle: Option<&CycleId>, actor: &Actor, events: Vec<Event>) -> Result<(), CycleError>;
}

impl Book for State {
    fn ledger(&self) -> Arc<Ledger> {
        Self::ledger(self)
    }

    fn record(&self, cycle: Option<&CycleId>, actor: &Actor, events: Vec<Event>) -> Result<(), CycleError> {
        Ok(Self::record(self, cycle, actor, events)?)
    }
}

/// Why a cycle or a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// The identity provider.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// App Store Connect.
    #[error(transparent)]
    Team(#[from] AscError),
    /// The journal: no audit, no write.
    #[error(transparent)]
    State(#[from] StateError),
    /// Nothing usable was read of one side.
    #[error("{0}")]
    NothingRead(String),
    /// A signal came before anything was written.
    #[error("stopped by a signal; nothing was written")]
    Stopped,
    /// What was asked for does not fit what is there (a stale plan, an unknown digest, nobody of that name).
    #[error("{text}")]
    Refused {
        /// One line.
        text: String,
        /// What moved, one line each.
        details: Vec<String>,
        /// What to do.
        hint: Option<String>,
    },
}

impl CycleError {
    /// Refuses with a hint.
    pub fn refused(text: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused { text: text.into(), details: Vec::new(), hint: Some(hint.into()) }
    }

    /// What the operator can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.hint(),
            Self::Team(error) => error.hint().map(str::to_owned),
            Self::State(error) => error.hint(),
            Self::NothingRead(_) => Some(
                "nothing is changed until there is an answer; check base_url and the rights of the credentials, `rosterd doctor` tries each"
                    .to_owned(),
            ),
            Self::Stopped => None,
            Self::Refused { hint, .. } => hint.clone(),
        }
    }

    /// The exit code of the contract.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Source(SourceError::Refused { .. }) | Self::Team(AscError::Refused { .. }) => 4,
            Self::State(error) if error.is_locked() => 6,
            Self::State(error) if error.is_configuration() => 78,
            Self::Source(_)
            | Self::Team(_)
            | Self::State(_)
            | Self::NothingRead(_)
            | Self::Stopped
            | Self::Refused { .. } => 1,
        }
    }

    /// For reports.
    pub fn trouble(&self) -> report::Trouble {
        report::Trouble { text: told(self), hint: self.hint() }
    }
}

/// An error with what caused it, for people: typed errors do not repeat their source, and a library's sometimes does.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_cause_and_nothing_twice() {
        #[derive(Debug, thiserror::Error)]
        enum Sample {
            #[error("state: cannot read")]
            Quiet(#[source] std::io::Error),
            #[error("cannot connect: {0}")]
            Loud(#[source] std::io::Error),
        }
        let cause = || std::io::Error::other("no such folder");
        assert_eq!(told(&Sample::Quiet(cause())), "state: cannot read: no such folder");
        assert_eq!(told(&Sample::Loud(cause())), "cannot connect: no such folder");
    }
}
