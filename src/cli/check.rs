//! `check`: the configuration and the files it names, offline.

use std::path::Path;

use super::out::{self, Failure};
use crate::asc::token::SigningKey;
use crate::config::{
    self, Config, EXIT_CODE, GraphAuth, Problem, ScimAuth, SourceConfig, When, duration_text,
};
use crate::engine::wire::graph_auth;
use crate::model::policy::ScopeMode;
use crate::model::text::printable;
use crate::source::SourceError;

/// What `check` found, ready to print.
#[derive(Debug, PartialEq, Eq)]
struct Findings {
    code: u8,
    /// For stdout.
    result: String,
    /// For stderr.
    messages: String,
}

pub(super) fn run(path: &Path) -> Result<u8, Failure> {
    let findings = check(path, config::environment());
    out::message(&findings.messages);
    out::result(&findings.result);
    Ok(findings.code)
}

fn check(path: &Path, env: impl Iterator<Item = (String, String)>) -> Findings {
    let config = match Config::load(path, env) {
        Ok(config) => config,
        Err(problems) => {
            let count = problems.len();
            let sum = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
            let messages = format!("{problems}\n{sum}\n");
            return Findings { code: EXIT_CODE, result: String::new(), messages };
        }
    };
    let mut messages: String = config.warnings.iter().map(|warning| warning_line(warning, path)).collect();
    let mut trouble = Vec::new();
    trouble.extend(key_problem(&config));
    trouble.extend(file_problem(&config));
    trouble.extend(pair_problem(&config));
    for (text, hint) in &trouble {
        messages.push_str(&format!("{}: {text}\n  hint: {hint}\n", path.display()));
    }
    if trouble.is_empty() {
        Findings { code: 0, result: summary(&config), messages }
    } else {
        Findings { code: EXIT_CODE, result: String::new(), messages }
    }
}

fn warning_line(warning: &Problem, path: &Path) -> String {
    format!("warning: {}\n", printable(&warning.line(path)))
}

/// A key that cannot sign is found here rather than by Apple's 401, which does not say why.
fn key_problem(config: &Config) -> Option<(String, String)> {
    let key = "app_store_connect.private_key_file";
    let asc = &config.app_store_connect;
    let pem = match asc.private_key.read() {
        Ok(pem) => pem,
        Err(error) => return Some((format!("{key}: {error}"), error.hint())),
    };
    let error = SigningKey::new(asc.kind.clone(), &asc.key_id, &pem).err()?;
    let text = format!("{key}: {}: {error}", asc.private_key.path().display());
    Some((text, error.hint().to_owned()))
}

/// The directory as a file has to be there; what it holds is for `doctor` and `plan` to say.
fn file_problem(config: &Config) -> Option<(String, String)> {
    let SourceConfig::File(file) = &config.source else { return None };
    let error = std::fs::File::open(&file.path).err()?;
    let text = format!("source.file.path: {}: {error}", file.path.display());
    Some((text, "name a file with a SCIM ListResponse, or with users and groups".to_owned()))
}

/// A certificate and a key that do not fit are found here rather than by Microsoft's answer, which does not say which is wrong.
fn pair_problem(config: &Config) -> Option<(String, String)> {
    let SourceConfig::Graph(graph) = &config.source else { return None };
    let GraphAuth::Certificate { .. } = &graph.auth else { return None };
    let error = graph_auth(graph).check().err()?;
    if matches!(error, SourceError::File { .. }) {
        let hint = "name the certificate in PEM form that was uploaded to the app registration";
        return Some((format!("source.graph.certificate_file: {error}"), hint.to_owned()));
    }
    Some((format!("source.graph.private_key_file: {error}"), error.hint().unwrap_or_default()))
}

