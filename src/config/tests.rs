//! Whole configurations: what is read, what is refused, and in which words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::SignedDuration;
use tempfile::TempDir;

use super::keys::{KEYS, Kind};
use super::*;
use crate::model::Role;
use crate::model::policy::{Combine, OnLeave, ScopeMode};

mod reference;

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// The least that is a configuration, in pieces that a case can replace.
const MINIMAL: &str = r#"
name = "test"
state_dir = "/var/lib/rosterd"
runtime_dir = "/run/rosterd"
[source]
type = "scim"
[source.scim]
base_url = "https://idp.example.com/scim/v2/"
token_file = "token"
[scope]
groups = ["iOS"]
[app_store_connect]
issuer_id = "57246542-96fe-1a63-e053-0824d011072a"
key_id = "ABC123DEFG"
private_key_file = "AuthKey.p8"
"#;

/// A folder with made-up secrets and one configuration.
struct Folder(TempDir);

impl Folder {
    fn new(text: &str) -> Self {
        let folder = Self(TempDir::new().expect("a folder"));
        for name in ["token", "scim-token", "AuthKey.p8", "secret", "webhook"] {
            folder.write(name, "made-up", 0o600);
        }
        folder.write("config.toml", text, 0o644);
        folder
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode set");
    }

    fn load(&self, env: &[(&str, &str)]) -> Result<Config, String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let path = self.0.path().join("config.toml");
        // The folder's name is another each time.
        Config::load(&path, env)
            .map_err(|problems| problems.to_string().replace(&format!("{}/", self.0.path().display()), ""))
    }
}

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, String> {
    Folder::new(text).load(env)
}

/// Loads [`MINIMAL`] with further lines, which may replace its own.
fn minimal_with(lines: &str) -> Result<Config, String> {
    load(&replace(lines), &[])
}

/// Puts `[table]` blocks into [`MINIMAL`]: a key there takes the place of the same key here.
fn replace(lines: &str) -> String {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let mut rest = String::new();
    for text in [MINIMAL, lines] {
        let mut table = String::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with("[[") || table == "[[" {
                table = "[[".to_owned();
                rest.push_str(line);
                rest.push('\n');
                continue;
            }
            if line.starts_with('[') {
                table = line.to_owned();
            }
            if !order.contains(&table) {
                order.push(table.clone());
            }
            if line.starts_with('[') {
                continue;
            }
            let key = line.split('=').next().unwrap_or_default().trim().to_owned();
            let lines = tables.entry(table.clone()).or_default();
            lines.retain(|other| other.split('=').next().unwrap_or_default().trim() != key);
            if !line.trim_end().ends_with("= -") {
                lines.push(line.to_owned());
            }
        }
    }
    order.sort_by_key(|table| !table.is_empty());
    let mut text = String::new();
    for table in order {
        text.push_str(&table);
        text.push('\n');
        for line in tables.remove(&table).unwrap_or_default() {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text + &rest
}

fn refused(result: Result<Config, String>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(problems) => problems,
    }
}

