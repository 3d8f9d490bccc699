//! One struct per table, all problems at once.
//!
//! Each module holds a table twice: as it is written (what serde reads, and what the keys and their near names are
//! taken from) and as the program uses it (checked, with no text left to interpret). `load` goes from a file and an
//! environment to the second.

mod access;
mod app_store_connect;
mod apple;
mod audit;
mod checker;
mod environment;
mod folders;
mod graph;
mod guard;
mod http;
mod keys;
mod lifecycle;
mod load;
pub(crate) mod near;
mod notify;
mod ownership;
mod policy;
mod positions;
mod problems;
mod schedule;
mod scim;
mod scope;
mod source;
mod values;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::model::policy::{AccessPolicy, GuardPolicy, Lifecycle, Scope};

pub use app_store_connect::AppStoreConnectConfig;
pub use audit::AuditConfig;
pub use graph::{Cloud, GraphAuth, GraphConfig};
pub use http::HttpConfig;
pub use notify::{EmailConfig, MailTls, NotifyChannel, NotifyConfig, NotifyEvent, WebhookFormat, WebhookUrl};
pub use problems::{EXIT_CODE, Origin, Problem, Problems};
pub use schedule::{ScheduleConfig, When};
pub use scim::{ScimAuth, ScimConfig};
pub use source::{FileConfig, SourceConfig};
pub(crate) use values::duration_text;

use crate::proxy::{BadProxy, Proxy};

/// The whole file as written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
struct Tables {
    /// The team's name: shown in logs, metrics, notices and plans, and a part of every plan's digest. At most
    /// 64 characters, no slash. Required.
    name: Option<String>,
    /// Where journal, cache and lock are kept, as an absolute path. Default: `$STATE_DIRECTORY`, which systemd sets;
    /// else `/var/lib/rosterd` for root or where it exists; else `$XDG_STATE_HOME/rosterd` or
    /// `~/.local/state/rosterd`. A configuration `NAME.toml` other than `config.toml` adds `-NAME`.
    state_dir: Option<String>,
    /// Where the control socket is, as an absolute path to a folder of the daemon's own user with mode 0700; it is made
    /// when missing. Default: `$RUNTIME_DIRECTORY`, which systemd sets; else `/run/rosterd` for root or where it exists;
    /// else `$XDG_RUNTIME_DIR/rosterd` or `~/.local/state/rosterd`. A configuration `NAME.toml` other than `config.toml`
    /// adds `-NAME`.
    runtime_dir: Option<String>,
    /// When cycles start.
    schedule: schedule::ScheduleTable,
    /// Where people and groups come from.
    source: source::SourceTable,
    /// Who is meant.
    scope: scope::ScopeTable,
    /// What a person in scope gets.
    access: access::AccessTable,
    /// What joining and leaving do.
    lifecycle: lifecycle::LifecycleTable,
    /// What needs a second look. What is held here is released by `rosterd approve DIGEST`.
    guard: guard::GuardTable,
    /// The team's API key and its budget.
    app_store_connect: app_store_connect::AppStoreConnectTable,
    /// Where health, metrics and status are served.
    http: http::HttpTable,
    /// How long decisions are kept.
    audit: audit::AuditTable,
    /// Who is told, by webhook or e-mail; any number of `[[notify]]`, default none.
    notify: Vec<notify::NotifyTable>,
}

/// A configuration that has been checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// Shown in logs, metrics and notices.
    pub name: Arc<str>,
    /// Journal, cache and lock.
    pub state_dir: PathBuf,
    /// The control socket.
    pub runtime_dir: PathBuf,
    /// When cycles start.
    pub schedule: ScheduleConfig,
    /// Where people and groups come from.
    pub source: SourceConfig,
    /// Who is meant.
    pub scope: Scope,
    /// What they get.
    pub access: AccessPolicy,
    /// What joining and leaving do.
    pub lifecycle: Lifecycle,
    /// What needs a second look.
    pub guard: GuardPolicy,
    /// The team's API key and its budget.
    pub app_store_connect: AppStoreConnectConfig,
    /// Where health and metrics are served.
    pub http: HttpConfig,
    /// How long decisions are kept.
    pub audit: AuditConfig,
    /// Who is told.
    pub notify: Vec<NotifyConfig>,
    /// The environment's proxy, for every host that is not this machine.
    pub proxy: Option<Proxy>,
    /// What is allowed, and probably not meant.
    pub warnings: Vec<Problem>,
}

/// The environment of this process. What is not Unicode is read as far as it goes: a foreign variable is no reason to
/// stop.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
}

impl Config {
    /// Reads a file, lays the environment over it and checks the sum, with every file it names as a secret.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(path: &Path, env: impl Iterator<Item = (String, String)>) -> Result<Self, Problems> {
        load::load(path, env, checker::Secrets::Tried)
    }

    /// As [`Self::load`], without opening a secret: enough to find a running daemon. Its secrets may be systemd's
    /// credentials, which nobody's shell can see.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn outline(path: &Path, env: impl Iterator<Item = (String, String)>) -> Result<Self, Problems> {
        load::load(path, env, checker::Secrets::Named)
    }

    /// As [`Self::outline`], of text: for `crate::fuzzing`.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of_text(text: &str) -> Result<Self, Problems> {
        load::load_text(Path::new("/fuzz/config.toml"), text, Default::default(), checker::Secrets::Named)
    }

    fn check(tables: Tables, checker: &mut checker::Checker) -> Option<Self> {
        let name = checker.needed("name", &tables.name, "", "production");
        let folders = folders::Folders::check(tables.state_dir, tables.runtime_dir, name.as_deref(), checker);
        let schedule = tables.schedule.check(checker);
        let source = tables.source.check(checker);
        let scope = tables.scope.check(source.as_ref(), checker);
        let access = tables.access.check(source.as_ref(), checker);
        let lifecycle = tables.lifecycle.check(checker);
        let guard = tables.guard.check(checker);
        let app_store_connect = tables.app_store_connect.check(checker);
        let http = tables.http.check(checker);
        let audit = tables.audit.check(checker);
        let notify = tables.notify.into_iter().enumerate();
        let notify: Vec<_> = notify.filter_map(|(index, table)| table.check(index, checker)).collect();
        let proxy = proxy(checker);
        let folders = folders?;
        Some(Self {
            path: checker.path.clone(),
            name: name?.into(),
            state_dir: folders.state,
            runtime_dir: folders.runtime,
            schedule: schedule?,
            source: source?,
            scope: scope?,
            access,
            lifecycle,
            guard: guard?,
            app_store_connect: app_store_connect?,
            http: http?,
            audit,
            notify,
            proxy,
            warnings: Vec::new(),
        })
    }
}

/// The client would go direct in silence, past a firewall that somebody relies on.
fn proxy(checker: &mut checker::Checker) -> Option<Proxy> {
    match crate::proxy::find(&checker.env) {
        Ok(proxy) => proxy,
        Err(BadProxy { variable, text }) => {
            let (key, origin) = (String::new(), Origin::Variable(variable));
            let hint = Some(crate::proxy::CURE.to_owned());
            checker.problems.push(Problem { key, origin, text: text.to_owned(), hint });
            None
        }
    }
}
