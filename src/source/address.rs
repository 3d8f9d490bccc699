//! What directories put where an address should be, taken apart where it can mean one thing only.
//!
//! Directories hand out addresses with the prefix of their store (`smtp:`), as links (`mailto:`), with the name beside
//! them (`Ada King <ada@example.com>`), several in one text, or with characters that nobody sees.

use crate::model::Address;

/// Prefixes that only say that an address follows.
const MAIL_SCHEMES: [&str; 5] = ["smtp", "mailto", "mail", "email", "e-mail"];
/// Signs that open and close a text as a whole.
const QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('«', '»')];

/// Every address that a text holds. What was meant to be one and is none comes back as it was written, so that its
/// person is held for it instead of being taken for somebody without an address; all else (a host, a phone number, the
/// address of another service such as `sip:`) is none.
pub(super) fn addresses_of(text: &str) -> Vec<Address> {
    let whole = Address::new(text);
    // Nearly every text is an address and nothing else.
    if whole.is_mail() {
        return vec![whole];
    }
    if !whole.resembles_mail() {
        return Vec::new();
    }
    match take_apart(whole.as_str()) {
        Some(addresses) => addresses,
        None => vec![whole],
    }
}

/// `None` where something is left that is no address.
fn take_apart(text: &str) -> Option<Vec<Address>> {
    if let Some(reading) = single(text) {
        return Some(reading.into_iter().collect());
    }
    let parts = text.split([',', ';', '\n', '\r', '\t']).map(str::trim).filter(|part| !part.is_empty());
    let mut found = Vec::new();
    for part in parts {
        found.extend(single(part)?);
    }
    Some(found)
}

/// One address, or one that is of another service (`Some(None)`); `None` where it is neither.
fn single(text: &str) -> Option<Option<Address>> {
    let text = unquoted(bracketed(unquoted(text))?);
    let Some((scheme, rest)) = scheme_of(text) else { return Some(Some(mail(text)?)) };
    if !MAIL_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Some(None);
    }
    let rest = unquoted(bracketed(rest.trim_start_matches("//"))?);
    if !scheme.eq_ignore_ascii_case("mailto") {
        return Some(Some(mail(rest)?));
    }
    // A link may go on with a subject, and writes signs of its own as `%40`, which is not worth guessing at.
    let rest = rest.split('?').next().unwrap_or_default();
    if rest.contains('%') { None } else { Some(Some(mail(rest)?)) }
}

fn mail(text: &str) -> Option<Address> {
    Some(Address::new(text)).filter(Address::is_mail)
}

/// What stands before a colon, where that can be the name of a scheme (RFC 3986 §3.1) and no part of an address.
fn scheme_of(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let scheme = scheme.trim();
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'));
    is_scheme.then_some((scheme, rest.trim()))
}

/// `Ada King <ada@example.com>` without the name; `None` where brackets do not enclose the end of the text, and once.
fn bracketed(text: &str) -> Option<&str> {
    let Some((before, rest)) = text.split_once('<') else {
        return (!text.contains('>')).then_some(text);
    };
    let (inner, after) = rest.split_once('>')?;
    let is_one = !inner.contains('<') && after.trim().trim_end_matches([',', ';', '.']).is_empty();
    // A name that is an address itself, and another one, says two things.
    let other = before.split(char::is_whitespace).map(|word| Address::new(word.trim_matches(is_sign)));
    let mut others = other.filter(Address::is_mail);
    (is_one && others.all(|other| other == Address::new(inner))).then_some(inner.trim())
}

fn is_sign(c: char) -> bool {
    matches!(c, '"' | '\'' | '(' | ')' | ',')
}

fn unquoted(text: &str) -> &str {
    let mut text = text.trim();
    for (open, close) in QUOTES {
        let inner = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        text = inner.filter(|inner| !inner.contains([open, close])).map_or(text, str::trim);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let found = addresses_of(text);
        let shown = |address: &Address| match address.is_mail() {
            true => address.as_str().to_owned(),
            false => format!("?{address}"),
        };
        found.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn an_address_is_found_in_whatever_directories_wrap_it() {
        for text in [
            "ada@example.com",
            " ada@example.com\n",
            "\u{a0}ada@example.com\u{a0}",
            "ada@example.com\u{200b}",
            "\u{feff}ada\u{200d}@exam\u{ad}ple.com",
            "ada@example.com.",
            "smtp:ada@example.com",
            "SMTP: ada@example.com",
            "mailto:ada@example.com",
            "MailTo:ada@example.com?subject=Hello",
            "<ada@example.com>",
            "<mailto:ada@example.com>",
            "smtp:<ada@example.com>",
            "Ada King <ada@example.com>",
            "\"King, Ada\" <ada@example.com>",
            "King, Ada <ada@example.com>",
            "ada@example.com <ada@example.com>",
            "\"ada@example.com\"",
            "'ada@example.com'",
            "ada@example.com;",
        ] {
            assert_eq!(read(text), "ada@example.com", "{text:?}");
        }
    }

    #[test]
    fn several_addresses_in_one_text_are_several() {
        for text in [
            "ada@example.com, alan@example.com",
            "ada@example.com;alan@example.com;",
            "smtp:ada@example.com; SMTP:alan@example.com",
            "Ada <ada@example.com>, Alan <alan@example.com>",
            "ada@example.com,sip:ada@example.com,alan@example.com",
        ] {
            assert_eq!(read(text), "ada@example.com alan@example.com", "{text:?}");
        }
    }

    #[test]
    fn what_is_no_mail_address_is_none() {
        for text in [
            "",
            "ada",
            "n/a",
            "-",
            "ada@",
            "@example.com",
            "@",
            "sip:ada@example.com",
            "SIP:ada@example.com",
            "x500:/o=x/cn=a@b",
            "eum:7@x",
        ] {
            assert_eq!(read(text), "", "{text:?}");
        }
    }

    #[test]
    fn what_may_mean_several_things_stays_as_it_was_written() {
        for text in [
            "ada@@example.com",
            "ada king@example.com",
            "ada@example.com alan@example.com",
            "ada@.example.com",
            "ada@example.com <alan@example.com>",
            "<ada@example.com",
            "ada@example.com (old)",
            "mailto:ada%40example.com@x",
            "ada@example.com, not this one @ all",
        ] {
            assert!(read(text).starts_with('?'), "{text:?}: {}", read(text));
        }
    }
}
