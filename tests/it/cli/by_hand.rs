//! Teams that hand out apps by hand.

use crate::support::Bench;

const NAMED: &str = "all_apps_visible = false\napps = [\"com.example.watch\"]";

#[test]
fn apps_given_by_hand_are_left_alone_and_a_refusal_of_none_is_held_with_the_cure() {
    let bench = Bench::settled();
    bench.edit(NAMED, "all_apps_visible = false\napps = []");
    let said = bench.run(&["check"]).expect(0);
    assert!(!said.stdout.contains("warning") && !said.stderr.contains("warning"), "{said:?}");
    let before = bench.seats();
    bench.plan().assert_empty("what was given stays");
    bench.state(|state| {
        state.directory.add_person("new@example.com", "New", "Joiner");
        state.directory.join("Watch Team", "new@example.com");
    });
    let plan = bench.run(&["plan"]).expect(0);
    assert!(plan.stdout.contains("no apps"), "{}", plan.stdout);
    // This Apple refuses somebody without apps.
    bench.run(&["apply", "--yes"]).expect(5);
    let held = bench.run(&["plan"]).expect(0);
    assert!(held.stdout.contains("name one in the rule's apps"), "{}", held.stdout);
    assert_eq!(bench.seats(), before);
    bench.edit("apps = []\n", "");
    let warned = bench.run(&["check"]).expect(0);
    let text = format!("{}{}", warned.stdout, warned.stderr);
    assert!(text.contains("access.rules[2].all_apps_visible") && text.contains("apps = []"), "{text}");
}
