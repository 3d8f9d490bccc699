//! What went wrong elsewhere. Each of these was reported of another tool that keeps one list in line with another; here the
//! same is done to the directory of a settled team, with the real program over real HTTP. `--nocapture` prints a line for each.
//!
//! Not played: rclone#959, imapsync#362, gstack PR 1736 and geode#77 concern files and mail, where nobody holds a seat, and
//! go-sync PR 93 asks for a limit that `lsc_172` and `miis_autosync_154` play.

use std::collections::BTreeMap;
use std::fs;

use rosterd::simulator::switches::MembersShown;
use rosterd::simulator::{
    Fault, FileOptions, Grant, Options, Peer, Rule, SourceKind, State, Switches, When, World, write_files,
};
use serde_json::{Value, json};

use crate::support::{Bench, Output, Plan, person};

const GONE: Fault = Fault::Status { status: 503, when: When::Before };
const FOR_EVER: u32 = u32::MAX;
const JOINER: &str = "new@example.com";

/// What rosterd does while the source is broken.
struct Expect {
    /// How each of three cycles ends.
    code: i32,
    /// A reason for which the plan holds something, where it is made at all.
    held: &'static str,
    /// Words on standard error.
    says: &'static [&'static str],
    /// Whether somebody who joined meanwhile is invited nevertheless.
    joins: bool,
}

/// A team at rest whose directory has just got one more developer.
fn at_rest() -> Bench {
    let bench = Bench::settled();
    join(&bench);
    bench
}

fn join(bench: &Bench) {
    bench.state(|state| {
        state.directory.add_person(JOINER, "New", "Joiner");
        state.directory.join("iOS Developers", JOINER);
    });
}

/// Every seat of before is still there with all it could do.
#[track_caller]
fn assert_nobody_lost(bench: &Bench, before: &BTreeMap<String, Grant>, context: &str) {
    let now = bench.seats();
    for (seat, grant) in before {
        assert_eq!(now.get(seat), Some(grant), "{context}: {seat}");
    }
}

/// The line of the table.
fn tell(from: &str, broken: &str, codes: &[i32], plan: Option<&Plan>, words: &str) {
    let mut reasons = BTreeMap::new();
    for entry in plan.map(Plan::held).unwrap_or_default() {
        let reason = entry.rsplit(' ').next().unwrap_or_default().to_owned();
        *reasons.entry(reason).or_insert(0) += 1;
    }
    let held: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let held = if held.is_empty() { "-".to_owned() } else { held.join(", ") };
    eprintln!("{from:<24} | {broken:<72} | exit {codes:?} | held {held} | {words}");
}

/// The first line of standard error with all the words, or nothing.
fn words_of<'o>(output: &'o Output, says: &[&str]) -> &'o str {
    let mut lines = output.stderr.lines();
    lines.find(|line| says.iter().any(|word| line.contains(word))).unwrap_or_default().trim()
}

/// As many cycles on a broken source as `leave_confirmations` asks for, then one on a source that is whole again.
#[track_caller]
fn play(from: &str, broken: &str, bench: &Bench, strike: impl Fn(&Bench), expect: &Expect) {
    let before = bench.seats();
    let broken_run = |args: &[&str]| {
        bench.state(|state| state.faults.clear());
        strike(bench);
        bench.run(args)
    };
    let outputs: Vec<Output> = (0..2).map(|_| broken_run(&["run", "--once"])).collect();
    let codes: Vec<i32> = outputs.iter().map(|output| output.code).collect();
    let last = &outputs[1];
    let planned = broken_run(&["plan", "--output", "json"]);
    let plan = (planned.code == 0).then(|| Plan(planned.json()));
    tell(from, broken, &codes, plan.as_ref(), words_of(last, expect.says));
    assert_nobody_lost(bench, &before, from);
    // Whoever seems to have left waits for a second read, so a guard has its first word then.
    assert!(codes[1..].iter().all(|code| *code == expect.code), "{from}: {codes:?}: {last:?}");
    for word in expect.says {
        assert!(last.stderr.contains(word), "{from}: {word:?} in {}", last.stderr);
    }
    let reasons = plan.as_ref().map(Plan::held).unwrap_or_default();
    let is_held = reasons.iter().any(|entry| entry.ends_with(expect.held));
    assert!(is_held || expect.held.is_empty(), "{from}: {reasons:?}");
    assert_eq!(bench.state(|state| state.mails_to(JOINER)), usize::from(expect.joins), "{from}");
    let is_daunted = last.stderr.contains("panicked");
    assert!(!is_daunted, "{from}: {}", last.stderr);
    mend(bench, &before, from);
}

