//! Answers the commands of the machine's own users: root and the user the daemon runs as, told by the socket's peer
//! credentials on top of the file's mode. They send at once what they ask; a connection that does not is cut off, so that
//! one which is forgotten open costs no descriptor for long.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::SOCKET;
use super::client::PATIENCE;
use super::protocol::{Answer, Request};
use super::trust;
use crate::engine::CycleError;

/// A saved plan of 50,000 people is about 40 MB of JSON.
const LARGEST_REQUEST: usize = 64 << 20;
/// Connections at one time; more wait in the kernel's queue. A command has one, and now and then a second.
const CONNECTIONS: usize = 128;
/// Pause after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How long a caller may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For the head of a request, from the connection on.
    head: Duration,
    /// For all of it.
    body: Duration,
    /// Until the answer is taken, longer than any command waits for one.
    connection: Duration,
}

impl Patience {
    const STANDARD: Self = Self {
        head: Duration::from_secs(5),
        body: Duration::from_secs(30),
        connection: PATIENCE.saturating_add(Duration::from_secs(60)),
    };
}

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

/// The user at the other end.
#[derive(Clone, Copy, Debug)]
struct Peer(u32);

/// Makes the socket (mode 0600), and its folder (0700) where systemd has not. The caller holds the state's lock, so a socket
/// that is there already is a leftover.
///
/// # Errors
/// When the runtime folder cannot be written, or others may enter it ([`trust::Untrusted`]).
pub fn bind(runtime_dir: &Path) -> anyhow::Result<UnixListener> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(runtime_dir)?;
    trust::ours(runtime_dir)?;
    let path = runtime_dir.join(SOCKET);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until told to stop, and then lets answers that have begun finish; whoever waits for that decides for how long.
pub async fn run<S: Serve>(listener: UnixListener, service: Arc<S>, stop: CancellationToken) {
    serve(listener, service, stop, Patience::STANDARD).await;
}

async fn serve<S: Serve>(
    listener: UnixListener,
    service: Arc<S>,
    stop: CancellationToken,
    patience: Patience,
) {
    let app = Router::new().route("/control", post(handle::<S>)).with_state(service);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer, slot) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let app = app.clone().layer(Extension(peer)).layer(Extension(patience));
        connections.spawn(connection(stream, app, patience, stop.clone(), slot));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The next connection of a user who may ask; others are cut off without a word.
async fn accept(listener: &UnixListener, slots: &Arc<Semaphore>) -> (UnixStream, Peer, OwnedSemaphorePermit) {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match stream.peer_cred().map(|peer| peer.uid()) {
                Ok(uid) if trust::may_ask(uid) => return (stream, Peer(uid), slot),
                who => tracing::warn!(?who, "a connection of another user was cut off"),
            },
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection with one request, from its first byte to its last. `_slot` is free again when this returns.
async fn connection(
    stream: UnixStream,
    app: Router,
    patience: Patience,
    stop: CancellationToken,
    _slot: OwnedSemaphorePermit,
) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience.head).keep_alive(false);
    crate::connection::serve(builder, stream, app, patience.connection, stop).await;
}

async fn handle<S: Serve>(
    State(service): State<Arc<S>>,
    Extension(Peer(uid)): Extension<Peer>,
    Extension(patience): Extension<Patience>,
    body: Body,
) -> Result<Json<Answer>, (StatusCode, String)> {
    let whole = tokio::time::timeout(patience.body, axum::body::to_bytes(body, LARGEST_REQUEST));
    let body = match whole.await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Err((StatusCode::PAYLOAD_TOO_LARGE, error.to_string())),
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the request did not come".to_owned())),
    };
    let request = serde_json::from_slice(&body)
        .map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, format!("not a request: {error}")))?;
    drop(body);
    Ok(Json(answered(service, request, uid).await))
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
