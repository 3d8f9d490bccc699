use serde_json::json;

use super::super::client::Reach;
use super::super::fake::{Fake, Say};
use super::*;
use crate::model::{Address, Role, Roles};

fn access(roles: &[Role]) -> Access {
    Access {
        roles: roles.iter().cloned().collect::<Roles>(),
        all_apps_visible: Some(false),
        provisioning_allowed: Some(false),
        visible_apps: Some(["1".into()].into()),
    }
}

fn ada() -> Invitee {
    Invitee { email: Address::new("Ada+ios@example.com"), first_name: "Ada".into(), last_name: "King".into() }
}

#[tokio::test]
async fn invitation_is_one_post_and_comes_back_with_its_id() {
    let fake = Fake::start().await;
    let attributes = json!({"email": "Ada+ios@example.com", "expirationDate": "2026-11-25T02:00:00-08:00"});
    let created =
        Say::json(201, &json!({"data": {"type": "userInvitations", "id": "i1", "attributes": attributes}}));
    fake.say("POST /v1/userInvitations", [created.with("x-request-id", "R-1")]);
    let sent = fake.client(Reach::Full).invite(&ada(), &access(&[Role::DEVELOPER])).await.expect("sent");
    let expires = Some("2026-11-25T10:00:00Z".parse().expect("a time"));
    let expected = Written { value: Sent { id: "i1".into(), expires }, request_id: Some("R-1".into()) };
    assert_eq!(sent, expected);
    let asked = fake.asked("POST /v1/userInvitations");
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].body,
        json!({"data": {"type": "userInvitations",
            "attributes": {"email": "Ada+ios@example.com", "firstName": "Ada", "lastName": "King", "roles": ["DEVELOPER"],
                "allAppsVisible": false, "provisioningAllowed": false},
            "relationships": {"visibleApps": {"data": [{"type": "apps", "id": "1"}]}}}})
    );
}

#[tokio::test]
async fn update_is_one_patch_and_the_rest_deletes() {
    let fake = Fake::start().await;
    fake.say("PATCH /v1/users/u1", [Say::json(200, &json!({"data": {}}))]);
    fake.say("DELETE /v1/users/u1", [Say::text(204, "")]);
    fake.say("DELETE /v1/userInvitations/i1", [Say::text(204, "").with("x-apple-request-uuid", "R-2")]);
    let client = fake.client(Reach::Full);
    let all = Access { all_apps_visible: Some(true), ..access(&[Role::DEVELOPER]) };
    client.update(&"u1".into(), &all, &access(&[Role::new("SALES")])).await.expect("updated");
    client.remove(&"u1".into()).await.expect("removed");
    let cancelled = client.cancel(&"i1".into()).await.expect("cancelled");
    assert_eq!(cancelled.request_id.as_deref(), Some("R-2"));
    let patch = &fake.asked("PATCH /v1/users/u1")[0].body["data"];
    assert_eq!((&patch["id"], &patch["type"]), (&json!("u1"), &json!("users")));
    assert_eq!(patch["relationships"]["visibleApps"]["data"][0]["id"], "1");
    for endpoint in ["DELETE /v1/users/u1", "DELETE /v1/userInvitations/i1"] {
        assert_eq!(fake.asked(endpoint)[0].body, json!(null));
    }
}

#[tokio::test]
async fn page_of_html_with_a_good_status_is_no_success() {
    let fake = Fake::start().await;
    for endpoint in ["PATCH /v1/users/u1", "DELETE /v1/users/u1", "DELETE /v1/userInvitations/i1"] {
        fake.say(endpoint, [Say::text(200, "<html>please sign in</html>")]);
    }
    let client = fake.client(Reach::Full);
    let update = client.update(&"u1".into(), &access(&[Role::ADMIN]), &access(&[Role::DEVELOPER])).await;
    for answer in [update, client.remove(&"u1".into()).await, client.cancel(&"i1".into()).await] {
        let error = answer.expect_err("not Apple's words");
        assert!(matches!(&error, AscError::Unknown { text } if text.contains("HTML")), "{error:?}");
    }
}

#[tokio::test]
async fn seat_that_is_gone_says_so() {
    let fake = Fake::start().await;
    fake.say("DELETE /v1/userInvitations/i1", [Say::error(410, "NOT_FOUND"), Say::error(410, "GONE")]);
    let client = fake.client(Reach::Full);
    for error in [client.cancel(&"i1".into()).await, client.remove(&"u1".into()).await] {
        assert!(matches!(error, Err(AscError::Gone { .. })), "{error:?}");
    }
    let error = client.cancel(&"i1".into()).await;
    assert!(matches!(error, Err(AscError::Unknown { .. })), "another code: {error:?}");
}

#[tokio::test]
async fn account_holder_and_empty_role_lists_never_reach_the_wire() {
    let fake = Fake::start().await;
    let client = fake.client(Reach::Full);
    for roles in [&[][..], &[Role::ADMIN, Role::ACCOUNT_HOLDER]] {
        let update = client
            .update(&"u1".into(), &access(&[Role::DEVELOPER]), &access(roles))
            .await
            .expect_err("refused");
        let invite = client.invite(&ada(), &access(roles)).await.expect_err("refused");
        for error in [update, invite] {
            assert!(matches!(error, AscError::Invalid { .. }) && error.to_string().contains("not sent"));
        }
    }
    assert_eq!(fake.asked("PATCH /v1/users/u1").len() + fake.asked("POST /v1/userInvitations").len(), 0);
}

#[tokio::test]
async fn an_id_that_would_be_the_whole_list_is_never_asked_for() {
    let fake = Fake::start().await;
    let client = fake.client(Reach::Full);
    for id in ["", ".", ".."] {
        let removed = client.remove(&id.into()).await.map(|_| ());
        let cancelled = client.cancel(&id.into()).await.map(|_| ());
        let updated =
            client.update(&id.into(), &access(&[Role::ADMIN]), &access(&[Role::DEVELOPER])).await.map(|_| ());
        for answer in [removed, cancelled, updated] {
            let error = answer.expect_err("refused");
            assert!(
                matches!(&error, AscError::Invalid { .. }) && error.to_string().contains("by the id"),
                "{error}"
            );
        }
    }
    fake.say("DELETE /v1/users/a%0D%0A%09b", [Say::text(204, "")]);
    client.remove(&"a\r\n\tb".into()).await.expect("removed");
    assert_eq!(fake.all().len(), 1, "nothing else was asked for");
}

#[tokio::test]
async fn update_that_says_nothing_is_not_sent_and_odd_role_lists_stop_no_flag() {
    let fake = Fake::start().await;
    fake.say("PATCH /v1/users/u1", [Say::json(200, &json!({"data": {}}))]);
    let client = fake.client(Reach::Full);
    let same = access(&[Role::DEVELOPER]);
    let error = client.update(&"u1".into(), &same, &same).await.expect_err("nothing to send");
    assert!(error.to_string().contains("not sent"), "{error}");
    for roles in [&[][..], &[Role::new("IMAGE_MANAGER")]] {
        fake.say("PATCH /v1/users/u1", [Say::json(200, &json!({"data": {}}))]);
        let after = Access { provisioning_allowed: Some(true), ..access(roles) };
        client.update(&"u1".into(), &access(roles), &after).await.expect("sent");
    }
    let bodies = fake.asked("PATCH /v1/users/u1");
    assert_eq!(bodies.len(), 2);
    assert!(bodies.iter().all(|asked| asked.body["data"]["attributes"].get("roles").is_none()));
}