/// Whole again: nothing has to be done by hand, and nobody ever lost or got anything twice.
#[track_caller]
fn mend(bench: &Bench, before: &BTreeMap<String, Grant>, from: &str) {
    bench.state(|state| state.faults.clear());
    bench.sim.switch(|switches| *switches = Switches::default());
    bench.run(&["run", "--once"]).expect(0);
    assert_nobody_lost(bench, before, from);
    bench.plan().assert_empty(from);
    bench.assert_one_mail_each(from);
    assert_eq!(bench.state(|state| state.mails_to(JOINER)), 1, "{from}");
}

fn scim(path: &str, fault: Fault) -> Rule {
    Rule::scim("GET", path, fault).times(FOR_EVER)
}

#[test]
fn ssosync_234_a_source_that_answers_503_for_groups_costs_no_group() {
    let expect =
        Expect { code: 5, held: "incomplete_read", says: &["incomplete read: Groups: 503"], joins: false };
    let strike = |bench: &Bench| bench.sim.fault(scim("/scim/v2/Groups*", GONE));
    play("ssosync#234", "every read of groups answers 503", &at_rest(), strike, &expect);
}

#[test]
fn ssosync_278_a_source_that_fails_now_and_then_costs_nobody() {
    let expect = Expect { code: 5, held: "incomplete_read", says: &["503"], joins: false };
    let strike = |bench: &Bench| {
        bench.sim.switch(|switches| switches.scim.page_max = 10);
        // The second page fails for longer than it is tried; the first is always fine.
        bench.sim.fault(scim("/scim/v2/Users", GONE).nth(2));
    };
    play("ssosync#278", "the second page of people answers 503", &at_rest(), strike, &expect);
}

#[test]
fn ssosync_236_an_error_of_the_source_stops_the_run() {
    let expect = Expect { code: 1, held: "", says: &["500"], joins: false };
    let strike = |bench: &Bench| {
        bench.sim.fault(scim("*", Fault::Status { status: 500, when: When::Before }));
    };
    play("ssosync#236", "the source answers 500 to everything", &at_rest(), strike, &expect);
}

#[test]
fn ssosync_194_a_person_in_five_groups_is_one_person_until_the_last_is_left() {
    let from = "ssosync#194";
    let bench = Bench::settled();
    let five = ["Team 1", "Team 2", "Team 3", "Team 4", "Team 5"];
    bench.state(|state| {
        for group in five {
            state.directory.add_group(group, &["alan@example.com"]);
        }
        state.directory.leave("iOS Developers", "alan@example.com");
    });
    let list: Vec<String> = five.iter().map(|group| format!("{group:?}")).collect();
    bench.edit(
        "groups = [\"iOS Developers\"]",
        &format!("groups = [\"iOS Developers\", {}]", list.join(", ")),
    );
    let before = bench.seats();
    for group in five.iter().skip(1) {
        bench.run(&["run", "--once"]).expect(0);
        bench.plan().assert_empty(group);
        bench.state(|state| state.directory.leave(group, "alan@example.com"));
    }
    bench.run(&["run", "--once"]).expect(0);
    assert_nobody_lost(&bench, &before, from);
    bench.state(|state| state.directory.leave("Team 1", "alan@example.com"));
    let codes: Vec<i32> = (0..2).map(|_| bench.run(&["run", "--once"]).code).collect();
    let mut expected = before.clone();
    expected.remove("alan@example.com");
    assert_eq!(bench.seats(), expected, "{from}: he and nobody else");
    tell(
        from,
        "one person in five groups of the scope leaves them one by one",
        &codes,
        None,
        "goes with the last",
    );
}

