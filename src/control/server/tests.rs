use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    served_with(stub, Patience::STANDARD)
}

fn served_with(stub: &Arc<Stub>, patience: Patience) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).expect("its mode");
    let listener = bind(dir.path()).expect("a socket");
    tokio::spawn(serve(listener, Arc::clone(stub), CancellationToken::new(), patience));
    dir
}

async fn connect(dir: &tempfile::TempDir) -> UnixStream {
    UnixStream::connect(dir.path().join(SOCKET)).await.expect("connects")
}

/// All that comes until the other side closes, which it does soon.
async fn rest(stream: &mut UnixStream) -> String {
    let mut text = String::new();
    let whole = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut text));
    whole.await.expect("it is cut off").expect("text");
    text
}

const SOON: Duration = Duration::from_millis(300);
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn idle_connections_are_cut_off_and_lock_nobody_out() {
    let stub = Arc::new(Stub::default());
    let dir = served_with(&stub, Patience { head: SOON, body: SOON, connection: NEVER });
    let mut idle = Vec::new();
    for _ in 0..CONNECTIONS + 20 {
        idle.push(connect(&dir).await);
    }
    client::ask(dir.path(), dir.path(), &Request::Status).await.expect("an answer");
    for stream in &mut idle {
        assert_eq!(rest(stream).await, "");
    }
}

#[tokio::test]
async fn half_a_request_is_cut_off_and_one_request_is_all_of_a_connection() {
    let stub = Arc::new(Stub::default());
    let dir = served_with(&stub, Patience { head: SOON, body: SOON, connection: NEVER });
    let head = "POST /control HTTP/1.1\r\nHost: rosterd\r\nContent-Type: application/json\r\n";
    let mut half = connect(&dir).await;
    half.write_all(head.as_bytes()).await.expect("sent");
    assert_eq!(rest(&mut half).await, "", "no end of its head");
    let mut half = connect(&dir).await;
    half.write_all(format!("{head}Content-Length: 99\r\n\r\n{{").as_bytes()).await.expect("sent");
    assert!(rest(&mut half).await.starts_with("HTTP/1.1 408 "));
    let mut one = connect(&dir).await;
    let body = r#"{"command":"status"}"#;
    let whole = format!("{head}Connection: keep-alive\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    one.write_all(whole.as_bytes()).await.expect("sent");
    assert!(rest(&mut one).await.ends_with(r#"{"answer":"done","lines":[]}"#));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_is_free() {
    let stub = Arc::new(Stub::default());
    let dir = served_with(&stub, Patience { head: NEVER, body: NEVER, connection: NEVER });
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(connect(&dir).await);
    }
    let asked = client::ask(dir.path(), dir.path(), &Request::Status);
    let mut asked = std::pin::pin!(asked);
    assert!(tokio::time::timeout(SOON, asked.as_mut()).await.is_err(), "one too many");
    held.clear();
    asked.await.expect("an answer");
}

#[tokio::test]
async fn a_panic_is_answered_and_the_next_request_too() {
    let stub = Arc::new(Stub::default());
    let dir = served(&stub);
    for _ in 0..2 {
        let answer = client::ask(dir.path(), dir.path(), &Request::UnlinkAll).await.expect("an answer");
        let Answer::Refused(refusal) = answer else { panic!("{answer:?}") };
        assert!(refusal.text.contains("broke off"), "{refusal:?}");
        assert_eq!(refusal.exit_code, 1);
    }
    client::ask(dir.path(), dir.path(), &Request::Status).await.expect("an answer");
}

#[tokio::test]
async fn a_caller_who_goes_away_cancels_the_work_and_drops_none_of_it() {
    let stub = Arc::new(Stub::default());
    let dir = served(&stub);
    let folder = dir.path().to_owned();
    let caller = tokio::spawn(async move { client::ask(&folder, &folder, &Request::Plan).await });
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
