//! Access tokens of the Microsoft identity platform, by the client credentials grant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use super::certificate::Certificate;
use crate::clock::Clock;
use crate::http::HttpClient;
use crate::secret::{SecretError, SecretRef, read_secret};
use crate::source::SourceError;
use crate::source::grant::{self, Grant, Refusal};
use crate::source::shelf::{Shelf, Token};

/// A token is replaced this long before its end: a walk must not outlive its token by much.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// The field that says what kind of assertion there is.
const KIND: &str = "client_assertion_type";

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

/// Fetches tokens and keeps the latest until shortly before its end.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) http: HttpClient,
    pub(super) url: Url,
    pub(super) client_id: String,
    pub(super) scope: String,
    proof: ArcSwap<Proof>,
    pub(super) clock: Clock,
    shelf: Shelf,
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
        Self { http, url, client_id, scope, proof, shelf: Shelf::new(clock.clone(), MARGIN), clock }
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
        self.shelf.token(|now| Box::pin(self.fetch(now))).await
    }

    /// Forgets a token that was answered with 401, unless another request has replaced it already.
    pub(super) async fn forget(&self, token: &Token) {
        self.shelf.forget(token).await;
    }

    /// A cycle begins: a credential that was refused may be shown once more.
    pub(super) async fn allow_again(&self) {
        self.shelf.allow_again().await;
    }

    async fn fetch(&self, now: Timestamp) -> Result<Grant, SourceError> {
        let proof = self.fields(now)?;
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.as_str()),
            ("scope", self.scope.as_str()),
        ];
        form.extend(proof.iter().map(|(name, value)| (*name, value.expose_secret())));
        let reply = self.http.read(|| self.http.request(Method::POST, self.url.clone()).form(&form)).await?;
        let secrets: Vec<&str> =
            proof.iter().filter(|(name, _)| *name != KIND).map(|(_, value)| value.expose_secret()).collect();
        grant::read(&reply, &secrets).map_err(|refusal| refused(&refusal))
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
        Ok(vec![(KIND, SecretString::from(kind)), ("client_assertion", assertion)])
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

/// Names the cause by its number: Microsoft's page on tokens says that texts may change and codes are for programs.
fn refused(refusal: &Refusal) -> SourceError {
    let known = refusal.numbers.iter().find_map(|code| cause(*code).map(|cause| (*code, cause)));
    if let Some((code, (what, cure))) = known {
        let said = if refusal.words.is_empty() { String::new() } else { format!(": {}", refusal.words) };
        let what = format!("no token for Microsoft Graph: {what} (AADSTS{code}){said}{}", refusal.request);
        return SourceError::Refused { what, cure };
    }
    let what = format!("no token for Microsoft Graph: {}", refusal.text());
    let is_ours = refusal.status.is_client_error() && !matches!(refusal.status.as_u16(), 408 | 429);
    if refusal.is_final() || is_ours {
        let cure = "check tenant_id, client_id, cloud and the credential of [source.graph]; Microsoft explains AADSTS numbers at https://login.microsoftonline.com/error";
        SourceError::Refused { what, cure }
    } else {
        SourceError::Protocol(what)
    }
}

/// For `crate::fuzzing`: whatever a refusal says is put into words.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn is_judged(body: &[u8]) {
    let reply = crate::http::Reply::of(reqwest::StatusCode::BAD_REQUEST, body);
    if let Err(refusal) = grant::read(&reply, &[]) {
        assert!(!refused(&refusal).to_string().is_empty());
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
