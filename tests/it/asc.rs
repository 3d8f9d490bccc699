//! The App Store Connect client against the simulated team: what it reads is what is there, and what it writes happens once.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Url;
use rosterd::asc::client::{AscClient, Reach, Settings};
use rosterd::asc::rate::{Budget, BudgetState};
use rosterd::asc::token::{self, SigningKey};
use rosterd::asc::{AscError, Refusal, TeamRead, TeamWrite};
use rosterd::clock::Clock;
use rosterd::http::HttpOptions;
use rosterd::metrics::Metrics;
use rosterd::model::operation::Invitee;
use rosterd::model::{Access, Address, AppId, BundleId, Coverage, Role, TeamSnapshot};
use rosterd::simulator::switches::{Agreement, KeyRole, KeyValidity, Membership};
use rosterd::simulator::{Fault, Grant, KeyKind, Options, Rule, Running, Simulator, When, World};

fn key_of(sim: &Running) -> SigningKey {
    let kind = match sim.key_kind() {
        KeyKind::Team { issuer } => token::KeyKind::Team { issuer_id: issuer },
        KeyKind::Individual => token::KeyKind::Individual,
    };
    SigningKey::new(kind, &sim.key_id(), &sim.private_key_pem().to_owned().into()).expect("the key signs")
}

fn client_with(sim: &Running, reach: Reach, budget: Budget) -> AscClient {
    let settings = Settings {
        origin: Url::parse(sim.origin()).expect("a URL"),
        key: key_of(sim),
        reach,
        http: HttpOptions { first_pause: Duration::from_millis(1), ..HttpOptions::standard() },
    };
    AscClient::new(settings, Metrics::new(), Clock::System, budget).expect("a client")
}

fn client(sim: &Running, reach: Reach) -> AscClient {
    client_with(sim, reach, Budget::new(3600, 50, Clock::System, BudgetState::default()))
}

async fn sample() -> Running {
    Simulator::start(World::sample(), Options::default()).await.expect("starts")
}

fn bundles() -> BTreeSet<BundleId> {
    ["com.example.app".into(), "com.example.nowhere".into()].into()
}

fn access(roles: &[&str]) -> Access {
    Access {
        roles: roles.iter().map(|role| Role::new(role)).collect(),
        all_apps_visible: Some(true),
        provisioning_allowed: Some(false),
        visible_apps: Some(BTreeSet::new()),
    }
}

fn invitee(email: &str) -> Invitee {
    Invitee { email: Address::new(email), first_name: "Radia".into(), last_name: "Perlman".into() }
}

/// Nobody is missing from a read that says it is complete.
fn assert_whole(sim: &Running, team: &TeamSnapshot) {
    let (members, invitations) = sim.with_state(|state| {
        let members: BTreeSet<String> = state.team.members.iter().map(|member| member.id.clone()).collect();
        let invitations: BTreeSet<String> =
            state.team.invitations.iter().map(|invitation| invitation.id.clone()).collect();
        (members, invitations)
    });
    let read: BTreeSet<String> = team.members.iter().map(|member| member.id.as_str().to_owned()).collect();
    assert_eq!(read, members);
    let read: BTreeSet<String> =
        team.invitations.iter().map(|invitation| invitation.id.as_str().to_owned()).collect();
    assert_eq!(read, invitations);
}

#[tokio::test]
async fn team_is_read_as_it_is() {
    let sim = sample().await;
    let team = client(&sim, Reach::Full).read(&bundles()).await.expect("a team");
    assert_eq!(team.coverage, Coverage::Complete);
    assert_whole(&sim, &team);
    let found: Vec<&str> = team.apps.keys().map(BundleId::as_str).collect();
    assert_eq!(found, ["com.example.app"]);
    for member in &team.members {
        let grant =
            sim.with_state(|state| state.team.members.get(member.id.as_str()).expect("there").grant.clone());
        let roles: BTreeSet<String> = member.access.roles.iter().map(ToString::to_string).collect();
        assert_eq!(roles, grant.roles);
        assert_eq!(member.access.all_apps_visible, Some(grant.all_apps || grant.forces_all_apps()));
        let apps: BTreeSet<String> =
            member.access.visible_apps.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(apps, if grant.all_apps { BTreeSet::new() } else { grant.apps });
    }
}

