//! PEM as people and secret stores hand it over: line ends written `\n`, turned to blanks or taken out, quotes around it,
//! base64 of the whole file. What can be read without doubt is read; of the rest it is said what is wrong.
//!
//! "Without doubt" is the length that DER carries at its start: text that lost or gained a character does not have it.

mod text;

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;

use self::text::{Block, Layout};

/// A larger text holds no key or certificate. The largest RSA keys have about 13 KB.
const LARGEST: usize = 64 * 1024;
/// Letters of a line of PEM (RFC 7468 §2).
const LINE: usize = 64;

/// base64 with or without its padding, which some stores trim.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// Neither a BEGIN line nor the base64 of a key.
    #[error("the file is not PEM")]
    NotPem,
    /// The lines are there, and what stands between them is not whole.
    #[error("the key is cut off or damaged: {0}")]
    Damaged(Damage),
    /// As [`Self::Damaged`], in a text that has lost its line ends as well.
    #[error("the line ends are missing, and more than they: {0}")]
    Flattened(Damage),
    /// A certificate, a public key or the like.
    #[error("the file holds {0} and no private key")]
    NoPrivateKey(Content),
    /// Something else than a certificate.
    #[error("the file holds {0} and no certificate")]
    NoCertificate(Content),
    /// `-----BEGIN ENCRYPTED PRIVATE KEY-----`, or the older form with a `Proc-Type` line.
    #[error("the key is encrypted")]
    Encrypted,
    /// `-----BEGIN OPENSSH PRIVATE KEY-----`.
    #[error("the key is in OpenSSH's own form")]
    OpenSsh,
    /// Two that differ, so that it would be a guess which one is meant.
    #[error("the file holds several different private keys")]
    Several,
}

/// What is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nothing between the lines.
    Empty,
    /// A character that base64 does not have.
    Letters,
    /// Another length than the key itself says.
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        expected: usize,
    },
    /// base64 of something that is not a key.
    Structure,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing stands between the BEGIN and END lines"),
            Self::Letters => f.write_str("it has characters that do not belong into base64"),
            Self::Length { found, expected } => write!(f, "it has {found} bytes and should have {expected}"),
            Self::Structure => f.write_str("what stands between the BEGIN and END lines is not a key"),
        }
    }
}

/// What a block of PEM is for, by its BEGIN line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `CERTIFICATE`.
    Certificate,
    /// `CERTIFICATE REQUEST`.
    Request,
    /// `PUBLIC KEY`.
    PublicKey,
    /// Any of the private ones.
    PrivateKey,
    /// Whatever else.
    Other,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "a certificate",
            Self::Request => "a certificate request",
            Self::PublicKey => "a public key",
            Self::PrivateKey => "a private key",
            Self::Other => "something else",
        })
    }
}

/// A private key as DER, by the form it is in.
pub(crate) enum PrivateKey {
    /// RFC 5208: version, algorithm, key.
    Pkcs8(Zeroizing<Vec<u8>>),
    /// RFC 8017: an RSA key alone.
    Pkcs1(Zeroizing<Vec<u8>>),
    /// RFC 5915: an elliptic curve key alone.
    Sec1(Zeroizing<Vec<u8>>),
    /// `EC PRIVATE KEY` around something that is not in that form.
    BadSec1,
}

/// Reads the one private key of a text.
///
/// # Errors
/// What is wrong with it; never any of its content.
pub(crate) fn private_key(text: &str) -> Result<PrivateKey, PemError> {
    let found = text::find(text).ok_or(PemError::NotPem)?;
    if found.iter().any(Block::is_encrypted) {
        return Err(PemError::Encrypted);
    }
    let mut keys = found.iter().filter(|block| block.content() == Content::PrivateKey);
    let Some(first) = keys.next() else {
        let content = found.first().map_or(Content::Other, Block::content);
        return Err(PemError::NoPrivateKey(content));
    };
    // A file that was pasted twice holds one key all the same.
    if keys.any(|other| !other.is_same_as(first)) {
        return Err(PemError::Several);
    }
    match first.label.as_str() {
        "OPENSSHPRIVATEKEY" => Err(PemError::OpenSsh),
        "RSAPRIVATEKEY" => Ok(PrivateKey::Pkcs1(first.der().unwrap_or_default())),
        "ECPRIVATEKEY" => {
            Ok(first.der().ok().filter(|der| is_sec1(der)).map_or(PrivateKey::BadSec1, PrivateKey::Sec1))
        }
        label => by_structure(first.der()?).ok_or(match label {
            "" => PemError::NotPem,
            _ => PemError::Damaged(Damage::Structure),
        }),
    }
}

/// Reads the first certificate of a text, as DER.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn certificate(text: &str) -> Result<Vec<u8>, PemError> {
    let found = text::find(text).ok_or(PemError::NotPem)?;
    let is_wanted = |block: &&Block| block.content() == Content::Certificate;
    match (found.iter().find(is_wanted), found.first()) {
        (Some(block), _) => Ok(block.der()?.to_vec()),
        // Without a BEGIN line only the structure tells, which the caller looks at.
        (None, Some(block)) if block.label.is_empty() => Ok(block.der()?.to_vec()),
        (None, first) => Err(PemError::NoCertificate(first.map_or(Content::Other, Block::content))),
    }
}

