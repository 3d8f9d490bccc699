//! `apply FILE`: exactly that plan, or a refusal that lists what moved since.

use super::{Caller, Core, stale};
use crate::asc::{TeamRead, TeamWrite};
use crate::control::protocol::Answer;
use crate::engine::CycleError;
use crate::model::Plan;
use crate::plan::saved::check;
use crate::source::DirectorySource;

impl<S, T> Core<S, T>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
{
    pub(super) async fn apply_saved(&self, saved: &Plan, caller: &Caller) -> Result<Answer, CycleError> {
        check(saved, &self.policy.team, &self.state.ledger(), self.clock.now())
            .map_err(|fault| CycleError::refused(fault.to_string(), fault.hint()))?;
        let now = self.settled_plan(caller).await?;
        if now.planned.plan.digest != saved.digest {
            return Err(stale("the saved plan is stale", saved, &now.planned.plan));
        }
        // Only where the lists could not be read whole does a write of it still wait for its outcome.
        let ledger = self.state.ledger();
        if ledger.open_intents.values().any(|open| open.plan == saved.digest) {
            return Err(CycleError::refused(
                "this plan was begun, and what came of a write of it is not known yet",
                "try again once both sides can be read completely; `rosterd status` counts open intents",
            ));
        }
        self.apply(now, Some(saved), caller).await
    }
}
