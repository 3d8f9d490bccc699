//! From a checked configuration to a working engine: the one place that knows every concrete type.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::SecretString;

use super::CycleError;
use super::commands::Core;
use super::credentials::{self, Credentials, Part, with_found};
use super::cycle::Progress;
use super::report::{BudgetReport, CredentialReport, Status};
use super::schedule::{Schedule, Timing};
use super::status::{CYCLES, Known, Memory};
use crate::asc::client::{AscClient, Reach, Settings};
use crate::asc::rate::{Budget, BudgetState};
use crate::asc::token::{KeyError, KeyKind};
use crate::clock::Clock;
use crate::config::{self, Config, GraphConfig, ScimConfig, SourceConfig, When};
use crate::http::HttpOptions;
use crate::metrics::Metrics;
use crate::model::Policy;
use crate::notify::Notifier;
use crate::secret::SecretError;
use crate::source::file::FileSource;
use crate::source::graph::{GraphAuth, GraphSettings, GraphSource};
use crate::source::scim::{self, ScimSource};
use crate::source::{AnySource, DirectorySource, SourceError};
use crate::state::{Note, OpenOptions, State, StateError};

/// The time and the way out of an engine: the machine's, but for simulations.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Time.
    pub clock: Clock,
    /// Bounds and transport of every client.
    pub http: HttpOptions,
}

impl Surroundings {
    /// The machine's clock and network.
    pub fn real() -> Self {
        Self { clock: Clock::System, http: HttpOptions::standard() }
    }
}

/// What a command does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Looks.
    Read,
    /// Records, and perhaps writes to the team.
    Write,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The API key cannot sign.
    #[error("{path}: {error}")]
    Key {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A client cannot be made.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A client cannot be made.
    #[error(transparent)]
    Team(#[from] crate::asc::AscError),
    /// The state cannot be opened.
    #[error(transparent)]
    State(#[from] StateError),
    /// A channel for notices cannot be used.
    #[error(transparent)]
    Notify(#[from] crate::notify::NotifyError),
}

impl WireError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Secret(error) => Some(error.hint()),
            Self::Key { error, .. } => Some(error.hint().to_owned()),
            Self::Source(error) => error.hint(),
            Self::Team(error) => error.hint().map(str::to_owned),
            Self::State(error) => error.hint(),
            Self::Notify(error) => error.hint(),
        }
    }

    /// Of the contract: what the configuration names is part of it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::State(error) if error.is_locked() => 6,
            Self::State(error) if !error.is_configuration() => 1,
            Self::Secret(_)
            | Self::Key { .. }
            | Self::Source(_)
            | Self::Team(_)
            | Self::State(_)
            | Self::Notify(_) => 78,
        }
    }
}

/// One team's engine with what is known about it.
#[derive(Debug)]
pub struct Team {
    /// Reads, plans, writes.
    pub core: Core<AnySource, AscClient>,
    /// When.
    pub schedule: Schedule,
    /// What was read of the files that hold secrets.
    pub credentials: Credentials,
    /// What all of it is made of.
    pub config: Arc<Config>,
    /// What the source found out about its own credential.
    learned: Mutex<Option<(Timestamp, &'static str)>>,
}

impl Team {
    /// Asks the source when its own credential ends, where it can find out.
    pub async fn learn_credentials(&self) {
        let found = self.core.source.credential_expiry().await;
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// Reads a credential of the clients again, and uses it from the next request on; those of others are theirs to read.
    ///
    /// # Errors
    /// One that cannot be used; the old one stays.
    pub fn renew(&self, part: Part) -> Result<(), WireError> {
        match part {
            Part::Key => {
                let kind = self.config.app_store_connect.kind.clone();
                self.core.team.swap_key(credentials::signing_key(&self.config, kind)?);
            }
            Part::Source => match (&self.core.source, &self.config.source) {
                (AnySource::Scim(source), SourceConfig::Scim(scim)) => {
                    source.swap_auth(credentials::scim_auth(scim)?)?;
                }
                (AnySource::Graph(source), _) => source.renew()?,
                (AnySource::Scim(_) | AnySource::File(_), _) => {}
            },
            Part::HttpToken | Part::Notices => {}
        }
        Ok(())
    }

    /// What the configuration and the clients know.
    pub fn known(&self, now: Timestamp) -> Known {
        let usage = self.core.team.budget().usage();
        Known {
            team: self.config.name.to_string(),
            interval_seconds: self.schedule.typical_gap(now).as_secs(),
            budget: BudgetReport {
                limit: usage.limit,
                reserve: usage.reserve,
                used: usage.used,
                remaining: usage.remaining,
            },
            credentials: self.reports(),
            credential_troubles: self.credentials.troubles(),
        }
    }

    fn reports(&self) -> Vec<CredentialReport> {
        let found = *self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        with_found(credentials::reports(&self.config), found)
    }
}

/// An engine for one command.
#[derive(Debug)]
pub struct Opened {
    /// The team.
    pub team: Team,
    /// Journal and cache.
    pub state: Arc<State>,
    clock: Clock,
}

impl Opened {
    /// How things are, without a daemon.
    pub fn status(&self) -> Status {
        let now = self.clock.now();
        super::status::status(&self.state, &Memory::default(), now, self.team.known(now), None)
    }

