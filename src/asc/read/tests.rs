use serde_json::{Value, json};

use super::super::client::Reach;
use super::super::fake::{Fake, Say, holder, page};
use super::super::{AscError, Refusal};
use super::*;

/// The first is the Account Holder, without whom no list of members is whole.
fn user(id: usize) -> Value {
    let roles = if id == 1 { json!(["ACCOUNT_HOLDER", "ADMIN"]) } else { json!(["DEVELOPER"]) };
    json!({"type": "users", "id": format!("u{id}"), "attributes": {"username": format!("u{id}@example.com"),
        "roles": roles, "allAppsVisible": true, "provisioningAllowed": false}})
}

fn limited(id: usize, apps: usize, total: usize) -> Value {
    let data: Vec<Value> = (0..apps).map(|app| json!({"type": "apps", "id": app.to_string()})).collect();
    let mut user = user(id);
    user["attributes"]["roles"] = json!(["DEVELOPER"]);
    user["attributes"]["allAppsVisible"] = false.into();
    user["relationships"] =
        json!({"visibleApps": {"data": data, "meta": {"paging": {"total": total, "limit": 50}}}});
    user
}

fn invitation(id: usize) -> Value {
    json!({"type": "userInvitations", "id": format!("i{id}"), "attributes": {"email": format!("i{id}@example.com"),
        "roles": ["DEVELOPER"], "allAppsVisible": true, "expirationDate": "2026-11-25T10:00:00Z"}})
}

fn app(id: usize, bundle: &str) -> Value {
    json!({"type": "apps", "id": id.to_string(), "attributes": {"bundleId": bundle}})
}

/// Pages of users, each linked to the next by an absolute address with a cursor.
fn pages(fake: &Fake, lists: &[Vec<Value>], total: usize) -> Vec<Say> {
    let mut pages = Vec::new();
    for (at, list) in lists.iter().enumerate() {
        let next = format!("{}/v1/users?cursor=c{}&limit=200", fake.origin, at + 1);
        pages.push(page(list, total, (at + 1 < lists.len()).then_some(next.as_str())));
    }
    pages
}

async fn read(fake: &Fake) -> Result<TeamSnapshot, AscError> {
    fake.client(Reach::Full).read(&BTreeSet::new()).await
}

/// Users as scripted, no invitations: who came, and what is said to be missing.
async fn check(script: impl FnOnce(&Fake) -> Vec<Say>, members: usize, problems: &[&str]) {
    let fake = Fake::start().await;
    let users = script(&fake);
    fake.say("GET /v1/users", users).say("GET /v1/userInvitations", [page(&[], 0, None)]);
    let team = read(&fake).await.expect("a team");
    assert_eq!(team.members.len(), members);
    let said: Vec<String> =
        team.coverage.problems().iter().map(|problem| problem.0.replace(&fake.origin, "ORIGIN")).collect();
    assert_eq!(said, problems);
    let word = if problems.is_empty() { "complete" } else { "partial" };
    assert_eq!(team.coverage.word(), if members == 0 && !problems.is_empty() { "failed" } else { word });
}

#[tokio::test]
async fn whole_team_is_read_over_its_pages() {
    let fake = Fake::start().await;
    let users = pages(&fake, &[vec![user(3), user(1)], vec![user(2)]], 3);
    fake.say("GET /v1/users", users);
    fake.say("GET /v1/userInvitations", [page(&[invitation(1)], 1, None)]);
    let team = read(&fake).await.expect("a team");
    let ids: Vec<&str> = team.members.iter().map(|member| member.id.as_str()).collect();
    assert_eq!((ids, team.invitations.len()), (vec!["u1", "u2", "u3"], 1));
    assert_eq!(team.coverage, Coverage::Complete);
    let asked = fake.asked("GET /v1/users");
    assert_eq!((asked[0].param("limit"), asked[0].param("include")), (Some("200"), Some("visibleApps")));
    assert_eq!(asked[0].param("limit[visibleApps]"), Some("50"));
    assert_eq!(asked[1].query, [("cursor".into(), "c1".into()), ("limit".into(), "200".into())]);
    assert_eq!(fake.asked("GET /v1/apps").len(), 0, "no rule names an app");
}

