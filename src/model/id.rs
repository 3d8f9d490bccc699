//! Ids as types of their own, so that a person's id is never passed for a seat's.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as its owner wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id!(
    /// A person's stable id in the identity provider (SCIM `id`, Graph object id). Opaque, compared exactly.
    PersonId
);
id!(
    /// A group's stable id in the identity provider.
    GroupId
);
id!(
    /// A `users` resource of App Store Connect.
    MemberId
);
id!(
    /// A `userInvitations` resource of App Store Connect. Acceptance makes a member with another id.
    InvitationId
);
id!(
    /// An `apps` resource of App Store Connect.
    AppId
);
id!(
    /// An app's bundle id, as written in rules.
    BundleId
);

/// A seat on the team: a member or an invitation not yet accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "id")]
pub enum SeatId {
    /// Somebody who has accepted.
    #[serde(rename = "users")]
    Member(MemberId),
    /// Somebody who has been asked.
    #[serde(rename = "userInvitations")]
    Invitation(InvitationId),
}

impl SeatId {
    /// The id without its kind.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Member(id) => id.as_str(),
            Self::Invitation(id) => id.as_str(),
        }
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An e-mail address or Apple Account name: shown as written, but for what nobody sees, and compared in one normal form
/// (Unicode NFC, lower case, the domain in its ASCII form). Apple keeps the case an account was made with.
#[derive(Clone)]
pub struct Address {
    written: Arc<str>,
    folded: Arc<str>,
}

impl Address {
    /// Makes an address of any text; whether it can receive mail is the server's to say.
    pub fn new(written: &str) -> Self {
        let written = written.trim();
        if is_normal(written) {
            let written: Arc<str> = written.into();
            return Self { folded: Arc::clone(&written), written };
        }
        let visible = visible(written);
        Self { folded: fold(&visible).into(), written: visible.into() }
    }

    /// The address as its owner wrote it: what an invitation is sent to.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The normal form that comparisons use.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// True when it has the shape `local@domain`, and nothing beside it.
    pub fn is_mail(&self) -> bool {
        self.folded.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain))
    }

    /// True when it was meant to be a mail address, with a name and a host around an `@`, whatever else is in it.
    pub fn resembles_mail(&self) -> bool {
        let says = |part: &str| part.contains(char::is_alphanumeric);
        self.folded.split_once('@').is_some_and(|(local, domain)| says(local) && says(domain))
    }

    /// The normal form with the domain's letters as people read them, where that is another text.
    pub(super) fn readable(&self) -> Option<String> {
        let (local, domain) = self.folded.rsplit_once('@')?;
        if !domain.contains("xn--") {
            return None;
        }
        let (domain, _) = idna::domain_to_unicode(domain);
        Some(format!("{local}@{domain}"))
    }
}

/// The normal form of a display name: without what nobody sees, each blank a plain one, composed letters, lower case.
pub fn folded_name(name: &str) -> String {
    let seen = name.chars().filter(|c| !is_format(*c)).map(|c| if c.is_whitespace() { ' ' } else { c });
    let lower: String = seen.nfc().flat_map(char::to_lowercase).collect();
    lower.trim().to_owned()
}

/// Two display names that differ in nothing that anybody sees but case.
pub fn is_same_name(one: &str, other: &str) -> bool {
    match one.is_ascii() && other.is_ascii() {
        // Asked of each group of a directory, and nearly always so.
        true => one.trim().eq_ignore_ascii_case(other.trim()),
        false => folded_name(one) == folded_name(other),
    }
}

/// Most addresses are in normal form as they come.
fn is_normal(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !byte.is_ascii_uppercase()) && !text.ends_with('.')
}

/// Without what nobody sees: characters that only say how others are shown, blanks around, the dot of the root behind.
fn visible(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_format(*c)).collect();
    let seen = seen.trim();
    let seen = if seen.contains('@') { seen.trim_end_matches('.') } else { seen };
    seen.to_owned()
}

/// Unicode's format characters (Cf), and what is shown as nothing besides.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

fn fold(visible: &str) -> String {
    let lower: String = visible.nfc().flat_map(char::to_lowercase).collect();
    match lower.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => format!("{local}@{}", ascii(domain)),
        Some(_) | None => lower,
    }
}

/// The domain as DNS has it. One that cannot be is left as it is, and is the domain of no address.
fn ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned())
}

fn is_local(local: &str) -> bool {
    let is_sign = |c: char| matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '\\');
    !local.is_empty() && !local.contains(|c: char| c.is_whitespace() || c.is_control() || is_sign(c))
}

fn is_domain(domain: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    domain.split('.').all(|label| !label.is_empty() && label.bytes().all(is_letter))
}

/// As [`Address::new`], of a text that is shared already.
impl From<Arc<str>> for Address {
    fn from(written: Arc<str>) -> Self {
        let is_whole = is_normal(&written) && written.trim().len() == written.len();
        if is_whole { Self { folded: Arc::clone(&written), written } } else { Self::new(&written) }
    }
}
impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}
impl Eq for Address {}
impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}
impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_equal_however_they_are_written() {
        for (one, other) in [
            ("ada@example.com", " Ada@Example.COM "),
            ("ada@example.com", "ada@example.com\u{200b}"),
            ("ada@example.com", "\u{a0}\u{202a}ada@example.com\u{202c}"),
            ("ada@example.com", "ada@example.com."),
            ("ada@xn--bcher-kva.example", "Ada@B\u{dc}CHER.example"),
            ("ada@xn--bcher-kva.example", "ada@bu\u{308}cher.example"),
            ("ada@xn--bcher-kva.example", "ada@b\u{fc}\u{ad}cher.example"),
            ("\u{e9}mile@example.com", "E\u{301}mile@example.com"),
        ] {
            assert_eq!(Address::new(one), Address::new(other), "{other:?}");
            assert_eq!(Address::from(Arc::from(other)), Address::new(one), "{other:?}");
            assert!(Address::new(other).is_mail(), "{other:?}");
        }
        assert_eq!(
            Address::new("\u{feff}Ada@B\u{fc}cher.example\u{200b}").as_str(),
            "Ada@B\u{fc}cher.example"
        );
    }

    #[test]
    fn what_has_another_shape_is_no_mail_address() {
        for text in [
            "",
            "ada",
            "@",
            "ada@",
            "@example.com",
            "ada@@example.com",
            "ada@exa mple.com",
            "ada king@example.com",
            "smtp:ada@example.com",
            "<ada@example.com>",
            "ada@example.com,",
            "ada@.example.com",
            "ada@a\u{fffd}.example",
            "ada@example.com)",
            "\"ada\"@example.com",
        ] {
            assert!(!Address::new(text).is_mail(), "{text:?}");
        }
        assert!(Address::new("o'neil+x@host").is_mail());
    }
}
