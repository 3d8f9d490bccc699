//! The server over real sockets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::engine::report::{
    BudgetReport, CredentialReport, CycleReport, Doing, Done, GuardReport, Quarantine, SCHEMA, Trouble,
};
use crate::http::Peer;
use crate::metrics::{RequestEnd, RetryReason};
use crate::model::event::{CycleId, CycleResult};
use crate::model::operation::{
    Forecast, HoldReason, Invitee, Kind, PersonRef, Plan, PlanCoverage, Summary, TargetKind,
};
use crate::model::{Address, Held, Hold, Operation, Problem, Target};

const TOKEN: &str = "correct-horse-battery";
const LOOPBACK: &str = "127.0.0.1:0";

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

/// A daemon that has just started.
fn empty() -> Status {
    Status {
        schema: SCHEMA.to_owned(),
        team: "production".to_owned(),
        version: "0.1.0".to_owned(),
        now: now(),
        doing: Doing::Observing,
        running_since: Some(now() - minutes(0)),
        interval_seconds: 2_400,
        next_cycle: Some(now()),
        last_success: None,
        consecutive_failures: 0,
        quarantine: None,
        cycles: Vec::new(),
        held_by_reason: BTreeMap::new(),
        held: Arc::default(),
        guard: None,
        open_intents: 0,
        budget: BudgetReport::default(),
        credentials: Vec::new(),
        credential_troubles: BTreeMap::new(),
        reload_trouble: None,
    }
}

fn cycle(age: i64, result: CycleResult, applied: usize, held: usize) -> CycleReport {
    let finished_at = now() - minutes(12 + 40 * age);
    CycleReport {
        id: CycleId(format!("cycle-{age}")),
        started_at: finished_at - SignedDuration::from_secs(9),
        finished_at,
        result,
        digest: None,
        summary: Some(Summary { held, invite: applied, unchanged: 57, ..Summary::default() }),
        coverage: None,
        done: Done { applied, ..Done::default() },
        error: None,
        exit_code: 0,
    }
}

/// A month of work in which nothing is wrong.
fn quiet() -> Status {
    let cycles = (0..40)
        .map(|age| match age % 9 {
            3 => cycle(age, CycleResult::Success, 3, 0),
            7 => cycle(age, CycleResult::Success, 1, 0),
            _ => cycle(age, CycleResult::NoOp, 0, 0),
        })
        .collect();
    Status {
        doing: Doing::Waiting,
        running_since: Some(now() - minutes(40 * 50)),
        next_cycle: Some(now() + minutes(28)),
        last_success: Some(now() - minutes(12)),
        cycles,
        budget: BudgetReport { limit: 3_600, reserve: 1_800, used: 214, remaining: Some(3_380) },
        credentials: vec![
            CredentialReport { name: "app_store_connect_key".to_owned(), expires: None, known_from: None },
            CredentialReport {
                name: "graph_secret".to_owned(),
                expires: Some(now() + SignedDuration::from_hours(24 * 11)),
                known_from: Some("graph".to_owned()),
            },
        ],
        ..empty()
    }
}

fn held_entry(at: usize, reason: HoldReason, detail: &str) -> Held {
    let email = Address::new(&format!("person{at}@example.com"));
    let operation = Operation {
        kind: Kind::RemoveMember,
        person: Some(PersonRef {
            id: format!("idp-{at}").into(),
            email: Some(email.clone()),
            name: format!("Given{at} Family{at}"),
        }),
        target: Target { kind: TargetKind::Users, id: Some(format!("seat-{at}")), name: Some(email) },
        before: None,
        after: None,
        reasons: vec!["deactivated".to_owned()],
        invitee: None::<Invitee>,
        replacement: false,
    };
    Held { operation, hold: Hold { reason, detail: detail.to_owned() } }
}

