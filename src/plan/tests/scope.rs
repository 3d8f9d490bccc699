//! Who is in scope.

use super::check;

#[test]
fn groups_count_by_name_or_id_with_their_groups() {
    check(
        "scope iOS g-Mac
         group iOS p1 @Nested
         group Nested p2 @iOS
         group Mac p3
         group Other p4
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         person p4 d@example.com",
        "invite p1 at a@example.com: DEVELOPER; default
         invite p2 at b@example.com: DEVELOPER; default
         invite p3 at c@example.com: DEVELOPER; default",
    );
}

#[test]
fn without_nested_only_direct_members_count() {
    check(
        "set nested no
         scope iOS
         group iOS p1 @Nested
         group Nested p2
         person p1 a@example.com
         person p2 b@example.com",
        "invite p1 at a@example.com: DEVELOPER; default",
    );
}

#[test]
fn group_names_are_found_whatever_their_case() {
    check(
        "scope ios
         group iOS p1
         person p1 a@example.com",
        "invite p1 at a@example.com: DEVELOPER; default",
    );
}

#[test]
fn assignments_count_for_people_and_direct_members_of_groups() {
    check(
        "scope assigned
         assign p1
         assign @iOS
         group iOS p2 @Nested
         group Nested p3
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         person p4 d@example.com",
        "invite p1 at a@example.com: DEVELOPER; default
         invite p2 at b@example.com: DEVELOPER; default",
    );
}

#[test]
fn app_roles_stand_in_for_the_roles_attribute() {
    check(
        "scope assigned
         assign p1 MARKETING
         assign p1 SALES
         assign p2 MARKETING
         assign p3 Chef
         person p1 a@example.com
         person p2 b@example.com appStoreConnect_role=FINANCE
         person p3 c@example.com",
        "invite p1 at a@example.com: MARKETING,SALES; app role MARKETING, SALES
         invite p2 at b@example.com: FINANCE; attribute appStoreConnect_role
         held invalid_attribute (app role: unknown role \"Chef\"): invite p3 at c@example.com: ?",
    );
}

#[test]
fn disabled_excluded_and_filtered_people_are_not_in_scope() {
    check(
        "set exclude svc-*@example.com
         set filter 'userType eq \"Employee\"'
         person p1 a@example.com userType=employee
         person p2 b@example.com userType=Contractor
         person p3 c@example.com userType=Employee disabled
         person p4 d@example.com SVC-build@Example.com userType=Employee
         person p5 e@example.com userType=Employee unsaid",
        "invite p1 at a@example.com: DEVELOPER; default
         invite p5 at e@example.com: DEVELOPER; default",
    );
}

#[test]
fn a_group_that_was_not_read_makes_the_directory_incomplete() {
    check(
        "scope iOS Gone
         group iOS p1
         person p1 a@example.com
         person p2 b@example.com
         member m2 b@example.com DEVELOPER
         link p2 m2
         absent p2 out 5",
        "invite p1 at a@example.com: DEVELOPER; default
         held incomplete_read (the directory was not read completely): remove m2 of p2; out of scope; in none of the groups of scope.groups",
    );
    check(
        "scope iOS
         group iOS @Lost
         person p2 b@example.com
         member m2 b@example.com DEVELOPER
         link p2 m2
         absent p2 out 5",
        "held incomplete_read (the directory was not read completely): remove m2 of p2; out of scope; in none of the groups of scope.groups",
    );
}

#[test]
fn attributes_of_filters_that_nobody_has_are_told_by_name() {
    let world = super::world::World::read(
        "person p1 a@example.com department=Mobile
         person p2 b@example.com title=Dev
         set filter 'department eq \"Mobile\" and not (departmnt eq \"Sales\")'
         rule ADMIN filter='titel pr or title pr'
         rule ADMIN filter='emails.value co \"x\"'",
    );
    let told = crate::plan::unheard_of(&world.policy, &world.directory());
    let told: Vec<String> = told.into_iter().map(|(key, name)| format!("{key}: {name}")).collect();
    assert_eq!(told, ["scope.filter: departmnt", "filter of rule 1: titel"]);
}