#[test]
fn ssosync_159_a_filter_that_fits_nobody_takes_nobody_away() {
    let from = "ssosync#159";
    let bench = at_rest();
    let before = bench.seats();
    bench.edit("userType eq \"Employee\"", "userType eq \"Staff\"");
    let outputs: Vec<Output> = (0..3).map(|_| bench.run(&["run", "--once"])).collect();
    let plan = bench.plan();
    let codes: Vec<i32> = outputs.iter().map(|output| output.code).collect();
    assert_nobody_lost(&bench, &before, from);
    assert_eq!(codes[2], 3, "{:?}", outputs[2]);
    tell(
        from,
        "the filter was changed to one that fits nobody",
        &codes,
        Some(&plan),
        words_of(&outputs[2], &["by guard."]),
    );
    bench.edit("userType eq \"Staff\"", "userType eq \"Employee\"");
    mend(&bench, &before, from);
}

#[test]
fn ssosync_88_a_first_run_leaves_seats_that_others_made() {
    let from = "ssosync#88";
    let mut world = World::sample();
    for number in 0..40 {
        let name = format!("agency-{number}@example.net");
        world.team.add_member(&name, ("By", "Hand"), Grant::roles(&["DEVELOPER"]));
    }
    let bench = Bench::with(world, Options::default());
    // As shipped: the sample's own configuration lets a leaver be seen to leave.
    bench.edit("deactivated = \"remove\"  ", "deactivated = \"report\"  ");
    let before = bench.seats();
    let outputs: Vec<Output> = (0..3).map(|_| bench.run(&["run", "--once"])).collect();
    let codes: Vec<i32> = outputs.iter().map(|output| output.code).collect();
    let after = bench.seats();
    for (seat, grant) in &before {
        let now = after.get(seat).unwrap_or_else(|| panic!("{from}: {seat} is gone"));
        assert!(now.roles.is_superset(&grant.roles), "{from}: {seat}");
    }
    let plan = bench.plan();
    assert_eq!(plan.held_for("unmanaged").len(), 43, "{:?}", plan.held());
    tell(from, "first run on a team with 42 seats that nobody here made", &codes, Some(&plan), "");
}

#[test]
fn ssosync_105_removal_can_be_left_to_people_altogether() {
    let from = "ssosync#105";
    let bench = at_rest();
    for key in ["on_deactivated", "on_deleted", "on_out_of_scope"] {
        bench.edit(&format!("{key} = \"remove\""), &format!("{key} = \"report\""));
    }
    bench.edit("deactivated = \"remove\"  ", "deactivated = \"report\"  ");
    bench.state(|state| {
        person(state, "alan@example.com").active = false;
        state.directory.remove_person("dorothy@example.com");
        state.directory.leave("iOS Developers", "edsger@example.com");
    });
    let before = bench.seats();
    let codes: Vec<i32> = (0..4).map(|_| bench.run(&["run", "--once"]).code).collect();
    assert_nobody_lost(&bench, &before, from);
    let plan = bench.plan();
    assert_eq!(plan.held_for("policy").len(), 3, "{:?}", plan.held());
    tell(
        from,
        "one disabled, one deleted, one out of scope; all lifecycle keys \"report\"",
        &codes,
        Some(&plan),
        "",
    );
}

