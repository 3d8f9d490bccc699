//! Scope by assignment to the enterprise application.

use rosterd::model::{GroupId, PersonId, Principal};
use rosterd::simulator::World;
use rosterd::simulator::graph::Assigned;
use rosterd::source::{DirectorySource as _, Interest};

use super::{Tenant, members_of, next};

fn interest() -> Interest {
    Interest { assignments: true, nested: true, ..Interest::default() }
}

fn assign(tenant: &Tenant, who: &str, role: Option<&str>) {
    let principal = tenant.id(who);
    tenant
        .change(|state| state.graph.assignments.push(Assigned { principal, role: role.map(str::to_owned) }));
}

#[tokio::test]
async fn people_and_groups_are_assigned_with_their_roles() {
    let tenant = Tenant::of(World::sample()).await;
    tenant.change(|state| state.graph.roles = vec!["Admin".to_owned(), "Developer".to_owned()]);
    assign(&tenant, "iOS Developers", Some("Developer"));
    assign(&tenant, "ada@example.com", None);
    assign(&tenant, "ada@example.com", Some("Admin"));
    tenant.change(|state| {
        state.graph.assignments.push(Assigned { principal: "a-service-principal".to_owned(), role: None });
    });
    let snapshot = tenant.source().read(&interest()).await.expect("read");
    assert!(snapshot.coverage.is_complete());
    let ada = Principal::Person(PersonId::from(tenant.id("ada@example.com")));
    let developers = Principal::Group(GroupId::from(tenant.id("iOS Developers")));
    let mut found: Vec<(Principal, Option<String>)> = snapshot
        .assignments
        .iter()
        .map(|own| (own.principal.clone(), own.role.as_deref().map(str::to_owned)))
        .collect();
    found.sort();
    let mut wanted = vec![
        (ada.clone(), None),
        (ada, Some("Admin".to_owned())),
        (developers, Some("Developer".to_owned())),
    ];
    wanted.sort();
    assert_eq!(found, wanted);
    // Entra does not follow groups within an assigned group, so only that one is read.
    assert_eq!(snapshot.groups.len(), 1);
    assert!(members_of(&snapshot, "iOS Developers").iter().any(|name| name.starts_with("unknown")));
}

#[tokio::test]
async fn more_than_a_page_of_assignments_is_read() {
    let tenant = Tenant::of(World::generated(1_200, 0, 1)).await;
    tenant.change(|state| {
        let ids: Vec<String> = state.directory.people.iter().map(|person| person.id.to_string()).collect();
        let all = ids.into_iter().map(|principal| Assigned { principal, role: None });
        state.graph.assignments = all.collect();
    });
    let snapshot = tenant.source().read(&interest()).await.expect("read");
    assert!(snapshot.coverage.is_complete());
    assert_eq!(snapshot.assignments.len(), 1_200);
}

#[tokio::test]
async fn a_new_assignment_is_seen_at_once_and_its_group_read() {
    let tenant = Tenant::of(World::sample()).await;
    assign(&tenant, "Watch Team", None);
    let source = tenant.source();
    let kept = next(&source, &interest(), None).await;
    tenant.requests();
    let kept = next(&source, &interest(), Some(kept)).await;
    assert_eq!(tenant.requests().len(), 3, "two feeds and the assignments");
    assign(&tenant, "iOS Admins", None);
    let kept = next(&source, &interest(), Some(kept)).await;
    assert_eq!(kept.snapshot.assignments.len(), 2);
    assert!(members_of(&kept.snapshot, "iOS Admins").contains(&"ada@example.com".to_owned()));
    let whole = source.read(&interest()).await.expect("read");
    assert_eq!(kept.snapshot, whole);
}
