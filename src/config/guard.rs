//! `[guard]`: what needs a second look.

use serde::Deserialize;

use super::checker::Checker;
use super::scope::globs;
use crate::model::policy::{GuardPolicy, NewAdmins};

/// `[guard]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct GuardTable {
    removals_max: u32,
    removals_max_percent: u32,
    removals_max_per_day: u32,
    source_shrink_percent: u32,
    admins_min: u32,
    new_admins: NewAdmins,
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
