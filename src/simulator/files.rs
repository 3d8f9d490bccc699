//! A ready configuration beside a running simulator: what `rosterd simulate --dir DIR` leaves in DIR.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::graph::{self, GRAPH_CLIENT, GRAPH_SECRET, GRAPH_TENANT};
use super::key::KeyKind;
use super::switches::ScimAuth;
use super::{Running, SCIM_SECRET, SCIM_TOKEN, SCIM_USER};

/// The first line of a configuration that may be overwritten, because it is ours.
const MARK: &str = "# Written by `rosterd simulate`";

/// Which identity provider the configuration reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceKind {
    /// The simulated SCIM provider, with whatever credentials its switches ask for.
    #[default]
    Scim,
    /// The simulated Microsoft Graph, with a client secret.
    Graph,
}

/// What to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileOptions {
    /// Which identity provider to read.
    pub source: SourceKind,
}

/// Where everything is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `DIR/config.toml`, absolute.
    pub config: PathBuf,
    /// `DIR/AuthKey.p8`, absolute.
    pub private_key: PathBuf,
    /// The credential of the identity provider, absolute.
    pub source_secret: PathBuf,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The disk.
    #[error("cannot write {}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody's real configuration is in the way.
    #[error("{} exists and was not written by `rosterd simulate`", path.display())]
    InTheWay {
        /// Which file.
        path: PathBuf,
    },
}

/// Writes `config.toml`, `AuthKey.p8` and the source's credential into a folder, which is made (0700) when it is not there.
/// All files get 0600. Earlier files of ours are replaced; a configuration that is not ours is never touched. The state of
/// an earlier simulation is set aside, for its team is gone.
pub fn write_files(dir: &Path, running: &Running, options: FileOptions) -> Result<Written, FilesError> {
    let dir = std::path::absolute(dir).map_err(at(dir))?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(at(&dir))?;
    let config = dir.join("config.toml");
    if fs::read_to_string(&config).is_ok_and(|text| !text.starts_with(MARK)) {
        return Err(FilesError::InTheWay { path: config });
    }
    let (source, secret_name, secret) = match options.source {
        SourceKind::Scim => scim_source(running),
        SourceKind::Graph => graph_source(running),
    };
    let private_key = dir.join("AuthKey.p8");
    let source_secret = dir.join(secret_name);
    set_aside(&dir, &private_key, running)?;
    write(&private_key, running.private_key_pem())?;
    write(&source_secret, secret)?;
    write(&config, &text(&dir, running, options.source, &source))?;
    Ok(Written { config, private_key, source_secret })
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FilesError + use<> {
    let path = path.to_owned();
    |source| FilesError::Io { path, source }
}

/// Renames `state` to the first free of `state.1`, `state.2` and so on when it belongs to another run: a ledger that knows
/// seats of a former world would take the new one for a great disturbance.
fn set_aside(dir: &Path, private_key: &Path, running: &Running) -> Result<(), FilesError> {
    let state = dir.join("state");
    let is_ours = fs::read_to_string(private_key).is_ok_and(|pem| pem == running.private_key_pem());
    if is_ours || !state.exists() {
        return Ok(());
    }
    let mut names = (1..1000).map(|number| dir.join(format!("state.{number}")));
    let free = names.find(|name| !name.exists()).unwrap_or_else(|| dir.join("state.1000"));
    fs::rename(&state, free).map_err(at(&state))
}

/// A new file each time, so that the mode holds also where an old file had another.
fn write(path: &Path, content: &str) -> Result<(), FilesError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(path)(error)),
        Err(_) | Ok(()) => {}
    }
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at(path))?;
    file.write_all(content.as_bytes()).map_err(at(path))
}

/// The source's table, the name of its secret's file, and the secret.
fn scim_source(running: &Running) -> (String, &'static str, &'static str) {
    let (keys, name, secret) = match running.with_state(|state| state.switches.scim.auth) {
        ScimAuth::Bearer => {
            ("auth = \"bearer\"\ntoken_file = \"scim-token\"\n".to_owned(), "scim-token", SCIM_TOKEN)
        }
        ScimAuth::Basic => (
            format!("auth = \"basic\"\nusername = \"{SCIM_USER}\"\npassword_file = \"scim-password\"\n"),
            "scim-password",
            SCIM_SECRET,
        ),
        ScimAuth::Oauth2 => (
            format!(
                "auth = \"oauth2\"\ntoken_url = \"{}\"\nclient_id = \"{SCIM_USER}\"\nclient_secret_file = \"scim-secret\"\n",
                running.token_url()
            ),
            "scim-secret",
            SCIM_SECRET,
        ),
    };
    let base_url = running.scim_url();
    let namespace = super::directory::CUSTOM;
    let table = format!(
        "type = \"scim\"\n\n[source.scim]\nbase_url = \"{base_url}\"\n{keys}page_size = 100\nattribute_namespace = \"{namespace}\"\n"
    );
    (table, name, secret)
}

