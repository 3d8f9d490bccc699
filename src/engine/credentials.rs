//! The files behind our credentials: noticed when they change, read one by one, and left in force when a new one is bad.
//!
//! A look is a `stat` of each file by its path, so a file that was renamed into place and a credentials folder that systemd
//! mounted anew are noticed as well. Only what the configuration in force names is looked at; a change of the
//! configuration itself waits for SIGHUP, since half an edited page of rules must not come into force by itself.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::SecretString;

use super::report::{CredentialReport, Trouble};
use super::wire::WireError;
use crate::asc::token::{KeyKind, SigningKey};
use crate::config::{Config, GraphAuth, NotifyChannel, ScimAuth, ScimConfig, SourceConfig, WebhookUrl};
use crate::secret::{SecretError, SecretRef};
use crate::source::scim;

/// A credential that is replaced on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The API key.
    Key,
    /// What the identity provider wants to see.
    Source,
    /// What callers of the health endpoints bring.
    HttpToken,
    /// URLs of webhooks and the passwords of mail servers.
    Notices,
}

impl Part {
    const ALL: [Self; 4] = [Self::Key, Self::Source, Self::HttpToken, Self::Notices];

    fn name(self, config: &Config) -> &'static str {
        match self {
            Self::Key => "app_store_connect_key",
            Self::Source => match &config.source {
                SourceConfig::Scim(_) => "scim_credential",
                SourceConfig::Graph(_) => "graph_credential",
                SourceConfig::File(_) => "source_credential",
            },
            Self::HttpToken => "http_token",
            Self::Notices => "notify_credentials",
        }
    }

    fn files(self, config: &Config) -> Vec<PathBuf> {
        let files: Vec<&Path> = match self {
            Self::Key => vec![config.app_store_connect.private_key.path()],
            Self::Source => source_files(&config.source),
            Self::HttpToken => config.http.bearer_token.iter().map(|token| token.path()).collect(),
            Self::Notices => config.notify.iter().filter_map(|notify| notice_file(&notify.channel)).collect(),
        };
        files.into_iter().map(Path::to_owned).collect()
    }
}

fn source_files(source: &SourceConfig) -> Vec<&Path> {
    match source {
        SourceConfig::Scim(scim) => vec![match &scim.auth {
            ScimAuth::Bearer { token } => token.path(),
            ScimAuth::Basic { password, .. } => password.path(),
            ScimAuth::OAuth2 { client_secret, .. } => client_secret.path(),
        }],
        SourceConfig::Graph(graph) => match &graph.auth {
            GraphAuth::Secret { client_secret } => vec![client_secret.path()],
            GraphAuth::Certificate { certificate, private_key } => vec![certificate, private_key.path()],
            // Read for each token anyway.
            GraphAuth::Federated { .. } => Vec::new(),
        },
        SourceConfig::File(_) => Vec::new(),
    }
}

fn notice_file(channel: &NotifyChannel) -> Option<&Path> {
    match channel {
        NotifyChannel::Webhook { url: WebhookUrl::File(file), .. } => Some(file.path()),
        NotifyChannel::Webhook { url: WebhookUrl::Plain(_), .. } => None,
        NotifyChannel::Email(email) => email.login.as_ref().map(|(_, password)| password.path()),
    }
}

/// How a file looked. The time of its last change of any kind is part of it, so that a mode that was put right counts, and a
/// copy that kept the old time of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            written: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

#[derive(Debug)]
struct Watched {
    part: Part,
    name: &'static str,
    files: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
    trouble: Option<Trouble>,
}

/// The credentials of one configuration, as they were when they were last looked at.
#[derive(Debug)]
pub struct Credentials(Mutex<Vec<Watched>>);

