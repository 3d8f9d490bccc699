//! One binary for all tests that use rosterd from outside.

mod asc;
mod scim2_server;
mod scim_source;
mod simulator;
