//! Files as people hand them in: one page of several, and exports of a provider's own API.

use std::fs;

use serde_json::{Value, json};

use crate::support::Bench;

/// The sample organization, settled over SCIM, read from `people.json` from now on.
fn bench(people: &Value) -> Bench {
    let bench = Bench::settled();
    bench.read_from("type = \"file\"\n[source.file]\npath = \"people.json\"\n");
    write(&bench, people);
    bench
}

fn write(bench: &Bench, people: &Value) {
    fs::write(bench.path("people.json"), people.to_string()).expect("written");
}

#[track_caller]
fn assert_partial(bench: &Bench, says: &[&str]) {
    let coverage = &bench.plan().0["coverage"];
    assert_eq!(coverage["directory"], "partial", "{coverage}");
    let told = coverage["problems"].to_string();
    assert!(says.iter().all(|word| told.contains(word)), "{says:?}: {told}");
}

/// Everybody and every group of the sample, by somebody's way to write a person and a group.
fn export(bench: &Bench, user: impl Fn(&Value) -> Value, member: impl Fn(&str, &str) -> Value) -> Value {
    let plain = |state: &mut rosterd::simulator::State| {
        let users: Vec<Value> = (state.directory.people.iter())
            .map(|person| {
                json!({"id": person.id, "email": person.email(), "given": person.given_name, "family": person.family_name,
                       "active": person.active, "userType": person.user_type, "custom": person.custom})
            })
            .collect();
        let groups: Vec<(Value, Vec<(String, String)>)> = (state.directory.groups.iter())
            .map(|group| {
                let members = group.members.iter().map(|belongs| {
                    let kind = match belongs {
                        rosterd::simulator::directory::Belongs::Person(_) => "User",
                        rosterd::simulator::directory::Belongs::Group(_) => "Group",
                    };
                    (belongs.id().to_owned(), kind.to_owned())
                });
                (json!({"id": group.id, "name": group.name}), members.collect())
            })
            .collect();
        (users, groups)
    };
    let (users, groups) = bench.state(plain);
    let users: Vec<Value> = users
        .iter()
        .map(|one| {
            let mut written = user(one);
            written["userType"] = one["userType"].clone();
            for (name, value) in one["custom"].as_object().expect("an object") {
                written[name] = value.clone();
            }
            written
        })
        .collect();
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(mut group, members)| {
            group["displayName"] = group["name"].clone();
            group["members"] = members.iter().map(|(id, kind)| member(id, kind)).collect();
            group
        })
        .collect();
    json!({"users": users, "groups": groups})
}

fn scim(one: &Value) -> Value {
    json!({"id": one["id"], "userName": one["email"], "active": one["active"],
           "name": {"givenName": one["given"], "familyName": one["family"]}})
}

fn google(one: &Value) -> Value {
    json!({"kind": "admin#directory#user", "id": one["id"], "primaryEmail": one["email"], "archived": false,
           "suspended": one["active"] == false, "isAdmin": false,
           "name": {"givenName": one["given"], "familyName": one["family"], "fullName": one["given"]},
           "emails": [{"address": one["email"], "primary": true}]})
}

fn graph(one: &Value) -> Value {
    json!({"@odata.type": "#microsoft.graph.user", "id": one["id"], "userPrincipalName": one["email"], "mail": one["email"],
           "givenName": one["given"], "surname": one["family"], "accountEnabled": one["active"]})
}

fn okta(one: &Value) -> Value {
    json!({"id": one["id"], "status": if one["active"] == true { "ACTIVE" } else { "DEPROVISIONED" }, "profile": {
           "login": one["email"], "email": one["email"], "firstName": one["given"], "lastName": one["family"]}})
}

fn by_value(id: &str, kind: &str) -> Value {
    json!({"value": id, "type": kind})
}

