//! Small promises of the nouns: words that others read, and comparisons that others rely on.

use std::collections::HashSet;
use std::sync::Arc;

use super::world::World;
use crate::model::event::CycleResult;
use crate::model::{Address, Attributes, Coverage, DirectorySnapshot, GroupId, Problem, Role};

#[test]
fn words_are_those_of_the_contract() {
    let problem = || vec![Problem("page 2".to_owned())];
    let coverages = [Coverage::Complete, Coverage::Partial(problem()), Coverage::Failed(problem())];
    assert_eq!(coverages.map(|coverage| coverage.word()), ["complete", "partial", "failed"]);
    assert_eq!(
        CycleResult::ALL.map(CycleResult::as_str),
        ["success", "no_op", "partial", "held", "error", "cancelled"]
    );
    let role = Role::new("APP_MANAGER");
    assert_eq!(
        (format!("{role}"), format!("{role:?}")),
        ("APP_MANAGER".to_owned(), "APP_MANAGER".to_owned())
    );
}

#[test]
fn addresses_are_one_whatever_their_case_and_show_as_written() {
    let (small, large) = (Address::new("ada@example.com"), Address::new("Ada@Example.com"));
    assert_eq!(small, large);
    assert_eq!(small.partial_cmp(&large), Some(std::cmp::Ordering::Equal));
    assert!(small < Address::new("BOB@example.com"));
    assert_eq!(HashSet::from([small.clone(), large.clone(), Address::new("bob@example.com")]).len(), 2);
    assert_eq!(
        (format!("{large}"), format!("{large:?}")),
        ("Ada@Example.com".into(), "Ada@Example.com".into())
    );
    for written in
        ["Ada@example.com", "ада@example.com", "АДА@example.com", "a b@example.com", "ADA", "ada@example.com"]
    {
        let (shared, own) = (Address::from(Arc::from(written)), Address::new(written));
        assert_eq!((shared.folded(), shared.as_str()), (own.folded(), own.as_str()), "{written}");
    }
    assert_eq!(Address::from(Arc::from("АДА@example.com")).folded(), "ада@example.com");
}

#[test]
fn attributes_are_found_by_name_and_listed_as_they_came() {
    let mut attributes = Attributes::default();
    attributes.insert("Department", "Mobile".into());
    attributes.insert("level", 3.into());
    attributes.insert("DEPARTMENT", "Desktop".into());
    attributes.shrink();
    let all: Vec<_> = attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(all, ["department=\"Desktop\"", "level=3"]);
    assert_eq!(attributes.get("dePartment"), Some(&"Desktop".into()));
}

#[test]
fn a_snapshot_finds_people_and_groups_by_id() {
    let world = World::read("person p2 b@example.com\n person p1 a@example.com\n group iOS p1");
    let snapshot: DirectorySnapshot = world.directory();
    let named = |id: &str| snapshot.person(&id.into()).map(|person| person.addresses.all()[0].to_string());
    assert_eq!(named("p1"), Some("a@example.com".to_owned()));
    assert_eq!(named("p2"), Some("b@example.com".to_owned()));
    assert_eq!(named("p3"), None);
    let group = |id: &str| snapshot.group(&GroupId::from(id)).map(|group| group.name.to_string());
    assert_eq!((group("g-iOS"), group("g-none")), (Some("iOS".to_owned()), None));
}

#[test]
fn a_plan_says_whether_it_writes_and_what_a_guard_holds() {
    let removing = "person p1 a@example.com disabled\n member m1 a@example.com DEVELOPER\n link p1 m1";
    let quiet = World::read("person p1 a@example.com\n member m1 a@example.com DEVELOPER\n link p1 m1");
    let one = World::read(removing);
    let guarded = World::read(&format!("set removals_max 0\n{removing}"));
    let unmanaged = World::read("member m1 a@example.com DEVELOPER");
    let plans = [quiet, one, guarded, unmanaged].map(|world| world.plan().plan);
    assert_eq!(plans.each_ref().map(|plan| plan.is_empty()), [true, false, true, true]);
    assert_eq!(plans.each_ref().map(|plan| plan.is_held_by_guard()), [false, false, true, false]);
    let json = serde_json::to_value(&plans[1].operations[0]).expect("JSON");
    assert_eq!(json.get("replacement"), None, "only halves of a pair say so");
}
