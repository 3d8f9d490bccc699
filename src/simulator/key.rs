//! The API key: a P-256 pair, its file as Apple lets it be downloaded, and tokens for tests.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Why no key could be made: the machine has no randomness.
#[derive(Debug, thiserror::Error)]
#[error("no key pair could be made")]
pub struct KeyError;

/// Whose key it is (Apple, "Generating Tokens for API Requests").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Of the team: tokens name the issuer.
    Team {
        /// A UUID.
        issuer: String,
    },
    /// Of one person: tokens say `sub: user` and name no issuer.
    Individual,
}

/// What App Store Connect keeps of a key.
#[derive(Clone, Debug)]
pub(super) struct ApiKey {
    /// Team or individual.
    pub(super) kind: KeyKind,
    /// Ten characters for a team key, twelve for an individual one.
    pub(super) id: String,
    /// The public point, uncompressed.
    pub(super) public: Vec<u8>,
}

/// A fresh pair.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    pem: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// Makes a pair.
    pub fn generate() -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| KeyError)?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref()).map_err(|_| KeyError)?;
        Ok(Self { pair, pem: pem(document.as_ref()) })
    }

    /// The content of `AuthKey.p8`: PKCS#8 in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn public(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    /// The public half as DER (SubjectPublicKeyInfo).
    pub fn public_der(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.pair.public_key().as_der().map_err(|_| KeyError)?.as_ref().to_vec())
    }

    /// Signs any header and claims, right or wrong.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        let coded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", coded(header), coded(claims));
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_| KeyError)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The claims and header of a valid token that starts at `iat` (seconds) and lives `seconds`.
pub(super) fn claims(kind: &KeyKind, key_id: &str, iat: i64, seconds: i64) -> (Value, Value) {
    let header = json!({"alg": "ES256", "kid": key_id, "typ": "JWT"});
    let (iat, exp, aud) = (iat, iat + seconds, "appstoreconnect-v1");
    let claims = match kind {
        KeyKind::Team { issuer } => json!({"iss": issuer, "iat": iat, "exp": exp, "aud": aud}),
        KeyKind::Individual => json!({"sub": "user", "iat": iat, "exp": exp, "aud": aud}),
    };
    (header, claims)
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem
}
