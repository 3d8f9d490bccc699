use base64::engine::general_purpose::{STANDARD as PLAIN, URL_SAFE_NO_PAD};

use super::*;

/// A key that was made for this test.
const GOOD: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggYhPcJUQDjoSNxKQ\n\
    Q/nd4T3EUCglDa9NAOvbJ/tt2FqhRANCAATMQ0A/KQwrTIs5iuHJNUdI5oH3PrFz\n\
    jvPPUelEOIlC+UkYuAAvXOWjzluuSzE94UzEmvazMSJBzd3qxJPStwsU\n\
    -----END PRIVATE KEY-----\n";

fn read(text: &str) -> Result<Vec<u8>, PemError> {
    match private_key(text)? {
        PrivateKey::Pkcs8(der) | PrivateKey::Pkcs1(der) | PrivateKey::Sec1(der) => Ok(der.to_vec()),
        PrivateKey::BadSec1 => Ok(Vec::new()),
    }
}

fn body() -> String {
    GOOD.lines().filter(|line| !line.starts_with('-')).collect()
}

#[test]
fn a_key_is_read_in_every_form_that_secret_stores_hand_over() {
    let good = read(GOOD).expect("a key");
    let encoded = PLAIN.encode(GOOD);
    let wrapped: Vec<&str> =
        encoded.as_bytes().chunks(76).map(|line| str::from_utf8(line).expect("ASCII")).collect();
    let forms = [
        ("CRLF", GOOD.replace('\n', "\r\n")),
        ("CR", GOOD.replace('\n', "\r")),
        ("no last line end", GOOD.trim_end().to_owned()),
        ("blank lines", GOOD.replace('\n', "\n\n")),
        ("a byte order mark", format!("\u{feff}{GOOD}")),
        ("indented", GOOD.replace('\n', "\n    ")),
        ("written line ends", GOOD.replace('\n', "\\n")),
        ("written CRLF", GOOD.replace('\n', "\\r\\n")),
        ("written twice over", GOOD.replace('\n', "\\\\n")),
        ("written line ends without their backslashes", GOOD.trim_end().replace('\n', "n")),
        ("blanks", GOOD.replace('\n', " ")),
        ("tabs", GOOD.replace('\n', "\t")),
        ("one line", GOOD.replace('\n', "")),
        ("no blanks either", GOOD.replace(['\n', ' '], "")),
        ("blanks turned to line ends", GOOD.replace(' ', "\n")),
        ("continued lines", GOOD.replace('\n', "\\\n")),
        ("quotes", format!("\"{}\"", GOOD.trim_end())),
        ("single quotes, one line", format!("'{}'", GOOD.replace('\n', ""))),
        ("quotes round each line", GOOD.lines().map(|line| format!("\"{line}\"\n")).collect()),
        ("a JSON text", serde_json::to_string(GOOD).expect("JSON")),
        ("a JSON text with slashes escaped", serde_json::to_string(GOOD).expect("JSON").replace('/', "\\/")),
        ("a JSON text with escaped letters", GOOD.replace('\n', "\\u000a").replace('+', "\\u002B")),
        ("a JSON object", serde_json::json!({"key_id": "X", "key": GOOD}).to_string()),
        ("an address", GOOD.replace('+', "%2B").replace('\n', "%0A").replace(' ', "%20")),
        ("base64", encoded.clone()),
        ("base64 in lines", wrapped.join("\n")),
        ("base64 without padding", encoded.trim_end_matches('=').to_owned()),
        ("base64 in quotes", format!("\"{encoded}\"")),
        ("base64 of one line", PLAIN.encode(GOOD.replace('\n', "\\n"))),
        ("base64 for addresses", URL_SAFE_NO_PAD.encode(GOOD)),
        ("base64 twice", PLAIN.encode(&encoded)),
        ("base64 with a byte order mark inside", PLAIN.encode(format!("\u{feff}{GOOD}"))),
        ("no BEGIN line", GOOD.split_once('\n').expect("lines").1.to_owned()),
        ("no END line", GOOD.split("-----END").next().expect("a part").to_owned()),
        ("neither", body()),
        ("two BEGIN lines", format!("-----BEGIN PRIVATE KEY-----\n{GOOD}")),
        ("two END lines", format!("{GOOD}-----END PRIVATE KEY-----\n")),
        ("twice", format!("{GOOD}{GOOD}")),
        (
            "a dash short",
            GOOD.trim_start_matches('-').replace("BEGIN", "----BEGIN").replace("KEY-----\n", "KEY----\n"),
        ),
        ("joined dashes", GOOD.replace("-----", "\u{2014}\u{2014}-")),
        ("words around", format!("Bag Attributes\n    friendlyName: x\n{GOOD}\nthat is all\n")),
        ("base64 for addresses between the lines", GOOD.replace('+', "-").replace('/', "_")),
    ];
    for (what, text) in forms {
        assert_eq!(read(&text).as_ref(), Ok(&good), "{what}: {text}");
    }
}

