//! Private keys that are of no use to the program, made anew each time.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

pub(crate) fn p384() -> String {
    let random = SystemRandom::new();
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random).expect("a key");
    pem("PRIVATE KEY", der.as_ref())
}

/// RSA in the same envelope as Apple's keys.
pub(crate) fn rsa() -> String {
    let der = KeyPair::generate(KeySize::Rsa2048).expect("a key").as_der().expect("a key in DER");
    pem("PRIVATE KEY", der.as_ref())
}
