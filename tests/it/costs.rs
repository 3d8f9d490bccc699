//! What a cycle costs, in figures that no machine changes: requests, how many at once, what is offered to a server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, Url};
use rosterd::clock::Clock;
use rosterd::config::Config;
use rosterd::engine::commands::Caller;
use rosterd::engine::wire::{self, Opened, Use};
use rosterd::http::{HttpClient, HttpOptions, Peer as HttpPeer};
use rosterd::metrics::Metrics;
use rosterd::simulator::{
    FileOptions, Grant, Options, Peer, Running, Simulator, SourceKind, World, write_files,
};
use rosterd::source::scim::paging::{Ask, Fetch, Method as PageMethod, Page, PageError, WalkPlan, walk};
use rosterd::source::scim::wire::parse_user;
use rosterd::source::scim::{PersonRecord, Wanted};
use tempfile::TempDir;

const PEOPLE: usize = 1030;
const MEMBERS: usize = 450;
const INVITATIONS: usize = 250;

/// Everybody in scope has their seat; the invitations are other people's.
fn settled() -> World {
    let mut world = World::default();
    let email = |at: usize| format!("p{at:04}@example.com");
    for at in 0..PEOPLE {
        world.directory.add_person(&email(at), "Ada", "King");
    }
    let scoped: Vec<String> = (0..MEMBERS).map(email).collect();
    world.directory.add_group("iOS Developers", &scoped.iter().map(String::as_str).collect::<Vec<_>>());
    for address in &scoped {
        world.team.add_member(address, ("Ada", "King"), Grant::roles(&["DEVELOPER"]));
    }
    let expires = "2030-01-01T00:00:00Z".parse().expect("a time");
    for at in 0..INVITATIONS {
        let email = format!("guest{at:03}@example.org");
        world.team.add_invitation(&email, ("Grace", "Hopper"), Grant::roles(&["SALES"]), expires);
    }
    world
}

struct Engine {
    sim: Running,
    opened: Opened,
    _dir: TempDir,
}

impl Engine {
    async fn start(source: SourceKind) -> Self {
        let sim = Simulator::start(settled(), Options::default()).await.expect("starts");
        let dir = TempDir::new().expect("a folder");
        write_files(dir.path(), &sim, FileOptions { source }).expect("a configuration");
        without_rules(&dir.path().join("config.toml"));
        let config = Config::load(&dir.path().join("config.toml"), rosterd::config::environment());
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));
        let opened = wire::open(&config, Use::Write, Box::new(|_| {})).expect("an engine");
        Self { sim, opened, _dir: dir }
    }

    /// Paths of the requests of one cycle, to the provider and to Apple.
    async fn cycle(&self) -> (Vec<String>, Vec<String>) {
        let before = self.sim.with_state(|state| state.answered());
        let (report, _) = self.opened.team.core.cycle(&Caller::user(0)).await;
        assert!(report.error.is_none(), "{:?}", report.error);
        self.sim.with_state(|state| {
            let seen = || state.requests.iter().filter(|seen| seen.number > before);
            let paths = |apple: bool| {
                let of_peer = seen().filter(|seen| (seen.peer == Peer::Asc) == apple);
                of_peer.map(|seen| format!("{} {}", seen.method, seen.path)).collect()
            };
            (paths(false), paths(true))
        })
    }
}

/// The sample's rules name groups that this company has not.
fn without_rules(config: &Path) {
    let text = std::fs::read_to_string(config).expect("a configuration");
    let (head, rest) = text.split_once("[[access.rules]]").expect("a rule");
    let (_, tail) = rest.split_once("[access.attributes]").expect("attributes");
    std::fs::write(config, format!("{head}[access.attributes]{tail}")).expect("written");
}

