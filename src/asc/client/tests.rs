use std::sync::Arc;

use serde_json::json;

use super::super::fake::{Fake, Say, holder, page};
use super::super::{Refusal, TeamRead, TeamWrite};
use super::*;
use crate::model::operation::Invitee;
use crate::model::{Access, Address, Role};

fn access() -> Access {
    Access {
        roles: [Role::DEVELOPER].into(),
        all_apps_visible: Some(true),
        provisioning_allowed: Some(false),
        visible_apps: Some([].into()),
    }
}

fn ada() -> Invitee {
    Invitee { email: Address::new("ada@example.com"), first_name: "Ada".into(), last_name: "King".into() }
}

fn created() -> Say {
    Say::json(201, &json!({"data": {"type": "userInvitations", "id": "i1"}}))
}

#[tokio::test]
async fn requests_carry_token_and_type_and_reads_no_body() {
    let fake = Fake::start().await;
    fake.say_empty().say("PATCH /v1/users/7", [Say::json(200, &json!({}))]);
    let client = fake.client(Reach::Full);
    client.read(&[].into()).await.expect("a team");
    client
        .update(&"7".into(), &Access { provisioning_allowed: Some(true), ..access() }, &access())
        .await
        .expect("updated");
    let read = &fake.asked("GET /v1/users")[0];
    assert_eq!(read.claims()["aud"], "appstoreconnect-v1");
    assert_eq!(read.claims().get("scope"), None);
    assert_eq!((read.header("accept"), read.header("content-type")), (Some("application/json"), None));
    let write = &fake.asked("PATCH /v1/users/7")[0];
    assert_eq!(write.header("content-type"), Some("application/json"));
    assert_eq!(write.header("authorization"), read.header("authorization"), "one token until it expires");
}

#[tokio::test]
async fn unauthorized_is_tried_once_more_with_a_fresh_token() {
    let fake = Fake::start().await;
    fake.say("GET /v1/users", [Say::error(401, "NOT_AUTHORIZED"), page(&[], 0, None)]);
    let clock = Clock::manual(jiff::Timestamp::now());
    let client = fake.client_at(Reach::Full, clock.clone());
    client.probe().await.expect("the fresh token is good");
    let asked = fake.asked("GET /v1/users");
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0].header("authorization"), asked[1].header("authorization"));
}

#[tokio::test]
async fn second_unauthorized_is_the_key_or_the_clock() {
    let check = async |date: Option<&str>, expected: Refusal| {
        let fake = Fake::start().await;
        let refusal = Say::error(401, "NOT_AUTHORIZED");
        let refusal = match date {
            Some(date) => refusal.with("date", date),
            None => refusal,
        };
        fake.say("GET /v1/users", [refusal]);
        let clock = Clock::manual("2026-11-22T10:00:00Z".parse().expect("a time"));
        let client = fake.client_at(Reach::Full, clock);
        let error = client.probe().await.expect_err("refused");
        assert!(matches!(error, AscError::Refused { cause, .. } if cause == expected), "{error:?}");
        assert!(error.ends_cycle());
        let asked = fake.asked("GET /v1/users");
        assert_eq!(asked.len(), 2);
        asked[1].claims()["iat"].as_i64().expect("a number")
    };
    let now = 1_795_341_600;
    assert_eq!(check(None, Refusal::Credentials).await, now - 60);
    assert_eq!(check(Some("Sun, 22 Nov 2026 10:00:20 GMT"), Refusal::Credentials).await, now - 60);
    let behind = check(Some("Sun, 22 Nov 2026 09:50:00 GMT"), Refusal::ClockSkew(600)).await;
    assert_eq!(behind, now - 660, "the second token is dated by Apple's clock");
}

#[tokio::test]
async fn writes_are_sent_once_unless_it_is_certain_that_nothing_happened() {
    let check = async |first: Say, tries: usize, expected: fn(&AscError) -> bool| {
        let fake = Fake::start().await;
        fake.say("POST /v1/userInvitations", [first, created()]);
        let result = fake.client(Reach::Full).invite(&ada(), &access()).await;
        assert_eq!(fake.asked("POST /v1/userInvitations").len(), tries);
        match result {
            Ok(sent) => assert_eq!((sent.value.id.as_str(), tries), ("i1", 2)),
            Err(error) => assert!(expected(&error), "{error:?}"),
        }
    };
    let unknown = |error: &AscError| matches!(error, AscError::Unknown { .. });
    check(Say::HangUp, 1, unknown).await;
    check(Say::error(500, "UNEXPECTED_ERROR"), 1, unknown).await;
    check(Say::text(502, "<html>"), 1, unknown).await;
    check(Say::text(503, "").with("retry-after", "1"), 1, unknown).await;
    check(Say::text(302, "").with("location", "https://example.com/"), 1, unknown).await;
    check(Say::text(201, "<html>"), 1, unknown).await;
    check(Say::error(409, "ENTITY_ERROR"), 1, |error| matches!(error, AscError::Conflict { .. })).await;
    check(Say::error(422, "X"), 1, |error| matches!(error, AscError::Invalid { .. })).await;
    check(Say::error(403, "FORBIDDEN_ERROR"), 1, AscError::ends_cycle).await;
    check(Say::error(401, "NOT_AUTHORIZED"), 1, AscError::ends_cycle).await;
    check(Say::error(429, "RATE_LIMIT_EXCEEDED").with("retry-after", "0"), 2, |_| false).await;
}

