//! Asks a running daemon.

use std::path::Path;
use std::time::Duration;

use super::SOCKET;
use super::protocol::{Answer, Request};
use super::trust::{self, Untrusted};

/// Longer than any cycle that is waited for; an apply within an hour's budget can take most of an hour.
pub(super) const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);

/// A daemon tells how things are at once, whatever else it is busy with. One that does not is stopped or hangs, and
/// nobody should wait two hours to learn that.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// How often one is asked for while a long answer is waited for.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No daemon listens.
    #[error("no daemon answers at {0}")]
    NoDaemon(String),
    /// It listens and does not answer sensibly.
    #[error("the daemon at {socket} gave no usable answer: {cause}")]
    NoAnswer {
        /// Path of the socket.
        socket: String,
        /// Why.
        cause: String,
    },
    /// It may be anybody's.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
}

/// Sends one request to the daemon that owns these folders.
///
/// # Errors
/// [`ClientError::NoDaemon`] when nobody listens, so that the caller can open the state itself.
pub async fn ask(runtime_dir: &Path, state_dir: &Path, request: &Request) -> Result<Answer, ClientError> {
    let socket = runtime_dir.join(SOCKET);
    let shown = socket.display().to_string();
    let Ok(stream) = tokio::net::UnixStream::connect(&socket).await else {
        return Err(ClientError::NoDaemon(shown));
    };
    // Nobody else may put another socket there, so what is asked of this one holds for the next as well.
    trust::daemon(&stream, runtime_dir, state_dir)?;
    drop(stream);
    let failed = |error: reqwest::Error| {
        let cause = if error.is_timeout() { "it does not answer".to_owned() } else { error.to_string() };
        ClientError::NoAnswer { socket: shown.clone(), cause }
    };
    let client = reqwest::Client::builder()
        .unix_socket(socket.as_path())
        .no_proxy()
        .tls_certs_only(std::iter::empty())
        .build()
        .map_err(failed)?;
    let send = |request: &Request, patience: Duration| {
        client.post("http://rosterd/control").timeout(patience).json(request).send()
    };
    if matches!(request, Request::Status) {
        return answer(send(request, SIGN_OF_LIFE).await.map_err(failed)?).await.map_err(failed);
    }
    send(&Request::Status, SIGN_OF_LIFE).await.map_err(failed)?;
    let waits_while_it_lives = async {
        loop {
            tokio::time::sleep(ASK_AGAIN).await;
            if let Err(error) = send(&Request::Status, SIGN_OF_LIFE).await {
                return error;
            }
        }
    };
    let reply = async { answer(send(request, PATIENCE).await?).await };
    tokio::select! {
        answer = reply => answer.map_err(failed),
        error = waits_while_it_lives => Err(failed(error)),
    }
}

async fn answer(reply: reqwest::Response) -> reqwest::Result<Answer> {
    reply.error_for_status()?.json().await
}
