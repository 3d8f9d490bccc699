//! Notices that really arrive: at a webhook and at a mail server on loopback.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{EmailConfig, MailTls, WebhookFormat, WebhookUrl};
use crate::engine::report::{
    BudgetReport, CredentialReport, Doing, GuardReport, Quarantine, SCHEMA, Status, Trouble,
};
use crate::model::operation::{HoldReason, Kind, PersonRef, TargetKind};
use crate::model::{Address, Held, Hold, Operation, Target};
use crate::secret::SecretRef;

const EVERYTHING: [NotifyEvent; 5] = NotifyEvent::ALL;
const QUICK: Patience =
    Patience { tries: 3, first: Duration::from_millis(20), longest: Duration::from_millis(50) };
const SOON: Duration = Duration::from_secs(10);

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn held(at: usize, reason: HoldReason) -> Held {
    let address = Address::new(&format!("person{at}@example.com"));
    let person = PersonRef {
        id: format!("idp-{at}").into(),
        email: Some(address.clone()),
        name: "Ada King".to_owned(),
    };
    let operation = Operation {
        kind: Kind::RemoveMember,
        person: Some(person),
        target: Target { kind: TargetKind::Users, id: Some(format!("seat-{at}")), name: Some(address) },
        before: None,
        after: None,
        reasons: Vec::new(),
        invitee: None,
        replacement: false,
    };
    Held { operation, hold: Hold { reason, detail: "person7@example.com".to_owned() } }
}

fn calm() -> Status {
    Status {
        schema: SCHEMA.to_owned(),
        team: "production".to_owned(),
        version: "0.1.0".to_owned(),
        now: now(),
        doing: Doing::Waiting,
        running_since: None,
        interval_seconds: 2_400,
        next_cycle: None,
        last_success: None,
        consecutive_failures: 0,
        quarantine: None,
        cycles: Vec::new(),
        held_by_reason: std::collections::BTreeMap::new(),
        held: Arc::default(),
        guard: None,
        open_intents: 0,
        budget: BudgetReport::default(),
        credentials: Vec::new(),
        credential_troubles: std::collections::BTreeMap::new(),
        reload_trouble: None,
    }
}

/// This many removals wait for approval.
fn guarding(entries: usize) -> Status {
    let guard = GuardReport {
        digest: format!("sha256:{entries:064}"),
        guards: vec!["removals_max".to_owned()],
        at: now(),
        approved: false,
    };
    let held = (0..entries).map(|at| held(at, HoldReason::Guard)).collect();
    Status { guard: Some(guard), held, ..calm() }
}

fn quarantined(failures: u32) -> Status {
    let until = now() + SignedDuration::from_hours(2);
    Status { quarantine: Some(Quarantine { since: now(), until, failures, trouble: None }), ..calm() }
}

fn expiring(days: i64) -> Status {
    let credential = CredentialReport {
        name: "graph_secret".to_owned(),
        expires: Some(now() + SignedDuration::from_hours(24 * days)),
        known_from: None,
    };
    Status { credentials: vec![credential], ..calm() }
}

fn conflicting(entries: usize) -> Status {
    Status { held: (0..entries).map(|at| held(at, HoldReason::Conflict)).collect(), ..calm() }
}

/// The titles that a row of statuses leads to.
fn titles(statuses: &[Status]) -> Vec<String> {
    let mut before = BTreeSet::new();
    let mut titles = Vec::new();
    for status in statuses {
        let now = Condition::of(status);
        titles.extend(message::edges("t", status.now, &before, &now).iter().map(Notice::title));
        before = now;
    }
    titles
}

