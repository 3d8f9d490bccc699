//! What `key_id`, `issuer_id` and `base_url` hold when it is something else: Apple's 401 says nothing of it, so it is told
//! apart here, before anything is sent.

use reqwest::Url;

use crate::model::text::is_unprintable;

/// The team id of developer.apple.com and a team's key id look the same: ten capital letters and digits.
const KEY_LETTERS: usize = 10;
/// Key ids of one person are longer; Apple does not document how long.
const LONGEST_KEY: usize = 16;

/// The form with dashes, which is the only one Apple shows.
const UUID_LENGTH: usize = 36;

/// What a text looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// As it should.
    Right,
    /// Nothing, or blanks.
    Empty,
    /// In quotes of its own; what is between them.
    Quoted(String),
    /// The name or path of a key file, and the key id in it where there is one.
    FileName(Option<String>),
    /// A UUID, as issuer ids are.
    Uuid,
    /// Ten capital letters and digits, as key ids and team ids are.
    Ten,
    /// A key id but for its case.
    LowerCase,
    /// An e-mail address.
    Email,
    /// The key itself, or another secret.
    Secret,
    /// A placeholder that was never filled in.
    Placeholder,
    /// Letters and digits of another length.
    OtherLength,
    /// Nothing known.
    Unknown,
}

impl Looks {
    /// In words, after "is" or "looks like".
    pub(super) fn text(&self) -> &'static str {
        match self {
            Self::Right => "is right",
            Self::Empty => "is empty",
            Self::Quoted(_) => "is in quotes twice",
            Self::FileName(_) => "is the name of a file",
            Self::Uuid => "looks like an issuer id",
            Self::Ten => "looks like a key id or a Team ID",
            Self::LowerCase => "is in lower case",
            Self::Email => "is an e-mail address",
            Self::Secret => "looks like a key or token, not the id of one",
            Self::Placeholder => "is a placeholder",
            Self::OtherLength => "has another length than the 10 characters of a team's key",
            Self::Unknown => "does not look like one",
        }
    }
}

/// Blanks and marks that nobody sees, which are copied along.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_unprintable(c))
}

/// What stands where a key id should.
pub(super) fn key_id(text: &str) -> Looks {
    match shape(text) {
        Looks::Ten => Looks::Right,
        Looks::Unknown if is_alphanumeric(text) => Looks::OtherLength,
        other => other,
    }
}

/// What stands where an issuer id should.
pub(super) fn issuer_id(text: &str) -> Looks {
    match shape(text) {
        Looks::Uuid => Looks::Right,
        other => other,
    }
}

