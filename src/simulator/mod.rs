//! A working team and identity providers on loopback, with faults.
//!
//! [`Simulator::start`] serves a [`World`] over HTTP: App Store Connect under `/v1`, SCIM 2.0 under `/scim/v2` with its
//! token endpoint at `/oauth2/token`, and a control API under `/_sim` for tests and curious people. It is a fake, not a
//! mock: it keeps state and refuses what Apple refuses, and tests assert on that state through [`Running::with_state`].
//!
//! Nothing here shares code with the clients it serves, so that a wrong idea about a remote shape shows up as a failure
//! instead of agreeing with itself.

mod asc;
mod connection;
mod control;
pub mod directory;
pub mod faults;
mod files;
mod generated;
pub mod graph;
mod ids;
mod key;
mod line;
mod message;
mod moments;
mod sample;
mod scim;
mod server;
mod state;
mod store;
pub mod switches;
pub mod team;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

pub use faults::{Fault, Misbehave, Peer, Rule, When};
pub use files::{FileOptions, FilesError, SourceKind, Written, write_files};
pub use key::{KeyError, KeyKind, SigningKey};
pub use line::{Line, Watch, Way};
pub use state::{Mail, Seen, State, World};
pub use store::{Identified, Ordered};
pub use switches::Switches;
pub use team::{Acceptance, Grant};

/// The bearer token of the SCIM provider.
pub const SCIM_TOKEN: &str = "simulated-scim-token";
/// The user name, or client id, where a token is not wanted.
pub const SCIM_USER: &str = "rosterd";
/// The password, or client secret, that goes with [`SCIM_USER`].
pub const SCIM_SECRET: &str = "simulated-scim-secret";
/// The issuer of the simulated team's keys.
pub const ISSUER_ID: &str = "69a6de70-0000-47e3-e053-5b8c7c11a4d1";
/// The port `rosterd simulate` asks for first.
pub const DEFAULT_PORT: u16 = 9750;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Any free port.
    Any,
    /// This one, or any free one when it is taken.
    Preferred(u16),
    /// This one and no other.
    Exactly(u16),
}

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen, always on 127.0.0.1.
    pub port: Port,
    /// Which kind of key opens the team.
    pub key: KeyKind,
    /// What is odd from the start.
    pub switches: Switches,
    /// Chance faults.
    pub misbehave: Option<Misbehave>,
    /// The clock of the simulated services; share a manual one with the code under test to let days pass.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: Port::Any,
            key: KeyKind::Team { issuer: ISSUER_ID.into() },
            switches: Switches::default(),
            misbehave: None,
            clock: Clock::System,
        }
    }
}

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or the like.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// Which port, 0 for any.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Serves a world until [`Running::stop`] or until the returned value is dropped. Needs a tokio runtime.
    pub async fn start(world: World, options: Options) -> Result<Running, StartError> {
        let listener = bind(options.port).await?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { port: 0, source })?;
        let signing = SigningKey::generate()?;
        let origin = format!("http://{address}");
        let state = state(world, options, &signing, origin.clone());
        let stopped = CancellationToken::new();
        let state = Arc::new(Mutex::new(state));
        let server = server::Server { state, stopped: stopped.clone(), watch: None };
        let task = tokio::spawn(serve(listener, server.clone()));
        Ok(Running { address, origin, server, signing: Arc::new(signing), stopped, task })
    }

    /// The same without a socket, for a client of this process that is given [`InProcess::line`]. `options.port` is not used.
    pub fn in_process(
        world: World,
        options: Options,
        signing: SigningKey,
        watch: Arc<dyn Watch>,
    ) -> InProcess {
        // Nothing is ever sent there; the address only has to be one that plain HTTP may go to.
        let state = state(world, options, &signing, "http://127.0.0.1:9".to_owned());
        let watch = Some(line::Watcher(watch));
        let stopped = CancellationToken::new();
        let server = server::Server { state: Arc::new(Mutex::new(state)), stopped, watch };
        InProcess { server, signing }
    }
}

fn state(world: World, options: Options, signing: &SigningKey, origin: String) -> State {
    let key_id = match options.key {
        KeyKind::Team { .. } => "SIMTEAM001",
        KeyKind::Individual => "SIMPERSON001",
    };
    let key = key::ApiKey { kind: options.key, id: key_id.into(), public: signing.public() };
    let mut state = State::new(world, key, options.switches, options.clock, origin);
    state.faults.misbehave(options.misbehave);
    state
}

