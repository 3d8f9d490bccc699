//! What Prometheus sees. One value, passed to whoever counts; no globals, no personal data, every known series from the start.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::http::Peer;
use crate::model::event::CycleResult;
use crate::model::operation::{HoldReason, Kind, Plan};

mod label;
mod process;
mod text;

pub use label::{RequestEnd, RetryReason};

type Float = Gauge<f64, AtomicU64>;
type Int = Gauge<i64, AtomicI64>;
type Seconds = Counter<f64, AtomicU64>;

macro_rules! labels {
    ($($name:ident { $($label:ident),+ })*) => {
        $(
            #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
            struct $name { $($label: String),+ }
        )*
    };
}

labels! {
    ResultLabel { result }
    StageLabel { stage }
    StateLabel { state }
    KindLabel { kind }
    OperationLabel { kind, result }
    ReasonLabel { reason }
    GuardLabel { guard }
    PeerLabel { peer }
    RequestLabel { peer, method, code }
    RetryLabel { peer, reason }
    CredentialLabel { credential }
    BuildLabel { version }
    DeliveryLabel { channel, result }
}

#[derive(Clone, Debug)]
struct RequestBuckets;
impl MetricConstructor<Histogram> for RequestBuckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new([0.1, 0.5, 2.5, 10.0])
    }
}
#[derive(Clone, Debug)]
struct StageBuckets;
impl MetricConstructor<Histogram> for StageBuckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new([1.0, 10.0, 60.0])
    }
}

/// The stages of a cycle, as labels.
pub const STAGES: [&str; 4] = ["observe", "plan", "apply", "record"];
/// The guards of the configuration, as labels.
pub const GUARDS: [&str; 6] = [
    "removals_max",
    "removals_max_per_day",
    "source_shrink_percent",
    "admins_min",
    "new_admins",
    "protected",
];
/// How an operation can end, as labels.
pub const OPERATION_RESULTS: [&str; 3] = ["applied", "failed", "unknown"];

/// Every metric.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    cycles: Family<ResultLabel, Counter>,
    cycle_duration: Histogram,
    stage_duration: Family<StageLabel, Histogram, StageBuckets>,
    /// Of the last cycle that reached its end.
    pub last_success: Float,
    /// Of the last cycle, whatever its end.
    pub last_cycle: Float,
    /// When the next one is due.
    pub next_cycle: Float,
    /// From the configuration.
    pub schedule_interval: Float,
    /// Cycles that failed in a row.
    pub consecutive_failures: Int,
    /// 1 while quarantined.
    pub quarantined: Int,
    /// Everybody the directory listed.
    pub directory_people: Int,
    /// Of those, in scope.
    pub people_in_scope: Int,
    /// Members of the team.
    pub team_members: Int,
    team_invitations: Family<StateLabel, Int>,
    planned_operations: Family<KindLabel, Int>,
    operations: Family<OperationLabel, Counter>,
    held_operations: Family<ReasonLabel, Int>,
    guard_trips: Family<GuardLabel, Counter>,
    http_requests: Family<RequestLabel, Counter>,
    http_duration: Family<PeerLabel, Histogram, RequestBuckets>,
    http_retries: Family<RetryLabel, Counter>,
    rate_limit_remaining: Int,
    rate_limit_wait: Seconds,
    /// Writes without an outcome.
    pub open_intents: Int,
    credential_expiry: Family<CredentialLabel, Float>,
    /// 0 after a reload that was refused.
    pub config_reload_successful: Int,
    /// 0 while the file of a credential is refused and the one before it goes on.
    pub credentials_reload_successful: Int,
    clock_skew: Family<PeerLabel, Float>,
    /// Of the state folder.
    pub state_size: Int,
    audit_records: Counter,
    notices: Family<DeliveryLabel, Counter>,
    /// Requests that ended, by peer: what a slow cycle shows that it gets on by.
    answers: [AtomicU64; Peer::ALL.len()],
}

