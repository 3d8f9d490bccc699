//! Answers the commands of the machine's own users: root and the user the daemon runs as, told by the socket's peer
//! credentials on top of the file's mode.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use axum::extract::{ConnectInfo, DefaultBodyLimit, State, connect_info};
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::IncomingStream;
use axum::{Json, Router};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::SOCKET;
use super::protocol::{Answer, Request};
use crate::engine::CycleError;

/// A saved plan of 50,000 people is about 40 MB of JSON.
const LARGEST_REQUEST: usize = 64 << 20;

/// Serves requests; the daemon implements it.
pub trait Serve: Send + Sync + 'static {
    /// One request of this user, which ends in order once it is cancelled.
    fn serve(
        &self,
        request: Request,
        uid: u32,
        cancel: CancellationToken,
    ) -> impl Future<Output = Answer> + Send;

    /// What cancels one request; the daemon's own end does as well.
    fn cancel(&self) -> CancellationToken;
}

#[derive(Clone, Copy, Debug)]
struct Peer(Option<u32>);

impl connect_info::Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|credentials| credentials.uid()))
    }
}

/// Makes the socket (mode 0600), and its folder (0700) where systemd has not. The caller holds the state's lock, so a socket that is there already is a leftover.
///
/// # Errors
/// When the runtime folder cannot be written.
pub fn bind(runtime_dir: &Path) -> io::Result<UnixListener> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(runtime_dir)?;
    let path = runtime_dir.join(SOCKET);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until told to stop.
///
/// # Errors
/// When the listener fails.
pub async fn run<S: Serve>(
    listener: UnixListener,
    service: Arc<S>,
    stop: CancellationToken,
) -> io::Result<()> {
    let app = Router::new()
        .route("/control", post(handle::<S>))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(service);
    axum::serve(listener, app.into_make_service_with_connect_info::<Peer>())
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

async fn handle<S: Serve>(
    State(service): State<Arc<S>>,
    ConnectInfo(Peer(uid)): ConnectInfo<Peer>,
    Json(request): Json<Request>,
) -> Result<Json<Answer>, StatusCode> {
    let ours = crate::state::process::effective_user();
    match uid {
        Some(uid) if uid == 0 || uid == ours => Ok(Json(answered(service, request, uid).await)),
        Some(_) | None => Err(StatusCode::FORBIDDEN),
    }
}

/// The work is a task of its own. A caller who goes away drops only the wait for it: that asks the work to end in order, and
/// never leaves a request of it without its outcome.
async fn answered<S: Serve>(service: Arc<S>, request: Request, uid: u32) -> Answer {
    let cancel = service.cancel();
    let _gone = cancel.clone().drop_guard();
    let work = tokio::spawn(async move { service.serve(request, uid, cancel).await });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a command of a client broke off");
        let hint =
            "this is a defect, please report it with the daemon's log; `rosterd status` tells what was done";
        Answer::Refused(CycleError::refused("the daemon broke off in the middle of this", hint).into())
    })
}

#[cfg(test)]
mod tests;
