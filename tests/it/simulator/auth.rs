//! Tokens, roles, agreements, budget and clock.

use jiff::SignedDuration;
use rosterd::clock::Clock;
use rosterd::simulator::switches::{Agreement, KeyRole, KeyValidity, Membership};
use rosterd::simulator::{ISSUER_ID, KeyKind, Options, SigningKey, World};
use serde_json::{Value, json};

use super::client::{Peer, finish, invite};

/// The status of `GET /v1/users?limit=5` under a token made of the usual header and claims, changed by `edit`.
async fn status(peer: &Peer, edit: impl FnOnce(&mut Value, &mut Value)) -> u16 {
    target_status(peer, "GET", "/v1/users?limit=5", edit).await
}

async fn target_status(
    peer: &Peer,
    method: &str,
    target: &str,
    edit: impl FnOnce(&mut Value, &mut Value),
) -> u16 {
    let now = jiff::Timestamp::now().as_second();
    let mut header = json!({"alg": "ES256", "kid": peer.sim.key_id(), "typ": "JWT"});
    let mut claims = json!({"iss": ISSUER_ID, "iat": now, "exp": now + 1200, "aud": "appstoreconnect-v1"});
    edit(&mut header, &mut claims);
    let token = peer.sim.signing_key().sign(&header, &claims).expect("signs");
    finish(peer.request(method, target).bearer_auth(token)).await.expect("an answer").status
}

#[tokio::test]
async fn only_a_proper_token_opens_the_team() {
    let peer = Peer::sample().await;
    let now = jiff::Timestamp::now().as_second();
    assert_eq!(status(&peer, |_, _| {}).await, 200);
    assert_eq!(status(&peer, |header, _| header["kid"] = json!("OTHERKEY01")).await, 401);
    assert_eq!(status(&peer, |header, _| header["alg"] = json!("HS256")).await, 401);
    assert_eq!(status(&peer, |header, _| header["typ"] = json!("jwt+x")).await, 401);
    assert_eq!(status(&peer, |_, claims| claims["iss"] = json!("another")).await, 401);
    assert_eq!(status(&peer, |_, claims| claims["aud"] = json!("appstoreconnect-v2")).await, 401);
    assert_eq!(status(&peer, |_, claims| claims["sub"] = json!("user")).await, 401);
    assert_eq!(
        status(&peer, |_, claims| claims["exp"] = json!(now + 1260)).await,
        401,
        "longer than 20 minutes"
    );
    assert_eq!(status(&peer, |_, claims| claims["iat"] = json!(now + 30)).await, 401, "from the future");
    assert_eq!(status(&peer, |_, claims| claims["iat"] = json!(now - 1300)).await, 401, "too long as well");
    let expired = |claims: &mut Value| {
        claims["iat"] = json!(now - 900);
        claims["exp"] = json!(now - 1);
    };
    assert_eq!(status(&peer, |_, claims| expired(claims)).await, 401);
    let bare = finish(peer.request("GET", "/v1/users")).await.expect("an answer");
    assert_eq!((bare.status, bare.error().0.as_str()), (401, "NOT_AUTHORIZED"));
}

#[tokio::test]
async fn another_key_of_the_same_name_is_refused() {
    let peer = Peer::sample().await;
    let stranger = SigningKey::generate().expect("a key");
    let now = jiff::Timestamp::now().as_second();
    let header = json!({"alg": "ES256", "kid": peer.sim.key_id(), "typ": "JWT"});
    let claims = json!({"iss": ISSUER_ID, "iat": now, "exp": now + 60, "aud": "appstoreconnect-v1"});
    let token = stranger.sign(&header, &claims).expect("signs");
    assert_eq!(
        finish(peer.request("GET", "/v1/users").bearer_auth(token)).await.expect("an answer").status,
        401
    );
}

#[tokio::test]
async fn an_individual_key_says_user_and_names_no_issuer() {
    let peer = Peer::with(World::sample(), Options { key: KeyKind::Individual, ..Options::default() }).await;
    assert_eq!(peer.get("/v1/users").await.status, 200);
    assert_eq!(status(&peer, |_, _| {}).await, 401, "claims of a team key");
}

