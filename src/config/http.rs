//! `[http]`: where health and metrics are served.

use std::net::SocketAddr;

use serde::Deserialize;

use super::checker::Checker;
use crate::secret::SecretRef;

/// `[http]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct HttpTable {
    /// Address and port; "" turns it off. One that other machines reach needs `bearer_token_file`.
    listen: String,
    /// The file with the token that pages with personal data want.
    bearer_token_file: Option<String>,
}

impl Default for HttpTable {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9748".to_owned(), bearer_token_file: None }
    }
}

/// `[http]`.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `None`: nothing is served.
    pub listen: Option<SocketAddr>,
    /// Needed before any page shows personal data.
    pub bearer_token: Option<SecretRef>,
}

impl HttpTable {
    pub(super) fn check(self, checker: &mut Checker) -> Option<HttpConfig> {
        let wants_token = self.bearer_token_file.is_some();
        let bearer_token = if wants_token {
            checker.secret("http.bearer_token_file", self.bearer_token_file, "")
        } else {
            None
        };
        if self.listen.is_empty() {
            return Some(HttpConfig { listen: None, bearer_token });
        }
        let Ok(listen) = self.listen.parse::<SocketAddr>() else {
            let text = format!("{:?} is no address with a port", self.listen);
            let hint = "write \"127.0.0.1:9748\" or \"[::1]:9748\"; \"\" turns it off; names such as localhost do not work";
            checker.problem("http.listen", text, hint);
            return None;
        };
        if !listen.ip().is_loopback() && !wants_token {
            let text =
                format!("{listen} can be reached from other machines, and there is no bearer_token_file");
            let hint = "name a bearer_token_file in [http], or listen on 127.0.0.1";
            checker.problem("http.listen", text, hint);
        }
        Some(HttpConfig { listen: Some(listen), bearer_token })
    }
}
