//! What the planner is told.

use super::Config;
use crate::model::Policy;

impl Config {
    /// Everything that decides about people, and nothing that touches the world.
    pub fn policy(&self) -> Policy {
        Policy {
            team: self.name.clone(),
            scope: self.scope.clone(),
            access: self.access.clone(),
            lifecycle: self.lifecycle,
            guard: self.guard.clone(),
        }
    }
}
