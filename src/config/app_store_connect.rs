//! `[app_store_connect]`: the team's API key and its budget.

use jiff::civil::Date;
use reqwest::Url;
use serde::Deserialize;

use super::apple::{self, Looks};
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
        let ids = Ids::of(&self, checker);
        let file = self.private_key_file.clone();
        let private_key = checker.secret("app_store_connect.private_key_file", file, "");
        if let (Some(ids), Some(file)) = (&ids, &self.private_key_file) {
            compare_names(&ids.key_id, file, checker);
        }
        let base_url = self.origin(checker);
        let Ids { kind, key_id } = ids?;
        Some(AppStoreConnectConfig {
            kind,
            key_id,
            private_key: private_key?,
            requests_per_hour: self.requests_per_hour,
            reserve_percent: self.reserve_percent,
            base_url: base_url?,
            credential_expires: self.credential_expires.map(|day| day.0),
        })
    }

    fn origin(&self, checker: &mut Checker) -> Option<Url> {
        let key = "app_store_connect.base_url";
        let url = checker.url(key, &self.base_url)?;
        let hint = "write the origin alone, such as \"https://api.appstoreconnect.apple.com\"";
        if let Some(service) = apple::other_service(&url) {
            let text = format!("{} {service}", url.host_str().unwrap_or_default());
            checker.problem(key, text, "remove base_url, or write \"https://api.appstoreconnect.apple.com\"");
        } else if url.path() != "/" {
            checker.problem(key, "holds a path", hint);
        }
        Some(url)
    }
}

/// Who signs, once both ids look like what they should be.
struct Ids {
    kind: KeyKind,
    key_id: String,
}

const KEY_ID: &str = "app_store_connect.key_id";
const ISSUER_ID: &str = "app_store_connect.issuer_id";

impl Ids {
    fn of(table: &AppStoreConnectTable, checker: &mut Checker) -> Option<Self> {
        let issuer_id = Self::issuer(table, checker);
        let key_id = checker.needed(KEY_ID, &table.key_id, "", "ABC123DEFG");
        let key_id = key_id.map(|id| apple::trimmed(&id).to_owned());
        match (&issuer_id, &key_id) {
            (Some(Some(issuer)), Some(key)) if are_swapped(key, issuer) => {
                let text = format!(
                    "{key:?} looks like an issuer id, and issuer_id {issuer:?} like a key id: they are swapped"
                );
                let hint = format!("write key_id = {issuer:?} and issuer_id = {key:?}");
                checker.problem(KEY_ID, text, hint);
            }
            (issuer, key) => {
                if let Some(Some(issuer)) = issuer {
                    judge_issuer(issuer, checker);
                }
                if let Some(key) = key {
                    judge_key(key, table.key_type, checker);
                }
            }
        }
        let kind = issuer_id?.map_or(KeyKind::Individual, |issuer_id| KeyKind::Team { issuer_id });
        Some(Self { kind, key_id: key_id? })
    }

    /// `Some(None)` for individual keys, which have none.
    fn issuer(table: &AppStoreConnectTable, checker: &mut Checker) -> Option<Option<String>> {
        match table.key_type {
            KeyType::Team => {
                let why = ", and key_type is \"team\"";
                let example = "57246542-96fe-1a63-e053-0824d011072a";
                let issuer_id = checker.needed(ISSUER_ID, &table.issuer_id, why, example)?;
                Some(Some(apple::trimmed(&issuer_id).to_owned()))
            }
            KeyType::Individual => {
                checker.unused(ISSUER_ID, table.issuer_id.is_some(), "key_type = \"individual\"");
                Some(None)
            }
        }
    }
}

/// Each looks like the other, quotes around or not.
fn are_swapped(key: &str, issuer: &str) -> bool {
    apple::key_id(key) == Looks::Uuid && apple::issuer_id(issuer) == Looks::Ten
}

fn judge_key(text: &str, kind: KeyType, checker: &mut Checker) {
    let looks = apple::key_id(text);
    let hint = match &looks {
        Looks::Right => return,
        Looks::OtherLength => return warn_of_length(text, kind, checker),
        Looks::Quoted(inner) => format!("write key_id = {inner:?}"),
        Looks::FileName(Some(id)) => format!("write the part of it that is the key id: key_id = {id:?}"),
        Looks::LowerCase => format!("write key_id = {:?}", text.to_uppercase()),
        Looks::Uuid => "write the ten letters and digits beside the key in Users and Access > Integrations; the issuer id belongs into issuer_id".to_owned(),
        Looks::Empty
        | Looks::FileName(None)
        | Looks::Ten
        | Looks::Email
        | Looks::Secret
        | Looks::Placeholder
        | Looks::Unknown => {
            "write the ten capital letters and digits beside the key in Users and Access > Integrations".to_owned()
        }
    };
    checker.problem(KEY_ID, told(text, &looks), hint);
}

fn judge_issuer(text: &str, checker: &mut Checker) {
    let looks = apple::issuer_id(text);
    let place = "the issuer id above the list in Users and Access > Integrations > Team Keys";
    let hint = match &looks {
        Looks::Right => return,
        Looks::Quoted(inner) => format!("write issuer_id = {inner:?}"),
        Looks::Empty
        | Looks::FileName(_)
        | Looks::Uuid
        | Looks::Ten
        | Looks::LowerCase
        | Looks::Email
        | Looks::Secret
        | Looks::Placeholder
        | Looks::OtherLength
        | Looks::Unknown => format!("write {place}; it looks like 57246542-96fe-1a63-e053-0824d011072a"),
    };
    checker.problem(ISSUER_ID, told(text, &looks), hint);
}

/// What was pasted may be a secret, so only what cannot be one is repeated.
fn told(text: &str, looks: &Looks) -> String {
    match looks {
        Looks::Empty | Looks::Secret | Looks::OtherLength | Looks::Unknown => looks.text().to_owned(),
        Looks::Right
        | Looks::Quoted(_)
        | Looks::FileName(_)
        | Looks::Uuid
        | Looks::Ten
        | Looks::LowerCase
        | Looks::Email
        | Looks::Placeholder => format!("{text:?} {}", looks.text()),
    }
}

/// Individual keys have longer ids than team keys. Apple documents neither length, so this is no error; its 401 for a key of
/// the other kind does not say so.
fn warn_of_length(key_id: &str, kind: KeyType, checker: &mut Checker) {
    if kind == KeyType::Team {
        let text = format!(
            "has {} characters, and key ids of teams have 10; for an individual key write key_type = \"individual\" and remove issuer_id",
            key_id.len()
        );
        checker.warn(KEY_ID, text);
    }
}

/// Apple names the file after the key, so two different names are most often a slip of the hand.
fn compare_names(key_id: &str, file: &str, checker: &mut Checker) {
    let name = file.rsplit('/').next().unwrap_or_default();
    let of_file = name.strip_prefix("AuthKey_").and_then(|rest| rest.strip_suffix(".p8"));
    // Where the key id is no such thing, that was said already.
    let of_file = of_file.filter(|_| matches!(apple::key_id(key_id), Looks::Right | Looks::OtherLength));
    if let Some(of_file) = of_file.filter(|of_file| *of_file != key_id) {
        let text = format!("is {key_id}, and the file's name says {of_file}");
        checker.warn("app_store_connect.key_id", text);
    }
}
