//! `[source.scim]`: a SCIM 2.0 provider.

use std::path::PathBuf;

use jiff::civil::Date;
use reqwest::Url;
use serde::Deserialize;

use super::checker::Checker;
use super::source::without_slash;
use super::values::Day;
use crate::secret::SecretRef;
use crate::source::scim::ClientAuth;

/// `[source.scim]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScimTable {
    /// The address up to and without the slash before `Users`; https, or http to this machine only. Required
    /// for `type = "scim"`.
    base_url: Option<String>,
    /// How rosterd says who it is.
    auth: ScimAuthKind,
    /// The file with the token, for `auth = "bearer"`.
    token_file: Option<String>,
    /// The user, for `auth = "basic"`.
    username: Option<String>,
    /// The file with the password, for `auth = "basic"`.
    password_file: Option<String>,
    /// Where tokens come from, for `auth = "oauth2"` (client credentials).
    token_url: Option<String>,
    /// Our client's id, for `auth = "oauth2"`.
    client_id: Option<String>,
    /// The file with the client's secret, for `auth = "oauth2"`.
    client_secret_file: Option<String>,
    /// The OAuth 2 scope to ask for, where the provider wants one, for `auth = "oauth2"`.
    scope: Option<String>,
    /// How id and secret reach the token endpoint, for `auth = "oauth2"`. Default: `"basic"`, and once as `"post"` where
    /// the provider answers that it did not find them.
    client_auth: Option<ClientAuth>,
    /// Entries asked for per page; the provider may send fewer.
    #[cfg_attr(test, schemars(range(min = 1, max = 1000)))]
    page_size: u32,
    /// Index pages read at the same time; providers with cursors are read one page after the other.
    #[cfg_attr(test, schemars(range(min = 1, max = 16)))]
    concurrency: u32,
    /// The URN below which the provider keeps attributes that somebody added.
    attribute_namespace: String,
    /// Certificates in PEM that are trusted beside the system's; relative to the configuration file.
    ca_file: Option<String>,
    /// The day the credential lapses. Warned of beforehand, in `status`, metrics and notices.
    credential_expires: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
enum ScimAuthKind {
    /// A token that does not change by itself.
    Bearer,
    /// User and password.
    Basic,
    /// Client credentials at a token endpoint.
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
            client_auth: None,
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
        /// How id and secret travel, where that is set.
        client_auth: Option<ClientAuth>,
    },
}

impl ScimTable {
    pub(super) fn check(self, checker: &mut Checker) -> Option<ScimConfig> {
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
            ("client_auth", self.client_auth.is_some()),
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
                    client_auth: self.client_auth,
                })
            }
        }
    }
}
