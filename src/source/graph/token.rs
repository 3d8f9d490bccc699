//! Access tokens of the Microsoft identity platform, by the client credentials grant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::certificate::Certificate;
use crate::clock::Clock;
use crate::http::{HttpClient, Reply};
use crate::secret::{SecretError, SecretRef, read_secret};
use crate::source::{SourceError, one_line};

/// How we prove who we are, as the configuration names it.
#[derive(Clone, Debug)]
pub enum GraphAuth {
    /// A client secret.
    Secret(SecretRef),
    /// A certificate and its private key, both PEM.
    Certificate {
        /// Uploaded to the app registration too.
        certificate: PathBuf,
        /// Its RSA key.
        key: SecretRef,
    },
    /// A token of another issuer that the app registration trusts, in a file that the platform keeps fresh.
    Federated(SecretRef),
}

/// How we prove who we are, as it was read. What a replaced file holds is taken in by [`Tokens::renew`] and only when it is
/// good, so that a file that is being written, or half of a pair, costs no cycle.
pub(super) enum Proof {
    Secret(SecretString),
    Certificate {
        certificate: Certificate,
        key: SecretString,
    },
    /// Read for each token: the platform replaces it every hour or so.
    Federated(PathBuf),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof")
    }
}

impl GraphAuth {
    /// Sees offline that the files can be used: that a key signs, and that it is its certificate's.
    ///
    /// # Errors
    /// What is wrong with which.
    pub(crate) fn check(&self) -> Result<(), SourceError> {
        self.read().map(drop)
    }

    /// Reads the files, and sees that they can be used.
    pub(super) fn read(&self) -> Result<Proof, SourceError> {
        Ok(match self {
            Self::Secret(secret) => Proof::Secret(secret.read().map_err(file_error)?),
            Self::Certificate { certificate, key } => {
                let key = key.read().map_err(file_error)?;
                let certificate = Certificate::read(certificate)?;
                certificate.check_key(&key)?;
                Proof::Certificate { certificate, key }
            }
            Self::Federated(token) => Proof::Federated(token.path().to_owned()),
        })
    }
}

/// A token; prints as nothing.
#[derive(Clone)]
pub(super) struct Token(Arc<SecretString>);

impl Token {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[derive(Debug)]
struct Held {
    token: Token,
    until: Timestamp,
}

/// Fetches tokens and keeps the latest until shortly before its end.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) http: HttpClient,
    pub(super) url: Url,
    pub(super) client_id: String,
    pub(super) scope: String,
    proof: ArcSwap<Proof>,
    pub(super) clock: Clock,
    held: Mutex<Option<Held>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    /// An integer here and a string at some relays.
    expires_in: serde_json::Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
    error_codes: Vec<u32>,
}

/// For `crate::fuzzing`: an answer read as a grant and as a refusal. True for a usable grant.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn reads_as_grant(body: &[u8]) -> bool {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let _ = refusal.error_codes.iter().find_map(|code| cause(*code));
    drop((refusal.error, one_line(&refusal.error_description, 200)));
    let granted = serde_json::from_slice::<Granted>(body);
    granted.is_ok_and(|granted| {
        drop(granted.access_token);
        seconds(&granted.expires_in).is_some()
    })
}

impl Tokens {
    pub(super) fn new(
        http: HttpClient,
        url: Url,
        client_id: String,
        scope: String,
        proof: Proof,
        clock: Clock,
    ) -> Self {
        let proof = ArcSwap::from_pointee(proof);
        Self { http, url, client_id, scope, proof, clock, held: Mutex::new(None) }
    }

    /// Proves who we are by this from the next token on. The token in use is good until its end, whatever became of the
    /// credential that got it.
    pub(super) fn renew(&self, proof: Proof) {
        self.proof.store(Arc::new(proof));
    }

    /// What tokens are asked for with.
    pub(super) fn proof(&self) -> Arc<Proof> {
        self.proof.load_full()
    }

    /// A token that is good for a while yet.
    pub(super) async fn get(&self) -> Result<Token, SourceError> {
        // Held over the fetch, so that requests side by side fetch one token and not one each.
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some(held) = held.as_ref().filter(|held| now < held.until) {
            return Ok(held.token.clone());
        }
        let (token, until) = self.fetch(now).await?;
        *held = Some(Held { token: token.clone(), until });
        Ok(token)
    }

