//! Groups by name and id, and groups within groups.

use rosterd::model::GroupId;
use rosterd::simulator::World;
use rosterd::source::{DirectorySource as _, SourceError};

use super::{Tenant, groups, members_of};

fn deep() -> World {
    let mut world = World::default();
    for who in ["a", "b", "c", "d"] {
        world.directory.add_person(&format!("{who}@example.com"), who, "Example");
    }
    world.directory.add_group("Level 4", &["d@example.com"]);
    world.directory.add_group("Level 3", &["c@example.com", "Level 4"]);
    world.directory.add_group("Level 2", &["b@example.com", "Level 3"]);
    world.directory.add_group("Level 1", &["a@example.com", "Level 2"]);
    // A circle must end.
    world.directory.join("Level 4", "Level 1");
    world
}

#[tokio::test]
async fn groups_three_deep_are_read_with_their_direct_members() {
    let tenant = Tenant::of(deep()).await;
    let snapshot = tenant.source().read(&groups(&["level 1"])).await.expect("read");
    assert!(snapshot.coverage.is_complete());
    assert_eq!(members_of(&snapshot, "Level 1"), ["Level 2", "a@example.com"]);
    assert_eq!(members_of(&snapshot, "Level 2"), ["Level 3", "b@example.com"]);
    assert_eq!(members_of(&snapshot, "Level 3"), ["Level 4", "c@example.com"]);
    assert_eq!(members_of(&snapshot, "Level 4"), ["Level 1", "d@example.com"]);
}

#[tokio::test]
async fn groups_within_are_left_alone_where_nesting_does_not_count() {
    let tenant = Tenant::of(deep()).await;
    let mut interest = groups(&["Level 1"]);
    interest.nested = false;
    let snapshot = tenant.source().read(&interest).await.expect("read");
    assert_eq!(snapshot.groups.len(), 1);
}

#[tokio::test]
async fn a_name_must_fit_one_group_and_an_id_wins() {
    let mut world = deep();
    for name in ["O'Brien & Sons +1", "Twice", "Twice", "Case", "case"] {
        world.directory.add_group(name, &[]);
    }
    let tenant = Tenant::of(world).await;
    let id = tenant.id("Level 2");
    let source = tenant.source();
    let read = async |name: &str| source.read(&groups(&[name])).await;
    assert!(read("O'Brien & Sons +1").await.is_ok());
    assert_eq!(read("Case").await.expect("the exact one").groups[0].id, GroupId::from(tenant.id("Case")));
    assert!(read(&id).await.expect("by id").groups.iter().any(|group| group.id.as_str() == id));
    let ambiguous = read("Twice").await;
    assert!(matches!(ambiguous, Err(SourceError::GroupAmbiguous { count: 2, .. })), "{ambiguous:?}");
    let missing = read("Levle 1").await;
    assert!(
        matches!(&missing, Err(SourceError::GroupNotFound { near: Some(near), .. }) if near.starts_with("Level")),
        "{missing:?}"
    );
    let missing = read("9d5b1e5c-0000-4000-8000-000000000000").await;
    assert!(matches!(&missing, Err(SourceError::GroupNotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn large_groups_are_followed_over_their_pages() {
    let mut world = World::generated(2_300, 2_300, 3);
    world.directory.add_group("Others", &["p0000001@example.com"]);
    let tenant = Tenant::of(world).await;
    let snapshot = tenant.source().read(&groups(&["iOS Developers", "Others"])).await.expect("read");
    let sizes: Vec<usize> = snapshot.groups.iter().map(|group| group.members.len()).collect();
    assert!(snapshot.coverage.is_complete());
    assert!(sizes.contains(&2_300) && sizes.contains(&1), "{sizes:?}");
}

#[tokio::test]
async fn a_group_that_hides_its_members_is_not_taken_for_an_empty_one() {
    let tenant = Tenant::of(World::sample()).await;
    let id = tenant.id("Watch Team");
    tenant.change(|state| _ = state.graph.hidden.insert(id));
    let source = tenant.source();
    let interest = groups(&["iOS Developers"]);
    assert!(source.read(&interest).await.expect("read").coverage.is_complete());
    tenant.switch(|graph| _ = graph.rights.remove("Member.Read.Hidden"));
    let snapshot = source.read(&interest).await.expect("read");
    let problems = snapshot.coverage.problems();
    assert!(problems.len() == 1 && problems[0].0.contains("Member.Read.Hidden"), "{problems:?}");
}

#[tokio::test]
async fn the_least_permission_that_is_missing_is_named() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    for right in ["User.Read.All", "GroupMember.Read.All", "Application.Read.All"] {
        tenant.switch(|graph| _ = graph.rights.remove(right));
        let mut interest = groups(&["iOS Developers"]);
        interest.assignments = right == "Application.Read.All";
        let error = source.read(&interest).await.expect_err("denied");
        assert!(matches!(error, SourceError::Refused { .. }), "{error:?}");
        assert!(error.hint().is_some_and(|hint| hint.contains(right)), "{right}: {:?}", error.hint());
        tenant.switch(|graph| _ = graph.rights.insert(right.to_owned()));
    }
}

#[tokio::test]
async fn groups_are_read_again_with_those_within_them() {
    let tenant = Tenant::of(deep()).await;
    let source = tenant.source();
    let (top, gone) = (GroupId::from(tenant.id("Level 2")), GroupId::from("no-such-group"));
    let again = source.recheck(&groups(&["Level 2"]), &[], &[top.clone(), gone]).await.expect("read");
    assert!(again.people.is_empty());
    let top = again.groups.iter().find(|group| group.id == top).expect("read again");
    assert_eq!(top.members.len(), 2);
    assert!(again.groups.len() >= 3, "what is within counts too");
}
