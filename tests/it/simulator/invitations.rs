//! Inviting, cancelling, accepting, expiring.

use jiff::SignedDuration;
use rosterd::simulator::Acceptance;
use rosterd::simulator::switches::AllAppsShape;
use serde_json::{Value, json};

use super::client::{Peer, finish, invite, showing};

/// Posts an invitation and expects this status, code and pointer.
async fn refused(peer: &Peer, body: Value, status: u16, code: &str, pointer: &str) {
    let answer = peer.send("POST", "/v1/userInvitations", Some(body)).await;
    let wanted = (status, (code.to_owned(), pointer.to_owned()));
    assert_eq!((answer.status, answer.error()), wanted, "{}", answer.text);
}

#[tokio::test]
async fn an_invitation_is_mailed_once_and_lasts_three_days() {
    let peer = Peer::sample().await;
    let answer = peer.send("POST", "/v1/userInvitations", Some(invite("new@example.com", json!({})))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let data = &answer.json()["data"];
    assert_eq!(answer.header("location"), data["links"]["self"]);
    let expires: jiff::Timestamp =
        data["attributes"]["expirationDate"].as_str().expect("a date").parse().expect("with an offset");
    let hours = expires.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((71..=72).contains(&hours), "{hours}");
    assert_eq!(data["attributes"]["allAppsVisible"], true);
    assert_eq!(peer.sim.with_state(|state| state.mails_to("NEW@example.com")), 1);
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused_even_by_an_expired_invitation() {
    let peer = Peer::sample().await;
    let (code, pointer) = ("ENTITY_ERROR.ATTRIBUTE.INVALID.DUPLICATE", "/data/attributes/email");
    for taken in ["alan@example.com", "dorothy@example.com", "karen@example.com", "tom@example.com"] {
        refused(&peer, invite(taken, json!({})), 409, code, pointer).await;
    }
    assert_eq!(peer.sim.with_state(|state| state.mails.len()), 0);
}

#[tokio::test]
async fn what_apple_does_not_take_is_refused_with_a_pointer() {
    let peer = Peer::sample().await;
    let with = |attributes| invite("new@example.com", attributes);
    let required = "ENTITY_ERROR.ATTRIBUTE.REQUIRED";
    refused(&peer, with(json!({"lastName": ""})), 409, required, "/data/attributes/lastName").await;
    refused(&peer, with(json!({"firstName": null})), 409, required, "/data/attributes/firstName").await;
    refused(&peer, with(json!({"roles": null})), 409, required, "/data/attributes/roles").await;
    let wrong = "ENTITY_ERROR.ATTRIBUTE.TYPE";
    refused(&peer, with(json!({"roles": ["TECHNICAL"]})), 409, wrong, "/data/attributes/roles/0").await;
    refused(&peer, with(json!({"allAppsVisible": "yes"})), 409, wrong, "/data/attributes/allAppsVisible")
        .await;
    let invalid = "ENTITY_ERROR.ATTRIBUTE.INVALID";
    refused(&peer, with(json!({"roles": []})), 409, invalid, "/data/attributes/roles").await;
    refused(&peer, with(json!({"roles": ["ACCOUNT_HOLDER"]})), 409, invalid, "/data/attributes/roles").await;
    refused(&peer, with(json!({"allAppsVisible": false})), 409, invalid, "/data/attributes/allAppsVisible")
        .await;
    refused(&peer, invite("not an address", json!({})), 409, invalid, "/data/attributes/email").await;
    let unknown = "ENTITY_ERROR.ATTRIBUTE.NOT_ALLOWED";
    refused(&peer, with(json!({"username": "x"})), 409, unknown, "/data/attributes/username").await;
    refused(&peer, json!({"data": []}), 422, "ENTITY_UNPROCESSABLE", "").await;
    assert_eq!(peer.sim.with_state(|state| state.team.invitations.len()), 2, "nothing was added");
}

#[tokio::test]
async fn apps_are_named_only_for_those_who_do_not_see_all() {
    let peer = Peer::sample().await;
    let app = ["6440000002"];
    let (code, pointer) = ("ENTITY_ERROR.RELATIONSHIP.INVALID", "/data/relationships/visibleApps");
    for forced in
        [json!({"roles": ["ADMIN"]}), json!({"provisioningAllowed": true}), json!({"allAppsVisible": true})]
    {
        refused(&peer, showing(invite("new@example.com", forced), &app), 409, code, pointer).await;
    }
    let some = json!({"allAppsVisible": false});
    refused(&peer, showing(invite("new@example.com", some.clone()), &["1"]), 409, code, pointer).await;
    let answer =
        peer.send("POST", "/v1/userInvitations", Some(showing(invite("new@example.com", some), &app))).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let shown =
        peer.get(&format!("/v1/userInvitations/{}/visibleApps", peer.invitation("new@example.com"))).await;
    assert_eq!(shown.ids(), app);
}

#[tokio::test]
async fn provisioning_brings_all_apps_back() {
    let peer = Peer::sample().await;
    let wish = json!({"provisioningAllowed": true, "allAppsVisible": false});
    let answer = peer.send("POST", "/v1/userInvitations", Some(invite("new@example.com", wish))).await;
    assert_eq!((answer.status, &answer.json()["data"]["attributes"]["allAppsVisible"]), (201, &json!(true)));
}

#[tokio::test]
async fn an_invitation_cannot_be_changed_only_cancelled() {
    let peer = Peer::sample().await;
    let target = format!("/v1/userInvitations/{}", peer.invitation("karen@example.com"));
    let answer = peer.send("PATCH", &target, Some(json!({"data": {}}))).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (403, "FORBIDDEN_ERROR"));
    assert_eq!(peer.send("DELETE", &target, None).await.status, 204);
    assert_eq!(peer.get(&target).await.status, 410);
    assert_eq!(peer.send("DELETE", &target, None).await.status, 410);
    assert_eq!(peer.get("/v1/userInvitations/made-up").await.status, 404);
}

#[tokio::test]
async fn acceptance_makes_a_member_under_another_id_and_perhaps_another_account() {
    let peer = Peer::sample().await;
    let old = peer.invitation("karen@example.com");
    let how = Acceptance {
        apple_account: Some("karen.private@example.org".into()),
        names: Some(("K.".into(), "Sparck Jones".into())),
    };
    let new = peer.sim.with_state(|state| {
        let now = state.now();
        state.team.accept("karen@example.com", how, now).expect("accepts")
    });
    assert_ne!(old, new);
    assert_eq!(peer.get(&format!("/v1/userInvitations/{old}")).await.status, 410);
    let member = peer.get(&format!("/v1/users/{new}")).await.json();
    assert_eq!(member["data"]["attributes"]["username"], "karen.private@example.org");
    assert_eq!(member["data"]["attributes"]["firstName"], "K.");
    let again = peer.send("POST", "/v1/userInvitations", Some(invite("karen@example.com", json!({})))).await;
    assert_eq!(again.status, 201, "nothing links the address with the account any more");
}

#[tokio::test]
async fn an_expired_invitation_stays_listed_and_cannot_be_accepted() {
    let peer = Peer::sample().await;
    peer.sim.age(SignedDuration::from_hours(50));
    let listed = peer.get("/v1/userInvitations?filter%5Bemail%5D=karen@example.com").await;
    assert_eq!(listed.ids(), [peer.invitation("karen@example.com")]);
    let outcome = peer.sim.with_state(|state| {
        let now = state.now();
        state.team.accept("karen@example.com", Acceptance::default(), now)
    });
    assert!(outcome.is_err(), "{outcome:?}");
}

#[tokio::test]
async fn an_invitation_to_all_apps_can_read_back_as_null() {
    let peer = Peer::sample().await;
    peer.sim.switch(|switches| switches.app_store_connect.invited_to_all_apps = AllAppsShape::Null);
    let target = format!("/v1/userInvitations/{}?include=visibleApps", peer.invitation("karen@example.com"));
    let answer = peer.get(&target).await.json();
    assert_eq!(answer["data"]["attributes"]["allAppsVisible"], Value::Null);
    assert_eq!(answer["data"]["relationships"]["visibleApps"]["data"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn media_types_and_broken_json_have_their_own_statuses() {
    let peer = Peer::sample().await;
    let post = || peer.request("POST", "/v1/userInvitations").bearer_auth(peer.sim.token());
    let sent = async |request: reqwest::RequestBuilder| finish(request).await.expect("an answer");
    assert_eq!(sent(post().body("{}").header("content-type", "text/plain")).await.status, 415);
    assert_eq!(sent(post().body("{").header("content-type", "application/json")).await.status, 422);
    let get = peer.request("GET", "/v1/users").bearer_auth(peer.sim.token());
    let answer = sent(get.header("accept", "text/html")).await;
    assert_eq!((answer.status, answer.header("content-type")), (406, "text/plain"));
}
