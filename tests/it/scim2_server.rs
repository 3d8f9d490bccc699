//! The SCIM source against scim2-server from PyPI, a provider that nobody here wrote.
//!
//! Skipped with a note when the command is not installed, unless `REQUIRE_SCIM2=1`.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rosterd::clock::Clock;
use rosterd::metrics::Metrics;
use rosterd::model::{Activity, Coverage, DirectorySnapshot, GroupId, GroupMember, PersonId};
use rosterd::source::scim::{Auth, ScimSource, Settings};
use rosterd::source::{Again, DirectorySource, Interest, SourceError};
use serde_json::{Value, json};

const TOKEN: &str = "only-for-this-test";
const PEOPLE: usize = 250;
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// How the server pages.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Paging {
    /// What it does when nothing is said.
    Index,
    /// Both, and a plain request is answered with cursors.
    Cursor,
}

/// A running server; it ends with the value.
struct Server {
    child: Child,
    base: Url,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start(paging: Paging) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = Command::new("scim2-server");
        command.args(["--bearer-token", TOKEN, "--port", &port.to_string()]);
        if paging == Paging::Cursor {
            let config = folder.path().join("config.json");
            std::fs::write(&config, provider_config().to_string()).expect("written");
            command.arg("--service-provider-config").arg(config);
        }
        let child = match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) if std::env::var_os("REQUIRE_SCIM2").is_some() => {
                panic!("scim2-server is required and does not start: {error}")
            }
            Err(error) => {
                eprintln!(
                    "skipped: scim2-server does not start ({error}); pip install 'scim2-server[cursor]'"
                );
                return None;
            }
        };
        let base = Url::parse(&format!("http://127.0.0.1:{port}/v2")).expect("a URL");
        let mut server = Self { child, base, http: reqwest::Client::new(), _folder: folder };
        server.wait().await;
        Some(server)
    }

    async fn wait(&mut self) {
        for _ in 0..600 {
            let asked = self.http.get(format!("{}/ServiceProviderConfig", self.base)).bearer_auth(TOKEN);
            if asked.send().await.is_ok_and(|reply| reply.status().is_success()) {
                return;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("scim2-server ended with {status}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("scim2-server does not answer");
    }

    async fn post(&self, endpoint: &str, body: Value) -> String {
        let url = format!("{}/{endpoint}", self.base);
        let request = self.http.post(url).bearer_auth(TOKEN).header("Content-Type", "application/scim+json");
        let reply = request.body(body.to_string()).send().await.expect("an answer");
        let status = reply.status();
        let text = reply.text().await.expect("a body");
        assert_eq!(status.as_u16(), 201, "{text}");
        let made: Value = serde_json::from_str(&text).expect("JSON");
        made["id"].as_str().expect("an id").to_owned()
    }

    async fn delete(&self, path: &str) {
        let reply = self.http.delete(format!("{}/{path}", self.base)).bearer_auth(TOKEN).send().await;
        assert_eq!(reply.expect("an answer").status().as_u16(), 204);
    }

    fn source(&self, token: &str) -> ScimSource {
        let settings = Settings {
            base_url: self.base.clone(),
            auth: Auth::Bearer { token: token.into() },
            page_size: 60,
            concurrency: 4,
            attribute_namespace: String::new(),
        };
        ScimSource::new(settings, Metrics::new(), Clock::System).expect("usable settings")
    }
}

fn provider_config() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true}, "changePassword": {"supported": false}, "sort": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": 200}, "etag": {"supported": false}, "authenticationSchemes": [],
        "pagination": {"cursor": true, "index": true, "defaultPaginationMethod": "cursor", "defaultPageSize": 40,
            "maxPageSize": 50, "cursorTimeout": 600},
    })
}

/// Who was put in.
struct Seeded {
    people: Vec<String>,
    outer: String,
    inner: String,
}

