//! One binary for all tests that use rosterd from outside.
#![allow(
    clippy::print_stderr,
    clippy::type_complexity,
    reason = "tests say when they skip, and tables of cases are wide"
)]

mod asc;
mod cli;
mod costs;
mod graph;
mod page;
mod scim2_server;
mod scim_source;
mod simulator;
mod support;
mod tidy;