/// A mass removal waits for approval, and one read was cut short.
fn held() -> Status {
    let mut status = quiet();
    status.cycles[0] = cycle(0, CycleResult::Held, 2, 9);
    status.cycles[1] = cycle(1, CycleResult::Held, 0, 9);
    status.cycles[2] = cycle(2, CycleResult::Partial, 4, 3);
    status.cycles[2].done = Done { applied: 4, failed: 1, deferred: 6, ..Done::default() };
    status.cycles[2].coverage = Some(PlanCoverage {
        directory: "partial".to_owned(),
        team: "complete".to_owned(),
        problems: vec![Problem("group \"iOS Developers\" ended early at ada@example.com".to_owned())],
    });
    status.held = (0..7)
        .map(|at| held_entry(at, HoldReason::Guard, "removals_max"))
        .chain((7..9).map(|at| held_entry(at, HoldReason::Unmanaged, "its person is deactivated")))
        .collect::<Vec<Held>>()
        .into();
    status.held_by_reason = BTreeMap::from([(HoldReason::Guard, 7), (HoldReason::Unmanaged, 2)]);
    status.guard = Some(GuardReport {
        digest: format!("sha256:{}", "7c9e".repeat(16)),
        guards: vec!["removals_max".to_owned()],
        at: now() - minutes(52),
        approved: false,
    });
    status.open_intents = 1;
    status
}

/// Nothing works, and whatever an operator wrote or a peer answered might name somebody.
fn quarantined() -> Status {
    let mut status = held();
    let trouble = Trouble {
        text: "App Store Connect refused the key for grace@example.com (401)".to_owned(),
        hint: Some("ask owner@example.com whether the key was revoked".to_owned()),
    };
    for age in 0..5 {
        status.cycles[age] = cycle(i64::try_from(age).expect("small"), CycleResult::Error, 0, 0);
        status.cycles[age].error = Some(trouble.clone());
    }
    status.last_success = Some(now() - minutes(60 * 9));
    status.consecutive_failures = 5;
    status.next_cycle = Some(now() + minutes(147));
    status.quarantine = Some(Quarantine {
        since: now() - minutes(172),
        until: now() + minutes(147),
        failures: 5,
        trouble: Some(trouble.clone()),
    });
    status.guard = None;
    status.reload_trouble = Some(trouble);
    status.credentials[1].expires = Some(now() + SignedDuration::from_hours(40));
    status
}

struct Fixed {
    status: Status,
    live: AtomicBool,
    /// What it takes to put the status together.
    effort: Duration,
    asked: AtomicUsize,
}

impl Fixed {
    fn of(status: Status) -> Self {
        Self { status, live: AtomicBool::new(true), effort: Duration::ZERO, asked: AtomicUsize::new(0) }
    }
}

impl View for Fixed {
    fn status(&self) -> Status {
        self.asked.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(self.effort);
        self.status.clone()
    }
    fn live(&self) -> bool {
        self.live.load(Ordering::SeqCst)
    }
}

/// A token as the server wants it.
fn shown(token: Option<&str>) -> Token {
    Arc::new(token.map(|token| Arc::new(token.into())).into())
}

/// A server that stops with the test.
struct Running {
    at: SocketAddr,
    view: Arc<Fixed>,
    _stop: tokio_util::sync::DropGuard,
}

fn start_with(status: Status, listen: &str, token: Option<&str>, patience: Patience) -> Running {
    start_view(Fixed::of(status), listen, token, patience)
}

fn start_view(view: Fixed, listen: &str, token: Option<&str>, patience: Patience) -> Running {
    let view = Arc::new(view);
    let listen = listen.parse().expect("an address");
    let mut server = Server::bind(listen, Arc::clone(&view) as Arc<dyn View>, Metrics::new(), shown(token))
        .expect("a free port");
    server.patience = patience;
    let at = server.local_addr().expect("bound");
    let cancel = CancellationToken::new();
    tokio::spawn(server.run(cancel.clone()));
    Running { at, view, _stop: cancel.drop_guard() }
}

fn start(status: Status, token: Option<&str>) -> Running {
    start_with(status, LOOPBACK, token, Patience::STANDARD)
}

