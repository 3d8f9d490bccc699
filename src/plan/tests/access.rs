//! What people should be able to do: attributes, rules, defaults, Apple's own rules.

use super::check;
use super::world::World;

/// One attribute in one shape, and what an invitation comes to.
#[track_caller]
fn attribute(person: &str, plan: &str) {
    check(&format!("person p1 a@example.com {person}"), plan);
}

#[test]
fn roles_are_read_in_every_shape() {
    let wanted = "invite p1 at a@example.com: APP_MANAGER,MARKETING; attribute appStoreConnect_role";
    let urn = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
    for shape in [
        "appStoreConnect_role='[\"MARKETING\",\"APP_MANAGER\"]'".to_owned(),
        "APPSTORECONNECT_ROLE='[\"MARKETING\",\"APP_MANAGER\"]'".to_owned(),
        "appStoreConnect_role='marketing, app_manager'".to_owned(),
        "appStoreConnect_role='[{\"value\":\"MARKETING\"},{\"Value\":\"APP_MANAGER\",\"primary\":true}]'"
            .to_owned(),
        r#"appStoreConnect_role='["{\"value\":\"MARKETING\"}", "[\"APP_MANAGER\"]"]'"#.to_owned(),
        format!("{urn}:appStoreConnect_role=MARKETING,APP_MANAGER"),
        format!("{urn}='{{\"appstoreconnect_ROLE\":[\"MARKETING\",\"APP_MANAGER\"]}}'"),
    ] {
        attribute(&shape, wanted);
    }
}

#[test]
fn roles_that_cannot_be_used_are_that_persons_problem_alone() {
    for (value, detail) in [
        ("Chef", "unknown role \"Chef\""),
        ("DEVELOPER,ACCOUNT_HOLDER", "ACCOUNT_HOLDER cannot be given"),
        ("[]", "names no role"),
        ("\"\"", "names no role"),
        ("7", "7 is a number"),
        ("{\"display\":\"x\"}", "is an object without \"value\""),
        ("[[[[[\"ADMIN\"]]]]]", "is nested too deep"),
    ] {
        check(
            &format!("person p1 a@example.com appStoreConnect_role='{value}'\n person p2 b@example.com"),
            &format!(
                "invite p2 at b@example.com: DEVELOPER; default
                 held invalid_attribute (appStoreConnect_role: {detail}): invite p1 at a@example.com: ?"
            ),
        );
    }
    attribute("appStoreConnect_role=null", "invite p1 at a@example.com: DEVELOPER; default");
}

#[test]
fn flags_are_read_as_booleans_and_as_text() {
    let wanted =
        "invite p1 at a@example.com: DEVELOPER prov; attribute appStoreConnect_provisioningAllowed; default";
    for value in ["true", "\"True\"", "[\"TRUE\"]", "{\"value\":true}"] {
        attribute(&format!("appStoreConnect_provisioningAllowed='{value}'"), wanted);
    }
    attribute(
        "appStoreConnect_provisioningAllowed=maybe",
        "held invalid_attribute (appStoreConnect_provisioningAllowed: \"maybe\" is neither true nor false): invite p1 at a@example.com: ?",
    );
    attribute("appStoreConnect_provisioningAllowed='\"\"'", "invite p1 at a@example.com: DEVELOPER; default");
}

#[test]
fn the_persons_own_attribute_wins_over_rules_field_by_field() {
    check(
        "rule ADMIN filter='level gt 1'
         rule filter='level gt 1' prov=yes
         person p1 a@example.com level=5 appStoreConnect_role=MARKETING",
        "invite p1 at a@example.com: MARKETING prov; attribute appStoreConnect_role; rule 2: filter level gt 1; Apple gives provisioning only beside ADMIN, APP_MANAGER or DEVELOPER",
    );
}

#[test]
fn rules_add_up_or_the_first_one_decides() {
    let world = "rule APP_MANAGER group=Leads
         rule DEVELOPER filter='dept eq \"Mobile\"' prov=yes
         rule SALES group=Leads filter='dept eq \"Sales\"'
         group Leads p1
         person p1 a@example.com dept=mobile";
    check(
        world,
        "invite p1 at a@example.com: APP_MANAGER,DEVELOPER prov; rule 1: group \"Leads\"; rule 2: filter dept eq \"Mobile\"",
    );
    check(
        &format!("set combine first\n{world}"),
        "invite p1 at a@example.com: APP_MANAGER; rule 1: group \"Leads\"",
    );
}

