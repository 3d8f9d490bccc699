//! The SCIM source against the simulated provider: whatever is odd there, a read is whole and right, or says what is missing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rosterd::clock::Clock;
use rosterd::http::HttpOptions;
use rosterd::metrics::Metrics;
use rosterd::model::{Activity, Coverage, DirectorySnapshot, GroupId, GroupMember, PersonId};
use rosterd::simulator::switches::{
    ActiveShape, AttributeShape, MemberValue, MembersShown, Paging, ResourcesKey, ScimAuth, ScimSwitches,
    StartIndexEcho, StartIndexUse, TotalResults,
};
use rosterd::simulator::{
    Fault, Options, Rule, Running, SCIM_SECRET, SCIM_TOKEN, SCIM_USER, Simulator, World,
};
use rosterd::source::scim::{Auth, ScimSource, Settings};
use rosterd::source::{Again, DirectorySource, Interest, SourceError};

const PEOPLE: usize = 57;
const SCOPED: usize = 12;
const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

struct Bench {
    sim: Running,
    source: ScimSource,
}

/// 57 people; "iOS Developers" holds the first 12 and, nested, "Contractors" (2 more) with a circle back.
fn world() -> World {
    let mut world = World::generated(PEOPLE, SCOPED, 1);
    let directory = &mut world.directory;
    directory.add_group("Contractors", &["p0000020@example.com", "p0000021@example.com", "iOS Developers"]);
    directory.join("iOS Developers", "Contractors");
    let first = directory.person_mut("p0000000@example.com").expect("generated");
    first.custom.insert("appStoreConnect_role".into(), serde_json::json!(["ADMIN"]));
    first.active = false;
    world
}

async fn start(change: impl FnOnce(&mut ScimSwitches)) -> Bench {
    with_auth(Auth::Bearer { token: SCIM_TOKEN.into() }, change).await
}

async fn with_auth(auth: Auth, change: impl FnOnce(&mut ScimSwitches)) -> Bench {
    let sim = Simulator::start(world(), Options::default()).await.expect("starts");
    sim.switch(|switches| change(&mut switches.scim));
    let source = source(&sim, auth);
    Bench { sim, source }
}

fn source(sim: &Running, auth: Auth) -> ScimSource {
    let auth = match auth {
        Auth::OAuth2 { client_id, client_secret, scope, client_auth, .. } => {
            let token_url = Url::parse(&sim.token_url()).expect("a URL");
            Auth::OAuth2 { token_url, client_id, client_secret, scope, client_auth }
        }
        other => other,
    };
    let settings = Settings {
        base_url: Url::parse(&sim.scim_url()).expect("a URL"),
        auth,
        page_size: 10,
        concurrency: 3,
        attribute_namespace: CUSTOM.to_owned(),
    };
    let options = HttpOptions {
        first_pause: Duration::from_millis(2),
        timeout: Duration::from_secs(5),
        ..HttpOptions::standard()
    };
    ScimSource::with_options(settings, &options, Metrics::new(), Clock::System).expect("usable settings")
}

fn interest() -> Interest {
    Interest {
        groups: BTreeSet::from([Arc::from("iOS Developers")]),
        nested: true,
        attributes: BTreeSet::from([Arc::from("userType"), Arc::from("appStoreConnect_role")]),
        ..Interest::default()
    }
}

impl Bench {
    async fn read(&self) -> DirectorySnapshot {
        self.source.read(&interest()).await.expect("readable")
    }

    fn id(&self, email: &str) -> PersonId {
        self.sim.with_state(|state| PersonId::from(&*state.directory.person(email).expect("in the world").id))
    }

    fn group(&self, name: &str) -> GroupId {
        self.sim.with_state(|state| GroupId::from(&*state.directory.group(name).expect("in the world").id))
    }

    fn requests(&self, path: &str) -> usize {
        self.sim.with_state(|state| state.requests.iter().filter(|seen| seen.path.starts_with(path)).count())
    }
}