#[test]
fn firezone_9194_an_answer_of_200_that_says_nothing_is_not_an_empty_company() {
    let not_a_list =
        Expect { code: 1, held: "", says: &["Users: answered with JSON that is no SCIM list"], joins: false };
    let too_few = Expect { code: 5, held: "", says: &["counts 37 people and listed 0"], joins: false };
    let members_know = Expect { code: 5, held: "", says: &["was not in the list of people"], joins: true };
    for (what, body, expect) in [
        ("people answer 200 {}", json!({}), not_a_list),
        ("people answer 200 with totalResults and no Resources", json!({"totalResults": 37}), too_few),
        ("people answer 200 with a total of 0", json!({"totalResults": 0}), members_know),
    ] {
        let strike = |bench: &Bench| {
            bench.sim.fault(scim("/scim/v2/Users", Fault::Says { status: 200, body: body.clone() }));
        };
        play("firezone PR 9194", what, &at_rest(), strike, &expect);
    }
    let expect =
        Expect { code: 5, held: "incomplete_read", says: &["shows members of no group"], joins: false };
    let strike = |bench: &Bench| {
        bench.sim.switch(|switches| switches.scim.members_shown = MembersShown::Never);
    };
    play("firezone PR 9194", "groups answer 200 without members", &at_rest(), strike, &expect);
}

#[test]
fn googleapps_managementagent_78_a_short_list_that_agrees_with_its_own_count_costs_nobody() {
    let expect = Expect { code: 5, held: "", says: &["was not in the list of people"], joins: true };
    let strike = |bench: &Bench| {
        let mut users = bench.state(|state| export(state))["users"].take();
        users.as_array_mut().expect("users").truncate(8);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 8, "startIndex": 1,
            "itemsPerPage": 8, "Resources": users,
        });
        bench.sim.fault(scim("/scim/v2/Users", Fault::Says { status: 200, body }));
    };
    play(
        "googleapps-ma#78",
        "30 of 38 people are missing, and the total says 8",
        &at_rest(),
        strike,
        &expect,
    );
}

#[test]
fn sre_bot_507_a_group_that_cannot_be_read_is_skipped_and_the_others_go_on() {
    let expect = Expect { code: 5, held: "incomplete_read", says: &["incomplete read"], joins: true };
    let strike = |bench: &Bench| {
        let id = bench.state(|state| state.directory.group("Watch Team").expect("a group").id.clone());
        bench.sim.fault(scim(&format!("/scim/v2/Groups/{id}"), GONE));
        bench.sim.switch(|switches| switches.scim.members_shown = MembersShown::ById);
        // Somebody of another group has left for good: not even that is done on half a read.
        bench.state(|state| state.directory.leave("iOS Developers", "edsger@example.com"));
    };
    let bench = at_rest();
    let edsger = |bench: &Bench| bench.state(|state| state.team.member("edsger@example.com").is_some());
    let before = bench.seats();
    strike(&bench);
    let outputs: Vec<Output> = (0..3).map(|_| bench.run(&["run", "--once"])).collect();
    let plan = bench.plan();
    let codes: Vec<i32> = outputs.iter().map(|output| output.code).collect();
    tell(
        "sre-bot#507",
        "one of three groups answers 503",
        &codes,
        Some(&plan),
        words_of(&outputs[2], expect.says),
    );
    assert_eq!(codes, [expect.code; 3], "{:?}", outputs[2]);
    assert_nobody_lost(&bench, &before, "sre-bot#507");
    assert!(!plan.held_for(expect.held).is_empty(), "{:?}", plan.held());
    assert_eq!(bench.state(|state| state.mails_to(JOINER)), 1, "the joiner of another group");
    bench.state(|state| state.faults.clear());
    for _ in 0..2 {
        bench.run(&["run", "--once"]).expect(0);
    }
    assert!(!edsger(&bench), "whole again, he goes");
    bench.plan().assert_empty("whole again");
}

