//! Credentials that are replaced while the daemon runs, without a signal and without a gap.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::daemon::{start, until};
use crate::support::Bench;

fn write(bench: &Bench, name: &str, content: &str, mode: u32) {
    fs::write(bench.path(name), content).expect("written");
    fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).expect("ours");
}

fn troubles(bench: &Bench) -> Value {
    bench.status()["credential_troubles"].clone()
}

fn failures(bench: &Bench) -> Value {
    bench.status()["consecutive_failures"].clone()
}

#[test]
fn a_replaced_token_is_used_by_the_next_cycle() {
    let bench = Bench::sample();
    let daemon = start(&bench);
    let good = fs::read_to_string(bench.path("scim-token")).expect("a token");
    write(&bench, "scim-token", "of-another-provider", 0o600);
    daemon.cycle();
    assert_eq!(failures(&bench), 1, "it can be read, so it is used, and refused");
    write(&bench, "new", &good, 0o600);
    fs::rename(bench.path("new"), bench.path("scim-token")).expect("renamed into place");
    daemon.cycle();
    assert_eq!(failures(&bench), 0);
    assert_eq!(daemon.end(), 0);
}

/// The file of a credential, how it is broken, and the name it goes by.
type Case = (&'static str, fn(&Bench), &'static str);

#[test]
fn a_bad_new_file_leaves_the_old_credential_in_use_and_is_told() {
    let cases: [Case; 4] = [
        (
            "AuthKey.p8",
            |b| write(b, "AuthKey.p8", "-----BEGIN PRIVATE KEY-----\nMIG", 0o600),
            "app_store_connect_key",
        ),
        ("AuthKey.p8", |b| fs::remove_file(b.path("AuthKey.p8")).expect("ours"), "app_store_connect_key"),
        ("scim-token", |b| write(b, "scim-token", "", 0o600), "scim_credential"),
        ("scim-token", |b| write(b, "scim-token", "for everybody", 0o644), "scim_credential"),
    ];
    let bench = Bench::sample();
    let daemon = start(&bench);
    for (file, break_it, name) in cases {
        let good = fs::read_to_string(bench.path(file)).expect("a secret");
        break_it(&bench);
        daemon.cycle();
        assert_eq!(failures(&bench), 0, "{name}: the old one goes on");
        let told = troubles(&bench);
        assert!(told[name]["text"].as_str().is_some_and(|text| text.contains(file)), "{name}: {told}");
        assert!(told[name]["hint"].is_string(), "{name}: {told}");
        let text = bench.run(&["status"]).expect(0).stdout;
        assert!(text.contains(&format!("the new file of {name} was refused")), "{text}");
        write(&bench, file, &good, 0o600);
        daemon.cycle();
        assert_eq!(troubles(&bench), serde_json::json!({}), "{name}: put right");
    }
    assert_eq!(daemon.end(), 0);
}

#[test]
fn a_new_file_is_noticed_between_two_cycles() {
    let bench = Bench::sample();
    bench.edit("interval = \"1m\"", "interval = \"3h\"");
    let daemon = start(&bench);
    write(&bench, "AuthKey.p8", "half", 0o600);
    until("the look at the files", || !troubles(&bench)["app_store_connect_key"].is_null());
    assert_eq!(daemon.end(), 0);
}

#[test]
fn an_end_that_comes_near_is_logged_once_and_so_is_each_stage() {
    let bench = Bench::settled();
    let day = |days: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days + 30);
        at.strftime("%Y-%m-%d").to_string()
    };
    let expires = |days: i64| format!("reserve_percent = 50\ncredential_expires = \"{}\"", day(days));
    let warnings = || {
        let log = bench.run(&["run", "--once"]).expect(0).stderr;
        log.lines().filter(|line| line.contains("credential_expiry")).count()
    };
    let mut written = "reserve_percent = 50".to_owned();
    for (days, warned) in [(60, 0), (25, 1), (10, 1), (2, 1), (60, 1)] {
        bench.edit(&written, &expires(days));
        written = expires(days);
        assert_eq!(warnings(), warned, "{days} days before");
        assert_eq!(warnings(), 0, "{days} days before, once more");
    }
}