/// People rename `EC PRIVATE KEY` to `PRIVATE KEY`, and a key without any BEGIN line has only its structure to go by.
fn by_structure(der: Zeroizing<Vec<u8>>) -> Option<PrivateKey> {
    match fields(&der) {
        [0x02, 0x01, 0x01, 0x04, ..] => Some(PrivateKey::Sec1(der)),
        [0x02, 0x01, 0x00, 0x02, ..] => Some(PrivateKey::Pkcs1(der)),
        [0x02, 0x01, 0x00 | 0x01, 0x30, ..] => Some(PrivateKey::Pkcs8(der)),
        _ => None,
    }
}

/// `SEQUENCE { INTEGER 1, OCTET STRING, … }`.
fn is_sec1(der: &[u8]) -> bool {
    fields(der).starts_with(&[0x02, 0x01, 0x01, 0x04])
}

/// What is in the outer sequence.
fn fields(der: &[u8]) -> &[u8] {
    let head = match der {
        [0x30, 0x82, ..] => 4,
        [0x30, 0x81, ..] => 3,
        _ => 2,
    };
    der.get(head..).unwrap_or_default()
}

/// How long the outer sequence says that it is.
fn said_length(der: &[u8]) -> Option<usize> {
    match der {
        [0x30, 0x82, high, low, ..] => Some(4 + (usize::from(*high) << 8 | usize::from(*low))),
        [0x30, 0x81, length, ..] => Some(3 + usize::from(*length)),
        [0x30, length @ 0..=0x7f, ..] => Some(2 + usize::from(*length)),
        _ => None,
    }
}

impl Block {
    fn content(&self) -> Content {
        match self.label.as_str() {
            // No BEGIN line, so what it is shows when it is used.
            "" => Content::PrivateKey,
            "CERTIFICATE" | "X509CERTIFICATE" | "TRUSTEDCERTIFICATE" => Content::Certificate,
            "CERTIFICATEREQUEST" | "NEWCERTIFICATEREQUEST" => Content::Request,
            label if label.ends_with("PUBLICKEY") => Content::PublicKey,
            label if label.ends_with("PRIVATEKEY") => Content::PrivateKey,
            _ => Content::Other,
        }
    }

    fn is_encrypted(&self) -> bool {
        self.label == "ENCRYPTEDPRIVATEKEY" || self.body.contains(",ENCRYPTED")
    }

    fn is_same_as(&self, other: &Self) -> bool {
        self.label == other.label && self.letters() == other.letters()
    }

    /// The base64 alone, in the usual alphabet.
    fn letters(&self) -> Zeroizing<String> {
        let between =
            |c: &char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '\u{feff}' | '\u{200b}');
        let usual = |c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        };
        // Room for all of it beforehand: a text that grows leaves copies of the secret behind.
        let mut letters = Zeroizing::new(String::with_capacity(self.body.len()));
        letters.extend(self.body.chars().filter(|c| !between(c)).map(usual));
        letters
    }

    /// The bytes, whole by their own word.
    fn der(&self) -> Result<Zeroizing<Vec<u8>>, PemError> {
        let wrong = |damage| match self.layout {
            Layout::Lines => PemError::Damaged(damage),
            Layout::Flat => PemError::Flattened(damage),
        };
        let letters = self.letters();
        if letters.is_empty() {
            return Err(wrong(Damage::Empty));
        }
        whole(&letters).or_else(|damage| unshelled(&letters).ok_or_else(|| wrong(damage)))
    }
}

/// The bytes, when there are as many as they say.
fn whole(letters: &str) -> Result<Zeroizing<Vec<u8>>, Damage> {
    let der = decoded(letters).ok_or_else(|| damage(letters))?;
    match said_length(&der) {
        Some(expected) if expected == der.len() => Ok(der),
        Some(expected) => Err(Damage::Length { found: der.len(), expected }),
        None => Err(Damage::Structure),
    }
}

/// Lines of 64 letters with an `n` between them: a shell took the backslashes out of `\n`.
fn unshelled(letters: &str) -> Option<Zeroizing<Vec<u8>>> {
    let lines = letters.strip_prefix('n')?.as_bytes().chunks(LINE + 1);
    let mut kept = Zeroizing::new(String::with_capacity(letters.len()));
    for line in lines {
        kept.push_str(str::from_utf8(line).ok()?.strip_suffix('n')?);
    }
    whole(&kept).ok()
}

/// base64 that lost characters need not be base64 any more, and is still told by its length.
fn damage(letters: &str) -> Damage {
    if letters.bytes().any(|byte| !is_base64(byte)) {
        return Damage::Letters;
    }
    let start = letters.trim_end_matches('=');
    let Some(der) = decoded(&start[..start.len() / 4 * 4]) else { return Damage::Letters };
    match said_length(&der) {
        Some(expected) => Damage::Length { found: der.len(), expected },
        None => Damage::Structure,
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn decoded(letters: &str) -> Option<Zeroizing<Vec<u8>>> {
    BASE64.decode(letters).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests;
