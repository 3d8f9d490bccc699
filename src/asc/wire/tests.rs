use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn user(id: &str, attributes: Value, relationships: Value) -> Value {
    json!({"type": "users", "id": id, "attributes": attributes, "relationships": relationships})
}

fn apps(ids: &[&str]) -> BTreeSet<AppId> {
    ids.iter().map(|id| AppId::from(*id)).collect()
}

fn linkages(ids: &[&str]) -> Value {
    ids.iter().map(|id| json!({"type": "apps", "id": id})).collect()
}

fn one_user(record: &Value) -> Listed<Member> {
    let page = parse_users(&bytes(&json!({ "data": [record] }))).expect("a page");
    assert_eq!(page.unreadable, []);
    page.items.into_iter().next().expect("a user")
}

fn labels<T>(page: &Page<T>) -> Vec<&str> {
    page.unreadable.iter().map(|record| record.label.as_str()).collect()
}

fn limited(visible_apps: &Value) -> Listed<Member> {
    let attributes = json!({"username": "ada@example.com", "roles": ["DEVELOPER"], "allAppsVisible": false,
        "provisioningAllowed": false});
    one_user(&user("7", attributes, json!({ "visibleApps": visible_apps })))
}

#[test]
fn user_is_read_whole() {
    let attributes = json!({"username": "Ada@Example.com", "firstName": "Ada", "lastName": null, "email": "other@example.com",
        "roles": ["DEVELOPER", "CREATE_APPS", "SOMETHING_NEW"], "allAppsVisible": false, "provisioningAllowed": false});
    let relationships = json!({"visibleApps": {"data": linkages(&["2", "1"]), "meta": {"paging": {"total": 2, "limit": 50}}}});
    let listed = one_user(&user("7", attributes, relationships));
    assert!(!listed.apps_cut);
    let member = listed.seat;
    assert_eq!(member.id.as_str(), "7");
    assert_eq!(member.user_name.as_str(), "Ada@Example.com");
    assert_eq!((member.first_name.as_deref(), member.last_name), (Some("Ada"), None));
    let names: Vec<&str> = member.access.roles.iter().map(Role::as_str).collect();
    assert_eq!(names, ["CREATE_APPS", "DEVELOPER", "SOMETHING_NEW"]);
    assert_eq!(member.access.all_apps_visible, Some(false));
    assert_eq!(member.access.visible_apps, Some(apps(&["1", "2"])));
}

#[test]
fn access_is_read_after_apples_all_apps_rule() {
    for roles in [json!(["ADMIN"]), json!(["FINANCE"]), json!(["SALES", "ACCESS_TO_REPORTS"])] {
        let attributes = json!({"username": "a@example.com", "roles": roles, "allAppsVisible": false});
        let listed = one_user(&user("1", attributes, json!(null)));
        assert_eq!(listed.seat.access.all_apps_visible, Some(true));
        assert!(!listed.apps_cut);
    }
    let provisioning =
        json!({"username": "a@example.com", "roles": ["DEVELOPER"], "provisioningAllowed": true});
    assert_eq!(one_user(&user("1", provisioning, json!({}))).seat.access.all_apps_visible, Some(true));
    let not_said = json!({"username": "a@example.com", "roles": ["DEVELOPER"], "allAppsVisible": null});
    let listed = one_user(&user("1", not_said, json!({})));
    assert_eq!((listed.seat.access.all_apps_visible, listed.apps_cut), (None, false));
}

