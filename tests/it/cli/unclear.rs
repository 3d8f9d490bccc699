//! People of whom a directory says something odd: what it can only mean is meant, and all else is theirs alone.

use serde_json::{Value, json};

use crate::support::{Bench, person};

fn says(bench: &Bench, who: &str, active: Value) {
    bench.state(|state| person(state, who).core.insert("active".into(), active));
}

#[test]
fn zero_is_no_and_one_is_yes() {
    let bench = Bench::settled();
    for (who, active) in [("ada", json!(1)), ("alan", json!(0)), ("emmy", json!("No")), ("tom", json!("yes"))]
    {
        says(&bench, &format!("{who}@example.com"), active);
    }
    let mut gone = bench.plan().operations();
    gone.sort();
    assert_eq!(gone, ["remove_member alan@example.com", "remove_member emmy@example.com"]);
}

#[test]
fn whoever_is_neither_active_nor_disabled_is_held_and_nobody_else() {
    let bench = Bench::settled();
    says(&bench, "edsger@example.com", json!("maybe"));
    bench.state(|state| {
        state.directory.leave("iOS Developers", "edsger@example.com");
        for (who, active) in [("new", json!(2)), ("newer", json!(true))] {
            let email = format!("{who}@example.com");
            state.directory.add_person(&email, "New", "Comer");
            state.directory.join("iOS Developers", &email);
            person(state, &email).core.insert("active".into(), active);
        }
    });
    bench.set_active("alan@example.com", false);
    for _ in 0..3 {
        bench.run(&["run", "--once"]).expect(0);
    }
    let plan = bench.plan();
    plan.assert_empty("the others are settled");
    let mut held = plan.held_for("invalid_attribute");
    held.retain(|held| held.contains("new") || held.contains("edsger"));
    held.sort();
    assert_eq!(held, ["invite new@example.com", "remove_member edsger@example.com"]);
    let seats = bench.seats();
    assert!(seats.contains_key("edsger@example.com") && seats.contains_key("newer@example.com"));
    assert!(!seats.contains_key("alan@example.com") && !seats.contains_key("new@example.com"));
    let told = bench.run(&["explain", "edsger@example.com"]).expect(0).stdout;
    assert!(told.contains("neither yes nor no"), "{told}");
}

#[test]
fn addresses_in_whatever_wrapping_are_their_persons_seats() {
    let bench = Bench::settled();
    let wrapped = [
        ("ada@example.com", "smtp:ada@example.com"),
        ("alan@example.com", "SMTP:alan@example.com"),
        ("emmy@example.com", "mailto:emmy@example.com"),
        ("tom@example.com", "tom@example.com\u{200b}"),
        ("annie@example.com", "Annie Easley <annie@example.com>"),
        ("karen@example.com", "\u{a0}karen@example.com."),
        ("maryam@example.com", "maryam@example.com; m.m@example.com"),
    ];
    bench.state(|state| {
        for (who, text) in wrapped {
            let person = person(state, who);
            person.user_name = format!("name-{}", person.given_name).into();
            person.email = Some(text.into());
        }
    });
    bench.plan().assert_empty("they are who they were");
    bench.state(|state| {
        for (_, text) in &wrapped[..3] {
            person(state, text).active = false;
        }
    });
    let mut gone = bench.plan().operations();
    gone.sort();
    assert_eq!(
        gone,
        ["remove_member ada@example.com", "remove_member alan@example.com", "remove_member emmy@example.com"]
    );
}

#[test]
fn an_address_that_cannot_be_read_is_no_invitation() {
    let bench = Bench::settled();
    bench.state(|state| {
        for (at, text) in
            ["new@@example.com", "sip:new@example.com", "new one@example.com"].iter().enumerate()
        {
            let email = format!("new{at}@example.com");
            state.directory.add_person(&email, "New", "Comer");
            state.directory.join("iOS Developers", &email);
            let person = person(state, &email);
            person.user_name = format!("new{at}").into();
            person.email = Some((*text).into());
        }
    });
    let plan = bench.plan();
    plan.assert_empty("nobody is invited to nonsense");
    let held = plan.held_for("invalid_attribute");
    assert_eq!(held.iter().filter(|held| held.starts_with("invite")).count(), 3, "{held:?}");
}