#[tokio::test]
async fn page_that_fails_makes_the_read_partial_and_keeps_the_rest() {
    let two = |fake: &Fake, second: Say| {
        let first = pages(fake, &[vec![user(1), user(2)], vec![]], 3).remove(0);
        vec![first, second]
    };
    let code = "UNEXPECTED_ERROR";
    let text = "page 2: GET /v1/users: 500 UNEXPECTED_ERROR: no";
    check(|fake| two(fake, Say::error(500, code)), 2, &[text]).await;
    let text = "page 2: GET /v1/users: answered with a page of HTML";
    check(|fake| two(fake, Say::text(200, "<html>")), 2, &[text]).await;
    let text = "page 2: GET /v1/users: answered with an empty body";
    check(|fake| two(fake, Say::text(200, "")), 2, &[text]).await;
    let text = "page 2: GET /v1/users: 404 NOT_FOUND: no";
    check(|fake| two(fake, Say::error(404, "NOT_FOUND")), 2, &[text]).await;
}

#[tokio::test]
async fn passing_failures_of_a_read_are_tried_again() {
    let whole = || page(&[user(1)], 1, None);
    check(|_| vec![Say::HangUp, Say::error(503, "X"), whole()], 1, &[]).await;
    check(|_| vec![Say::text(502, "<html>"), Say::text(504, ""), whole()], 1, &[]).await;
    check(|_| vec![Say::error(429, "X").with("retry-after", "0"), whole()], 1, &[]).await;
    check(|_| vec![Say::error(401, "X"), Say::error(500, "X"), Say::error(500, "X"), whole()], 1, &[]).await;
}

#[tokio::test]
async fn counts_that_disagree_make_the_read_partial() {
    check(|_| vec![page(&[user(1)], 2, None)], 1, &["GET /v1/users: 1 of 2 records came"]).await;
    check(|_| vec![page(&[user(1), user(2)], 1, None)], 2, &["GET /v1/users: 2 of 1 records came"]).await;
    check(|_| vec![page(&[user(1), user(1)], 2, None)], 1, &["GET /v1/users: 1 of 2 records came"]).await;
    let moved = |fake: &Fake| {
        let first = pages(fake, &[vec![user(1)], vec![]], 3).remove(0);
        let walk = [first, page(&[user(2)], 2, None)];
        [&walk[..], &walk, &walk].concat()
    };
    check(moved, 2, &["GET /v1/users: the list changed while it was read"]).await;
    let uncounted = |users: &[Value]| Say::json(200, &json!({ "data": users }));
    check(|_| vec![uncounted(&[user(1), user(2)])], 2, &[]).await;
    let text = "GET /v1/users: the list changed while it was read";
    check(|_| vec![uncounted(&[user(1), user(1)])], 1, &[text]).await;
    let broken = json!({"type": "users", "id": "u9", "attributes": {"roles": ["ADMIN"]}});
    let text = "GET /v1/users: 1 records could not be read: u9";
    check(|_| vec![page(&[user(1), broken], 2, None)], 1, &[text]).await;
}

#[tokio::test]
async fn a_list_that_moved_is_walked_again_a_few_times() {
    let grown = |fake: &Fake| {
        let mut script = pages(fake, &[vec![user(1), user(2)], vec![user(2)]], 4);
        script.extend(pages(fake, &[vec![user(1), user(2)], vec![user(3), user(4)]], 4));
        script
    };
    check(grown, 4, &[]).await;
    let shrunk = |fake: &Fake| {
        let first = pages(fake, &[vec![user(1), user(2)], vec![]], 3).remove(0);
        let mut script = vec![first, page(&[], 2, None)];
        script.extend(pages(fake, &[vec![user(1)], vec![user(2)]], 2));
        script
    };
    check(shrunk, 2, &[]).await;
    let fake = Fake::start().await;
    fake.say("GET /v1/users", [page(&[user(1)], 9, None)]);
    fake.say("GET /v1/userInvitations", [page(&[], 0, None)]);
    assert!(read(&fake).await.expect("a team").is_cut());
    assert_eq!(fake.asked("GET /v1/users").len(), 3, "and then it is taken for what it is");
}

#[tokio::test]
async fn lists_are_asked_for_in_a_fixed_order() {
    let fake = Fake::start().await;
    fake.say_empty().say("GET /v1/apps", [page(&[], 0, None)]);
    fake.client(Reach::Full).read(&["com.example.app".into()].into()).await.expect("a team");
    for (endpoint, sort) in
        [("GET /v1/users", "username"), ("GET /v1/userInvitations", "email"), ("GET /v1/apps", "bundleId")]
    {
        assert_eq!(fake.asked(endpoint)[0].param("sort"), Some(sort), "{endpoint}");
    }
}

