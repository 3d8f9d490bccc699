use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::model::{Activity, Address, Person};
use crate::source::Interest;

fn wanted(names: &[&str]) -> Wanted {
    let attributes = names.iter().map(|name| Arc::from(*name)).collect();
    Wanted::of(&Interest { attributes, ..Interest::default() })
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        other => panic!("not an object: {other}"),
    }
}

fn read(value: Value, names: &[&str]) -> Person {
    person(&object(value), &wanted(names)).expect("an id")
}

#[test]
fn addresses_come_in_one_order_and_each_once() {
    for (value, expected) in [
        (
            json!({"mail": "a@example.com", "userPrincipalName": "b@example.com"}),
            "a@example.com b@example.com",
        ),
        (json!({"mail": null, "userPrincipalName": "b@example.com"}), "b@example.com"),
        (json!({"mail": "A@example.com", "userPrincipalName": "a@example.com"}), "A@example.com"),
        (
            json!({"mail": null, "userPrincipalName": "guest_example.net#EXT#@example.com", "otherMails": ["guest@example.net"]}),
            "guest@example.net",
        ),
        (json!({"userPrincipalName": "guest_example.net#ext#@example.com"}), ""),
        (
            json!({
                "proxyAddresses": ["smtp:second@example.com", "SIP:call@example.com", "SMTP:first@example.com", "X500:/o=x"],
                "otherMails": ["other@example.com"], "userPrincipalName": "b@example.com",
            }),
            "b@example.com first@example.com second@example.com other@example.com",
        ),
        (json!({"mail": "no address", "otherMails": [7, null, "@", "ok@example.com"]}), "ok@example.com"),
        (json!({"mail": 7, "otherMails": {}, "proxyAddresses": null}), ""),
    ] {
        let mut value = value;
        value["id"] = json!("1");
        let person = read(value.clone(), &[]);
        let found: Vec<&str> = person.addresses.all().iter().map(Address::as_str).collect();
        assert_eq!(found.join(" "), expected, "{value}");
    }
}

#[test]
fn only_a_plain_false_disables() {
    for (value, activity) in [
        (json!({"accountEnabled": true}), Activity::Active),
        (json!({"accountEnabled": false}), Activity::Disabled),
        (json!({"accountEnabled": null}), Activity::NotSaid),
        (json!({"accountEnabled": "false"}), Activity::Disabled),
        (json!({"accountEnabled": 0}), Activity::Disabled),
        (json!({"accountEnabled": "maybe"}), Activity::Unclear),
        (json!({}), Activity::NotSaid),
    ] {
        let mut value = value;
        value["id"] = json!("1");
        assert_eq!(read(value.clone(), &[]).activity, activity, "{value}");
    }
}

#[test]
fn a_person_without_an_id_is_none() {
    for value in [json!({}), json!({"id": null}), json!({"id": 7}), json!({"id": ""})] {
        assert_eq!(person(&object(value.clone()), &wanted(&[])), None, "{value}");
    }
}

#[test]
fn what_is_absent_stays_and_null_clears() {
    let names = ["department", "extensionAttribute2"];
    let whole = json!({
        "id": "1", "userPrincipalName": "a@example.com", "mail": "m@example.com", "givenName": "Ada", "surname": null,
        "department": "Mobile", "otherMails": ["o@example.com"], "jobTitle": "not asked for",
        "onPremisesExtensionAttributes": {"extensionAttribute1": "one", "extensionAttribute2": "two", "extensionAttribute3": null},
    });
    let before = read(whole, &names);
    assert_eq!(before.attributes.get("extensionattribute2"), Some(&json!("two")));
    assert_eq!(before.attributes.get("jobTitle"), None);

    let mut person = before.clone();
    apply(&mut person, &object(json!({"id": "1"})), &wanted(&names));
    assert_eq!(person, before);

    let change = json!({
        "givenName": null, "mail": null, "department": null, "otherMails": [],
        "onPremisesExtensionAttributes": {"extensionAttribute2": null},
    });
    apply(&mut person, &object(change), &wanted(&names));
    let after = json!({
        "id": "1", "userPrincipalName": "a@example.com",
        "onPremisesExtensionAttributes": {"extensionAttribute1": "one"},
    });
    assert_eq!(person, read(after, &names));
    assert_eq!(person.addresses.all(), [Address::new("a@example.com")]);
}

