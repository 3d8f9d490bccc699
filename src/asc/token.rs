//! Tokens for App Store Connect: short-lived ES256 signatures made from the operator's `.p8` key.
//!
//! Apple's rules ("Generating Tokens for API Requests"): header `kid`, audience `appstoreconnect-v1`, at most 20 minutes from
//! `iat` to `exp`, and one token is to be used again until it expires. A team key names its issuer; an individual key has
//! the subject `user` and no issuer at all, and mixing the two is a 401 that says nothing.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::clock::Clock;
use crate::pem::{self, PemError, PrivateKey};

/// Whom a token is meant for.
pub const AUDIENCE: &str = "appstoreconnect-v1";

/// `iat` lies this far in the past, because Apple refuses one in its future with a plain 401.
const BACKDATE: SignedDuration = SignedDuration::from_secs(60);

/// From now to `exp`. With the back-dating that is 11 of the 20 minutes Apple allows: a token of the full length fails on a
/// machine whose clock is off by seconds.
const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// A token is not used in its last minute, so that none lapses on its way.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// Tokens kept at a time: one for each list of a read-only client, and one without scope.
const KEPT: usize = 8;

/// Chooses the one crypto backend of jsonwebtoken. Called first in `main` and in tests that sign; calling it again does no harm.
///
/// Without it the backend follows from Cargo features, and another crate that switches a second one on turns the
/// first signature into a panic.
pub fn install_crypto() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

/// The two kinds of key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Made under Users and Access > Integrations > Team Keys.
    Team {
        /// The UUID above the list of keys.
        issuer_id: String,
    },
    /// Made in a person's own profile; it may do what that person may.
    Individual,
}

/// Why a key file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// `key_id` has no characters.
    #[error("the key id is empty")]
    NoKeyId,
    /// `issuer_id` has no characters.
    #[error("the issuer id of a team key is empty")]
    NoIssuerId,
    /// Not a private key in PEM.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// `-----BEGIN EC PRIVATE KEY-----` around something else than that, or without the name of its curve.
    #[error("the key is in the SEC1 form, not PKCS#8, and cannot be read")]
    Sec1,
    /// RSA, in either form.
    #[error("the key is an RSA key, not an elliptic curve key")]
    Rsa,
    /// P-384 and the like.
    #[error("the key is on another curve than P-256")]
    WrongCurve,
    /// Ed25519 and the like.
    #[error("the key is for another algorithm than ES256")]
    WrongAlgorithm,
    /// It looks right, and still does not sign.
    #[error("the key does not sign")]
    DoesNotSign,
}

impl KeyError {
    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NoKeyId => "copy the key id from Users and Access > Integrations in App Store Connect",
            Self::NoIssuerId => {
                "copy the issuer id from the top of Users and Access > Integrations > Team Keys; individual keys have none (key_type = \"individual\")"
            }
            Self::Sec1 => "convert it: openssl pkcs8 -topk8 -nocrypt -in KEY -out AuthKey.p8",
            Self::Pem(PemError::Encrypted) => {
                "use the .p8 file as Apple handed it out, or decrypt it: openssl pkcs8 -in KEY -out AuthKey.p8"
            }
            Self::Pem(PemError::Damaged(_)) => {
                "copy the .p8 file again, whole; Apple lets it be downloaded once, so if it is lost make a new key"
            }
            Self::Pem(PemError::Flattened(_)) => {
                "copy the .p8 file again as it was downloaded, with its line ends; the key itself may be fine"
            }
            Self::Pem(PemError::Several) => "leave the one in the file that key_id belongs to",
            Self::Pem(
                PemError::NotPem | PemError::NoPrivateKey(_) | PemError::NoCertificate(_) | PemError::OpenSsh,
            )
            | Self::Rsa
            | Self::WrongCurve
            | Self::WrongAlgorithm
            | Self::DoesNotSign => {
                "private_key_file must be the AuthKey_….p8 file that App Store Connect offers when a key is made"
            }
        }
    }
}

/// A key that has been seen to sign.
#[derive(Clone)]
pub struct SigningKey {
    kind: KeyKind,
    key_id: Arc<str>,
    key: EncodingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kind", &self.kind)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a `.p8` file's text and signs with it once: the library finds a wrong curve only then.
    ///
    /// # Errors
    /// What is wrong with ids or file; never any of the file's content.
    pub fn new(kind: KeyKind, key_id: &str, pem: &SecretString) -> Result<Self, KeyError> {
        install_crypto();
        let key_id = key_id.trim();
        if key_id.is_empty() {
            return Err(KeyError::NoKeyId);
        }
        let kind = match kind {
            KeyKind::Team { issuer_id } if issuer_id.trim().is_empty() => return Err(KeyError::NoIssuerId),
            KeyKind::Team { issuer_id } => KeyKind::Team { issuer_id: issuer_id.trim().to_owned() },
            KeyKind::Individual => KeyKind::Individual,
        };
        let der = private_key(pem.expose_secret())?;
        let key = EncodingKey::from_ec_der(&der);
        let key = Self { kind, key_id: key_id.into(), key };
        key.sign(&Scope::Full, Timestamp::UNIX_EPOCH)?;
        Ok(key)
    }

    /// Team or individual.
    pub fn kind(&self) -> &KeyKind {
        &self.kind
    }

    /// As App Store Connect lists it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    fn sign(&self, scope: &Scope, now: Timestamp) -> Result<SecretString, KeyError> {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.as_ref().to_owned());
        let (iss, sub) = match &self.kind {
            KeyKind::Team { issuer_id } => (Some(issuer_id.as_str()), None),
            KeyKind::Individual => (None, Some("user")),
        };
        let scope = match scope {
            Scope::ReadOnly(requests) => Some(requests.as_slice()),
            Scope::Full => None,
        };
        let claims = Claims {
            iss,
            sub,
            iat: now.as_second() - BACKDATE.as_secs(),
            exp: now.as_second() + LIFETIME.as_secs(),
            aud: AUDIENCE,
            scope,
        };
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map(SecretString::from)
            .map_err(|_| KeyError::DoesNotSign)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'static str>,
    iat: i64,
    exp: i64,
    aud: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a [String]>,
}