#[tokio::test]
async fn members_without_the_account_holder_are_not_the_whole_team() {
    let text = "GET /v1/users: the Account Holder is not among the 2 members";
    check(|_| vec![page(&[user(2), user(3)], 2, None)], 2, &[text]).await;
    let fake = Fake::start().await;
    fake.say("GET /v1/users", [page(&[user(2)], 1, None)])
        .say("GET /v1/userInvitations", [page(&[], 0, None)]);
    assert!(read(&fake).await.expect("a team").is_cut());
    let error = fake.client(Reach::Full).seats().await.expect_err("not whole");
    assert!(error.to_string().contains("Account Holder"), "{error}");
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_one_seat_and_the_lists_are_whole() {
    let fake = Fake::start().await;
    let mut roles = user(2);
    roles["attributes"]["roles"] = "ADMIN".into();
    let mut nameless = user(3);
    nameless["id"] = 3.into();
    fake.say("GET /v1/users", [page(&[user(1), roles, nameless], 3, None)]);
    let mut end = invitation(1);
    end["attributes"]["expirationDate"] = "soon".into();
    fake.say("GET /v1/userInvitations", [page(&[end, invitation(2)], 2, None)]);
    let team = read(&fake).await.expect("a team");
    assert_eq!((team.coverage.word(), team.is_cut()), ("partial", false));
    assert_eq!((team.members.len(), team.invitations.len()), (1, 1));
    let unread: Vec<_> = team
        .unread_records()
        .map(|unread| (unread.seat.clone(), unread.name.as_ref().map(|name| name.as_str().to_owned())))
        .collect();
    assert_eq!(
        unread,
        [
            (Some(SeatId::Member("u2".into())), Some("u2@example.com".to_owned())),
            (None, Some("u3@example.com".to_owned())),
            (Some(SeatId::Invitation("i1".into())), Some("i1@example.com".to_owned())),
        ]
    );
}

/// The team after seats that ought to be there were asked for by id: who is there, who is gone, and who is not known.
async fn looked(fake: &Fake, expected: &[SeatId]) -> (Vec<String>, Vec<String>, Vec<Problem>) {
    let client = fake.client(Reach::Full);
    let team = client.read(&BTreeSet::new()).await.expect("a team");
    let team = client.look(team, &expected.iter().cloned().collect()).await;
    let seats = expected.iter().filter(|seat| team.shows(seat)).map(ToString::to_string).collect();
    let gone = team.gone.iter().map(ToString::to_string).collect();
    (seats, gone, team.coverage.problems().to_vec())
}

#[tokio::test]
async fn a_seat_that_no_list_shows_is_asked_for_by_id() {
    let fake = Fake::start().await;
    fake.say_empty();
    fake.say("GET /v1/users/u2", [Say::json(200, &json!({ "data": user(2) }))]);
    fake.say("GET /v1/users/u3", [Say::error(404, "NOT_FOUND")]);
    fake.say("GET /v1/userInvitations/i1", [Say::json(200, &json!({ "data": invitation(1) }))]);
    fake.say("GET /v1/userInvitations/i2", [Say::error(410, "GONE")]);
    let member = |id: &str| SeatId::Member(id.into());
    let invited = |id: &str| SeatId::Invitation(id.into());
    let expected = [member("u0"), member("u2"), member("u3"), invited("i1"), invited("i2")];
    let (seats, gone, problems) = looked(&fake, &expected).await;
    assert_eq!(
        (seats, gone, problems),
        (
            ["u0", "u2", "i1"].map(str::to_owned).to_vec(),
            ["u3", "i2"].map(str::to_owned).to_vec(),
            Vec::new(),
        )
    );
    assert!(fake.asked("GET /v1/users/u0").is_empty(), "the list shows it");
}

#[tokio::test]
async fn nothing_but_apples_own_word_makes_a_seat_gone() {
    for say in [
        Say::text(404, "<html>Not Found</html>"),
        Say::error(404, "PATH_ERROR"),
        Say::error(403, "FORBIDDEN_ERROR"),
        Say::error(500, "UNEXPECTED_ERROR"),
        Say::HangUp,
        Say::text(200, "<html>"),
        Say::json(200, &json!({"data": null})),
        Say::json(200, &json!({ "data": user(4) })),
        Say::json(200, &json!({"data": {"type": "users", "id": "u2"}})),
    ] {
        let fake = Fake::start().await;
        fake.say_empty().say("GET /v1/users/u2", [say.clone()]);
        let (seats, gone, problems) = looked(&fake, &[SeatId::Member("u2".into())]).await;
        assert_eq!((seats.len(), gone.len(), problems.len()), (0, 0, 1), "{say:?}");
        assert!(problems[0].0.contains("u2"), "{problems:?}");
    }
}

#[tokio::test]
async fn half_a_list_is_not_made_whole_by_asking() {
    let fake = Fake::start().await;
    fake.say("GET /v1/users", [page(&[holder()], 2, None)])
        .say("GET /v1/userInvitations", [page(&[], 0, None)]);
    let (seats, gone, _) = looked(&fake, &[SeatId::Member("u2".into())]).await;
    assert_eq!((seats.len(), gone.len(), fake.asked("GET /v1/users/u2").len()), (0, 0, 0));
}

#[tokio::test]
async fn links_are_followed_only_within_their_list_and_once() {
    let one = |next: String| move |_: &Fake| vec![page(&[user(1)], 5, Some(&next))];
    let foreign = "GET /v1/users: a link in an answer leads away from ORIGIN to https://api.example.com; it was not followed";
    check(one("https://api.example.com/v1/users?cursor=2".into()), 1, &[foreign]).await;
    let elsewhere = "GET /v1/users: a link leads to /v1/apps; it was not followed";
    check(one("/v1/apps?cursor=2".into()), 1, &[elsewhere]).await;
    let up = "GET /v1/users: a link leads to /v2/users; it was not followed";
    check(one("/v1/users/../../v2/users".into()), 1, &[up]).await;
    let again = "GET /v1/users: a link leads back to a page that was read already";
    let circle = |fake: &Fake| {
        let mut pages = pages(fake, &[vec![user(1)], vec![user(2)], vec![]], 5);
        pages[2] = pages[0].clone();
        pages.insert(2, page(&[user(3)], 5, Some(&format!("{}/v1/users?cursor=c1&limit=200", fake.origin))));
        pages
    };
    check(circle, 3, &[again]).await;
    let stuck = "GET /v1/users: a page brought nothing new and names another";
    check(
        |fake| {
            vec![
                page(&[user(1)], 5, Some(&format!("{}/v1/users?cursor=1", fake.origin))),
                page(&[user(1)], 5, Some(&format!("{}/v1/users?cursor=2", fake.origin))),
            ]
        },
        1,
        &[stuck],
    )
    .await;
}

#[tokio::test]
async fn nothing_of_a_list_is_a_failed_read() {
    let text = "GET /v1/users: 500 X: no";
    check(|_| vec![Say::error(500, "X")], 0, &[text]).await;
    let text = "GET /v1/users: answered with a page of HTML";
    check(|_| vec![Say::text(200, "<!doctype html>")], 0, &[text]).await;
    let text = "GET /v1/users: 403 answered with a page of HTML instead of JSON";
    check(|_| vec![Say::text(403, "<html>")], 0, &[text]).await;
}

#[tokio::test]
async fn refused_target_is_an_error_and_names_its_cause() {
    for (say, expected) in [
        (Say::error(401, "NOT_AUTHORIZED"), Refusal::Credentials),
        (Say::error(403, "FORBIDDEN_ERROR"), Refusal::RoleTooSmall),
        (Say::error(403, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED"), Refusal::Agreement),
    ] {
        let fake = Fake::start().await;
        fake.say("GET /v1/users", [page(&[user(1)], 1, None)]).say("GET /v1/userInvitations", [say]);
        let error = read(&fake).await.expect_err("refused");
        assert!(matches!(error, AscError::Refused { cause, .. } if cause == expected), "{error:?}");
    }
}

#[tokio::test]
async fn cut_app_lists_are_completed_for_those_who_need_it() {
    let fake = Fake::start().await;
    let mut admin = limited(3, 50, 60);
    admin["attributes"]["roles"] = json!(["ADMIN"]);
    fake.say("GET /v1/users", [page(&[holder(), limited(1, 50, 51), limited(2, 2, 2), admin], 4, None)]);
    let mut invited = invitation(1);
    invited["attributes"]["allAppsVisible"] = false.into();
    fake.say("GET /v1/userInvitations", [page(&[invited], 1, None)]);
    let apps: Vec<Value> = (0..51).map(|id| app(id, "com.example.x")).collect();
    let next = format!("{}/v1/users/u1/visibleApps?cursor=2", fake.origin);
    let (first, second) = (page(&apps[..40], 51, Some(&next)), page(&apps[40..], 51, None));
    fake.say("GET /v1/users/u1/visibleApps", [first, second]);
    fake.say("GET /v1/userInvitations/i1/visibleApps", [page(&apps[..1], 1, None)]);
    let team = read(&fake).await.expect("a team");
    assert_eq!(team.coverage, Coverage::Complete);
    let count = |access: &Access| access.visible_apps.as_ref().map(BTreeSet::len);
    let counts: Vec<_> = team.members.iter().map(|member| count(&member.access)).collect();
    assert_eq!(counts, [Some(0), Some(51), Some(2), Some(0)]);
    assert_eq!(count(&team.invitations[0].access), Some(1));
    assert_eq!(fake.asked("GET /v1/users/u1/visibleApps")[0].param("limit"), Some("200"));
}

#[tokio::test]
async fn apps_that_cannot_be_read_are_not_known_and_nobody_else_is_held_up() {
    for (say, text) in [
        (Say::error(500, "X"), "GET /v1/users/u1/visibleApps: 500 X: no"),
        (Say::error(403, "FORBIDDEN_ERROR"), "GET /v1/users/u1/visibleApps: 403 FORBIDDEN_ERROR: no"),
        (page(&[app(1, "x")], 51, None), "GET /v1/users/u1/visibleApps: 1 of 51 records came"),
    ] {
        let fake = Fake::start().await;
        fake.say("GET /v1/users", [page(&[holder(), limited(1, 50, 51), limited(2, 1, 1)], 3, None)]);
        fake.say("GET /v1/userInvitations", [page(&[], 0, None)]);
        fake.say("GET /v1/users/u1/visibleApps", [say]);
        let team = read(&fake).await.expect("a team");
        assert_eq!(team.coverage, Coverage::Partial(vec![Problem(text.to_owned())]));
        assert_eq!(team.members[1].access.visible_apps, None);
        assert!(team.members[2].access.visible_apps.is_some());
    }
}

#[tokio::test]
async fn apps_are_asked_for_in_chunks_and_checked_again() {
    let fake = Fake::start().await;
    fake.say_empty();
    let first = page(&[app(1, "com.example.a001"), app(2, "com.example.a001.beta")], 2, None);
    fake.say("GET /v1/apps", [first, page(&[app(3, "com.example.a060")], 1, None)]);
    let mut bundles: BTreeSet<BundleId> =
        (0..61).map(|n| BundleId::from(format!("com.example.a{n:03}"))).collect();
    bundles.insert("com.example,everything".into());
    let team = fake.client(Reach::Full).read(&bundles).await.expect("a team");
    let found: Vec<(&str, &str)> =
        team.apps.iter().map(|(bundle, id)| (bundle.as_str(), id.as_str())).collect();
    assert_eq!(found, [("com.example.a001", "1"), ("com.example.a060", "3")]);
    assert_eq!(team.coverage, Coverage::Complete);
    let asked = fake.asked("GET /v1/apps");
    let filters: Vec<usize> = asked
        .iter()
        .map(|asked| asked.param("filter[bundleId]").expect("a filter").split(',').count())
        .collect();
    assert_eq!(filters, [50, 11]);
    assert_eq!(asked[0].param("fields[apps]"), Some("bundleId"));
}

#[tokio::test]
async fn apps_behind_an_agreement_make_the_read_partial_only() {
    let fake = Fake::start().await;
    fake.say_empty();
    fake.say("GET /v1/apps", [Say::error(403, "FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED")]);
    let team = fake.client(Reach::Full).read(&["com.example.app".into()].into()).await.expect("a team");
    assert_eq!(team.coverage.word(), "partial");
}

#[tokio::test]
async fn seats_are_both_lists_whole_or_an_error() {
    let fake = Fake::start().await;
    fake.say("GET /v1/users", [page(&[holder(), limited(1, 50, 51)], 2, None), page(&[user(1)], 2, None)]);
    fake.say("GET /v1/userInvitations", [page(&[invitation(1)], 1, None)]);
    let client = fake.client(Reach::Full);
    let (members, invitations) = client.seats().await.expect("both lists");
    assert_eq!((members.len(), invitations.len()), (2, 1));
    assert_eq!(members[1].access.visible_apps, None, "apps are not completed here");
    let error = client.seats().await.expect_err("one is missing");
    assert_eq!(error.to_string(), "GET /v1/users: 1 of 2 records came");
}

#[tokio::test]
async fn probe_accepts_any_list_and_nothing_else() {
    let fake = Fake::start().await;
    fake.say("GET /v1/users", [page(&[], 0, None), Say::text(200, "<html>")]);
    let client = fake.client(Reach::Full);
    client.probe().await.expect("accepted");
    assert!(matches!(client.probe().await, Err(AscError::Protocol { .. })));
    assert_eq!(fake.asked("GET /v1/users")[0].param("limit"), Some("1"));
}