async fn seed(server: &Server) -> Seeded {
    let mut people = Vec::with_capacity(PEOPLE);
    for number in 0..PEOPLE {
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
            "userName": format!("p{number:04}@example.com"),
            "name": {"givenName": "Ada", "familyName": format!("King {number}")},
            "emails": [{"value": format!("P{number:04}@mail.example.com"), "type": "work", "primary": true}],
            "active": number % 10 != 9,
            ENTERPRISE: {"department": "Mobile"},
        });
        people.push(server.post("Users", user).await);
    }
    let schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"];
    let member = |id: &String, kind: &str| json!({"value": id, "type": kind, "$ref": format!("{}/{kind}s/{id}", server.base)});
    let of =
        |range: std::ops::Range<usize>| people[range].iter().map(|id| member(id, "User")).collect::<Vec<_>>();
    let inner = json!({"schemas": schemas, "displayName": "iOS Contractors", "members": of(100..105)});
    let inner = server.post("Groups", inner).await;
    let mut members = of(0..20);
    members.push(member(&inner, "Group"));
    let outer = json!({"schemas": schemas, "displayName": "iOS Developers", "members": members});
    let outer = server.post("Groups", outer).await;
    server.post("Groups", json!({"schemas": schemas, "displayName": "Nobody"})).await;
    Seeded { people, outer, inner }
}

fn interest(group: &str) -> Interest {
    Interest {
        groups: BTreeSet::from([Arc::from(group)]),
        nested: true,
        attributes: BTreeSet::from([Arc::from(ENTERPRISE.to_lowercase())]),
        ..Interest::default()
    }
}

fn is_whole(snapshot: &DirectorySnapshot, seeded: &Seeded, paging: Paging) {
    assert_eq!(snapshot.coverage, Coverage::Complete, "{paging:?}");
    assert_eq!(snapshot.people().len(), PEOPLE, "{paging:?}");
    for (number, id) in seeded.people.iter().enumerate() {
        let person = snapshot.person(&PersonId::from(id.as_str())).expect("listed");
        let active = if number % 10 == 9 { Activity::Disabled } else { Activity::Active };
        assert_eq!(person.activity, active);
        assert_eq!(person.addresses.all()[0].folded(), format!("p{number:04}@mail.example.com"));
        assert_eq!(person.addresses.all()[1].folded(), format!("p{number:04}@example.com"));
        assert_eq!(person.family_name.as_deref(), Some(format!("King {number}").as_str()));
        assert_eq!(
            person.attributes.get(ENTERPRISE).map(|value| &value["department"]),
            Some(&json!("Mobile"))
        );
    }
    let members = |id: &String| {
        let group = snapshot.group(&GroupId::from(id.as_str())).expect("read");
        group.members.iter().cloned().collect::<BTreeSet<_>>()
    };
    let people = |range: std::ops::Range<usize>| {
        seeded.people[range].iter().map(|id| GroupMember::Person(PersonId::from(id.as_str())))
    };
    let inner = GroupMember::Group(GroupId::from(seeded.inner.as_str()));
    assert_eq!(members(&seeded.outer), people(0..20).chain([inner]).collect(), "{paging:?}");
    assert_eq!(members(&seeded.inner), people(100..105).collect(), "{paging:?}");
}

#[tokio::test]
async fn a_real_server_is_read_whole_by_index_and_by_cursor() {
    for paging in [Paging::Index, Paging::Cursor] {
        let Some(server) = Server::start(paging).await else { return };
        let seeded = seed(&server).await;
        let source = server.source(TOKEN);
        let snapshot = source.read(&interest("ios developers")).await.expect("readable");
        is_whole(&snapshot, &seeded, paging);
        let empty = source.read(&interest("Nobody")).await.expect("readable");
        assert_eq!((empty.coverage.is_complete(), empty.groups[0].members.len()), (true, 0));

        server.delete(&format!("Users/{}", seeded.people[3])).await;
        let asked = [3, 9, 200].map(|number: usize| PersonId::from(seeded.people[number].as_str()));
        let groups = [&seeded.outer, &seeded.inner].map(|id| GroupId::from(id.as_str()));
        let again = source.recheck(&interest("iOS Developers"), &asked, &groups).await.expect("readable");
        assert_eq!(again.people[&asked[0]], Again::Gone);
        assert!(
            matches!(&again.people[&asked[1]], Again::There(person) if person.activity == Activity::Disabled)
        );
        assert!(
            matches!(&again.people[&asked[2]], Again::There(person) if person.activity == Activity::Active)
        );
        let outer = again.groups.iter().find(|group| group.id == groups[0]).expect("still there");
        assert!(outer.members.contains(&GroupMember::Person(asked[1].clone())));
        assert!(!outer.members.contains(&GroupMember::Person(asked[2].clone())));

        let error = server.source("wrong").read(&interest("iOS Developers")).await.expect_err("refused");
        assert!(matches!(error, SourceError::Refused { .. }), "{error}");
        let error = source.read(&interest("iOS Developer")).await.expect_err("absent");
        assert_eq!(error.hint().as_deref(), Some("did you mean \"iOS Developers\"?"));
    }
}