#[test]
fn cut_app_lists_are_noticed() {
    let names: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let fifty: Vec<&str> = names.iter().map(String::as_str).collect();
    let total = |total: u64| json!({ "paging": { "total": total, "limit": 50 } });
    for (visible_apps, cut) in [
        (json!({"data": linkages(&["1"]), "meta": total(1)}), false),
        (json!({"data": linkages(&fifty), "meta": total(50)}), false),
        (json!({"data": [], "meta": total(0)}), false),
        (json!({"data": linkages(&["1", "2"])}), false),
        (json!({"data": linkages(&fifty), "meta": total(51)}), true),
        (json!({"data": linkages(&["1"]), "meta": total(0)}), true),
        (json!({"data": linkages(&fifty)}), true),
        (json!({"data": null, "links": {"self": "x"}}), true),
        (json!({"links": {"related": "x"}}), true),
        (json!(null), true),
    ] {
        let listed = limited(&visible_apps);
        assert_eq!(listed.apps_cut, cut, "{visible_apps}");
        assert_eq!(listed.seat.access.visible_apps.is_none(), cut, "{visible_apps}");
    }
}

#[test]
fn invitation_end_may_have_an_offset_and_null_flags() {
    let attributes = json!({"email": "ada@example.com", "firstName": "Ada", "lastName": "King", "roles": ["DEVELOPER"],
        "expirationDate": "2026-10-02T22:06:57-07:00", "allAppsVisible": null, "provisioningAllowed": null});
    let record = json!({"type": "userInvitations", "id": "i1", "attributes": attributes});
    let page = parse_invitations(&bytes(&json!({ "data": [record] }))).expect("a page");
    let invitation = &page.items[0].seat;
    assert_eq!(invitation.expires, Some("2026-10-03T05:06:57Z".parse().expect("a time")));
    assert_eq!(invitation.access.all_apps_visible, None);
    assert_eq!(invitation.access.provisioning_allowed, None);
}

#[test]
fn records_that_cannot_be_used_are_named_and_the_rest_stays() {
    let good = json!({"username": "a@example.com", "roles": ["ADMIN"]});
    let records = json!([
        user("good", good.clone(), json!({})),
        user("no-name", json!({"roles": ["ADMIN"]}), json!({})),
        user("blank-name", json!({"username": " ", "roles": ["ADMIN"]}), json!({})),
        user("no-roles", json!({"username": "b@example.com"}), json!({})),
        user("odd\u{1b}-roles", json!({"username": "b@example.com", "roles": null}), json!({})),
        {"type": "userInvitations", "id": "other-kind", "attributes": good.clone()},
        {"type": "users", "id": "bare"},
        {"type": "users", "id": "", "attributes": good},
        {"type": "users", "id": 7},
        "text",
        null,
    ]);
    let page = parse_users(&bytes(&json!({ "data": records }))).expect("a page");
    assert_eq!(page.items.len(), 1);
    let expected = [
        "no-name",
        "blank-name",
        "no-roles",
        "odd -roles",
        "other-kind",
        "bare",
        "number 8",
        "number 9",
        "number 10",
        "number 11",
    ];
    assert_eq!(labels(&page), expected);
    let expires = json!({"email": "a@example.com", "roles": ["ADMIN"], "expirationDate": "soon"});
    let record = json!({"type": "userInvitations", "id": "i1", "attributes": expires});
    let page = parse_invitations(&bytes(&json!({ "data": [record] }))).expect("a page");
    assert_eq!(labels(&page), ["i1"]);
}

#[test]
fn next_link_is_text_or_object_and_absent_parts_do_no_harm() {
    let next = |document: Value| parse_users(&bytes(&document)).expect("a page").next;
    let link = "https://api.example.com/v1/users?cursor=AQ";
    assert_eq!(next(json!({"data": [], "links": {"self": "x", "next": link}})).as_deref(), Some(link));
    assert_eq!(next(json!({"data": [], "links": {"next": {"href": link}}})).as_deref(), Some(link));
    for bare in [json!({"data": []}), json!({"data": [], "links": null, "meta": null, "included": null})] {
        assert_eq!(next(bare), None);
    }
    let nothing =
        [json!({"data": [], "links": {"next": ""}}), json!({"data": [], "links": {"next": {"href": " "}}})];
    for bare in
        nothing.into_iter().chain([json!({"data": [], "links": []}), json!({"data": [], "links": "x"})])
    {
        assert_eq!(next(bare), None);
    }
    assert_eq!(
        next(json!({"data": [], "links": {"next": 7}})).as_deref(),
        Some("7"),
        "it is not the last page"
    );
}