fn summary(config: &Config) -> String {
    let lines = [
        ("team", config.name.to_string()),
        ("source", source(config)),
        ("scope", scope(config)),
        ("access", access(config)),
        ("schedule", schedule(config)),
        ("guards", guards(config)),
        ("key", key(config)),
        ("health", config.http.listen.map_or_else(|| "off".to_owned(), |listen| format!("http://{listen}"))),
        ("state", config.state_dir.display().to_string()),
    ];
    let mut text = format!("configuration is good: {}\n", config.path.display());
    let proxy = config.proxy.as_ref().map(|proxy| ("proxy", proxy.to_string()));
    for (name, value) in lines.into_iter().chain(proxy) {
        text.push_str(&format!("  {name:<9} {}\n", printable(&value)));
    }
    text
}

fn source(config: &Config) -> String {
    match &config.source {
        SourceConfig::Scim(scim) => {
            let auth = match &scim.auth {
                ScimAuth::Bearer { .. } => "bearer token",
                ScimAuth::Basic { .. } => "name and password",
                ScimAuth::OAuth2 { .. } => "client credentials",
            };
            format!("SCIM at {}, {auth}", scim.base_url)
        }
        SourceConfig::Graph(graph) => {
            format!("Microsoft Graph at {}, tenant {}", graph.base_url, graph.tenant_id)
        }
        SourceConfig::File(file) => format!("file {}", file.path.display()),
    }
}

fn scope(config: &Config) -> String {
    let mut text = match &config.scope.mode {
        ScopeMode::Groups(groups) => {
            let names: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
            let nested = if config.scope.nested { " and the groups in them" } else { "" };
            format!("members of {}{nested}", names.join(", "))
        }
        ScopeMode::Assigned => "whoever is assigned to the enterprise application".to_owned(),
        ScopeMode::All => "everybody".to_owned(),
    };
    if let Some(filter) = &config.scope.filter {
        text.push_str(&format!(", where {}", filter.as_str()));
    }
    text
}

fn access(config: &Config) -> String {
    let roles = config.access.defaults.roles.iter().flatten();
    let roles: Vec<&str> = roles.map(|role| role.as_str()).collect();
    let rules = match config.access.rules.len() {
        0 => "no rules".to_owned(),
        1 => "1 rule".to_owned(),
        count => format!("{count} rules"),
    };
    format!("{} unless said otherwise, {rules}", roles.join(", "))
}

fn schedule(config: &Config) -> String {
    match &config.schedule.when {
        When::Every(pause) => {
            format!(
                "{} after each cycle, plus up to {} %",
                duration_text(*pause),
                config.schedule.jitter_percent
            )
        }
        When::Cron { line, timezone, .. } => format!("{line} ({timezone})"),
    }
}

fn guards(config: &Config) -> String {
    let guard = &config.guard;
    format!(
        "{} removals or {} % per cycle, {} a day; {} admins at least",
        guard.removals_max, guard.removals_max_percent, guard.removals_max_per_day, guard.admins_min
    )
}