impl Metrics {
    /// All series that are known in advance, at zero.
    pub fn new() -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::default(),
            cycles: Family::default(),
            cycle_duration: Histogram::new([0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 2400.0]),
            stage_duration: Family::new_with_constructor(StageBuckets),
            last_success: Float::default(),
            last_cycle: Float::default(),
            next_cycle: Float::default(),
            schedule_interval: Float::default(),
            consecutive_failures: Int::default(),
            quarantined: Int::default(),
            directory_people: Int::default(),
            people_in_scope: Int::default(),
            team_members: Int::default(),
            team_invitations: Family::default(),
            planned_operations: Family::default(),
            operations: Family::default(),
            held_operations: Family::default(),
            guard_trips: Family::default(),
            http_requests: Family::default(),
            http_duration: Family::new_with_constructor(RequestBuckets),
            http_retries: Family::default(),
            rate_limit_remaining: Int::default(),
            rate_limit_wait: Seconds::default(),
            open_intents: Int::default(),
            credential_expiry: Family::default(),
            config_reload_successful: Int::default(),
            credentials_reload_successful: Int::default(),
            clock_skew: Family::default(),
            state_size: Int::default(),
            audit_records: Counter::default(),
            notices: Family::default(),
            answers: Default::default(),
        };
        metrics.register();
        metrics.touch();
        Arc::new(metrics)
    }

    fn register(&mut self) {
        self.registry.register_collector(Box::new(process::ProcessCollector::new()));
        let r = self.registry.sub_registry_with_prefix("rosterd");
        let build = Family::<BuildLabel, Int>::default();
        build.get_or_create(&BuildLabel { version: env!("CARGO_PKG_VERSION").to_owned() }).set(1);
        r.register("build_info", "This build; always 1", build);
        self.register_cycles();
        self.register_roster();
        self.register_peers();
        self.register_ourselves();
    }

    fn register_cycles(&mut self) {
        let r = self.registry.sub_registry_with_prefix("rosterd");
        r.register("cycles", "Cycles by result", self.cycles.clone());
        r.register_with_unit(
            "cycle_duration",
            "Wall time of cycles",
            Unit::Seconds,
            self.cycle_duration.clone(),
        );
        r.register_with_unit(
            "stage_duration",
            "Wall time of stages",
            Unit::Seconds,
            self.stage_duration.clone(),
        );
        let stamps: [(&str, &str, &Float); 3] = [
            ("last_success_timestamp", "End of the last cycle that succeeded", &self.last_success),
            ("last_cycle_timestamp", "End of the last cycle", &self.last_cycle),
            ("next_cycle_timestamp", "When the next cycle is due", &self.next_cycle),
        ];
        for (name, help, gauge) in stamps {
            r.register_with_unit(name, help, Unit::Seconds, gauge.clone());
        }
        r.register_with_unit(
            "schedule_interval",
            "Time between cycles",
            Unit::Seconds,
            self.schedule_interval.clone(),
        );
        r.register("consecutive_failures", "Cycles that failed in a row", self.consecutive_failures.clone());
        r.register(
            "quarantined",
            "1 while cycles are slowed after repeated failures",
            self.quarantined.clone(),
        );
    }

    fn register_roster(&mut self) {
        let r = self.registry.sub_registry_with_prefix("rosterd");
        r.register("directory_people", "People the directory listed", self.directory_people.clone());
        r.register("people_in_scope", "People in scope", self.people_in_scope.clone());
        r.register("team_members", "Members of the team", self.team_members.clone());
        r.register("team_invitations", "Invitations of the team by state", self.team_invitations.clone());
        r.register("planned_operations", "Operations of the last plan", self.planned_operations.clone());
        r.register("operations", "Operations by kind and result", self.operations.clone());
        r.register(
            "held_operations",
            "Held entries of the last plan by reason",
            self.held_operations.clone(),
        );
        r.register("guard_trips", "Plans that a guard held", self.guard_trips.clone());
        r.register("open_intents", "Writes whose outcome is not known", self.open_intents.clone());
    }

    fn register_peers(&mut self) {
        let r = self.registry.sub_registry_with_prefix("rosterd");
        r.register("http_requests", "Requests by peer, method and status", self.http_requests.clone());
        r.register_with_unit(
            "http_request_duration",
            "Time to a whole answer",
            Unit::Seconds,
            self.http_duration.clone(),
        );
        r.register("http_retries", "Reads tried again by reason", self.http_retries.clone());
        r.register(
            "rate_limit_remaining",
            "Requests the API key's hour has left",
            self.rate_limit_remaining.clone(),
        );
        r.register_with_unit(
            "rate_limit_wait",
            "Time spent waiting for the budget",
            Unit::Seconds,
            self.rate_limit_wait.clone(),
        );
        r.register_with_unit(
            "clock_skew",
            "Our clock minus the peer's",
            Unit::Seconds,
            self.clock_skew.clone(),
        );
    }

    fn register_ourselves(&mut self) {
        let r = self.registry.sub_registry_with_prefix("rosterd");
        r.register_with_unit(
            "credential_expiry_timestamp",
            "When a credential expires; absent when not known",
            Unit::Seconds,
            self.credential_expiry.clone(),
        );
        r.register(
            "config_last_reload_successful",
            "1 when the running configuration is the one on disk",
            self.config_reload_successful.clone(),
        );
        r.register(
            "credentials_last_reload_successful",
            "1 when the credentials in use are the ones on disk",
            self.credentials_reload_successful.clone(),
        );
        r.register_with_unit("state_size", "Size of the state folder", Unit::Bytes, self.state_size.clone());
        r.register("audit_records", "Records written to the journal", self.audit_records.clone());
        r.register("notices", "Notices by channel and result", self.notices.clone());
    }

    fn touch(&self) {
        self.config_reload_successful.set(1);
        self.credentials_reload_successful.set(1);
        for result in CycleResult::ALL {
            drop(self.cycles.get_or_create(&ResultLabel { result: result.as_str().to_owned() }));
        }
        for stage in STAGES {
            drop(self.stage_duration.get_or_create(&StageLabel { stage: stage.to_owned() }));
        }
        for kind in Kind::ALL {
            drop(self.planned_operations.get_or_create(&KindLabel { kind: kind.as_str().to_owned() }));
            for result in OPERATION_RESULTS {
                drop(self.operations.get_or_create(&OperationLabel {
                    kind: kind.as_str().to_owned(),
                    result: result.to_owned(),
                }));
            }
        }
        for reason in HoldReason::ALL {
            drop(self.held_operations.get_or_create(&ReasonLabel { reason: reason.as_str().to_owned() }));
        }
        for guard in GUARDS {
            drop(self.guard_trips.get_or_create(&GuardLabel { guard: guard.to_owned() }));
        }
        for state in ["pending", "expired"] {
            drop(self.team_invitations.get_or_create(&StateLabel { state: state.to_owned() }));
        }
        for peer in [Peer::AppStoreConnect, Peer::Directory] {
            drop(self.http_duration.get_or_create(&PeerLabel { peer: peer.as_str().to_owned() }));
            for reason in RetryReason::ALL {
                drop(self.http_retries.get_or_create(&retry_label(peer, reason)));
            }
        }
    }

    /// The text of `/metrics` (Prometheus text format 0.0.4).
    pub fn encode(&self) -> String {
        let mut open_metrics = String::new();
        encode(&mut open_metrics, &self.registry).expect("writing to a string cannot fail");
        text::classic(&open_metrics)
    }

    /// Requests to a peer that ended so far.
    pub fn answers(&self, peer: Peer) -> u64 {
        self.answers[peer as usize].load(Ordering::Relaxed)
    }

    /// One request ended.
    pub fn http_request(&self, peer: Peer, method: &str, end: RequestEnd, took: Duration) {
        self.answers[peer as usize].fetch_add(1, Ordering::Relaxed);
        let peer = peer.as_str().to_owned();
        self.http_duration.get_or_create(&PeerLabel { peer: peer.clone() }).observe(took.as_secs_f64());
        let label = RequestLabel { peer, method: method.to_owned(), code: end.as_str().to_owned() };
        self.http_requests.get_or_create(&label).inc();
    }

    /// Requests that ended so far, whatever their end.
    pub fn requests_ended(&self) -> u64 {
        self.answers.iter().map(|ended| ended.load(Ordering::Relaxed)).sum()
    }

    /// A read is tried again.
    pub fn http_retry(&self, peer: Peer, reason: RetryReason) {
        self.http_retries.get_or_create(&retry_label(peer, reason)).inc();
    }

    /// What an answer's `Date` told.
    pub fn clock_skew(&self, peer: Peer, seconds: i64) {
        #[expect(clippy::cast_precision_loss, reason = "seconds of skew are small")]
        self.clock_skew.get_or_create(&PeerLabel { peer: peer.as_str().to_owned() }).set(seconds as f64);
    }

    /// What the API key's hour has left.
    pub fn rate_limit_remaining(&self, requests: i64) {
        self.rate_limit_remaining.set(requests);
    }

    /// Time spent waiting for the budget.
    pub fn rate_limit_waited(&self, wait: Duration) {
        self.rate_limit_wait.inc_by(wait.as_secs_f64());
    }

    /// A stage of a cycle ended.
    pub fn stage(&self, stage: &str, took: Duration) {
        self.stage_duration
            .get_or_create(&StageLabel { stage: stage.to_owned() })
            .observe(took.as_secs_f64());
    }

    /// A cycle ended.
    pub fn cycle(&self, result: CycleResult, took: Duration) {
        self.cycles.get_or_create(&ResultLabel { result: result.as_str().to_owned() }).inc();
        self.cycle_duration.observe(took.as_secs_f64());
    }

    /// A plan was made.
    pub fn planned(&self, plan: &Plan) {
        let counts = [
            (Kind::Invite, plan.summary.invite),
            (Kind::CancelInvitation, plan.summary.cancel_invitation),
            (Kind::UpdateMember, plan.summary.update_member),
            (Kind::RemoveMember, plan.summary.remove_member),
        ];
        for (kind, count) in counts {
            self.planned_operations
                .get_or_create(&KindLabel { kind: kind.as_str().to_owned() })
                .set(int(count));
        }
        for reason in HoldReason::ALL {
            let count = plan.held.iter().filter(|held| held.hold.reason == reason).count();
            self.held_operations
                .get_or_create(&ReasonLabel { reason: reason.as_str().to_owned() })
                .set(int(count));
        }
    }

    /// A guard held a plan.
    pub fn guard_trip(&self, guard: &str) {
        self.guard_trips.get_or_create(&GuardLabel { guard: guard.to_owned() }).inc();
    }

    /// An operation ended.
    pub fn operation(&self, kind: Kind, result: &str) {
        let label = OperationLabel { kind: kind.as_str().to_owned(), result: result.to_owned() };
        self.operations.get_or_create(&label).inc();
    }

    /// Invitations that can be accepted, and those that lapsed.
    pub fn invitations(&self, pending: usize, expired: usize) {
        for (state, count) in [("pending", pending), ("expired", expired)] {
            self.team_invitations.get_or_create(&StateLabel { state: state.to_owned() }).set(int(count));
        }
    }

    /// When a credential of ours expires.
    pub fn credential_expiry(&self, credential: &str, at: jiff::Timestamp) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double")]
        self.credential_expiry
            .get_or_create(&CredentialLabel { credential: credential.to_owned() })
            .set(at.as_second() as f64);
    }

    /// Records were written to the journal.
    pub fn audited(&self, records: u64) {
        self.audit_records.inc_by(records);
    }

    /// A channel for notices exists: its series start at zero, so that the first failure is an increase.
    pub fn notice_channel(&self, channel: &str) {
        for result in ["delivered", "failed"] {
            let label = DeliveryLabel { channel: channel.to_owned(), result: result.to_owned() };
            drop(self.notices.get_or_create(&label));
        }
    }

    /// A notice was delivered, or not.
    pub fn notice(&self, channel: &str, delivered: bool) {
        let result = if delivered { "delivered" } else { "failed" };
        let label = DeliveryLabel { channel: channel.to_owned(), result: result.to_owned() };
        self.notices.get_or_create(&label).inc();
    }
}

