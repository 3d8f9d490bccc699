use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{Activity, Person};

const NAMESPACE: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";

fn wanted() -> Wanted {
    let names =
        ["userType", "appStoreConnect_role", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"];
    Wanted::new(&names.into_iter().map(Arc::from).collect::<BTreeSet<Arc<str>>>(), NAMESPACE)
}

fn user(text: &str) -> Person {
    parse_user(text, &wanted()).unwrap_or_else(|problem| panic!("{text}: {}", problem.0)).person
}

#[test]
fn addresses_come_in_the_order_of_invitation() {
    for (fields, addresses) in [
        (
            r#""emails":[{"value":"h@x.example","type":"home"},{"value":"w@x.example","type":"work"}]"#,
            "w@x.example h@x.example",
        ),
        (
            r#""emails":[{"value":"a@x.example"},{"value":"b@x.example","primary":true}]"#,
            "b@x.example a@x.example",
        ),
        (
            r#""emails":[{"value":"a@x.example"},{"value":"b@x.example","primary":"True"}]"#,
            "b@x.example a@x.example",
        ),
        (
            r#""emails":[{"value":"a@x.example","primary":"False"},{"value":"b@x.example","type":"Work"}]"#,
            "b@x.example a@x.example",
        ),
        // Two primaries: the one for work, else the first.
        (
            r#""emails":[{"value":"a@x.example","primary":true},{"value":"b@x.example","type":"work","primary":true}]"#,
            "b@x.example a@x.example",
        ),
        (
            r#""emails":[{"value":"a@x.example","primary":true},{"value":"b@x.example","primary":true}]"#,
            "a@x.example b@x.example",
        ),
        // Neither primary nor type.
        (r#""emails":[{"value":"a@x.example"},{"value":"b@x.example"}]"#, "a@x.example b@x.example"),
        (r#""emails":["a@x.example","A@X.example"]"#, "a@x.example"),
        (r#""emails":"a@x.example""#, "a@x.example"),
        (r#""EMAILS":[{"Value":" a@x.example "}]"#, "a@x.example"),
        (r#""emails":[{"value":"nonsense"},{"value":""},{},null,7]"#, ""),
        (r#""emails":null"#, ""),
        (r#""emails":7"#, ""),
        (r#""userName":"u@x.example","emails":[{"value":"a@x.example"}]"#, "a@x.example u@x.example"),
        (r#""userName":"U@x.example","emails":[{"value":"u@x.example"}]"#, "u@x.example"),
        (r#""userName":"ada""#, ""),
    ] {
        let person = user(&format!(r#"{{"id":"u1",{fields}}}"#));
        let found: Vec<&str> = person.addresses.all().iter().map(|address| address.as_str()).collect();
        assert_eq!(found.join(" "), addresses, "{fields}");
    }
}

#[test]
fn only_a_said_false_disables() {
    for (fields, activity) in [
        (r#""active":true"#, Activity::Active),
        (r#""active":false"#, Activity::Disabled),
        (r#""active":"True""#, Activity::Active),
        (r#""active":"False""#, Activity::Disabled),
        (r#""Active":"false""#, Activity::Disabled),
        (r#""active":null"#, Activity::NotSaid),
        (r#""active":"""#, Activity::NotSaid),
        (r#""active":0"#, Activity::Disabled),
        (r#""active":1"#, Activity::Active),
        (r#""active":"No""#, Activity::Disabled),
        (r#""active":2"#, Activity::Unclear),
        (r#""active":{"value":false}"#, Activity::Unclear),
        (r#""active":true,"Active":false"#, Activity::Unclear),
        (r#""title":"x""#, Activity::NotSaid),
    ] {
        assert_eq!(user(&format!(r#"{{"id":"u1",{fields}}}"#)).activity, activity, "{fields}");
    }
}

#[test]
fn names_come_from_where_they_are() {
    let person = user(
        r#"{"ID":"u1","UserName":"ada","NAME":{"GivenName":"Ada","familyname":" King ","formatted":"Ada King"}}"#,
    );
    assert_eq!(person.user_name.as_deref(), Some("ada"));
    assert_eq!(person.given_name.as_deref(), Some("Ada"));
    assert_eq!(person.family_name.as_deref(), Some("King"));
    assert_eq!(person.display_name.as_deref(), Some("Ada King"));
    let person = user(
        r#"{"id":"u1","displayName":"A. King","name":{"givenName":"","familyName":null,"formatted":"x"}}"#,
    );
    assert_eq!((person.given_name, person.family_name), (None, None));
    assert_eq!(person.display_name.as_deref(), Some("A. King"));
    let long = "x".repeat(LONGEST_TEXT + 1);
    let person = user(&format!(r#"{{"id":"u1","userName":"{long}","emails":["{long}@x.example"]}}"#));
    assert_eq!((person.user_name, person.addresses), (None, crate::model::Addresses::none()));
}

#[test]
fn wanted_attributes_are_kept_in_every_shape() {
    let custom = NAMESPACE.to_lowercase();
    for (fields, key, value) in [
        (r#""userType":"Employee""#.to_owned(), "USERTYPE", r#""Employee""#),
        (r#""AppStoreConnect_Role":["ADMIN"]"#.to_owned(), "appstoreconnect_role", r#"["ADMIN"]"#),
        (
            format!(r#""{NAMESPACE}":{{"appStoreConnect_role":"ADMIN"}}"#),
            custom.as_str(),
            r#"{"appStoreConnect_role":"ADMIN"}"#,
        ),
        (
            format!(r#""{NAMESPACE}:appStoreConnect_role":"ADMIN""#),
            &format!("{custom}:appstoreconnect_role"),
            r#""ADMIN""#,
        ),
        (
            r#""urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Mobile""#.to_owned(),
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:department",
            r#""Mobile""#,
        ),
    ] {
        let person = user(&format!(r#"{{"id":"u1","title":"x",{fields}}}"#));
        let kept: Vec<_> = person.attributes.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(person.attributes.get(key).map(ToString::to_string).as_deref(), Some(value), "{fields}");
        assert_eq!(kept.len(), 1, "{kept:?}");
    }
}

#[test]
fn a_resource_that_cannot_be_known_by_an_id_is_a_problem() {
    let huge = format!(r#"{{"id":"u1","userType":"{}"}}"#, "x".repeat(LARGEST_VALUE));
    let deep = format!(r#"{{"id":"u1","userType":{}1{}}}"#, "[".repeat(500), "]".repeat(500));
    let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(LONGEST_TEXT + 1));
    for (text, said) in [
        (r#"{"userName":"ada"}"#, "\"ada\" has no usable id"),
        (r#"{"id":""}"#, "no usable id"),
        (r#"{"id":null}"#, "no usable id"),
        (r#"{"id":{"value":"u1"}}"#, "no usable id"),
        (r#"{"id":1.5}"#, "no usable id"),
        (r#"["u1"]"#, "expected a JSON object"),
        (r#"null"#, "expected a JSON object"),
        (r#"{"id":"u1","#, "EOF"),
        (huge.as_str(), "larger than"),
        (deep.as_str(), "recursion limit"),
        (long.as_str(), "no usable id"),
    ] {
        let problem = parse_user(text, &wanted()).expect_err(text);
        assert!(
            problem.0.starts_with("a person could not be read: ") && problem.0.contains(said),
            "{}",
            problem.0
        );
    }
    assert_eq!(user(r#"{"id":17}"#).id.as_str(), "17");
}

#[test]
fn a_broken_resource_costs_itself_and_not_the_page() {
    let body = br#"{"totalResults":3,"Resources":[{"id":"u1"},{"userName":"x"},{"id":"u3"}]}"#;
    let people = parse_users(body, &wanted()).expect("a list");
    assert_eq!(people.entries.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let groups = parse_groups(br#"{"totalResults":2,"Resources":[{"id":"g1"},7]}"#).expect("a list");
    assert_eq!(groups.entries.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn lists_are_read_in_every_spelling() {
    for (body, resources, total, start, cursor) in [
        (
            r#"{"totalResults":2,"startIndex":1,"itemsPerPage":2,"Resources":[{},{}]}"#,
            2,
            Some(2),
            Some(1),
            None,
        ),
        (r#"{"TOTALRESULTS":"2","resources":[{}],"StartIndex":"2"}"#, 1, Some(2), Some(2), None),
        // Entra's own server: lower case, no total, a cursor.
        (r#"{"resources":[{}],"nextCursor":"a=+/:"}"#, 1, None, None, Some("a=+/:")),
        (r#"{"totalResults":0}"#, 0, Some(0), None, None),
        (r#"{"totalResults":0,"Resources":null}"#, 0, Some(0), None, None),
        (r#"{"totalResults":1,"Resources":[{}],"nextCursor":""}"#, 1, Some(1), None, None),
        (r#"{"totalResults":1,"Resources":[{}],"nextCursor":null}"#, 1, Some(1), None, None),
        (r#"{"totalResults":-1,"Resources":[]}"#, 0, None, None, None),
    ] {
        let list = parse_list(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        let found = (list.resources.len(), list.total, list.start, list.next_cursor.as_deref());
        assert_eq!(found, (resources, total, start, cursor), "{body}");
        let page = parse_groups(body.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"));
        let found = (page.entries.len(), page.total, page.start, page.next_cursor.as_deref());
        assert_eq!(found, (resources, total, start, cursor), "{body}");
    }
}

#[test]
fn what_is_no_list_is_named() {
    for (body, said) in [
        ("", "an empty body instead of JSON"),
        (" <!doctype html><p>Oops", "a page of HTML instead of JSON"),
        (r#"{"totalResults":2,"Resources":[{"id":"u1"},{"id":"#, "broken JSON: EOF"),
        (r#"{"status":"ok"}"#, "JSON that is no SCIM list"),
        (r#"{"totalResults":1,"Resources":{"id":"u1"}}"#, "JSON that is no SCIM list"),
        ("[]", "broken JSON: invalid type"),
        ("{\"totalResults\":1,\"Resources\":[\"\\ud800\u{1}\"]}", "broken JSON"),
    ] {
        let error = parse_list(body.as_bytes()).expect_err(body).to_string();
        assert!(error.starts_with(said), "{body}: {error}");
        let error = parse_groups(body.as_bytes()).expect_err(body).to_string();
        assert!(error.starts_with(said), "{body}: {error}");
    }
}

#[test]
fn members_absent_are_not_members_none() {
    for (fields, members) in [
        ("", Members::NotListed),
        (r#","members":null"#, Members::NotListed),
        (r#","members":[]"#, Members::Listed { refs: vec![], broken: 0 }),
        (
            r#","MEMBERS":[{},null,{"value":""},{"display":"Ada"}]"#,
            Members::Listed { refs: vec![], broken: 4 },
        ),
    ] {
        let group = parse_group(&format!(r#"{{"id":1,"displayName":"iOS"{fields}}}"#)).expect("a group");
        assert_eq!((group.id.as_str(), &*group.name, group.members), ("1", "iOS", members), "{fields}");
    }
    assert!(parse_group(r#"{"id":"g1","members":{"value":"u1"}}"#).is_err());
    assert!(parse_group(r#"{"displayName":"iOS"}"#).is_err());
}

#[test]
fn error_bodies_are_read_as_far_as_they_are_scim() {
    for (body, kind, detail) in [
        (
            r#"{"status":"400","scimType":"invalidCursor","detail":"gone"}"#,
            Some("invalidCursor"),
            Some("gone"),
        ),
        (r#"{"status":400,"Detail":"line one\nline\u001b[31m two"}"#, None, Some("line one line [31m two")),
        ("Unauthorized", None, None),
        ("<html>", None, None),
        ("", None, None),
        (r#"{"detail":["x"]}"#, None, None),
    ] {
        let found = parse_error(body.as_bytes());
        assert_eq!((found.kind.as_deref(), found.detail.as_deref()), (kind, detail), "{body}");
    }
}

#[test]
fn paging_is_announced_or_not() {
    for (body, cursor, max) in [
        (r#"{"pagination":{"cursor":true,"index":true,"maxPageSize":250}}"#, true, Some(250)),
        (r#"{"Pagination":{"Cursor":"True"}}"#, true, None),
        (r#"{"pagination":{"cursor":false,"maxPageSize":0}}"#, false, None),
        (r#"{"filter":{"supported":true}}"#, false, None),
        ("<html>", false, None),
    ] {
        assert_eq!(
            parse_service_provider(body.as_bytes()),
            Announced { cursor, max_page_size: max },
            "{body}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_users(&bytes, &wanted());
        let _ = parse_groups(&bytes);
        let _ = parse_error(&bytes);
        let _ = parse_service_provider(&bytes);
    }

    #[test]
    fn no_json_panics(id in "\\PC{0,8}", key in "(id|members|emails|active|name|\\$ref|value)", value in "(null|7|-1|1e400|\"x\"|\\[\\]|\\{\\}|\\[\\[7\\]\\]|\\[\\{\"value\":7,\"\\$ref\":\"//\"\\}\\])") {
        let id = serde_json::to_string(&id).expect("text");
        let text = format!("{{\"id\":{id},\"{key}\":{value}}}");
        let _ = parse_user(&text, &wanted());
        let _ = parse_group(&text);
    }
}

#[test]
fn page_of_countless_broken_resources_is_not_kept() {
    let many =
        |count: usize| format!("{{\"totalResults\":1,\"Resources\":[{}{{}}]}}", "{},".repeat(count - 1));
    let page = parse_users(many(10_000).as_bytes(), &wanted()).expect("a page");
    assert_eq!(page.entries.len(), 10_000);
    let error = parse_users(many(10_001).as_bytes(), &wanted()).expect_err("more than a page holds");
    assert!(error.to_string().contains("than a page can hold"), "{error}");
}

#[test]
fn service_provider_configuration_of_any_size_is_a_hint_only() {
    let config = |padding: usize| {
        format!(r#"{{"pagination":{{"cursor":true}},"padding":"{}"}}"#, "x".repeat(padding)).into_bytes()
    };
    assert!(parse_service_provider(&config(1_000)).cursor);
    assert!(!parse_service_provider(&config(LARGEST_VALUE)).cursor);
}