/// The directory as a file, with the same ids.
fn export(state: &State) -> Value {
    let member = |member: &rosterd::simulator::directory::Belongs| json!({"value": member.id()});
    let users: Vec<Value> = state
        .directory
        .people
        .iter()
        .map(|person| {
            let mut user = json!({
                "id": person.id, "userName": person.user_name, "active": person.active, "userType": person.user_type,
                "name": {"givenName": person.given_name, "familyName": person.family_name},
            });
            for (name, value) in &person.custom {
                user[&**name] = value.clone();
            }
            user
        })
        .collect();
    let groups = state.directory.groups.iter().map(|group| {
        let members: Vec<Value> = group.members.iter().map(member).collect();
        json!({"id": group.id, "displayName": group.name, "members": members})
    });
    json!({"users": users, "groups": groups.collect::<Vec<_>>()})
}

#[test]
fn okta_csv_a_file_that_was_cut_off_is_no_file_and_half_a_file_is_held() {
    for (what, expect) in [
        (
            "the file is cut off in the middle",
            Expect { code: 1, held: "", says: &["people.json"], joins: false },
        ),
        (
            "the file holds the first half of everybody",
            Expect { code: 3, held: "guard", says: &["by guard."], joins: false },
        ),
    ] {
        let bench = at_rest();
        bench.read_from("type = \"file\"\n[source.file]\npath = \"people.json\"\n");
        let whole = bench.state(|state| export(state));
        let path = bench.path("people.json");
        fs::write(&path, whole.to_string()).expect("written");
        bench.state(|state| drop(state.directory.remove_person(JOINER)));
        let without = bench.state(|state| export(state));
        fs::write(&path, without.to_string()).expect("written");
        bench.run(&["run", "--once"]).expect(0);
        bench.plan().assert_empty(what);
        let before = bench.seats();
        let broken = if expect.code == 1 {
            let text = whole.to_string();
            text[..text.len() / 2].to_owned()
        } else {
            let mut half = whole.clone();
            let users = half["users"].as_array_mut().expect("users");
            users.truncate(users.len() / 4);
            half.to_string()
        };
        fs::write(&path, broken).expect("written");
        let outputs: Vec<Output> = (0..3).map(|_| bench.run(&["run", "--once"])).collect();
        let codes: Vec<i32> = outputs.iter().map(|output| output.code).collect();
        let planned = bench.run(&["plan", "--output", "json"]);
        let plan = (planned.code == 0).then(|| Plan(planned.json()));
        tell("Okta, CSV truncation", what, &codes, plan.as_ref(), words_of(&outputs[2], expect.says));
        assert_nobody_lost(&bench, &before, what);
        assert_eq!(codes[2], expect.code, "{what}: {:?}", outputs[2]);
        fs::write(&path, whole.to_string()).expect("written");
        mend(&bench, &before, what);
    }
}

#[test]
fn gitlab_ldap_an_outage_heals_by_itself_and_locks_nobody_out() {
    let from = "GitLab, LDAP outage";
    let bench = at_rest();
    bench.set_active("alan@example.com", false);
    let before = bench.seats();
    for fault in [Fault::DropBefore, GONE, Fault::Unauthorized, Fault::Html { status: 200 }, Fault::Truncated]
    {
        bench.state(|state| state.faults.clear());
        bench.sim.fault(scim("*", fault.clone()));
        let output = bench.run(&["run", "--once"]);
        tell(
            from,
            &format!("the source is away: {fault:?}"),
            &[output.code],
            None,
            words_of(&output, &["hint:"]),
        );
        assert!([1, 4].contains(&output.code), "{fault:?}: {output:?}");
        assert_eq!(bench.seats(), before, "{fault:?}");
    }
    // Back: the same program, nothing done by hand.
    bench.state(|state| state.faults.clear());
    bench.run(&["run", "--once"]).expect(0);
    let mut expected = before;
    expected.remove("alan@example.com");
    expected.insert(JOINER.to_owned(), Grant::roles(&["DEVELOPER"]));
    assert_eq!(bench.seats(), expected);
}