#[test]
fn what_is_not_written_has_the_defaults_of_the_contract() {
    let config = load(MINIMAL, &[]).expect("good");
    assert!(matches!(config.schedule.when, When::Every(every) if every == SignedDuration::from_mins(40)));
    assert_eq!(config.schedule.full_interval, SignedDuration::from_hours(24));
    assert_eq!(config.schedule.jitter_percent, 10);
    let SourceConfig::Scim(scim) = &config.source else { panic!("{:?}", config.source) };
    assert_eq!(scim.base_url.as_str(), "https://idp.example.com/scim/v2");
    assert_eq!((scim.page_size, scim.concurrency), (100, 4));
    let policy = config.policy();
    assert_eq!(policy.scope.mode, ScopeMode::Groups(vec!["iOS".into()]));
    assert!(policy.scope.nested);
    assert_eq!(policy.access.combine, Combine::Union);
    assert_eq!(policy.access.defaults.roles, Some([Role::DEVELOPER].into()));
    assert_eq!(policy.access.preserve_roles.len(), 5);
    assert_eq!(policy.access.attributes.roles.as_deref(), Some("appStoreConnect_role"));
    assert_eq!(policy.lifecycle.leave_confirmations, 2);
    assert_eq!(policy.lifecycle.reuse_window, SignedDuration::from_hours(120 * 24));
    assert_eq!(policy.lifecycle.unmanaged.unknown, OnLeave::Report);
    assert_eq!((policy.guard.removals_max, policy.guard.removals_max_percent), (3, 10));
    assert_eq!((policy.guard.removals_max_per_day, policy.guard.admins_min), (20, 2));
    assert_eq!(config.app_store_connect.requests_per_hour, 3600);
    assert_eq!(config.app_store_connect.base_url.as_str(), "https://api.appstoreconnect.apple.com/");
    assert_eq!(config.http.listen, "127.0.0.1:9748".parse().ok());
    assert_eq!(config.audit.retention, SignedDuration::from_hours(400 * 24));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn every_problem_is_reported_at_once_with_its_place_and_cure() {
    let text = r#"name = 5
state_dir = "/var/lib/rosterd"
runtime_dir = "run"
groups = ["a"]

[schedule]
interval = "soon"
cron = "every day"
jitter_percent = 300

[source]
type = "scmi"

[scope]
mode = "groups"
roles = ["ADMIN"]
filter = "userType equals"

[access]
roles = ["DEVELOPPER", "ACCOUNT_HOLDER"]
combine = "both"

[[access.rules]]
groups = "iOS Admins"
roles = []

[guard]
removals_max = "lots"
removal_max_percent = 10
protected = ["[a"]

[app_store_connect]
key_type = "individual"
issuer_id = "x"
private_key_file = "missing.p8"
base_url = "http://api.example.com"
password = "hunter2"

[[notify]]
url_file = "webhook"
"#;
    let problems = refused(load(text, &[("ROSTERD_AUDIT__RETENTION", "1m"), ("ROSTERD_HTTP_LISTEN", "")]));
    assert!(!problems.contains("hunter2"), "{problems}");
    insta::assert_snapshot!(problems);
}

#[test]
fn bad_syntax_is_reported_with_its_line() {
    let problems = refused(load("name = \"x\"\n[schedule\n", &[]));
    assert!(problems.starts_with("config.toml:2:10: not TOML: "), "{problems}");
}

#[test]
fn a_missing_file_is_a_problem_of_its_own() {
    let problems = Config::load(Path::new("/nowhere/config.toml"), std::iter::empty()).expect_err("missing");
    assert!(
        problems.to_string().starts_with("/nowhere/config.toml: cannot be read: No such file"),
        "{problems}"
    );
}

#[test]
fn what_contradicts_or_lacks_is_refused() {
    for (lines, key, words) in [
        ("[schedule]\ninterval = \"999ms\"", "schedule.interval", "shorter than 1s"),
        ("[schedule]\ninterval = \"1h\"\ncron = \"0 0 * * * *\"", "schedule.cron", "beside interval"),
        ("[schedule]\ncron = \"0 0 25 * * *\"", "schedule.cron", "no cron line"),
        (
            "[schedule]\ncron = \"0 0 6 * * *\"\ntimezone = \"Europe/Berln\"",
            "schedule.timezone",
            "\"Europe/Berlin\"",
        ),
        ("[schedule]\ntimezone = \"UTC\"", "schedule.timezone", "only with cron"),
        ("[schedule]\nfull_interval = \"0s\"", "schedule.full_interval", "never end"),
        ("[schedule]\ninterval = 40", "schedule.interval", "write a duration in quotes"),
        ("[schedule]\ninterval = \"\"", "schedule.interval", "is empty"),
        ("[source.scim]\nbase_url = \"http://idp.example.com\"", "source.scim.base_url", "in the clear"),
        (
            "[source.scim]\nbase_url = \"https://a:b@idp.example.com\"",
            "source.scim.base_url",
            "user name or password",
        ),
        (
            "[source.scim]\nbase_url = \"https://idp.example.com/?x=1\"",
            "source.scim.base_url",
            "query or fragment",
        ),
        ("[source.scim]\nbase_url = \"idp.example.com\"", "source.scim.base_url", "not a URL"),
        (
            "[source.scim]\nbase_url = \"ftp://idp.example.com\"",
            "source.scim.base_url",
            "ftp: cannot be used",
        ),
        ("[source.scim]\nbase_url = -", "source.scim.base_url", "missing"),
        ("[source.scim]\ntoken_file = -", "source.scim.token_file", "missing, and auth is \"bearer\""),
        ("[source.scim]\nusername = \"x\"", "source.scim.username", "does not go with auth = \"bearer\""),
        ("[source.scim]\nauth = \"basic\"", "source.scim.token_file", "does not go with auth = \"basic\""),
        ("[source.scim]\nauth = \"basic\"", "source.scim.password_file", "missing"),
        ("[source.scim]\nauth = \"oauth2\"", "source.scim.client_secret_file", "missing"),
        ("[source.scim]\npage_size = 0", "source.scim.page_size", "out of range"),
        ("[source.scim]\npage_size = -5", "source.scim.page_size", "-5 does not fit"),
        ("[source.scim]\ntoken = \"s3cret\"", "source.scim.token", "did you mean token_file?"),
        ("[source.scim]\ntoken_file = \"none\"", "source.scim.token_file", "none: no such file"),
        (
            "[source.scim]\ncredential_expires = \"soon\"",
            "source.scim.credential_expires",
            "\"soon\" is no date",
        ),
        ("[source]\ntype = \"graph\"", "source.graph.tenant_id", "missing"),
        ("[source]\ntype = \"file\"", "source.file.path", "missing"),
        ("[source]\ntype = -", "source.type", "write type = \"scim\""),
        ("[scope]\ngroups = []", "scope.groups", "missing, and mode is \"groups\""),
        ("[scope]\ngroups = [\"a\", 5]", "scope.groups[2]", "5 does not fit"),
        ("[scope]\ngroups = [\"a\", \" \"]", "scope.groups[2]", "is empty"),
        ("[scope]\nmode = \"all\"", "scope.groups", "does not go with mode = \"all\""),
        ("[scope]\nmode = \"assigned\"\ngroups = -", "scope.mode", "needs source.type = \"graph\""),
        ("[scope]\nfilter = 'userType eq'", "scope.filter", "not a filter: at character"),
        ("[access]\nroles = [\"developr\"]", "access.roles", "did you mean \"DEVELOPER\"?"),
        ("[access]\npreserve_roles = [\"ACCOUNT_HOLDER\"]", "access.preserve_roles", "cannot be given"),
        ("[access]\nroles = []", "access.roles", "is empty"),
        (
            "[access]\nall_apps_visible = \"no\"",
            "access.all_apps_visible",
            "write true or false, without quotes",
        ),
        ("[[access.rules]]\ngroup = \"a\"", "access.rules[1].roles", "gives nothing"),
        ("[[access.rules]]\nroles = [\"ADMIN\"]", "access.rules[1].group", "and so is filter"),
        (
            "[[access.rules]]\ngroup = \"a\"\nroles = [\"ADMIN\"]\napps = [\"com.example.app\"]",
            "access.rules[1].apps",
            "the role ADMIN",
        ),
        (
            "[[access.rules]]\ngroup = \"a\"\nall_apps_visible = true\napps = [\"a.b\"]",
            "access.rules[1].apps",
            "all_apps_visible = true",
        ),
        (
            "[[access.rules]]\ngroup = \"a\"\nprovisioning_allowed = true\napps = [\"a.b\"]",
            "access.rules[1].apps",
            "provisioning_allowed",
        ),
        (
            "[[access.rules]]\ngroup = \"a\"\nroles = [\"ADMIN\"]\nall_apps_visible = false\napps = []",
            "access.rules[1].apps",
            "the role ADMIN",
        ),
        ("[[access.rules]]\ngroup = \"a\"\napps = []", "access.rules[1].apps", "is empty"),
        ("[lifecycle]\nleave_confirmations = 0", "lifecycle.leave_confirmations", "from 1 to 100"),
        ("[lifecycle]\nleave_grace = \"-1d\"", "lifecycle.leave_grace", "negative"),
        ("[lifecycle]\non_join = \"remove\"", "lifecycle.on_join", "write \"invite\" or \"report\""),
        ("[guard]\nremovals_max_percent = 101", "guard.removals_max_percent", "101 is out of range"),
        ("[guard]\nsource_shrink_percent = 101", "guard.source_shrink_percent", "101 is out of range"),
        ("[guard]\nnew_admins = \"alow\"", "guard.new_admins", "did you mean \"allow\"?"),
        ("[guard]\nprotected = \"a@example.com\"", "guard.protected", "write a list of texts"),
        ("[app_store_connect]\nissuer_id = -", "app_store_connect.issuer_id", "key_type is \"team\""),
        ("[app_store_connect]\nkey_type = \"individual\"", "app_store_connect.issuer_id", "does not go with"),
        ("[app_store_connect]\nkey_id = 1234567890", "app_store_connect.key_id", "write a text in quotes"),
        ("[app_store_connect]\nreserve_percent = 100", "app_store_connect.reserve_percent", "from 0 to 99"),
        (
            "[app_store_connect]\nbase_url = \"https://api.example.com/v1\"",
            "app_store_connect.base_url",
            "holds a path",
        ),
        ("[http]\nlisten = \"0.0.0.0:9748\"", "http.listen", "no bearer_token_file"),
        ("[http]\nlisten = \"localhost:9748\"", "http.listen", "no address with a port"),
        ("[audit]\nretention = \"1h\"", "audit.retention", "shorter than 1d"),
        ("[[notify]]\ntype = \"webhook\"", "notify[1].url_file", "missing"),
        (
            "[[notify]]\ntype = \"webhook\"\nurl_file = \"webhook\"\nto = [\"a@example.com\"]",
            "notify[1].to",
            "does not go with",
        ),
        (
            "[[notify]]\ntype = \"webhook\"\nurl_file = \"webhook\"\nevents = [\"gaurd\"]",
            "notify[1].events",
            "did you mean \"guard\"?",
        ),
        (
            "[[notify]]\ntype = \"email\"\nhost = \"smtp.example.com\"\nfrom = \"a@example.com\"\nto = [\"b\"]",
            "notify[1].to",
            "\"b\" is no mail address",
        ),
        (
            "[[notify]]\ntype = \"email\"\nhost = \"smtp.example.com\"\ntls = \"none\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]",
            "notify[1].tls",
            "in the clear",
        ),
    ] {
        let problems = refused(minimal_with(lines));
        let block = problems
            .split("config.toml")
            .find(|block| block.contains(&format!(" {key}")) && block.contains(words));
        assert!(block.is_some(), "{lines}\n--- wanted {key}: {words}\n{problems}");
        assert!(!problems.contains("s3cret"), "{problems}");
    }
}

#[test]
fn good_choices_are_read() {
    let cron = minimal_with("[schedule]\ncron = \"0 6-20 * * Mon-Fri\"\ntimezone = \"Europe/Berlin\"")
        .expect("good");
    let When::Cron { line, timezone, .. } = cron.schedule.when else { panic!("a cron line") };
    assert_eq!((&*line, timezone.name()), ("0 0 6-20 * * Mon-Fri", "Europe/Berlin"));

    let graph = minimal_with(
        "[source]\ntype = \"graph\"\n[source.graph]\ntenant_id = \"example.com\"\nclient_id = \"x\"\ncloud = \"us_dod\"\nclient_secret_file = \"secret\"\ncredential_expires = 2027-01-31\n[scope]\nmode = \"assigned\"\ngroups = -",
    )
    .expect("good");
    let SourceConfig::Graph(source) = &graph.source else { panic!("{:?}", graph.source) };
    assert_eq!(source.base_url.as_str(), "https://dod-graph.microsoft.us/v1.0");
    assert_eq!(source.scope, "https://dod-graph.microsoft.us/.default");
    assert_eq!(graph.source.credential_expires(), Some(jiff::civil::date(2027, 1, 31)));
    assert_eq!(graph.policy().access.attributes.roles, None);
    // The SCIM table is still there.
    assert_eq!(graph.warnings.len(), 1, "{:?}", graph.warnings);

    let off = minimal_with("[http]\nlisten = \"\"\n[access.attributes]\nroles = \"\"").expect("good");
    assert_eq!((off.http.listen, off.access.attributes.roles), (None, None));

    let loopback = minimal_with("[app_store_connect]\nbase_url = \"http://127.0.0.1:8080\"").expect("good");
    assert_eq!(loopback.app_store_connect.base_url.port(), Some(8080));

    let email = "[[notify]]\ntype = \"email\"\nhost = \"smtp.example.com\"\ntls = \"tls\"\nfrom = \"a@example.com\"\nto = [\"b@example.com\"]\nusername = \"x\"\npassword_file = \"secret\"";
    let config = minimal_with(email).expect("good");
    let NotifyChannel::Email(email) = &config.notify[0].channel else { panic!("{:?}", config.notify) };
    assert_eq!((email.port, config.notify[0].events.len()), (465, 5));
}

#[test]
fn the_environment_overrides_the_file_in_the_type_of_the_key() {
    let env = [
        ("ROSTERD_SCHEDULE__INTERVAL", "5m"),
        ("ROSTERD_APP_STORE_CONNECT__KEY_ID", "0123456789"),
        ("ROSTERD_GUARD__REMOVALS_MAX", "7"),
        ("ROSTERD_SCOPE__NESTED", "false"),
        ("ROSTERD_SCOPE__GROUPS", "[\"a, b\", 007]"),
        ("ROSTERD_ACCESS__RULES", "[{group=\"iOS Admins\", roles=[ADMIN]}]"),
        ("ROSTERD_HTTP__LISTEN", ""),
        ("ROSTERD_CONFIG", "/etc/x"),
        ("ROSTERD_LOG", "debug"),
        ("ROSTERD_SIM_SEED", "1"),
        ("ROSTERD_PORT", "tcp://10.0.0.1:9748"),
        ("ROSTERD_PORT_9748_TCP_PROTO", "tcp"),
        ("ROSTERD_SERVICE_HOST", "10.0.0.1"),
        ("ROSTERD_SERVICE_PORT", "9748"),
        ("ROSTERD_SERVICE_PORT_HTTP", "9748"),
        ("HOME", "/root"),
    ];
    let config = load(MINIMAL, &env).expect("good");
    assert!(matches!(config.schedule.when, When::Every(every) if every == SignedDuration::from_mins(5)));
    assert_eq!(config.app_store_connect.key_id, "0123456789");
    assert_eq!(config.guard.removals_max, 7);
    assert!(!config.scope.nested);
    assert_eq!(config.scope.mode, ScopeMode::Groups(vec!["a, b".into(), "7".into()]));
    assert_eq!(config.access.rules[0].grant.roles, Some([Role::ADMIN].into()));
    assert_eq!(config.http.listen, None);
}

#[test]
fn input_without_measure_is_refused_soon_and_without_a_panic() {
    use std::fmt::Write as _;
    let began = std::time::Instant::now();
    let brackets = "[".repeat(50_000);
    for key in ["ROSTERD_SCOPE__GROUPS", "ROSTERD_ACCESS__RULES", "ROSTERD_NOTIFY"] {
        let problems = load(MINIMAL, &[(key, &brackets)]).expect_err("brackets only");
        assert!(problems.contains(key), "{problems}");
        let tables = "[{a=".repeat(20_000);
        load(MINIMAL, &[(key, &tables)]).expect_err("brackets only");
    }
    load(&format!("{MINIMAL}\nx = {brackets}"), &[]).expect_err("brackets only");
    let mut keys = MINIMAL.to_owned();
    let mut rules = MINIMAL.to_owned();
    for number in 0..34_000 {
        writeln!(keys, "[k{number}]").expect("text");
        writeln!(rules, "[[access.rules]]\ngroup = 1").expect("text");
    }
    for text in [keys, rules] {
        let problems = load(&text, &[]).expect_err("no such keys");
        assert_eq!(problems.matches("\n  hint: ").count(), 201, "{problems}");
        assert!(problems.contains("more problems than the 200 listed"), "{problems}");
    }
    let names: Vec<String> = (0..20_000).map(|number| format!("ROSTERD_KEY{number}")).collect();
    let names: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let problems = load(MINIMAL, &names).expect_err("no such keys");
    assert_eq!(problems.matches("\n  hint: ").count(), 201, "{problems}");
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn no_duration_is_longer_than_dates_can_bear() {
    let text = MINIMAL.replace("[source]", "[schedule]\ninterval = \"2920000d\"\n[source]");
    let problems = load(&text, &[]).expect_err("too long");
    assert!(problems.contains("schedule.interval: \"2920000d\" is longer than ten years"), "{problems}");
}

#[test]
fn variables_that_are_no_key_are_named_with_what_was_meant() {
    for (name, value, words) in [
        ("ROSTERD_FOO", "1", "ROSTERD_FOO: is not a key of the configuration"),
        ("ROSTERD_SCHEDULE_INTERVAL", "5m", "did you mean ROSTERD_SCHEDULE__INTERVAL?"),
        ("ROSTERD_SCHEDULE__INTERVALL", "5m", "did you mean ROSTERD_SCHEDULE__INTERVAL?"),
        ("ROSTERD_SOURCE__SCIM__TOKEN", "s3cret", "did you mean ROSTERD_SOURCE__SCIM__TOKEN_FILE?"),
        ("ROSTERD_HTTP", "x", "names a whole table"),
        (
            "ROSTERD_GUARD__REMOVALS_MAX",
            "lots",
            "ROSTERD_GUARD__REMOVALS_MAX: guard.removals_max: \"lots\" does not fit",
        ),
        ("ROSTERD_SCOPE__GROUPS", "a, b", "ROSTERD_SCOPE__GROUPS: scope.groups: \"a, b\" does not fit"),
        (
            "ROSTERD_SOURCE__SCIM__BASE_URL",
            "http://x.example.com",
            "ROSTERD_SOURCE__SCIM__BASE_URL: source.scim.base_url",
        ),
    ] {
        let problems = refused(load(MINIMAL, &[(name, value)]));
        assert!(problems.contains(words), "{name}\n{problems}");
        assert!(!problems.contains("s3cret"), "{problems}");
    }
}

#[test]
fn secrets_are_looked_up_among_credentials_then_beside_the_file() {
    let credentials = TempDir::new().expect("a folder");
    let inside = credentials.path().join("token");
    fs::write(&inside, "other").expect("written");
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o440)).expect("mode set");
    let folder = credentials.path().to_str().expect("UTF-8");
    let config = load(MINIMAL, &[("CREDENTIALS_DIRECTORY", folder)]).expect("good");
    let SourceConfig::Scim(ScimConfig { auth: ScimAuth::Bearer { token }, .. }) = &config.source else {
        panic!("{:?}", config.source)
    };
    assert_eq!(token.path(), inside);
    assert!(config.app_store_connect.private_key.path().ends_with("AuthKey.p8"));
    assert!(!config.app_store_connect.private_key.path().starts_with(credentials.path()));
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let folder = Folder::new(MINIMAL);
    folder.write("token", "s3cret", 0o644);
    let problems = refused(folder.load(&[]));
    assert!(problems.contains("source.scim.token_file: token has mode 0644"), "{problems}");
    assert!(problems.contains("hint: chmod 600 token"), "{problems}");
}

