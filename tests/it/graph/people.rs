//! Who is read, and what is kept of them.

use rosterd::model::{Activity, PersonId};
use rosterd::simulator::World;
use rosterd::simulator::graph::{EmptyPages, extension};
use rosterd::source::{Again, DirectorySource as _, Interest};
use serde_json::json;

use super::{Tenant, groups, with};

#[tokio::test]
async fn everybody_is_read_over_pages_some_of_which_are_empty() {
    let tenant = Tenant::of(World::generated(2_500, 5, 1)).await;
    tenant.switch(|graph| graph.empty_pages = EmptyPages::BeforeEach);
    let snapshot = tenant.source().read(&Interest::default()).await.expect("read");
    assert!(snapshot.coverage.is_complete());
    assert_eq!(snapshot.people().len(), 2_500);
    let pages = tenant.requests();
    assert_eq!(pages.len(), 6, "three pages of 999 at most, each after an empty one");
    assert!(pages.iter().all(|seen| seen.path == "/v1.0/users"));
}

#[tokio::test]
async fn only_what_is_of_interest_is_asked_for_and_kept() {
    let tenant = Tenant::of(World::sample()).await;
    let role = extension("appStoreConnect_role");
    let interest = with(
        Interest::default(),
        &["department", "employeetype", "appstoreconnect_role", "urn:x:y:department", "userName", &role],
    );
    let snapshot = tenant.source().read(&interest).await.expect("read");
    let select =
        tenant.requests()[0].query.iter().find(|(name, _)| name == "$select").cloned().expect("asked");
    for (name, asked) in [
        ("department", true),
        ("employeeType", true),
        (role.as_str(), true),
        ("appstoreconnect_role", false),
        ("userName", false),
        ("jobTitle", false),
    ] {
        assert_eq!(select.1.split(',').any(|own| own == name), asked, "{name} in {}", select.1);
    }
    let person = snapshot.people().iter().find(|person| person.given_name.as_deref() == Some("Emmy"));
    let person = person.expect("in the sample");
    assert_eq!(person.attributes.get("department"), Some(&json!("Research")));
    assert_eq!(person.attributes.get("employeeType"), Some(&json!("Employee")));
    assert_eq!(person.attributes.get(&role), Some(&json!(["DEVELOPER", "APP_MANAGER"])));
    assert_eq!(person.attributes.get("jobTitle"), None);
    assert_eq!(person.activity, Activity::Active);
}

#[tokio::test]
async fn an_attribute_that_graph_does_not_know_fails_the_read_and_is_named() {
    let tenant = Tenant::of(World::sample()).await;
    let interest = with(Interest::default(), &["departmnt"]);
    let error = tenant.source().read(&interest).await.expect_err("no such property").to_string();
    assert!(error.contains("departmnt") && error.contains("scope.filter"), "{error}");
}

#[tokio::test]
async fn people_are_read_again_by_id_and_only_graphs_own_word_makes_them_gone() {
    let tenant = Tenant::of(World::sample()).await;
    let (ada, alan) =
        (PersonId::from(tenant.id("ada@example.com")), PersonId::from(tenant.id("alan@example.com")));
    tenant.change(|state| {
        state.directory.remove_person("alan@example.com");
        state.directory.person_mut("ada@example.com").expect("Ada").active = false;
    });
    let source = tenant.source();
    let many: Vec<PersonId> = (0..45).map(|number| PersonId::from(format!("nobody-{number}"))).collect();
    let ids: Vec<PersonId> = [ada.clone(), alan.clone()].into_iter().chain(many).collect();
    let again = source.recheck(&groups(&[]), &ids, &[]).await.expect("read").people;
    assert_eq!(again.len(), 47);
    assert!(matches!(&again[&ada], Again::There(person) if person.activity == Activity::Disabled));
    assert_eq!(again[&alan], Again::Gone);
    assert_eq!(tenant.requests().len(), 3, "47 people in batches of 20");
    // A step in the path would be about somebody else, or about everybody.
    let steps: Vec<PersonId> = ["", ".", ".."].map(PersonId::from).into();
    let again = source.recheck(&groups(&[]), &steps, &[]).await.expect("nothing to read").people;
    assert!(
        again
            .values()
            .all(|answer| matches!(answer, Again::Unread(problem) if problem.0.contains("not asked"))),
        "{again:?}"
    );
    assert!(tenant.requests().is_empty(), "nothing was asked for");

    tenant.switch(|graph| _ = graph.rights.remove("User.Read.All"));
    let again = source.recheck(&groups(&[]), std::slice::from_ref(&alan), &[]).await.expect("read").people;
    assert!(matches!(&again[&alan], Again::Unread(problem) if problem.0.contains("User.Read.All")));
}
