//! `[audit]`: how long decisions are kept.

use jiff::SignedDuration;
use serde::Deserialize;

use super::checker::Checker;
use super::values::Length;

/// `[audit]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct AuditTable {
    /// Older segments of the journal are folded into a checkpoint; at least 1d.
    retention: Length,
}

impl Default for AuditTable {
    fn default() -> Self {
        Self { retention: Length::hours(400 * 24) }
    }
}

/// `[audit]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// Older segments of the journal are folded into a checkpoint.
    pub retention: SignedDuration,
}

impl AuditTable {
    pub(super) fn check(self, checker: &mut Checker) -> AuditConfig {
        if self.retention.0 < SignedDuration::from_hours(24) {
            checker.problem(
                "audit.retention",
                "is shorter than 1d",
                "write at least \"1d\"; \"400d\" covers a year's audit",
            );
        }
        AuditConfig { retention: self.retention.0 }
    }
}