#[test]
fn one_notice_on_entering_and_one_on_leaving() {
    let approved = {
        let mut status = guarding(2);
        status.guard.as_mut().expect("held").approved = true;
        status
    };
    for (statuses, expected) in [
        (vec![calm(), calm()], vec![]),
        (
            vec![guarding(2), guarding(2), calm(), calm()],
            vec!["2 changes wait for approval", "nothing waits for approval any more"],
        ),
        // A set that grows is news, one that shrinks is not.
        (
            vec![guarding(1), guarding(3), guarding(2)],
            vec!["1 change waits for approval", "3 changes wait for approval"],
        ),
        (
            vec![guarding(2), approved],
            vec!["2 changes wait for approval", "nothing waits for approval any more"],
        ),
        (
            vec![quarantined(3), quarantined(4), quarantined(5), calm()],
            vec!["cycles fail repeatedly", "cycles succeed again"],
        ),
        // 40 days are far away; 30, 14 and 3 are each told once, and so is the end.
        (
            [40, 30, 29, 15, 14, 5, 3, 2, 1, 0, -1, 90].map(expiring).to_vec(),
            vec![
                "1 credential about to expire",
                "1 credential about to expire",
                "1 credential about to expire",
                "1 credential about to expire",
                "no credential is about to expire any more",
            ],
        ),
        (
            vec![conflicting(1), conflicting(2), calm()],
            vec![
                "1 conflict to be settled by a person",
                "2 conflicts to be settled by a person",
                "no conflict is left",
            ],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|title| format!("rosterd t: {title}")).collect();
        assert_eq!(titles(&statuses), expected);
    }
}

#[test]
fn notices_name_nobody_and_say_what_to_type() {
    let mut status = guarding(3);
    status.held = status.held.iter().chain(conflicting(2).held.iter()).cloned().collect();
    status.quarantine = quarantined(3).quarantine;
    let conditions = Condition::of(&status);
    let kept = serde_json::to_string(&conditions).expect("JSON");
    let notices = message::edges("production", now(), &BTreeSet::new(), &conditions);
    assert_eq!(notices.len(), 3);
    let all: String = notices.iter().map(|notice| notice.text() + &notice.json().to_string()).collect();
    for text in [&kept, &all] {
        for personal in ["@", "Ada", "idp-", "seat-"] {
            assert!(!text.contains(personal), "{personal} in {text}");
        }
    }
    assert!(all.contains("rosterd approve sha256:"), "{all}");
    assert!(all.contains("rosterd status"), "{all}");
}

#[test]
fn ends_go_to_those_who_asked_for_both() {
    let conditions = Condition::of(&quarantined(3));
    let enters = &message::edges("t", now(), &BTreeSet::new(), &conditions)[0];
    let leaves = &message::edges("t", now(), &conditions, &BTreeSet::new())[0];
    use NotifyEvent::{Guard, Quarantine, Recovered};
    for (events, entering, leaving) in [
        (&[Quarantine, Recovered][..], true, true),
        (&[Quarantine], true, false),
        (&[Guard, Recovered], false, false),
        (&EVERYTHING, true, true),
    ] {
        assert_eq!((enters.is_for(events), leaves.is_for(events)), (entering, leaving), "{events:?}");
    }
}

/// A webhook that answers with these codes in turn, then 200, and keeps what it got.
#[derive(Default)]
struct Hook {
    codes: Mutex<Vec<u16>>,
    got: Mutex<Vec<String>>,
}

async fn hook(codes: &[u16]) -> (String, Arc<Hook>) {
    let hook = Arc::new(Hook { codes: Mutex::new(codes.to_vec()), got: Mutex::default() });
    let handler = |State(hook): State<Arc<Hook>>, body: String| async move {
        hook.got.lock().expect("sound").push(body);
        let mut codes = hook.codes.lock().expect("sound");
        let code = if codes.is_empty() { 200 } else { codes.remove(0) };
        (StatusCode::from_u16(code).expect("a code"), [("location", "http://127.0.0.1:1/")])
    };
    let app =
        axum::Router::new().route("/services/T000/{secret}", post(handler)).with_state(Arc::clone(&hook));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/services/T000/hush-hush", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, hook)
}

