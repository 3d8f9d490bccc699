//! The control API does what the in-process one does.

use serde_json::{Value, json};

use super::client::{Answer, Peer, finish, invite};

async fn lever(peer: &Peer, name: &str, body: Value) -> Answer {
    finish(peer.request("POST", &format!("/_sim/{name}")).json(&body)).await.expect("an answer")
}

async fn state(peer: &Peer) -> Value {
    finish(peer.request("GET", "/_sim/state")).await.expect("an answer").json()
}

#[tokio::test]
async fn the_state_shows_seats_mails_and_requests() {
    let peer = Peer::sample().await;
    peer.send("POST", "/v1/userInvitations", Some(invite("new@example.com", json!({})))).await;
    let state = state(&peer).await;
    assert_eq!(state["members"].as_array().map(Vec::len), Some(14));
    assert_eq!(state["invitations"].as_array().map(Vec::len), Some(3));
    assert_eq!(state["mails"][0]["address"], "new@example.com");
    assert_eq!(state["requests"][0]["status"], 201);
}

#[tokio::test]
async fn people_come_change_and_go() {
    let peer = Peer::sample().await;
    let new = json!({"op": "create", "email": "mary@example.com", "given_name": "Mary", "family_name": "Cartwright", "groups": ["iOS Developers"]});
    assert_eq!(lever(&peer, "people", new.clone()).await.status, 200);
    assert_eq!(lever(&peer, "people", new).await.status, 409);
    let patch = json!({"op": "patch", "who": "mary@example.com", "active": false, "custom": {"appStoreConnect_role": "SALES"}});
    assert_eq!(lever(&peer, "people", patch).await.status, 200);
    let (active, role) = peer.sim.with_state(|state| {
        let mary = state.directory.person("mary@example.com").expect("a person");
        (mary.active, mary.custom["appStoreConnect_role"].clone())
    });
    assert_eq!((active, role), (false, json!("SALES")));
    assert_eq!(lever(&peer, "people", json!({"op": "delete", "who": "mary@example.com"})).await.status, 200);
    assert_eq!(lever(&peer, "people", json!({"op": "delete", "who": "mary@example.com"})).await.status, 404);
    assert_eq!(lever(&peer, "people", json!({"op": "promote"})).await.status, 400);
}

#[tokio::test]
async fn the_levers_are_listed_and_people_can_be_looked_at() {
    let peer = Peer::sample().await;
    let help = finish(peer.request("GET", "/_sim")).await.expect("an answer");
    assert!(help.text.contains("POST   /_sim/accept"), "{}", help.text);
    let ada =
        finish(peer.request("GET", "/_sim/person?who=ADA@example.com")).await.expect("an answer").json();
    assert_eq!((&ada["person"]["given_name"], &ada["groups"]), (&json!("Ada"), &json!(["iOS Admins"])));
    assert_eq!(finish(peer.request("GET", "/_sim/elsewhere")).await.expect("an answer").status, 404);
}

#[tokio::test]
async fn groups_gain_and_lose_members() {
    let peer = Peer::sample().await;
    let count = || {
        peer.sim
            .with_state(|state| state.directory.group("iOS Admins").map_or(0, |group| group.members.len()))
    };
    assert_eq!(
        lever(&peer, "groups", json!({"op": "join", "group": "iOS Admins", "who": "alan@example.com"}))
            .await
            .status,
        200
    );
    assert_eq!(count(), 3);
    assert_eq!(
        lever(&peer, "groups", json!({"op": "leave", "group": "iOS Admins", "who": "alan@example.com"}))
            .await
            .status,
        200
    );
    assert_eq!(count(), 2);
    assert_eq!(lever(&peer, "groups", json!({"op": "delete", "group": "Watch Team"})).await.status, 200);
    assert!(peer.sim.with_state(|state| state.directory.group("Watch Team").is_none()));
}

#[tokio::test]
async fn faults_switches_and_time_are_set_from_outside() {
    let peer = Peer::sample().await;
    let faults = json!([{"peer": "asc", "method": "GET", "path": "/v1/users", "fault": {"kind": "status", "status": 503}}]);
    assert_eq!(lever(&peer, "faults", faults).await.json()["pending"], 1);
    assert_eq!(peer.get("/v1/users").await.status, 503);
    assert_eq!(
        lever(&peer, "switches", json!({"app_store_connect": {"role": "read_only"}})).await.status,
        200
    );
    assert_eq!(lever(&peer, "switches", json!({"scim": {"total_results": {"off_by": 2}}})).await.status, 200);
    assert_eq!(lever(&peer, "switches", json!({"scim": {"colour": "red"}})).await.status, 400);
    assert_eq!(peer.get("/scim/v2/Users").await.json()["totalResults"], 34);
    assert_eq!(lever(&peer, "clock", json!({"advance_seconds": 3 * 86400})).await.status, 200);
    assert_eq!(
        lever(&peer, "accept", json!({"email": "karen@example.com"})).await.status,
        409,
        "expired by now"
    );
}

#[tokio::test]
async fn acceptance_and_hand_made_changes_reach_the_team() {
    let peer = Peer::sample().await;
    let accepted =
        json!({"email": "karen@example.com", "apple_account": "k@example.org", "names": ["K", "SJ"]});
    assert_eq!(lever(&peer, "accept", accepted).await.status, 200);
    let grant = json!({"roles": ["SALES"], "all_apps": true, "provisioning": false, "apps": []});
    let patch = json!({"op": "patch", "who": "k@example.org", "grant": grant});
    assert_eq!(lever(&peer, "members", patch).await.status, 200);
    assert_eq!(
        lever(&peer, "members", json!({"op": "cancel", "email": "tom@example.com"})).await.status,
        200
    );
    assert_eq!(lever(&peer, "members", json!({"op": "delete", "who": "alan@example.com"})).await.status, 200);
    peer.sim.with_state(|state| {
        assert!(
            state.team.member("k@example.org").is_some_and(|member| member.grant.roles.contains("SALES"))
        );
        assert!(state.team.invitations.is_empty());
        assert!(state.team.member("alan@example.com").is_none());
    });
}
