//! The SCIM provider and its oddities.

use rosterd::simulator::switches::{
    ActiveShape, AttributeShape, MemberValue, MembersShown, Paging, ResourcesKey, ScimAuth, ScimSwitches,
    StartIndexEcho, StartIndexUse, TotalResults, UnknownFilter,
};
use rosterd::simulator::{Options, SCIM_SECRET, SCIM_USER, World};
use serde_json::{Value, json};

use super::client::{Peer, finish};

async fn odd(change: impl FnOnce(&mut ScimSwitches)) -> Peer {
    let peer = Peer::with(World::generated(25, 5, 1), Options::default()).await;
    peer.sim.switch(|switches| change(&mut switches.scim));
    peer
}

fn rows(page: &Value) -> Vec<String> {
    let rows = page["Resources"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn index_pages_cover_everybody() {
    let peer = odd(|_| {}).await;
    let first = peer.get("/scim/v2/Users?startIndex=1&count=20").await.json();
    let second = peer.get("/scim/v2/Users?startIndex=21&count=20").await.json();
    assert_eq!((rows(&first).len(), rows(&second).len()), (20, 5));
    assert_eq!((&second["totalResults"], &second["startIndex"]), (&json!(25), &json!(21)));
    assert_eq!(rows(&peer.get("/scim/v2/Users?startIndex=-3&count=-1").await.json()).len(), 0);
    let person = &first["Resources"][0];
    assert_eq!((&person["active"], &person["userType"]), (&json!(true), &json!("Employee")));
}

#[tokio::test]
async fn cursor_pages_lose_nobody_and_index_pages_do() {
    let last = "p0000020@example.com";
    let leave = |switches: &mut ScimSwitches| {
        switches.delete_after_first_page = Some("p0000001@example.com".into());
    };
    let sees_last = |page: &Value| page.to_string().contains(last);
    let peer = odd(leave).await;
    peer.get("/scim/v2/Users?startIndex=1&count=20").await;
    let second = peer.get("/scim/v2/Users?startIndex=21&count=20").await.json();
    assert!(!sees_last(&second), "moved up to position 20");
    let peer = odd(|switches| {
        leave(switches);
        switches.paging = Paging::Cursor;
    })
    .await;
    let first = peer.get("/scim/v2/Users?cursor&count=20").await.json();
    assert!(first["startIndex"].is_null());
    let next = first["nextCursor"].as_str().expect("a cursor").to_owned();
    let second = peer.get(&format!("/scim/v2/Users?cursor={next}&count=20")).await.json();
    assert!(sees_last(&second));
    assert!(second["nextCursor"].is_null());
    let wrong = peer.get("/scim/v2/Users?cursor=stale").await;
    assert_eq!((wrong.status, &wrong.json()["scimType"]), (400, &json!("invalidCursor")));
}

#[tokio::test]
async fn both_ways_of_paging_are_announced_and_a_plain_request_gets_cursors() {
    let peer = odd(|switches| switches.paging = Paging::BothDefaultCursor).await;
    let config = peer.get("/scim/v2/ServiceProviderConfig").await.json();
    assert_eq!(config["pagination"]["defaultPaginationMethod"], "cursor");
    assert!(peer.get("/scim/v2/Users?count=3").await.json()["nextCursor"].is_string());
    assert_eq!(peer.get("/scim/v2/Users?count=3&startIndex=4").await.json()["startIndex"], 4);
}

#[tokio::test]
async fn filters_are_understood_refused_or_ignored() {
    let peer = odd(|_| {}).await;
    let filtered = async |filter: &str| {
        let url =
            reqwest::Url::parse_with_params("http://x/scim/v2/Users", [("filter", filter)]).expect("parses");
        peer.get(&format!("/scim/v2/Users?{}", url.query().unwrap_or_default())).await
    };
    assert_eq!(rows(&filtered(r#"userName eq "P0000004@example.com""#).await.json()).len(), 1);
    let refused = filtered(r#"meta.lastModified gt "2020-01-01T00:00:00Z""#).await;
    assert_eq!((refused.status, &refused.json()["scimType"]), (400, &json!("invalidFilter")));
    peer.sim.switch(|switches| switches.scim.unknown_filter = UnknownFilter::Ignored);
    assert_eq!(rows(&filtered(r#"userName sw "q""#).await.json()).len(), 25);
}

#[tokio::test]
async fn single_objects_and_errors_are_scim() {
    let peer = Peer::sample().await;
    let ada =
        peer.sim.with_state(|state| state.directory.person("ada@example.com").expect("a person").id.clone());
    let answer = peer.get(&format!("/scim/v2/Users/{ada}")).await;
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.json()["name"], json!({"givenName": "Ada", "familyName": "King"}));
    assert_eq!(peer.get("/scim/v2/Users/ada@example.com").await.status, 404, "a user name is no id");
    peer.sim.switch(|switches| switches.scim.member_value = MemberValue::UserName);
    assert_eq!(
        peer.get("/scim/v2/Users/ada@example.com").await.json()["id"],
        *ada,
        "here it is as good as one"
    );
    let missing = peer.get("/scim/v2/Users/nobody").await;
    assert_eq!((missing.status, &missing.json()["status"]), (404, &json!("404")));
    assert_eq!(missing.json()["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    let bare = finish(peer.request("GET", "/scim/v2/ServiceProviderConfig")).await.expect("an answer");
    assert_eq!(bare.status, 401);
}

#[tokio::test]
async fn groups_show_members_or_hide_them() {
    let peer = Peer::sample().await;
    let group = async || {
        let url = "/scim/v2/Groups?filter=displayName%20eq%20%22iOS%20Developers%22";
        peer.get(url).await.json()["Resources"][0].clone()
    };
    let shown = group().await;
    let kinds: Vec<_> =
        shown["members"].as_array().expect("members").iter().map(|row| row["type"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "Group").count(), 2);
    peer.sim.switch(|switches| switches.scim.member_value = MemberValue::UserName);
    assert!(group().await["members"].to_string().contains("\"value\":\"alan@example.com\""));
    peer.sim.switch(|switches| switches.scim.members_shown = MembersShown::ById);
    assert!(group().await["members"].is_null());
    let target = format!("/scim/v2/Groups/{}", shown["id"].as_str().unwrap_or_default());
    assert!(peer.get(&target).await.json()["members"].is_array());
    assert!(peer.get(&format!("{target}?excludedAttributes=members")).await.json()["members"].is_null());
}

#[tokio::test]
async fn shapes_differ_by_switch() {
    let peer = Peer::sample().await;
    let urn = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
    let emmy = async || {
        let id = peer
            .sim
            .with_state(|state| state.directory.person("emmy@example.com").expect("a person").id.clone());
        peer.get(&format!("/scim/v2/Users/{id}")).await.json()
    };
    let roles = json!(["DEVELOPER", "APP_MANAGER"]);
    assert_eq!(emmy().await[urn]["appStoreConnect_role"], roles);
    peer.sim.switch(|switches| {
        switches.scim.attributes = AttributeShape::Flattened;
        switches.scim.active = ActiveShape::Text;
    });
    let person = emmy().await;
    assert_eq!((&person[format!("{urn}:appStoreConnect_role")], &person["active"]), (&roles, &json!("True")));
    peer.sim.switch(|switches| {
        switches.scim.attributes = AttributeShape::TopLevel;
        switches.scim.active = ActiveShape::Missing;
    });
    let person = emmy().await;
    assert_eq!(person["appStoreConnect_role"], roles);
    assert!(person.get("active").is_none());
}

#[tokio::test]
async fn lists_can_be_odd() {
    let peer = odd(|switches| {
        switches.resources_key = ResourcesKey::LowerCase;
        switches.start_index_echo = StartIndexEcho::AlwaysOne;
        switches.total_results = TotalResults::OffBy(-1);
        switches.short_by = 1;
    })
    .await;
    let page = peer.get("/scim/v2/Users?startIndex=3&count=10").await.json();
    assert_eq!(page["resources"].as_array().map(Vec::len), Some(9));
    assert_eq!((&page["startIndex"], &page["totalResults"]), (&json!(1), &json!(24)));
    peer.sim.switch(|switches| switches.scim.total_results = TotalResults::Missing);
    assert!(peer.get("/scim/v2/Users").await.json().get("totalResults").is_none());
}

#[tokio::test]
async fn a_start_index_can_be_ignored_or_wrap_around() {
    let peer = odd(|switches| {
        switches.start_index = StartIndexUse::Ignored;
        switches.start_index_echo = StartIndexEcho::AsAsked;
    })
    .await;
    let page =
        async |start: usize| peer.get(&format!("/scim/v2/Users?count=10&startIndex={start}")).await.json();
    assert_eq!(rows(&page(1).await), rows(&page(11).await));
    assert_eq!(page(11).await["startIndex"], 11);
    peer.sim.switch(|switches| switches.scim.start_index = StartIndexUse::WrapsAround);
    assert_ne!(rows(&page(1).await), rows(&page(11).await));
    assert_eq!(rows(&page(1).await), rows(&page(26).await));
}

#[tokio::test]
async fn oauth2_tokens_end() {
    let peer = odd(|switches| switches.auth = ScimAuth::Oauth2).await;
    assert_eq!(peer.get("/scim/v2/Users").await.status, 401, "the static token");
    let form = |secret: &str| {
        [("grant_type", "client_credentials"), ("client_id", SCIM_USER), ("client_secret", secret)]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
    };
    let refused =
        finish(peer.request("POST", "/oauth2/token").form(&form("wrong"))).await.expect("an answer");
    assert_eq!(refused.status, 401);
    let granted = finish(peer.request("POST", "/oauth2/token").form(&form(SCIM_SECRET)))
        .await
        .expect("an answer")
        .json();
    let token = granted["access_token"].as_str().expect("a token").to_owned();
    let read = async || {
        finish(peer.request("GET", "/scim/v2/Users").bearer_auth(&token)).await.expect("an answer").status
    };
    assert_eq!(read().await, 200);
    peer.sim.age(jiff::SignedDuration::from_secs(3601));
    assert_eq!(read().await, 401);
    let logged = peer.sim.with_state(|state| format!("{:?}", state.requests));
    assert!(!logged.contains(SCIM_SECRET), "forms are not kept");
}

#[tokio::test]
async fn basic_authentication_wants_the_password() {
    let peer = odd(|switches| switches.auth = ScimAuth::Basic).await;
    let read = async |secret: &str| {
        let request = peer.request("GET", "/scim/v2/Groups").basic_auth(SCIM_USER, Some(secret));
        finish(request).await.expect("an answer").status
    };
    assert_eq!((read(SCIM_SECRET).await, read("wrong").await), (200, 401));
}
