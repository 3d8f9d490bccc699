//! `[guard]`: what needs a second look.

use serde::Deserialize;

use super::checker::Checker;
use super::scope::globs;
use crate::model::policy::{GuardPolicy, NewAdmins};

/// `[guard]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct GuardTable {
    /// Seats lost in one cycle that never need approval; 0 lets any need it. Cancelled invitations and narrowed
    /// access count.
    removals_max: u32,
    /// The same as a share of the team. The larger of the two counts.
    #[cfg_attr(test, schemars(range(max = 100)))]
    removals_max_percent: u32,
    /// Seats lost in a rolling 24 h.
    removals_max_per_day: u32,
    /// Removals are held when this much fewer people are in scope than last time.
    #[cfg_attr(test, schemars(range(max = 100)))]
    source_shrink_percent: u32,
    /// Members with ADMIN that must be left, the Account Holder included.
    admins_min: u32,
    /// What happens to whatever would make an administrator of somebody who is none.
    new_admins: NewAdmins,
    /// Addresses or globs of seats that are never touched. The Account Holder never is.
    protected: Vec<String>,
}

impl Default for GuardTable {
    fn default() -> Self {
        Self {
            removals_max: 3,
            removals_max_percent: 10,
            removals_max_per_day: 20,
            source_shrink_percent: 30,
            admins_min: 2,
            new_admins: NewAdmins::Hold,
            protected: Vec::new(),
        }
    }
}

impl GuardTable {
    pub(super) fn check(self, checker: &mut Checker) -> Option<GuardPolicy> {
        checker.percent("guard.removals_max_percent", self.removals_max_percent, 100);
        checker.percent("guard.source_shrink_percent", self.source_shrink_percent, 100);
        if self.removals_max_per_day < self.removals_max && self.removals_max_per_day > 0 {
            let text =
                format!("is less than removals_max ({}), which it therefore replaces", self.removals_max);
            checker.warn("guard.removals_max_per_day", text);
        }
        let protected = globs("guard.protected", &self.protected, checker)?;
        Some(GuardPolicy {
            removals_max: self.removals_max,
            removals_max_percent: self.removals_max_percent,
            removals_max_per_day: self.removals_max_per_day,
            source_shrink_percent: self.source_shrink_percent,
            admins_min: self.admins_min,
            new_admins: self.new_admins,
            protected,
        })
    }
}
