//! Proxies of the environment. The HTTP client reads them by itself, and one that it cannot use it passes over without a
//! word and goes direct; so they are read here as well, to name them and to refuse what it would pass over.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::Uri;

/// In the order the client looks for them. Without TLS rosterd talks to this machine alone, and never through a proxy, so
/// `HTTP_PROXY` is of no matter.
const FOR_HTTPS: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// A proxy in use for every host that is not this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    variable: String,
    /// Scheme, host and port: name and password stay out.
    address: String,
    /// `NO_PROXY`.
    exceptions: Option<String>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, by {}", self.address, self.variable)?;
        match &self.exceptions {
            Some(hosts) => write!(f, ", except for {hosts}"),
            None => Ok(()),
        }
    }
}

/// A variable that names no proxy which can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadProxy {
    /// The variable.
    pub(crate) variable: String,
    /// What is wrong. Without the value, which may hold a password.
    pub(crate) text: &'static str,
}

/// What to write instead.
pub(crate) const CURE: &str =
    "write http://HOST:PORT, or unset it; with a value it cannot use, the HTTP client would go direct";

/// The proxy of an environment.
///
/// # Errors
/// The first variable that is set and cannot be used.
pub(crate) fn find(env: &BTreeMap<String, String>) -> Result<Option<Proxy>, BadProxy> {
    // Within CGI a request's header could name the proxy, so the client takes none.
    if env.contains_key("REQUEST_METHOD") {
        return Ok(None);
    }
    let set = |names: &[&'static str; 2]| names.iter().find_map(|name| Some((*name, env.get(*name)?.trim())));
    let mut first = None;
    for (variable, text) in FOR_HTTPS.iter().filter_map(set).filter(|(_, text)| !text.is_empty()) {
        let variable = variable.to_owned();
        match address(text) {
            Ok(address) => {
                let exceptions =
                    set(&EXCEPTIONS).map(|(_, hosts)| hosts.to_owned()).filter(|hosts| !hosts.is_empty());
                first.get_or_insert(Proxy { variable, address, exceptions });
            }
            Err(text) => return Err(BadProxy { variable, text }),
        }
    }
    Ok(first)
}

/// As hyper-util's matcher reads it, but that this one has something to say.
fn address(text: &str) -> Result<String, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "is not the address of a proxy")?;
    let scheme = match uri.scheme_str() {
        None | Some("http") => "http",
        Some("https") => "https",
        Some("socks4" | "socks4a" | "socks5" | "socks5h") => {
            return Err("names a SOCKS proxy, which is not supported");
        }
        Some(_) => return Err("has a scheme that no proxy has"),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or("names no host")?;
    let has_bad_port = uri.authority().is_some_and(|whole| {
        let end = whole.as_str().rsplit_once('@').map_or(whole.as_str(), |(_, end)| end);
        end.len() > host.len() && whole.port_u16().is_none_or(|port| port == 0)
    });
    if has_bad_port {
        return Err("has a port that is not one");
    }
    let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{scheme}://{host}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn shown(pairs: &[(&str, &str)]) -> Option<String> {
        find(&env(pairs)).expect("usable").map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_proxy_that_the_client_uses_is_named_without_its_password() {
        for (pairs, text) in [
            (&[][..], None),
            (&[("HTTPS_PROXY", "")], None),
            (&[("HTTP_PROXY", "http://proxy.example.com")], None),
            (
                &[("HTTPS_PROXY", "http://proxy.example.com:3128")],
                Some("http://proxy.example.com:3128, by HTTPS_PROXY"),
            ),
            (
                &[("https_proxy", "proxy.example.com:3128")],
                Some("http://proxy.example.com:3128, by https_proxy"),
            ),
            (&[("ALL_PROXY", "https://proxy.example.com")], Some("https://proxy.example.com, by ALL_PROXY")),
            (&[("HTTPS_PROXY", "http://ada:s3cret@[::1]:3128/")], Some("http://[::1]:3128, by HTTPS_PROXY")),
            (
                &[
                    ("HTTPS_PROXY", "http://a.example.com"),
                    ("all_proxy", "http://b.example.com"),
                    ("NO_PROXY", "example.com, 10.0.0.0/8"),
                ],
                Some("http://a.example.com, by HTTPS_PROXY, except for example.com, 10.0.0.0/8"),
            ),
            (&[("HTTPS_PROXY", "nonsense \u{7f}"), ("REQUEST_METHOD", "GET")], None),
        ] {
            assert_eq!(shown(pairs).as_deref(), text, "{pairs:?}");
        }
    }

    #[test]
    fn what_the_client_would_pass_over_is_refused() {
        for (text, why) in [
            ("not a proxy", "not the address"),
            ("http://", "not the address"),
            ("://proxy.example.com", "scheme"),
            ("http:/proxy.example.com", "not the address"),
            ("/proxy", "names no host"),
            ("http://:3128", "names no host"),
            ("http://proxy.example.com:port", "port"),
            ("http://proxy.example.com:99999", "port"),
            ("socks5://proxy.example.com:1080", "SOCKS"),
            ("ftp://proxy.example.com", "scheme"),
            ("\"http://proxy.example.com:3128\"", "not the address"),
        ] {
            for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                let bad = find(&env(&[(variable, text)])).expect_err(text);
                assert_eq!(bad.variable, variable);
                assert!(bad.text.contains(why), "{text}: {}", bad.text);
            }
        }
        let good = ("HTTPS_PROXY", "http://proxy.example.com");
        assert!(find(&env(&[good, ("ALL_PROXY", "non sense")])).is_err(), "also where another one is used");
    }
}