#[test]
fn apps_come_from_rules_by_bundle_id_and_add_up() {
    check(
        "app com.a 1
         app com.b 2
         rule DEVELOPER group=A apps=com.a
         rule group=B apps=com.b
         group A p1 p2
         group B p2 p3
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com",
        "invite p1 at a@example.com: DEVELOPER apps=1; rule 1: group \"A\"
         invite p2 at b@example.com: DEVELOPER apps=1,2; rule 1: group \"A\"; rule 2: group \"B\"
         invite p3 at c@example.com: DEVELOPER apps=2; rule 2: group \"B\"; default",
    );
}

#[test]
fn any_rule_for_all_apps_wins() {
    check(
        "app com.a 1
         rule DEVELOPER group=A apps=com.a
         rule group=A all=yes
         group A p1
         person p1 a@example.com",
        "invite p1 at a@example.com: DEVELOPER; rule 1: group \"A\"; rule 2: group \"A\"",
    );
}

#[test]
fn an_app_that_the_team_lacks_holds_that_rules_people_alone() {
    check(
        "rule DEVELOPER group=A apps=com.gone
         group A p1 p2
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         member m2 b@example.com SALES
         link p2 m2",
        "invite p3 at c@example.com: DEVELOPER; default
         held policy (rule 1: the team has no app com.gone): update m2 of p2: SALES -> ?
         held policy (rule 1: the team has no app com.gone): invite p1 at a@example.com: ?",
    );
}

#[test]
fn nobody_is_left_without_any_app_by_an_attribute_alone() {
    attribute(
        "appStoreConnect_allAppsVisible=false",
        "held invalid_attribute (all_apps_visible is false and no rule names an app): invite p1 at a@example.com: ?",
    );
}

#[test]
fn apps_that_no_rule_names_are_left_to_whoever_gives_them_by_hand() {
    check(
        "rule DEVELOPER group=A all=no
         group A p1 p2 p3 p4
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         person p4 d@example.com appStoreConnect_allAppsVisible=false
         member m2 b@example.com SALES
         link p2 m2
         member m3 c@example.com SALES apps=7
         link p3 m3
         member m4 d@example.com DEVELOPER apps=7
         link p4 m4
         set removals_max 9
         set removals_max_percent 100",
        "update m2 of p2: SALES -> DEVELOPER apps=; rule 1: group \"A\"
         update m3 of p3: SALES apps=7 -> DEVELOPER apps=7; rule 1: group \"A\"
         invite p1 at a@example.com: DEVELOPER apps=; rule 1: group \"A\"
         unchanged 1",
    );
    check(
        "set all_apps_visible no
         person p1 a@example.com
         person p2 b@example.com
         member m2 b@example.com SALES
         link p2 m2",
        "invite p1 at a@example.com: DEVELOPER apps=; default
         unchanged 1",
    );
    // Rules add up: one that names an app says which.
    check(
        "app com.a 1
         rule DEVELOPER group=A all=no
         rule group=A apps=com.a
         group A p1
         person p1 a@example.com",
        "invite p1 at a@example.com: DEVELOPER apps=1; rule 1: group \"A\"; rule 2: group \"A\"",
    );
}

#[test]
fn apples_refusal_of_somebody_without_apps_is_held_with_the_cure() {
    check(
        "rule DEVELOPER group=A all=no
         group A p1 p2
         person p1 a@example.com
         person p2 b@example.com
         failed person:p1 1 minutes=0 error=\"409 At least one visible app is needed\"
         failed person:p2 1 minutes=0 error=\"409 The first name of Apple\"",
        "held backoff (failed once: 409 At least one visible app is needed; where Apple wants an app, name one in the rule's apps, or invite them by hand; next try 2026-11-22T10:05:00Z): invite p1 at a@example.com: DEVELOPER apps=; rule 1: group \"A\"
         held backoff (failed once: 409 The first name of Apple; next try 2026-11-22T10:05:00Z): invite p2 at b@example.com: DEVELOPER apps=; rule 1: group \"A\"",
    );
}

#[test]
fn apple_gives_all_apps_to_some_roles_and_with_provisioning() {
    check(
        "app com.a 1
         set new_admins allow
         rule group=A apps=com.a
         group A p1 p2 p3 p4 p5
         person p1 a@example.com appStoreConnect_role=ADMIN
         person p2 b@example.com appStoreConnect_role=FINANCE
         person p3 c@example.com appStoreConnect_role=ACCESS_TO_REPORTS,SALES
         person p4 d@example.com appStoreConnect_provisioningAllowed=true
         person p5 e@example.com appStoreConnect_role=SALES",
        "invite p1 at a@example.com: ADMIN; attribute appStoreConnect_role; rule 1: group \"A\"
         invite p2 at b@example.com: FINANCE; attribute appStoreConnect_role; rule 1: group \"A\"
         invite p3 at c@example.com: ACCESS_TO_REPORTS,SALES; attribute appStoreConnect_role; rule 1: group \"A\"
         invite p4 at d@example.com: DEVELOPER prov; attribute appStoreConnect_provisioningAllowed; rule 1: group \"A\"; default
         invite p5 at e@example.com: SALES apps=1; attribute appStoreConnect_role; rule 1: group \"A\"",
    );
}

