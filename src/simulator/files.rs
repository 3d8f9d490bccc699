//! A ready configuration beside a running simulator: what `rosterd simulate --dir DIR` leaves in DIR.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

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
        SourceKind::Scim => scim(running),
    };
    let private_key = dir.join("AuthKey.p8");
    let source_secret = dir.join(secret_name);
    set_aside(&dir, &private_key, running)?;
    write(&private_key, running.private_key_pem())?;
    write(&source_secret, secret)?;
    write(&config, &text(&dir, running, &source))?;
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
fn scim(running: &Running) -> (String, &'static str, &'static str) {
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

fn text(dir: &Path, running: &Running, source: &str) -> String {
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
filter = 'userType eq "Employee"'
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
roles = "appStoreConnect_role"
all_apps_visible = "appStoreConnect_allAppsVisible"
provisioning_allowed = "appStoreConnect_provisioningAllowed"
apple_account = "appStoreConnect_appleAccount"

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
