//! The only place that both reads and writes.
