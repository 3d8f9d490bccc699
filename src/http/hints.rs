//! What to do when there is no usable answer. The libraries below tell causes in words only, so the words are looked at; a
//! word that is not known costs a hint and decides nothing.

use super::HttpError;

/// Words of a cause, and what to do.
const CAUSES: [(&[&str], &str); 8] = [
    (
        &["lookup address", "dns error", "not known", "no record found"],
        "the host's name has no address: check how the URL is spelt, and this machine's resolver (/etc/resolv.conf)",
    ),
    (
        &["refused"],
        "nothing listens there, or a firewall refuses: check host and port of the URL, and the proxy where there is one",
    ),
    (
        &["unreachable", "no route"],
        "this machine has no way there: check its network, its routes and its firewall",
    ),
    (
        &["unknownissuer", "self-signed", "unknown issuer"],
        "this machine does not trust who signed the server's certificate: install ca-certificates; a company's own belongs into the system's store, for SCIM also into source.scim.ca_file",
    ),
    (
        &["certificate: expired", "certificate expired", "notvalidyet", "not valid yet"],
        "the server's certificate has expired or is not valid yet; if it is good elsewhere, set this machine's clock",
    ),
    (
        &["notvalidforname", "not valid for name"],
        "the server's certificate is for another name: check the host of the URL",
    ),
    (
        &["corrupt message", "invalidcontenttype", "handshake", "protocol version", "wrong version"],
        "what listens there does not speak TLS as it should: check scheme and port of the URL, and any proxy on the way",
    ),
    (
        &["timed out", "deadline"],
        "packets get lost on the way: check this machine's firewall, its network, and the proxy where there is one",
    ),
];

impl HttpError {
    /// What the operator can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotSent { cause, .. } => {
                let cause = cause.to_lowercase();
                let known = CAUSES.iter().find(|(words, _)| words.iter().any(|word| cause.contains(word)));
                known.map_or(
                    "check this machine's network, its proxy, and the address in the URL",
                    |(_, cure)| cure,
                )
            }
            Self::Lost { .. } => {
                "this may pass; if it does not, look for a proxy or load balancer that closes connections"
            }
            Self::Timeout { .. } => "it is overloaded, or a firewall drops what it sends; this may pass",
            Self::TooLarge { .. } => "check the URL; no page of people is that large",
            Self::Redirect { .. } => {
                "write the address it redirects to, if that is the right one; nothing is sent to another host unasked"
            }
            Self::ForeignLink { .. } => {
                "write the address that the provider itself uses, so that its links begin with it"
            }
            Self::NotJson { .. } => {
                "something else answers in its place: check the path of the URL, and any proxy on the way"
            }
            Self::BadId { .. } => {
                "the id is the server's own: have that object made anew, or its id corrected there"
            }
            Self::WaitTooLong { .. } => "its limit is used up, perhaps by others; the next cycle tries again",
            Self::Setup(_) => "correct the URL or the certificates file in the configuration",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_causes_have_the_same_cure() {
        let causes = [
            "failed to lookup address information: Name or service not known",
            "Connection refused (os error 111)",
            "Network is unreachable (os error 101)",
            "invalid peer certificate: UnknownIssuer",
            "invalid peer certificate: certificate expired: verification time 1 (UNIX), but certificate is not valid after 0",
            "invalid peer certificate: certificate not valid for name \"a\"; certificate is only valid for b",
            "received corrupt message of type InvalidContentType",
            "operation timed out",
            "something else",
        ];
        let hint = |cause: &&str| {
            let (place, cause) = ("https://example.com".to_owned(), (*cause).to_owned());
            HttpError::NotSent { place, cause }.hint()
        };
        let cures: std::collections::BTreeSet<&str> = causes.iter().map(hint).collect();
        assert_eq!(cures.len(), causes.len(), "{cures:?}");
    }
}
