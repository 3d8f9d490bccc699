//! One person, many filters.

use serde_json::json;

use super::*;
use crate::model::directory::{Activity, Attributes};
use crate::model::{Address, Addresses};

/// Ada, as a SCIM provider with an enterprise extension describes her.
fn ada() -> Person {
    let mut attributes = Attributes::default();
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    attributes.insert(enterprise, json!({"department": "Mobile", "manager": {"displayName": "Grace"}}));
    attributes.insert(&format!("{enterprise}:costCenter"), json!("4130"));
    attributes.insert("userType", json!("Employee"));
    attributes.insert("title", json!(""));
    attributes.insert("level", json!(7));
    attributes.insert("remote", json!("True"));
    attributes.insert("meta", json!({"lastModified": "2026-03-01T12:00:00+02:00"}));
    attributes
        .insert("roles", json!([{"value": "admin", "primary": true}, {"value": "ios", "primary": false}]));
    attributes.insert("tags", json!(["red", "blue"]));
    attributes.insert("empty", json!([]));
    attributes.insert("boss", json!({"value": {"value": "x"}}));
    attributes.insert(
        "emails",
        json!([{"value": "ada@example.com", "type": "work"}, {"value": "ada@home.example", "type": "home"}]),
    );
    Person {
        id: "id-Ada".into(),
        user_name: Some("Ada.King".into()),
        addresses: Addresses::new([Address::new("ada@example.com")], [Address::new("ada@home.example")]),
        given_name: Some("Ada".into()),
        family_name: Some("King".into()),
        display_name: Some("Ada King".into()),
        activity: Activity::Active,
        attributes,
    }
}

/// Each line: `yes` or `no`, then a filter.
#[track_caller]
fn check(lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (answer, filter) = line.split_once(' ').expect("an answer and a filter");
        let parsed = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
        assert_eq!(if parsed.matches(&ada()) { "yes" } else { "no" }, answer, "{filter}");
    }
}

#[test]
fn operators_compare_text_without_case() {
    check(
        r#"
        yes userType eq "employee"
        no  userType eq "contractor"
        no  userType ne "EMPLOYEE"
        yes userType ne "contractor"
        yes userType co "PLOY"
        yes userType sw "emp"
        no  userType sw "loyee"
        yes userType ew "LOYEE"
        no  userType ew "emp"
        yes userType gt "apple"
        no  userType lt "apple"
        yes userType ge "employee"
        yes userType le "employee"
        no  userType gt "employee"
        no  userType lt "employee"
        "#,
    );
}

#[test]
fn names_and_operators_have_no_case() {
    check(
        r#"
        yes USERTYPE EQ "Employee"
        yes usertype Eq "Employee" AND Active eq TRUE
        yes NOT (userType eq "Contractor")
        "#,
    );
}

#[test]
fn ids_keep_their_case() {
    check("yes id eq \"id-Ada\"\nno id eq \"id-ada\"\nyes id sw \"id-\"");
}

#[test]
fn presence_is_a_value_that_is_not_empty() {
    check(
        r#"
        yes userType pr
        no  title pr
        no  empty pr
        no  nickName pr
        no  nickName eq "x"
        yes nickName ne "x"
        yes nickName eq null
        yes userType ne null
        no  userType eq null
        "#,
    );
}

#[test]
fn logic_binds_as_the_rfc_says() {
    check(
        r#"
        yes userType eq "x" and level eq 1 or level eq 7
        no  userType eq "x" and (level eq 1 or level eq 7)
        yes level eq 7 or userType eq "x" and level eq 1
        no  not (level eq 7)
        yes not(level eq 8) and not ((level eq 9))
        "#,
    );
}

#[test]
fn extensions_are_found_in_all_three_places() {
    check(
        r#"
        yes urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "mobile"
        yes URN:IETF:params:scim:schemas:extension:ENTERPRISE:2.0:user:Department eq "Mobile"
        yes urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName eq "grace"
        yes urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter eq "4130"
        yes urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:userType eq "employee"
        yes urn:ietf:params:scim:schemas:core:2.0:User:userType eq "employee"
        yes urn:ietf:params:scim:schemas:core:2.0:User:name.familyName eq "king"
        no  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division pr
        "#,
    );
}

