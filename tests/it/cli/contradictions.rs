//! A provider that contradicts itself, shows less in one place than in another, or keeps one object to itself: nobody loses a
//! seat for it, what disagrees is named, and everybody else goes on.

use rosterd::simulator::directory::Belongs;
use rosterd::simulator::switches::{
    CountUse, DisabledShown, ListedMembers, MembersShown, OwnGroups, ScimSwitches, TotalResults,
};
use rosterd::simulator::{Fault, FileOptions, Rule, SourceKind, When, write_files};

use crate::support::{Bench, Plan};

const FORBIDDEN: Fault = Fault::Status { status: 403, when: When::Before };

/// Newcomers of a group within the scope's group, known only there.
fn with_newcomers(change: impl FnOnce(&mut ScimSwitches)) -> Bench {
    let bench = Bench::settled();
    bench.sim.switch(|switches| change(&mut switches.scim));
    bench.state(|state| {
        state.directory.add_person("new@example.com", "New", "Joiner");
        state.directory.add_group("Apprentices", &["new@example.com"]);
        assert!(state.directory.join("iOS Developers", "Apprentices"));
    });
    bench
}

fn is_invited(bench: &Bench, who: &str) -> bool {
    bench.state(|state| state.mails_to(who) == 1)
}

fn is_member(bench: &Bench, who: &str) -> bool {
    bench.state(|state| state.team.member(who).is_some())
}

fn requests(bench: &Bench, path: &str) -> usize {
    bench.state(|state| state.requests.iter().filter(|seen| seen.path.starts_with(path)).count())
}

fn directory_coverage(plan: &Plan) -> (String, String) {
    let coverage = &plan.0["coverage"];
    (coverage["directory"].as_str().expect("a word").to_owned(), coverage["problems"].to_string())
}

#[test]
fn what_the_list_of_groups_leaves_out_is_read_from_the_group_itself() {
    for listed in [ListedMembers::People, ListedMembers::FirstTwo] {
        let bench = with_newcomers(|scim| scim.listed_members = listed);
        bench.state(|state| assert!(state.directory.leave("iOS Developers", "emmy@example.com")));
        let seats = bench.seats();
        for _ in 0..3 {
            bench.run(&["run", "--once"]).expect(0);
        }
        assert!(is_invited(&bench, "new@example.com"), "{listed:?}");
        for who in seats.keys().filter(|who| *who != "emmy@example.com") {
            assert!(bench.seats().contains_key(who), "{listed:?}: {who} lost their seat");
        }
        // Who has left the group goes as ever: the shorter list stands in nobody's way.
        assert!(!bench.seats().contains_key("emmy@example.com"), "{listed:?}");
        bench.plan().assert_empty("settled");
    }
}

#[test]
fn whom_only_the_list_shows_as_a_member_neither_comes_nor_goes() {
    let bench = Bench::settled();
    bench.state(|state| {
        state.directory.add_person("new@example.com", "New", "Joiner");
        for who in ["new@example.com", "emmy@example.com"] {
            let id = state.directory.person(who).expect("a person").id.to_string();
            state.switches.scim.list_adds.push(("iOS Developers".to_owned(), id));
        }
        for who in ["emmy@example.com", "annie@example.com"] {
            assert!(state.directory.leave("iOS Developers", who));
        }
    });
    for _ in 0..4 {
        bench.run(&["run", "--once"]);
    }
    assert!(is_member(&bench, "emmy@example.com"), "the list still names her");
    assert!(!is_invited(&bench, "new@example.com"), "the group itself does not name them");
    assert!(!is_member(&bench, "annie@example.com"), "nobody contradicts this one");
    let plan = bench.plan();
    assert!(
        plan.held_for("incomplete_read").contains(&"remove_member emmy@example.com".to_owned()),
        "{:?}",
        plan.held()
    );
    let detail = plan.0["held"].to_string();
    assert!(detail.contains("contradicts itself") && detail.contains("iOS Developers"), "{detail}");
    let explained = bench.run(&["explain", "emmy@example.com"]).stdout;
    assert!(explained.contains("contradicts itself"), "{explained}");
}