#[test]
fn a_count_may_be_text_and_an_odd_one_says_nothing() {
    let total = |total: Value| {
        let page =
            parse_users(&bytes(&json!({"data": [], "meta": {"paging": {"total": total, "limit": 1}}})));
        page.expect("a page").total
    };
    for four in [json!(4), json!("4"), json!(" 4 "), json!(4.0)] {
        assert_eq!(total(four.clone()), Some(4), "{four}");
    }
    for odd in [json!(null), json!("many"), json!(-1), json!(4.5), json!([4]), json!({}), json!(true)] {
        assert_eq!(total(odd.clone()), None, "{odd}");
    }
    let cut = limited(&json!({"data": linkages(&["1"]), "meta": {"paging": {"total": "2"}}}));
    assert!(cut.apps_cut);
}

#[test]
fn a_field_of_an_odd_type_costs_that_field_and_no_more() {
    let attributes = json!({"username": "ada@example.com", "firstName": 7, "roles": ["DEVELOPER"], "allAppsVisible": "yes",
        "provisioningAllowed": [], "unheard": {"of": 1}});
    let listed = one_user(&user("7", attributes, json!({"visibleApps": {"data": 7}})));
    assert_eq!((listed.seat.first_name, listed.seat.access.all_apps_visible), (None, None));
    let unreadable = |kind: fn(&[u8]) -> Vec<Unreadable>, record: Value| {
        let found = kind(&bytes(&json!({ "data": [record] })));
        assert_eq!(found.len(), 1);
        (found[0].id.clone(), found[0].name.as_ref().map(|name| name.as_str().to_owned()))
    };
    let users = |body: &[u8]| parse_users(body).expect("a page").unreadable;
    let invitations = |body: &[u8]| parse_invitations(body).expect("a page").unreadable;
    let ada = || Some("ada@example.com".to_owned());
    for roles in [json!(null), json!("ADMIN"), json!([7]), json!({})] {
        let attributes = json!({"username": "ada@example.com", "roles": roles});
        assert_eq!(unreadable(users, user("7", attributes, json!({}))), (Some("7".into()), ada()));
    }
    for username in [json!(null), json!(7), json!(" "), json!({})] {
        let attributes = json!({"username": username, "roles": ["SALES"]});
        assert_eq!(unreadable(users, user("7", attributes, json!({}))), (Some("7".into()), None));
    }
    assert_eq!(
        unreadable(users, json!({"type": "users", "id": 7, "attributes": {"username": "ada@example.com"}})),
        (None, ada())
    );
    for end in [json!("soon"), json!(""), json!(1_790_000_000), json!([])] {
        let attributes = json!({"email": "ada@example.com", "roles": ["SALES"], "expirationDate": end});
        let record = json!({"type": "userInvitations", "id": "i1", "attributes": attributes});
        assert_eq!(unreadable(invitations, record), (Some("i1".into()), ada()), "{end}");
    }
}

#[test]
fn an_end_without_an_offset_is_universal_time() {
    let ends = |text: &str| {
        let attributes = json!({"email": "ada@example.com", "roles": ["SALES"], "expirationDate": text});
        let record = json!({"type": "userInvitations", "id": "i1", "attributes": attributes});
        let page = parse_invitations(&bytes(&json!({ "data": [record] }))).expect("a page");
        page.items[0].seat.expires.expect("an end").to_string()
    };
    for text in
        ["2026-10-02T22:06:57Z", "2026-10-02T22:06:57", "2026-10-02 22:06:57", "2026-10-02T22:06:57+0000"]
    {
        assert_eq!(ends(text), "2026-10-02T22:06:57Z", "{text}");
    }
    assert_eq!(ends("2026-10-02T22:06:57-0700"), "2026-10-03T05:06:57Z");
    assert_eq!(ends("2026-10-02"), "2026-10-03T00:00:00Z", "a day lasts until it is over");
}