fn retry_label(peer: Peer, reason: RetryReason) -> RetryLabel {
    RetryLabel { peer: peer.as_str().to_owned(), reason: reason.as_str().to_owned() }
}

/// A count as a gauge's value.
pub fn int(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    mod reference;

    use std::collections::BTreeSet;

    use super::*;

    const ALERTS: &str = include_str!("../monitoring/alerts.yml");
    const ALERT_TESTS: &str = include_str!("../monitoring/alerts_test.yml");
    const DASHBOARD: &str = include_str!("../monitoring/dashboard.json");

    /// Everything that looks like one of our series.
    fn series(text: &str) -> BTreeSet<&str> {
        text.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_')
            .filter(|word| word.starts_with("rosterd_") || word.starts_with("process_"))
            .collect()
    }

    #[test]
    fn alerts_and_dashboard_name_series_that_exist() {
        let metrics = Metrics::new();
        metrics.http_request(Peer::Token, "POST", RequestEnd::Answered(200), Duration::ZERO);
        metrics.http_retry(Peer::Token, RetryReason::ServerFailed);
        metrics.clock_skew(Peer::Token, 0);
        metrics.credential_expiry("key", jiff::Timestamp::UNIX_EPOCH);
        metrics.notice("email", true);
        let text = metrics.encode();
        let known: BTreeSet<&str> =
            text.lines().filter(|line| !line.starts_with('#')).flat_map(series).collect();
        for (file, text) in [("alerts", ALERTS), ("alert tests", ALERT_TESTS), ("dashboard", DASHBOARD)] {
            let named = series(text);
            assert!(named.len() > 10, "{file}: {named:?}");
            let unknown: Vec<_> = named.difference(&known).collect();
            assert!(unknown.is_empty(), "{file}: {unknown:?}");
        }
    }

    #[test]
    fn the_dashboard_is_json_with_queries() {
        let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).expect("JSON");
        let panels = dashboard["panels"].as_array().expect("panels");
        let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
        assert_eq!(ids.len(), panels.len(), "two panels have the same id");
        let drawn = panels.iter().filter(|panel| panel["type"] != "row");
        for panel in drawn {
            let targets = panel["targets"].as_array().expect("targets");
            assert!(targets.iter().all(|target| target["expr"].is_string()), "{}", panel["title"]);
            assert!(!targets.is_empty(), "{}", panel["title"]);
        }
    }
}
