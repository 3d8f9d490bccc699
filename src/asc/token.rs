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
use rustls_pki_types::pem::{self, PemObject, SectionKind};
use secrecy::zeroize::Zeroize;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::clock::Clock;

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

/// The longest key file worth parsing; Apple's has 257 bytes.
const LONGEST_KEY: usize = 64 * 1024;

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
    /// No `-----BEGIN` line.
    #[error("the file is not PEM")]
    NotPem,
    /// PEM that cuts off, or whose base64 or structure is damaged.
    #[error("the key is cut off or damaged")]
    Damaged,
    /// A certificate, a public key or the like.
    #[error("the file holds no private key")]
    NoPrivateKey,
    /// `-----BEGIN EC PRIVATE KEY-----`.
    #[error("the key is in the SEC1 form, not PKCS#8")]
    Sec1,
    /// `-----BEGIN ENCRYPTED PRIVATE KEY-----`.
    #[error("the key is encrypted")]
    Encrypted,
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
            Self::Encrypted => {
                "use the .p8 file as Apple handed it out, or decrypt it: openssl pkcs8 -in KEY -out AuthKey.p8"
            }
            Self::Damaged => {
                "copy the .p8 file again, whole; Apple lets it be downloaded once, so if it is lost make a new key"
            }
            Self::NotPem
            | Self::NoPrivateKey
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
        let mut der = private_key(pem.expose_secret())?;
        let key = EncodingKey::from_ec_der(&der);
        der.zeroize();
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

/// The PKCS#8 bytes of the first section, after every form that people put there by mistake has been told apart.
fn private_key(text: &str) -> Result<Vec<u8>, KeyError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.len() > LONGEST_KEY || !text.contains("-----BEGIN ") {
        return Err(KeyError::NotPem);
    }
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(text.as_bytes()) {
        match section {
            Ok((SectionKind::PrivateKey, der)) => return p256(der),
            Ok((SectionKind::EcPrivateKey, mut der)) => {
                der.zeroize();
                return Err(KeyError::Sec1);
            }
            Ok((SectionKind::RsaPrivateKey, mut der)) => {
                der.zeroize();
                return Err(KeyError::Rsa);
            }
            // The list of kinds is the library's and may grow; whatever it is, it is no private key.
            Ok(_) => {}
            Err(pem::Error::NoItemsFound) => return Err(KeyError::NotPem),
            Err(_) => return Err(KeyError::Damaged),
        }
    }
    Err(KeyError::NoPrivateKey)
}

/// DER of the object ids that the algorithm of a PKCS#8 key is made of (RFC 5480, RFC 8017).
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const PRIME256V1: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Passes PKCS#8 of a P-256 key. `SEQUENCE { INTEGER version, SEQUENCE { algorithm, curve }, … }`: the object ids stand within
/// the first bytes, and looking for them tells more than the crypto library's one error for everything.
fn p256(mut der: Vec<u8>) -> Result<Vec<u8>, KeyError> {
    let head = &der[..der.len().min(32)];
    let has = |id: &[u8]| head.windows(id.len()).any(|window| window == id);
    let error = if has(RSA_ENCRYPTION) {
        KeyError::Rsa
    } else if !is_whole(&der) {
        KeyError::Damaged
    } else if !has(EC_PUBLIC_KEY) {
        KeyError::WrongAlgorithm
    } else if !has(PRIME256V1) {
        KeyError::WrongCurve
    } else {
        return Ok(der);
    };
    der.zeroize();
    Err(error)
}

/// True when the outer sequence is as long as it says.
fn is_whole(der: &[u8]) -> bool {
    let length = match der {
        [0x30, 0x82, high, low, ..] => 4 + (usize::from(*high) << 8 | usize::from(*low)),
        [0x30, 0x81, length, ..] => 3 + usize::from(*length),
        [0x30, length @ 0..=0x7f, ..] => 2 + usize::from(*length),
        _ => return false,
    };
    length == der.len()
}

#[cfg(test)]
pub(super) mod tests;
