use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::pem::{Content, Damage};

const NOON: i64 = 1_795_348_800;

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn generate(algorithm: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key").as_ref().to_vec()
}

/// The SEC1 form of a PKCS#8 key, with the name of its curve, as `openssl ecparam -genkey` writes it.
fn sec1(pkcs8: &[u8], curve: &[u8]) -> Vec<u8> {
    let start = pkcs8.windows(4).position(|four| four == [0x02, 0x01, 0x01, 0x04]).expect("a version");
    let inner = &pkcs8[start..];
    let (secret, public) = inner.split_at(5 + usize::from(inner[4]));
    tagged(0x30, &[secret, &tagged(PARAMETERS, &[curve]), public]).to_vec()
}

/// A fresh key as Apple hands it out, and the public half that checks what it signs.
pub(in crate::asc) fn p8() -> (SecretString, Vec<u8>) {
    let der = generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect("a pair");
    (pem("PRIVATE KEY", &der).into(), pair.public_key().as_ref().to_vec())
}

fn team() -> KeyKind {
    KeyKind::Team { issuer_id: "57246542-96fe-1a63-e053-0824d011072a".into() }
}

/// A team key for tests of other modules.
pub(in crate::asc) fn team_key() -> SigningKey {
    SigningKey::new(team(), "2X9R4HXF34", &p8().0).expect("the key signs")
}

fn parts(token: &SecretString, public: &[u8]) -> (Value, Value) {
    let token = token.expose_secret();
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public)
        .verify(message.as_bytes(), &signature)
        .expect("the signature fits");
    let (header, claims) = message.split_once('.').expect("two parts");
    let decode = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON");
    (decode(header), decode(claims))
}

fn source(kind: KeyKind) -> (TokenSource, Vec<u8>, Clock) {
    let (pem, public) = p8();
    let clock = Clock::manual(Timestamp::from_second(NOON).expect("a time"));
    let key = SigningKey::new(kind, "2X9R4HXF34", &pem).expect("the key signs");
    (TokenSource::new(key, clock.clone()), public, clock)
}

#[test]
fn team_token_names_its_issuer_and_lives_eleven_minutes() {
    let (source, public, _) = source(team());
    let (header, claims) = parts(&source.token(&Scope::Full, None).expect("a token"), &public);
    assert_eq!(header, json!({"alg": "ES256", "kid": "2X9R4HXF34", "typ": "JWT"}));
    let expected = json!({
        "iss": "57246542-96fe-1a63-e053-0824d011072a", "iat": NOON - 60, "exp": NOON + 600, "aud": "appstoreconnect-v1",
    });
    assert_eq!(claims, expected);
}

#[test]
fn individual_token_has_a_subject_and_no_issuer() {
    let (source, public, _) = source(KeyKind::Individual);
    let (_, claims) = parts(&source.token(&Scope::Full, None).expect("a token"), &public);
    assert_eq!(
        claims,
        json!({"sub": "user", "iat": NOON - 60, "exp": NOON + 600, "aud": "appstoreconnect-v1"})
    );
}

#[test]
fn scope_is_written_into_a_token_of_its_own() {
    let (source, public, _) = source(team());
    let full = source.token(&Scope::Full, None).expect("a token");
    let scope = Scope::ReadOnly(vec!["GET /v1/users".into()]);
    let scoped = source.token(&scope, None).expect("a token");
    assert_eq!(parts(&scoped, &public).1["scope"], json!(["GET /v1/users"]));
    assert_eq!(parts(&full, &public).1.get("scope"), None);
}

#[test]
fn token_is_used_again_until_its_last_minute() {
    let (source, _, clock) = source(team());
    let first = source.token(&Scope::Full, None).expect("a token");
    clock.advance(Duration::from_secs(539));
    assert!(Arc::ptr_eq(&first, &source.token(&Scope::Full, None).expect("a token")));
    clock.advance(Duration::from_secs(1));
    assert!(!Arc::ptr_eq(&first, &source.token(&Scope::Full, None).expect("a token")));
}

#[test]
fn forgetting_and_swapping_make_a_new_token() {
    let (source, _, _) = source(team());
    let first = source.token(&Scope::Full, None).expect("a token");
    source.forget();
    let second = source.token(&Scope::Full, None).expect("a token");
    assert!(!Arc::ptr_eq(&first, &second));
    let (pem, public) = p8();
    source.swap(SigningKey::new(KeyKind::Individual, "ABCDEF123456", &pem).expect("a key"));
    let third = source.token(&Scope::Full, None).expect("a token");
    assert_eq!(parts(&third, &public).0["kid"], "ABCDEF123456");
}

#[test]
fn clock_that_was_set_back_does_not_stretch_a_token() {
    let (source, _, _) = source(team());
    let first = source.token(&Scope::Full, None).expect("a token");
    let back = TokenSource {
        key: ArcSwap::new(source.key.load_full()),
        clock: Clock::manual(Timestamp::from_second(NOON - 7200).expect("a time")),
        kept: source.kept,
    };
    assert!(!Arc::ptr_eq(&first, &back.token(&Scope::Full, None).expect("a token")));
}

#[test]
fn issue_time_follows_apples_clock_when_ours_is_off() {
    let check = |skew: i64, iat: i64| {
        let (source, public, _) = source(team());
        let (_, claims) = parts(&source.token(&Scope::Full, Some(skew)).expect("a token"), &public);
        assert_eq!(claims["iat"], iat, "skew {skew}");
        assert_eq!(claims["exp"].as_i64(), Some(iat + 660), "skew {skew}");
    };
    check(0, NOON - 60);
    check(5, NOON - 60);
    check(-30, NOON - 60);
    check(900, NOON - 960);
    check(-900, NOON + 840);
    check(i64::MIN, NOON - 60);
}

