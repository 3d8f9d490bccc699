//! `[app_store_connect]`: the team's API key and its budget.

use jiff::civil::Date;
use reqwest::Url;
use serde::Deserialize;

use super::checker::Checker;
use super::values::Day;
use crate::asc::token::KeyKind;
use crate::secret::SecretRef;

/// `[app_store_connect]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct AppStoreConnectTable {
    /// Whether the key is the team's, which needs `issuer_id`, or one person's.
    key_type: KeyType,
    /// Beside the list of keys in App Store Connect; team keys only, and required for them.
    issuer_id: Option<String>,
    /// The ten characters beside the key. Required.
    key_id: Option<String>,
    /// The `.p8` file that Apple lets one download once. Required.
    private_key_file: Option<String>,
    /// The key's hourly budget, until the server's own header says otherwise.
    #[cfg_attr(test, schemars(range(min = 1, max = 1_000_000)))]
    requests_per_hour: u32,
    /// How much of it is left for other tools on the same key.
    #[cfg_attr(test, schemars(range(max = 99)))]
    reserve_percent: u32,
    /// The origin, without `/v1`; only for tests and proxies.
    base_url: String,
    /// The day the key is to be replaced by your own rules; Apple's keys do not lapse. Warned of beforehand.
    credential_expires: Option<Day>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
enum KeyType {
    /// The team's key, with an issuer.
    Team,
    /// One person's key, which acts as that person.
    Individual,
}

impl Default for AppStoreConnectTable {
    fn default() -> Self {
        Self {
            key_type: KeyType::Team,
            issuer_id: None,
            key_id: None,
            private_key_file: None,
            requests_per_hour: 3600,
            reserve_percent: 50,
            base_url: "https://api.appstoreconnect.apple.com".to_owned(),
            credential_expires: None,
        }
    }
}

/// `[app_store_connect]`.
#[derive(Clone, Debug)]
pub struct AppStoreConnectConfig {
    /// Team keys carry an issuer, individual keys none.
    pub kind: KeyKind,
    /// The ten characters beside the key.
    pub key_id: String,
    /// The `.p8` file.
    pub private_key: SecretRef,
    /// Until the server's own header says otherwise.
    pub requests_per_hour: u32,
    /// Left for other tools on the same key.
    pub reserve_percent: u32,
    /// The origin, without `/v1`.
    pub base_url: Url,
    /// The day the key is to be replaced; Apple's keys do not lapse by themselves.
    pub credential_expires: Option<Date>,
}

impl AppStoreConnectTable {
    pub(super) fn check(self, checker: &mut Checker) -> Option<AppStoreConnectConfig> {
        checker.range("app_store_connect.requests_per_hour", self.requests_per_hour, 1, 1_000_000);
        checker.percent("app_store_connect.reserve_percent", self.reserve_percent, 99);
        let kind = self.kind(checker);
        let key_id = checker.needed("app_store_connect.key_id", &self.key_id, "", "ABC123DEFG");
        let file = self.private_key_file.clone();
        let private_key = checker.secret("app_store_connect.private_key_file", file, "");
        if let (Some(key_id), Some(file)) = (&key_id, &self.private_key_file) {
            compare_names(key_id, file, checker);
        }
        let base_url = checker.url("app_store_connect.base_url", &self.base_url);
        if base_url.as_ref().is_some_and(|url| url.path() != "/") {
            let hint = "write the origin alone, such as \"https://api.appstoreconnect.apple.com\"";
            checker.problem("app_store_connect.base_url", "holds a path", hint);
        }
        Some(AppStoreConnectConfig {
            kind: kind?,
            key_id: key_id?,
            private_key: private_key?,
            requests_per_hour: self.requests_per_hour,
            reserve_percent: self.reserve_percent,
            base_url: base_url?,
            credential_expires: self.credential_expires.map(|day| day.0),
        })
    }

    fn kind(&self, checker: &mut Checker) -> Option<KeyKind> {
        match self.key_type {
            KeyType::Team => {
                let why = ", and key_type is \"team\"";
                let example = "57246542-96fe-1a63-e053-0824d011072a";
                let issuer_id =
                    checker.needed("app_store_connect.issuer_id", &self.issuer_id, why, example)?;
                Some(KeyKind::Team { issuer_id })
            }
            KeyType::Individual => {
                let present = self.issuer_id.is_some();
                checker.unused("app_store_connect.issuer_id", present, "key_type = \"individual\"");
                Some(KeyKind::Individual)
            }
        }
    }
}

/// Apple names the file after the key, so two different names are most often a slip of the hand.
fn compare_names(key_id: &str, file: &str, checker: &mut Checker) {
    let name = file.rsplit('/').next().unwrap_or_default();
    let of_file = name.strip_prefix("AuthKey_").and_then(|rest| rest.strip_suffix(".p8"));
    if let Some(of_file) = of_file.filter(|of_file| *of_file != key_id) {
        let text = format!("is {key_id}, and the file's name says {of_file}");
        checker.warn("app_store_connect.key_id", text);
    }
}
