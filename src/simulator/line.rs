//! Straight into a simulator of this process: no socket, no port, and the time of whatever runtime this happens in. With a
//! clock that stands still while there is work, days of requests pass in milliseconds, the same ones each time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::faults::Fault;
use super::message::Call;
use super::server::{End, Server};
use super::state::{Seen, State};
use crate::http::HttpError;

/// Sees every request of a [`Line`], and decides what happens on the way.
pub trait Watch: Send + Sync {
    /// What goes wrong with a request for which no fault is queued.
    fn fault(&self, request: &Seen) -> Option<Fault>;

    /// How long a request, and then its answer, is on its way; `None`: it never gets there.
    fn travels(&self, request: Way) -> Option<Duration>;

    /// A request is about to have its effect.
    fn arrives(&self, state: &mut State, request: &Seen);

    /// It had its effect, or none, and this is what is answered. Nothing else happened since it arrived.
    fn answered(&self, state: &mut State, request: &Seen);
}

/// Which way something travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The request.
    There,
    /// The answer.
    Back,
}

/// A watch that can be printed.
#[derive(Clone)]
pub(super) struct Watcher(pub(super) Arc<dyn Watch>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

/// The way into a simulator; clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Line(pub(super) Server);

impl Line {
    /// Sends one request, with the errors that a real connection would give.
    pub(crate) async fn send(
        &self,
        request: &reqwest::Request,
        place: &str,
        limit: Duration,
    ) -> Result<reqwest::Response, HttpError> {
        let place = place.to_owned();
        let call = Call::of(request);
        let exchange = async {
            self.travel(Way::There).await;
            let end = self.0.end(&call).await;
            self.travel(Way::Back).await;
            end
        };
        let lost = |place| HttpError::Lost { place, cause: "connection closed".to_owned() };
        match tokio::time::timeout(limit, exchange).await {
            Ok(End::Answer(reply)) => {
                reply.into_whole().map(reqwest::Response::from).ok_or_else(|| lost(place))
            }
            Ok(End::Cut) => Err(lost(place)),
            Ok(End::Unreachable) => Err(HttpError::NotSent { place, cause: "connection refused".to_owned() }),
            Err(_) => Err(HttpError::Timeout { place, seconds: limit.as_secs() }),
        }
    }

    async fn travel(&self, way: Way) {
        let Some(Watcher(watch)) = &self.0.watch else { return };
        match watch.travels(way) {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    }
}