#[test]
fn what_is_not_whole_is_told_with_what_is_missing() {
    let length = |found| Damage::Length { found, expected: 138 };
    let cut = &GOOD[..GOOD.len() / 2];
    let short = GOOD.replacen("QQggYhP", "QQg", 1);
    let cases = [
        ("cut off", cut.to_owned(), PemError::Damaged(length(66))),
        ("cut off in one line", cut.replace('\n', ""), PemError::Flattened(length(66))),
        ("a few characters short", short.clone(), PemError::Damaged(length(135))),
        ("the same in one line", short.replace('\n', "\\n"), PemError::Damaged(length(135))),
        ("plus turned to blanks", GOOD.replace('+', " "), PemError::Damaged(length(137))),
        ("strange letters", GOOD.replacen("GHA", "G!A", 1), PemError::Damaged(Damage::Letters)),
        ("an ellipsis", GOOD.replacen("GHA", "G…A", 1), PemError::Damaged(Damage::Letters)),
        (
            "nothing",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----".to_owned(),
            PemError::Damaged(Damage::Empty),
        ),
        ("no key", GOOD.replacen("MIGH", "AAAA", 1), PemError::Damaged(Damage::Structure)),
    ];
    for (what, text, expected) in cases {
        assert_eq!(read(&text), Err(expected), "{what}: {text}");
    }
}

#[test]
fn what_is_no_private_key_is_named() {
    let labelled = |label: &str| GOOD.replace("PRIVATE KEY", label);
    for (label, expected) in [
        ("CERTIFICATE", PemError::NoPrivateKey(Content::Certificate)),
        ("CERTIFICATE REQUEST", PemError::NoPrivateKey(Content::Request)),
        ("PUBLIC KEY", PemError::NoPrivateKey(Content::PublicKey)),
        ("RSA PUBLIC KEY", PemError::NoPrivateKey(Content::PublicKey)),
        ("PKCS7", PemError::NoPrivateKey(Content::Other)),
        ("ENCRYPTED PRIVATE KEY", PemError::Encrypted),
        ("OPENSSH PRIVATE KEY", PemError::OpenSsh),
    ] {
        let text = labelled(label);
        for text in [text.clone(), text.replace('\n', " "), PLAIN.encode(&text)] {
            assert_eq!(read(&text), Err(expected), "{label}");
        }
    }
    let old =
        GOOD.replacen("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n", 1);
    assert_eq!(read(&old), Err(PemError::Encrypted));
    let other = GOOD.replacen("QQggYhP", "QQggYhQ", 1);
    assert_eq!(read(&format!("{GOOD}{other}")), Err(PemError::Several));
    for text in [
        "",
        "hunter2",
        "AuthKey_2X9R4HXF34.p8",
        "BEGIN PRIVATE KEY",
        "aHVudGVyMg==",
        "<html></html>",
        "\\",
        "%",
        "--",
    ] {
        assert_eq!(read(text), Err(PemError::NotPem), "{text}");
    }
    assert_eq!(read(&"A".repeat(LARGEST + 1)), Err(PemError::NotPem));
}

#[test]
fn a_certificate_is_read_by_its_line_and_a_key_in_its_place_is_named() {
    let certificate_text = GOOD.replace("PRIVATE KEY", "CERTIFICATE");
    for text in [
        certificate_text.clone(),
        certificate_text.replace('\n', "\\n"),
        format!("{GOOD}{certificate_text}"),
        body(),
    ] {
        assert_eq!(certificate(&text), read(GOOD), "{text}");
    }
    assert_eq!(certificate(GOOD), Err(PemError::NoCertificate(Content::PrivateKey)));
}