/// The snapshot shows the world as it is.
#[track_caller]
fn is_whole(bench: &Bench, snapshot: &DirectorySnapshot, what: &str) {
    assert_eq!(snapshot.coverage, Coverage::Complete, "{what}");
    let people = bench.sim.with_state(|state| state.directory.people.len());
    assert_eq!(snapshot.people().len(), people, "{what}");
    let members = |name: &str| {
        let id = bench.group(name);
        let group = snapshot.group(&id).unwrap_or_else(|| panic!("{what}: no {name}"));
        let mut people: Vec<String> = Vec::new();
        let mut groups = 0;
        for member in &group.members {
            match member {
                GroupMember::Person(id) => {
                    let person = snapshot.person(id).unwrap_or_else(|| panic!("{what}: {id} is nobody"));
                    people.push(person.addresses.all()[0].to_string());
                }
                GroupMember::Group(_) => groups += 1,
            }
        }
        people.sort();
        (people, groups)
    };
    let (developers, nested) = members("iOS Developers");
    let expected: Vec<String> = (0..SCOPED).map(|number| format!("p{number:07}@example.com")).collect();
    assert_eq!((developers, nested), (expected, 1), "{what}");
    let (contractors, nested) = members("Contractors");
    assert_eq!(contractors, ["p0000020@example.com", "p0000021@example.com"], "{what}");
    assert_eq!((nested, snapshot.groups.len()), (1, 2), "{what}");
}

#[tokio::test]
async fn every_honest_shape_is_read_whole() {
    let shapes: [(&str, fn(&mut ScimSwitches)); 15] = [
        ("plain", |_| {}),
        ("wraps around", |scim| scim.start_index = StartIndexUse::WrapsAround),
        ("cursors", |scim| scim.paging = Paging::Cursor),
        ("both", |scim| scim.paging = Paging::BothDefaultCursor),
        ("small pages", |scim| scim.page_max = 4),
        ("pages of two", |scim| scim.page_max = 2),
        ("short pages", |scim| scim.short_by = 3),
        ("short cursor pages", |scim| {
            scim.paging = Paging::Cursor;
            scim.short_by = 3;
        }),
        ("no totals", |scim| scim.total_results = TotalResults::Missing),
        ("lower case", |scim| {
            scim.paging = Paging::Cursor;
            scim.resources_key = ResourcesKey::LowerCase;
            scim.total_results = TotalResults::Missing;
        }),
        ("user names as members", |scim| scim.member_value = MemberValue::UserName),
        ("members by id", |scim| scim.members_shown = MembersShown::ById),
        ("active as text", |scim| scim.active = ActiveShape::Text),
        ("flattened attributes", |scim| scim.attributes = AttributeShape::Flattened),
        ("top-level attributes", |scim| scim.attributes = AttributeShape::TopLevel),
    ];
    for (what, change) in shapes {
        let bench = start(change).await;
        let snapshot = bench.read().await;
        is_whole(&bench, &snapshot, what);
        let first = snapshot.person(&bench.id("p0000000@example.com")).expect("listed");
        assert_eq!(first.activity, Activity::Disabled, "{what}");
        let role = first.attributes.iter().any(|(_, value)| value.to_string().contains("ADMIN"));
        assert!(role, "{what}: {:?}", first.attributes);
        assert_eq!(first.attributes.get("usertype"), Some(&serde_json::json!("Employee")), "{what}");
    }
}

#[tokio::test]
async fn nobody_is_disabled_by_silence() {
    let bench = start(|scim| scim.active = ActiveShape::Missing).await;
    let snapshot = bench.read().await;
    is_whole(&bench, &snapshot, "no active");
    assert!(snapshot.people().iter().all(|person| person.activity == Activity::NotSaid));
}

#[tokio::test]
async fn somebody_deleted_between_pages_hides_nobody() {
    for paging in [Paging::Index, Paging::Cursor] {
        let bench = start(|scim| {
            scim.paging = paging;
            scim.delete_after_first_page = Some("p0000003@example.com".to_owned());
        })
        .await;
        let gone = bench.id("p0000003@example.com");
        let snapshot = bench.read().await;
        assert!(snapshot.coverage.is_complete(), "{paging:?}: {:?}", snapshot.coverage);
        for number in (0..PEOPLE).filter(|number| *number != 3) {
            let id = bench.id(&format!("p{number:07}@example.com"));
            assert!(snapshot.person(&id).is_some(), "{paging:?}: {number}");
        }
        // A cursor walk saw them before they went; an index walk started anew and did not.
        assert_eq!(snapshot.person(&gone).is_some(), paging == Paging::Cursor);
    }
}

