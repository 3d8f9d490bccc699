//! rosterd keeps the roster of one App Store Connect team in line with an identity provider.
//!
//! A value goes one way, through rooms whose names it already knows, and never back:
//!
//! ```text
//!  source ──▶ DirectorySnapshot ─┐
//!                                ├─▶ scope, mapping ─▶ desired state ─┐
//!  config ──▶ Policy ────────────┘                                    │
//!  asc    ──▶ TeamSnapshot ───────────────────────────────────────────┼─▶ correlate ─▶ diff ─▶ guard ─▶ Plan
//!  state  ──▶ Ledger ─────────────────────────────────────────────────┘                                  │
//!                                      audit + ledger ◀── outcomes ◀── apply within the budget ◀─────────┘
//! ```
//!
//! [`model`] holds the nouns and [`plan`] the verbs, both pure. [`source`] and [`asc`] talk to the two sides over [`http`].
//! [`state`] keeps the journal (the truth) and sled (a cache). [`engine`] is the only place that both reads and writes.

pub mod model;
pub mod plan;

pub mod clock;
mod connection;
pub mod http;
pub mod metrics;
pub mod pem;
pub mod proxy;
pub mod regular_file;
pub mod secret;
pub mod telemetry;

pub mod asc;
pub mod source;
pub mod state;

pub mod config;
pub mod engine;

pub mod control;
pub mod notify;
pub mod serve;

pub mod cli;

#[cfg(feature = "simulator")]
pub mod simulator;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod tests;