/// A simulator without a socket.
#[derive(Debug)]
pub struct InProcess {
    server: server::Server,
    signing: SigningKey,
}

impl InProcess {
    /// The way there.
    pub fn line(&self) -> Line {
        Line(self.server.clone())
    }

    /// The content of `AuthKey.p8`.
    pub fn private_key_pem(&self) -> &str {
        self.signing.pem()
    }

    /// Looks at the state, or changes it. No request is served meanwhile.
    pub fn with_state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.server.lock())
    }
}

async fn bind(port: Port) -> Result<TcpListener, StartError> {
    let on = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let (first, second) = match port {
        Port::Any => (0, None),
        Port::Preferred(port) => (port, Some(0)),
        Port::Exactly(port) => (port, None),
    };
    match (on(first).await, second) {
        (Ok(listener), _) => Ok(listener),
        (Err(_), Some(second)) => {
            on(second).await.map_err(|source| StartError::Listen { port: second, source })
        }
        (Err(source), None) => Err(StartError::Listen { port: first, source }),
    }
}

async fn serve(listener: TcpListener, server: server::Server) {
    let stopped = server.stopped.clone();
    let app = axum::Router::new().fallback(server::handle).with_state(server);
    let service = app.into_make_service_with_connect_info::<connection::Scissors>();
    let door = connection::Door(listener);
    // axum's server ends only by the signal; its accept loop handles its own errors.
    let _ = axum::serve(door, service).with_graceful_shutdown(stopped.cancelled_owned()).await;
}

/// A simulator at work.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    origin: String,
    server: server::Server,
    signing: Arc<SigningKey>,
    stopped: CancellationToken,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, which is also `app_store_connect.base_url`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// `source.scim.base_url`.
    pub fn scim_url(&self) -> String {
        format!("{}/scim/v2", self.origin)
    }

    /// `source.scim.token_url` for `auth = "oauth2"`.
    pub fn token_url(&self) -> String {
        format!("{}/oauth2/token", self.origin)
    }

    /// `source.graph.base_url`.
    pub fn graph_url(&self) -> String {
        format!("{}/v1.0", self.origin)
    }

    /// The control API.
    pub fn control_url(&self) -> String {
        format!("{}/_sim", self.origin)
    }

    /// `app_store_connect.key_id`.
    pub fn key_id(&self) -> String {
        self.with_state(|state| state.key.id.clone())
    }

    /// `app_store_connect.key_type` and `issuer_id`.
    pub fn key_kind(&self) -> KeyKind {
        self.with_state(|state| state.key.kind.clone())
    }

    /// The content of `AuthKey.p8`.
    pub fn private_key_pem(&self) -> &str {
        self.signing.pem()
    }

    /// The private key itself, to sign tokens that are wrong in interesting ways.
    pub fn signing_key(&self) -> &SigningKey {
        &self.signing
    }

    /// A valid token of ten minutes, for tests that speak HTTP themselves.
    pub fn token(&self) -> String {
        let (kind, id, now) =
            self.with_state(|state| (state.key.kind.clone(), state.key.id.clone(), state.now().as_second()));
        let (header, claims) = key::claims(&kind, &id, now, 600);
        self.signing.sign(&header, &claims).unwrap_or_default()
    }

    /// Looks at the state, or changes it. No request is served meanwhile.
    pub fn with_state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.server.lock())
    }

    /// Queues a fault.
    pub fn fault(&self, rule: Rule) {
        self.with_state(|state| state.faults.push(rule));
    }

    /// Lets something happen just before the nth request (1 is the next) of this method and path glob is served:
    /// somebody leaves between two pages, or comes back before they are removed.
    pub fn just_before(
        &self,
        method: &str,
        path: &str,
        nth: u32,
        act: impl FnOnce(&mut State) + Send + 'static,
    ) {
        self.with_state(|state| state.moments.before(method, path, nth, Box::new(act)));
    }

    /// Changes what is odd from now on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.with_state(|state| change(&mut state.switches));
    }

    /// Lets time pass: all that the services remember gets older by this much. See [`State::age`].
    pub fn age(&self, by: SignedDuration) {
        self.with_state(|state| state.age(by));
    }

    /// Sets how far the services' clock is ahead (or, negative, behind).
    pub fn skew(&self, by: SignedDuration) {
        self.with_state(|state| state.skew = by);
    }

    /// Stops, and waits until the port is free again.
    pub async fn stop(mut self) {
        self.stopped.cancel();
        if tokio::time::timeout(Duration::from_secs(2), &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}