    /// Keeps the hour's count, so that a crash loop cannot spend it twice, and whether the key may write.
    pub fn keep_client(&self) {
        keep_client(&self.state, &self.team.core.team);
    }
}

/// Keeps what the next process should know of the client: the hour's count, and the key that has written.
pub(super) fn keep_client(state: &State, client: &AscClient) {
    state.put_note(Note::Budget, &client.budget().snapshot());
    if let Some(key_id) = client.proved_key() {
        state.put_note(Note::ProvedKey, &key_id);
    }
}

/// Opens state and clients for one command.
///
/// # Errors
/// See [`WireError`].
pub fn open(
    config: &Config,
    usage: Use,
    progress: Box<dyn Fn(Progress) + Send + Sync>,
) -> Result<Opened, WireError> {
    let parts = Parts::open(config, usage, Surroundings::real())?;
    let reach = if usage == Use::Read { Reach::ReadOnly } else { Reach::Full };
    let team = parts.team(config, reach, progress)?;
    Ok(Opened { team, state: parts.state, clock: parts.surroundings.clock })
}

fn open_state(config: &Config, usage: Use, clock: &Clock) -> Result<State, StateError> {
    let options = OpenOptions { clock: clock.clone(), ..OpenOptions::new(config.audit.retention) };
    let (state, notices) = match usage {
        Use::Read => State::open_read_only(&config.state_dir, options)?,
        Use::Write => State::open(&config.state_dir, options)?,
    };
    for notice in notices {
        tracing::warn!(notice = %notice, "state repaired");
    }
    super::history::restore(&state, CYCLES);
    Ok(state)
}

fn budget(config: &Config, state: &State, clock: &Clock) -> Budget {
    let kept: BudgetState = state.note(Note::Budget).unwrap_or_default();
    let (limit, reserve) = allowed(config);
    Budget::new(limit, reserve, clock.clone(), kept)
}

/// Requests an hour, and the percent of them that are left for others.
fn allowed(config: &Config) -> (u32, u8) {
    let asc = &config.app_store_connect;
    (asc.requests_per_hour, u8::try_from(asc.reserve_percent).unwrap_or(100))
}

/// What stays when the configuration is reloaded.
#[derive(Clone, Debug)]
pub struct Parts {
    state: Arc<State>,
    metrics: Arc<Metrics>,
    surroundings: Surroundings,
    budget: Budget,
}

impl Parts {
    fn open(config: &Config, usage: Use, surroundings: Surroundings) -> Result<Self, WireError> {
        let state = Arc::new(open_state(config, usage, &surroundings.clock)?);
        let budget = budget(config, &state, &surroundings.clock);
        Ok(Self { state, metrics: Metrics::new(), surroundings, budget })
    }