#[test]
fn a_secret_written_where_its_file_belongs_is_not_repeated() {
    let token = "eyJhbGciOiJIUzI1NiJ9.s3cret-s3cret-s3cret-s3cret";
    for lines in [
        format!("[source.scim]\ntoken_file = \"{token}\""),
        "[source.scim]\ntoken_file = \"-----BEGIN PRIVATE KEY-----\\ns3cret\"".to_owned(),
    ] {
        let problems = refused(minimal_with(&lines));
        assert!(problems.contains("this looks like the secret itself"), "{problems}");
        assert!(!problems.contains("s3cret"), "{problems}");
    }
}

#[test]
fn folders_come_from_the_file_then_systemd_then_the_usual_place() {
    let without =
        MINIMAL.replace("state_dir = \"/var/lib/rosterd\"", "").replace("runtime_dir = \"/run/rosterd\"", "");
    let env = [("STATE_DIRECTORY", "/var/lib/rosterd/a:/x"), ("RUNTIME_DIRECTORY", "/run/rosterd/a")];
    let config = load(&without, &env).expect("good");
    assert_eq!(config.state_dir, Path::new("/var/lib/rosterd/a"));
    assert_eq!(config.runtime_dir, Path::new("/run/rosterd/a"));
    assert_eq!(load(MINIMAL, &env).expect("good").state_dir, Path::new("/var/lib/rosterd"));
    assert!(load(&without, &[("HOME", "/home/x")]).expect("good").state_dir.ends_with("rosterd"));
}