#[test]
fn body_that_is_no_document_is_named() {
    for (body, expected) in [
        (&b""[..], WireError::Empty),
        (b" \n", WireError::Empty),
        (b"<html>", WireError::Html),
        (b"\xff\xfe", WireError::NotJson("expected value at line 1 column 1".into())),
    ] {
        assert_eq!(parse_users(body), Err(expected));
    }
    for body in [
        &b"{}"[..],
        b"[]",
        b"null",
        b"{\"data\":null}",
        b"{\"data\":{}}",
        b"{\"data\":[]",
        b"{\"data\":[]} x",
    ] {
        assert!(matches!(parse_users(body), Err(WireError::NotJson(_))), "{}", String::from_utf8_lossy(body));
    }
    assert!(matches!(parse_sent(b"{\"data\":[]}"), Err(WireError::NotJson(_))));
}

#[test]
fn apps_are_read_by_bundle_id() {
    let body = json!({"data": [
        {"type": "apps", "id": "1", "attributes": {"bundleId": "com.example.app"}},
        {"type": "apps", "id": "2", "attributes": {}},
    ]});
    let page = parse_apps(&bytes(&body)).expect("a page");
    assert_eq!(page.items, [(AppId::from("1"), BundleId::from("com.example.app"))]);
    assert_eq!(labels(&page), ["2"]);
    assert_eq!(parse_app_ids(&bytes(&body)).expect("a page").items, [AppId::from("1"), AppId::from("2")]);
}

fn access(roles: &[&str], all: Option<bool>, visible: Option<&[&str]>) -> Access {
    Access {
        roles: roles.iter().map(|role| Role::new(role)).collect(),
        all_apps_visible: all,
        provisioning_allowed: Some(false),
        visible_apps: visible.map(apps),
    }
}

#[test]
fn written_bodies_have_apples_shape() {
    let ada = crate::model::Invitee {
        email: Address::new("Ada@example.com"),
        first_name: "Ada".into(),
        last_name: "King".into(),
    };
    let body = |access: &Access| serde_json::to_value(invitation_body(&ada, access)).expect("JSON");
    assert_eq!(
        body(&access(&["DEVELOPER"], Some(true), Some(&[]))),
        json!({"data": {"type": "userInvitations", "attributes": {"email": "Ada@example.com", "firstName": "Ada",
            "lastName": "King", "roles": ["DEVELOPER"], "allAppsVisible": true, "provisioningAllowed": false}}})
    );
    let silent = body(&access(&["SALES"], Some(false), None));
    assert_eq!(silent["data"]["attributes"].get("allAppsVisible"), None);
    assert_eq!(silent["data"].get("relationships"), None);
    let unsaid = body(&Access { provisioning_allowed: None, ..access(&["SALES"], None, Some(&["1"])) });
    assert_eq!(unsaid["data"]["attributes"].get("provisioningAllowed"), None);
    assert_eq!(unsaid["data"]["attributes"].get("allAppsVisible"), None);
    assert_eq!(unsaid["data"].get("relationships"), None);
}

#[test]
fn update_carries_what_differs_and_nothing_else() {
    let whole = access(&["SALES", "MARKETING"], Some(false), Some(&["2", "1"]));
    let body = |before: &Access, after: &Access| {
        let change = crate::model::access::AccessChange::between(before, after);
        serde_json::to_value(update_body(&"7".into(), &change)).expect("JSON")
    };
    let apps = json!({"visibleApps": {"data": [{"type": "apps", "id": "1"}, {"type": "apps", "id": "2"}]}});
    assert_eq!(
        body(&access(&["SALES"], Some(true), None), &whole),
        json!({"data": {"type": "users", "id": "7", "relationships": apps,
            "attributes": {"roles": ["MARKETING", "SALES"], "allAppsVisible": false}}})
    );
    assert_eq!(
        body(&access(&["MARKETING", "SALES"], Some(false), Some(&["1"])), &whole),
        json!({"data": {"type": "users", "id": "7", "relationships": apps}})
    );
    assert_eq!(
        body(
            &access(&["SALES", "ODD"], Some(true), None),
            &Access { provisioning_allowed: Some(true), ..access(&["SALES", "ODD"], Some(true), None) }
        ),
        json!({"data": {"type": "users", "id": "7", "attributes": {"provisioningAllowed": true}}})
    );
}