const SECP384R1: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

#[test]
fn a_key_of_openssl_signs_as_well_as_one_that_apple_made() {
    let der = generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).expect("a pair");
    let parameters = pem("EC PARAMETERS", PRIME256V1);
    let text = parameters + &pem("EC PRIVATE KEY", &sec1(&der, PRIME256V1));
    for text in [text.clone(), text.replace('\n', ""), text.replace("EC PRIVATE", "PRIVATE")] {
        let key = SigningKey::new(team(), "2X9R4HXF34", &text.into()).expect("the key signs");
        let token = key.sign(&Scope::Full, Timestamp::UNIX_EPOCH).expect("a token");
        parts(&token, pair.public_key().as_ref());
    }
}

#[test]
fn a_hint_to_make_a_new_key_is_given_only_where_the_old_one_may_be_lost() {
    let whole = pem("PRIVATE KEY", &generate(&ECDSA_P256_SHA256_FIXED_SIGNING));
    let error =
        |text: &str| SigningKey::new(team(), "2X9R4HXF34", &SecretString::from(text)).expect_err("damaged");
    let cut = &whole[..whole.len() / 2];
    assert!(error(cut).hint().contains("make a new key"));
    let flat = error(&cut.replace('\n', ""));
    assert!(flat.to_string().starts_with("the line ends are missing"), "{flat}");
    assert!(flat.hint().contains("the key itself may be fine") && !flat.hint().contains("new key"), "{flat}");
}

#[test]
fn every_unusable_key_file_gets_its_own_message() {
    let p256 = generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let rsa = [&[0x30, 0x12, 0x02, 0x01, 0x00, 0x30, 0x0d][..], RSA_ENCRYPTION, &[0x05, 0x00]].concat();
    let ed25519 = Ed25519KeyPair::generate().expect("a key");
    let ed25519: aws_lc_rs::encoding::Pkcs8V1Der<'_> = ed25519.as_der().expect("DER");
    let whole = pem("PRIVATE KEY", &p256);
    let mut flat = p256.clone();
    flat[40..].fill(0);
    let cases = [
        ("", PemError::NotPem.into()),
        ("hunter2", PemError::NotPem.into()),
        (&whole[..whole.len() / 2], PemError::Damaged(Damage::Length { found: 66, expected: 138 }).into()),
        (
            &pem("PRIVATE KEY", &p256[..p256.len() - 9]),
            PemError::Damaged(Damage::Length { found: 129, expected: 138 }).into(),
        ),
        (&whole.replacen('M', "!", 1), PemError::Damaged(Damage::Letters).into()),
        (&pem("PRIVATE KEY", &[]), PemError::Damaged(Damage::Empty).into()),
        (&pem("EC PRIVATE KEY", &p256), KeyError::Sec1),
        (
            &pem("EC PRIVATE KEY", &sec1(&generate(&ECDSA_P384_SHA384_FIXED_SIGNING), SECP384R1)),
            KeyError::WrongCurve,
        ),
        (&pem("ENCRYPTED PRIVATE KEY", &p256), PemError::Encrypted.into()),
        (&pem("RSA PRIVATE KEY", &rsa), KeyError::Rsa),
        (&pem("PRIVATE KEY", &rsa), KeyError::Rsa),
        (&pem("PRIVATE KEY", &generate(&ECDSA_P384_SHA384_FIXED_SIGNING)), KeyError::WrongCurve),
        (&pem("PRIVATE KEY", ed25519.as_ref()), KeyError::WrongAlgorithm),
        (&pem("CERTIFICATE", &p256), PemError::NoPrivateKey(Content::Certificate).into()),
        (&pem("PUBLIC KEY", &p256), PemError::NoPrivateKey(Content::PublicKey).into()),
        (&pem("PRIVATE KEY", &flat), KeyError::DoesNotSign),
    ];
    for (text, expected) in cases {
        let error = SigningKey::new(team(), "2X9R4HXF34", &SecretString::from(text.to_owned()));
        assert_eq!(error.err(), Some(expected), "{text:.60}");
        assert!(!expected.hint().is_empty());
    }
}

#[test]
fn key_files_with_windows_line_ends_or_a_byte_order_mark_work() {
    let (pem, _) = p8();
    let variants = [
        pem.expose_secret().replace('\n', "\r\n"),
        format!("\u{feff}{}", pem.expose_secret()),
        format!("Bag Attributes\n\n{}\n\n", pem.expose_secret()),
    ];
    for text in variants {
        SigningKey::new(team(), "2X9R4HXF34", &text.into()).expect("the key signs");
    }
}

#[test]
fn ids_that_are_blank_are_refused() {
    let (pem, _) = p8();
    let blank = KeyKind::Team { issuer_id: " ".into() };
    assert_eq!(SigningKey::new(team(), " ", &pem).err(), Some(KeyError::NoKeyId));
    assert_eq!(SigningKey::new(blank, "2X9R4HXF34", &pem).err(), Some(KeyError::NoIssuerId));
}

#[test]
fn debug_shows_ids_and_no_key() {
    let (pem, _) = p8();
    let key = SigningKey::new(team(), "2X9R4HXF34", &pem).expect("a key");
    let shown = format!("{key:?} {:?}", TokenSource::new(key.clone(), Clock::System));
    assert!(shown.contains("2X9R4HXF34"));
    let body = pem.expose_secret().lines().nth(1).expect("a line");
    assert!(!shown.contains(&body[..16]) && !shown.contains("content"), "{shown}");
}