#[tokio::test]
async fn what_is_missing_is_said() {
    type Case = (&'static str, fn(&Running), usize, &'static str);
    let cases: [Case; 11] = [
        (
            "the same page for ever",
            |sim| {
                sim.switch(|switches| {
                    switches.scim.start_index = StartIndexUse::Ignored;
                    switches.scim.start_index_echo = StartIndexEcho::AsAsked;
                })
            },
            10,
            "Users: the list kept moving while it was read (another entry at position 10)",
        ),
        ("one more", |sim| total(sim, 1), PEOPLE, "the provider counts 58 people and listed 57"),
        ("one less", |sim| total(sim, -1), PEOPLE, "the provider counts 56 people and listed 57"),
        (
            "wrong echo",
            |sim| sim.switch(|switches| switches.scim.start_index_echo = StartIndexEcho::AlwaysOne),
            10,
            "Users: the page from entry 10 came from entry 1",
        ),
        (
            "lost row",
            |sim| {
                sim.switch(|switches| switches.scim.paging = Paging::Cursor);
                sim.fault(Rule::scim("GET", "/scim/v2/Users", Fault::MissingRows { rows: 1 }).nth(2));
            },
            PEOPLE - 1,
            "the provider counts 57 people and listed 56",
        ),
        (
            "html",
            |sim| sim.fault(Rule::scim("GET", "/scim/v2/Users", Fault::Html { status: 200 }).nth(3)),
            PEOPLE - 8,
            "answered with a page of HTML instead of JSON",
        ),
        (
            "500 html for ever",
            |sim| {
                let fault = Fault::Html { status: 500 };
                sim.fault(Rule::scim("GET", "/scim/v2/Users", fault).nth(7).times(u32::MAX));
            },
            usize::MAX,
            "500 Internal Server Error",
        ),
        (
            "first page",
            |sim| {
                let fault = Fault::Status { status: 503, when: rosterd::simulator::When::Before };
                sim.fault(Rule::scim("GET", "/scim/v2/Users", fault).times(u32::MAX));
            },
            0,
            "Users: 503 Service Unavailable",
        ),
        (
            "no members anywhere",
            |sim| sim.switch(|switches| switches.scim.members_shown = MembersShown::Never),
            PEOPLE,
            "the provider shows members of no group, so [\"iOS Developers\"] need not be empty",
        ),
        (
            "no groups",
            |sim| {
                let fault = Fault::Status { status: 500, when: rosterd::simulator::When::Before };
                sim.fault(Rule::scim("GET", "/scim/v2/Groups", fault).times(u32::MAX));
            },
            PEOPLE,
            "Groups: 500 Internal Server Error",
        ),
        (
            "nested group",
            |sim| {
                let fault = Fault::Status { status: 502, when: rosterd::simulator::When::Before };
                sim.fault(Rule::scim("GET", "/scim/v2/Groups/*", fault).times(u32::MAX));
            },
            PEOPLE,
            "a member of \"iOS Developers\": 502 Bad Gateway",
        ),
    ];
    for (what, spoil, people, said) in cases {
        let bench = start(|_| {}).await;
        spoil(&bench.sim);
        let snapshot = bench.read().await;
        let problems: Vec<_> = snapshot.coverage.problems().iter().map(|problem| problem.0.clone()).collect();
        assert!(problems.iter().any(|problem| problem.contains(said)), "{what}: {problems:#?}");
        if people != usize::MAX {
            assert_eq!(snapshot.people().len(), people, "{what}");
        }
        let word = if people == 0 { "failed" } else { "partial" };
        assert_eq!(snapshot.coverage.word(), word, "{what}");
    }
}

fn total(sim: &Running, by: i64) {
    // Only people are miscounted: the walk over groups is right.
    sim.with_state(|state| state.switches.scim.total_results = TotalResults::OffBy(by));
}