#[test]
fn defguard_2833_changing_the_provider_empties_nothing() {
    let from = "DefGuard#2833";
    let bench = at_rest();
    let before = bench.seats();
    write_files(bench.dir.path(), &bench.sim, FileOptions { source: SourceKind::Graph }).expect("written");
    let outputs: Vec<Output> = (0..3).map(|_| bench.run(&["run", "--once"])).collect();
    let codes: Vec<i32> = outputs.iter().map(|output| output.code).collect();
    let planned = bench.run(&["plan", "--output", "json"]);
    let plan = (planned.code == 0).then(|| Plan(planned.json()));
    tell(from, "the source is now Entra, with other ids for the same people", &codes, plan.as_ref(), "");
    assert_nobody_lost(&bench, &before, from);
    bench.assert_one_mail_each(from);
    assert_eq!(codes, [0, 0, 0], "{:?}", outputs[2]);
    // The seats are known to belong to the same people: who leaves there leaves here.
    bench.set_active("alan@example.com", false);
    bench.run(&["run", "--once"]).expect(0);
    let mut expected = before;
    expected.remove("alan@example.com");
    expected.insert(JOINER.to_owned(), Grant::roles(&["DEVELOPER"]));
    assert_eq!(bench.seats(), expected);
}

#[test]
fn authentik_19295_a_wrong_filter_is_seen_in_the_dry_run_and_held_in_the_real_one() {
    let from = "authentik#19295";
    for filter in ["userType eq \\\"Employees\\\"", "usrType eq \\\"Employee\\\"", "active eq false"] {
        let bench = at_rest();
        let before = bench.seats();
        bench.edit("'userType eq \"Employee\"'", &format!("\"{filter}\""));
        bench.run(&["plan"]);
        let codes: Vec<i32> = (0..3).map(|_| bench.run(&["run", "--once"]).code).collect();
        let output = bench.run(&["run", "--once"]);
        let planned = bench.run(&["plan", "--output", "json"]);
        let plan = (planned.code == 0).then(|| Plan(planned.json()));
        tell(from, &format!("filter = {filter}"), &codes, plan.as_ref(), words_of(&output, &["by guard."]));
        assert_nobody_lost(&bench, &before, filter);
        bench.edit(&format!("\"{filter}\""), "'userType eq \"Employee\"'");
        mend(&bench, &before, filter);
    }
}

#[test]
fn authentik_1644_deletions_arrive_and_one_failed_read_wipes_nothing() {
    let from = "authentik#1644";
    let bench = at_rest();
    bench.state(|state| state.directory.remove_person("dorothy@example.com"));
    let before = bench.seats();
    let mut codes = vec![bench.run(&["run", "--once"]).code];
    bench.sim.fault(scim("/scim/v2/*", GONE));
    codes.push(bench.run(&["run", "--once"]).code);
    assert_nobody_lost(&bench, &before, from);
    bench.state(|state| state.faults.clear());
    codes.push(bench.run(&["run", "--once"]).code);
    tell(from, "one is deleted; between the two reads that agree, one fails", &codes, None, "");
    let mut expected = before;
    expected.remove("Dorothy@Example.com");
    expected.insert(JOINER.to_owned(), Grant::roles(&["DEVELOPER"]));
    assert_eq!(bench.seats(), expected, "she and nobody else");
    assert_eq!(codes, [0, 1, 0]);
}

#[test]
fn directory_connector_107_an_empty_directory_removes_nobody() {
    for (what, expect) in [
        (
            "people and groups are empty lists",
            Expect { code: 1, held: "", says: &["no group"], joins: false },
        ),
        (
            "people are an empty list, groups are whole",
            Expect { code: 5, held: "", says: &["was not in the list of people"], joins: true },
        ),
    ] {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0, "startIndex": 1,
            "itemsPerPage": 0, "Resources": [],
        });
        let strike = |bench: &Bench| {
            let says = |body: &Value| Fault::Says { status: 200, body: body.clone() };
            bench.sim.fault(scim("/scim/v2/Users", says(&body)));
            if what.contains("and groups are empty") {
                bench.sim.fault(scim("/scim/v2/Groups", says(&body)));
            }
        };
        play("directory-connector#107", what, &at_rest(), strike, &expect);
    }
}

