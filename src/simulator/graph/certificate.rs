//! A certificate and its key as an administrator makes them for an app registration, so that tests need no files of keys.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Why there is no certificate: the machine has no randomness.
#[derive(Debug, thiserror::Error)]
#[error("no certificate could be made")]
pub struct CertificateError;

/// A self-signed certificate of a fresh RSA key.
pub struct ClientCertificate {
    /// What is uploaded to the app registration.
    pub der: Vec<u8>,
    /// The same in PEM: `certificate_file`.
    pub pem: String,
    /// `private_key_file`: PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

impl ClientCertificate {
    /// Makes a key and a certificate (RFC 5280 §4.1) for it that is good from 2026 until a given time.
    pub fn generate(ends: Timestamp) -> Result<Self, CertificateError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| CertificateError)?;
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).map_err(|_| CertificateError)?;
        let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(|_| CertificateError)?;
        let body = body(ends, public.as_ref());
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &body, &mut signature)
            .map_err(|_| CertificateError)?;
        // The leading zero is the number of unused bits.
        signature.insert(0, 0);
        let der = sequence(&[body, sha256_with_rsa(), tagged(0x03, &signature)]);
        let (pem, key_pem) = (pem("CERTIFICATE", &der), pem("PRIVATE KEY", private.as_ref()));
        Ok(Self { der, pem, key_pem })
    }
}

fn body(ends: Timestamp, public: &[u8]) -> Vec<u8> {
    let common_name = sequence(&[vec![0x06, 3, 0x55, 4, 3], tagged(0x0c, b"rosterd")]);
    let name = sequence(&[tagged(0x31, &common_name)]);
    let time = |at: &str| tagged(0x18, at.as_bytes());
    let ends = ends.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string();
    sequence(&[
        tagged(0xa0, &tagged(0x02, &[2])),
        tagged(0x02, &[1]),
        sha256_with_rsa(),
        name.clone(),
        sequence(&[time("20260101000000Z"), time(&ends)]),
        name,
        public.to_vec(),
    ])
}

/// 1.2.840.113549.1.1.11 (RFC 4055 §5).
fn sha256_with_rsa() -> Vec<u8> {
    sequence(&[vec![0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], vec![0x05, 0]])
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// Tag, length and content in DER.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut all = vec![tag];
    match length.as_slice() {
        [] => all.push(0),
        [short] if *short < 0x80 => all.push(*short),
        long => {
            all.push(0x80 | u8::try_from(long.len()).unwrap_or(8));
            all.extend(long);
        }
    }
    all.extend(content);
    all
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: String =
        text.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
    format!("-----BEGIN {label}-----\n{lines}-----END {label}-----\n")
}