#[test]
fn an_outline_needs_no_secret() {
    let folder = Folder::new(MINIMAL);
    for name in ["token", "AuthKey.p8"] {
        fs::remove_file(folder.0.path().join(name)).expect("removed");
    }
    assert!(folder.load(&[]).is_err());
    let path = folder.0.path().join("config.toml");
    let outline = Config::outline(&path, std::iter::empty()).expect("good");
    assert_eq!(outline.runtime_dir, Path::new("/run/rosterd"));
}

#[test]
fn every_team_has_folders_of_its_own() {
    let folder = Folder::new("");
    let without =
        MINIMAL.replace("state_dir = \"/var/lib/rosterd\"", "").replace("runtime_dir = \"/run/rosterd\"", "");
    folder.write("beta.toml", &without, 0o644);
    let path = folder.0.path().join("beta.toml");
    let config =
        Config::load(&path, std::iter::once(("HOME".to_owned(), "/home/x".to_owned()))).expect("good");
    assert!(config.state_dir.ends_with("rosterd-beta"), "{}", config.state_dir.display());
    assert!(config.runtime_dir.ends_with("rosterd-beta"), "{}", config.runtime_dir.display());
}

#[test]
fn names_that_do_not_fit_the_key_file_are_pointed_out() {
    let folder = Folder::new(&MINIMAL.replace("AuthKey.p8", "AuthKey_XYZ.p8"));
    folder.write("AuthKey_XYZ.p8", "made-up", 0o600);
    let config = folder.load(&[]).expect("good");
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].text.contains("XYZ"), "{:?}", config.warnings);
}