#[tokio::test]
async fn passing_faults_leave_no_trace() {
    let bench = start(|_| {}).await;
    for (nth, fault) in [
        (1, Fault::DropBefore),
        (3, Fault::Truncated),
        (6, Fault::TooMany { retry_after: Some("0".to_owned()) }),
    ] {
        bench.sim.fault(Rule::scim("GET", "/scim/v2/*", fault).nth(nth));
    }
    let snapshot = bench.read().await;
    is_whole(&bench, &snapshot, "passing faults");
}

#[tokio::test]
async fn a_group_that_is_not_there_is_an_error_with_a_near_name() {
    let bench = start(|_| {}).await;
    let wanting = |name: &str| Interest { groups: BTreeSet::from([Arc::from(name)]), ..interest() };
    let error = bench.source.read(&wanting("iOS Developer")).await.expect_err("absent");
    assert_eq!(error.to_string(), "no group \"iOS Developer\" in the directory");
    assert_eq!(error.hint().as_deref(), Some("did you mean \"iOS Developers\"?"));
    let by_id = bench.group("iOS Developers");
    assert!(bench.source.read(&wanting(by_id.as_str())).await.expect("by id").group(&by_id).is_some());
    bench.sim.with_state(|state| state.directory.add_group("Contractors", &[]));
    let error = bench.source.read(&wanting("Contractors")).await.expect_err("two");
    assert!(matches!(error, SourceError::GroupAmbiguous { count: 2, .. }), "{error}");
}

#[tokio::test]
async fn flat_scope_reads_no_nested_group() {
    let bench = start(|_| {}).await;
    let snapshot = bench.source.read(&Interest { nested: false, ..interest() }).await.expect("readable");
    assert_eq!(snapshot.groups.len(), 1);
    assert!(snapshot.coverage.is_complete());
    let nobody = bench.source.read(&Interest::default()).await.expect("readable");
    assert_eq!((nobody.groups.len(), nobody.people().len()), (0, PEOPLE));
    assert!(nobody.people().iter().all(|person| person.attributes.iter().next().is_none()));
}

#[tokio::test]
async fn credentials_of_every_kind_open_the_door() {
    let wrong = "not-the-secret-7f3a";
    let basic = |password: &str| Auth::Basic { username: SCIM_USER.to_owned(), password: password.into() };
    let oauth = |secret: &str| Auth::OAuth2 {
        token_url: Url::parse("https://idp.example.com/token").expect("a URL"),
        client_id: SCIM_USER.to_owned(),
        client_secret: secret.into(),
        scope: Some("scim".to_owned()),
        client_auth: None,
    };
    let bearer = |token: &str| Auth::Bearer { token: token.into() };
    let cases = [
        (ScimAuth::Bearer, bearer(SCIM_TOKEN), bearer(wrong)),
        (ScimAuth::Basic, basic(SCIM_SECRET), basic(wrong)),
        (ScimAuth::Oauth2, oauth(SCIM_SECRET), oauth(wrong)),
    ];
    for (kind, good, bad) in cases {
        let bench = with_auth(good, |scim| scim.auth = kind).await;
        is_whole(&bench, &bench.read().await, &format!("{kind:?}"));
        let refused = source(&bench.sim, bad).read(&interest()).await.expect_err("refused");
        assert!(matches!(refused, SourceError::Refused { .. }), "{kind:?}: {refused}");
        assert!(refused.hint().is_some(), "{kind:?}");
        let shown = format!("{refused} {refused:?}");
        assert!(!shown.contains(wrong), "{shown}");
    }
}

#[tokio::test]
async fn one_token_serves_a_read_and_a_refused_one_is_replaced() {
    let oauth = Auth::OAuth2 {
        token_url: Url::parse("https://idp.example.com/token").expect("a URL"),
        client_id: SCIM_USER.to_owned(),
        client_secret: SCIM_SECRET.into(),
        scope: None,
        client_auth: None,
    };
    let bench = with_auth(oauth, |scim| scim.auth = ScimAuth::Oauth2).await;
    bench.read().await;
    assert_eq!(bench.requests("/oauth2/token"), 1);
    bench.sim.fault(Rule::scim("GET", "/scim/v2/Users", Fault::Unauthorized).nth(2));
    is_whole(&bench, &bench.read().await, "one 401");
    assert_eq!(bench.requests("/oauth2/token"), 2);
    bench.sim.fault(Rule::scim("GET", "/scim/v2/Users", Fault::Unauthorized).times(u32::MAX));
    let error = bench.source.read(&interest()).await.expect_err("refused");
    assert!(error.to_string().starts_with("the identity provider refused the token"), "{error}");
}

