//! The decision log and the ledger on disk: `audit`, `state`, `doctor`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rosterd::simulator::switches::{
    ActiveShape, AllAppsShape, AttributeShape, MemberValue, MembersShown, Paging, ResourcesKey, ScimAuth,
    StartIndexEcho, Switches, TotalResults, UnknownFilter,
};
use rosterd::simulator::{Options, World};

use crate::support::{Bench, listing};

fn segments(bench: &Bench) -> Vec<PathBuf> {
    let files = listing(&bench.path("state/journal")).into_iter().map(|(path, _)| path);
    files.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl")).collect()
}

#[test]
fn the_log_holds_every_decision_with_who_and_why() {
    let bench = Bench::settled();
    let text = bench.run(&["audit", "show", "--limit", "1000"]).expect(0).stdout;
    for word in [
        "invite grace@example.com",
        "update_member emmy@example.com",
        "deactivated",
        "outcome: applied",
        "unmanaged",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(bench.run(&["audit", "show", "--limit", "3"]).expect(0).stdout.lines().count(), 3);
    let one = bench.run(&["audit", "show", "--who", "grace@example.com"]).expect(0).stdout;
    assert!(one.contains("grace@example.com") && !one.contains("betty@example.com"), "{one}");
    let export = bench.run(&["audit", "export"]).expect(0).stdout;
    assert!(export.lines().count() > 30);
    for line in export.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(record["seq"].is_u64() && record["at"].is_string(), "{line}");
    }
    for secret in
        [bench.sim.private_key_pem().lines().nth(1).expect("a line"), rosterd::simulator::SCIM_TOKEN]
    {
        assert!(!export.contains(secret));
    }
    bench.run(&["audit", "verify"]).expect(0);
}

/// What is done to the lines of the journal, and the line that is to blame.
type Tampering = (&'static str, fn(&mut Vec<String>), Option<usize>);

#[test]
fn any_tampering_is_found_with_file_and_line() {
    let cases: [Tampering; 5] = [
        ("edited", |lines| lines[4] = lines[4].replacen("example.com", "example.org", 1), Some(5)),
        ("dropped", |lines| drop(lines.remove(4)), Some(5)),
        ("swapped", |lines| lines.swap(4, 5), Some(5)),
        ("put in twice", |lines| lines.insert(4, lines[4].clone()), Some(6)),
        ("cut off", |lines| lines.truncate(10), None),
    ];
    for (what, tamper, line) in cases {
        let bench = Bench::settled();
        let path = segments(&bench).pop().expect("a segment");
        let text = fs::read_to_string(&path).expect("read");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        tamper(&mut lines);
        fs::write(&path, lines.join("\n") + "\n").expect("written");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let place = line.map_or(name.clone(), |line| format!("{name}:{line}"));
        bench.run(&["audit", "verify"]).expect_trouble(1, &[&place], "backup");
        bench.run(&["state", "check"]).expect(1);
        let writes = bench.writes();
        bench.set_active("alan@example.com", false);
        assert_eq!(bench.run(&["run", "--once"]).code, 1, "{what}: no audit, no write");
        assert_eq!(bench.writes(), writes, "{what}");
    }
}

#[test]
fn the_ledger_survives_an_export_and_import() {
    let bench = Bench::settled();
    bench.run(&["adopt", "konrad@example.net"]).expect(0);
    bench.state(|state| state.directory.remove_person("dorothy@example.com"));
    bench.run(&["run", "--once"]).expect(0);
    let before = bench.plan();
    let export = bench.run(&["state", "export"]).expect(0).stdout;
    for line in export.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON");
    }
    let file = bench.path("export.jsonl");
    fs::write(&file, &export).expect("written");
    fs::rename(bench.path("state"), bench.path("old")).expect("moved");
    bench.run(&["state", "import", &file.to_string_lossy()]).expect(0);
    assert_eq!(bench.plan().digest(), before.digest());
    bench.run(&["audit", "verify"]).expect(0);
    bench.run(&["state", "check"]).expect(0);
    let mode = fs::metadata(bench.path("state")).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    for (path, _) in listing(&bench.path("state")) {
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("dorothy@example.com").is_none()), "the count went along");
}

