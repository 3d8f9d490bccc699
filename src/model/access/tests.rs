use super::*;

fn access(text: &str, all: Option<bool>, provisioning: Option<bool>, apps: Option<&[&str]>) -> Access {
    Access {
        roles: text.split(',').filter(|role| !role.is_empty()).map(Role::new).collect(),
        all_apps_visible: all,
        provisioning_allowed: provisioning,
        visible_apps: apps.map(|apps| apps.iter().map(|app| (*app).into()).collect()),
    }
}

/// `roles=A,B all=false provisioning=true apps=1,2`: what is sent.
fn sent(before: &Access, after: &Access) -> String {
    let change = AccessChange::between(before, after);
    let list = |names: Vec<&str>| names.join(",");
    let parts = [
        change
            .roles
            .as_ref()
            .map(|roles| format!("roles={}", list(roles.iter().map(Role::as_str).collect()))),
        change.all_apps_visible.map(|all| format!("all={all}")),
        change.provisioning_allowed.map(|allowed| format!("provisioning={allowed}")),
        change
            .visible_apps
            .as_ref()
            .map(|apps| format!("apps={}", list(apps.iter().map(AppId::as_str).collect()))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[test]
fn only_what_differs_of_what_is_known_is_sent() {
    let (yes, no) = (Some(true), Some(false));
    let some: Option<&[&str]> = Some(&["1"]);
    for (before, after, expected) in [
        (access("SALES", yes, no, None), access("SALES", yes, no, None), ""),
        (access("SALES", yes, no, None), access("SALES,MARKETING", yes, no, None), "roles=MARKETING,SALES"),
        (
            access("DEVELOPER,ODD", yes, no, None),
            access("DEVELOPER,ODD", yes, yes, None),
            "provisioning=true",
        ),
        (access("ADMIN", yes, None, None), access("DEVELOPER", yes, no, None), "roles=DEVELOPER"),
        (access("SALES", None, no, None), access("DEVELOPER", no, no, some), "roles=DEVELOPER"),
        (access("SALES", no, no, some), access("DEVELOPER", no, no, some), "roles=DEVELOPER"),
        (access("SALES", no, no, some), access("SALES", no, no, Some(&["1", "2"])), "apps=1,2"),
        (access("SALES", no, no, None), access("SALES", no, no, some), ""),
        (access("SALES", yes, no, None), access("SALES", no, no, some), "all=false apps=1"),
        (access("SALES", yes, no, None), access("SALES", no, no, None), ""),
        (access("SALES", no, no, some), access("SALES", yes, no, None), "all=true"),
        (access("ADMIN", no, no, None), access("SALES", no, no, some), "roles=SALES all=false apps=1"),
        (
            access("SALES", no, no, some),
            access("SALES,FINANCE", no, no, some),
            "roles=FINANCE,SALES all=true",
        ),
    ] {
        assert_eq!(sent(&before, &after), expected, "{before:?} to {after:?}");
        assert_eq!(AccessChange::between(&before, &after).is_empty(), expected.is_empty());
    }
}

#[test]
fn list_that_moved_is_not_replaced() {
    let (yes, no) = (Some(true), Some(false));
    let planned = access("ADMIN,SALES", yes, no, None);
    let roles = AccessChange::between(&planned, &access("ADMIN,FINANCE", yes, no, None));
    assert_eq!(roles.overtaken(&planned, &planned), None);
    assert_eq!(roles.overtaken(&planned, &access("SALES", yes, no, None)), Some("the roles"));
    let flag = AccessChange::between(&planned, &access("ADMIN,SALES", yes, yes, None));
    assert!(!flag.replaces_lists());
    assert_eq!(flag.overtaken(&planned, &access("SALES", yes, no, None)), None);
    let limited = access("SALES", no, no, Some(&["1"]));
    let apps = AccessChange::between(&limited, &access("SALES", no, no, Some(&["2"])));
    assert_eq!(apps.overtaken(&limited, &limited), None);
    for now in [
        access("SALES", no, no, Some(&["1", "9"])),
        access("SALES", yes, no, None),
        access("SALES", no, no, None),
    ] {
        assert_eq!(apps.overtaken(&limited, &now), Some("the apps"), "{now:?}");
    }
}

#[test]
fn what_was_written_before_flags_could_be_unsaid_is_still_read() {
    let read = |text: &str| serde_json::from_str::<Access>(text).expect("access");
    let text =
        r#"{"roles":["DEVELOPER"],"all_apps_visible":true,"provisioning_allowed":false,"visible_apps":[]}"#;
    assert_eq!(read(text).provisioning_allowed, Some(false));
    assert_eq!(serde_json::to_string(&read(text)).expect("text"), text);
    let unsaid = text.replace("\"provisioning_allowed\":false", "\"provisioning_allowed\":null");
    assert_eq!(serde_json::to_string(&read(&unsaid)).expect("text"), unsaid);
    assert_eq!(
        read(r#"{"roles":[],"all_apps_visible":null,"visible_apps":null}"#).provisioning_allowed,
        None
    );
}

#[test]
fn add_ons_stand_beside_the_roles_that_apple_names() {
    let has = |roles: &str, provisioning, add_on: &str| {
        access(roles, Some(true), provisioning, None).may_have(&Role::new(add_on))
    };
    assert!(has("DEVELOPER", Some(false), "CREATE_APPS") && !has("SALES", Some(false), "CREATE_APPS"));
    assert!(has("ADMIN", Some(false), "CLOUD_MANAGED_DEVELOPER_ID"));
    assert!(!has("DEVELOPER", Some(true), "CLOUD_MANAGED_DEVELOPER_ID"));
    for (provisioning, expected) in [(Some(true), true), (Some(false), false), (None, true)] {
        assert_eq!(
            has("DEVELOPER", provisioning, "CLOUD_MANAGED_APP_DISTRIBUTION"),
            expected,
            "{provisioning:?}"
        );
    }
    assert!(has("SALES", None, "FINANCE") && has("SALES", None, "SOMETHING_NEW"));
}