/// Sends bytes, reads to the end.
async fn raw(at: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(at).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("sends");
    let mut answer = Vec::new();
    // A reset after a refusal is an end too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// One request with these further header lines; the status line's code and the whole answer.
async fn ask(at: SocketAddr, method: &str, path: &str, lines: &[&str]) -> (u16, String) {
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !lines.iter().any(|line| line.starts_with("Host")) {
        request.push_str(&format!("Host: {at}\r\n"));
    }
    for line in lines {
        request.push_str(line);
        request.push_str("\r\n");
    }
    let answer = raw(at, &format!("{request}\r\n")).await;
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (code, answer.to_lowercase())
}

#[tokio::test]
async fn only_get_and_head_are_answered() {
    let server = start(quiet(), None);
    for (method, path, code) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/metrics", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/status", 200),
        ("GET", "/livez", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("POST", "/metrics", 405),
        ("PUT", "/", 405),
        ("DELETE", "/status", 405),
        ("OPTIONS", "/", 405),
        ("TRACE", "/", 405),
        ("BREW", "/", 405),
        ("GET", "/nothing", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/../etc/passwd", 404),
    ] {
        let (got, answer) = ask(server.at, method, path, &[]).await;
        assert_eq!(got, code, "{method} {path}");
        assert_eq!(answer.contains("allow: get, head"), code == 405, "{method} {path}");
        assert!(answer.contains("cache-control: no-store"), "{method} {path}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{method} {path}");
        assert!(answer.contains("content-security-policy: default-src 'none'"), "{method} {path}");
        if method == "HEAD" {
            assert!(answer.ends_with("\r\n\r\n"), "no body after HEAD {path}");
        }
    }
}

#[tokio::test]
async fn a_request_with_a_body_is_refused() {
    let server = start(quiet(), None);
    for line in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        assert_eq!(ask(server.at, "GET", "/", &[line]).await.0, 413, "{line}");
    }
    assert_eq!(ask(server.at, "GET", "/", &["Content-Length: 0"]).await.0, 200);
}

#[tokio::test]
async fn a_new_token_takes_the_place_of_the_old_one_at_once() {
    let view = Arc::new(Fixed::of(quiet()));
    let token = shown(Some("the-old-one"));
    let listen = LOOPBACK.parse().expect("an address");
    let server = Server::bind(listen, view, Metrics::new(), Arc::clone(&token)).expect("a free port");
    let at = server.local_addr().expect("bound");
    let cancel = CancellationToken::new();
    tokio::spawn(server.run(cancel.clone()));
    let _stop = cancel.drop_guard();
    let (old, new) = ("Authorization: Bearer the-old-one", "Authorization: Bearer the-new-one");
    let codes = async || {
        let mut codes = Vec::new();
        for authorization in [old, new] {
            codes.push(ask(at, "GET", "/status", &["Host: localhost", authorization]).await.0);
        }
        codes
    };
    assert_eq!(codes().await, [200, 401]);
    token.store(Some(Arc::new("the-new-one".into())));
    assert_eq!(codes().await, [401, 200]);
}

