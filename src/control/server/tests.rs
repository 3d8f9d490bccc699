use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::*;
use crate::control::client;

/// Panics at `unlink`, and takes until it is cancelled for everything else but `status`.
#[derive(Default)]
struct Stub {
    begun: Notify,
    ended_in_order: AtomicUsize,
    stop: CancellationToken,
}

impl Serve for Stub {
    async fn serve(&self, request: Request, _: u32, cancel: CancellationToken) -> Answer {
        match request {
            Request::Status => {}
            Request::UnlinkAll => panic!("a defect"),
            _ => {
                self.begun.notify_one();
                cancel.cancelled().await;
                tokio::time::sleep(Duration::from_millis(50)).await;
                self.ended_in_order.fetch_add(1, Ordering::SeqCst);
            }
        }
        Answer::Done { lines: Vec::new() }
    }

    fn cancel(&self) -> CancellationToken {
        self.stop.child_token()
    }
}

fn served(stub: &Arc<Stub>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let listener = bind(dir.path()).expect("a socket");
    tokio::spawn(run(listener, Arc::clone(stub), CancellationToken::new()));
    dir
}

#[tokio::test]
async fn a_panic_is_answered_and_the_next_request_too() {
    let stub = Arc::new(Stub::default());
    let dir = served(&stub);
    for _ in 0..2 {
        let answer = client::ask(dir.path(), &Request::UnlinkAll).await.expect("an answer");
        let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
        assert!(refusal.text.contains("broke off"), "{refusal:?}");
        assert_eq!(refusal.exit_code, 1);
    }
    client::ask(dir.path(), &Request::Status).await.expect("an answer");
}

#[tokio::test]
async fn a_caller_who_goes_away_cancels_the_work_and_drops_none_of_it() {
    let stub = Arc::new(Stub::default());
    let dir = served(&stub);
    let folder = dir.path().to_owned();
    let caller = tokio::spawn(async move { client::ask(&folder, &Request::Plan).await });
    stub.begun.notified().await;
    caller.abort();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if stub.ended_in_order.load(Ordering::SeqCst) == 1 {
            return;
        }
    }
    panic!("the work did not end");
}