#[tokio::test]
async fn rotated_credentials_are_used_at_once_and_unusable_ones_never() {
    let bench = with_auth(Auth::Bearer { token: "old".into() }, |_| {}).await;
    assert!(matches!(bench.source.read(&interest()).await, Err(SourceError::Refused { .. })));
    assert!(bench.source.swap_auth(Auth::Bearer { token: "line\nbreak".into() }).is_err());
    bench.source.swap_auth(Auth::Bearer { token: SCIM_TOKEN.into() }).expect("usable");
    is_whole(&bench, &bench.read().await, "rotated");
}

#[tokio::test]
async fn a_second_read_tells_there_gone_and_unread_apart() {
    let bench = start(|_| {}).await;
    bench.read().await;
    let ids =
        ["p0000000", "p0000001", "p0000002", "p0000003"].map(|name| bench.id(&format!("{name}@example.com")));
    let groups = ["iOS Developers", "Contractors"].map(|name| bench.group(name));
    bench.sim.with_state(|state| {
        state.directory.remove_person("p0000001@example.com");
        state.directory.leave("iOS Developers", "p0000002@example.com");
    });
    let broken = format!("/scim/v2/Users/{}", ids[3]);
    bench.sim.fault(Rule::scim("GET", &broken, Fault::Html { status: 200 }));
    let again = bench.source.recheck(&interest(), &ids, &groups).await.expect("readable");
    assert!(matches!(&again.people[&ids[0]], Again::There(person) if person.activity == Activity::Disabled
        && person.attributes.get("usertype").is_some()));
    assert_eq!(again.people[&ids[1]], Again::Gone);
    assert!(matches!(&again.people[&ids[2]], Again::There(_)));
    assert!(matches!(&again.people[&ids[3]], Again::Unread(problem) if problem.0.contains("HTML")));
    let developers = again.groups.iter().find(|group| group.id == groups[0]).expect("still there");
    assert_eq!(developers.members.len(), SCOPED + 1 - 2);
    assert!(developers.members.contains(&GroupMember::Person(ids[0].clone())));
    assert!(!developers.members.contains(&GroupMember::Person(ids[2].clone())));
}

#[tokio::test]
async fn a_second_read_finds_people_by_user_name_and_groups_that_are_gone() {
    let bench = start(|scim| scim.member_value = MemberValue::UserName).await;
    let (first, groups) =
        (bench.id("p0000000@example.com"), [bench.group("Contractors"), bench.group("iOS Developers")]);
    bench.sim.with_state(|state| state.directory.remove_group("Contractors"));
    let again =
        bench.source.recheck(&interest(), std::slice::from_ref(&first), &groups).await.expect("readable");
    assert_eq!(again.groups.len(), 1);
    assert!(again.groups[0].members.contains(&GroupMember::Person(first)));
}

#[tokio::test]
async fn a_second_read_that_answers_with_somebody_else_proves_nothing() {
    // Servers that write user names into groups also answer for them.
    let bench = start(|scim| scim.member_value = MemberValue::UserName).await;
    let asked = PersonId::from("p0000004@example.com");
    let again = bench.source.recheck(&interest(), std::slice::from_ref(&asked), &[]).await.expect("readable");
    assert!(matches!(&again.people[&asked], Again::Unread(_)), "{:?}", again.people);
}

#[tokio::test]
async fn a_second_read_without_the_groups_is_an_error() {
    let bench = start(|_| {}).await;
    let groups = [bench.group("iOS Developers")];
    let fault = Fault::Status { status: 500, when: rosterd::simulator::When::Before };
    bench.sim.fault(Rule::scim("GET", "/scim/v2/Groups/*", fault).times(3));
    assert!(bench.source.recheck(&interest(), &[], &groups).await.is_err());
}