#[test]
fn whoever_says_themselves_that_they_are_in_the_group_keeps_the_seat() {
    let bench = Bench::settled();
    bench.sim.switch(|switches| switches.scim.own_groups = OwnGroups::Shown);
    bench.state(|state| {
        for who in ["emmy@example.com", "annie@example.com", "alan@example.com"] {
            assert!(state.directory.leave("iOS Developers", who));
        }
        let claims = ["emmy", "alan"].map(|who| (format!("{who}@example.com"), "iOS Developers".to_owned()));
        state.switches.scim.group_claims = claims.into();
    });
    bench.set_active("alan@example.com", false);
    for _ in 0..4 {
        bench.run(&["run", "--once"]);
    }
    assert!(is_member(&bench, "emmy@example.com"));
    assert!(!is_member(&bench, "annie@example.com"), "nobody contradicts this one");
    assert!(!is_member(&bench, "alan@example.com"), "disabled is disabled, whatever group it is");
    let plan = bench.plan();
    assert_eq!(plan.held_for("incomplete_read"), ["remove_member emmy@example.com"]);
    bench.state(|state| state.switches.scim.group_claims.clear());
    for _ in 0..3 {
        bench.run(&["run", "--once"]).expect(0);
    }
    assert!(!is_member(&bench, "emmy@example.com"), "both answers agree now");
}

#[test]
fn a_membership_in_doubt_takes_no_role_away() {
    let bench = Bench::settled();
    bench.sim.switch(|switches| switches.scim.own_groups = OwnGroups::Shown);
    bench.state(|state| {
        assert!(state.directory.leave("iOS Admins", "katherine@example.com"));
        assert!(state.directory.join("Watch Team", "katherine@example.com"));
        state.switches.scim.group_claims =
            vec![("katherine@example.com".to_owned(), "iOS Admins".to_owned())];
    });
    let plan = bench.plan();
    assert_eq!(
        plan.held_for("incomplete_read"),
        ["update_member katherine@example.com"],
        "{:?}",
        plan.operations()
    );
}

#[test]
fn one_object_that_may_not_be_read_is_named_and_stops_nobody_else() {
    // A person of a group, the group within a group, and the group of the scope itself.
    for what in ["Users/stale-0000", "Groups/nested", "Groups/root"] {
        let bench = with_newcomers(|scim| scim.stale_members = 1);
        bench.state(|state| {
            state.directory.add_person("newer@example.com", "Newer", "Joiner");
            state.directory.join("iOS Developers", "newer@example.com");
            assert!(state.directory.leave("iOS Developers", "emmy@example.com"));
        });
        let id =
            |name: &str| bench.state(|state| state.directory.group(name).expect("a group").id.to_string());
        let (path, named) = match what {
            "Groups/nested" => (format!("/scim/v2/Groups/{}", id("Apprentices")), id("Apprentices")),
            "Groups/root" => {
                (format!("/scim/v2/Groups/{}", id("iOS Developers")), "iOS Developers".to_owned())
            }
            _ => ("/scim/v2/Users/stale-0000".to_owned(), "stale-0000".to_owned()),
        };
        bench.sim.fault(Rule::scim("GET", &path, FORBIDDEN).times(u32::MAX));
        let plan = bench.plan();
        let (word, problems) = directory_coverage(&plan);
        assert_eq!(word, "partial", "{what}");
        assert!(problems.contains(&named) && problems.contains("403"), "{what}: {problems}");
        for _ in 0..3 {
            let output = bench.run(&["run", "--once"]);
            assert_ne!(output.code, 4, "{what}: {output:?}");
        }
        assert!(is_invited(&bench, "newer@example.com"), "{what}");
        assert!(is_member(&bench, "emmy@example.com"), "{what}: a partial read removes nobody");
    }
}

#[test]
fn a_list_that_may_not_be_read_is_total() {
    for path in ["/scim/v2/Users", "/scim/v2/Groups"] {
        let bench = Bench::settled();
        bench.sim.fault(Rule::scim("GET", path, FORBIDDEN).times(u32::MAX));
        bench.run(&["run", "--once"]).expect(4);
    }
}

#[test]
fn one_401_beside_a_list_that_answers_concerns_that_object() {
    let bench = with_newcomers(|scim| scim.stale_members = 1);
    bench.sim.fault(Rule::scim("GET", "/scim/v2/Users/stale-0000", Fault::Unauthorized).times(u32::MAX));
    let (word, problems) = directory_coverage(&bench.plan());
    assert_eq!(word, "partial");
    assert!(problems.contains("stale-0000"), "{problems}");
    bench.sim.fault(Rule::scim("GET", "/scim/v2/*", Fault::Unauthorized).times(u32::MAX));
    bench.run(&["run", "--once"]).expect(4);
}

#[test]
fn one_group_that_graph_keeps_to_itself_is_named_and_stops_nobody_else() {
    let bench = Bench::sample();
    write_files(bench.dir.path(), &bench.sim, FileOptions { source: SourceKind::Graph }).expect("written");
    bench.state(|state| state.switches.graph.forbidden = vec!["Watch Team".to_owned()]);
    let plan = bench.plan();
    let (word, problems) = directory_coverage(&plan);
    assert_eq!(word, "partial");
    assert!(problems.contains("Watch Team") && problems.contains("403"), "{problems}");
    assert!(plan.operations().contains(&"invite grace@example.com".to_owned()), "{:?}", plan.operations());
    bench.state(|state| {
        let all = state.directory.groups.iter().map(|group| group.name.to_string()).collect();
        state.switches.graph.forbidden = all;
    });
    bench.run(&["plan"]).expect(4);
}