#[test]
fn names_of_the_enterprise_extension_need_no_urn() {
    check(
        r#"
        yes department eq "mobile"
        yes Manager.displayName eq "grace"
        yes costCenter eq "4130"
        no  division pr
        "#,
    );
    let mut attributes = Attributes::default();
    attributes.insert("department", json!("Mobile"));
    let person = Person { attributes, ..ada() };
    assert!(
        Filter::parse("department eq \"Mobile\"").expect("a filter").matches(&person),
        "at the top level"
    );
}

#[test]
fn any_element_of_a_list_will_do() {
    check(
        r#"
        yes tags eq "blue"
        no  tags eq "green"
        yes roles eq "ios"
        yes roles.value eq "ios"
        yes emails co "@home.example"
        yes emails.type eq "home"
        yes emails[type eq "work"]
        yes emails[type eq "work" and value co "@example.com"]
        no  emails[type eq "home" and value co "@example.com"]
        yes emails[type eq "work" and value co "@example.com"].value
        yes emails[type eq "work"].value ew "example.com"
        no  emails[type eq "home"].value ew "example.com"
        no  emails[type eq "other"].value ne "x"
        yes roles[primary eq true].value eq "admin"
        no  roles[primary eq true].value eq "ios"
        yes not (roles[value eq "finance"])
        "#,
    );
}

#[test]
fn numbers_booleans_and_dates_compare_as_such() {
    check(
        r#"
        yes level eq 7
        yes level ge 7.0
        yes level gt -1
        no  level lt 7
        yes level eq "7"
        yes remote eq true
        no  remote eq false
        yes roles.primary eq true
        yes active eq true
        yes accountEnabled eq true
        yes active ne false
        yes meta.lastModified eq "2026-03-01T10:00:00Z"
        yes meta.lastModified gt "2026-03-01T09:59:59Z"
        no  meta.lastModified ge "2026-03-01T11:00:00Z"
        yes meta.lastModified sw "2026-03-01T12"
        "#,
    );
}

#[test]
fn fields_of_our_own_answer_under_both_providers_names() {
    check(
        r#"
        yes userName eq "ada.king"
        yes userPrincipalName eq "ada.king"
        yes displayName co "king"
        yes name.givenName eq "ada"
        yes name.familyName eq "king"
        yes givenName eq "ada"
        yes surname eq "king"
        yes mail eq "ada@example.com"
        "#,
    );
    let mut bare = ada();
    bare.attributes = Attributes::default();
    bare.activity = Activity::NotSaid;
    for (filter, fits) in [
        ("emails.value eq \"ADA@example.com\"", true),
        ("emails[value ew \"home.example\"]", true),
        ("emails[type eq \"work\"]", false),
        ("active eq false", false),
        ("active eq true", false),
    ] {
        assert_eq!(Filter::parse(filter).expect("a filter").matches(&bare), fits, "{filter}");
    }
}

#[test]
fn what_was_read_answers_before_fields_of_our_own() {
    let mut read = ada();
    for (name, value) in [
        ("userName", json!("other")),
        ("displayName", json!("Other")),
        ("name", json!({"givenName": "Augusta", "familyName": "Byron"})),
        ("givenName", json!("Augusta")),
        ("surname", json!("Byron")),
        ("mail", json!("other@example.com")),
    ] {
        read.attributes.insert(name, value);
    }
    let mut unnamed = ada();
    unnamed.user_name = Some("".into());
    for (filter, by_attribute, by_field) in [
        ("userName eq \"other\"", true, false),
        ("userName eq \"ada.king\"", false, true),
        ("displayName eq \"other\"", true, false),
        ("displayName eq \"ada king\"", false, true),
        ("name eq \"ada\"", false, true),
        ("name.givenName eq \"augusta\"", true, false),
        ("name.givenName eq \"ada\"", false, true),
        ("name.familyName eq \"king\"", false, true),
        ("givenName eq \"ada\"", false, true),
        ("surname eq \"byron\"", true, false),
        ("surname eq \"king\"", false, true),
        ("mail eq \"other@example.com\"", true, false),
        ("mail eq \"ada@example.com\"", false, true),
    ] {
        let filter = Filter::parse(filter).expect("a filter");
        assert_eq!((filter.matches(&read), filter.matches(&ada())), (by_attribute, by_field), "{filter:?}");
    }
    let present = Filter::parse("userName pr").expect("a filter");
    assert_eq!((present.matches(&ada()), present.matches(&unnamed)), (true, false));
}

