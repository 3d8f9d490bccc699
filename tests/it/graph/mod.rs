//! The Graph source against the simulated tenant, over real HTTP.

mod assigned;
mod faults;
mod feeds;
mod groups;
mod links;
mod people;
mod schema;
mod tokens;
mod whole;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rosterd::clock::Clock;
use rosterd::http::HttpOptions;
use rosterd::metrics::Metrics;
use rosterd::model::{DirectorySnapshot, GroupMember};
use rosterd::secret::SecretRef;
use rosterd::simulator::graph::{GRAPH_CLIENT, GRAPH_SECRET, GRAPH_TENANT, GraphSwitches};
use rosterd::simulator::{Options, Peer, Running, Seen, Simulator, State, World};
use rosterd::source::graph::{GraphAuth, GraphSettings, GraphSource};
use rosterd::source::{DirectorySource as _, Interest, Previous, SourceError};

/// A simulated tenant and the folder of its credentials.
pub(crate) struct Tenant {
    pub(crate) sim: Running,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Clock,
}

impl Tenant {
    pub(crate) async fn of(world: World) -> Self {
        let clock = Clock::manual("2026-11-22T10:00:00Z".parse().expect("a time"));
        let options = Options { clock: clock.clone(), ..Options::default() };
        let sim = Simulator::start(world, options).await.expect("loopback");
        Self { sim, dir: tempfile::tempdir().expect("a folder"), clock }
    }

    /// Writes a file that only we may read.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        use std::io::Write as _;
        let path = self.dir.path().join(name);
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&path).expect("a file");
        file.write_all(content.as_bytes()).expect("space");
        path
    }

    pub(crate) fn secret(&self, name: &str, content: &str) -> SecretRef {
        SecretRef::new(self.file(name, content), None)
    }

    pub(crate) fn settings(&self, auth: GraphAuth) -> GraphSettings {
        GraphSettings {
            tenant_id: GRAPH_TENANT.to_owned(),
            client_id: GRAPH_CLIENT.to_owned(),
            auth,
            authority_url: self.sim.origin().parse().expect("a URL"),
            base_url: self.sim.graph_url().parse().expect("a URL"),
            scope: "https://graph.microsoft.com/.default".to_owned(),
        }
    }

    /// A source that signs in with the right secret.
    pub(crate) fn source(&self) -> GraphSource {
        let auth = GraphAuth::Secret(self.secret("graph-secret", GRAPH_SECRET));
        self.source_with(self.settings(auth))
    }

    pub(crate) fn source_with(&self, settings: GraphSettings) -> GraphSource {
        let quick =
            HttpOptions { first_pause: std::time::Duration::from_millis(1), ..HttpOptions::standard() };
        GraphSource::new(settings, &quick, &Metrics::new(), &self.clock).expect("good settings")
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.sim.with_state(change)
    }

    pub(crate) fn switch(&self, change: impl FnOnce(&mut GraphSwitches)) {
        self.sim.switch(|switches| change(&mut switches.graph));
    }

    /// Requests to Graph itself since the last call, oldest first; tokens are not counted.
    pub(crate) fn requests(&self) -> Vec<Seen> {
        self.change(|state| {
            let all: Vec<Seen> = state.requests.drain(..).collect();
            all.into_iter()
                .filter(|seen| seen.peer == Peer::Graph && seen.path.starts_with("/v1.0/"))
                .collect()
        })
    }

    /// The id of a person or a group.
    pub(crate) fn id(&self, who: &str) -> String {
        self.change(|state| {
            let person = state.directory.person(who).map(|person| person.id.to_string());
            person.or_else(|| state.directory.group(who).map(|group| group.id.to_string())).expect("known")
        })
    }
}

/// These groups, with groups within them.
pub(crate) fn groups(names: &[&str]) -> Interest {
    let groups: BTreeSet<Arc<str>> = names.iter().map(|name| Arc::from(*name)).collect();
    Interest { groups, nested: true, ..Interest::default() }
}

/// These attributes besides.
pub(crate) fn with(mut interest: Interest, attributes: &[&str]) -> Interest {
    interest.attributes = attributes.iter().map(|name| Arc::from(*name)).collect();
    interest
}

/// Names of a group's direct members, by address or display name, in order of their names.
pub(crate) fn members_of(snapshot: &DirectorySnapshot, group: &str) -> Vec<String> {
    let group = snapshot.groups.iter().find(|own| &*own.name == group).expect("read");
    let name = |member: &GroupMember| match member {
        GroupMember::Person(id) => snapshot.person(id).map_or_else(
            || format!("unknown {id}"),
            |person| person.user_name.as_deref().unwrap_or("nameless").to_owned(),
        ),
        GroupMember::Group(id) => {
            snapshot.group(id).map_or_else(|| format!("unknown {id}"), |group| group.name.to_string())
        }
    };
    let mut names: Vec<String> = group.members.iter().map(name).collect();
    names.sort();
    names
}

/// What the engine keeps between cycles.
pub(crate) struct Kept {
    pub(crate) snapshot: DirectorySnapshot,
    pub(crate) watermark: String,
}

/// A read that goes on from the last one and must be complete.
pub(crate) async fn next(source: &GraphSource, interest: &Interest, kept: Option<Kept>) -> Kept {
    try_next(source, interest, kept.as_ref()).await.expect("a complete read")
}

pub(crate) async fn try_next(
    source: &GraphSource,
    interest: &Interest,
    kept: Option<&Kept>,
) -> Result<Kept, SourceError> {
    let previous = kept.map(|kept| Previous { snapshot: &kept.snapshot, watermark: &kept.watermark });
    let (snapshot, watermark) = source.read_since(interest, previous).await?;
    assert!(snapshot.coverage.is_complete(), "{:?}", snapshot.coverage);
    Ok(Kept { snapshot, watermark: watermark.expect("a complete read has a watermark") })
}
