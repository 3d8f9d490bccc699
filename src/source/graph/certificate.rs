//! The certificate that proves who we are: its thumbprint, its end, and the key that signs assertions.

use std::path::Path;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::spki::AlgorithmIdentifierRef;

use crate::pem::{self, PrivateKey};
use crate::source::SourceError;

/// Seconds an assertion is good for. Short, because one that leaks is a password until then.
const LIFETIME: i64 = 10 * 60;
/// Seconds of clock difference that a fresh assertion survives.
const LEEWAY: i64 = 60;
/// A certificate with its chain is a few KiB.
const LARGEST_PEM: u64 = 1 << 20;

/// A certificate, parsed.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    der: Vec<u8>,
    /// The public key as the certificate holds it (PKCS#1).
    public: Vec<u8>,
    ends: Timestamp,
}

impl Certificate {
    /// Reads the first certificate of a PEM file. It is public, so nothing is asked of the file's mode.
    pub(super) fn read(path: &Path) -> Result<Self, SourceError> {
        let bad = |error: String| SourceError::File { path: path.display().to_string(), error };
        let pem = crate::regular_file::read(path, LARGEST_PEM).map_err(|error| bad(error.to_string()))?;
        Self::from_pem(&pem).map_err(bad)
    }

    fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let der = pem::certificate(&String::from_utf8_lossy(pem))
            .map_err(|error| format!("holds no certificate in PEM form ({error})"))?;
        let parsed =
            x509_cert::Certificate::from_der(&der).map_err(|error| format!("not a certificate: {error}"))?;
        let ends = parsed.tbs_certificate().validity().not_after.to_unix_duration().as_secs();
        let ends = i64::try_from(ends).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let public = parsed.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
        Ok(Self { der, public: public.to_vec(), ends: ends.unwrap_or(Timestamp::MAX) })
    }

    /// When it stops being accepted.
    pub(super) fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Signs with the key once and looks whether the certificate vouches for it: while one of two files is replaced, they do
    /// not belong together, and Entra's answer to that does not say which is wrong.
    pub(super) fn check_key(&self, key: &SecretString) -> Result<(), SourceError> {
        let der = rsa_key(key)?;
        let message = b"rosterd";
        let signed = jsonwebtoken::crypto::sign(message, &EncodingKey::from_rsa_der(&der), Algorithm::PS256)
            .map_err(|_| cannot_sign())?;
        let signature = URL_SAFE_NO_PAD.decode(signed).map_err(|_| cannot_sign())?;
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &self.public)
            .verify(message, &signature)
            .map_err(|_| foreign_key())
    }

    /// A signed assertion for one audience (the token URL). PS256 with a SHA-256 thumbprint is what Microsoft's page on
    /// certificate credentials asks for; the RS256 of before is for AD FS, which has no Graph behind it.
    pub(super) fn assertion(
        &self,
        key: &SecretString,
        client_id: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<SecretString, SourceError> {
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &self.der)));
        let now = now.as_second();
        let claims = Claims {
            aud: audience,
            iss: client_id,
            sub: client_id,
            jti: uuid::Uuid::now_v7().to_string(),
            nbf: now - LEEWAY,
            iat: now,
            exp: now + LIFETIME,
        };
        let key = rsa_key(key)?;
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_rsa_der(&key));
        token.map(SecretString::from).map_err(|_| cannot_sign())
    }
}

/// Claims of a client assertion (Microsoft, "certificate credentials").
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

/// The PKCS#1 form that the signer wants, out of PKCS#1 or PKCS#8.
fn rsa_key(pem: &SecretString) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    match pem::private_key(pem.expose_secret()) {
        Ok(PrivateKey::Pkcs1(der)) => Ok(der),
        Ok(PrivateKey::Pkcs8(der)) => pkcs1_of(&der).ok_or_else(cannot_sign),
        Ok(PrivateKey::Sec1(_) | PrivateKey::BadSec1) => {
            Err(unusable_key("is an elliptic curve key, not an RSA key"))
        }
        Err(error) => Err(unusable_key(&format!("cannot be read: {error}"))),
    }
}

