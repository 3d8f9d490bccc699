//! Lists of App Store Connect: pages, filters, sorting, included apps, and what is no parameter.

use rosterd::simulator::{Grant, Options, World};
use serde_json::json;

use super::client::Peer;

/// A team of 250 members with 60 apps.
async fn large() -> Peer {
    let mut world = World::generated(249, 249, 7);
    for number in 0..58 {
        world.team.add_app(
            &format!("65{number:08}"),
            &format!("App {number}"),
            &format!("com.example.app{number}"),
        );
    }
    Peer::with(world, Options::default()).await
}

#[tokio::test]
async fn pages_are_of_100_by_default_and_of_200_at_most() {
    let peer = large().await;
    let first = peer.get("/v1/users").await.json();
    assert_eq!(first["data"].as_array().map(Vec::len), Some(100));
    let paging = &first["meta"]["paging"];
    assert_eq!((&paging["total"], &paging["limit"]), (&json!(250), &json!(100)));
    assert!(paging["nextCursor"].is_string());
    for limit in ["0", "201", "many"] {
        let refused = peer.get(&format!("/v1/users?limit={limit}")).await;
        assert_eq!(
            (refused.status, refused.error()),
            (400, ("PARAMETER_ERROR.INVALID".into(), "limit".into()))
        );
    }
}

#[tokio::test]
async fn absolute_links_lead_through_everybody_even_while_people_leave() {
    let peer = large().await;
    let first = peer.get("/v1/users?limit=200").await;
    let mut seen = first.ids();
    peer.sim.with_state(|state| state.team.remove_member("p0000003@example.com"));
    let next = first.json()["links"]["next"].as_str().expect("a next page").to_owned();
    assert!(next.starts_with(&format!("{}/v1/users?", peer.sim.origin())), "{next}");
    let second = peer.get(&next).await;
    seen.extend(second.ids());
    assert!(second.json()["links"]["next"].is_null());
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 250);
    assert_eq!(peer.get("/v1/users?cursor=made-up").await.status, 400);
}

#[tokio::test]
async fn included_apps_are_cut_and_counted() {
    let peer = large().await;
    let member = peer.member("p0000000@example.com");
    let answer =
        peer.get(&format!("/v1/users/{member}?include=visibleApps&limit%5BvisibleApps%5D=50")).await.json();
    let apps = &answer["data"]["relationships"]["visibleApps"];
    assert_eq!(apps["data"].as_array().map(Vec::len), Some(50));
    assert_eq!(apps["meta"]["paging"]["total"], 60);
    assert_eq!(answer["included"].as_array().map(Vec::len), Some(50));
    let plain = peer.get(&format!("/v1/users/{member}")).await.json();
    assert!(plain["data"]["relationships"]["visibleApps"]["data"].is_null());
    assert!(plain.get("included").is_none());
    assert_eq!(peer.get(&format!("/v1/users/{member}/visibleApps")).await.ids().len(), 60);
    assert_eq!(peer.get("/v1/users?include=visibleApps&limit%5BvisibleApps%5D=51").await.status, 400);
    assert_eq!(peer.get("/v1/users?include=apps").await.status, 400);
}

#[tokio::test]
async fn filters_narrow_and_unknown_ones_are_refused() {
    let peer = Peer::sample().await;
    let count = async |target: &str| peer.get(target).await.ids().len();
    assert_eq!(count("/v1/users?filter%5Busername%5D=DOROTHY@example.com,alan@example.com").await, 2);
    assert_eq!(count("/v1/users?filter%5Broles%5D=ADMIN").await, 3);
    assert_eq!(count("/v1/apps?filter%5BbundleId%5D=com.example.app,com.example.watch").await, 2);
    for wrong in
        ["filter%5Bemail%5D=a@example.com", "filter%5Broles%5D=BOSS", "colour=red", "fields%5Busers%5D=email"]
    {
        let refused = peer.get(&format!("/v1/users?{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.error().0.starts_with("PARAMETER_ERROR"), "{wrong}: {}", refused.text);
    }
}

#[tokio::test]
async fn sorting_goes_both_ways_and_over_pages() {
    let peer = Peer::sample().await;
    let all = peer.sim.with_state(|state| state.team.members.len());
    let names = async |target: &str| {
        let (mut names, mut next) = (Vec::new(), Some(target.to_owned()));
        while let Some(target) = next {
            let page = peer.get(&target).await.json();
            let rows = page["data"].as_array().cloned().unwrap_or_default();
            names.extend(rows.iter().map(|row| row["attributes"]["username"].to_string().to_lowercase()));
            next = page["links"]["next"].as_str().map(str::to_owned);
        }
        names
    };
    let up = names("/v1/users?sort=username&limit=4").await;
    let mut down = names("/v1/users?sort=-username&limit=5").await;
    assert_eq!(up.len(), all);
    assert!(up.is_sorted());
    down.reverse();
    assert_eq!(up, down);
    assert_eq!(peer.get("/v1/users?sort=firstName").await.status, 400);
}

#[tokio::test]
async fn fields_leave_the_rest_out() {
    let peer = Peer::sample().await;
    let row = peer.get("/v1/users?fields%5Busers%5D=username&limit=1").await.json()["data"][0].clone();
    assert_eq!(row["attributes"].as_object().map(|fields| fields.len()), Some(1));
    assert!(row["relationships"].is_null());
}

#[tokio::test]
async fn the_apps_filter_takes_ids() {
    let peer = Peer::sample().await;
    peer.sim.with_state(|state| {
        state.team.add_member(
            "x@example.com",
            ("X", "Y"),
            Grant::roles(&["SALES"]).with_apps(&["6440000003"]),
        )
    });
    let ids = peer.get("/v1/users?filter%5BvisibleApps%5D=6440000003").await.ids();
    assert!(ids.contains(&peer.member("x@example.com")));
    assert!(!ids.contains(&peer.member("hedy@example.com")));
}
