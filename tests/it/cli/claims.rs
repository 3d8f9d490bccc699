//! Addresses that people write into their profile themselves: they take no seat over and stop nobody else.

use rosterd::simulator::team::Grant;
use rosterd::simulator::{FileOptions, SourceKind, write_files};
use serde_json::json;

use crate::support::{Bench, Output, person};

/// Grace writes these addresses into her profile, beside the one that she has from the company.
fn claim(bench: &Bench, kind: &str, addresses: &[&str]) {
    bench.state(|state| {
        let own = [json!({"value": "grace@example.com", "type": "work", "primary": true})];
        let more = addresses.iter().map(|address| json!({"value": address, "type": kind}));
        let all: Vec<_> = own.into_iter().chain(more).collect();
        person(state, "grace@example.com").core.insert("emails".into(), json!(all));
    });
}

/// An administrator's seat that nobody in the directory has.
fn foreign_admin(bench: &Bench) {
    bench.state(|state| {
        state.team.add_member("boss@example.net", ("Big", "Boss"), Grant::roles(&["ADMIN"]));
    });
}

fn admin_is_there(bench: &Bench) -> bool {
    bench.state(|state| {
        state.team.member("boss@example.net").is_some_and(|member| member.grant.roles.contains("ADMIN"))
    })
}

#[test]
fn an_address_in_a_profile_takes_no_foreign_seat_over() {
    for kind in ["home", "other", "personal"] {
        let bench = Bench::sample();
        foreign_admin(&bench);
        claim(&bench, kind, &["boss@example.net"]);
        let plan = bench.plan();
        assert_eq!(plan.held_for("conflict"), ["update_member grace@example.com"], "{kind}");
        let text = bench.run(&["explain", "grace@example.com"]).expect(0).stdout;
        for words in ["boss@example.net (finds no seat", "rosterd link grace@example.com boss@example.net"] {
            assert!(text.contains(words), "{kind}: {words:?} in\n{text}");
        }
        bench.run(&["run", "--once"]);
        assert!(admin_is_there(&bench), "{kind}");
        assert_eq!(bench.state(|state| state.mails_to("grace@example.com")), 0, "{kind}: a second seat");
        bench.set_active("grace@example.com", false);
        bench.run(&["run", "--once"]);
        assert!(admin_is_there(&bench), "{kind}: a seat went with somebody who only named it");
    }
}

#[test]
fn a_seat_under_a_private_address_is_found_by_link_or_where_any_address_may_match() {
    let bench = Bench::sample();
    bench.state(|state| {
        state.team.add_member("grace@home.example", ("Grace", "Hopper"), Grant::roles(&["DEVELOPER"]));
    });
    claim(&bench, "home", &["grace@home.example"]);
    bench.run(&["link", "grace@example.com", "grace@home.example"]).expect(0);
    assert_eq!(bench.plan().held_for("conflict"), [""; 0]);
    let bench = Bench::sample();
    bench.state(|state| {
        state.team.add_member("grace@home.example", ("Grace", "Hopper"), Grant::roles(&["DEVELOPER"]));
    });
    claim(&bench, "home", &["grace@home.example"]);
    let any = [("ROSTERD_ACCESS__MATCH_ADDRESSES", "any")];
    let output = Output::of(bench.command(&["plan", "--output", "json"]).envs(any)).expect(0);
    let plan = crate::support::Plan(output.json());
    assert_eq!(plan.held_for("conflict"), [""; 0]);
    assert!(!plan.operations().contains(&"invite grace@example.com".to_owned()), "{:?}", plan.operations());
}

#[test]
fn a_leavers_removal_waits_for_nobody_who_adds_their_address() {
    for kind in ["home", "work"] {
        let bench = Bench::settled();
        claim(&bench, kind, &["alan@example.com"]);
        bench.set_active("alan@example.com", false);
        let plan = bench.plan();
        let removal = "remove_member alan@example.com".to_owned();
        assert!(plan.operations().contains(&removal), "{kind}: {:?}", plan.held());
        bench.run(&["run", "--once"]);
        assert!(bench.state(|state| state.team.member("alan@example.com").is_none()), "{kind}");
    }
}

#[test]
fn a_claim_stops_no_newcomers_invitation() {
    let bench = Bench::settled();
    bench.state(|state| {
        let id = state.directory.add_person("new@example.com", "New", "Comer");
        state.directory.join("iOS Developers", &id);
    });
    claim(&bench, "home", &["new@example.com"]);
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.state(|state| state.mails_to("new@example.com")), 1);
    // A mapping goes to the one who has the address from the company.
    bench.run(&["link", "new@example.com", "konrad@example.net"]).expect(0);
    let text = bench.run(&["explain", "konrad@example.net"]).expect(0).stdout;
    assert!(text.starts_with("New Comer"), "{text}");
}

#[test]
fn what_people_write_into_other_mails_takes_no_seat_over_either() {
    let bench = Bench::sample();
    foreign_admin(&bench);
    let options = FileOptions { source: SourceKind::Graph };
    write_files(bench.dir.path(), &bench.sim, options).expect("a configuration");
    bench.state(|state| {
        person(state, "grace@example.com").core.insert("otherMails".into(), json!(["boss@example.net"]));
    });
    assert_eq!(bench.plan().held_for("conflict"), ["update_member grace@example.com"]);
    // The same address from Exchange is the company's own.
    bench.state(|state| {
        let core = &mut person(state, "grace@example.com").core;
        core.remove("otherMails");
        core.insert("proxyAddresses".into(), json!(["smtp:boss@example.net"]));
    });
    assert_eq!(bench.plan().held_for("conflict"), [""; 0]);
}