#[test]
fn nothing_is_there_before_the_first_cycle_and_that_is_said() {
    let bench = Bench::sample();
    bench.run(&["status"]).expect(0);
    bench.run(&["state", "check"]).expect(0);
    bench.run(&["state", "export"]).expect(0);
    bench.run(&["audit", "show"]).expect(0);
    bench.run(&["audit", "export"]).expect(0);
    bench.run(&["audit", "verify"]);
}

/// Every oddity a SCIM provider may have gives the same plan, and doctor finds nothing wrong.
#[test]
fn no_oddity_of_a_provider_changes_the_plan() {
    let digest = Bench::sample().plan().digest().to_owned();
    let cases: [(&str, fn(&mut Switches)); 13] = [
        ("cursors", |s| s.scim.paging = Paging::Cursor),
        ("both, cursors by default", |s| s.scim.paging = Paging::BothDefaultCursor),
        ("small pages", |s| s.scim.page_max = 7),
        ("filters are ignored", |s| s.scim.unknown_filter = UnknownFilter::Ignored),
        ("lower case", |s| s.scim.resources_key = ResourcesKey::LowerCase),
        ("members by user name", |s| s.scim.member_value = MemberValue::UserName),
        ("members only by id", |s| s.scim.members_shown = MembersShown::ById),
        ("active as text", |s| s.scim.active = ActiveShape::Text),
        ("flattened attributes", |s| s.scim.attributes = AttributeShape::Flattened),
        ("attributes at the top", |s| s.scim.attributes = AttributeShape::TopLevel),
        ("no totals", |s| s.scim.total_results = TotalResults::Missing),
        ("basic", |s| s.scim.auth = ScimAuth::Basic),
        ("oauth2", |s| s.scim.auth = ScimAuth::Oauth2),
    ];
    for (what, change) in cases {
        let mut switches = Switches::default();
        change(&mut switches);
        let bench = Bench::with(World::sample(), Options { switches, ..Options::default() });
        assert_eq!(bench.plan().digest(), digest, "{what}");
        let doctor = bench.run(&["doctor"]);
        assert_eq!(doctor.code, 0, "{what}: {}", doctor.stdout);
        assert!(!doctor.stdout.contains("FAIL"), "{what}: {}", doctor.stdout);
    }
}

#[test]
fn no_oddity_of_apple_keeps_a_plan_from_settling() {
    let cases: [(&str, fn(&mut Switches)); 2] = [
        ("all apps reads back as null", |s| s.app_store_connect.invited_to_all_apps = AllAppsShape::Null),
        ("admins get provisioning", |s| {
            s.app_store_connect.admin_provisioning = rosterd::simulator::switches::AdminProvisioning::Always;
        }),
    ];
    for (what, change) in cases {
        let mut switches = Switches::default();
        change(&mut switches);
        let bench = Bench::with(World::sample(), Options { switches, ..Options::default() });
        bench.run(&["apply", "--yes"]).expect(0);
        bench.plan().assert_empty(what);
    }
}

#[test]
fn doctor_names_what_is_wrong_with_the_cure() {
    let bench = Bench::sample();
    bench.sim.switch(|switches| switches.scim.total_results = TotalResults::OffBy(2));
    let text = bench.run(&["doctor"]).expect(0).stdout;
    assert!(text.contains("warn") && text.contains("nothing is removed"), "{text}");
    let bench = Bench::sample();
    bench.sim.skew(jiff::SignedDuration::from_mins(-5));
    let doctor = bench.run(&["doctor"]);
    assert!(doctor.stdout.contains("clock") && doctor.stdout.contains("chrony"), "{}", doctor.stdout);
    let bench = Bench::sample();
    bench.sim.switch(|switches| switches.app_store_connect.requests_per_hour = 10);
    bench.run(&["doctor"]).expect(0);
    let bench = Bench::sample();
    bench.edit("groups = [\"iOS Developers\"]", "groups = [\"iOS Develpers\"]");
    let doctor = bench.run(&["doctor"]).expect(1);
    assert!(doctor.stdout.contains("iOS Developers"), "{}", doctor.stdout);
    let json = bench.run(&["doctor", "--json"]).expect(1).json();
    assert!(json["lines"].as_array().is_some_and(|lines| lines.len() > 3), "{json}");
    let bench = Bench::sample();
    bench.sim.switch(|switches| switches.scim.start_index_echo = StartIndexEcho::AlwaysOne);
    bench.run(&["doctor"]).expect(0);
    assert_eq!(bench.writes(), 0);
}
