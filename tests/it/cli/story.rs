//! The main job: a plan lists what would be done, applying does it, and the next plan is empty.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rosterd::simulator::{Fault, Rule, When};
use serde_json::{Value, json};

use crate::support::{Bench, person};

const INVITED: [&str; 7] = ["betty", "sofya", "grace", "joan", "claude", "jean", "tom"];

fn saved(bench: &Bench) -> String {
    let path = bench.path("plan.json").to_string_lossy().into_owned();
    bench.run(&["plan", "--out", &path]).expect(0);
    path
}

#[test]
fn a_first_plan_is_applied_and_the_next_is_empty() {
    let bench = Bench::sample();
    let output = bench.run(&["plan", "--detailed-exitcode"]).expect(2);
    for name in ["betty@example.com", "emmy@example.com", "evelyn@example.com"] {
        assert!(output.stdout.contains(name), "{name}: {}", output.stdout);
    }
    let plan = bench.plan();
    let mut operations = plan.operations();
    assert_eq!(
        operations[..4],
        [
            "remove_member evelyn@example.com",
            "cancel_invitation tom@example.com",
            "invite tom@example.com",
            "update_member emmy@example.com"
        ],
        "revocations, pairs, updates, then invitations"
    );
    operations.drain(..4);
    operations.sort();
    let invited = ["betty", "claude", "grace", "jean", "joan", "sofya"];
    assert_eq!(operations, invited.map(|name| format!("invite {name}@example.com")));
    assert_eq!(bench.writes(), 0, "a plan writes nothing");

    bench.run(&["apply", "--yes"]).expect(0);
    bench.state(|state| {
        assert!(state.team.member("evelyn@example.com").is_none());
        let emmy = state.team.member("emmy@example.com").expect("emmy");
        assert_eq!(emmy.grant.roles.iter().collect::<Vec<_>>(), ["APP_MANAGER", "DEVELOPER"]);
        for name in INVITED {
            assert_eq!(state.mails_to(&format!("{name}@example.com")), 1, "{name}");
        }
        assert_eq!(state.mails.len(), INVITED.len());
        let betty = state.team.invitation("betty@example.com").expect("betty");
        assert!(!betty.grant.all_apps && betty.grant.apps.len() == 1, "{betty:?}");
    });

    let writes = bench.writes();
    bench.run(&["plan", "--detailed-exitcode"]).expect(0);
    bench.plan().assert_empty("after apply");
    bench.run(&["run", "--once"]).expect(0);
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(bench.writes(), writes, "at rest nothing is written");
    bench.assert_one_mail_each("at rest");
}

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn the_json_plan_has_the_fields_of_the_contract() {
    let bench = Bench::sample();
    let plan = bench.plan().0;
    assert_eq!(plan["schema"], "rosterd.plan/1");
    assert_eq!(plan["team"], "simulated");
    let mut expected = [
        "schema",
        "team",
        "created_at",
        "digest",
        "coverage",
        "summary",
        "operations",
        "held",
        "adopted",
        "forecast",
    ];
    expected.sort_unstable();
    assert_eq!(fields(&plan), expected);
    let adopted = plan["adopted"].as_array().expect("a list");
    assert_eq!(plan["summary"]["adopted"], adopted.len());
    let fresh: Vec<&str> = adopted.iter().filter_map(|seat| seat["person"]["email"].as_str()).collect();
    assert!(fresh.contains(&"alan@example.com"), "a member whose address is theirs is taken over: {fresh:?}");
    let left_alone = plan["held"].as_array().expect("a list").iter();
    let left_alone = left_alone.filter(|held| held["hold"]["reason"] == "unmanaged").count();
    assert_eq!(plan["summary"]["unmanaged"], left_alone);
    assert!(
        plan["digest"]
            .as_str()
            .is_some_and(|digest| { digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64) })
    );
    assert!(plan["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{}", plan["created_at"]);
    assert_eq!(plan["coverage"], json!({"directory": "complete", "team": "complete"}));
    let summary = json!({
        "invite": 7, "cancel_invitation": 1, "update_member": 1, "remove_member": 1, "held": 2, "unmanaged": 2, "adopted": 12, "unchanged": 10,
    });
    assert_eq!(plan["summary"], summary);
    assert!(plan["forecast"]["requests"].is_u64() && plan["forecast"]["seconds"].is_u64());
    for operation in plan["operations"].as_array().expect("operations") {
        check_operation(operation);
    }
    let held = plan["held"].as_array().expect("held");
    let nobody = held.iter().find(|held| held["person"].is_null()).expect("a seat of nobody");
    assert_eq!(nobody["target"]["name"], "konrad@example.net");
    assert_eq!(nobody["hold"]["reason"], "unmanaged");
    let john = held.iter().find(|held| held["person"]["email"] == "john@example.com").expect("john");
    assert_eq!((&john["kind"], &john["hold"]["reason"]), (&json!("remove_member"), &json!("unmanaged")));
    assert!(john["hold"]["detail"].is_string());
}

