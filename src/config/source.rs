//! `[source]`: where people and groups come from.

use std::path::PathBuf;

use jiff::civil::Date;
use reqwest::Url;
use serde::Deserialize;

use super::checker::Checker;
use super::values::Day;
use crate::secret::SecretRef;

/// `[source]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SourceTable {
    #[serde(rename = "type")]
    kind: Option<SourceType>,
    scim: Option<ScimTable>,
    graph: Option<GraphTable>,
    file: Option<FileTable>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SourceType {
    Scim,
    Graph,
    File,
}

impl SourceType {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Scim, "scim"), (Self::Graph, "graph"), (Self::File, "file")];
}

/// `[source]`.
#[derive(Clone, Debug)]
pub enum SourceConfig {
    /// A SCIM 2.0 provider.
    Scim(ScimConfig),
    /// Microsoft Graph.
    Graph(GraphConfig),
    /// A file.
    File(FileConfig),
}

impl SourceConfig {
    /// The word of `source.type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scim(_) => "scim",
            Self::Graph(_) => "graph",
            Self::File(_) => "file",
        }
    }

    /// The day our own credential lapses, where the configuration says so.
    pub fn credential_expires(&self) -> Option<Date> {
        match self {
            Self::Scim(scim) => scim.credential_expires,
            Self::Graph(graph) => graph.credential_expires,
            Self::File(_) => None,
        }
    }
}

impl SourceTable {
    pub(super) fn check(self, checker: &mut Checker) -> Option<SourceConfig> {
        let present = [self.scim.is_some(), self.graph.is_some(), self.file.is_some()];
        let Some(kind) = self.kind else {
            let first = SourceType::ALL.iter().zip(present).find(|(_, present)| *present);
            let word = first.map_or("scim", |((_, word), _)| word);
            checker.missing("source.type", "", &format!("type = {word:?}"));
            return None;
        };
        for ((other, word), present) in SourceType::ALL.iter().zip(present) {
            if present && *other != kind {
                checker.warn(&format!("source.{word}"), "is not used: source.type names another");
            }
        }
        match kind {
            SourceType::Scim => self.scim.unwrap_or_default().check(checker).map(SourceConfig::Scim),
            SourceType::Graph => self.graph.unwrap_or_default().check(checker).map(SourceConfig::Graph),
            SourceType::File => {
                let Some(path) = self.file.and_then(|file| file.path) else {
                    checker.missing("source.file.path", "", "path = \"people.json\"");
                    return None;
                };
                Some(SourceConfig::File(FileConfig { path: checker.beside(&path) }))
            }
        }
    }
}

/// `[source.file]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct FileTable {
    path: Option<String>,
}

/// `[source.file]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// A SCIM ListResponse, or `{"users": …, "groups": …}`.
    pub path: PathBuf,
}

/// `[source.scim]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ScimTable {
    base_url: Option<String>,
    auth: ScimAuthKind,
    token_file: Option<String>,
    username: Option<String>,
    password_file: Option<String>,
    token_url: Option<String>,
    client_id: Option<String>,
    client_secret_file: Option<String>,
    scope: Option<String>,
    page_size: u32,
    concurrency: u32,
    attribute_namespace: String,
    ca_file: Option<String>,
    credential_expires: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScimAuthKind {
    Bearer,
    Basic,
    Oauth2,
}

/// Where Okta and others keep attributes that somebody added; the default of `attribute_namespace`.
pub(super) const DEFAULT_NAMESPACE: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

impl Default for ScimTable {
    fn default() -> Self {
        Self {
            base_url: None,
            auth: ScimAuthKind::Bearer,
            token_file: None,
            username: None,
            password_file: None,
            token_url: None,
            client_id: None,
            client_secret_file: None,
            scope: None,
            page_size: 100,
            concurrency: 4,
            attribute_namespace: DEFAULT_NAMESPACE.to_owned(),
            ca_file: None,
            credential_expires: None,
        }
    }
}

/// `[source.scim]`.
#[derive(Clone, Debug)]
pub struct ScimConfig {
    /// Up to and without the slash before `Users`.
    pub base_url: Url,
    /// How we say who we are.
    pub auth: ScimAuth,
    /// Entries asked for per page.
    pub page_size: u32,
    /// Index pages read at the same time.
    pub concurrency: usize,
    /// The URN under which added attributes may be kept.
    pub attribute_namespace: String,
    /// Certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The day our credential lapses.
    pub credential_expires: Option<Date>,
}

