//! `doctor`: each cause has a line of its own that says what was tried, what came back and the cure.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use rosterd::simulator::switches::{Agreement, KeyValidity, Membership};
use rosterd::simulator::{Fault, FileOptions, KeyKind, Options, Rule, SourceKind, When, World};

use crate::support::Bench;

/// What is wrong, with a code to expect, words of the line that says so, and words of its hint.
type Case = (&'static str, fn(&Bench), i32, &'static [&'static str], &'static str);

fn always(rule: Rule) -> Rule {
    rule.times(u32::MAX)
}

fn status(status: u16) -> Fault {
    Fault::Status { status, when: When::Before }
}

fn replace(bench: &Bench, from: &str, to: &str) {
    let path = bench.path("config.toml");
    let text = fs::read_to_string(&path).expect("a configuration");
    assert!(text.contains(from), "{from}");
    fs::write(&path, text.replacen(from, to, 1)).expect("written");
}

/// The address of one side leads elsewhere.
fn moved(bench: &Bench, key: &str, to: &str) {
    let text = fs::read_to_string(bench.path("config.toml")).expect("a configuration");
    let table = if key == "scim" { "[source.scim]" } else { "[app_store_connect]" };
    let tail = text.split(table).nth(1).expect("the table");
    let line = tail.lines().find(|line| line.starts_with("base_url")).expect("an address").to_owned();
    replace(bench, &line, &format!("base_url = {to:?}"));
}

fn issuer(bench: &Bench) -> String {
    let text = fs::read_to_string(bench.path("config.toml")).expect("a configuration");
    text.lines().find(|line| line.starts_with("issuer_id")).expect("an issuer").to_owned()
}

fn plain_port(bench: &Bench, path: &str) -> String {
    format!("{}{path}", bench.sim.origin().replace("http://", "https://"))
}

/// A port that was free a moment ago.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

/// The one line that failed, with its hint.
#[track_caller]
fn failure(bench: &Bench, what: &str, code: i32) -> (String, String) {
    let output = bench.run(&["doctor", "--json"]).expect(code).json();
    let lines = output["lines"].as_array().expect("lines").clone();
    let bad: Vec<_> = lines.iter().filter(|line| line["verdict"] != "good").collect();
    assert_eq!(bad.len(), 1, "{what}: {lines:#?}");
    let text = |key: &str| bad[0][key].as_str().unwrap_or_default().to_owned();
    (text("text"), text("hint"))
}

#[test]
fn each_cause_has_a_line_and_a_cure_of_its_own() {
    const CASES: &[Case] = &[
        (
            "revoked key",
            |b| b.sim.switch(|s| s.app_store_connect.key = KeyValidity::Revoked),
            4,
            &["team key SIMTEAM001", "401", "refused as an individual key as well"],
            "a revoked key must be replaced",
        ),
        (
            "agreement",
            |b| b.sim.switch(|s| s.app_store_connect.agreement = Agreement::Unsigned),
            4,
            &["403", "REQUIRED_AGREEMENTS"],
            "only the Account Holder can accept",
        ),
        (
            "membership",
            |b| b.sim.switch(|s| s.app_store_connect.membership = Membership::Lapsed),
            4,
            &["403", "active membership"],
            "only the Account Holder can renew",
        ),
        (
            "small role",
            |b| b.sim.fault(always(Rule::asc("GET", "/v1/users", status(403)))),
            4,
            &["403", "does not allow"],
            "Admin role",
        ),
        (
            "taken for an individual key",
            |b| {
                replace(b, "key_type = \"team\"", "key_type = \"individual\"");
                replace(b, &issuer(b), "");
            },
            4,
            &["individual key SIMTEAM001", "cannot be tried without an issuer_id"],
            "key_type = \"team\"",
        ),
        (
            "429",
            |b| {
                b.sim.fault(always(Rule::asc(
                    "GET",
                    "*",
                    Fault::TooMany { retry_after: Some("3600".into()) },
                )))
            },
            1,
            &["429", "wait 3600 s"],
            "a key of its own",
        ),
        (
            "Apple's page of HTML",
            |b| b.sim.fault(always(Rule::asc("GET", "*", Fault::Html { status: 200 }))),
            1,
            &["HTML"],
            "app_store_connect.base_url",
        ),
        (
            "Apple's TLS",
            |b| moved(b, "asc", &plain_port(b, "")),
            1,
            &["connecting to https://127.0.0.1"],
            "speak TLS",
        ),
        (
            "Apple's name",
            |b| moved(b, "asc", "https://api.nowhere.invalid"),
            1,
            &["api.nowhere.invalid"],
            "no address",
        ),
        (
            "Apple's port",
            |b| moved(b, "asc", &closed_port()),
            1,
            &["connecting to http://127.0.0.1", "refused"],
            "nothing listens",
        ),
        (
            "SCIM 401",
            |b| b.sim.fault(always(Rule::scim("GET", "*", status(401)))),
            4,
            &["SCIM at http", "refused the token", "401"],
            "renew the token",
        ),
        (
            "SCIM 403",
            |b| b.sim.fault(always(Rule::scim("GET", "*", status(403)))),
            4,
            &["does not let the token read", "403"],
            "the right to read",
        ),
        (
            "SCIM path",
            |b| replace(b, "/scim/v2", "/scim/v3"),
            1,
            &["nothing could be read", "404"],
            "path of the URL",
        ),
        (
            "SCIM TLS",
            |b| moved(b, "scim", &plain_port(b, "/scim/v2")),
            1,
            &["connecting to https://127.0.0.1"],
            "speak TLS",
        ),
        (
            "SCIM name",
            |b| moved(b, "scim", "https://idp.nowhere.invalid/scim"),
            1,
            &["idp.nowhere.invalid"],
            "no address",
        ),
        (
            "SCIM port",
            |b| moved(b, "scim", &closed_port()),
            1,
            &["connecting to http://127.0.0.1", "refused"],
            "nothing listens",
        ),
        (
            "group",
            |b| replace(b, "\"iOS Developers\"", "\"iOS Developrs\""),
            1,
            &["no group \"iOS Developrs\""],
            "did you mean",
        ),
        (
            "clock slow",
            |b| b.sim.skew(jiff::SignedDuration::from_mins(5)),
            0,
            &["this machine's clock is off", "300 s ahead"],
            "chrony",
        ),
        (
            "key expired",
            |b| {
                replace(
                    b,
                    "reserve_percent = 50",
                    "reserve_percent = 50\ncredential_expires = \"2020-01-31\"",
                )
            },
            0,
            &["app_store_connect_key expired on 2020-01-31"],
            "credential_expires",
        ),
        (
            "state folder open",
            |b| {
                fs::create_dir(b.path("state")).expect("made");
                fs::set_permissions(b.path("state"), PermissionsExt::from_mode(0o755)).expect("ours");
            },
            78,
            &["mode 0755"],
            "chmod 700",
        ),
        (
            "key file cut off",
            |b| {
                let key = fs::read_to_string(b.path("AuthKey.p8")).expect("a key");
                fs::write(b.path("AuthKey.p8"), &key[..80]).expect("written");
            },
            78,
            &["AuthKey.p8: the key is cut off"],
            "copy the .p8 file again",
        ),
    ];
    let mut told = BTreeSet::new();
    for (what, break_it, code, words, cure) in CASES {
        let bench = Bench::sample();
        break_it(&bench);
        let (text, hint) = failure(&bench, what, *code);
        assert!(words.iter().all(|word| text.contains(word)), "{what}: {text}");
        assert!(hint.contains(cure), "{what}: {hint}");
        assert!(told.insert(text.clone()), "{what} is told like another cause: {text}");
    }
}

#[test]
fn an_individual_key_that_is_configured_as_a_team_key_is_found_out() {
    let bench = Bench::with(World::sample(), Options { key: KeyKind::Individual, ..Options::default() });
    let issuer = "key_type = \"team\"\nissuer_id = \"57246542-96fe-1a63-e053-0824d011072a\"";
    bench.edit("key_type = \"individual\"", issuer);
    let (text, hint) = failure(&bench, "individual key", 4);
    assert!(text.contains("accepted as an individual key"), "{text}");
    assert!(hint.contains("key_type = \"individual\""), "{hint}");
}

#[test]
fn each_right_that_graph_lacks_is_named() {
    let cases = [
        ("User.Read.All", "groups"),
        ("GroupMember.Read.All", "groups"),
        ("Application.Read.All", "assigned"),
    ];
    for (right, mode) in cases {
        let bench = Bench::sample();
        rosterd::simulator::write_files(
            bench.dir.path(),
            &bench.sim,
            FileOptions { source: SourceKind::Graph },
        )
        .expect("a configuration");
        if mode == "assigned" {
            bench.edit("mode = \"groups\"\ngroups = [\"iOS Developers\"]", "mode = \"assigned\"");
        }
        bench.sim.switch(|switches| _ = switches.graph.rights.remove(right));
        let (text, hint) = failure(&bench, right, 4);
        assert!(text.contains("403") && hint.contains(right), "{right}: {text}\n{hint}");
    }
}