fn check_operation(operation: &Value) {
    let kind = operation["kind"].as_str().expect("a kind");
    let target = operation["target"]["type"].as_str().expect("a type");
    assert!(operation["person"]["id"].is_string() && operation["person"]["name"].is_string(), "{operation}");
    assert!(operation["reasons"].as_array().is_some_and(|reasons| !reasons.is_empty()), "{operation}");
    let (seat, before, after) = match kind {
        "invite" => ("userInvitations", false, true),
        "cancel_invitation" => ("userInvitations", true, false),
        "update_member" => ("users", true, true),
        "remove_member" => ("users", true, false),
        other => panic!("an unknown kind {other}"),
    };
    assert_eq!(target, seat, "{operation}");
    for (side, there) in [("before", before), ("after", after)] {
        let access = operation.get(side).expect("before and after are always there");
        assert_eq!(access.is_object(), there, "{side} of {operation}");
        if there {
            assert!(access["roles"].is_array() && access["all_apps_visible"].is_boolean(), "{operation}");
            assert!(access["provisioning_allowed"].is_boolean(), "{operation}");
            assert!(access["visible_apps"].is_array(), "{operation}");
        }
    }
    assert_eq!(operation["target"]["id"].is_string(), kind != "invite", "{operation}");
}

#[test]
fn a_plan_as_markdown_has_no_control_characters_and_names_everyone() {
    let bench = Bench::sample();
    bench.state(|state| {
        let betty = person(state, "betty@example.com");
        betty.given_name = "Betty\u{1b}[31m|\n# x".into();
    });
    let markdown = bench.run(&["plan", "--output", "markdown"]).expect(0).stdout;
    assert!(markdown.contains("betty@example.com") && markdown.contains('|'), "{markdown}");
    let text = bench.run(&["plan"]).expect(0).stdout;
    for text in [markdown, text] {
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("# x")), "{text}");
    }
}

#[test]
fn a_saved_plan_is_applied_exactly_and_only_once() {
    let bench = Bench::sample();
    let path = saved(&bench);
    let mode = std::fs::metadata(&path).expect("saved").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    bench.run(&["apply", &path]).expect(0);
    bench.assert_one_mail_each("saved");
    let writes = bench.writes();
    assert_eq!(writes, 10);
    bench.run(&["apply", &path]).expect_trouble(1, &["applied already"], "rosterd plan --out");
    assert_eq!(bench.writes(), writes);
    bench.plan().assert_empty("after the saved plan");
}

#[test]
fn a_spent_plan_is_spent_whatever_is_edited_in_it() {
    let bench = Bench::settled();
    bench.state(|state| state.team.member_mut("alan@example.com").expect("a member").grant = emmys(state));
    bench.state(|state| {
        person(state, "alan@example.com").custom.insert("appStoreConnect_role".into(), json!(["DEVELOPER"]));
    });
    let path = saved(&bench);
    let text = std::fs::read_to_string(&path).expect("saved");
    bench.run(&["apply", &path]).expect(0);
    // By hand it is as it was before, so that the digest fits once more.
    bench.state(|state| state.team.member_mut("alan@example.com").expect("a member").grant = emmys(state));
    let plan: serde_json::Value = serde_json::from_str(&text).expect("a plan");
    let mut edits = vec![plan.clone()];
    for minutes in [-90, 0, 90] {
        let mut edited = plan.clone();
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
        edited["created_at"] = json!(at.to_string());
        edits.push(edited);
    }
    let mut edited = plan.clone();
    edited["forecast"]["requests"] = json!(0);
    edited["coverage"]["directory"] = json!("partial");
    edits.push(edited);
    let writes = bench.writes();
    for edited in edits {
        std::fs::write(&path, edited.to_string()).expect("written");
        bench.run(&["apply", &path]).expect_trouble(1, &["applied already"], "rosterd apply");
    }
    let again = saved(&bench);
    bench.run(&["apply", &again]).expect_trouble(1, &["applied already"], "rosterd apply");
    assert_eq!(bench.writes(), writes);
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(bench.writes(), writes + 1);
}

/// What Emmy may do: one role more than Alan.
fn emmys(state: &rosterd::simulator::State) -> rosterd::simulator::Grant {
    state.team.member("emmy@example.com").expect("a member").grant.clone()
}

