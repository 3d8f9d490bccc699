//! Whatever is wrong is said on one line that names it, with the cure on a line of its own, and nothing is written.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rosterd::simulator::switches::{Agreement, KeyRole, KeyValidity, Membership};
use rosterd::simulator::{Fault, Rule};
use serde_json::json;

use crate::support::{Bench, Output, keys, person};

fn write(bench: &Bench, name: &str, text: &str, mode: u32) {
    let path = bench.path(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
}

/// A key file, what its error says, what the hint says.
type KeyCase = (&'static str, fn(&Bench), &'static str, &'static str);

#[test]
fn a_key_that_cannot_sign_is_refused_before_anything_is_read() {
    let cases: [KeyCase; 7] = [
        ("RSA", |bench| write(bench, "AuthKey.p8", &keys::rsa(), 0o600), "RSA", "App Store Connect"),
        ("P-384", |bench| write(bench, "AuthKey.p8", &keys::p384(), 0o600), "P-256", ""),
        (
            "cut off",
            |bench| {
                let whole = bench.sim.private_key_pem();
                write(bench, "AuthKey.p8", &whole[..whole.len() / 2], 0o600);
            },
            "cut off",
            "",
        ),
        ("no PEM", |bench| write(bench, "AuthKey.p8", "hello\n", 0o600), "not PEM", ""),
        ("empty", |bench| write(bench, "AuthKey.p8", "", 0o600), "empty", ""),
        (
            "missing",
            |bench| fs::remove_file(bench.path("AuthKey.p8")).expect("removed"),
            "no such file",
            "chmod 600",
        ),
        (
            "open to all",
            |bench| {
                let mode = fs::Permissions::from_mode(0o644);
                fs::set_permissions(bench.path("AuthKey.p8"), mode).expect("mode");
            },
            "0644",
            "chmod 600",
        ),
    ];
    for (what, change, says, hint) in cases {
        let bench = Bench::sample();
        change(&bench);
        for command in [&["check"] as &[&str], &["plan"], &["apply", "--yes"], &["run", "--once"]] {
            let output = bench.run(command).expect_trouble(78, &["AuthKey.p8", says], hint);
            let secret = bench.sim.private_key_pem().lines().nth(1).expect("a line");
            assert!(!output.stderr.contains(&secret[..16]), "{what}: the key itself is never shown");
        }
        assert_eq!(bench.state(|state| state.answered()), 0, "{what}: {command:?}", command = "no request");
    }
}

#[test]
fn a_token_file_that_is_open_or_missing_is_refused() {
    let bench = Bench::sample();
    fs::set_permissions(bench.path("scim-token"), fs::Permissions::from_mode(0o640)).expect("mode");
    for command in [&["check"] as &[&str], &["plan"]] {
        bench.run(command).expect_trouble(78, &["scim-token", "0640"], "chmod 600");
    }
    fs::remove_file(bench.path("scim-token")).expect("removed");
    for command in [&["check"] as &[&str], &["plan"]] {
        bench.run(command).expect_trouble(78, &["scim-token"], "");
    }
    write(&bench, "scim-token", "", 0o600);
    bench.run(&["plan"]).expect_trouble(78, &["scim-token", "empty"], "");
    assert_eq!(bench.state(|state| state.answered()), 0);
}

/// What is switched off at a service, what the error says, what the hint says.
type RefusalCase = (fn(&Bench), &'static str, &'static str);

#[test]
fn a_refusal_is_told_by_its_cause() {
    let cases: [RefusalCase; 5] = [
        (|b| b.sim.switch(|s| s.app_store_connect.key = KeyValidity::Revoked), "401", "key_id"),
        (
            |b| b.sim.switch(|s| s.app_store_connect.agreement = Agreement::Unsigned),
            "REQUIRED_AGREEMENTS",
            "only the Account Holder can accept the agreement",
        ),
        (
            |b| b.sim.switch(|s| s.app_store_connect.membership = Membership::Lapsed),
            "membership",
            "only the Account Holder can renew",
        ),
        (|b| write(b, "scim-token", "expired", 0o600), "token", "token"),
        (|b| b.edit("key_id = \"SIMTEAM001\"", "key_id = \"WRONG00001\""), "401", "key_id"),
    ];
    for (change, says, hint) in cases {
        let bench = Bench::sample();
        change(&bench);
        for command in [&["plan"] as &[&str], &["apply", "--yes"], &["run", "--once"]] {
            bench.run(command).expect_trouble(4, &[says], hint);
        }
        let doctor = bench.run(&["doctor"]).expect(4);
        assert!(doctor.stdout.contains("FAIL") && doctor.stdout.contains(hint), "{}", doctor.stdout);
        assert_eq!(bench.writes(), 0, "{says}");
    }
}

#[test]
fn a_key_that_may_only_read_is_told_by_its_first_write_and_no_other() {
    let bench = Bench::sample();
    bench.sim.switch(|switches| switches.app_store_connect.role = KeyRole::ReadOnly);
    bench.run(&["plan"]).expect(0);
    bench.run(&["apply", "--yes"]).expect_trouble(4, &["403"], "Admin role");
    assert_eq!(bench.writes(), 1);
    bench.run(&["run", "--once"]).expect_trouble(4, &["403"], "Admin role");
    assert_eq!(bench.writes(), 2);
    bench.sim.switch(|switches| switches.app_store_connect.role = KeyRole::Admin);
    bench.run(&["run", "--once"]).expect(0);
    bench.plan().assert_empty("with a good key");
    bench.assert_one_mail_each("with a good key");
}

#[test]
fn a_group_that_is_not_there_is_an_error_and_never_nobody() {
    let bench = Bench::settled();
    let writes = bench.writes();
    bench.edit("groups = [\"iOS Developers\"]", "groups = [\"iOS Develpers\"]");
    for command in [&["plan"] as &[&str], &["run", "--once"]] {
        bench.run(command).expect_trouble(1, &["iOS Develpers"], "iOS Developers");
    }
    let bench = Bench::settled();
    bench.edit("group = \"iOS Admins\"", "group = \"iOS Admns\"");
    bench.run(&["run", "--once"]).expect_trouble(1, &["iOS Admns"], "iOS Admins");
    assert_eq!(bench.writes(), writes);
}

#[test]
fn a_group_that_was_renamed_or_deleted_removes_nobody() {
    for change in [
        (|state: &mut rosterd::simulator::State| {
            state.directory.group_mut("iOS Developers").expect("a group").name = "Mobile".into();
        }) as fn(&mut rosterd::simulator::State),
        |state| {
            state.directory.remove_group("iOS Developers");
        },
    ] {
        let bench = Bench::settled();
        let writes = bench.writes();
        bench.state(change);
        for _ in 0..2 {
            bench.run(&["run", "--once"]).expect_trouble(1, &["iOS Developers"], "");
        }
        // The third in a row is told as a quarantine as well.
        bench.run(&["run", "--once"]).expect(1);
        assert_eq!(bench.writes(), writes);
    }
}

#[test]
fn problems_of_the_configuration_are_told_all_at_once_with_near_names() {
    let bench = Bench::sample();
    bench.edit("roles = [\"ADMIN\"]", "roles = [\"ADMINN\"]");
    bench.edit("removals_max = 3", "removal_max = 3");
    bench.edit("interval = \"1m\"", "interval = \"soon\"");
    bench.edit("type = \"scim\"", "type = \"scimm\"");
    for command in [&["check"] as &[&str], &["plan"], &["status"], &["run"]] {
        let output = bench.run(command).expect_trouble(78, &["removal_max"], "removals_max");
        let output = output.expect_trouble(78, &["ADMINN"], "ADMIN");
        let output = output.expect_trouble(78, &["schedule.interval"], "40m");
        output.expect_trouble(78, &["source.type"], "scim");
    }
    assert_eq!(bench.state(|state| state.answered()), 0);
}

#[test]
fn a_configuration_that_is_missing_or_no_toml_is_said() {
    let bench = Bench::sample();
    fs::write(bench.path("config.toml"), "name = \n[source\n").expect("written");
    bench.run(&["plan"]).expect_trouble(78, &["config.toml:1"], "");
    fs::remove_file(bench.path("config.toml")).expect("removed");
    for command in [&["check"] as &[&str], &["plan"], &["run", "--once"], &["audit", "verify"]] {
        bench.run(command).expect_trouble(78, &["config.toml"], "-c");
    }
}

#[test]
fn a_role_that_does_not_exist_holds_its_person_and_nobody_else() {
    for (value, says) in [
        (json!("DEVELOPR"), "DEVELOPR"),
        (json!(["ACCOUNT_HOLDER"]), "ACCOUNT_HOLDER"),
        (json!([]), "names no role"),
        (json!(""), "names no role"),
        (json!(7), ""),
        (json!({"a": 1}), ""),
    ] {
        let bench = Bench::sample();
        bench.state(|state| {
            let grace = person(state, "grace@example.com");
            grace.custom.insert("appStoreConnect_role".into(), value.clone());
        });
        let plan = bench.plan();
        assert_eq!(plan.held_for("invalid_attribute"), ["invite grace@example.com"], "{value}");
        assert_eq!(plan.operations().len(), 9, "{value}");
        let mut detail = plan.0["held"].as_array().expect("held").iter();
        let detail = detail.rfind(|held| held["hold"]["reason"] == "invalid_attribute");
        let detail = detail.expect("held")["hold"]["detail"].as_str().expect("detail").to_owned();
        assert!(detail.contains(says), "{value}: {detail}");
        bench.run(&["apply", "--yes"]).expect(0);
        assert_eq!(bench.state(|state| state.mails_to("grace@example.com")), 0);
    }
}

#[test]
fn an_app_the_team_does_not_have_holds_the_people_of_its_rule() {
    let bench = Bench::sample();
    bench.edit("apps = [\"com.example.watch\"]", "apps = [\"com.example.wach\"]");
    let plan = bench.plan();
    let held = plan.held_for("policy");
    for name in ["betty@example.com", "sofya@example.com"] {
        assert!(held.contains(&format!("invite {name}")), "{held:?}");
    }
    assert!(plan.operations().contains(&"invite grace@example.com".to_owned()), "{:?}", plan.operations());
    assert!(!plan.operations().iter().any(|entry| entry.contains("hedy")), "{:?}", plan.operations());
}

#[test]
fn html_instead_of_json_is_said_by_its_side() {
    for (rule, names) in [
        (Rule::scim("GET", "/scim/v2/Users*", Fault::Html { status: 200 }), ["Users", "HTML"]),
        (Rule::asc("GET", "/v1/users", Fault::Html { status: 200 }), ["/v1/users", "HTML"]),
        (
            Rule::asc("GET", "/v1/userInvitations", Fault::Html { status: 403 }),
            ["/v1/userInvitations", "HTML"],
        ),
    ] {
        let bench = Bench::settled();
        let writes = bench.writes();
        bench.set_active("alan@example.com", false);
        bench.sim.fault(rule.times(u32::MAX));
        let output = bench.run(&["run", "--once"]);
        assert!([0, 1, 4].contains(&output.code), "{output:?}");
        assert!(names.iter().all(|name| output.stderr.contains(name)), "{names:?}: {output:?}");
        assert!(output.stderr.contains("hint: "), "{output:?}");
        assert!(!output.stderr.contains("<html>"), "{output:?}");
        assert_eq!(bench.writes(), writes);
    }
}

#[test]
fn a_state_folder_that_others_can_enter_is_refused() {
    let bench = Bench::settled();
    fs::set_permissions(bench.path("state"), fs::Permissions::from_mode(0o750)).expect("mode");
    for command in [&["plan"] as &[&str], &["run", "--once"], &["status"], &["state", "check"]] {
        bench.run(command).expect_trouble(78, &["state", "0750"], "chmod 700");
    }
}

#[test]
fn a_state_folder_that_is_no_folder_or_cannot_be_made_is_said() {
    let bench = Bench::sample();
    fs::write(bench.path("state"), "").expect("written");
    bench.run(&["run", "--once"]).expect_trouble(1, &["state", "not a directory"], "state_dir");
    let bench = Bench::sample();
    let text = fs::read_to_string(bench.path("config.toml")).expect("read");
    let state = bench.path("state").display().to_string();
    fs::write(bench.path("config.toml"), text.replace(&state, "/proc/rosterd-state")).expect("written");
    bench.run(&["run", "--once"]).expect_trouble(1, &["/proc/rosterd-state"], "state_dir");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn a_state_that_something_else_holds_exits_with_6() {
    let bench = Bench::settled();
    let lock = fs::File::options().append(true).open(bench.path("state/LOCK")).expect("the lock");
    lock.lock().expect("locked");
    for command in [&["run", "--once"] as &[&str], &["apply", "--yes"], &["approve", "000000000000"]] {
        bench.run(command).expect_trouble(6, &["state", "in use"], "");
    }
    drop(lock);
    bench.run(&["run", "--once"]).expect(0);
}

#[test]
fn a_journal_that_cannot_be_written_stops_every_write() {
    let bench = Bench::settled();
    let writes = bench.writes();
    bench.set_active("alan@example.com", false);
    // An edited record: nothing that rests on this journal may be trusted.
    let segment = fs::read_dir(bench.path("state/journal"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
        .expect("a segment");
    let text = fs::read_to_string(&segment).expect("read");
    fs::write(&segment, text.replacen("betty@example.com", "bettx@example.com", 1)).expect("written");
    bench.run(&["run", "--once"]).expect_trouble(1, &["jsonl", "edited"], "backup");
    bench.run(&["apply", "--yes"]).expect_trouble(1, &["jsonl", "edited"], "backup");
    assert_eq!(bench.writes(), writes);
}

#[test]
fn services_that_are_not_there_are_named() {
    let bench = Bench::sample();
    bench.edit("/scim/v2\"", "/scim/v9\"");
    bench.run(&["plan"]).expect_trouble(1, &["Users", "404"], "base_url");
    let bench = Bench::sample();
    let origin = bench.sim.origin().to_owned();
    bench.edit(&format!("base_url = \"{origin}\""), "base_url = \"http://127.0.0.1:9\"");
    bench.run(&["plan"]).expect_trouble(1, &["127.0.0.1:9"], "");
    let bench = Bench::sample();
    bench.edit(
        &format!("base_url = \"{origin}\"", origin = bench.sim.origin()),
        "base_url = \"http://example.com\"",
    );
    bench.run(&["plan"]).expect_trouble(78, &["base_url", "http"], "https");
}

#[test]
fn an_export_that_is_none_is_not_imported() {
    let bench = Bench::sample();
    write(&bench, "export.jsonl", "{}\n", 0o600);
    let path = bench.path("export.jsonl").to_string_lossy().into_owned();
    let output: Output = bench.run(&["state", "import", &path]);
    output.expect_trouble(1, &["line 1"], "state export");
    let nowhere = bench.path("nowhere").to_string_lossy().into_owned();
    bench.run(&["state", "import", &nowhere]).expect_trouble(1, &["nowhere"], "state export");
}
