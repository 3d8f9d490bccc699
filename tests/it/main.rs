//! One binary for all tests that use rosterd from outside.

mod asc;
mod graph;
mod scim2_server;
mod scim_source;
mod simulator;