type Form = (&'static str, fn(&Value) -> Value, fn(&str, &str) -> Value);

/// How providers write people and members.
const FORMS: [Form; 4] = [
    ("SCIM", scim, by_value),
    (
        "Google",
        google,
        |id, kind| json!({"kind": "admin#directory#member", "id": id, "type": kind.to_uppercase()}),
    ),
    (
        "Graph",
        graph,
        |id, kind| json!({"@odata.type": format!("#microsoft.graph.{}", kind.to_lowercase()), "id": id}),
    ),
    ("Okta", okta, by_value),
];

#[test]
fn a_leaver_of_a_providers_own_export_goes_and_nobody_else() {
    for (what, user, member) in FORMS {
        let bench = bench(&json!({}));
        write(&bench, &export(&bench, user, member));
        let plan = bench.plan();
        plan.assert_empty(what);
        assert_eq!(plan.0["coverage"]["directory"], "complete", "{what}: {:?}", plan.0["coverage"]);
        bench.set_active("alan@example.com", false);
        write(&bench, &export(&bench, user, member));
        assert_eq!(bench.plan().operations(), ["remove_member alan@example.com"], "{what}");
        bench.run(&["run", "--once"]).expect(0);
        assert!(!bench.seats().contains_key("alan@example.com"), "{what}");
        bench.plan().assert_empty(what);
    }
}

#[test]
fn an_export_that_leaves_the_status_out_is_partial_and_names_the_key() {
    for (what, key, user, member) in [
        ("Google", "suspended", FORMS[1].1, FORMS[1].2),
        ("Graph", "accountEnabled", FORMS[2].1, FORMS[2].2),
        ("Okta", "status", FORMS[3].1, FORMS[3].2),
    ] {
        let bench = bench(&json!({}));
        let mut people = export(&bench, user, member);
        for person in people["users"].as_array_mut().expect("a list") {
            person.as_object_mut().expect("an object").remove(key);
        }
        bench.set_active("alan@example.com", false);
        write(&bench, &people);
        bench.run(&["run", "--once"]);
        assert_partial(&bench, &[key, what]);
    }
}

#[test]
fn a_file_that_is_one_page_of_several_removes_nobody_however_often_it_is_read() {
    let signs = [
        ("nextCursor", json!("VZUTiyhEQJ94IR")),
        ("@odata.nextLink", json!("https://graph.example.com/v1.0/users?$skiptoken=x")),
        ("nextPageToken", json!("x")),
        ("totalResults", json!(1_000)),
        ("startIndex", json!(101)),
        ("previousCursor", json!("x")),
        ("links", json!({"next": "/users?page=2"})),
    ];
    for (key, value) in signs {
        for nested in [false, true] {
            let bench = bench(&json!({}));
            let mut people = export(&bench, scim, by_value);
            let all = people["users"].as_array().expect("a list").clone();
            let few: Vec<Value> = all.into_iter().skip(3).collect();
            if nested {
                people["users"] = json!({"Resources": few, key: value});
            } else {
                people["users"] = json!(few);
                people[key] = value.clone();
            }
            write(&bench, &people);
            let seats = bench.seats();
            for _ in 0..3 {
                bench.run(&["run", "--once"]);
                assert_partial(&bench, &["one page of several"]);
            }
            assert_eq!(bench.seats(), seats, "{key}");
        }
    }
}

#[test]
fn a_group_without_members_in_a_file_is_not_a_group_of_nobody() {
    for change in [json!(null), json!("absent")] {
        let bench = bench(&json!({}));
        let mut people = export(&bench, scim, by_value);
        let groups = people["groups"].as_array_mut().expect("a list");
        let group =
            groups.iter_mut().find(|group| group["displayName"] == "iOS Developers").expect("the group");
        match change.is_null() {
            true => group["members"] = Value::Null,
            false => drop(group.as_object_mut().expect("an object").remove("members")),
        }
        write(&bench, &people);
        let seats = bench.seats();
        for _ in 0..3 {
            bench.run(&["run", "--once"]);
            assert_partial(&bench, &["iOS Developers"]);
        }
        assert_eq!(bench.seats(), seats);
    }
}

#[test]
fn a_status_under_another_name_is_understood_or_holds_its_person() {
    let bench = bench(&json!({}));
    let mut people = export(&bench, scim, by_value);
    for person in people["users"].as_array_mut().expect("a list") {
        let email = person["userName"].as_str().expect("an address").to_owned();
        let fields = person.as_object_mut().expect("an object");
        if fields["active"] == false {
            continue;
        }
        fields.remove("active");
        match email.split('@').next() {
            Some("alan") => drop(fields.insert("enabled".to_owned(), json!(false))),
            Some("emmy") => drop(fields.insert("status".to_owned(), json!("terminated"))),
            Some("tom") => drop(fields.insert("status".to_owned(), json!("sabbatical"))),
            Some("edsger") => drop(fields.insert("enabled".to_owned(), json!(true))),
            _ => {}
        }
    }
    write(&bench, &people);
    let plan = bench.plan();
    let mut operations = plan.operations();
    operations.sort();
    assert_eq!(operations, ["remove_member alan@example.com", "remove_member emmy@example.com"]);
    assert!(plan.held_for("invalid_attribute").contains(&"invite tom@example.com".to_owned()), "{plan:?}");
}