#[tokio::test]
async fn large_team_with_long_app_lists_is_read_whole() {
    let mut world = World::generated(1100, 1001, 7);
    for app in 0..60 {
        world.team.add_app(&format!("70{app:08}"), "App", &format!("com.example.n{app}"));
    }
    let all: Vec<String> = world.team.apps.iter().map(|app| app.id.clone()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let long =
        world.team.add_member("long@example.com", ("L", "L"), Grant::roles(&["SALES"]).with_apps(&all));
    let short = Grant::roles(&["SALES"]).with_apps(&all[..50]);
    let short = world.team.add_member("short@example.com", ("S", "S"), short);
    let sim = Simulator::start(world, Options::default()).await.expect("starts");
    let team = client(&sim, Reach::Full).read(&BTreeSet::new()).await.expect("a team");
    assert_eq!(team.coverage, Coverage::Complete);
    assert_whole(&sim, &team);
    let count = |id: &str| {
        team.member(&id.into()).and_then(|member| member.access.visible_apps.as_ref().map(BTreeSet::len))
    };
    assert_eq!((count(&long), count(&short)), (Some(62), Some(50)));
    let requests = sim.with_state(|state| state.answered());
    assert_eq!(requests, 6 + 1 + 1, "six pages of members, one of invitations, one long list of apps");
}

#[tokio::test]
async fn seat_is_invited_changed_and_removed_in_one_request_each() {
    let sim = sample().await;
    let client = client(&sim, Reach::Full);
    let sent = client.invite(&invitee("radia@example.com"), &access(&["DEVELOPER"])).await.expect("sent");
    let expires = sent.value.expires.expect("an end");
    assert!(
        (expires.duration_since(jiff::Timestamp::now()) - SignedDuration::from_hours(72)).abs()
            < SignedDuration::from_mins(1)
    );
    client.cancel(&sent.value.id).await.expect("cancelled");
    let again = client.cancel(&sent.value.id).await.expect_err("gone");
    assert!(matches!(again, AscError::Gone { .. }), "{again:?}");
    let id = sim.with_state(|state| state.team.member("alan@example.com").expect("there").id.clone());
    let app = sim.with_state(|state| state.team.apps.iter().next().expect("an app").id.clone());
    let mut narrow = access(&["MARKETING", "SALES"]);
    narrow.all_apps_visible = Some(false);
    narrow.visible_apps = Some([AppId::from(app.as_str())].into());
    client.update(&id.as_str().into(), &access(&["DEVELOPER"]), &narrow).await.expect("updated");
    let grant = sim.with_state(|state| state.team.member("alan@example.com").expect("there").grant.clone());
    assert_eq!(grant, Grant::roles(&["MARKETING", "SALES"]).with_apps(&[&app]));
    client.update(&id.as_str().into(), &narrow, &access(&["DEVELOPER"])).await.expect("widened");
    client.remove(&id.as_str().into()).await.expect("removed");
    let there = sim.with_state(|state| state.team.member("alan@example.com").is_some());
    assert!(!there);
    assert_eq!(sim.with_state(|state| (state.writes().count(), state.mails_to("radia@example.com"))), (6, 1));
}

#[tokio::test]
async fn taken_address_is_a_conflict() {
    let sim = sample().await;
    let client = client(&sim, Reach::Full);
    for taken in ["alan@example.com", "radia@example.com", "radia@example.com"] {
        let result = client.invite(&invitee(taken), &access(&["DEVELOPER"])).await;
        let mails = sim.with_state(|state| state.mails_to(taken));
        match result {
            Ok(_) => assert_eq!((taken, mails), ("radia@example.com", 1)),
            Err(error) => assert!(matches!(error, AscError::Conflict { .. }), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn lost_answer_of_an_invitation_is_unknown_and_the_lists_settle_it() {
    for (fault, there) in [
        (Fault::DropAfter, true),
        (Fault::Truncated, true),
        (Fault::Status { status: 500, when: When::After }, true),
        (Fault::DropBefore, false),
        (Fault::Html { status: 502 }, false),
    ] {
        let sim = sample().await;
        let client = client(&sim, Reach::Full);
        sim.fault(Rule::asc("POST", "/v1/userInvitations", fault.clone()));
        let error = client.invite(&invitee("radia@example.com"), &access(&["DEVELOPER"])).await;
        let error = error.expect_err("lost");
        assert!(matches!(error, AscError::Unknown { .. }), "{fault:?}: {error:?}");
        assert!(!error.ends_cycle());
        let (_, invitations) = client.seats().await.expect("both lists");
        let seen = invitations.iter().any(|invitation| invitation.email == Address::new("radia@example.com"));
        assert_eq!(seen, there, "{fault:?}");
        assert_eq!(sim.with_state(|state| state.writes().count()), 1);
    }
}

#[tokio::test]
async fn dry_run_needs_no_token_that_could_write() {
    let sim = sample().await;
    let team = client(&sim, Reach::ReadOnly).read(&bundles()).await.expect("a team");
    assert!(team.coverage.is_complete());
    let refused =
        sim.with_state(|state| state.requests.iter().filter(|seen| seen.status != Some(200)).count());
    assert_eq!(refused, 0);
}

#[tokio::test]
async fn refused_target_names_the_cause() {
    type Turn = fn(&Running);
    let cases: [(Turn, Refusal); 3] = [
        (|sim| sim.switch(|on| on.app_store_connect.key = KeyValidity::Revoked), Refusal::Credentials),
        (|sim| sim.switch(|on| on.app_store_connect.agreement = Agreement::Unsigned), Refusal::Agreement),
        (|sim| sim.switch(|on| on.app_store_connect.membership = Membership::Lapsed), Refusal::Membership),
    ];
    for (turn, expected) in cases {
        let sim = sample().await;
        turn(&sim);
        let error = client(&sim, Reach::Full).read(&bundles()).await.expect_err("refused");
        assert!(matches!(error, AscError::Refused { cause, .. } if cause == expected), "{error:?}");
    }
    let sim = sample().await;
    sim.switch(|on| on.app_store_connect.role = KeyRole::ReadOnly);
    let client = client(&sim, Reach::Full);
    assert!(client.read(&bundles()).await.expect("readable").coverage.is_complete());
    let error = client.invite(&invitee("radia@example.com"), &access(&["DEVELOPER"])).await;
    assert!(matches!(error, Err(AscError::Refused { cause: Refusal::RoleTooSmall, .. })), "{error:?}");
}

#[tokio::test]
async fn individual_key_works_and_the_wrong_kind_is_refused() {
    let options = Options { key: KeyKind::Individual, ..Options::default() };
    let sim = Simulator::start(World::sample(), options).await.expect("starts");
    let client = client(&sim, Reach::Full);
    client.probe().await.expect("accepted");
    let team = token::KeyKind::Team { issuer_id: "69a6de70-0000-47e3-e053-5b8c7c11a4d1".into() };
    let wrong =
        SigningKey::new(team, &sim.key_id(), &sim.private_key_pem().to_owned().into()).expect("signs");
    client.swap_key(wrong);
    let error = client.probe().await.expect_err("refused");
    assert!(matches!(error, AscError::Refused { cause: Refusal::Credentials, .. }), "{error:?}");
    client.swap_key(key_of(&sim));
    client.probe().await.expect("accepted again");
}

#[tokio::test]
async fn clock_that_is_off_is_corrected_by_the_first_refusal() {
    for minutes in [-45, 45] {
        let sim = sample().await;
        sim.skew(SignedDuration::from_mins(minutes));
        let client = client(&sim, Reach::Full);
        client.probe().await.expect("the second token is dated by the server's clock");
        let skew = client.skew_seconds().expect("a date");
        assert!((skew + minutes * 60).abs() < 5, "{skew}");
        client
            .remove(
                &sim.with_state(|state| state.team.member("alan@example.com").expect("there").id.clone())
                    .as_str()
                    .into(),
            )
            .await
            .expect("writes as well");
        let refused =
            sim.with_state(|state| state.requests.iter().filter(|seen| seen.status == Some(401)).count());
        assert_eq!(refused, 1, "learned once");
    }
}

/// Every fault at every request of a read of three pages and more: either it is cured by trying again, or the read says
/// that it is not complete, or there is no read. None is ever taken for whole that is not.
#[tokio::test]
async fn complete_means_complete_whatever_misbehaves() {
    let passing = [
        Fault::Status { status: 503, when: When::Before },
        Fault::Status { status: 500, when: When::After },
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::Truncated,
        Fault::Unauthorized,
        Fault::TooMany { retry_after: Some("0".into()) },
        Fault::Slow { ms: 5 },
        Fault::Html { status: 502 },
    ];
    // A list that is short is walked again, so it takes a lasting fault to make it partial.
    let lasting = [
        Fault::MissingRows { rows: 1 },
        Fault::ForeignNext,
        Fault::Html { status: 200 },
        Fault::Status { status: 404, when: When::Before },
    ];
    let cases = passing.iter().map(|fault| (fault, true)).chain(lasting.iter().map(|fault| (fault, false)));
    for (fault, cured) in cases {
        for (path, nth) in [("/v1/users", 2), ("/v1/userInvitations", 1), ("/v1/apps", 1)] {
            let mut world = World::sample();
            for seat in 0..200 {
                let grant = Grant::roles(&["DEVELOPER"]);
                world.team.add_member(&format!("n{seat}@example.com"), ("N", "N"), grant);
            }
            let sim = Simulator::start(world, Options::default()).await.expect("starts");
            sim.fault(Rule::asc("GET", path, fault.clone()).nth(nth).times(if cured { 1 } else { u32::MAX }));
            let team = client(&sim, Reach::Full).read(&bundles()).await.expect("a read");
            assert_eq!(team.coverage.is_complete(), cured, "{fault:?} {path} {nth}: {:?}", team.coverage);
            if cured {
                assert_whole(&sim, &team);
            }
        }
    }
}

#[tokio::test]
async fn server_never_sees_more_than_the_budget_and_writes_leave_the_reserve() {
    let sim = sample().await;
    sim.switch(|on| on.app_store_connect.requests_per_hour = 20);
    let budget = Budget::new(3600, 50, Clock::System, BudgetState::default());
    let client = client_with(&sim, Reach::Full, budget.clone());
    client.probe().await.expect("accepted");
    assert_eq!(budget.usage().limit, 20);
    let mut errors = 0;
    for number in 0..12 {
        let address = format!("n{number}@example.com");
        let (invitee, access) = (invitee(&address), access(&["DEVELOPER"]));
        let sent = client.invite(&invitee, &access);
        match tokio::time::timeout(Duration::from_millis(300), sent).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                assert!(error.ends_cycle(), "{error}");
                errors += 1;
            }
            Err(_) => errors += 1,
        }
    }
    assert_eq!(sim.with_state(|state| state.answered()), 10);
    assert_eq!(errors, 3);
}
