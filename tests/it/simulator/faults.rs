//! Faults strike the requests they are for, with or without the effect.

use std::time::{Duration, Instant};

use rosterd::simulator::{Fault, Misbehave, Options, Peer as Service, Rule, When, World};
use serde_json::json;

use super::client::{Peer, invite};

const INVITATIONS: &str = "/v1/userInvitations";

/// Invites under a fault and says how many invitations the address has then; the answer's status, or none.
async fn outcome(fault: Fault) -> (Option<u16>, usize) {
    let peer = Peer::sample().await;
    peer.sim.fault(Rule::asc("POST", INVITATIONS, fault));
    let body = invite("new@example.com", json!({}));
    let answer = peer.attempt("POST", INVITATIONS, Some(body)).await;
    (answer.ok().map(|answer| answer.status), peer.sim.with_state(|state| state.mails_to("new@example.com")))
}

#[tokio::test]
async fn a_lost_answer_is_not_a_lost_effect() {
    assert_eq!(outcome(Fault::DropBefore).await, (None, 0));
    assert_eq!(outcome(Fault::DropAfter).await, (None, 1));
    assert_eq!(outcome(Fault::Truncated).await, (None, 1));
    assert_eq!(outcome(Fault::Status { status: 503, when: When::Before }).await, (Some(503), 0));
    assert_eq!(outcome(Fault::Status { status: 500, when: When::After }).await, (Some(500), 1));
    assert_eq!(outcome(Fault::TooMany { retry_after: None }).await, (Some(429), 0));
    assert_eq!(outcome(Fault::Unauthorized).await, (Some(401), 0));
    assert_eq!(outcome(Fault::Html { status: 502 }).await, (Some(502), 0));
    assert_eq!(outcome(Fault::Slow { ms: 1 }).await, (Some(201), 1));
}

#[tokio::test]
async fn a_fault_waits_for_its_turn_and_then_goes() {
    let peer = Peer::sample().await;
    let fault = Fault::Status { status: 500, when: When::Before };
    peer.sim.fault(Rule::asc("GET", "/v1/users*", fault).nth(2).times(2));
    let mut seen = Vec::new();
    for target in ["/v1/users", "/v1/apps", "/v1/users", "/v1/users?limit=3", "/v1/users"] {
        seen.push(peer.get(target).await.status);
    }
    assert_eq!(seen, [200, 200, 500, 500, 200]);
    let log: Vec<_> =
        peer.sim.with_state(|state| state.requests.iter().map(|seen| seen.fault.clone()).collect());
    assert_eq!(log, [None, None, Some("status".to_owned()), Some("status".to_owned()), None]);
}

#[tokio::test]
async fn somebody_can_leave_at_a_moment_of_a_walk() {
    let peer = Peer::sample().await;
    peer.sim.just_before("GET", "/v1/users", 2, |state| {
        state.team.remove_member("alan@example.com");
    });
    let mut counts = Vec::new();
    for target in ["/v1/users", "/v1/apps", "/v1/users", "/v1/users"] {
        counts.push(peer.get(target).await.ids().len());
    }
    assert_eq!(counts, [14, 3, 13, 13]);
}

#[tokio::test]
async fn retry_after_is_sent_as_it_was_queued() {
    let peer = Peer::sample().await;
    let fault = Fault::TooMany { retry_after: Some("Fri, 31 Dec 2027 23:59:59 GMT".into()) };
    peer.sim.fault(Rule::to(Service::Scim, "GET", "*", fault));
    let answer = peer.get("/scim/v2/Users").await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "Fri, 31 Dec 2027 23:59:59 GMT"));
}

#[tokio::test]
async fn pages_can_lie() {
    let peer = Peer::sample().await;
    peer.sim.fault(Rule::asc("GET", "/v1/users", Fault::MissingRows { rows: 2 }));
    let page = peer.get("/v1/users").await.json();
    let (rows, total) = (page["data"].as_array().map(Vec::len), page["meta"]["paging"]["total"].as_u64());
    assert_eq!(rows.map(|rows| rows as u64 + 2), total);
    peer.sim.fault(Rule::asc("GET", "/v1/users", Fault::ForeignNext));
    let link = peer.get("/v1/users").await.json()["links"]["next"].clone();
    assert!(link.as_str().is_some_and(|link| link.contains("elsewhere.example.net")), "{link}");
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_simulator_stops() {
    let peer = Peer::sample().await;
    peer.sim.fault(Rule::asc("GET", "*", Fault::Hang { when: When::Before }));
    let waiting =
        tokio::time::timeout(Duration::from_millis(200), peer.attempt("GET", "/v1/users", None)).await;
    assert!(waiting.is_err(), "no answer");
    let start = Instant::now();
    peer.sim.stop().await;
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn chance_faults_repeat_with_their_seed() {
    let run = async |seed| {
        let misbehave = Some(Misbehave { percent: 50, seed });
        let peer = Peer::with(World::sample(), Options { misbehave, ..Options::default() }).await;
        for _ in 0..30 {
            let _ = peer.attempt("GET", "/v1/apps", None).await;
        }
        peer.sim.with_state(|state| state.requests.iter().map(|seen| seen.fault.clone()).collect::<Vec<_>>())
    };
    let (first, second, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, second);
    assert_ne!(first, other);
    let struck = first.iter().flatten().count();
    assert!((5..=25).contains(&struck), "{struck}");
}