fn count(paths: &[String], path: &str) -> usize {
    paths.iter().filter(|seen| *seen == path).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_cycle_asks_for_each_page_once_and_for_nothing_else() {
    let engine = Engine::start(SourceKind::Scim).await;
    engine.cycle().await;
    let (provider, apple) = engine.cycle().await;
    assert_eq!(count(&apple, "GET /v1/users"), MEMBERS.div_ceil(200), "{apple:?}");
    assert_eq!(count(&apple, "GET /v1/userInvitations"), INVITATIONS.div_ceil(200), "{apple:?}");
    assert_eq!(apple.len(), MEMBERS.div_ceil(200) + INVITATIONS.div_ceil(200), "{apple:?}");
    // Pages of a hundred, each but the first beginning with the last entry of the one before.
    let pages = 1 + (PEOPLE - 100).div_ceil(99);
    assert_eq!(count(&provider, "GET /scim/v2/Users"), pages, "{provider:?}");
    assert_eq!(count(&provider, "GET /scim/v2/Groups"), 1, "{provider:?}");
    // A list may show less of a group than the group itself does, so each that is named is asked for.
    let groups = provider.iter().filter(|seen| seen.starts_with("GET /scim/v2/Groups/")).count();
    assert_eq!((groups, provider.len()), (1, pages + 2), "{provider:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_cycle_with_a_change_feed_asks_the_provider_for_little_more_than_the_change() {
    let engine = Engine::start(SourceKind::Graph).await;
    engine.cycle().await;
    engine.cycle().await;
    let (provider, apple) = engine.cycle().await;
    assert_eq!(apple.len(), MEMBERS.div_ceil(200) + INVITATIONS.div_ceil(200), "{apple:?}");
    assert!(provider.len() <= 2, "one feed of people and one of groups: {provider:?}");
}

/// A list whose later pages are only answered four at a time.
struct Together {
    door: tokio::sync::Barrier,
    wanted: Wanted,
}

const PAGE: u64 = 10;
/// After the first page, two rounds of four pages that overlap by one entry.
const TOTAL: u64 = PAGE + 8 * (PAGE - 1);

impl Fetch for Together {
    type Item = PersonRecord;

    fn words(&self) -> (&'static str, &'static str) {
        ("Users", "people")
    }

    async fn page(&self, ask: Ask) -> Result<Page<PersonRecord>, PageError> {
        let Ask::Index { start, count } = ask else { return Err(PageError::CursorLost) };
        if start > 1 {
            self.door.wait().await;
        }
        let last = (start + count - 1).min(TOTAL);
        let user = |at| parse_user(&format!(r#"{{"id":"p{at:04}"}}"#), &self.wanted);
        let entries = (start..=last).map(user).collect();
        Ok(Page { total: Some(TOTAL), start: Some(start), next_cursor: None, entries })
    }
}

#[tokio::test]
async fn as_many_pages_are_under_way_as_the_setting_allows() {
    let wanted = Wanted::new(&std::collections::BTreeSet::new(), "");
    let list = Together { door: tokio::sync::Barrier::new(4), wanted };
    let plan = WalkPlan { method: PageMethod::Index, page_size: PAGE, concurrency: 4 };
    let walked = tokio::time::timeout(Duration::from_secs(60), walk(&list, plan)).await;
    let walked = walked.expect("four pages at a time").expect("readable");
    assert_eq!((walked.items.len() as u64, walked.problems), (TOTAL, vec![]));
}

fn client(origin: &Url) -> HttpClient {
    let options = HttpOptions { timeout: Duration::from_secs(5), ..HttpOptions::standard() };
    HttpClient::new(HttpPeer::Directory, origin, &options, Metrics::new(), Clock::System).expect("a client")
}

/// Serves one connection, and returns what came first.
fn serve_once(answer: &'static [u8]) -> (u16, std::thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let served = std::thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().expect("a connection");
        let mut buffer = vec![0; 16 << 10];
        let length = stream.read(&mut buffer).expect("some bytes");
        stream.write_all(answer).expect("an answer");
        buffer.truncate(length);
        buffer
    });
    (port, served)
}

#[tokio::test]
async fn answers_may_come_compressed() {
    /// `{"totalResults":0}`, by gzip.
    const PACKED: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 201, 47, 73, 204, 9, 74, 45, 46, 205, 41, 41, 86, 178,
        50, 168, 5, 0, 87, 233, 68, 51, 18, 0, 0, 0,
    ];
    static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            PACKED.len()
        );
        [head.as_bytes(), PACKED].concat()
    });
    let (port, served) = serve_once(&ANSWER);
    let origin = Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL");
    let client = client(&origin);
    let reply = client.read(|| client.request(Method::GET, origin.clone())).await.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&reply.body), r#"{"totalResults":0}"#);
    let request = String::from_utf8_lossy(&served.join().expect("served")).to_ascii_lowercase();
    assert!(request.contains("accept-encoding: gzip"), "{request}");
}

#[tokio::test]
async fn http_2_is_offered_in_the_first_message_of_tls() {
    let (port, served) = serve_once(b"no TLS here");
    let origin = Url::parse(&format!("https://127.0.0.1:{port}/")).expect("a URL");
    let client = client(&origin);
    client.send(client.request(Method::GET, origin.clone())).await.expect_err("no TLS");
    let hello = served.join().expect("served");
    // The extension of RFC 7301 has each name with its length before it.
    for name in [&b"\x02h2"[..], b"\x08http/1.1"] {
        assert!(hello.windows(name.len()).any(|window| window == name), "{name:?} is not offered");
    }
}
