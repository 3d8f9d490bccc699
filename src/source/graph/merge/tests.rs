use serde_json::json;

use super::*;
use crate::model::{Activity, Coverage};
use crate::source::Interest;
use crate::source::graph::wire::person;

/// Two people in one group, which holds another, empty one.
fn base() -> DirectorySnapshot {
    let ada = json!({"id": "ada", "userPrincipalName": "ada@example.com", "accountEnabled": true});
    let alan = json!({"id": "alan", "userPrincipalName": "alan@example.com", "accountEnabled": true});
    let people = [ada, alan].iter().filter_map(|who| person(who.as_object()?, &wanted())).collect();
    let members = vec![member("ada"), member("alan"), GroupMember::Group(GroupId::from("inner"))];
    let outer = Group { id: GroupId::from("outer"), name: "Outer".into(), members };
    let inner = Group { id: GroupId::from("inner"), name: "Inner".into(), members: Vec::new() };
    DirectorySnapshot::new(people, vec![outer, inner], Vec::new(), Coverage::Complete)
}

fn wanted() -> Wanted {
    Wanted::of(&Interest::default())
}

fn member(who: &str) -> GroupMember {
    GroupMember::Person(PersonId::from(who))
}

fn roots() -> BTreeMap<String, GroupId> {
    [("Outer".to_owned(), GroupId::from("outer"))].into()
}

fn objects(changes: Value) -> Vec<Object> {
    serde_json::from_value(changes).expect("a list of objects")
}

/// Lays changes over [`base`]: people, then groups.
fn merged(people: Value, groups: Value) -> Merge {
    let mut merge = Merge::new(&base(), Departed::default());
    merge.people(&objects(people), &wanted());
    merge.groups(&objects(groups), &roots());
    merge.prune(&[GroupId::from("outer")].into(), &BTreeSet::new());
    merge
}

fn outer(merge: &Merge) -> Vec<&str> {
    merge.groups[&GroupId::from("outer")]
        .members
        .iter()
        .map(|member| match member {
            GroupMember::Person(id) => id.as_str(),
            GroupMember::Group(id) => id.as_str(),
        })
        .collect()
}

#[test]
fn members_come_and_go_whatever_the_order_and_however_often_it_is_said() {
    let user = |id: &str| json!({"@odata.type": "#microsoft.graph.user", "id": id});
    let gone = |id: &str| json!({"id": id, "@removed": {"reason": "deleted"}});
    let slice = |members: Value| json!({"id": "outer", "displayName": "Outer", "members@delta": members});
    for (what, groups, expected) in [
        ("nothing", json!([]), vec!["ada", "alan", "inner"]),
        ("a name alone", json!([{"id": "outer", "displayName": "Outer"}]), vec!["ada", "alan", "inner"]),
        (
            "joined twice",
            json!([slice(json!([user("b")])), slice(json!([user("b")]))]),
            vec!["ada", "alan", "b", "inner"],
        ),
        (
            "two slices with another group between",
            json!([slice(json!([user("b")])), {"id": "x", "members@delta": [user("z")]}, slice(json!([user("c")]))]),
            vec!["ada", "alan", "b", "c", "inner"],
        ),
        ("left without a type", json!([slice(json!([gone("ada")]))]), vec!["alan", "inner"]),
        ("left twice", json!([slice(json!([gone("ada"), gone("ada")]))]), vec!["alan", "inner"]),
        ("left and back", json!([slice(json!([gone("ada"), user("ada")]))]), vec!["ada", "alan", "inner"]),
        ("the inner group left", json!([slice(json!([gone("inner")]))]), vec!["ada", "alan"]),
        (
            "a device joined",
            json!([slice(json!([{"@odata.type": "#microsoft.graph.device", "id": "d"}]))]),
            vec!["ada", "alan", "inner"],
        ),
        (
            "nonsense",
            json!([{"id": "outer", "members@delta": 7}, {"id": 7}, {}]),
            vec!["ada", "alan", "inner"],
        ),
    ] {
        let merge = merged(json!([]), groups);
        let mut found = outer(&merge);
        found.sort_unstable();
        assert_eq!(found, expected, "{what}");
        assert!(!merge.groups_again, "{what}");
    }
}

#[test]
fn groups_are_read_again_when_changes_cannot_tell_what_they_are() {
    let group = |id: &str| json!({"@odata.type": "#microsoft.graph.group", "id": id});
    for (what, groups, again) in [
        ("an unknown group within", json!([{"id": "outer", "members@delta": [group("new")]}]), true),
        ("a member without a type", json!([{"id": "outer", "members@delta": [{"id": "x"}]}]), true),
        ("the root renamed", json!([{"id": "outer", "displayName": "Other"}]), true),
        ("the root deleted", json!([{"id": "outer", "@removed": {"reason": "deleted"}}]), true),
        ("an inner group deleted", json!([{"id": "inner", "@removed": {"reason": "changed"}}]), true),
        ("a second group of the root's name", json!([{"id": "new", "displayName": "OUTER"}]), true),
        ("an inner group took the root's name", json!([{"id": "inner", "displayName": "outer"}]), true),
        ("an inner group renamed", json!([{"id": "inner", "displayName": "Other"}]), false),
        (
            "somebody else's group",
            json!([{"id": "new", "displayName": "New", "members@delta": [group("y")]}]),
            false,
        ),
        ("somebody else's group deleted", json!([{"id": "new", "@removed": {"reason": "deleted"}}]), false),
    ] {
        assert_eq!(merged(json!([]), groups).groups_again, again, "{what}");
    }
}