fn shape(text: &str) -> Looks {
    let quotes = ['"', '\'', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'];
    let inner = text.trim_matches(quotes);
    if text.is_empty() {
        Looks::Empty
    } else if inner.len() < text.len() {
        Looks::Quoted(trimmed(inner).to_owned())
    } else if text.contains("-----") || text.starts_with("eyJ") || text.len() > 64 {
        Looks::Secret
    } else if text.contains(['<', '>', '$', '{', '}', '…']) || text.contains("...") {
        Looks::Placeholder
    } else if text.contains(['/', '\\'])
        || has_suffix(text, &[".p8", ".pem", ".key", ".txt"])
        || text.starts_with("AuthKey_")
    {
        Looks::FileName(key_id_of_file(text))
    } else if text.contains('@') {
        Looks::Email
    } else if text.len() == UUID_LENGTH && uuid::Uuid::try_parse(text).is_ok() {
        Looks::Uuid
    } else if is_alphanumeric(text) && text.len() == KEY_LETTERS {
        if text.contains(char::is_lowercase) { Looks::LowerCase } else { Looks::Ten }
    } else {
        Looks::Unknown
    }
}

fn is_alphanumeric(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn has_suffix(text: &str, endings: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    endings.iter().any(|ending| text.ends_with(ending))
}

/// Apple calls it `AuthKey_2X9R4HXF34.p8`, some tools `ApiKey_….p8`.
pub(super) fn key_id_of_file(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let id = stem
        .rsplit('_')
        .next()
        .filter(|id| is_alphanumeric(id) && (KEY_LETTERS..=LONGEST_KEY).contains(&id.len()))?;
    Some(id.to_owned())
}

/// Which of Apple's services a host is, where it is not App Store Connect's API.
pub(super) fn other_service(url: &Url) -> Option<&'static str> {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    match host {
        "api.appstoreconnect.apple.com" => None,
        "api.enterprise.developer.apple.com" => Some(
            "is the Apple Developer Enterprise Program's API, and Enterprise Program teams are not served: it has other roles, and no apps to give access to",
        ),
        "api-business.apple.com" | "api-school.apple.com" => {
            Some("is the API of Apple Business Manager or Apple School Manager, which is another one")
        }
        "appstoreconnect.apple.com" => Some("is the website, not the API"),
        _ if host == "apple.com" || host.ends_with(".apple.com") => {
            Some("is a host of Apple's, but not that of the App Store Connect API")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "57246542-96fe-1a63-e053-0824d011072a";

    #[test]
    fn a_key_id_is_told_from_what_is_pasted_in_its_place() {
        for (text, looks) in [
            ("2X9R4HXF34", Looks::Right),
            ("2X9R4HXF34AB", Looks::OtherLength),
            ("", Looks::Empty),
            (UUID, Looks::Uuid),
            ("\"2X9R4HXF34\"", Looks::Quoted("2X9R4HXF34".to_owned())),
            ("\u{201c}2X9R4HXF34\u{201d}", Looks::Quoted("2X9R4HXF34".to_owned())),
            ("AuthKey_2X9R4HXF34.p8", Looks::FileName(Some("2X9R4HXF34".to_owned()))),
            ("keys/AuthKey_2X9R4HXF34.p8", Looks::FileName(Some("2X9R4HXF34".to_owned()))),
            ("AuthKey_2X9R4HXF34", Looks::FileName(Some("2X9R4HXF34".to_owned()))),
            ("2X9R4HXF34.p8", Looks::FileName(Some("2X9R4HXF34".to_owned()))),
            ("key.p8", Looks::FileName(None)),
            ("2x9r4hxf34", Looks::LowerCase),
            ("ada@example.com", Looks::Email),
            ("-----BEGIN PRIVATE KEY-----", Looks::Secret),
            ("<key id>", Looks::Placeholder),
            ("${KEY_ID}", Looks::Placeholder),
            ("2X9R4HXF3", Looks::OtherLength),
            ("2X9R 4HXF34", Looks::Unknown),
            ("my key", Looks::Unknown),
        ] {
            assert_eq!(key_id(text), looks, "{text}");
        }
    }

    #[test]
    fn an_issuer_id_is_told_from_what_is_pasted_in_its_place() {
        for (text, looks) in [
            (UUID, Looks::Right),
            ("69A6DE70-0000-47E3-E053-5B8C7C11A4D1", Looks::Right),
            ("2X9R4HXF34", Looks::Ten),
            ("'57246542-96fe-1a63-e053-0824d011072a'", Looks::Quoted(UUID.to_owned())),
            ("ada@example.com", Looks::Email),
            ("57246542-96fe-1a63-e053-0824d01107", Looks::Unknown),
            ("5724654296fe1a63e0530824d011072a", Looks::Unknown),
            ("Example Inc", Looks::Unknown),
        ] {
            assert_eq!(issuer_id(text), looks, "{text}");
        }
        assert_eq!(trimmed("\u{feff} \u{a0}2X9R4HXF34\u{200b}\n"), "2X9R4HXF34");
    }

    #[test]
    fn hosts_of_apple_that_are_another_api_are_named() {
        let service = |text: &str| other_service(&Url::parse(text).expect("a URL"));
        assert_eq!(service("https://api.appstoreconnect.apple.com"), None);
        assert_eq!(service("https://proxy.example.com"), None);
        for host in [
            "api.enterprise.developer.apple.com",
            "API.Enterprise.Developer.apple.com",
            "api.enterprise.developer.apple.com.",
        ] {
            let text = service(&format!("https://{host}")).expect("another");
            assert!(text.contains("Enterprise Program teams are not served"), "{text}");
        }
        for host in ["appstoreconnect.apple.com", "developer.apple.com", "api-business.apple.com"] {
            assert!(service(&format!("https://{host}")).is_some(), "{host}");
        }
    }
}