#[test]
fn both_sides_are_compared_after_apples_rule() {
    check(
        "app com.a 1
         rule ADMIN group=A apps=com.a
         group A p1
         person p1 a@example.com
         member m1 a@example.com ADMIN apps=1
         link p1 m1",
        "unchanged 1",
    );
}

#[test]
fn what_nothing_speaks_of_stays_as_it_is() {
    check(
        "rule group=A prov=yes
         group A p2
         person p1 a@example.com
         person p2 b@example.com
         member m1 a@example.com FINANCE,SALES prov
         member m2 b@example.com MARKETING
         link p1 m1
         link p2 m2",
        "update m2 of p2: MARKETING -> MARKETING prov; rule 1: group \"A\"; Apple gives provisioning only beside ADMIN, APP_MANAGER or DEVELOPER
         unchanged 1",
    );
}

#[test]
fn the_whole_list_is_replaced_but_for_what_is_preserved_or_unknown() {
    check(
        "person p1 a@example.com appStoreConnect_role=DEVELOPER
         person p2 b@example.com appStoreConnect_role=DEVELOPER
         member m1 a@example.com MARKETING,CREATE_APPS,IMAGE_MANAGER
         member m2 b@example.com DEVELOPER,CREATE_APPS,IMAGE_MANAGER
         link p1 m1
         link p2 m2",
        "update m1 of p1: CREATE_APPS,MARKETING,IMAGE_MANAGER -> CREATE_APPS,DEVELOPER,IMAGE_MANAGER; attribute appStoreConnect_role
         unchanged 1",
    );
}

#[test]
fn what_apple_does_not_say_is_no_difference() {
    check(
        "app com.a 1
         rule DEVELOPER group=A apps=com.a
         rule DEVELOPER group=B all=yes
         group A p1 p2
         group B p3
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         member m1 a@example.com DEVELOPER all=?
         member m2 b@example.com DEVELOPER apps=?
         member m3 c@example.com DEVELOPER all=?
         link p1 m1
         link p2 m2
         link p3 m3",
        "unchanged 3",
    );
}

#[test]
fn apps_are_compared_only_when_not_all_are_visible() {
    check(
        "app com.a 1
         app com.b 2
         rule DEVELOPER group=A apps=com.a,com.b
         group A p1 p2
         person p1 a@example.com
         person p2 b@example.com
         member m1 a@example.com DEVELOPER apps=1
         member m2 b@example.com DEVELOPER apps=1,2
         link p1 m1
         link p2 m2",
        "update m1 of p1: DEVELOPER apps=1 -> DEVELOPER apps=1,2; rule 1: group \"A\"
         unchanged 1",
    );
}

#[test]
fn names_are_never_compared() {
    check(
        "person p1 a@example.com name='Ada King'
         member m1 a@example.com DEVELOPER name='Countess Lovelace'
         link p1 m1",
        "unchanged 1",
    );
}

#[test]
fn drift_says_who_moved() {
    check(
        "person p1 a@example.com appStoreConnect_role=MARKETING
         person p2 b@example.com appStoreConnect_role=MARKETING
         person p3 c@example.com appStoreConnect_role=MARKETING
         member m1 a@example.com SALES
         member m2 b@example.com SALES
         member m3 c@example.com SALES
         link p1 m1 applied=MARKETING
         link p2 m2 applied=SALES
         link p3 m3 applied=DEVELOPER",
        "update m1 of p1: SALES -> MARKETING; attribute appStoreConnect_role; the seat was changed at App Store Connect
         update m2 of p2: SALES -> MARKETING; attribute appStoreConnect_role; the directory or the policy changed
         update m3 of p3: SALES -> MARKETING; attribute appStoreConnect_role; both the seat and the directory or the policy changed",
    );
}

#[test]
fn invitees_always_have_two_names() {
    for (person, wanted) in [
        ("ada.k@mail.example.com name='Ada King'", "Ada|King"),
        ("ada.k@mail.example.com name='Ada King' display='Somebody Else'", "Ada|King"),
        ("ada.k@mail.example.com display='Ada Byron King'", "Ada|Byron King"),
        ("ada.k@mail.example.com display='King, Ada'", "Ada|King"),
        ("ada.k@mail.example.com display=Ada", "ada.k|mail"),
        ("ada.k@mail.example.com display='Ada, '", "ada.k|mail"),
        ("ada.k@mail.example.com name='A\u{0}da\u{7} Ki\u{200b}ng\u{85}'", "Ada|King"),
        ("ada.k@mail.example.com name='\u{1b} \u{202e}' display='King\u{9b}, A\u{feff}da'", "Ada|King"),
        ("ada.k@mail.example.com", "ada.k|mail"),
        ("ada.k@mail.example.com name='Ada'", "Ada|mail"),
        ("not-mail@ ada@host", "ada|host"),
    ] {
        let planned = World::read(&format!("person p1 {person}")).plan();
        let invitee = planned.plan.operations[0].invitee.as_ref().expect("an invitee");
        assert_eq!(format!("{}|{}", invitee.first_name, invitee.last_name), wanted, "{person}");
    }
}

