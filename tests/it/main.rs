//! One binary for all tests that use rosterd from outside.

mod scim2_server;
mod scim_source;
mod simulator;