fn key(config: &Config) -> String {
    use crate::asc::token::KeyKind;
    let kind = match &config.app_store_connect.kind {
        KeyKind::Team { .. } => "team",
        KeyKind::Individual => "individual",
    };
    let asc = &config.app_store_connect;
    format!(
        "{kind} key {}, {} requests an hour, {} % kept for others",
        asc.key_id, asc.requests_per_hour, asc.reserve_percent
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    };
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use tempfile::TempDir;

    use super::*;

    const CONFIG: &str = r#"
name = "test"
state_dir = "/var/lib/rosterd"
runtime_dir = "/run/rosterd"
[source]
type = "file"
[source.file]
path = "people.json"
[scope]
groups = ["iOS"]
filter = 'userType eq "Employee"'
[app_store_connect]
issuer_id = "57246542-96fe-1a63-e053-0824d011072a"
key_id = "ABC123DEFG"
private_key_file = "AuthKey.p8"
"#;

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    fn key(algorithm: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
        EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).expect("a key").as_ref().to_vec()
    }

    fn good_key() -> String {
        pem("PRIVATE KEY", &key(&ECDSA_P256_SHA256_FIXED_SIGNING))
    }

    fn checked(config: &str, key: &str, people: bool) -> Findings {
        let folder = TempDir::new().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("config.toml"), config).expect("written");
        fs::write(path("AuthKey.p8"), key).expect("written");
        fs::set_permissions(path("AuthKey.p8"), fs::Permissions::from_mode(0o600)).expect("mode set");
        if people {
            fs::write(path("people.json"), "{}").expect("written");
        }
        let mut findings = check(&path("config.toml"), std::iter::empty());
        for text in [&mut findings.result, &mut findings.messages] {
            *text = text.replace(&format!("{}/", folder.path().display()), "");
        }
        findings
    }

    #[test]
    fn a_good_configuration_is_summed_up() {
        let findings = checked(CONFIG, &good_key(), true);
        assert_eq!((findings.code, findings.messages.as_str()), (0, ""));
        insta::assert_snapshot!(findings.result, @r#"
        configuration is good: config.toml
          team      test
          source    file people.json
          scope     members of "iOS" and the groups in them, where userType eq "Employee"
          access    DEVELOPER unless said otherwise, no rules
          schedule  40m after each cycle, plus up to 10 %
          guards    3 removals or 10 % per cycle, 20 a day; 2 admins at least
          key       team key ABC123DEFG, 3600 requests an hour, 50 % kept for others
          health    http://127.0.0.1:9748
          state     /var/lib/rosterd
        "#);
    }

    #[test]
    fn each_kind_of_useless_key_has_its_own_message() {
        let whole = good_key();
        let cases = [
            (pem("PRIVATE KEY", &key(&ECDSA_P384_SHA384_FIXED_SIGNING)), "on another curve than P-256"),
            (pem("EC PRIVATE KEY", b"sec1"), "SEC1 form"),
            (pem("ENCRYPTED PRIVATE KEY", b"encrypted"), "is encrypted"),
            (pem("RSA PRIVATE KEY", b"rsa"), "an RSA key"),
            (pem("CERTIFICATE", b"certificate"), "no private key"),
            (whole[..whole.len() / 2].to_owned(), "cut off or damaged"),
            ("AuthKey".to_owned(), "not PEM"),
        ];
        for (key, words) in cases {
            let findings = checked(CONFIG, &key, true);
            assert_eq!(findings.code, 78, "{words}");
            let start = "config.toml: app_store_connect.private_key_file: AuthKey.p8: ";
            assert!(findings.messages.starts_with(start), "{}", findings.messages);
            assert!(findings.messages.contains(words), "{words}: {}", findings.messages);
            assert!(findings.messages.contains("\n  hint: "), "{}", findings.messages);
            assert_eq!(findings.result, "");
        }
    }

    #[test]
    fn a_directory_file_that_is_not_there_is_said_beside_the_key() {
        let findings = checked(CONFIG, "AuthKey", false);
        assert_eq!(findings.code, 78);
        assert!(findings.messages.contains("private_key_file"), "{}", findings.messages);
        assert!(
            findings.messages.contains("source.file.path: people.json: No such file"),
            "{}",
            findings.messages
        );
    }

    #[test]
    fn problems_are_counted_and_exit_with_the_code_of_the_contract() {
        let findings = checked(&CONFIG.replace("groups", "grups"), &good_key(), true);
        assert_eq!(findings.code, 78);
        assert!(findings.messages.contains("did you mean groups?"), "{}", findings.messages);
        assert!(findings.messages.ends_with("\n1 problem\n"), "{}", findings.messages);
    }

    #[test]
    fn a_warning_does_not_fail_the_check() {
        let findings = checked(
            &format!("{CONFIG}[source.scim]\nbase_url = \"https://x.example.com\"\n"),
            &good_key(),
            true,
        );
        assert_eq!(findings.code, 0, "{}", findings.messages);
        assert!(findings.messages.starts_with("warning: config.toml:"), "{}", findings.messages);
    }
}