#[tokio::test]
async fn request_that_cannot_leave_is_not_sent() {
    let fake = Fake::start().await;
    let mut client = fake.client(Reach::Full);
    client.origin = Url::parse("http://127.0.0.1:1").expect("a URL");
    let error = client.remove(&"7".into()).await.expect_err("no connection");
    assert!(matches!(error, AscError::NotSent { .. }), "{error:?}");
}

#[tokio::test]
async fn rate_limit_pauses_everybody_and_a_long_one_ends_the_cycle() {
    let fake = Fake::start().await;
    let limited = Say::error(429, "RATE_LIMIT_EXCEEDED").with("retry-after", "901");
    fake.say("DELETE /v1/users/7", [limited]).say_empty();
    let client = fake.client(Reach::Full);
    let error = client.remove(&"7".into()).await.expect_err("limited");
    assert!(matches!(error, AscError::RateLimited { retry_after: Some(901), .. }), "{error:?}");
    assert!(error.ends_cycle());
    let error = client.read(&[].into()).await.expect_err("paused");
    assert!(error.ends_cycle());
    assert_eq!(fake.asked("DELETE /v1/users/7").len() + fake.asked("GET /v1/users").len(), 1);
}

#[tokio::test]
async fn remaining_hour_is_learned_from_every_answer() {
    let fake = Fake::start().await;
    let page = page(&[], 0, None).with("x-rate-limit", "user-hour-lim:3600;user-hour-rem:1700;");
    fake.say("GET /v1/users", [page.clone()]).say("GET /v1/userInvitations", [page]);
    let client = fake.client(Reach::Full);
    client.read(&[].into()).await.expect("reads go on");
    assert_eq!(client.budget().usage().remaining, Some(1700));
    let error = client.remove(&"7".into()).await.expect_err("into the reserve");
    assert!(matches!(error, AscError::RateLimited { .. }), "{error:?}");
    assert_eq!(fake.asked("DELETE /v1/users/7").len(), 0);
}

#[tokio::test]
async fn dry_run_reads_with_tokens_that_cannot_write() {
    let fake = Fake::start().await;
    fake.say_empty().say("GET /v1/apps", [page(&[], 0, None)]);
    let client = fake.client(Reach::ReadOnly);
    client.read(&["com.example.app".into()].into()).await.expect("a team");
    let users = fake.asked("GET /v1/users")[0].claims();
    let fields = "username,firstName,lastName,roles,allAppsVisible,provisioningAllowed,visibleApps";
    let expected = format!(
        "GET /v1/users?fields[users]={fields}&fields[apps]=bundleId&include=visibleApps&limit[visibleApps]=50"
    );
    assert_eq!(users["scope"], json!([expected]));
    let apps = fake.asked("GET /v1/apps")[0].claims();
    assert_eq!(apps["scope"], json!(["GET /v1/apps?filter[bundleId]=com.example.app&fields[apps]=bundleId"]));
}

#[tokio::test]
async fn refused_scope_falls_back_to_the_whole_key() {
    for refusal in [Say::error(401, "NOT_AUTHORIZED"), Say::error(403, "FORBIDDEN_ERROR")] {
        let fake = Fake::start().await;
        let users = page(&[holder()], 1, None);
        fake.say("GET /v1/users", [refusal, users]).say("GET /v1/userInvitations", [page(&[], 0, None)]);
        let client = fake.client(Reach::ReadOnly);
        assert!(client.read(&[].into()).await.expect("a team").coverage.is_complete());
        let asked = fake.asked("GET /v1/users");
        assert_eq!(asked.len(), 2);
        assert!(asked[0].claims().get("scope").is_some() && asked[1].claims().get("scope").is_none());
        client.read(&[].into()).await.expect("a team");
        assert_eq!(fake.asked("GET /v1/users").len(), 3, "learned once");
    }
}

#[tokio::test]
async fn refused_key_is_asked_for_twice_even_with_a_scope() {
    let fake = Fake::start().await;
    fake.say("GET /v1/users", [Say::error(401, "NOT_AUTHORIZED")]);
    let error = fake.client(Reach::ReadOnly).probe().await.expect_err("refused");
    assert!(matches!(error, AscError::Refused { cause: Refusal::Credentials, .. }));
    assert_eq!(fake.asked("GET /v1/users").len(), 2);
}

#[tokio::test]
async fn swapped_key_signs_the_next_request() {
    let fake = Fake::start().await;
    fake.say_empty();
    let client = fake.client(Reach::Full);
    client.probe().await.expect("accepted");
    let (pem, _) = super::super::token::tests::p8();
    let key = SigningKey::new(KeyKind::Individual, "ABCDEF123456", &pem).expect("a key");
    client.swap_key(key);
    client.probe().await.expect("accepted");
    assert_eq!(client.key_kind(), KeyKind::Individual);
    assert_eq!(fake.asked("GET /v1/users")[1].claims()["sub"], "user");
}

#[tokio::test]
async fn ids_are_one_segment_whatever_they_hold() {
    let fake = Fake::start().await;
    let client = Arc::new(fake.client(Reach::Full));
    let url = client.resource("/v1/users", "../apps/1?x=y#z", Some("visibleApps")).expect("an address");
    assert_eq!(url.path(), "/v1/users/..%2Fapps%2F1%3Fx=y%23z/visibleApps");
    assert_eq!(url.query(), None);
}
