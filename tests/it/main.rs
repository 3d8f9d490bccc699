//! One binary for all tests that use rosterd from outside.

mod scim_source;
mod simulator;
