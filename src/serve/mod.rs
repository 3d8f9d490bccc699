//! Health endpoints and the page: `/metrics`, `/livez`, `/readyz`, `/status`, `/`.
//!
//! Everything here answers from memory and calls nobody. A client may send one small request head within seconds; whoever
//! is slower or larger is cut off, and one too many takes the place of the oldest: a probe says all it has to say at once, so
//! that no flood of half requests keeps it waiting.

mod guard;
mod page;
mod router;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::engine::report::Status;
use crate::metrics::Metrics;

pub use guard::Token;

/// Connections at one time; another one takes the place of the oldest.
const CONNECTIONS: usize = 64;
/// Bytes of a request head; hyper answers 431 beyond it.
const HEAD_BYTES: usize = 16 << 10;
/// Header lines of a request.
const HEAD_LINES: usize = 64;
/// Pause after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What the server shows. Both answers come from memory, at once.
pub trait View: Send + Sync + 'static {
    /// Everything `status` shows, personal data included; the server leaves out what a caller may not see.
    fn status(&self) -> Status;

    /// True while the daemon makes progress.
    fn live(&self) -> bool;
}

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For a whole request head, and between two requests.
    head: Duration,
    /// For everything on one connection.
    connection: Duration,
}

impl Patience {
    const STANDARD: Self = Self { head: Duration::from_secs(5), connection: Duration::from_secs(30) };
}

/// The server for `http.listen`.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    router: Router,
    patience: Patience,
}

impl Server {
    /// Opens the port; to be called within the runtime. With a token, callers that bring it see personal data. An
    /// address that is not loopback needs one.
    ///
    /// # Errors
    /// The address cannot be bound, or would show the status to the network without a token.
    pub fn bind(
        listen: SocketAddr,
        view: Arc<dyn View>,
        metrics: Arc<Metrics>,
        token: Token,
    ) -> io::Result<Self> {
        if token.load().is_none() && !listen.ip().is_loopback() {
            let why = "an address that is not loopback needs a bearer token";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let gate = guard::Gate::new(listener.local_addr()?.ip(), token);
        let router = router::router(view, metrics, gate);
        Ok(Self { listener, router, patience: Patience::STANDARD })
    }

    /// Where it listens; of interest where the port was 0.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until cancelled, then lets answers that have begun finish for a moment.
    pub async fn run(self, cancel: CancellationToken) {
        let mut connections = JoinSet::new();
        let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            while connections.try_join_next().is_some() {}
            oldest_first.retain(|connection| !connection.is_finished());
            let is_full = accepted.is_err() || oldest_first.len() >= CONNECTIONS;
            if is_full && let Some(oldest) = oldest_first.pop_front() {
                tracing::debug!("the oldest connection made room for a new one");
                oldest.abort();
            }
            match accepted {
                Ok((stream, _)) => {
                    let connection = serve(stream, self.router.clone(), self.patience, cancel.clone());
                    oldest_first.push_back(connections.spawn(connection));
                    // Whoever has sent a whole head by now is answered before the next one comes in.
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    tracing::debug!(error = %error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.listener);
        let finish = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(1), finish).await.is_err() {
            tracing::debug!("connections were cut off");
        }
    }
}

/// One connection, from its first byte to its last.
async fn serve(stream: TcpStream, router: Router, patience: Patience, cancel: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(patience.head)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_LINES);
    crate::connection::serve(builder, stream, router, patience.connection, cancel).await;
}
