//! One request from arrival to answer: log, faults, the service it is for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::Response;
use tokio_util::sync::CancellationToken;

use super::connection::Scissors;
use super::faults::{self, Fault, Peer, When};
use super::line::Watcher;
use super::message::{Call, Reply};
use super::state::State;

/// What every connection holds.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) stopped: CancellationToken,
    pub(super) watch: Option<Watcher>,
}

/// What becomes of a request.
pub(super) enum End {
    Answer(Reply),
    /// The connection breaks.
    Cut,
    /// There never was one.
    Unreachable,
}

impl Server {
    /// The state, also after a test panicked while it held it.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, whatever it came over.
    pub(super) async fn end(&self, call: &Call) -> End {
        let fault = self.fault(call);
        if let Some(Fault::Slow { ms }) = &fault {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
        }
        let end = self.effect(call, fault.as_ref());
        if let Some(Fault::AnswersLate { ms }) = &fault {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
        }
        if matches!(fault, Some(Fault::Hang { .. })) {
            self.stopped.cancelled().await;
        }
        end
    }

    fn fault(&self, call: &Call) -> Option<Fault> {
        let mut state = self.lock();
        let queued = state.faults.strike(call);
        queued.or_else(|| self.watch.as_ref()?.0.fault(&state.seen(call)))
    }

    fn effect(&self, call: &Call, fault: Option<&Fault>) -> End {
        let mut state = self.lock();
        for act in state.moments.due(call) {
            act(&mut state);
        }
        if let Some(Watcher(watch)) = &self.watch {
            let seen = state.seen(call);
            watch.arrives(&mut state, &seen);
        }
        let end = settle(&mut state, call, fault);
        let status = match &end {
            End::Answer(reply) => Some(reply.status),
            End::Cut | End::Unreachable => None,
        };
        let seen = state.log(call, status, fault.map(name));
        if let Some(Watcher(watch)) = &self.watch {
            watch.answered(&mut state, &seen);
        }
        end
    }
}

/// The only handler: what a path means depends on its service, and faults come before all of them.
pub(super) async fn handle(
    Shared(server): Shared<Server>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response<Body> {
    let Some(call) = Call::read(request).await else {
        return Reply::text(413, "text/plain", "the body is too large").into_response();
    };
    if call.path.starts_with("/_sim") {
        return super::control::answer(&mut server.lock(), &call).into_response();
    }
    match server.end(&call).await {
        End::Answer(reply) => reply.into_response(),
        // A connection that is open cannot be refused any more, so it is cut as well.
        End::Cut | End::Unreachable => {
            scissors.cut();
            Reply::empty(500).into_response()
        }
    }
}

/// Applies the effect of a request, unless its fault comes before.
fn settle(state: &mut State, call: &Call, fault: Option<&Fault>) -> End {
    let refused = |status| End::Answer(faults::refusal(call.peer, status));
    match fault {
        None | Some(Fault::Slow { .. } | Fault::AnswersLate { .. }) => End::Answer(serve(state, call)),
        Some(Fault::Unreachable) => End::Unreachable,
        Some(Fault::DropBefore | Fault::Hang { when: When::Before }) => End::Cut,
        Some(Fault::Unauthorized) => refused(401),
        Some(Fault::Html { status }) => End::Answer(faults::html(call.peer, *status)),
        Some(Fault::Answers { status, headers, body }) => {
            let mut reply = faults::says(call.peer, *status, body);
            reply.others = headers.clone().into_iter().collect();
            End::Answer(reply)
        }
        Some(Fault::Says { status, body }) => End::Answer(faults::says(call.peer, *status, body)),
        Some(Fault::Status { status, when: When::Before }) => refused(*status),
        Some(Fault::TooMany { retry_after }) => {
            let reply = faults::refusal(call.peer, 429);
            End::Answer(match retry_after {
                Some(value) => reply.with("retry-after", value),
                None => reply,
            })
        }
        Some(Fault::DropAfter | Fault::Hang { when: When::After }) => {
            serve(state, call);
            End::Cut
        }
        Some(Fault::Status { status, when: When::After }) => {
            serve(state, call);
            refused(*status)
        }
        Some(Fault::Truncated) => changed(state, call, faults::truncated),
        Some(Fault::MissingRows { rows }) => changed(state, call, |reply| faults::without_rows(reply, *rows)),
        Some(Fault::WrongTotal { by }) => changed(state, call, |reply| faults::wrong_total(reply, *by)),
        Some(Fault::RepeatedRows) => changed(state, call, faults::repeated_rows),
        Some(Fault::Rewrites { at, value }) => {
            changed(state, call, |reply| faults::rewritten(reply, at, value))
        }
        Some(Fault::HidesRow { id }) => changed(state, call, |reply| faults::hidden_row(reply, id)),
        Some(Fault::ForeignNext) => changed(state, call, |reply| faults::foreign_next(call.peer, reply)),
    }
}

fn changed(state: &mut State, call: &Call, change: impl FnOnce(&mut Reply)) -> End {
    let mut reply = serve(state, call);
    change(&mut reply);
    End::Answer(reply)
}

fn serve(state: &mut State, call: &Call) -> Reply {
    match call.peer {
        Peer::Asc => super::asc::answer(state, call),
        Peer::Scim => super::scim::answer(state, call),
        Peer::Graph => super::graph::answer(state, call),
    }
}

/// The fault's name as the control API spells it.
fn name(fault: &Fault) -> String {
    let value = serde_json::to_value(fault).unwrap_or_default();
    value["kind"].as_str().unwrap_or_default().to_owned()
}