#[test]
fn values_are_compared_as_what_they_are() {
    check(
        r#"
        yes tags.value eq "red"
        no  tags.other eq "red"
        no  tags[type eq "red"]
        no  boss eq "x"
        yes active eq "true"
        no  active eq "false"
        no  active gt "true"
        no  active gt "false"
        no  active lt "true"
        no  remote eq "false"
        yes meta.lastModified co "2026-03-01T12:00:00+02:00"
        yes meta.lastModified sw "2026-03-01T12:00:00+02:00"
        no  meta.lastModified co "2026-03-01T10:00:00Z"
        yes userType eq "say \"hi\"" or userType eq "employee"
        yes userType eq "back\\" or userType eq "employee"
        "#,
    );
}

#[test]
fn faults_say_where_and_what_was_expected() {
    for (text, wanted) in [
        ("a..b eq 1", "at character 1: expected an attribute name, \"not (\" or \"(\""),
        ("a. eq 1", "at character 1: expected an attribute name, \"not (\" or \"(\""),
        ("", "at character 1: expected an attribute name, \"not (\" or \"(\""),
        ("userType", "at character 9: expected a blank and an operator: eq ne co sw ew gt ge lt le pr"),
        ("userType is \"x\"", "at character 10: expected an operator: eq ne co sw ew gt ge lt le pr"),
        ("userType eq", "at character 12: expected a value: \"text\", a number, true, false or null"),
        ("userType eq 'x'", "at character 13: expected a value: \"text\", a number, true, false or null"),
        ("userType eq \"x", "at character 14: expected a closing \""),
        ("größe eq \"x", "at character 11: expected a closing \""),
        ("a eq 1 and", "at character 11: expected a comparison"),
        ("(a eq 1", "at character 8: expected \")\""),
        ("emails[type eq \"work\"", "at character 22: expected \"]\""),
        ("a eq 1 b eq 2", "at character 8: expected \"and\", \"or\" or the end"),
        (
            "active gt true",
            "at character 15: expected text, a date or a number before this: true, false and null have no order",
        ),
        (
            "level co 7",
            "at character 11: expected text in double quotes before this: co, sw and ew look into text",
        ),
    ] {
        assert_eq!(Filter::parse(text).expect_err(text).to_string(), wanted, "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = |n: usize| format!("{}a eq 1{}", "(".repeat(n), ")".repeat(n));
    assert!(Filter::parse(&deep(31)).is_ok());
    let elements = format!("{}a eq 1{}", "a[".repeat(40), "]".repeat(40));
    assert!(Filter::parse(&elements).is_err());
    let error = Filter::parse(&deep(100_000)).expect_err("too deep");
    assert_eq!(error.expected, "fewer parentheses within each other");
    let not = format!("{}a eq 1{}", "not (".repeat(40), ")".repeat(40));
    assert!(Filter::parse(&not).is_err());
}

#[test]
fn a_source_is_told_every_place_to_keep() {
    let filter = Filter::parse(
        "(userType eq \"x\" or emails[type eq \"work\"]) and not (urn:example:2.0:User:Level.value pr) and name.givenName pr",
    )
    .expect("a filter");
    let names: Vec<_> = filter.attributes().into_iter().collect();
    let wanted =
        ["Level", "emails", "name", "urn:example:2.0:user", "urn:example:2.0:user:level", "userType"];
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), wanted);
}
