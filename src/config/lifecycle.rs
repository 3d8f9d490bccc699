//! `[lifecycle]`: what joining and leaving do.

use serde::Deserialize;

use super::checker::Checker;
use super::values::Length;
use crate::model::policy::{Lifecycle, OnJoin, OnLeave, Unmanaged};

/// `[lifecycle]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct LifecycleTable {
    /// What happens when somebody in scope has no seat.
    on_join: OnJoin,
    /// What happens when the identity provider disables the person; at once.
    on_deactivated: OnLeave,
    /// What happens when the person is gone from the identity provider, after `leave_confirmations`.
    on_deleted: OnLeave,
    /// What happens when the person is still there and no longer in scope, after `leave_confirmations`.
    on_out_of_scope: OnLeave,
    /// Complete reads that must agree before `on_deleted` and `on_out_of_scope` act.
    #[cfg_attr(test, schemars(range(min = 1, max = 100)))]
    leave_confirmations: u32,
    /// How long they wait besides, from the first of those reads.
    leave_grace: Length,
    /// How often an expired invitation is sent again.
    reinvite_max: u32,
    /// An address that comes back under another id of the identity provider within this time is a conflict.
    reuse_window: Length,
    /// Seats that rosterd neither invited nor adopted.
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
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
struct UnmanagedTable {
    /// The seat's person is disabled in the identity provider.
    deactivated: OnLeave,
    /// The seat's person is in the identity provider and not in scope.
    out_of_scope: OnLeave,
    /// Nobody in the directory has the seat's address.
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
