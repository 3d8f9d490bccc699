//! The verbs: two snapshots, a policy and the ledger in, one plan out. Pure, synchronous, and all choices are made here.

use jiff::Timestamp;

use crate::model::{DirectorySnapshot, Event, Ledger, Plan, Policy, TeamSnapshot};

/// What the hour still allows, as the rate limiter knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests to App Store Connect that this hour has left for us, the reserve taken off.
    pub requests: u64,
    /// Milliseconds between two requests at our pace.
    pub pace_ms: u64,
}

/// Everything a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The identity provider's side.
    pub directory: &'a DirectorySnapshot,
    /// App Store Connect's side.
    pub team: &'a TeamSnapshot,
    /// What the configuration decides.
    pub policy: &'a Policy,
    /// What we know besides.
    pub ledger: &'a Ledger,
    /// When both sides had been read.
    pub now: Timestamp,
    /// For the forecast.
    pub allowance: Allowance,
}

/// A plan, and what a cycle that applies it writes down besides its writes.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Links, acceptances, absences and holds that this read established, in the order they are to be recorded
    /// before the first write. A dry run drops them.
    pub findings: Vec<Event>,
    /// People in scope.
    pub in_scope: u64,
    /// Keys of `[guard]` that tripped.
    pub guards: Vec<String>,
    /// Digests of approvals that released something in this plan; spent once it is applied.
    pub approvals_used: Vec<String>,
}