#[tokio::test]
async fn a_scope_opens_the_gets_it_lists_and_no_more() {
    let peer = Peer::sample().await;
    let scoped = async |method: &str, target: &str, scope: Value| {
        target_status(&peer, method, target, |_, claims| claims["scope"] = scope).await
    };
    let users = json!(["GET /v1/users?include=visibleApps"]);
    assert_eq!(
        scoped("GET", "/v1/users?limit=7&sort=username&include=visibleApps", users.clone()).await,
        200
    );
    assert_eq!(scoped("GET", "/v1/users", users.clone()).await, 401, "another query");
    assert_eq!(scoped("GET", "/v1/apps", users.clone()).await, 401, "another path");
    assert_eq!(scoped("GET", "/v1/users", json!(["POST /v1/userInvitations", "GET /v1/users"])).await, 401);
    let id = peer.member("alan@example.com");
    assert_eq!(scoped("DELETE", &format!("/v1/users/{id}"), json!(["GET /v1/users"])).await, 401);
    assert!(peer.sim.with_state(|state| state.team.member("alan@example.com").is_some()));
}

#[tokio::test]
async fn a_read_only_key_reads_and_cannot_write() {
    let peer = Peer::sample().await;
    peer.sim.switch(|switches| switches.app_store_connect.role = KeyRole::ReadOnly);
    assert_eq!(peer.get("/v1/users").await.status, 200);
    let refused = peer.send("POST", "/v1/userInvitations", Some(invite("new@example.com", json!({})))).await;
    assert_eq!((refused.status, refused.error().0.as_str()), (403, "FORBIDDEN_ERROR.ROLES_NOT_ALLOWED"));
    let target = format!("/v1/userInvitations/{}", peer.invitation("karen@example.com"));
    let refused = peer.send("DELETE", &target, None).await;
    assert_eq!((refused.status, refused.error().0.as_str()), (403, "FORBIDDEN_ERROR"));
    assert_eq!(peer.send("DELETE", "/v1/userInvitations/made-up", None).await.status, 404);
    assert_eq!(peer.sim.with_state(|state| state.mails.len()), 0);
}

#[tokio::test]
async fn whole_team_causes_have_codes_of_their_own() {
    let peer = Peer::sample().await;
    peer.sim.switch(|switches| switches.app_store_connect.agreement = Agreement::Unsigned);
    let answer = peer.get("/v1/users").await;
    assert_eq!(answer.error().0, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED");
    assert_eq!(answer.status, 403);
    peer.sim.switch(|switches| {
        switches.app_store_connect.agreement = Agreement::Signed;
        switches.app_store_connect.membership = Membership::Lapsed;
    });
    let answer = peer.get("/v1/users").await;
    assert!(answer.text.contains("not associated with an active membership"), "{}", answer.text);
    peer.sim.switch(|switches| switches.app_store_connect.key = KeyValidity::Revoked);
    assert_eq!(peer.get("/v1/users").await.status, 401);
}

#[tokio::test]
async fn the_hour_rolls() {
    let clock = Clock::manual(jiff::Timestamp::now());
    let options = Options { clock: clock.clone(), ..Options::default() };
    let peer = Peer::with(World::sample(), options).await;
    peer.sim.switch(|switches| switches.app_store_connect.requests_per_hour = 2);
    assert_eq!(peer.get("/v1/users").await.header("x-rate-limit"), "user-hour-lim:2;user-hour-rem:1;");
    clock.advance(std::time::Duration::from_secs(1800));
    assert_eq!(peer.get("/v1/users").await.header("x-rate-limit"), "user-hour-lim:2;user-hour-rem:0;");
    let spent = peer.get("/v1/users").await;
    assert_eq!((spent.status, spent.error().0.as_str()), (429, "RATE_LIMIT_EXCEEDED"));
    assert_eq!(spent.header("x-rate-limit"), "user-hour-lim:2;user-hour-rem:0;");
    clock.advance(std::time::Duration::from_secs(1801));
    assert_eq!(peer.get("/v1/users").await.status, 200, "the first request is more than an hour old");
    assert_eq!(peer.get("/v1/users").await.status, 429, "the second is not");
}

#[tokio::test]
async fn a_clock_that_is_behind_refuses_fresh_tokens_and_says_its_time() {
    let peer = Peer::sample().await;
    peer.sim.skew(SignedDuration::from_mins(-5));
    assert_eq!(status(&peer, |_, _| {}).await, 401);
    let answer = peer.get("/v1/users").await;
    assert_eq!(answer.status, 200, "its own tokens go by its own clock");
    let date = jiff::fmt::rfc2822::parse(answer.header("date")).expect("a date").timestamp();
    let behind = jiff::Timestamp::now().duration_since(date).as_secs();
    assert!((299..=302).contains(&behind), "{behind}");
}
