//! The only place that both reads and writes.

pub mod report;
