//! Answers that no well-kept server gives, over real HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::*;
use crate::model::{Activity, GroupMember};
use crate::source::Again;

mod odd_answers;

/// Status, content type, body.
type Answer = (u16, &'static str, String);
type Script = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// What a fake provider is asked.
struct Asked {
    /// Path and query.
    target: String,
    authorization: String,
    form: String,
}

/// A provider that answers by a script; `SELF` in a body is its own origin.
struct Fake {
    origin: String,
    seen: Arc<Mutex<Vec<String>>>,
}

const SCIM: &str = "application/scim+json";
const EMPTY: &str = r#"{"totalResults":0,"Resources":[]}"#;

async fn answer(
    State((script, seen)): State<(Script, Arc<Mutex<Vec<String>>>)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let form = axum::body::to_bytes(body, 1 << 16).await.unwrap_or_default();
    let asked = Asked {
        target: parts.uri.to_string(),
        authorization: parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        form: String::from_utf8_lossy(&form).into_owned(),
    };
    let (status, kind, body) = script(&asked);
    seen.lock().expect("not poisoned").push(asked.target);
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(header::CONTENT_TYPE, kind), (header::LOCATION, "https://elsewhere.example.com/")], body)
        .into_response()
}

impl Fake {
    async fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(script);
        let app = axum::Router::new().fallback(answer).with_state((script, Arc::clone(&seen)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { origin: format!("http://{address}"), seen }
    }

    /// Answers lists of users and groups with these bodies, single resources with 404.
    async fn of(users: &'static str, groups: &'static str) -> Self {
        Self::start(move |asked| match asked.target.split('?').next().unwrap_or_default() {
            "/Users" => ok(users),
            "/Groups" => ok(groups),
            _ => (404, SCIM, String::new()),
        })
        .await
    }

    fn source(&self, auth: Auth) -> ScimSource {
        self.source_at(auth, Clock::System)
    }

    fn source_at(&self, auth: Auth, clock: Clock) -> ScimSource {
        let settings = Settings {
            base_url: Url::parse(&self.origin).expect("a URL"),
            auth,
            page_size: 10,
            concurrency: 2,
            attribute_namespace: String::new(),
        };
        let options = HttpOptions { first_pause: Duration::from_millis(1), ..HttpOptions::standard() };
        ScimSource::with_options(settings, &options, Metrics::new(), clock).expect("usable settings")
    }

    fn bearer(&self) -> ScimSource {
        self.source(Auth::Bearer { token: "a-token-that-nobody-may-see".into() })
    }

    fn oauth(&self, clock: Clock) -> ScimSource {
        self.oauth_by(None, clock)
    }

    fn oauth_by(&self, client_auth: Option<ClientAuth>, clock: Clock) -> ScimSource {
        let auth = Auth::OAuth2 {
            token_url: Url::parse(&format!("{}/token", self.origin)).expect("a URL"),
            client_id: "rosterd".to_owned(),
            client_secret: "s3cret".into(),
            scope: None,
            client_auth,
        };
        self.source_at(auth, clock)
    }

    fn asked(&self, start: &str) -> Vec<String> {
        let seen = self.seen.lock().expect("not poisoned");
        seen.iter().filter(|target| target.starts_with(start)).cloned().collect()
    }
}

fn ok(body: &str) -> Answer {
    (200, SCIM, body.to_owned())
}

fn interest(group: &str) -> Interest {
    Interest { groups: BTreeSet::from([Arc::from(group)]), nested: true, ..Interest::default() }
}

fn problems(snapshot: &DirectorySnapshot) -> String {
    snapshot.coverage.problems().iter().map(|problem| problem.0.as_str()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_cursor_is_only_ever_our_own_query() {
    let fake = Fake::start(|asked| match asked.target.as_str() {
        "/Users?startIndex=1&count=10" => {
            ok(r#"{"Resources":[{"id":"u1"}],"nextCursor":"https://elsewhere.example.com/?a=b&c=+#x"}"#)
        }
        target if target.starts_with("/Users?cursor=") => ok(r#"{"Resources":[{"id":"u2"}]}"#),
        _ => ok(EMPTY),
    })
    .await;
    let snapshot = fake.bearer().read(&Interest::default()).await.expect("readable");
    assert_eq!((snapshot.people().len(), problems(&snapshot).as_str()), (2, ""));
    let asked = fake.asked("/Users?cursor=");
    assert_eq!(
        asked,
        ["/Users?cursor=https%3A%2F%2Felsewhere.example.com%2F%3Fa%3Db%26c%3D%2B%23x&count=10"]
    );
}

#[tokio::test]
async fn expired_cursors_start_the_walk_anew() {
    let lost = AtomicUsize::new(0);
    let fake = Fake::start(move |asked| match asked.target.as_str() {
        "/ServiceProviderConfig" => ok(r#"{"pagination":{"cursor":true}}"#),
        "/Users?cursor=&count=10" => ok(r#"{"Resources":[{"id":"u1"}],"nextCursor":"n"}"#),
        "/Users?cursor=n&count=10" if lost.fetch_add(1, Ordering::SeqCst) < 2 => {
            (400, SCIM, r#"{"status":"400","scimType":"expiredCursor"}"#.to_owned())
        }
        _ => ok(r#"{"Resources":[{"id":"u2"}]}"#),
    })
    .await;
    let snapshot = fake.bearer().read(&Interest::default()).await.expect("readable");
    assert_eq!((snapshot.people().len(), snapshot.coverage.is_complete()), (2, true));
    assert_eq!(fake.asked("/Users?cursor=&").len(), 3);
}

#[tokio::test]
async fn a_count_that_is_refused_is_made_smaller() {
    let fake = Fake::start(|asked| match asked.target.as_str() {
        "/Users?startIndex=1&count=10" => (400, SCIM, r#"{"scimType":"invalidCount"}"#.to_owned()),
        _ => ok(r#"{"totalResults":1,"Resources":[{"id":"u1"}]}"#),
    })
    .await;
    let snapshot = fake.bearer().read(&Interest::default()).await.expect("readable");
    assert_eq!((snapshot.people().len(), snapshot.coverage.is_complete()), (1, true));
}

#[tokio::test]
async fn refusals_name_the_cure_and_never_the_token() {
    for (status, kind, body, said) in [
        (
            401,
            SCIM,
            r#"{"detail":"a-token-that-nobody-may-see has expired"}"#,
            "the identity provider refused the token (401 Unauthorized: … has expired)",
        ),
        (401, "text/plain", "Unauthorized", "the identity provider refused the token (401 Unauthorized)"),
        (401, "text/html", "", "the identity provider refused the token (401 Unauthorized)"),
        (
            403,
            SCIM,
            r#"{"status":403,"detail":"no scope"}"#,
            "the identity provider does not let the token read (403 Forbidden: no scope)",
        ),
    ] {
        let fake = Fake::start(move |_| (status, kind, body.to_owned())).await;
        let error = fake.bearer().read(&Interest::default()).await.expect_err("refused");
        assert_eq!(error.to_string(), said);
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn what_is_not_a_list_is_a_failed_read() {
    for (status, body, said) in [
        (200, "<html>Sign in</html>", "Users: answered with a page of HTML instead of JSON"),
        (500, "<html>Oops</html>", "Users: 500 Internal Server Error, with a page of HTML instead of JSON"),
        (200, r#"{"totalResults":1,"Resources":[{"id":"u1""#, "Users: answered with broken JSON"),
        (200, "{}", "Users: answered with JSON that is no SCIM list"),
        (404, "", "Users: 404 Not Found"),
        (302, "", "Users: SELF/Users answered with a redirect to https://elsewhere.example.com"),
    ] {
        let fake = Fake::start(move |_| (status, SCIM, body.to_owned())).await;
        let snapshot = fake.bearer().read(&interest("iOS")).await.expect("judged");
        assert_eq!(snapshot.coverage.word(), "failed", "{body}");
        let found = problems(&snapshot);
        assert!(found.starts_with(&said.replace("SELF", &fake.origin)), "{found}");
    }
}

#[tokio::test]
async fn a_broken_person_leaves_the_others_readable() {
    let users = r#"{"totalResults":3,"Resources":[{"id":"u1"},{"userName":"ada"},{"id":"u3"}]}"#;
    let snapshot = Fake::of(users, EMPTY).await.bearer().read(&Interest::default()).await.expect("readable");
    assert_eq!(snapshot.people().len(), 2);
    assert_eq!(problems(&snapshot), "Users: a person could not be read: \"ada\" has no usable id");
}

#[tokio::test]
async fn one_id_twice_is_one_person() {
    let users = r#"{"totalResults":3,"Resources":[{"id":"u1"},{"id":"u1"},{"id":"u3"}]}"#;
    let snapshot = Fake::of(users, EMPTY).await.bearer().read(&Interest::default()).await.expect("readable");
    assert_eq!(snapshot.people().len(), 2);
    assert_eq!(problems(&snapshot), "Users: the provider counts 3 people and listed 2");
}

const TWO: &str =
    r#"{"totalResults":2,"Resources":[{"id":"7","userName":"ada"},{"id":"u2","userName":"bob"}]}"#;

#[tokio::test]
async fn members_that_no_list_explains_are_looked_up() {
    let groups = r#"{"totalResults":1,"Resources":[{"id":"g1","displayName":"iOS","members":[
        {"value":"7"},{"value":"stale"},{"value":"hidden"},{"value":"active"},{"value":"broken","type":"User"}]}]}"#;
    let fake = Fake::start(move |asked| match asked.target.split('?').next().unwrap_or_default() {
        "/Users" => ok(TWO),
        "/Groups" => ok(groups),
        "/Users/hidden" => ok(r#"{"id":"hidden","active":false}"#),
        "/Users/active" => ok(r#"{"id":"u9","userName":"active","active":true}"#),
        "/Users/broken" => (500, SCIM, String::new()),
        _ => (404, SCIM, String::new()),
    })
    .await;
    let snapshot = fake.bearer().read(&interest("iOS")).await.expect("readable");
    let ids = ["7", "broken", "hidden", "u9"].map(|id| GroupMember::Person(PersonId::from(id)));
    assert_eq!(snapshot.groups[0].members, ids);
    let hidden = snapshot.person(&PersonId::from("hidden")).map(|person| person.activity);
    assert_eq!(hidden, Some(Activity::Disabled));
    assert_eq!(
        problems(&snapshot),
        "Users: u9 is a member of a group and was not in the list of people\n\
         Users: \"broken\", a member of a group: 500 Internal Server Error"
    );
}

#[tokio::test]
async fn an_id_that_is_a_person_and_a_group_is_not_guessed() {
    let groups = r#"{"totalResults":2,"Resources":[{"id":"g1","displayName":"iOS","members":[{"value":"7"},{"value":"u2"}]},
        {"id":"7","displayName":"Other","members":[{"value":"u2"}]}]}"#;
    let snapshot = Fake::of(TWO, groups).await.bearer().read(&interest("iOS")).await.expect("readable");
    assert_eq!(snapshot.groups[0].members, [GroupMember::Person(PersonId::from("u2"))]);
    assert_eq!(problems(&snapshot), "Groups: member \"7\" of \"iOS\" may be several people or groups");
}

#[tokio::test]
async fn an_empty_list_of_members_is_believed_of_the_group_alone() {
    for (single, members, said) in [
        (Some(r#"{"id":"g1","displayName":"iOS","members":[{"value":"u2"}]}"#), 1, ""),
        (Some(r#"{"id":"g1","displayName":"iOS","members":[]}"#), 0, ""),
        (
            Some(r#"{"id":"g1","displayName":"iOS"}"#),
            0,
            "Groups: the provider shows members of no group, so [\"iOS\"] need not be empty",
        ),
        (
            Some(r#"{"id":"g2","displayName":"iOS"}"#),
            0,
            "Groups: \"iOS\": the provider answered with group g2",
        ),
        (None, 0, "Groups: \"iOS\": it was listed and is not there"),
    ] {
        for list in [
            r#"{"totalResults":1,"Resources":[{"id":"g1","displayName":"iOS","members":[]}]}"#,
            r#"{"totalResults":1,"Resources":[{"id":"g1","displayName":"iOS"}]}"#,
        ] {
            let fake = Fake::start(move |asked| match asked.target.split('?').next().unwrap_or_default() {
                "/Users" => ok(TWO),
                "/Groups" => ok(list),
                "/Groups/g1" => single.map_or((404, SCIM, String::new()), ok),
                _ => (404, SCIM, String::new()),
            })
            .await;
            let snapshot = fake.bearer().read(&interest("iOS")).await.expect("readable");
            assert_eq!(problems(&snapshot), said, "{list}");
            assert_eq!(snapshot.groups.first().map_or(0, |group| group.members.len()), members);
        }
    }
}

#[tokio::test]
async fn gone_is_gone_by_404_and_410_of_a_provider_that_answers() {
    for (status, body, list, gone) in [
        (404, "", EMPTY, true),
        (410, "", EMPTY, true),
        (400, "", EMPTY, false),
        (200, EMPTY, EMPTY, false),
        (200, r#"{"id":"other"}"#, EMPTY, false),
        // A gateway that has lost its provider answers so for everything.
        (404, "", "<html>404</html>", false),
    ] {
        let fake = Fake::start(move |asked| match asked.target.split('?').next().unwrap_or_default() {
            "/Users" | "/Groups" => ok(list),
            _ => (status, SCIM, body.to_owned()),
        })
        .await;
        for id in ["u1", "a/b?c", "a\r\n\tb", "..", "."] {
            let asked = [PersonId::from(id)];
            let again = fake.bearer().recheck(&Interest::default(), &asked, &[]).await.expect("judged");
            let never_asked = matches!(id, "." | "..");
            let answer = &again.people[&asked[0]];
            assert_eq!(*answer == Again::Gone, gone && !never_asked, "{status} {id}");
            assert!(!matches!(answer, Again::There(_)), "{status} {id}: {answer:?}");
        }
        assert_eq!(fake.asked("/Users/a").first().map(String::as_str), Some("/Users/a%2Fb%3Fc"));
        assert_eq!(fake.asked("/Users/a%0D").first().map(String::as_str), Some("/Users/a%0D%0A%09b"));
        let group = fake.bearer().recheck(&Interest::default(), &[], &[GroupId::from("g1")]).await;
        assert_eq!(group.is_ok(), gone, "{status}");
    }
}

/// base64 of rosterd:s3cret
const HEADER: &str = "Basic cm9zdGVyZDpzM2NyZXQ=";

/// A provider that takes id and secret in one way only and answers in these words where they come in the other.
async fn picky(way: ClientAuth, words: &'static str) -> Fake {
    Fake::start(move |asked| match asked.target.as_str() {
        "/token" => {
            let in_header = asked.authorization == HEADER;
            let in_body =
                asked.form.contains("client_id=rosterd") && asked.form.contains("client_secret=s3cret");
            assert!(in_header != in_body, "one way at a time: {}", asked.form);
            if in_header == (way == ClientAuth::Basic) {
                (200, "application/json", r#"{"access_token":"t1","expires_in":"3600"}"#.to_owned())
            } else {
                (
                    401,
                    "application/json",
                    format!(r#"{{"error":"invalid_client","error_description":{words:?}}}"#),
                )
            }
        }
        _ if asked.authorization == "Bearer t1" => ok(EMPTY),
        _ => (401, SCIM, String::new()),
    })
    .await
}

#[tokio::test]
async fn a_client_secret_travels_in_the_header_and_in_the_body_only_where_that_is_said_to_be_the_matter() {
    use ClientAuth::{Basic, Post};
    let way = "Client authentication failed: authentication_method";
    for (takes, words, set, requests) in [
        (Basic, way, None, Some(1)),
        (Post, way, None, Some(2)),
        (Post, "bad secret", None, None),
        (Post, "", None, None),
        (Basic, way, Some(Basic), Some(1)),
        (Post, way, Some(Post), Some(1)),
        (Post, way, Some(Basic), None),
        (Basic, way, Some(Post), None),
    ] {
        let fake = picky(takes, words).await;
        let source = fake.oauth_by(set, Clock::System);
        let read = source.read(&Interest::default()).await;
        match requests {
            Some(count) => {
                read.expect("a token");
                assert_eq!(fake.asked("/token").len(), count, "{takes:?} {set:?}");
            }
            None => {
                let error = read.expect_err("refused");
                assert!(error.to_string().ends_with(words), "{error}");
                assert!(error.hint().is_some_and(|hint| hint.contains("client_auth")));
                assert_eq!(fake.asked("/token").len(), 1, "{takes:?} {set:?}: a wrong secret is tried once");
            }
        }
    }
}

#[tokio::test]
async fn the_way_that_worked_is_kept_for_the_next_token() {
    let fake = picky(ClientAuth::Post, "client_id is missing").await;
    let clock = Clock::manual(Timestamp::UNIX_EPOCH);
    let source = fake.oauth(clock.clone());
    for requests in [2, 3] {
        source.read(&Interest::default()).await.expect("a token");
        assert_eq!(fake.asked("/token").len(), requests);
        clock.advance(Duration::from_secs(3600));
    }
}

#[tokio::test]
async fn a_refused_secret_is_shown_once_in_a_read_and_again_in_the_next() {
    let body = r#"{"error":"invalid_client","error_description":"bad secret"}"#;
    for status in [200, 400, 401] {
        let fake = Fake::start(move |_| (status, "application/json", body.to_owned())).await;
        let source = fake.oauth(Clock::System);
        for requests in [1, 2] {
            let error = source.read(&interest("iOS")).await.expect_err("refused");
            assert!(matches!(error, SourceError::Refused { .. }), "{error:?}");
            assert!(error.to_string().ends_with("invalid_client: bad secret"), "{error}");
            let again = source.recheck(&Interest::default(), &[PersonId::from("u1")], &[]).await;
            assert!(again.is_err(), "the same cycle");
            assert_eq!(fake.asked("/token").len(), requests, "{status}");
        }
    }
}

#[tokio::test]
async fn a_token_serves_a_whole_read_whatever_is_said_of_its_end() {
    for end in ["null", "0", "-1", "\"soon\"", "1", "3599.5", "\"3600\"", "{}", "1e300"] {
        let body =
            format!("\u{feff}{{\"access_token\":\"t\",\"token_type\":\"bearer\",\"expires_in\":{end}}}");
        let fake = Fake::start(move |asked| match asked.target.as_str() {
            "/token" => (200, "application/json", body.clone()),
            _ => ok(EMPTY),
        })
        .await;
        fake.oauth(Clock::System).read(&Interest::default()).await.expect("readable");
        assert_eq!(fake.asked("/token").len(), 1, "{end}");
    }
}

#[tokio::test]
async fn tokens_are_kept_until_shortly_before_their_end() {
    let issued = AtomicUsize::new(0);
    let fake = Fake::start(move |asked| match asked.target.as_str() {
        "/token" => {
            assert_eq!(
                (asked.form.as_str(), asked.authorization.as_str()),
                ("grant_type=client_credentials", HEADER)
            );
            let number = issued.fetch_add(1, Ordering::SeqCst);
            (200, "application/json", format!(r#"{{"access_token":"t{number}","expires_in":600}}"#))
        }
        _ => ok(EMPTY),
    })
    .await;
    let clock = Clock::manual(Timestamp::UNIX_EPOCH);
    let source = fake.oauth(clock.clone());
    for (advance, tokens) in [(0, 1), (530, 1), (20, 2), (530, 2)] {
        clock.advance(Duration::from_secs(advance));
        source.read(&Interest::default()).await.expect("readable");
        assert_eq!(fake.asked("/token").len(), tokens, "{advance}");
    }
}

#[tokio::test]
async fn a_refused_secret_is_not_repeated_in_the_error() {
    for (status, body, said) in [
        (
            400,
            r#"{"error":"invalid_scope","error_description":"s3cret\nis bad"}"#,
            "/token refused us a token (400): invalid_scope: … is bad",
        ),
        (401, "nothing", "/token refused us a token (401)"),
    ] {
        let fake = Fake::start(move |_| (status, "application/json", body.to_owned())).await;
        let error = fake.oauth(Clock::System).read(&Interest::default()).await.expect_err("refused");
        assert_eq!(error.to_string(), format!("{}{said}", fake.origin));
        assert!(error.hint().is_some_and(|hint| hint.contains("client secret")));
    }
}