#[test]
fn directory_connector_548_a_removal_that_was_forbidden_since_is_not_done_by_an_older_plan() {
    let from = "directory-connector#548";
    let bench = at_rest();
    bench.set_active("alan@example.com", false);
    let before = bench.seats();
    let path = bench.path("plan.json").to_string_lossy().into_owned();
    bench.run(&["plan", "--out", &path]).expect(0);
    bench.edit("on_deactivated = \"remove\"", "on_deactivated = \"report\"");
    bench.edit("deactivated = \"remove\"  ", "deactivated = \"report\"  ");
    let output = bench.run(&["apply", &path]).expect(1);
    let codes = [output.code, bench.run(&["run", "--once"]).code];
    assert_nobody_lost(&bench, &before, from);
    tell(
        from,
        "a saved plan removes somebody whom the configuration now keeps",
        &codes,
        Some(&bench.plan()),
        words_of(&output, &["moved"]),
    );
}

/// Everybody with a seat through the directory, but for the administrators.
const MANY: [&str; 8] = [
    "alan@example.com",
    "edsger@example.com",
    "kathleen@example.com",
    "emmy@example.com",
    "dorothy@example.com",
    "annie@example.com",
    "maryam@example.com",
    "hedy@example.com",
];

#[test]
fn bitwarden_server_6173_a_mass_deactivation_is_held_by_name() {
    let expect = Expect { code: 3, held: "guard", says: &["by guard."], joins: true };
    let bench = at_rest();
    let strike = |bench: &Bench| MANY.iter().for_each(|who| bench.set_active(who, false));
    let before = bench.seats();
    strike(&bench);
    let outputs: Vec<Output> = (0..3).map(|_| bench.run(&["run", "--once"])).collect();
    let codes: Vec<i32> = outputs.iter().map(|output| output.code).collect();
    let plan = bench.plan();
    tell(
        "bitwarden/server#6173",
        "eight people are disabled at once",
        &codes,
        Some(&plan),
        words_of(&outputs[2], expect.says),
    );
    assert_eq!(codes, [expect.code; 3]);
    assert_eq!(plan.held_for("guard").len(), 8, "{:?}", plan.held());
    assert_nobody_lost(&bench, &before, "bitwarden/server#6173");
    assert_eq!(bench.state(|state| state.mails_to(JOINER)), 1);
    MANY.iter().for_each(|who| bench.set_active(who, true));
    mend(&bench, &before, "bitwarden/server#6173");
}

/// A settled team of so many.
fn team_of(people: usize) -> Bench {
    let mut world = World::sample();
    for number in 0..people - world.team.members.len() {
        let address = format!("dev-{number}@example.com");
        world.directory.add_person(&address, "Dev", "Eloper");
        world.directory.join("iOS Developers", &address);
        world.team.add_member(&address, ("Dev", "Eloper"), Grant::roles(&["DEVELOPER"]));
    }
    let bench = Bench::with(world, Options::default());
    bench.run(&["apply", "--yes"]).expect(0);
    bench
}

/// What goes and what is held at a limit: the number that just goes, the next is held with all of its cycle.
#[track_caller]
fn at_the_limit(from: &str, what: &str, bench: &Bench, goes: usize) {
    let before = bench.seats().len();
    let leave = |count: usize| {
        for number in 0..count {
            bench.set_active(&format!("dev-{number}@example.com"), false);
        }
    };
    leave(goes + 1);
    let output = bench.run(&["run", "--once"]).expect(3);
    assert_eq!(bench.seats().len(), before, "{from}: none of them");
    let plan = bench.plan();
    assert_eq!(plan.held_for("guard").len(), goes + 1, "{from}: {:?}", plan.held());
    tell(
        from,
        &format!("{what}: {} leave", goes + 1),
        &[output.code],
        Some(&plan),
        words_of(&output, &["by guard."]),
    );
    bench.set_active(&format!("dev-{goes}@example.com"), true);
    let output = bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.seats().len(), before - goes, "{from}: one fewer goes through");
    tell(from, &format!("{what}: {goes} leave"), &[output.code], None, "removed");
}

