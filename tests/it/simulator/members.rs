//! Reading, changing and removing members.

use rosterd::simulator::switches::AdminProvisioning;
use serde_json::json;

use super::client::{Peer, change, showing};

#[tokio::test]
async fn roles_and_apps_are_replaced_and_what_is_left_out_stays() {
    let peer = Peer::sample().await;
    let id = peer.member("hedy@example.com");
    let target = format!("/v1/users/{id}");
    let answer =
        peer.send("PATCH", &target, Some(change(&id, json!({"roles": ["MARKETING", "SALES"]})))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let attributes = &answer.json()["data"]["attributes"];
    assert_eq!(attributes["roles"], json!(["MARKETING", "SALES"]));
    assert_eq!(attributes["allAppsVisible"], false);
    let body = showing(change(&id, json!({"allAppsVisible": null})), &["6440000001", "6440000003"]);
    assert_eq!(peer.send("PATCH", &target, Some(body)).await.status, 200);
    assert_eq!(peer.get(&format!("{target}/visibleApps")).await.ids(), ["6440000001", "6440000003"]);
}

#[tokio::test]
async fn somebody_who_loses_all_apps_needs_apps_named_in_the_same_request() {
    let peer = Peer::sample().await;
    let id = peer.member("ada@example.com");
    let target = format!("/v1/users/{id}");
    let wish = json!({"roles": ["DEVELOPER"], "allAppsVisible": false});
    let refused = peer.send("PATCH", &target, Some(change(&id, wish.clone()))).await;
    assert_eq!((refused.status, refused.error().1.as_str()), (409, "/data/attributes/allAppsVisible"));
    let body = showing(change(&id, wish), &["6440000001"]);
    assert_eq!(peer.send("PATCH", &target, Some(body)).await.status, 200);
    let still = change(&id, json!({"roles": ["ADMIN"]}));
    assert_eq!(
        peer.send("PATCH", &target, Some(still)).await.json()["data"]["attributes"]["allAppsVisible"],
        true,
        "forced by the role"
    );
}

#[tokio::test]
async fn names_and_the_wrong_id_are_refused() {
    let peer = Peer::sample().await;
    let id = peer.member("alan@example.com");
    let target = format!("/v1/users/{id}");
    let refused = peer.send("PATCH", &target, Some(change(&id, json!({"firstName": "Al"})))).await;
    assert_eq!((refused.status, refused.error().0.as_str()), (409, "ENTITY_ERROR.ATTRIBUTE.NOT_ALLOWED"));
    let refused = peer.send("PATCH", &target, Some(change("other", json!({})))).await;
    assert_eq!((refused.status, refused.error().1.as_str()), (409, "/data/id"));
}

#[tokio::test]
async fn the_account_holder_is_neither_changed_nor_removed() {
    let peer = Peer::sample().await;
    let id = peer.member("owner@example.com");
    let target = format!("/v1/users/{id}");
    assert_eq!(peer.send("PATCH", &target, Some(change(&id, json!({"roles": ["ADMIN"]})))).await.status, 409);
    assert_eq!(peer.send("DELETE", &target, None).await.status, 403);
    let alan = peer.member("alan@example.com");
    let crown = change(&alan, json!({"roles": ["ACCOUNT_HOLDER", "ADMIN"]}));
    assert_eq!(peer.send("PATCH", &format!("/v1/users/{alan}"), Some(crown)).await.status, 409);
    let roles =
        peer.sim.with_state(|state| state.team.member("owner@example.com").map(|own| own.grant.roles.len()));
    assert_eq!(roles, Some(2));
}

#[tokio::test]
async fn a_removed_member_is_not_found() {
    let peer = Peer::sample().await;
    let target = format!("/v1/users/{}", peer.member("john@example.com"));
    assert_eq!(peer.send("DELETE", &target, None).await.status, 204);
    let answer = peer.get(&target).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (404, "NOT_FOUND"));
    assert_eq!(peer.send("DELETE", &target, None).await.status, 404);
}

#[tokio::test]
async fn linkages_are_added_replaced_and_removed_with_bodies() {
    let peer = Peer::sample().await;
    let target = format!("/v1/users/{}/relationships/visibleApps", peer.member("hedy@example.com"));
    let apps = |ids: &[&str]| {
        let data: Vec<_> = ids.iter().map(|id| json!({"type": "apps", "id": id})).collect();
        Some(json!({"data": data}))
    };
    assert_eq!(peer.send("POST", &target, apps(&["6440000001"])).await.status, 204);
    assert_eq!(peer.get(&target).await.ids(), ["6440000001", "6440000002"]);
    assert_eq!(peer.send("DELETE", &target, apps(&["6440000002"])).await.status, 204);
    assert_eq!(peer.send("DELETE", &target, apps(&["6440000001"])).await.status, 409, "the last one stays");
    assert_eq!(peer.send("PATCH", &target, apps(&["6440000003"])).await.status, 204);
    assert_eq!(peer.get(&target).await.ids(), ["6440000003"]);
    let admin = format!("/v1/users/{}/relationships/visibleApps", peer.member("ada@example.com"));
    assert_eq!(peer.send("POST", &admin, apps(&["6440000001"])).await.status, 409);
}

#[tokio::test]
async fn nobody_joins_by_a_post_on_users() {
    let peer = Peer::sample().await;
    let answer = peer.send("POST", "/v1/users", Some(json!({"data": {}}))).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (403, "FORBIDDEN_ERROR"));
    assert_eq!(peer.get("/v1/me").await.status, 404);
}

#[tokio::test]
async fn an_admin_may_read_back_provisioning_that_nobody_sent() {
    let peer = Peer::sample().await;
    peer.sim.switch(|switches| switches.app_store_connect.admin_provisioning = AdminProvisioning::Always);
    let read = async |who| peer.get(&format!("/v1/users/{}", peer.member(who))).await.json();
    assert_eq!(read("ada@example.com").await["data"]["attributes"]["provisioningAllowed"], true);
    assert_eq!(read("alan@example.com").await["data"]["attributes"]["provisioningAllowed"], false);
}
