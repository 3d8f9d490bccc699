//! The unix socket: one request and one answer, as JSON over HTTP. A command asks the daemon when one answers, and
//! otherwise opens the state itself and serves the same request, so that the user sees no difference.

pub mod client;
pub mod protocol;
pub mod server;
pub mod trust;

/// Name of the socket in the runtime folder.
pub const SOCKET: &str = "control.sock";