/// The same for Graph.
fn graph_source(running: &Running) -> (String, &'static str, &'static str) {
    let (origin, base_url) = (running.origin(), running.graph_url());
    let table = format!(
        "type = \"graph\"\n\n[source.graph]\ntenant_id = \"{GRAPH_TENANT}\"\nclient_id = \"{GRAPH_CLIENT}\"\nauth = \"secret\"\n\
         client_secret_file = \"graph-secret\"\nbase_url = \"{base_url}\"\nauthority_url = \"{origin}\"\n"
    );
    (table, "graph-secret", GRAPH_SECRET)
}

fn text(dir: &Path, running: &Running, kind: SourceKind, source: &str) -> String {
    // Attributes go by the names that the source itself has for them.
    let (person_kind, attribute): (_, fn(&str) -> String) = match kind {
        SourceKind::Scim => ("userType", str::to_owned),
        SourceKind::Graph => ("employeeType", graph::extension),
    };
    let key_id = running.key_id();
    let key = match running.key_kind() {
        KeyKind::Team { issuer } => {
            format!("key_type = \"team\"\nissuer_id = \"{issuer}\"\nkey_id = \"{key_id}\"")
        }
        KeyKind::Individual => format!("key_type = \"individual\"\nkey_id = \"{key_id}\""),
    };
    TEMPLATE
        .replace("{mark}", MARK)
        .replace("{state_dir}", &quoted(&dir.join("state")))
        .replace("{runtime_dir}", &quoted(&dir.join("run")))
        .replace("{source}", source)
        .replace("{person_kind}", person_kind)
        .replace("{roles}", &attribute("appStoreConnect_role"))
        .replace("{all_apps_visible}", &attribute("appStoreConnect_allAppsVisible"))
        .replace("{provisioning_allowed}", &attribute("appStoreConnect_provisioningAllowed"))
        .replace("{apple_account}", &attribute("appStoreConnect_appleAccount"))
        .replace("{key}", &key)
        .replace("{origin}", running.origin())
}

/// A JSON string is also a basic string of TOML.
fn quoted(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

const TEMPLATE: &str = r#"{mark}: both sides of it are made up and served on this machine.
name = "simulated"
state_dir = {state_dir}
runtime_dir = {runtime_dir}

[schedule]
interval = "1m"                     # short, to see something happen

[source]
{source}
[scope]
mode = "groups"
groups = ["iOS Developers"]
nested = true                       # "iOS Admins" and "Watch Team" are in it
filter = '{person_kind} eq "Employee"'
exclude = ["svc-*@example.com"]

[access]                            # on invitation, when nothing else says
roles = ["DEVELOPER"]
all_apps_visible = true
provisioning_allowed = false
combine = "union"

[[access.rules]]
group = "iOS Admins"
roles = ["ADMIN"]

[[access.rules]]
group = "Watch Team"
roles = ["DEVELOPER"]
all_apps_visible = false
apps = ["com.example.watch"]

[access.attributes]                 # some people carry these
roles = "{roles}"
all_apps_visible = "{all_apps_visible}"
provisioning_allowed = "{provisioning_allowed}"
apple_account = "{apple_account}"

[lifecycle]
on_join = "invite"
on_deactivated = "remove"
on_deleted = "remove"
on_out_of_scope = "remove"
leave_confirmations = 2
leave_grace = "0s"
reinvite_max = 3

[lifecycle.unmanaged]               # seats rosterd neither invited nor adopted
deactivated = "remove"              # the default is "report"; here a leaver shall be seen to leave
out_of_scope = "report"
unknown = "report"

[guard]
removals_max = 3
removals_max_percent = 10
removals_max_per_day = 20
source_shrink_percent = 30
admins_min = 2
new_admins = "hold"
protected = ["owner@example.com"]

[app_store_connect]
{key}
private_key_file = "AuthKey.p8"
requests_per_hour = 3600
reserve_percent = 50
base_url = "{origin}"

[http]
listen = ""                         # no status page; "127.0.0.1:9748" turns it on
"#;
