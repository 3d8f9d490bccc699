//! Ids in paths: checked and encoded here and nowhere else, for every peer.
//!
//! URL parsers take `.` and `..` for steps, so that a seat with such an id would be `/v1/users`, the whole list; and they drop
//! line ends and tabs. Everything that is not a plain letter is therefore encoded before a parser sees it, and what cannot be
//! encoded is refused.

use std::fmt::Write as _;

use reqwest::Url;

use super::HttpError;

/// Characters shown of an id.
const SHOWN: usize = 80;

/// An id as one segment of a path.
///
/// # Errors
/// [`HttpError::BadId`] for `.`, `..` and nothing at all.
pub fn segment(id: &str) -> Result<String, HttpError> {
    if matches!(id, "" | "." | "..") {
        return Err(bad(id));
    }
    Ok(encoded(id))
}

/// Letters, digits and the few marks that every server takes as they are (OData writes some of its paths with them).
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b',' | b'(' | b')' | b'=' | b'$' | b'\'' => {
                out.push(char::from(byte))
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The address of these segments below a base, without a query.
///
/// # Errors
/// [`HttpError::BadId`] as [`segment`].
pub fn below(base: &Url, segments: &[&str]) -> Result<Url, HttpError> {
    let mut path = base.path().trim_end_matches('/').to_owned();
    for id in segments {
        path.push('/');
        path.push_str(&segment(id)?);
    }
    let mut url = base.clone();
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    // The parser has taken it as it is.
    if url.path() == path { Ok(url) } else { Err(bad(&segments.join("/"))) }
}

fn bad(id: &str) -> HttpError {
    HttpError::BadId { id: id.chars().take(SHOWN).collect() }
}

/// True when a path leads below a base's and takes no step back on the way, also not for a server that decodes it first.
pub fn is_below(base: &Url, url: &Url) -> bool {
    let prefix = format!("{}/", base.path().trim_end_matches('/'));
    let Some(rest) = url.path().strip_prefix(&prefix).filter(|rest| !rest.is_empty()) else { return false };
    let decoded = rest.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    decoded.split('/').all(|step| !matches!(step, "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://api.example.com/scim/v2/?tenant=1#x").expect("a URL")
    }

    #[test]
    fn an_id_is_one_segment_whatever_it_holds() {
        for (id, path) in [
            ("u-1", "/scim/v2/Users/u-1"),
            ("../apps/1?x=y#z", "/scim/v2/Users/..%2Fapps%2F1%3Fx=y%23z"),
            ("a\r\n\tb", "/scim/v2/Users/a%0D%0A%09b"),
            ("a\\b", "/scim/v2/Users/a%5Cb"),
            (".%2e", "/scim/v2/Users/.%252e"),
            ("%2E%2e", "/scim/v2/Users/%252E%252e"),
            ("...", "/scim/v2/Users/..."),
            (" ..", "/scim/v2/Users/%20.."),
            ("..\n", "/scim/v2/Users/..%0A"),
            ("\u{e9}@example.com", "/scim/v2/Users/%C3%A9%40example.com"),
        ] {
            let url = below(&base(), &["Users", id]).expect("an address");
            assert_eq!((url.path(), url.query(), url.fragment()), (path, None, None), "{id:?}");
            assert_eq!(Url::parse(url.as_str()).expect("the same"), url, "{id:?}");
        }
        for id in ["", ".", ".."] {
            let error = below(&base(), &["Users", id]).expect_err("refused");
            assert_eq!(error.to_string(), format!("nothing can be asked for by the id {id:?}"));
            assert!(!error.was_sent());
        }
    }

    #[test]
    fn a_path_is_below_a_base_only_without_a_step_back() {
        let base = Url::parse("https://graph.example.com/v1.0").expect("a URL");
        for (path, expected) in [
            ("/v1.0/users?$skiptoken=1", true),
            ("/v1.0/users/a..b", true),
            ("/v1.0", false),
            ("/v1.0/", false),
            ("/v1.0/users/..", false),
            ("/v1.0x/users", false),
            ("/beta/users", false),
            ("/v1.0/../beta/users", false),
            ("/v1.0/%2e%2e/beta/users", false),
            ("/v1.0/..%2Fbeta/users", false),
            ("/v1.0/users%2f..%2F..%5cbeta", false),
        ] {
            let url = base.join(path).expect("a URL");
            assert_eq!(is_below(&base, &url), expected, "{path}");
        }
    }
}