#[tokio::test]
async fn names_that_are_not_ours_are_refused() {
    let server = start(quiet(), Some(TOKEN));
    for (host, code) in [
        ("Host: localhost", 200),
        ("Host: LOCALHOST:8080", 200),
        ("Host: 127.0.0.1", 200),
        ("Host: 127.1.2.3:9748", 200),
        ("Host: [::1]:9748", 200),
        ("Host: rebound.example.com", 421),
        ("Host: localhost.example.com", 421),
        ("Host: 127.0.0.1.example.com", 421),
        ("Host: 192.0.2.1", 421),
        ("Host: user@localhost", 400),
        ("Host: ", 400),
        ("Host: localhost\r\nHost: localhost", 400),
    ] {
        for path in ["/", "/status", "/metrics", "/livez"] {
            assert_eq!(ask(server.at, "GET", path, &[host]).await.0, code, "{host} {path}");
        }
    }
    let absolute = ask(server.at, "GET", "http://rebound.example.com/status", &["Host: localhost"]).await;
    assert_eq!(absolute.0, 421, "the request line may not name another host");
    let without = raw(server.at, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(without.starts_with("HTTP/1.1 400"), "{without}");
    let token = format!("Authorization: Bearer {TOKEN}");
    let named = ask(server.at, "GET", "/status", &["Host: roster.example.com", &token]).await;
    assert_eq!(named.0, 200, "whoever has the token may use any name");
}

#[tokio::test]
async fn personal_data_is_shown_to_the_token_only() {
    for token in [None, Some(TOKEN)] {
        for status in [empty(), quiet(), held(), quarantined()] {
            let server = start(status, token);
            for path in ["/", "/status", "/metrics", "/livez", "/readyz"] {
                let (_, answer) = ask(server.at, "GET", path, &[]).await;
                assert!(!answer.contains('@'), "{path}: {answer}");
                assert!(!answer.contains("given1") && !answer.contains("idp-1"), "{path}");
            }
        }
    }
    let server = start(held(), Some(TOKEN));
    let right = format!("authorization: bEARER {TOKEN}");
    for path in ["/", "/status"] {
        let (code, answer) = ask(server.at, "GET", path, &[&right]).await;
        assert_eq!(code, 200);
        assert!(answer.contains("person1@example.com"), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_rather_than_ignored() {
    let server = start(held(), Some(TOKEN));
    for wrong in ["Bearer wrong", "Bearer ", "Bearer", "Basic Y29ycmVjdA==", "correct-horse-battery", "é"] {
        let (code, answer) = ask(server.at, "GET", "/status", &[&format!("Authorization: {wrong}")]).await;
        assert_eq!(code, 401, "{wrong}");
        assert!(answer.contains("www-authenticate: bearer"), "{wrong}");
    }
}

#[tokio::test]
async fn an_open_address_needs_the_token_for_all_but_probes() {
    let view = Arc::new(Fixed::of(held()));
    let open = "0.0.0.0:0".parse().expect("an address");
    let refused = Server::bind(open, view, Metrics::new(), Token::default()).expect_err("no token");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);

    let server = start_with(held(), "0.0.0.0:0", Some(TOKEN), Patience::STANDARD);
    let at = SocketAddr::from(([127, 0, 0, 1], server.at.port()));
    let token = format!("Authorization: Bearer {TOKEN}");
    for (path, without) in
        [("/", 401), ("/status", 401), ("/metrics", 401), ("/livez", 200), ("/readyz", 200), ("/none", 401)]
    {
        assert_eq!(ask(at, "GET", path, &[]).await.0, without, "{path}");
    }
    assert_eq!(ask(at, "GET", "/metrics", &[&token]).await.0, 200);
    assert_eq!(ask(at, "GET", "/livez", &["Host: 192.0.2.7:9748"]).await.0, 200);
    assert_eq!(ask(at, "GET", "/livez", &["Host: rebound.example.com"]).await.0, 421);
}

#[tokio::test]
async fn liveness_and_readiness_are_two_questions() {
    let server = start(empty(), None);
    assert_eq!(ask(server.at, "GET", "/livez", &[]).await.0, 200);
    assert_eq!(ask(server.at, "GET", "/readyz", &[]).await.0, 503, "no success yet");
    server.view.live.store(false, Ordering::SeqCst);
    assert_eq!(ask(server.at, "GET", "/livez", &[]).await.0, 503);
    assert_eq!(ask(server.at, "GET", "/healthz", &[]).await.0, 503);

    for (age, code) in [(120, 200), (121, 503)] {
        let mut status = quiet();
        status.last_success = Some(now() - minutes(age));
        let server = start(status, None);
        assert_eq!(ask(server.at, "GET", "/readyz", &[]).await.0, code, "{age} minutes");
    }
}

#[tokio::test]
async fn slow_and_large_clients_are_cut_off() {
    let short = Patience { head: Duration::from_millis(200), connection: Duration::from_millis(600) };
    let server = start_with(quiet(), LOOPBACK, None, short);

    // One byte at a time never ends a head, and must not keep the connection either.
    let mut slow = TcpStream::connect(server.at).await.expect("connects");
    let started = std::time::Instant::now();
    while slow.write_all(b"G").await.is_ok() && started.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());

    let silent = tokio::time::timeout(Duration::from_secs(3), raw(server.at, "")).await;
    assert!(silent.is_ok(), "a client that says nothing keeps its connection");

    let long = format!("X-Long: {}", "x".repeat(HEAD_BYTES));
    assert_eq!(ask(server.at, "GET", "/", &[&long]).await.0, 431);
    let many: Vec<String> = (0..=HEAD_LINES).map(|at| format!("X-{at}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(ask(server.at, "GET", "/", &many).await.0, 431);
    assert_eq!(ask(server.at, "GET", "/livez", &[]).await.0, 200, "others are still served");
}

/// Half requests would be kept for as long as the test lasts.
#[tokio::test]
async fn a_flood_of_half_requests_keeps_no_probe_waiting() {
    let long = Patience { head: Duration::from_secs(600), connection: Duration::from_secs(600) };
    let server = start_with(quiet(), LOOPBACK, None, long);
    let at = server.at;
    let flood = tokio::spawn(async move {
        let mut held = VecDeque::new();
        loop {
            let mut stream = TcpStream::connect(at).await.expect("connects");
            let _ = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: 127").await;
            held.push_back(stream);
            if held.len() > 4 * CONNECTIONS {
                held.pop_front();
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    for path in ["/livez", "/readyz", "/livez", "/metrics"] {
        let answer = tokio::time::timeout(Duration::from_secs(5), ask(at, "GET", path, &[])).await;
        assert_eq!(answer.expect("answered in time").0, 200, "{path}");
    }
    flood.abort();
}

#[tokio::test]
async fn pages_are_made_once_for_all_who_ask_at_a_time() {
    for (path, token) in [("/", None), ("/status", None), ("/", Some(TOKEN)), ("/status", Some(TOKEN))] {
        let view = Fixed { effort: Duration::from_millis(20), ..Fixed::of(held()) };
        let server = start_view(view, LOOPBACK, Some(TOKEN), Patience::STANDARD);
        let bearer = token.map(|token| format!("Authorization: Bearer {token}"));
        let lines: Vec<&str> = bearer.as_deref().into_iter().collect();
        let started = std::time::Instant::now();
        for _ in 0..64 {
            assert_eq!(ask(server.at, "GET", path, &lines).await.0, 200);
        }
        let (asked, most) =
            (server.view.asked.load(Ordering::SeqCst), started.elapsed().as_millis() / 400 + 1);
        assert!(asked as u128 <= most, "{path}: made {asked} times, at most {most}");
        // What one may see is not what another one sees.
        for (lines, names) in [(&lines[..], token.is_some()), (&[], false)] {
            let (_, text) = ask(server.at, "GET", path, lines).await;
            assert_eq!(text.contains("person1@example.com"), names, "{path}");
        }
    }
}

#[tokio::test]
async fn the_server_stops_when_told() {
    let view = Arc::new(Fixed::of(quiet()));
    let server = Server::bind(LOOPBACK.parse().expect("an address"), view, Metrics::new(), Token::default())
        .expect("a free port");
    let at = server.local_addr().expect("bound");
    let cancel = CancellationToken::new();
    let run = tokio::spawn(server.run(cancel.clone()));
    let _idle = TcpStream::connect(at).await.expect("connects");
    assert_eq!(ask(at, "GET", "/livez", &[]).await.0, 200);
    cancel.cancel();
    tokio::time::timeout(Duration::from_secs(3), run).await.expect("stops").expect("without a panic");
    assert!(TcpStream::connect(at).await.is_err(), "the port is free again");
}

/// What a busy month leaves behind.
fn exercised() -> Arc<Metrics> {
    let metrics = Metrics::new();
    let second = Duration::from_secs(1);
    for peer in Peer::ALL {
        for end in [200, 401, 429, 500].map(RequestEnd::Answered).into_iter().chain([RequestEnd::Unanswered])
        {
            metrics.http_request(peer, "GET", end, second);
        }
        for reason in RetryReason::ALL {
            metrics.http_retry(peer, reason);
        }
        metrics.clock_skew(peer, -2);
    }
    for (method, status) in [("POST", 201), ("POST", 409), ("PATCH", 200), ("DELETE", 204), ("DELETE", 404)] {
        metrics.http_request(Peer::AppStoreConnect, method, RequestEnd::Answered(status), second);
    }
    for credential in ["app_store_connect_key", "graph_secret", "scim_token"] {
        metrics.credential_expiry(credential, now());
    }
    for channel in ["webhook", "email"] {
        metrics.notice(channel, true);
        metrics.notice(channel, false);
    }
    let plan = Plan {
        schema: "rosterd.plan/1".to_owned(),
        team: "production".to_owned(),
        created_at: now(),
        digest: String::new(),
        coverage: PlanCoverage {
            directory: "complete".to_owned(),
            team: "complete".to_owned(),
            problems: Vec::new(),
        },
        summary: Summary::default(),
        operations: Vec::new(),
        held: held().held.to_vec(),
        adopted: Vec::new(),
        forecast: Forecast::default(),
    };
    metrics.planned(&plan);
    metrics
}

fn samples(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[tokio::test]
async fn metrics_have_one_type_whatever_is_asked_for() {
    let server = start(quiet(), None);
    for accept in ["", "Accept: text/plain", "Accept: application/json", "Accept-Encoding: gzip"] {
        let lines: &[&str] = if accept.is_empty() { &[] } else { &[accept] };
        let (_, answer) = ask(server.at, "GET", "/metrics", lines).await;
        let types: Vec<&str> = answer.lines().filter(|line| line.starts_with("content-type")).collect();
        assert_eq!(types, ["content-type: text/plain; version=0.0.4; charset=utf-8"]);
        assert!(answer.ends_with('\n') && !answer.contains("# eof"), "{accept}");
    }
}

#[test]
fn a_busy_daemon_stays_under_two_hundred_series_without_personal_data() {
    let text = exercised().encode();
    assert!(samples(&text) < 200, "{} series", samples(&text));
    assert!(!text.contains('@'));
    for name in [
        "rosterd_build_info{",
        "rosterd_cycles_total{result=\"held\"} 0",
        "rosterd_held_operations{reason=\"guard\"} 7",
        "rosterd_last_success_timestamp_seconds ",
        "rosterd_rate_limit_wait_seconds_total ",
        "rosterd_state_size_bytes ",
        "rosterd_credential_expiry_timestamp_seconds{credential=\"graph_secret\"}",
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_max_fds ",
        "process_start_time_seconds ",
    ] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing in\n{text}");
    }
}

#[test]
fn a_peer_that_answers_with_every_code_there_is_makes_few_series() {
    let metrics = exercised();
    let before = samples(&metrics.encode());
    for peer in [Peer::AppStoreConnect, Peer::Directory] {
        for status in 0..=999 {
            metrics.http_request(peer, "GET", RequestEnd::Answered(status), Duration::ZERO);
        }
    }
    let more = samples(&metrics.encode()) - before;
    assert!(more <= 2 * 16, "{more} series more");
}

#[test]
fn every_retry_is_counted_from_zero() {
    let text = Metrics::new().encode();
    for reason in RetryReason::ALL {
        let line =
            format!("rosterd_http_retries_total{{peer=\"directory\",reason=\"{}\"}} 0", reason.as_str());
        assert!(text.lines().any(|known| known == line), "{line} is missing in\n{text}");
    }
}

#[test]
fn promtool_finds_nothing_to_say() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        let required = std::env::var_os("REQUIRE_PROMTOOL").is_some_and(|value| value == "1");
        assert!(!required, "promtool is required and not installed");
        eprintln!("skipped: promtool is not installed");
        return;
    };
    let text = exercised().encode();
    tool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("takes it all");
    let output = tool.wait_with_output().expect("ends");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "");
}

#[tokio::test]
async fn nothing_that_a_terminal_obeys_reaches_the_holder_of_the_token() {
    let mut status = held();
    let odd = "A\u{1b}[2J\r\u{9b}31m\u{202e}\u{2028}";
    let first = &mut Arc::make_mut(&mut status.held)[0];
    first.operation.person.as_mut().expect("a person").name = odd.to_owned();
    first.operation.reasons = vec![odd.to_owned()];
    let server = start(status, Some("s3cret"));
    for path in ["/", "/status"] {
        let (code, answer) = ask(server.at, "GET", path, &["Authorization: Bearer s3cret"]).await;
        assert_eq!(code, 200);
        assert!(answer.contains("31m"), "{answer}");
        let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r');
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        assert!(body.chars().all(plain) && !body.contains(['\r', '\u{202e}', '\u{2028}']), "{path}: {body}");
    }
}

#[test]
fn the_page_needs_no_scripts_and_escapes_what_others_wrote() {
    let mut status = held();
    status.team = "<script>alert(1)</script>".to_owned();
    Arc::make_mut(&mut status.held)[0].hold.detail = "\"><img src=x onerror=alert(1)>".to_owned();
    let page = page::render(&status, guard::Audience::TokenHolder).into_string();
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(!page.contains("style=\""), "inline styles are refused by the page's own policy");
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_says_the_one_thing_to_know() {
    let mut stale = quiet();
    stale.last_success = Some(now() - minutes(200));
    for (status, words) in [
        (empty(), "Waiting for the first cycle"),
        (quiet(), "In step"),
        (held(), "Waiting for approval"),
        (quarantined(), "Slowed after repeated failures"),
        (stale, "No success for too long"),
    ] {
        let page = page::render(&status, guard::Audience::Anyone).into_string();
        assert!(page.contains(&format!(">{words}</h1>")), "{words}");
    }
}

/// `ROSTERD_PAGES=DIR cargo test pages_to_look_at` leaves the page in its states for a browser.
#[test]
fn pages_to_look_at() {
    let Some(dir) = std::env::var_os("ROSTERD_PAGES").map(std::path::PathBuf::from) else { return };
    for (name, status) in
        [("empty", empty()), ("quiet", quiet()), ("held", held()), ("quarantined", quarantined())]
    {
        let named = page::render(&status, guard::Audience::TokenHolder).into_string();
        let public = page::render(&status.without_personal_data(), guard::Audience::Anyone).into_string();
        std::fs::write(dir.join(format!("{name}.html")), public).expect("writable");
        std::fs::write(dir.join(format!("{name}-named.html")), named).expect("writable");
    }
}