#[test]
fn properties_are_asked_for_in_graphs_own_case_and_extensions_as_written() {
    let built_in = "id,userPrincipalName,mail,otherMails,proxyAddresses,givenName,surname,displayName,accountEnabled,userType";
    for (names, more) in [
        (&[][..], ""),
        (&["DEPARTMENT", "mail"][..], ",department"),
        (&["extension_0a1b_Role"], ",extension_0a1b_Role"),
        (&["extensionattribute1", "extensionAttribute15"], ",onPremisesExtensionAttributes"),
        (&["extensionattribute16"], ",extensionattribute16"),
        (&["userName", "active", "emails", "urn:x:y", "appStoreConnect_role"], ""),
    ] {
        assert_eq!(wanted(names).select, format!("{built_in}{more}"), "{names:?}");
    }
    assert!(wanted(&["customSecurityAttributes"]).defies_feeds());
    assert!(!wanted(&["department"]).defies_feeds());
}

#[test]
fn paths_escape_what_could_change_them() {
    let name = literal("O'Brien & Sons/+1?#%");
    assert_eq!(
        path(&["groups"], &[("$filter", &format!("displayName eq {name}")), ("$select", "id,displayName")]),
        "/groups?$filter=displayName%20eq%20'O''Brien%20%26%20Sons%2F%2B1%3F%23%25'&$select=id,displayName"
    );
    assert_eq!(path(&["users", "../x"], &[]), "/users/..%2Fx");
    assert_eq!(path(&["users", "a.b@example.com"], &[]), "/users/a.b%40example.com");
    assert_eq!(path(&["users", "é"], &[]), "/users/%C3%A9");
    assert_eq!(path(&["users", "a\r\n\tb"], &[]), "/users/a%0D%0A%09b");
}

#[test]
fn members_are_told_by_their_type() {
    let person = Entry::Member(GroupMember::Person(PersonId::from("1")));
    let group = Entry::Member(GroupMember::Group(GroupId::from("1")));
    for (value, expected) in [
        (json!({"@odata.type": "#microsoft.graph.user", "id": "1", "displayName": null}), person),
        (json!({"@odata.type": "#microsoft.graph.group", "id": "1"}), group),
        (json!({"@odata.type": "#microsoft.graph.device", "id": "1"}), Entry::Other),
        (json!({"id": "1"}), Entry::Unclear),
        (json!({"@odata.type": "#microsoft.graph.user"}), Entry::Unclear),
    ] {
        assert_eq!(entry(&object(value.clone())), expected, "{value}");
    }
}

#[test]
fn codes_of_errors_are_found_at_any_depth_and_in_both_spellings() {
    for (body, codes) in [
        (
            json!({"error": {"code": "a", "innerError": {"code": "b", "innererror": {"code": "c"}}}}),
            vec!["a", "b", "c"],
        ),
        (json!({"error": {"code": "", "message": "m", "innererror": {"date": "d"}}}), vec!["", ""]),
        (json!({}), vec![""]),
    ] {
        let parsed: ErrorBody = serde_json::from_value(body.clone()).expect("lenient");
        assert_eq!(parsed.error.codes(), codes, "{body}");
    }
}

#[test]
fn page_of_countless_objects_is_not_kept() {
    let many = |count: usize| format!("{{\"value\":[{}{{}}]}}", "{},".repeat(count - 1));
    let page: Page = serde_json::from_str(&many(10_000)).expect("a page");
    assert_eq!(page.value.len(), 10_000);
    let error = serde_json::from_str::<Page>(&many(10_001)).expect_err("more than any page of Graph's");
    assert!(error.to_string().contains("more than 10000 objects"), "{error}");
}