/// `source.scim.auth`.
#[derive(Clone, Debug)]
pub enum ScimAuth {
    /// A fixed token.
    Bearer {
        /// The token.
        token: SecretRef,
    },
    /// Name and password with every request.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: SecretRef,
    },
    /// OAuth 2.0 client credentials (RFC 6749 §4.4).
    OAuth2 {
        /// The token endpoint.
        token_url: Url,
        /// Our id there.
        client_id: String,
        /// Our secret there.
        client_secret: SecretRef,
        /// What we ask for.
        scope: Option<String>,
    },
}

impl ScimTable {
    fn check(self, checker: &mut Checker) -> Option<ScimConfig> {
        checker.range("source.scim.page_size", self.page_size, 1, 1000);
        checker.range("source.scim.concurrency", self.concurrency, 1, 16);
        let base_url = match &self.base_url {
            Some(text) => checker.url("source.scim.base_url", text).map(without_slash),
            None => {
                let example = "base_url = \"https://idp.example.com/scim/v2\"";
                checker.missing("source.scim.base_url", "", example);
                None
            }
        };
        let ca_file = self.ca_file.as_deref().map(|path| checker.public_file("source.scim.ca_file", path));
        let auth = self.auth(checker);
        Some(ScimConfig {
            base_url: base_url?,
            auth: auth?,
            page_size: self.page_size,
            concurrency: self.concurrency as usize,
            attribute_namespace: self.attribute_namespace,
            ca_file,
            credential_expires: self.credential_expires.map(|day| day.0),
        })
    }

    fn auth(&self, checker: &mut Checker) -> Option<ScimAuth> {
        let bearer = [("token_file", self.token_file.is_some())];
        let basic = [("username", self.username.is_some()), ("password_file", self.password_file.is_some())];
        let oauth2 = [
            ("token_url", self.token_url.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret_file", self.client_secret_file.is_some()),
            ("scope", self.scope.is_some()),
        ];
        let (word, others): (_, [&[_]; 2]) = match self.auth {
            ScimAuthKind::Bearer => ("bearer", [&basic, &oauth2]),
            ScimAuthKind::Basic => ("basic", [&bearer, &oauth2]),
            ScimAuthKind::Oauth2 => ("oauth2", [&bearer, &basic]),
        };
        for (name, present) in others.into_iter().flatten() {
            checker.unused(&format!("source.scim.{name}"), *present, &format!("auth = {word:?}"));
        }
        let why = format!(", and auth is {word:?}");
        match self.auth {
            ScimAuthKind::Bearer => {
                let token = checker.secret("source.scim.token_file", self.token_file.clone(), &why)?;
                Some(ScimAuth::Bearer { token })
            }
            ScimAuthKind::Basic => {
                let username = checker.needed("source.scim.username", &self.username, &why, "rosterd");
                let password = checker.secret("source.scim.password_file", self.password_file.clone(), &why);
                Some(ScimAuth::Basic { username: username?, password: password? })
            }
            ScimAuthKind::Oauth2 => {
                let example = "https://idp.example.com/oauth2/token";
                let token_url = checker.needed("source.scim.token_url", &self.token_url, &why, example);
                let token_url = token_url.and_then(|text| checker.url("source.scim.token_url", &text));
                let client_id = checker.needed("source.scim.client_id", &self.client_id, &why, "rosterd");
                let secret =
                    checker.secret("source.scim.client_secret_file", self.client_secret_file.clone(), &why);
                Some(ScimAuth::OAuth2 {
                    token_url: token_url?,
                    client_id: client_id?,
                    client_secret: secret?,
                    scope: self.scope.clone(),
                })
            }
        }
    }
}

/// `[source.graph]` as written.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct GraphTable {
    tenant_id: Option<String>,
    client_id: Option<String>,
    auth: GraphAuthKind,
    client_secret_file: Option<String>,
    certificate_file: Option<String>,
    private_key_file: Option<String>,
    federated_token_file: Option<String>,
    cloud: Cloud,
    base_url: Option<String>,
    authority_url: Option<String>,
    scope: Option<String>,
    credential_expires: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GraphAuthKind {
    Secret,
    Certificate,
    Federated,
}

impl Default for GraphTable {
    fn default() -> Self {
        Self {
            tenant_id: None,
            client_id: None,
            auth: GraphAuthKind::Secret,
            client_secret_file: None,
            certificate_file: None,
            private_key_file: None,
            federated_token_file: None,
            cloud: Cloud::Global,
            base_url: None,
            authority_url: None,
            scope: None,
            credential_expires: None,
        }
    }
}

/// `source.graph.cloud`: Microsoft's clouds share nothing, not even accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// The one most have.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (DoD).
    UsDod,
    /// 21Vianet.
    China,
}