#[test]
fn one_member_is_read_with_what_apple_did_not_say() {
    let member = |attributes: Value| json!({"data": {"type": "users", "id": "7", "attributes": attributes}});
    let said = json!({"username": "a@example.com", "roles": ["ADMIN"], "provisioningAllowed": null});
    let listed = parse_user(&bytes(&member(said))).expect("a document").expect("a member");
    let access = listed.seat.access;
    assert_eq!((access.all_apps_visible, access.provisioning_allowed), (Some(true), None));
    assert!(!listed.apps_cut);
    let odd = parse_user(&bytes(&member(json!({"username": "a@example.com"})))).expect("a document");
    assert!(odd.is_err(), "{odd:?}");
}

#[test]
fn sent_invitation_gives_id_and_end() {
    let attributes = json!({"email": "a@example.com", "expirationDate": "2026-11-25T10:00:00.000+0000"});
    let body = json!({"data": {"type": "userInvitations", "id": "i9", "attributes": attributes}});
    let sent = parse_sent(&bytes(&body)).expect("an invitation");
    assert_eq!(sent.id.as_str(), "i9");
    let bare = json!({"data": {"type": "userInvitations", "id": "i9"}});
    assert_eq!(parse_sent(&bytes(&bare)).expect("an invitation").expires, None);
}

/// JSON that looks like Apple's, with anything at all in any place.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z\u{0}-\u{1f}]{0,6}".prop_map(Value::from),
        prop_oneof!["users", "userInvitations", "apps", "2026-11-22T10:00:00Z"].prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("data"),
        Just("type"),
        Just("id"),
        Just("attributes"),
        Just("relationships"),
        Just("visibleApps"),
        Just("meta"),
        Just("paging"),
        Just("total"),
        Just("links"),
        Just("next"),
        Just("href"),
        Just("roles"),
        Just("username"),
        Just("email"),
        Just("expirationDate"),
        Just("errors"),
        Just("code"),
        Just("associatedErrors"),
    ];
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(String::from), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_remote_panics(data in document(), noise in prop::collection::vec(any::<u8>(), 0..200)) {
        for body in [bytes(&data), bytes(&json!({"data": [data, {"type": "users", "id": "1", "attributes": data}]})), noise] {
            let _ = parse_users(&body);
            let _ = parse_invitations(&body);
            let _ = parse_apps(&body);
            let _ = parse_app_ids(&body);
            let _ = parse_sent(&body);
            let _ = crate::asc::errors::parse_errors(&body);
        }
    }
}

#[test]
fn page_of_countless_records_and_one_huge_record_are_not_kept() {
    let many = |count: usize| format!("{{\"data\":[{}{{}}]}}", "{},".repeat(count - 1)).into_bytes();
    assert_eq!(parse_users(&many(10_000)).expect("a page").unreadable.len(), 10_000);
    let error = parse_users(&many(10_001)).expect_err("more than any page of Apple's");
    assert!(error.to_string().contains("more than 10000 records"), "{error}");
    let huge = json!({"type": "users", "id": "7", "attributes": {"username": "a@example.com", "roles": vec![0; 1 << 20]}});
    let page = parse_users(&bytes(&json!({"data": [huge]}))).expect("a page");
    assert_eq!((page.items.len(), page.unreadable.len()), (0, 1));
}