/// A file as `url_file` and `password_file` want it.
fn secret_file(dir: &tempfile::TempDir, text: &str) -> SecretRef {
    let path = dir.path().join("secret");
    std::fs::write(&path, text).expect("writable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("ours");
    SecretRef::new(path, None)
}

fn webhook(url: &str, format: WebhookFormat) -> NotifyConfig {
    let url = WebhookUrl::Plain(Url::parse(url).expect("a URL"));
    NotifyConfig { events: EVERYTHING.to_vec(), channel: NotifyChannel::Webhook { url, format } }
}

fn notifier(configs: &[NotifyConfig], metrics: &Arc<Metrics>) -> Notifier {
    let mut notifier = Notifier::new("production", configs, Arc::clone(metrics), Clock::manual(now()))
        .expect("usable channels");
    notifier.patience = QUICK;
    notifier
}

fn counted(metrics: &Metrics, channel: &str, result: &str) -> u64 {
    let series = format!("rosterd_notices_total{{channel=\"{channel}\",result=\"{result}\"}} ");
    let text = metrics.encode();
    let value = text.lines().find_map(|line| line.strip_prefix(&series)).expect("pre-set");
    value.parse().expect("a number")
}

#[tokio::test]
async fn a_webhook_receives_json() {
    let (url, hook) = hook(&[]).await;
    let dir = tempfile::tempdir().expect("a folder");
    let url = WebhookUrl::File(secret_file(&dir, &format!("{url}\n")));
    let channel = NotifyChannel::Webhook { url, format: WebhookFormat::Json };
    let metrics = Metrics::new();
    let mut notifier = notifier(&[NotifyConfig { events: EVERYTHING.to_vec(), channel }], &metrics);
    notifier.conditions(&Condition::of(&guarding(2)));
    notifier.conditions(&Condition::of(&guarding(2)));
    notifier.conditions(&Condition::of(&calm()));
    notifier.finish(SOON).await;

    let got = hook.got.lock().expect("sound");
    let bodies: Vec<serde_json::Value> =
        got.iter().map(|body| serde_json::from_str(body).expect("JSON")).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0]["schema"], "rosterd.notice/1");
    assert_eq!(bodies[0]["team"], "production");
    assert_eq!(bodies[0]["event"], "guard");
    assert_eq!(bodies[0]["state"], "entered");
    assert_eq!(bodies[0]["count"], 2);
    assert_eq!(bodies[0]["at"], "2026-11-22T10:00:00Z");
    assert_eq!(bodies[1]["event"], "recovered");
    assert_eq!(bodies[1]["topic"], "guard");
    assert_eq!(counted(&metrics, "webhook", "delivered"), 2);
    assert_eq!(counted(&metrics, "webhook", "failed"), 0);
}