#[test]
fn members_who_are_gone_for_good_are_looked_up_in_turn_and_remembered() {
    let bench = Bench::settled();
    bench.sim.switch(|switches| switches.scim.stale_members = 450);
    bench.state(|state| assert!(state.directory.leave("iOS Developers", "emmy@example.com")));
    let stale = || requests(&bench, "/scim/v2/Users/stale-");
    let mut asked = vec![];
    for _ in 0..6 {
        let before = stale();
        bench.run(&["run", "--once"]);
        asked.push(stale() - before);
    }
    assert_eq!(asked, [200, 200, 50, 0, 0, 0], "each is asked for once");
    assert!(!is_member(&bench, "emmy@example.com"), "nothing is missing any more, so removals go on");
    let before = stale();
    assert_eq!(directory_coverage(&bench.plan()).0, "complete");
    assert_eq!(stale(), before);
}

#[test]
fn disabled_people_whom_the_list_hides_are_not_asked_for_in_every_cycle() {
    let bench = Bench::settled();
    bench.sim.switch(|switches| switches.scim.disabled = DisabledShown::ById);
    let id = bench.state(|state| state.directory.person("alan@example.com").expect("alan").id.to_string());
    bench.set_active("alan@example.com", false);
    bench.edit("on_deactivated = \"remove\"", "on_deactivated = \"report\"");
    let path = format!("/scim/v2/Users/{id}");
    bench.run(&["run", "--once"]).expect(0);
    let first = requests(&bench, &path);
    assert!(first > 0);
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(requests(&bench, &path), first);
    let plan = bench.plan();
    assert!(
        plan.held().iter().any(|held| held == "remove_member alan@example.com policy"),
        "{:?}",
        plan.held()
    );
    bench.set_active("alan@example.com", true);
    assert!(!bench.plan().held().iter().any(|held| held.contains("alan")), "listed again, and believed");
}

#[test]
fn a_member_group_that_is_gone_is_no_hole() {
    let bench = Bench::settled();
    bench.state(|state| {
        let group = state
            .directory
            .groups
            .iter_mut()
            .find(|group| &*group.name == "iOS Developers")
            .expect("a group");
        group.members.push(Belongs::Group("no-such-group".into()));
    });
    assert_eq!(directory_coverage(&bench.plan()).0, "complete");
}

#[test]
fn members_that_are_shown_on_request_are_asked_for() {
    let bench = with_newcomers(|scim| scim.members_shown = MembersShown::OnRequest);
    bench.state(|state| assert!(state.directory.leave("iOS Developers", "emmy@example.com")));
    for _ in 0..3 {
        bench.run(&["run", "--once"]).expect(0);
    }
    assert!(is_invited(&bench, "new@example.com"));
    assert!(!is_member(&bench, "emmy@example.com"));
    assert!(is_member(&bench, "annie@example.com"));
    bench.plan().assert_empty("settled");
}

#[test]
fn a_provider_that_stumbles_over_count_is_asked_without_it() {
    let bench = with_newcomers(|scim| {
        scim.count = CountUse::Crashes;
        scim.page_size = 10;
    });
    bench.state(|state| state.directory.remove_person("dorothy@example.com"));
    for _ in 0..3 {
        bench.run(&["run", "--once"]).expect(0);
    }
    assert!(is_invited(&bench, "new@example.com"));
    assert!(!is_member(&bench, "dorothy@example.com"));
}

#[test]
fn a_total_that_counts_the_page_hides_nobody() {
    let bench = Bench::settled();
    bench.sim.switch(|switches| {
        switches.scim.total_results = TotalResults::PageLength;
        switches.scim.page_max = 10;
    });
    bench.state(|state| {
        state.directory.add_person("new@example.com", "New", "Joiner");
        state.directory.join("iOS Developers", "new@example.com");
    });
    let seats = bench.seats();
    for _ in 0..4 {
        bench.run(&["run", "--once"]);
    }
    assert!(is_invited(&bench, "new@example.com"));
    for who in seats.keys() {
        assert!(bench.seats().contains_key(who), "{who} lost their seat");
    }
    let (word, problems) = directory_coverage(&bench.plan());
    assert_eq!(word, "partial");
    assert!(problems.contains("counts 10 people and listed 33"), "{problems}");
}
