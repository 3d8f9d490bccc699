//! One HTTP client for every peer.
/// Placeholder until the client lands in the next commit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HttpError(pub String);