#[test]
fn a_saved_plan_of_which_nothing_took_effect_is_good_once_the_cause_is_cured() {
    let bench = Bench::settled();
    bench.set_active("alan@example.com", false);
    let path = saved(&bench);
    for method in ["POST", "PATCH", "DELETE"] {
        let refused = Fault::Status { status: 403, when: When::Before };
        bench.sim.fault(Rule::asc(method, "*", refused).times(u32::MAX));
    }
    bench.run(&["apply", &path]).expect(4);
    bench.state(|state| state.faults.clear());
    bench.run(&["apply", &path]).expect(0);
    bench.run(&["apply", &path]).expect_trouble(1, &["applied already"], "rosterd plan --out");
    assert!(bench.state(|state| state.team.member("alan@example.com").is_none()));
}

#[test]
fn a_saved_plan_from_the_future_or_with_another_summary_is_refused() {
    let bench = Bench::sample();
    let path = saved(&bench);
    let text = std::fs::read_to_string(&path).expect("saved");
    let plan: serde_json::Value = serde_json::from_str(&text).expect("a plan");
    let mut later = plan.clone();
    later["created_at"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string());
    std::fs::write(&path, later.to_string()).expect("written");
    bench.run(&["apply", &path]).expect_trouble(1, &["made at"], "rosterd doctor");
    let mut fewer = plan.clone();
    fewer["summary"]["remove_member"] = json!(0);
    std::fs::write(&path, fewer.to_string()).expect("written");
    bench.run(&["apply", &path]).expect_trouble(1, &["edited", "summary"], "rosterd plan --out");
    assert_eq!(bench.writes(), 0);
    std::fs::write(&path, text).expect("written");
    bench.run(&["apply", &path]).expect(0);
}

#[test]
fn a_stale_plan_is_refused_and_says_what_moved() {
    let bench = Bench::sample();
    let path = saved(&bench);
    bench.set_active("alan@example.com", false);
    bench.state(|state| state.directory.remove_person("grace@example.com"));
    let output = bench.run(&["apply", &path]).expect_trouble(1, &["stale"], "new plan");
    for name in ["alan@example.com", "grace@example.com"] {
        assert!(output.stderr.contains(name), "{name}: {}", output.stderr);
    }
    assert!(!output.stderr.contains("betty@example.com"), "{}", output.stderr);
    assert_eq!(bench.writes(), 0);
}

fn rewrite(path: &str, change: impl FnOnce(&mut Value)) {
    let mut plan: Value = serde_json::from_slice(&std::fs::read(path).expect("read")).expect("JSON");
    change(&mut plan);
    std::fs::write(path, plan.to_string()).expect("written");
}

#[test]
fn an_edited_plan_is_refused() {
    let bench = Bench::sample();
    let path = saved(&bench);
    rewrite(&path, |plan| {
        plan["operations"].as_array_mut().expect("operations").remove(0);
    });
    bench.run(&["apply", &path]).expect_trouble(1, &["edited"], "rosterd plan --out");
    let path = saved(&bench);
    rewrite(&path, |plan| plan["operations"][9]["after"]["roles"] = json!(["ADMIN"]));
    bench.run(&["apply", &path]).expect_trouble(1, &["edited"], "rosterd plan --out");
    std::fs::write(&path, "{}").expect("written");
    bench.run(&["apply", &path]).expect_trouble(1, &["plan.json", "not a saved plan"], "rosterd plan --out");
    let missing = bench.path("nowhere.json").to_string_lossy().into_owned();
    bench.run(&["apply", &missing]).expect_trouble(1, &["nowhere.json"], "rosterd plan --out");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn a_plan_of_another_team_is_refused() {
    let bench = Bench::sample();
    let path = saved(&bench);
    bench.edit("name = \"simulated\"", "name = \"other\"");
    bench.run(&["apply", &path]).expect_trouble(1, &["simulated", "other"], "-c");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn the_same_facts_give_the_same_digest_and_other_facts_another() {
    let bench = Bench::sample();
    let first = bench.plan();
    assert_eq!(first.digest(), bench.plan().digest());
    bench.set_active("alan@example.com", false);
    assert_ne!(first.digest(), bench.plan().digest());
}

#[test]
fn a_plan_that_cannot_be_saved_says_so() {
    let bench = Bench::sample();
    let path = bench.path("no/such/folder/plan.json");
    let path: &Path = &path;
    bench.run(&["plan", "--out", &path.to_string_lossy()]).expect_trouble(1, &["plan.json"], "folder");
}

#[test]
fn plan_writes_nothing_but_its_own_output() {
    let bench = Bench::settled();
    let journal = || crate::support::listing(&bench.path("state").join("journal"));
    let before = journal();
    assert!(!before.is_empty());
    bench.set_active("alan@example.com", false);
    bench.run(&["plan"]).expect(0);
    bench.run(&["explain", "alan@example.com"]).expect(0);
    bench.run(&["status"]).expect(0);
    assert_eq!(before, journal());
}
