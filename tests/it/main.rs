//! One binary for all tests that use rosterd from outside.

mod graph;
mod simulator;