    /// Forgets a token that was answered with 401, unless somebody else has replaced it already.
    pub(super) async fn forget(&self, token: &Token) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(&held.token.0, &token.0)) {
            *held = None;
        }
    }

    async fn fetch(&self, now: Timestamp) -> Result<(Token, Timestamp), SourceError> {
        let proof = self.fields(now)?;
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("scope", self.scope.as_str()),
        ];
        form.extend(proof.iter().map(|(name, value)| (*name, value.expose_secret())));
        let reply = self.http.read(|| self.http.request(Method::POST, self.url.clone()).form(&form)).await?;
        if !reply.status.is_success() {
            return Err(refused(&reply));
        }
        let granted: Granted = reply.json()?;
        let lifetime = seconds(&granted.expires_in).unwrap_or(0).min(24 * 3600);
        // A fifth of its life before the end, five minutes at most: a walk must not outlive its token by much.
        let until = now + Duration::from_secs(lifetime - (lifetime / 5).min(300));
        Ok((Token(Arc::new(granted.access_token)), until))
    }

    /// The fields of the form that prove who we are.
    fn fields(&self, now: Timestamp) -> Result<Vec<(&'static str, SecretString)>, SourceError> {
        let assertion = match &*self.proof() {
            Proof::Secret(secret) => return Ok(vec![("client_secret", secret.clone())]),
            Proof::Certificate { certificate, key } => {
                certificate.assertion(key, &self.client_id, self.url.as_str(), now)?
            }
            Proof::Federated(token) => federated(token)?,
        };
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        Ok(vec![("client_assertion_type", SecretString::from(kind)), ("client_assertion", assertion)])
    }
}

/// Kubernetes projects tokens as links into a folder of its own, so links within the token's folder are followed;
/// owner and mode of what is opened are judged all the same.
fn federated(path: &Path) -> Result<SecretString, SourceError> {
    read_secret(path, path.parent()).map_err(file_error)
}

fn file_error(error: SecretError) -> SourceError {
    SourceError::Protocol(format!("{error} ({})", error.hint()))
}

fn seconds(value: &serde_json::Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Names the cause by its number: Microsoft's page on tokens says that texts may change and codes are for programs.
fn refused(reply: &Reply) -> SourceError {
    let refusal: Refusal = reply.json().unwrap_or_default();
    let request = reply.request_suffix();
    let known = refusal.error_codes.iter().find_map(|code| cause(*code).map(|cause| (*code, cause)));
    if let Some((code, (what, cure))) = known {
        return SourceError::Refused {
            what: format!("no token for Microsoft Graph: {what} (AADSTS{code}){request}"),
            cure,
        };
    }
    let said = refusal.error_description.split(['\r', '\n']).next().unwrap_or_default();
    let said = one_line(if said.is_empty() { &refusal.error } else { said }, 200);
    let status = reply.status.as_u16();
    let what = format!("no token for Microsoft Graph: {} answered {status} {said}", reply.place());
    let what = format!("{}{request}", what.trim_end());
    if reply.status.is_client_error() && status != 429 {
        let cure = "check tenant_id, client_id, cloud and the credential of [source.graph]; Microsoft explains AADSTS numbers at https://login.microsoftonline.com/error";
        SourceError::Refused { what, cure }
    } else {
        SourceError::Protocol(what)
    }
}

/// What a number means and what cures it (Microsoft, "authentication and authorization error codes").
fn cause(code: u32) -> Option<(&'static str, &'static str)> {
    Some(match code {
        7_000_222 => (
            "the client secret has expired",
            "make a new client secret in Entra (App registrations > Certificates & secrets) and write its value into client_secret_file",
        ),
        7_000_215 => (
            "the client secret is wrong",
            "client_secret_file must hold the secret's value, not its id; the value is shown only once, so make a new one if it is lost",
        ),
        90_002 | 900_023 | 90_013 => {
            ("the tenant is unknown", "check tenant_id, and cloud: each cloud knows only its own tenants")
        }
        700_016 => (
            "the tenant has no such application",
            "check client_id (the app registration's \"Application (client) ID\") and tenant_id",
        ),
        7_000_112 => (
            "the application is switched off",
            "ask an administrator to enable it in Entra (Enterprise applications > Properties > Enabled for users to sign in)",
        ),
        65_001 | 65_004 | 650_056 | 650_057 => (
            "an administrator has not consented",
            "grant admin consent in Entra (App registrations > API permissions): User.Read.All, GroupMember.Read.All, for assignments also Application.Read.All",
        ),
        500_011 | 50_001 => (
            "the tenant does not know Microsoft Graph at this scope",
            "check cloud, and scope where it is set",
        ),
        700_024 => (
            "the assertion is outside its time",
            "set this machine's clock (systemd-timesyncd, chrony), or see why the federated token is not renewed",
        ),
        700_027 | 700_030 | 50_027 => (
            "the assertion's signature or certificate is not accepted",
            "upload the certificate of certificate_file to the app registration, and check that private_key_file is its key and that it has not expired",
        ),
        700_021 | 700_022 | 700_023 | 700_211 | 700_212 | 700_213 | 70_021 => (
            "the federated token is not one that the application trusts",
            "compare issuer, subject and audience of the federated credential in Entra with those of federated_token_file",
        ),
        53_003 => (
            "a Conditional Access policy blocks the application",
            "let this machine's address through, or exclude the application's service principal from the policy",
        ),
        _ => return None,
    })
}
