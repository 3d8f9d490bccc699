//! `[lifecycle]`: what joining and leaving do.

use serde::Deserialize;

use super::checker::Checker;
use super::values::Length;
use crate::model::policy::{Lifecycle, OnJoin, OnLeave, Unmanaged};

/// `[lifecycle]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LifecycleTable {
    on_join: OnJoin,
    on_deactivated: OnLeave,
    on_deleted: OnLeave,
    on_out_of_scope: OnLeave,
    leave_confirmations: u32,
    leave_grace: Length,
    reinvite_max: u32,
    reuse_window: Length,
    unmanaged: UnmanagedTable,
}

impl Default for LifecycleTable {
    fn default() -> Self {
        Self {
            on_join: OnJoin::Invite,
            on_deactivated: OnLeave::Remove,
            on_deleted: OnLeave::Remove,
            on_out_of_scope: OnLeave::Remove,
            leave_confirmations: 2,
            leave_grace: Length::hours(0),
            reinvite_max: 3,
            reuse_window: Length::hours(120 * 24),
            unmanaged: UnmanagedTable::default(),
        }
    }
}

/// `[lifecycle.unmanaged]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UnmanagedTable {
    deactivated: OnLeave,
    out_of_scope: OnLeave,
    unknown: OnLeave,
}

impl Default for UnmanagedTable {
    fn default() -> Self {
        Self { deactivated: OnLeave::Report, out_of_scope: OnLeave::Report, unknown: OnLeave::Report }
    }
}

impl LifecycleTable {
    pub(super) fn check(self, checker: &mut Checker) -> Lifecycle {
        // 0 would remove people on the first read that does not show them, which is what confirmations are for.
        checker.range("lifecycle.leave_confirmations", self.leave_confirmations, 1, 100);
        let UnmanagedTable { deactivated, out_of_scope, unknown } = self.unmanaged;
        Lifecycle {
            on_join: self.on_join,
            on_deactivated: self.on_deactivated,
            on_deleted: self.on_deleted,
            on_out_of_scope: self.on_out_of_scope,
            leave_confirmations: self.leave_confirmations,
            leave_grace: self.leave_grace.0,
            reinvite_max: self.reinvite_max,
            reuse_window: self.reuse_window.0,
            unmanaged: Unmanaged { deactivated, out_of_scope, unknown },
        }
    }
}
