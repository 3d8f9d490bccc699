//! A plan that comes back as a file: what of it can be believed, and whether it may still be applied. Nothing in the file is
//! taken at its word: it is planned anew, and the digest has to be the same. What the digest does not cover decides nothing,
//! so a plan that was applied is known by its digest alone.

use jiff::Timestamp;

use crate::model::ledger::SPENT_KEPT;
use crate::model::{Kind, Ledger, Plan};

use super::digest;

/// Why a saved plan is refused before anything is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanFault {
    /// Its digest is of another content.
    #[error("the saved plan was edited: its digest does not fit its content")]
    Edited,
    /// What a reviewer reads first is not what stands below.
    #[error("the saved plan was edited: its summary does not fit its operations")]
    Miscounted,
    /// Made for another roster.
    #[error("the saved plan is for team {theirs:?}, this configuration is {ours:?}")]
    OtherTeam {
        /// Of the plan.
        theirs: String,
        /// Of the configuration.
        ours: String,
    },
    /// Edited, or made on a machine whose clock is fast.
    #[error("the saved plan says that it was made at {created_at:.0}, and it is {now:.0} here")]
    FromTheFuture {
        /// By the file.
        created_at: Timestamp,
        /// By this machine's clock.
        now: Timestamp,
    },
    /// It took effect before.
    #[error("this plan was applied already, in whole or in part")]
    Spent,
    /// Older than everything that is remembered as applied.
    #[error(
        "the saved plan was made at {created_at:.0}, too long ago to know whether it was applied already"
    )]
    Forgotten {
        /// By the file.
        created_at: Timestamp,
    },
}

impl SavedPlanFault {
    /// What to type next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Edited | Self::Miscounted | Self::Forgotten { .. } => {
                "make a new one with `rosterd plan --out FILE`"
            }
            Self::OtherTeam { .. } => "pass the configuration it was made with, by -c",
            Self::FromTheFuture { .. } => {
                "make a new one with `rosterd plan --out FILE`; `rosterd doctor` compares this machine's clock with both sides'"
            }
            Self::Spent => {
                "make a new one with `rosterd plan --out FILE`; where the very same changes are wanted once more, `rosterd apply` shows them and asks"
            }
        }
    }
}

/// Judges a file by itself and by what is remembered.
///
/// # Errors
/// The first reason to refuse it.
pub fn check(saved: &Plan, team: &str, ledger: &Ledger, now: Timestamp) -> Result<(), SavedPlanFault> {
    let created_at = saved.created_at;
    if !digest::verify(saved) {
        return Err(SavedPlanFault::Edited);
    }
    if !is_counted(saved) {
        return Err(SavedPlanFault::Miscounted);
    }
    if saved.team != team {
        return Err(SavedPlanFault::OtherTeam { theirs: saved.team.clone(), ours: team.to_owned() });
    }
    if ledger.spent_plans.iter().any(|(spent, _)| *spent == saved.digest) {
        return Err(SavedPlanFault::Spent);
    }
    if created_at > now {
        return Err(SavedPlanFault::FromTheFuture { created_at, now });
    }
    match ledger.spent_plans.first() {
        Some((_, oldest)) if ledger.spent_plans.len() >= SPENT_KEPT && created_at < *oldest => {
            Err(SavedPlanFault::Forgotten { created_at })
        }
        Some(_) | None => Ok(()),
    }
}

/// True when the summary counts what stands below it, as far as that can be counted.
fn is_counted(plan: &Plan) -> bool {
    let count = |kind: Kind| plan.operations.iter().filter(|operation| operation.kind == kind).count();
    let summary = plan.summary;
    [
        (summary.invite, count(Kind::Invite)),
        (summary.cancel_invitation, count(Kind::CancelInvitation)),
        (summary.update_member, count(Kind::UpdateMember)),
        (summary.remove_member, count(Kind::RemoveMember)),
        (summary.held, plan.held.len()),
    ]
    .iter()
    .all(|(said, counted)| said == counted)
}