#[test]
fn what_hands_out_too_much_is_pointed_out() {
    let warnings = |more: &str| -> Vec<String> {
        let config = load(&format!("{MINIMAL}\n{more}"), &[]).expect("good");
        config.warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.text)).collect()
    };
    let said = warnings("[access]\nroles = [\"ADMIN\", \"FINANCE\", \"DEVELOPER\"]");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("access.roles: ADMIN reaches everything"), "{said:?}");
    assert!(said[1].starts_with("access.roles: FINANCE reaches the team's money"), "{said:?}");
    let hook = |url: &str| warnings(&format!("[[notify]]\ntype = \"webhook\"\nurl = {url:?}"));
    assert!(hook("https://hooks.example.com/T0/B0")[0].starts_with("notify[1].url: the URL of a webhook"));
    assert_eq!(hook("http://127.0.0.1:9/hook"), Vec::<String>::new());
    let rule = "[[access.rules]]\ngroup = \"iOS Admins\"\nroles = [\"ADMIN\"]";
    assert_eq!(warnings(rule), Vec::<String>::new());
}

#[test]
fn apps_given_by_hand_are_a_choice_and_saying_nothing_of_them_is_a_warning() {
    let warnings = |more: &str| -> Vec<String> {
        let config = load(&format!("{MINIMAL}\n{more}"), &[]).expect("good");
        config.warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.text)).collect()
    };
    let rule = "[[access.rules]]\ngroup = \"iOS Admins\"\nall_apps_visible = false";
    for (table, key) in [
        ("[access]\nall_apps_visible = false", "access.all_apps_visible: false"),
        (rule, "access.rules[1].all_apps_visible: false"),
    ] {
        let said = warnings(table);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(key) && said[0].contains("apps = []"), "{said:?}");
    }
    for chosen in [
        format!("{rule}\napps = []"),
        format!("[access]\nall_apps_visible = false\n{rule}\napps = []"),
        format!(
            "[access]\nall_apps_visible = false\npreserve_roles = []\n{rule}\napps = [\"com.example.app\"]"
        ),
    ] {
        assert_eq!(warnings(&chosen), Vec::<String>::new(), "{chosen}");
    }
}