impl Cloud {
    /// Graph's own address (Microsoft, "National cloud deployments").
    fn graph(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Where tokens come from.
    fn authority(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }
}

/// `[source.graph]`.
#[derive(Clone, Debug)]
pub struct GraphConfig {
    /// The tenant, by id or domain.
    pub tenant_id: String,
    /// Our application (client) id.
    pub client_id: String,
    /// How we say who we are.
    pub auth: GraphAuth,
    /// Which of Microsoft's clouds.
    pub cloud: Cloud,
    /// Graph with its version, without a slash at the end.
    pub base_url: Url,
    /// Where tokens come from; the tenant is appended.
    pub authority_url: Url,
    /// What tokens are asked for: `.default` of the cloud's Graph, unless said otherwise.
    pub scope: String,
    /// The day our credential lapses.
    pub credential_expires: Option<Date>,
}

/// `source.graph.auth`.
#[derive(Clone, Debug)]
pub enum GraphAuth {
    /// A client secret.
    Secret {
        /// The secret.
        client_secret: SecretRef,
    },
    /// A certificate and its key, for a signed assertion.
    Certificate {
        /// PEM; no secret.
        certificate: PathBuf,
        /// PEM.
        private_key: SecretRef,
    },
    /// A token of another issuer that Entra trusts (workload identity federation).
    Federated {
        /// The token; short-lived, so read for every request.
        token: SecretRef,
    },
}

impl GraphTable {
    fn check(self, checker: &mut Checker) -> Option<GraphConfig> {
        let tenant = "00000000-0000-0000-0000-000000000000";
        let tenant_id = checker.needed("source.graph.tenant_id", &self.tenant_id, "", tenant);
        if tenant_id.as_deref().is_some_and(|id| id.contains(['/', '?', '#', ' '])) {
            let hint = "write the tenant's id or one of its domains, without https://";
            checker.problem("source.graph.tenant_id", "is no tenant id", hint);
        }
        let client_id = checker.needed("source.graph.client_id", &self.client_id, "", tenant);
        let graph = self.base_url.clone().unwrap_or_else(|| format!("{}/v1.0", self.cloud.graph()));
        let authority = self.authority_url.clone().unwrap_or_else(|| self.cloud.authority().to_owned());
        let base_url = checker.url("source.graph.base_url", &graph).map(without_slash);
        let authority_url = checker.url("source.graph.authority_url", &authority).map(without_slash);
        let auth = self.auth(checker);
        Some(GraphConfig {
            tenant_id: tenant_id?,
            client_id: client_id?,
            auth: auth?,
            cloud: self.cloud,
            base_url: base_url?,
            authority_url: authority_url?,
            scope: self.scope.unwrap_or_else(|| format!("{}/.default", self.cloud.graph())),
            credential_expires: self.credential_expires.map(|day| day.0),
        })
    }

    fn auth(&self, checker: &mut Checker) -> Option<GraphAuth> {
        let secret = [("client_secret_file", self.client_secret_file.is_some())];
        let certificate = [
            ("certificate_file", self.certificate_file.is_some()),
            ("private_key_file", self.private_key_file.is_some()),
        ];
        let federated = [("federated_token_file", self.federated_token_file.is_some())];
        let (word, others): (_, [&[_]; 2]) = match self.auth {
            GraphAuthKind::Secret => ("secret", [&certificate, &federated]),
            GraphAuthKind::Certificate => ("certificate", [&secret, &federated]),
            GraphAuthKind::Federated => ("federated", [&secret, &certificate]),
        };
        for (name, present) in others.into_iter().flatten() {
            checker.unused(&format!("source.graph.{name}"), *present, &format!("auth = {word:?}"));
        }
        let why = format!(", and auth is {word:?}");
        match self.auth {
            GraphAuthKind::Secret => {
                let path = self.client_secret_file.clone();
                let client_secret = checker.secret("source.graph.client_secret_file", path, &why)?;
                Some(GraphAuth::Secret { client_secret })
            }
            GraphAuthKind::Certificate => {
                let path = "source.graph.certificate_file";
                let certificate = checker.needed(path, &self.certificate_file, &why, "certificate.pem");
                let certificate = certificate.map(|file| checker.public_file(path, &file));
                let key = self.private_key_file.clone();
                let private_key = checker.secret("source.graph.private_key_file", key, &why);
                Some(GraphAuth::Certificate { certificate: certificate?, private_key: private_key? })
            }
            GraphAuthKind::Federated => {
                let path = self.federated_token_file.clone();
                let token = checker.secret("source.graph.federated_token_file", path, &why)?;
                Some(GraphAuth::Federated { token })
            }
        }
    }
}

/// Paths are appended with a slash of their own.
fn without_slash(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url
}