#[tokio::test]
async fn slack_receives_its_own_shape() {
    let (url, hook) = hook(&[]).await;
    let mut notifier = notifier(&[webhook(&url, WebhookFormat::Slack)], &Metrics::new());
    notifier.team = "<a & b>".into();
    notifier.conditions(&Condition::of(&guarding(1)));
    notifier.finish(SOON).await;
    let got = hook.got.lock().expect("sound");
    let body: serde_json::Value = serde_json::from_str(&got[0]).expect("JSON");
    let text = body["text"].as_str().expect("text");
    assert!(text.starts_with("rosterd &lt;a &amp; b&gt;: 1 change waits for approval\n- held by"), "{text}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1));
}

#[tokio::test]
async fn tries_are_bounded_and_counted() {
    for (codes, tries, delivered) in [
        (&[][..], 1, true),
        (&[503, 429], 3, true),
        (&[500, 500, 500, 500], 3, false),
        (&[404], 1, false),
        (&[302], 1, false),
    ] {
        let (url, hook) = hook(codes).await;
        let metrics = Metrics::new();
        let mut notifier = notifier(&[webhook(&url, WebhookFormat::Json)], &metrics);
        notifier.conditions(&Condition::of(&quarantined(3)));
        notifier.finish(SOON).await;
        let got = hook.got.lock().expect("sound");
        assert_eq!(got.len(), tries, "{codes:?}");
        assert!(got.iter().all(|body| body == &got[0]), "a try again is the same notice");
        assert_eq!(counted(&metrics, "webhook", "delivered"), u64::from(delivered), "{codes:?}");
        assert_eq!(counted(&metrics, "webhook", "failed"), u64::from(!delivered), "{codes:?}");
    }
}

#[tokio::test]
async fn a_dead_receiver_delays_nobody_and_its_queue_is_bounded() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hush-hush", silent.local_addr().expect("bound"));
    let metrics = Metrics::new();
    let mut notifier = notifier(&[webhook(&url, WebhookFormat::Json)], &metrics);
    let started = std::time::Instant::now();
    for round in 0..QUEUE + 10 {
        let status = if round % 2 == 0 { guarding(1) } else { calm() };
        notifier.conditions(&Condition::of(&status));
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(counted(&metrics, "webhook", "failed") >= 9, "what does not fit is counted");
    notifier.finish(Duration::from_millis(50)).await;
    assert!(started.elapsed() < Duration::from_secs(5), "the end is not delayed either");
}

#[tokio::test]
async fn the_url_of_a_webhook_is_never_told() {
    let (url, _hook) = hook(&[404]).await;
    let config = webhook(&url, WebhookFormat::Json);
    let transport =
        |url: &WebhookUrl| Webhook::new(url, WebhookFormat::Json, &Metrics::new(), &Clock::manual(now()));
    let NotifyChannel::Webhook { url: configured, .. } = &config.channel else { panic!("a webhook") };
    let notice = message::edges("t", now(), &BTreeSet::new(), &Condition::of(&quarantined(3))).remove(0);
    let refused = transport(configured).expect("usable").send(&notice).await.expect_err("404");
    assert_eq!(refused.text, "the receiver answered 404");
    let away = WebhookUrl::Plain(Url::parse("http://127.0.0.1:1/services/hush-hush").expect("a URL"));
    let away = transport(&away).expect("usable").send(&notice).await.expect_err("nobody listens");
    assert!(away.text.starts_with("cannot connect"), "{}", away.text);

    let dir = tempfile::tempdir().expect("a folder");
    let mut told = vec![
        refused.text,
        away.text,
        format!("{:?}", notifier(std::slice::from_ref(&config), &Metrics::new())),
    ];
    for bad in ["http://hooks.example.com/hush-hush", "hush-hush", "ftp://example.com/hush-hush", ""] {
        let error = transport(&WebhookUrl::File(secret_file(&dir, bad))).expect_err(bad);
        told.push(format!("{error} {error:?} {:?}", error.hint()));
    }
    for text in told {
        assert!(!text.contains("hush") && !text.contains("services"), "{text}");
    }
}

/// A mail server that keeps whole conversations and answers `RCPT` with this.
async fn mail_server(rcpt: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let mails = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&mails);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, rcpt, Arc::clone(&kept)));
        }
    });
    (port, mails)
}

async fn converse(stream: TcpStream, rcpt: &'static str, mails: Arc<Mutex<Vec<String>>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let (mut mail, mut in_data) = (String::new(), false);
    let mut answer = "220 mail.example.com ready\r\n".to_owned();
    loop {
        if write.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        answer.clear();
        let Ok(Some(line)) = lines.next_line().await else { return };
        mail.push_str(&line);
        mail.push('\n');
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        if in_data {
            if line == "." {
                in_data = false;
                mails.lock().expect("sound").push(std::mem::take(&mut mail));
                answer = "250 kept\r\n".to_owned();
            }
            continue;
        }
        in_data = verb == "DATA";
        answer = match verb.as_str() {
            "EHLO" => "250-mail.example.com\r\n250 AUTH PLAIN\r\n",
            "AUTH" => "235 welcome\r\n",
            "RCPT" => rcpt,
            "DATA" => "354 go on\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "250 ok\r\n",
        }
        .to_owned();
    }
}

fn mail(port: u16, login: Option<(String, SecretRef)>) -> NotifyConfig {
    let email = EmailConfig {
        host: "127.0.0.1".to_owned(),
        port,
        tls: MailTls::None,
        from: "Roster <rosterd@example.com>".to_owned(),
        to: vec!["it@example.com".to_owned(), "mobile@example.com".to_owned()],
        login,
    };
    NotifyConfig { events: EVERYTHING.to_vec(), channel: NotifyChannel::Email(email) }
}