#[test]
fn what_apple_does_not_give_together_is_pointed_out() {
    let warnings = |more: &str| -> Vec<String> {
        let config = load(&format!("{MINIMAL}\n{more}"), &[]).expect("good");
        config.warnings.iter().map(|warning| format!("{}: {}", warning.key, warning.text)).collect()
    };
    let only = "Apple gives provisioning only beside ADMIN, APP_MANAGER or DEVELOPER, not to";
    assert_eq!(
        warnings("[access]\nroles = [\"SALES\"]\nprovisioning_allowed = true"),
        [format!("access.provisioning_allowed: {only} SALES")]
    );
    let rule = |more: &str| format!("[[access.rules]]\ngroup = \"a\"\n{more}");
    assert_eq!(
        warnings(&rule("roles = [\"MARKETING\", \"SALES\"]\nprovisioning_allowed = true")),
        [format!("access.rules[1].provisioning_allowed: {only} MARKETING, SALES")]
    );
    let apps = "apps = [\"com.example.app\"]";
    let said = warnings(&format!("{}\n{}", rule(apps), rule(apps)));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("access.rules[1].apps: who holds ACCESS_TO_REPORTS keeps it"), "{said:?}");
    let silent = [
        "[access]\nroles = [\"DEVELOPER\"]\nprovisioning_allowed = true".to_owned(),
        rule("roles = [\"DEVELOPER\", \"SALES\"]\nprovisioning_allowed = true"),
        rule("provisioning_allowed = true"),
        format!("[access]\npreserve_roles = [\"CREATE_APPS\"]\n{}", rule(apps)),
    ];
    for more in silent {
        assert_eq!(warnings(&more), Vec::<String>::new(), "{more}");
    }
}