#[test]
fn lsc_172_a_run_removes_at_most_so_many() {
    let bench = team_of(20);
    bench.edit("removals_max = 3", "removals_max = 2");
    at_the_limit("lsc#172", "removals_max = 2 in a team of 19", &bench, 2);
}

#[test]
fn miis_autosync_154_a_run_removes_at_most_a_share() {
    let bench = team_of(101);
    bench.edit("removals_max = 3", "removals_max = 1");
    bench.edit("removals_max_percent = 10", "removals_max_percent = 5");
    at_the_limit("miis-autosync#154", "5 % of a team of 100", &bench, 5);
}

#[test]
fn dim_89_people_and_departments_have_thresholds_of_their_own_and_the_dry_run_shows_both() {
    let from = "IONOS dim#89";
    let bench = team_of(40);
    // As many people may go as like; a department may not.
    bench.edit("removals_max = 3", "removals_max = 100");
    bench.edit("leave_confirmations = 2", "leave_confirmations = 1");
    bench.edit("source_shrink_percent = 30", "source_shrink_percent = 20");
    let before = bench.seats();
    bench.state(|state| {
        let group = state.directory.group_mut("iOS Developers").expect("a group");
        let keep = group.members.len() - 15;
        group.members.truncate(keep);
    });
    let dry = bench.run(&["plan", "--detailed-exitcode"]);
    let output = bench.run(&["run", "--once"]);
    let plan = bench.plan();
    tell(
        from,
        "a department of 15 is emptied; removals_max allows it",
        &[dry.code, output.code],
        Some(&plan),
        words_of(&output, &["by guard."]),
    );
    assert_eq!((dry.code, output.code), (2, 3), "{dry:?}");
    assert_eq!(plan.held_for("guard").len(), 15, "{:?}", plan.held());
    assert_nobody_lost(&bench, &before, from);
    // The ignore flag, for exactly this set.
    let digest = bench.status()["guard"]["digest"].as_str().expect("a digest").to_owned();
    bench.run(&["approve", &digest]).expect(0);
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.seats().len(), before.len() - 15);
}

#[test]
fn genome_892_the_limit_counts_whatever_takes_something_away() {
    let from = "genome PR 892";
    let bench = at_rest();
    let before = bench.seats();
    bench.state(|state| {
        // A removal, two invitations taken back, access narrowed: four in all, and three are allowed.
        for who in ["alan@example.com", "grace@example.com", "joan@example.com"] {
            person(state, who).active = false;
        }
        person(state, "kathleen@example.com")
            .custom
            .insert("appStoreConnect_role".into(), json!(["MARKETING"]));
    });
    let output = bench.run(&["run", "--once"]);
    let plan = bench.plan();
    tell(
        from,
        "one removal, two cancelled invitations, one narrowed access; 3 allowed",
        &[output.code],
        Some(&plan),
        words_of(&output, &["by guard."]),
    );
    assert_eq!(output.code, 3, "{output:?}");
    let mut held = plan.held_for("guard");
    held.sort();
    assert_eq!(
        held,
        [
            "cancel_invitation grace@example.com",
            "cancel_invitation joan@example.com",
            "remove_member alan@example.com",
            "update_member kathleen@example.com"
        ]
    );
    assert_nobody_lost(&bench, &before, from);
    assert_eq!(bench.state(|state| state.mails_to(JOINER)), 1, "{from}: additions go on");
    assert_eq!(
        bench.state(|state| state
            .requests
            .iter()
            .filter(|seen| seen.peer == Peer::Asc && seen.method == "DELETE")
            .count()),
        2,
        "{from}"
    );
}