#[tokio::test]
async fn a_mail_server_receives_a_mail() {
    let (port, mails) = mail_server("250 ok\r\n").await;
    let dir = tempfile::tempdir().expect("a folder");
    let login = ("rosterd".to_owned(), secret_file(&dir, "s3cret\n"));
    let metrics = Metrics::new();
    let mut notifier = notifier(&[mail(port, Some(login))], &metrics);
    notifier.team = "prod\r\nBcc: evil@example.com".into();
    notifier.conditions(&Condition::of(&guarding(2)));
    notifier.finish(SOON).await;

    let mails = mails.lock().expect("sound");
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = &mails[0];
    for line in [
        "MAIL FROM:<rosterd@example.com>",
        "RCPT TO:<it@example.com>",
        "RCPT TO:<mobile@example.com>",
        "From: Roster <rosterd@example.com>",
        "Auto-Submitted: auto-generated",
        "Date: Sun, 22 Nov 2026 10:00:00 +0000",
        "Message-ID: <",
        "- held by removals_max; `rosterd approve sha256:",
    ] {
        assert!(mail.lines().any(|found| found.starts_with(line)), "{line} in {mail}");
    }
    assert!(mail.contains("AUTH PLAIN"), "the server asked for a password");
    let head = mail.split("\n\n").next().unwrap_or_default();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "a name adds no header: {mail}");
    assert_eq!(counted(&metrics, "email", "delivered"), 1);
}

#[tokio::test]
async fn a_refused_mail_is_given_up_and_a_deferred_one_tried_again() {
    for (rcpt, tries) in
        [("550 no such user it@example.com\r\n", 1), ("451 greylisted, it@example.com\r\n", 3)]
    {
        let (port, mails) = mail_server(rcpt).await;
        let metrics = Metrics::new();
        let configs = [mail(port, None)];
        let NotifyChannel::Email(config) = &configs[0].channel else { panic!("a mail") };
        let notice = message::edges("t", now(), &BTreeSet::new(), &Condition::of(&quarantined(3))).remove(0);
        let failed = Email::new(config).expect("usable").send(&notice).await.expect_err("refused");
        assert!(!failed.text.contains('@'), "{}", failed.text);
        assert_eq!(failed.next == Next::GiveUp, tries == 1);

        let mut notifier = notifier(&configs, &metrics);
        notifier.conditions(&Condition::of(&quarantined(3)));
        notifier.finish(SOON).await;
        assert_eq!(counted(&metrics, "email", "failed"), 1);
        assert!(mails.lock().expect("sound").is_empty());
    }
}

#[tokio::test]
async fn a_restart_says_nothing_twice() {
    let (url, hook) = hook(&[]).await;
    let configs = [webhook(&url, WebhookFormat::Json)];
    let mut first = notifier(&configs, &Metrics::new());
    first.conditions(&Condition::of(&guarding(2)));
    let kept = serde_json::to_string(first.snapshot()).expect("JSON");
    first.finish(SOON).await;

    let mut second = notifier(&configs, &Metrics::new());
    second.restore(serde_json::from_str(&kept).expect("what was kept"));
    second.conditions(&Condition::of(&guarding(2)));
    second.conditions(&Condition::of(&calm()));
    second.finish(SOON).await;
    let got = hook.got.lock().expect("sound");
    assert_eq!(got.len(), 2, "entered before the restart, left after it: {got:?}");
}

#[test]
fn a_quarantine_says_what_to_do_and_names_nobody() {
    let told = |text: &str| {
        let hint = Some("only the Account Holder can accept the agreement".to_owned());
        let trouble = Some(Trouble { text: text.to_owned(), hint });
        let quarantine = Quarantine { since: now(), until: now(), failures: 3, trouble };
        let status = Status { quarantine: Some(quarantine), ..calm() };
        let condition = Condition::of(&status).pop_first().expect("a condition");
        condition.note().to_owned()
    };
    let note = told("GET /v1/users: 403\u{1b}[2J");
    assert!(
        note.starts_with("3 cycles in a row failed: GET /v1/users: 403\\u{1b}[2J; only the Account"),
        "{note}"
    );
    let note = told("ada@example.com is not who she was");
    assert!(note.starts_with("3 cycles in a row failed; only the Account Holder"), "{note}");
}