#[test]
fn a_group_named_by_its_id_may_change_its_name() {
    let mut merge = Merge::new(&base(), Departed::default());
    let roots = [("outer".to_owned(), GroupId::from("outer"))].into();
    merge.groups(&objects(json!([{"id": "outer", "displayName": "Other"}])), &roots);
    // The configuration's name is the id itself here.
    assert!(!merge.groups_again);
    assert_eq!(&*merge.groups[&GroupId::from("outer")].name, "Other");
}

#[test]
fn the_last_word_about_somebody_counts() {
    let removed = |id: &str| json!({"id": id, "@removed": {"reason": "changed"}});
    let ada = |enabled: bool| json!({"id": "ada", "userPrincipalName": "ada@example.com", "accountEnabled": enabled});
    for (what, people, expected) in [
        ("nothing", json!([]), Some(Activity::Active)),
        ("disabled", json!([ada(false)]), Some(Activity::Disabled)),
        ("an old state first", json!([ada(true), ada(false), ada(false)]), Some(Activity::Disabled)),
        ("deleted", json!([ada(false), removed("ada")]), None),
        ("deleted for good", json!([{"id": "ada", "@removed": {"reason": "deleted"}}]), None),
        ("deleted and restored", json!([removed("ada"), ada(true)]), Some(Activity::Active)),
        ("somebody unknown deleted", json!([removed("nobody")]), Some(Activity::Active)),
    ] {
        let merge = merged(people, json!([]));
        let found = merge.people.get(&PersonId::from("ada")).map(|person| person.activity);
        assert_eq!(found, expected, "{what}");
        let is_member = merge.groups[&GroupId::from("outer")].members.contains(&member("ada"));
        assert_eq!(is_member, expected.is_some(), "{what}");
    }
}

#[test]
fn who_comes_back_is_a_member_again_unless_the_group_let_them_go_meanwhile() {
    let gone = json!([{"id": "ada", "@removed": {"reason": "changed"}}]);
    let back = json!([{"id": "ada", "userPrincipalName": "ada@example.com"}]);
    let left = json!([{"id": "outer", "members@delta": [{"id": "ada", "@removed": {"reason": "deleted"}}]}]);
    for (what, groups, is_member) in [("silent", json!([]), true), ("told", left, false)] {
        let mut merge = merged(gone.clone(), groups);
        assert!(!merge.groups[&GroupId::from("outer")].members.contains(&member("ada")), "{what}");
        merge.people(&objects(back.clone()), &wanted());
        assert_eq!(
            merge.groups[&GroupId::from("outer")].members.contains(&member("ada")),
            is_member,
            "{what}"
        );
        assert!(merge.departed.people.is_empty(), "{what}");
    }
}

#[test]
fn somebody_new_of_whom_too_little_is_said_is_read_by_id() {
    let ada = json!({"id": "ada", "givenName": "Ada", "accountEnabled": true});
    let mut merge = merged(json!([{"id": "new", "accountEnabled": true}, ada]), json!([]));
    assert_eq!(merge.unclear, [PersonId::from("new")].into());
    merge.settle(&PersonId::from("new"), None);
    assert!(merge.unclear.is_empty());
    assert!(!merge.people.contains_key(&PersonId::from("new")));
    assert_eq!(merge.people[&PersonId::from("ada")].user_name.as_deref(), Some("ada@example.com"));
}

#[test]
fn a_row_that_does_not_say_whether_an_account_is_enabled_has_its_person_read_by_id() {
    let row =
        |value: Value| json!({"id": "ada", "userPrincipalName": "ada@example.com", "accountEnabled": value});
    let silent = json!({"id": "ada", "userPrincipalName": "ada@example.com", "givenName": "Ada"});
    let ada: BTreeSet<PersonId> = [PersonId::from("ada")].into();
    for (what, rows, unclear) in [
        ("absent", json!([silent]), &ada),
        ("null", json!([row(Value::Null)]), &ada),
        ("said before, and then not", json!([row(json!(true)), silent]), &ada),
        ("said in the end", json!([silent, row(json!(false))]), &BTreeSet::new()),
        (
            "gone in the end",
            json!([silent, {"id": "ada", "@removed": {"reason": "changed"}}]),
            &BTreeSet::new(),
        ),
    ] {
        assert_eq!(merged(rows, json!([])).unclear, *unclear, "{what}");
    }
}

#[test]
fn groups_out_of_reach_are_forgotten() {
    let left =
        json!([{"id": "outer", "members@delta": [{"id": "inner", "@removed": {"reason": "deleted"}}]}]);
    let merge = merged(json!([]), left);
    assert_eq!(merge.groups.keys().map(GroupId::as_str).collect::<Vec<_>>(), ["outer"]);
    assert!(!merge.groups_again);
}