    fn team(
        &self,
        config: &Config,
        reach: Reach,
        progress: Box<dyn Fn(Progress) + Send + Sync>,
    ) -> Result<Team, WireError> {
        let budget = self.budget.clone();
        let credentials = Credentials::of(config);
        let kind = config.app_store_connect.kind.clone();
        let (metrics, surroundings) = (&self.metrics, &self.surroundings);
        let source = source(config, metrics, surroundings)?;
        if let Some(notes) = self.state.note::<String>(Note::Source) {
            source.take_up(&notes);
        }
        let client = client(config, kind, reach, metrics, surroundings, budget.clone())?;
        if let Some(key_id) = self.state.note::<String>(Note::ProvedKey) {
            client.recall_proved(&key_id);
        }
        let core = Core {
            source,
            team: client,
            state: Arc::clone(&self.state),
            policy: config.policy(),
            full_interval: config.schedule.full_interval,
            clock: surroundings.clock.clone(),
            metrics: Arc::clone(metrics),
            allowance: Box::new(move || budget.allowance()),
            progress,
            shown: Mutex::default(),
        };
        let (schedule, config) = (schedule(config), Arc::new(config.clone()));
        Ok(Team { core, schedule, credentials, config, learned: Mutex::new(None) })
    }
}

fn client(
    config: &Config,
    kind: KeyKind,
    reach: Reach,
    metrics: &Arc<Metrics>,
    surroundings: &Surroundings,
    budget: Budget,
) -> Result<AscClient, WireError> {
    let key = credentials::signing_key(config, kind)?;
    let origin = config.app_store_connect.base_url.clone();
    let settings = Settings { origin, key, reach, http: surroundings.http.clone() };
    Ok(AscClient::new(settings, Arc::clone(metrics), surroundings.clock.clone(), budget)?)
}

fn source(
    config: &Config,
    metrics: &Arc<Metrics>,
    surroundings: &Surroundings,
) -> Result<AnySource, WireError> {
    let Surroundings { clock, http } = surroundings;
    Ok(match &config.source {
        SourceConfig::Scim(scim) => {
            let options = HttpOptions { ca_file: scim.ca_file.clone(), ..http.clone() };
            let settings = scim_settings(scim)?;
            let source = ScimSource::with_options(settings, &options, Arc::clone(metrics), clock.clone())?;
            AnySource::Scim(Box::new(source))
        }
        SourceConfig::Graph(graph) => {
            let source = GraphSource::new(graph_settings(graph), http, metrics, clock)?;
            AnySource::Graph(Box::new(source))
        }
        SourceConfig::File(file) => AnySource::File(FileSource::new(file.path.clone())),
    })
}

fn scim_settings(scim: &ScimConfig) -> Result<scim::Settings, SecretError> {
    let auth = credentials::scim_auth(scim)?;
    Ok(scim::Settings {
        base_url: scim.base_url.clone(),
        auth,
        page_size: scim.page_size,
        concurrency: scim.concurrency,
        attribute_namespace: scim.attribute_namespace.clone(),
    })
}

/// How we prove to Microsoft who we are, as its source wants it.
pub(crate) fn graph_auth(graph: &GraphConfig) -> GraphAuth {
    match &graph.auth {
        config::GraphAuth::Secret { client_secret } => GraphAuth::Secret(client_secret.clone()),
        config::GraphAuth::Certificate { certificate, private_key } => {
            GraphAuth::Certificate { certificate: certificate.clone(), key: private_key.clone() }
        }
        config::GraphAuth::Federated { token } => GraphAuth::Federated(token.clone()),
    }
}

fn graph_settings(graph: &GraphConfig) -> GraphSettings {
    let auth = graph_auth(graph);
    GraphSettings {
        tenant_id: graph.tenant_id.clone(),
        client_id: graph.client_id.clone(),
        auth,
        authority_url: graph.authority_url.clone(),
        base_url: graph.base_url.clone(),
        scope: graph.scope.clone(),
    }
}

fn schedule(config: &Config) -> Schedule {
    let timing = match &config.schedule.when {
        When::Every(interval) => Timing::Interval(interval.unsigned_abs()),
        When::Cron { cron, timezone, .. } => Timing::Cron { cron: cron.clone(), zone: *timezone },
    };
    let jitter_percent = u8::try_from(config.schedule.jitter_percent).unwrap_or(100);
    Schedule { timing, jitter_percent }
}

/// Clients and policy alone, for `doctor`.
#[derive(Debug)]
pub struct Probe {
    /// The identity provider.
    pub source: AnySource,
    /// App Store Connect, reading only.
    pub team: AscClient,
    /// What the configuration decides.
    pub policy: Policy,
    /// Ours.
    pub credentials: Vec<CredentialReport>,
}

/// Clients of a configuration, with no state.
///
/// # Errors
/// See [`WireError`].
pub fn probe(config: &Config) -> Result<Probe, WireError> {
    let source = source(config, &Metrics::new(), &Surroundings::real())?;
    let team = probe_key(config, config.app_store_connect.kind.clone())?;
    Ok(Probe { source, team, policy: config.policy(), credentials: credentials::reports(config) })
}

/// App Store Connect alone, with the key taken for one of this kind.
///
/// # Errors
/// See [`WireError`].
pub fn probe_key(config: &Config, kind: KeyKind) -> Result<AscClient, WireError> {
    let (metrics, surroundings) = (Metrics::new(), Surroundings::real());
    let (limit, reserve) = allowed(config);
    let budget = Budget::new(limit, reserve, surroundings.clock.clone(), BudgetState::default());
    client(config, kind, Reach::ReadOnly, &metrics, &surroundings, budget)
}

/// What the daemon gets for one configuration.
#[derive(Debug)]
pub struct Wiring {
    /// The team.
    pub team: Team,
    /// Of the health endpoints.
    pub listen: Option<SocketAddr>,
    /// Shows personal data there.
    pub http_token: Option<SecretString>,
    /// Of the control socket.
    pub runtime_dir: PathBuf,
    /// Tells people.
    pub notifier: Notifier,
}

/// Everything the daemon starts with.
#[derive(Debug)]
pub struct DaemonParts {
    /// The first wiring.
    pub wiring: Wiring,
    /// Makes the next ones.
    pub rewire: Rewire,
    /// Journal and cache.
    pub state: Arc<State>,
    /// Counting.
    pub metrics: Arc<Metrics>,
    /// Time.
    pub clock: Clock,
}

/// Makes a wiring of a configuration, around the state that is open.
#[derive(Clone, Debug)]
pub struct Rewire {
    parts: Parts,
}

impl Rewire {
    /// Clients, policy and schedule of a configuration; secrets are read anew.
    ///
    /// # Errors
    /// See [`WireError`]; whatever runs is left alone.
    pub fn wiring(&self, config: &Config) -> Result<Wiring, WireError> {
        let team = self.parts.team(config, Reach::Full, Box::new(|_| {}))?;
        let http_token = credentials::http_token(config)?;
        let (metrics, clock) = (Arc::clone(&self.parts.metrics), self.parts.surroundings.clock.clone());
        let mut notifier = Notifier::new(&config.name, &config.notify, metrics, clock)?;
        notifier.restore(self.parts.state.note(Note::Daemon).unwrap_or_default());
        let (listen, runtime_dir) = (config.http.listen, config.runtime_dir.clone());
        // Last, when nothing can be refused any more.
        let (limit, reserve) = allowed(config);
        self.parts.budget.configure(limit, reserve);
        Ok(Wiring { team, listen, http_token, runtime_dir, notifier })
    }
}

/// Opens the state for good and wires the first configuration.
///
/// # Errors
/// See [`WireError`].
pub fn daemon(config: &Config, surroundings: Surroundings) -> Result<DaemonParts, WireError> {
    let parts = Parts::open(config, Use::Write, surroundings)?;
    let (state, metrics) = (Arc::clone(&parts.state), Arc::clone(&parts.metrics));
    let clock = parts.surroundings.clock.clone();
    let rewire = Rewire { parts };
    let wiring = rewire.wiring(config)?;
    Ok(DaemonParts { wiring, rewire, state, metrics, clock })
}

impl From<WireError> for CycleError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Source(error) => Self::Source(error),
            WireError::Team(error) => Self::Team(error),
            WireError::State(error) => Self::State(error),
            WireError::Secret(_) | WireError::Key { .. } | WireError::Notify(_) => {
                let hint = error.hint();
                Self::Refused { text: error.to_string(), details: Vec::new(), hint }
            }
        }
    }
}
