//! `[source.graph]`: Microsoft Graph.

use std::path::PathBuf;

use jiff::civil::Date;
use reqwest::Url;
use serde::Deserialize;

use super::checker::Checker;
use super::source::without_slash;
use super::values::Day;
use crate::secret::SecretRef;

/// `[source.graph]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct GraphTable {
    /// The tenant, by id or by one of its domains. Required for `type = "graph"`.
    tenant_id: Option<String>,
    /// The application (client) id of the app registration. Required for `type = "graph"`.
    client_id: Option<String>,
    /// How rosterd says who it is.
    auth: GraphAuthKind,
    /// The file with the client secret, for `auth = "secret"`.
    client_secret_file: Option<String>,
    /// The certificate in PEM, which is no secret, for `auth = "certificate"`.
    certificate_file: Option<String>,
    /// The file with the certificate's private key in PEM, for `auth = "certificate"`.
    private_key_file: Option<String>,
    /// The file with a token of another issuer that Entra trusts, for `auth = "federated"`; read again for
    /// every request.
    federated_token_file: Option<String>,
    /// Which of Microsoft's clouds the tenant is in.
    cloud: Cloud,
    /// Graph with its version; only for tests, proxies and other clouds. Default: follows from `cloud`, such as
    /// `https://graph.microsoft.com/v1.0`.
    base_url: Option<String>,
    /// Where tokens come from; the tenant is appended. Default: follows from `cloud`, such as
    /// `https://login.microsoftonline.com`.
    authority_url: Option<String>,
    /// The OAuth 2 scope to ask for. Default: follows from `cloud`, such as
    /// `https://graph.microsoft.com/.default`.
    scope: Option<String>,
    /// The day the secret or certificate lapses, where rosterd cannot see it by itself. Warned of beforehand,
    /// in `status`, metrics and notices.
    credential_expires: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
enum GraphAuthKind {
    /// A client secret.
    Secret,
    /// A certificate and its key.
    Certificate,
    /// A token of another issuer that Entra trusts (workload identity federation).
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
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
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
    pub(super) fn check(self, checker: &mut Checker) -> Option<GraphConfig> {
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
