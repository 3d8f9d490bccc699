//! Whose a seat is: `link`, `unlink`, `adopt`, and what happens to a state that is lost.

use std::fs;

use crate::support::Bench;

#[test]
fn a_link_by_hand_joins_a_person_to_another_apple_account() {
    let bench = Bench::sample();
    // Konrad's seat is nobody's in the directory; say that it is grace's.
    let output = bench.run(&["link", "grace@example.com", "konrad@example.net"]).expect(0);
    assert!(output.stdout.contains("konrad@example.net"), "{}", output.stdout);
    let plan = bench.plan();
    assert!(!plan.operations().contains(&"invite grace@example.com".to_owned()), "{:?}", plan.operations());
    assert!(!plan.held().iter().any(|held| held.contains("konrad")), "{:?}", plan.held());
    bench.run(&["apply", "--yes"]).expect(0);
    assert_eq!(bench.state(|state| state.mails_to("grace@example.com")), 0);
    bench.set_active("grace@example.com", false);
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("konrad@example.net").is_none()), "her seat goes with her");
}

#[test]
fn a_link_that_cannot_be_is_refused() {
    let bench = Bench::settled();
    bench.run(&["link", "nobody@example.com", "konrad@example.net"]).expect_trouble(
        1,
        &["nobody@example.com"],
        "",
    );
    bench.run(&["link", "grace@example.com", "ada@example.com"]).expect_trouble(
        1,
        &["ada@example.com", "Ada King"],
        "unlink",
    );
    bench.run(&["link", "grace", "konrad@example.net"]).expect_trouble(1, &["grace"], "name@example.com");
    bench.run(&["unlink", "nobody@example.com"]).expect_trouble(1, &["nobody@example.com"], "");
    bench.run(&["adopt", "nobody@example.com"]).expect_trouble(1, &["nobody@example.com"], "");
}

#[test]
fn an_unlinked_person_out_of_scope_keeps_the_seat() {
    let bench = Bench::settled();
    bench.run(&["unlink", "alan@example.com"]).expect(0);
    bench.edit("\ndeactivated = \"remove\"", "\ndeactivated = \"report\"");
    bench.set_active("alan@example.com", false);
    bench.run(&["run", "--once"]).expect(0);
    let plan = bench.plan();
    assert!(
        plan.held_for("unmanaged").contains(&"remove_member alan@example.com".to_owned()),
        "{:?}",
        plan.held()
    );
    assert!(bench.state(|state| state.team.member("alan@example.com").is_some()));
}

#[test]
fn unlink_all_leaves_every_seat() {
    let bench = Bench::settled();
    let seats = bench.state(|state| (state.team.members.len(), state.team.invitations.len()));
    let writes = bench.writes();
    let asked = bench.run(&["unlink", "--all"]).expect(64);
    assert!(asked.stderr.contains("--yes"), "{asked:?}");
    assert!(
        bench.run(&["state", "export"]).expect(0).stdout.contains("\"kind\":\"link\""),
        "nothing was forgotten"
    );
    let output = bench.run(&["unlink", "--all", "--yes"]).expect(0);
    assert!(output.stdout.contains("18 links"), "{}", output.stdout);
    assert_eq!(bench.state(|state| (state.team.members.len(), state.team.invitations.len())), seats);
    // In scope they are adopted again, and nothing is written.
    bench.run(&["run", "--once"]).expect(0);
    assert_eq!(bench.writes(), writes);
}

#[test]
fn an_adopted_seat_of_nobody_is_removed_after_the_confirmations() {
    let bench = Bench::settled();
    bench.run(&["adopt", "konrad@example.net"]).expect(0);
    bench.run(&["adopt", "konrad@example.net"]).expect(0);
    assert_eq!(bench.plan().held_for("awaiting_confirmation"), ["remove_member konrad@example.net"]);
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("konrad@example.net").is_some()));
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("konrad@example.net").is_none()));
}

#[test]
fn a_lost_cache_or_state_gives_the_same_plan() {
    let bench = Bench::settled();
    bench.set_active("alan@example.com", false);
    bench.state(|state| state.directory.remove_person("grace@example.com"));
    bench.run(&["run", "--once"]).expect(0);
    let before = bench.plan();
    let cache: Vec<_> = fs::read_dir(bench.path("state"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && path.file_name().is_some_and(|name| name != "journal"))
        .collect();
    assert_eq!(cache.len(), 1, "{cache:?}");
    fs::remove_dir_all(&cache[0]).expect("removed");
    assert_eq!(bench.plan().digest(), before.digest(), "without the cache");
    // A damaged one is set aside.
    bench.run(&["status"]).expect(0);
    for (path, _) in crate::support::listing(&cache[0]) {
        fs::write(path, "garbage").expect("written");
    }
    bench.run(&["run", "--once"]).expect(0);
    // Without any state nobody is invited twice, and whoever is in scope is adopted again.
    fs::remove_dir_all(bench.path("state")).expect("removed");
    bench.run(&["run", "--once"]).expect(0);
    bench.assert_one_mail_each("without state");
    bench.plan().assert_empty("without state");
}
