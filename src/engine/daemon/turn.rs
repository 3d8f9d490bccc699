//! Turns: one cycle, or one command that reads both sides, at a time. However one ends, by an answer, an error or a panic,
//! the daemon waits again after it.

use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio_util::sync::CancellationToken;

use super::{Shared, systemd};
use crate::control::protocol::{Answer, Request};
use crate::control::server::Serve;
use crate::engine::CycleError;
use crate::engine::commands::Caller;
use crate::engine::report::Doing;
use crate::model::event::Actor;
use crate::state::Note;

/// How long a stop waits for the writes under way: as long as a request may take, and a little to write its outcome down.
const LAST_REQUEST: Duration = crate::http::LONGEST_REQUEST.saturating_add(Duration::from_secs(8));

/// While it lasts, no other cycle and no other command reads or writes.
pub(super) struct Turn<'s> {
    shared: &'s Shared,
    _alone: MutexGuard<'s, ()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shared.shows(Doing::Waiting);
        systemd::status("waiting for the next cycle");
    }
}

impl Shared {
    /// Says what goes on. A daemon that stops does so until its end.
    pub(super) fn shows(&self, doing: Doing) {
        let mut live = self.live();
        if live.doing != Doing::Stopping {
            live.doing = doing;
        }
    }

    /// Waits for the cycle or command in progress.
    async fn turn(&self) -> Turn<'_> {
        Turn { shared: self, _alone: self.busy.lock().await }
    }

    /// The same, unless the daemon stops or the caller goes away before the turn comes.
    pub(super) async fn turn_unless(&self, cancel: &CancellationToken) -> Option<Turn<'_>> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            turn = self.turn() => Some(turn),
        }
    }

    /// After the stop: waits for whatever still writes, and lets nothing else begin.
    pub(super) async fn last_turn(&self) -> Option<Turn<'_>> {
        let turn = tokio::time::timeout(LAST_REQUEST, self.turn()).await.ok();
        if turn.is_none() {
            tracing::error!("a write did not end in time; the next start reads back what came of it");
        }
        turn
    }

    async fn serve_in_turn(
        &self,
        request: Request,
        uid: u32,
        cancel: CancellationToken,
    ) -> Result<Answer, CycleError> {
        let approving = matches!(request, Request::Approve { .. });
        let reads_only = matches!(request, Request::StateExport);
        let turn = if reads_only { None } else { self.turn_unless(&cancel).await };
        if turn.is_none() && !reads_only {
            return Err(CycleError::refused(
                "the daemon is being stopped; nothing was done",
                "try again: without a daemon the same is done by the command itself",
            ));
        }
        let team = self.team.load_full();
        let caller = Caller { actor: Actor::User(uid), cancel };
        let answer = team.core.serve(request, &caller).await;
        if approving && matches!(answer, Answer::Done { .. }) {
            self.ask();
        }
        // A stop before the next cycle would forget what this cost of the key's hour.
        self.state.put_note(Note::Budget, &team.core.team.budget().snapshot());
        Ok(answer)
    }
}

impl Serve for Shared {
    async fn serve(&self, request: Request, uid: u32, cancel: CancellationToken) -> Answer {
        if matches!(request, Request::Status) {
            return Answer::Status { status: Box::new(self.status()) };
        }
        let answer = self.serve_in_turn(request, uid, cancel).await;
        answer.unwrap_or_else(|error| Answer::Refused(error.into()))
    }

    fn cancel(&self) -> CancellationToken {
        self.stop.child_token()
    }
}