/// What a token may be used for.
///
/// Apple compares a request with the `scope` entries literally, but for the order of parameters and for `limit`, `cursor` and `sort`;
/// entries can only be GETs. How a path with an id in it is matched is not documented, so only the three lists, whose
/// addresses are known before the first request, are ever asked for with a scoped token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// These requests only, `GET /v1/users?include=visibleApps`.
    ReadOnly(Vec<String>),
    /// Whatever the key may do.
    Full,
}

/// Makes tokens and hands the same one out until it nears its end. Nothing is ever written to a disk.
pub struct TokenSource {
    key: ArcSwap<SigningKey>,
    clock: Clock,
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    scope: Scope,
    token: Arc<SecretString>,
    /// By our own clock, whatever the skew.
    until: Timestamp,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("key", &self.key.load()).finish_non_exhaustive()
    }
}

impl TokenSource {
    /// Signs with this key.
    pub fn new(key: SigningKey, clock: Clock) -> Self {
        Self { key: ArcSwap::from_pointee(key), clock, kept: Mutex::new(Vec::new()) }
    }

    /// Of the key now in use.
    pub fn kind(&self) -> KeyKind {
        self.key.load().kind.clone()
    }

    /// Of the key now in use.
    pub fn key_id(&self) -> String {
        self.key.load().key_id().to_owned()
    }

    /// Takes another key from the next token on.
    pub fn swap(&self, key: SigningKey) {
        self.key.store(Arc::new(key));
        self.forget();
    }

    /// Forgets every token, for the retry after a 401: Apple answers some with a valid token, and a fresh one cures both
    /// that and a clock that was set meanwhile.
    pub fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A token for this scope. `skew_seconds` is our clock minus Apple's, where an answer told it.
    ///
    /// # Errors
    /// [`KeyError::DoesNotSign`], which the check while loading makes unlikely.
    pub fn token(&self, scope: &Scope, skew_seconds: Option<i64>) -> Result<Arc<SecretString>, KeyError> {
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep a token alive for longer than it lasts.
        kept.retain(|kept| kept.until > now && kept.until.duration_since(now) <= LIFETIME);
        if let Some(found) = kept.iter().find(|kept| kept.scope == *scope) {
            return Ok(Arc::clone(&found.token));
        }
        let token = Arc::new(self.key.load().sign(scope, corrected(now, skew_seconds))?);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        let until = now.checked_add(LIFETIME - MARGIN).unwrap_or(now);
        kept.push(Kept { scope: scope.clone(), token: Arc::clone(&token), until });
        Ok(token)
    }
}

/// Apple's time. A skew within the back-dating is left alone: the `Date` header has whole seconds and travelled.
fn corrected(now: Timestamp, skew_seconds: Option<i64>) -> Timestamp {
    match skew_seconds {
        Some(skew) if skew.unsigned_abs() > BACKDATE.as_secs().unsigned_abs() / 2 => {
            now.checked_sub(SignedDuration::from_secs(skew)).unwrap_or(now)
        }
        Some(_) | None => now,
    }
}

/// The PKCS#8 bytes of the key, after every form that people put there by mistake has been told apart.
fn private_key(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match pem::private_key(text)? {
        PrivateKey::Pkcs8(der) => p256(der),
        PrivateKey::Sec1(der) => converted(&der),
        PrivateKey::Pkcs1(_) => Err(KeyError::Rsa),
        PrivateKey::BadSec1 => Err(KeyError::Sec1),
    }
}

/// DER of the object ids that the algorithm of a PKCS#8 key is made of (RFC 5480, RFC 8017).
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Passes PKCS#8 of a P-256 key. `SEQUENCE { INTEGER version, SEQUENCE { algorithm, curve }, … }`: the object ids stand within
/// the first bytes, and looking for them tells more than the crypto library's one error for everything.
fn p256(der: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let head = &der[..der.len().min(32)];
    if has(head, RSA_ENCRYPTION) {
        Err(KeyError::Rsa)
    } else if !has(head, EC_PUBLIC_KEY) {
        Err(KeyError::WrongAlgorithm)
    } else if !has(head, PRIME256V1) {
        Err(KeyError::WrongCurve)
    } else {
        Ok(der)
    }
}

/// What the `[0] parameters` of a SEC1 key begin with (RFC 5915); the curve's name is an object id within.
const PARAMETERS: u8 = 0xa0;

/// PKCS#8 around the SEC1 form of a P-256 key, as `openssl pkcs8 -topk8` makes it.
fn converted(sec1: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if !has(sec1, PRIME256V1) {
        return Err(if sec1.contains(&PARAMETERS) { KeyError::WrongCurve } else { KeyError::Sec1 });
    }
    let version = [0x02, 0x01, 0x00];
    let algorithm = tagged(0x30, &[EC_PUBLIC_KEY, PRIME256V1]);
    let key = tagged(0x04, &[sec1]);
    Ok(tagged(0x30, &[&version, &algorithm, &key]))
}

fn has(der: &[u8], id: &[u8]) -> bool {
    der.windows(id.len()).any(|window| window == id)
}

/// One element of DER.
fn tagged(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut der = Zeroizing::new(Vec::with_capacity(length + 4));
    der.push(tag);
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => der.push(short),
        Ok(long) => der.extend([0x81, long]),
        Err(_) => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

#[cfg(test)]
pub(super) mod tests;