/// Table, key and value of every line of the example, those that are commented out included.
fn example_lines() -> Vec<(String, String, String)> {
    let mut table = String::new();
    let mut lines = Vec::new();
    for line in EXAMPLE.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if line.starts_with('[') {
            table = line.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
        {
            lines.push((table.clone(), key.to_owned(), line.to_owned()));
        }
    }
    lines
}

#[test]
fn the_example_is_good() {
    let config = load(EXAMPLE, &[("STATE_DIRECTORY", "/s"), ("RUNTIME_DIRECTORY", "/r")]);
    assert!(config.is_ok(), "{}", refused(config));
}

#[test]
fn the_example_shows_every_key_and_no_other() {
    let shown: BTreeSet<String> = example_lines()
        .into_iter()
        .map(|(table, key, _)| {
            let list = if table.starts_with("[[") { "[]" } else { "" };
            let table = table.trim_matches(['[', ']']);
            if table.is_empty() { key } else { format!("{table}{list}.{key}") }
        })
        .collect();
    let known: BTreeSet<String> = KEYS
        .iter()
        .filter(|(_, kind)| !matches!(kind, Kind::Table | Kind::Tables))
        .map(|(key, _)| key.clone())
        .collect();
    assert_eq!(shown, known);
}

#[test]
fn every_line_of_the_example_has_the_right_type() {
    for (table, key, line) in example_lines() {
        let tables: Result<Tables, _> = toml::from_str(&format!("{table}\n{line}"));
        assert!(tables.is_ok(), "{table} {key}: {tables:?}");
    }
}

#[test]
fn a_mark_and_line_ends_of_other_systems_do_no_harm() {
    let config = load(&format!("\u{feff}{}", MINIMAL.replace('\n', "\r\n")), &[]);
    assert!(config.is_ok(), "{}", refused(config));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]

    /// Lines taken out, doubled or replaced: whatever is left is read or refused, in words, without a panic.
    #[test]
    fn a_damaged_file_is_refused_in_words(
        changes in proptest::collection::vec((0..80usize, 0..4u8, "[ -~]{0,20}"), 0..6),
    ) {
        let mut lines: Vec<String> = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned())
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect();
        for (at, what, text) in changes {
            let at = at % lines.len();
            match what {
                0 => { lines.remove(at); }
                1 => lines.insert(at, text),
                2 => lines[at] = text,
                _ => {
                    let key = lines[at].split('=').next().unwrap_or_default().to_owned();
                    lines[at] = format!("{key}= {text:?}");
                }
            }
        }
        if let Err(problems) = load(&lines.join("\n"), &[]) {
            proptest::prop_assert!(!problems.trim().is_empty());
            for block in problems.lines().filter(|line| !line.starts_with("  ")) {
                proptest::prop_assert!(block.contains(": "), "{}", problems);
            }
        }
    }
}