#[test]
fn who_is_meant_by_an_address_that_is_none_is_not_invited_at_another() {
    check(
        "person p1 ada@@example.com ada@host",
        "held invalid_attribute (\"ada@@example.com\" is no address that mail can go to: correct it in the directory): invite p1 at nowhere: DEVELOPER; default",
    );
}

#[test]
fn nobody_without_an_address_is_invited() {
    check(
        "person p1",
        "held invalid_attribute (the directory has no address for them): invite p1 at nowhere: DEVELOPER; default",
    );
}

#[test]
fn flag_that_apple_did_not_tell_is_neither_a_difference_nor_written() {
    check(
        "rule group=A prov=yes
         rule MARKETING group=B prov=no
         group A p1
         group B p2 p3 p4
         person p1 a@example.com
         person p2 b@example.com
         person p3 c@example.com
         person p4 d@example.com
         member m1 a@example.com DEVELOPER prov=?
         member m2 b@example.com MARKETING prov=?
         member m3 c@example.com DEVELOPER prov=?
         invitation i4 d@example.com DEVELOPER prov=?
         link p1 m1
         link p2 m2
         link p3 m3
         link p4 i4 invited",
        "cancel i4 of p4; rule 2: group \"B\"
         invite p4 at d@example.com: MARKETING; rule 2: group \"B\"
         update m3 of p3: DEVELOPER prov=? -> MARKETING prov=?; rule 2: group \"B\"
         unchanged 2",
    );
}

#[test]
fn add_on_that_the_new_role_cannot_have_goes_and_the_demotion_with_it() {
    let demotion = |member: &str, role: &str, plan: &str| {
        check(
            &format!(
                "person p1 a@example.com appStoreConnect_role={role}
                 person p2 b@example.com
                 person p3 c@example.com
                 member m1 a@example.com {member}
                 member m2 b@example.com ADMIN
                 member m3 c@example.com ADMIN
                 link p1 m1
                 link p2 m2
                 link p3 m3"
            ),
            &format!("update m1 of p1: {plan}\n unchanged 2"),
        );
    };
    demotion(
        "ADMIN,CLOUD_MANAGED_DEVELOPER_ID,GENERATE_INDIVIDUAL_KEYS",
        "DEVELOPER",
        "ADMIN,CLOUD_MANAGED_DEVELOPER_ID,GENERATE_INDIVIDUAL_KEYS -> DEVELOPER,GENERATE_INDIVIDUAL_KEYS; attribute appStoreConnect_role; CLOUD_MANAGED_DEVELOPER_ID is not preserved: Apple gives it only beside ADMIN",
    );
    demotion(
        "DEVELOPER,CREATE_APPS",
        "SALES",
        "CREATE_APPS,DEVELOPER -> SALES; attribute appStoreConnect_role; CREATE_APPS is not preserved: Apple gives it only beside ADMIN, APP_MANAGER, DEVELOPER or MARKETING",
    );
    // A promotion loses none, and what stands beside such a role now may go on so.
    demotion(
        "DEVELOPER,CREATE_APPS",
        "APP_MANAGER",
        "CREATE_APPS,DEVELOPER -> APP_MANAGER,CREATE_APPS; attribute appStoreConnect_role",
    );
    demotion(
        "SALES,CREATE_APPS",
        "CUSTOMER_SUPPORT",
        "CREATE_APPS,SALES -> CREATE_APPS,CUSTOMER_SUPPORT; attribute appStoreConnect_role",
    );
}

#[test]
fn apps_beside_preserved_reports_limit_nothing_and_the_plan_says_so() {
    check(
        "app com.a 1
         rule DEVELOPER group=A apps=com.a
         group A p1
         person p1 a@example.com
         member m1 a@example.com SALES,ACCESS_TO_REPORTS
         link p1 m1",
        "update m1 of p1: ACCESS_TO_REPORTS,SALES -> ACCESS_TO_REPORTS,DEVELOPER; rule 1: group \"A\"; ACCESS_TO_REPORTS, which is preserved, shows all apps: those of the rule limit nothing",
    );
}