/// The inner key of a PKCS#8 `PrivateKeyInfo` (RFC 5208 §5): version, algorithm, key, then whatever else.
fn pkcs1_of(der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut outer = SliceReader::new(der).ok()?;
    let inner = outer.sequence(|reader| {
        u8::decode(reader)?;
        AlgorithmIdentifierRef::decode(reader)?;
        let key = <&OctetStringRef>::decode(reader)?.as_bytes().to_vec();
        reader.read_slice(reader.remaining_len())?;
        Ok::<_, x509_cert::der::Error>(Zeroizing::new(key))
    });
    inner.ok()
}

fn cannot_sign() -> SourceError {
    unusable_key("cannot sign")
}

fn unusable_key(why: &str) -> SourceError {
    SourceError::Refused {
        what: format!("the private key of [source.graph] {why}"),
        cure: "private_key_file must hold an unencrypted RSA key of at least 2048 bits, as PKCS#8 or PKCS#1 in PEM form",
    }
}

fn foreign_key() -> SourceError {
    SourceError::Refused {
        what: "the private key of [source.graph] does not belong to its certificate".to_owned(),
        cure: "certificate_file and private_key_file must be a pair; when one is replaced, replace the other as well",
    }
}

#[cfg(all(test, feature = "simulator"))]
mod tests {
    use super::*;
    use crate::simulator::graph::ClientCertificate;

    fn generated() -> (ClientCertificate, Timestamp) {
        let ends = "2031-05-01T00:00:00Z".parse().expect("a time");
        (ClientCertificate::generate(ends).expect("randomness"), ends)
    }

    #[test]
    fn the_end_of_a_certificate_is_read_from_it() {
        let (made, ends) = generated();
        assert_eq!(Certificate::from_pem(made.pem.as_bytes()).expect("a certificate").ends(), ends);
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        let (made, _) = generated();
        let cut = made.pem.replace("MII", "AAA");
        for text in ["", "-----BEGIN CERTIFICATE-----", made.key_pem.as_str(), cut.as_str()] {
            assert!(Certificate::from_pem(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_that_cannot_sign_are_refused_with_a_cure() {
        let (made, _) = generated();
        let certificate = Certificate::from_pem(made.pem.as_bytes()).expect("a certificate");
        let sign = |key: &str| {
            let (key, now) = (SecretString::from(key), Timestamp::UNIX_EPOCH);
            certificate.check_key(&key)?;
            certificate.assertion(&key, "client", "https://example.com", now)
        };
        assert!(sign(&made.key_pem).is_ok());
        let cut = made.key_pem.replace("MII", "AAA");
        for key in ["nothing", made.pem.as_str(), cut.as_str()] {
            let error = sign(key).expect_err("no key");
            assert!(error.hint().is_some_and(|hint| hint.contains("private_key_file")), "{error}");
        }
    }

    #[test]
    fn a_pair_that_lost_its_line_ends_signs_in_and_what_is_no_key_is_named() {
        let (made, _) = generated();
        let flat = |text: &str| [text.replace('\n', "\\n"), text.replace('\n', ""), text.replace('\n', " ")];
        for (pem, key) in flat(&made.pem).into_iter().zip(flat(&made.key_pem)) {
            let certificate = Certificate::from_pem(pem.as_bytes()).expect("a certificate");
            certificate.check_key(&SecretString::from(key)).expect("its own");
        }
        let certificate = Certificate::from_pem(made.pem.as_bytes()).expect("a certificate");
        let refused =
            |key: &str| certificate.check_key(&SecretString::from(key)).expect_err("no key").to_string();
        assert!(refused(&made.pem).contains("holds a certificate and no private key"));
        let cut = &made.key_pem[..made.key_pem.len() / 2];
        assert!(refused(cut).contains("cut off"));
        assert!(refused(&cut.replace('\n', "")).contains("line ends are missing"));
        let error = Certificate::from_pem(made.key_pem.as_bytes()).expect_err("a key");
        assert!(error.contains("a private key and no certificate"), "{error}");
    }

    #[test]
    fn a_key_of_another_certificate_is_told_from_one_that_cannot_sign() {
        let ((made, _), (other, _)) = (generated(), generated());
        let certificate = Certificate::from_pem(made.pem.as_bytes()).expect("a certificate");
        certificate.check_key(&SecretString::from(made.key_pem.as_str())).expect("its own");
        let error =
            certificate.check_key(&SecretString::from(other.key_pem.as_str())).expect_err("another's");
        assert!(error.to_string().contains("does not belong"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("a pair")), "{error}");
    }
}