impl Credentials {
    /// Looks for the first time; to be called before the files are read, so that no change falls between.
    pub fn of(config: &Config) -> Self {
        let watched = Part::ALL.into_iter().map(|part| {
            let files = part.files(config);
            let seen = files.iter().map(|file| Stamp::of(file)).collect();
            Watched { part, name: part.name(config), files, seen, trouble: None }
        });
        Self(Mutex::new(watched.filter(|watched| !watched.files.is_empty()).collect()))
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, Vec<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What does not look as it did last time, by part and name. Each change is told once.
    pub fn changed(&self) -> Vec<(Part, &'static str)> {
        let mut changed = Vec::new();
        for watched in self.watched().iter_mut() {
            let now: Vec<_> = watched.files.iter().map(|file| Stamp::of(file)).collect();
            if now != watched.seen {
                watched.seen = now;
                changed.push((watched.part, watched.name));
            }
        }
        changed
    }

    /// Keeps what came of reading a part again.
    pub fn judged(&self, part: Part, trouble: Option<Trouble>) {
        for watched in self.watched().iter_mut().filter(|watched| watched.part == part) {
            watched.trouble.clone_from(&trouble);
        }
    }

    /// Credentials whose file was refused while the one before it goes on.
    pub fn troubles(&self) -> BTreeMap<String, Trouble> {
        let told = |watched: &Watched| Some((watched.name.to_owned(), watched.trouble.clone()?));
        self.watched().iter().filter_map(told).collect()
    }
}

/// Reads the API key. Its kind is the configuration's, or another one that is tried to see which kind it is.
pub(super) fn signing_key(config: &Config, kind: KeyKind) -> Result<SigningKey, WireError> {
    let asc = &config.app_store_connect;
    let pem = asc.private_key.read()?;
    SigningKey::new(kind, &asc.key_id, &pem)
        .map_err(|error| WireError::Key { path: asc.private_key.path().display().to_string(), error })
}

/// Reads what a SCIM provider wants to see.
pub(super) fn scim_auth(scim: &ScimConfig) -> Result<scim::Auth, SecretError> {
    Ok(match &scim.auth {
        ScimAuth::Bearer { token } => scim::Auth::Bearer { token: token.read()? },
        ScimAuth::Basic { username, password } => {
            scim::Auth::Basic { username: username.clone(), password: password.read()? }
        }
        ScimAuth::OAuth2 { token_url, client_id, client_secret, scope, client_auth } => scim::Auth::OAuth2 {
            token_url: token_url.clone(),
            client_id: client_id.clone(),
            client_secret: client_secret.read()?,
            scope: scope.clone(),
            client_auth: *client_auth,
        },
    })
}

/// Reads what callers of the health endpoints bring, where they have to.
pub(super) fn http_token(config: &Config) -> Result<Option<SecretString>, SecretError> {
    config.http.bearer_token.as_ref().map(SecretRef::read).transpose()
}

/// What the configuration says of the ends of credentials.
pub(super) fn reports(config: &Config) -> Vec<CredentialReport> {
    let report = |part: Part, day: Option<Date>| CredentialReport {
        name: part.name(config).to_owned(),
        expires: day.and_then(|day| day.to_zoned(TimeZone::UTC).ok()).map(|at| at.timestamp()),
        known_from: day.map(|_| "configuration".to_owned()),
    };
    let mut all = vec![report(Part::Key, config.app_store_connect.credential_expires)];
    match &config.source {
        SourceConfig::Scim(scim) => all.push(report(Part::Source, scim.credential_expires)),
        SourceConfig::Graph(graph) => all.push(report(Part::Source, graph.credential_expires)),
        SourceConfig::File(_) => {}
    }
    all
}

/// The provider's own word on its credential counts more than a date somebody wrote down.
pub fn with_found(
    mut credentials: Vec<CredentialReport>,
    found: Option<(Timestamp, &'static str)>,
) -> Vec<CredentialReport> {
    if let (Some((expires, known_from)), Some(of_source)) = (found, credentials.get_mut(1)) {
        of_source.expires = Some(expires);
        of_source.known_from = Some(known_from.to_owned());
    }
    credentials
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    /// A configuration whose key and webhook are files of a folder.
    fn config(folder: &TempDir) -> Config {
        let text = r#"
name = "test"
state_dir = "/var/lib/rosterd"
runtime_dir = "/run/rosterd"
source = { type = "file", file = { path = "people.json" } }
scope = { mode = "all" }
app_store_connect = { key_type = "individual", key_id = "ABC123DEFG", private_key_file = "key" }
notify = [{ type = "webhook", url_file = "url" }]
"#;
        write(folder, "key", "key");
        write(folder, "url", "https://hooks.example.com/T0/secret");
        fs::write(folder.path().join("config.toml"), text).expect("written");
        Config::load(&folder.path().join("config.toml"), std::iter::empty()).expect("good")
    }

    fn write(folder: &TempDir, name: &str, content: &str) {
        let path = folder.path().join(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
    }

    #[test]
    fn each_way_of_replacing_a_file_is_noticed_once() {
        let folder = TempDir::new().expect("a folder");
        let credentials = Credentials::of(&config(&folder));
        let path = |name: &str| folder.path().join(name);
        let key = vec![(Part::Key, "app_store_connect_key")];
        assert_eq!(credentials.changed(), [], "nothing happened");
        type Change<'a> = (&'a str, &'a dyn Fn());
        let changes: [Change<'_>; 5] = [
            ("written anew", &|| write(&folder, "key", "longer")),
            ("renamed into place", &|| {
                write(&folder, "new", "longer");
                fs::rename(path("new"), path("key")).expect("renamed");
            }),
            ("its mode", &|| {
                fs::set_permissions(path("key"), fs::Permissions::from_mode(0o400)).expect("ours");
            }),
            ("gone", &|| fs::rename(path("key"), path("away")).expect("renamed")),
            ("back", &|| fs::rename(path("away"), path("key")).expect("renamed")),
        ];
        for (what, change) in changes {
            // Two changes within one tick of the file system's clock would look the same.
            std::thread::sleep(std::time::Duration::from_millis(20));
            change();
            assert_eq!(credentials.changed(), key, "{what}");
            assert_eq!(credentials.changed(), [], "{what}: once");
        }
        write(&folder, "url", "https://hooks.example.com/T0/other");
        assert_eq!(credentials.changed(), [(Part::Notices, "notify_credentials")]);
    }

    #[test]
    fn what_was_refused_is_told_until_it_is_put_right() {
        let folder = TempDir::new().expect("a folder");
        let credentials = Credentials::of(&config(&folder));
        let trouble = Trouble { text: "no".to_owned(), hint: None };
        credentials.judged(Part::Key, Some(trouble.clone()));
        assert_eq!(credentials.troubles(), BTreeMap::from([("app_store_connect_key".to_owned(), trouble)]));
        credentials.judged(Part::Key, None);
        assert!(credentials.troubles().is_empty());
    }
}
