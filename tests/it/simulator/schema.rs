//! Answers and requests against Apple's own description of the interface, where a copy of it is at hand.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::client::{Peer, change, invite, showing};

/// Apple's description, from `ROSTERD_APPLE_OPENAPI` or from beside the checkout. Without it these tests say nothing.
fn description() -> Option<Value> {
    let beside =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("shared/reference/apple-openapi-users.json");
    let path = std::env::var_os("ROSTERD_APPLE_OPENAPI").map_or(beside, PathBuf::from);
    let mut document = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    nullable(&mut document);
    Some(document)
}

/// OpenAPI 3.0 writes `nullable`, JSON Schema a second type.
fn nullable(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let is_nullable = object.remove("nullable") == Some(json!(true));
            if is_nullable && let Some(kind) = object.get("type").cloned() {
                object.insert("type".into(), json!([kind, "null"]));
            }
            object.values_mut().for_each(nullable);
        }
        Value::Array(list) => list.iter_mut().for_each(nullable),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Fails unless a document fits the schema of this name.
fn check(description: &Value, schema: &str, document: &Value) {
    let root =
        json!({"$ref": format!("#/components/schemas/{schema}"), "components": description["components"]});
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&root)
        .expect("the description is a schema");
    let wrong: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path)).collect();
    assert!(wrong.is_empty(), "{schema}: {wrong:#?}\n{document:#}");
}

#[tokio::test]
async fn every_answer_fits_apples_description() {
    let Some(description) = description() else { return };
    let peer = Peer::sample().await;
    let (user, invitation) = (peer.member("hedy@example.com"), peer.invitation("karen@example.com"));
    let reads = [
        ("UsersResponse", "/v1/users?include=visibleApps&limit=3".to_owned()),
        ("UsersResponse", "/v1/users?sort=-lastName&limit=3".to_owned()),
        ("UserResponse", format!("/v1/users/{user}?include=visibleApps")),
        ("AppsWithoutIncludesResponse", format!("/v1/users/{user}/visibleApps")),
        ("UserVisibleAppsLinkagesResponse", format!("/v1/users/{user}/relationships/visibleApps")),
        ("UserInvitationsResponse", "/v1/userInvitations?include=visibleApps&limit=1".to_owned()),
        ("UserInvitationResponse", format!("/v1/userInvitations/{invitation}")),
        ("AppsWithoutIncludesResponse", format!("/v1/userInvitations/{invitation}/visibleApps")),
        (
            "UserInvitationVisibleAppsLinkagesResponse",
            format!("/v1/userInvitations/{invitation}/relationships/visibleApps"),
        ),
        ("AppsResponse", "/v1/apps?limit=2".to_owned()),
    ];
    for (schema, target) in reads {
        let answer = peer.get(&target).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text);
        check(&description, schema, &answer.json());
    }
    for wrong in ["/v1/users?colour=red", "/v1/users/nobody", "/v1/elsewhere"] {
        check(&description, "ErrorResponse", &peer.get(wrong).await.json());
    }
}

#[tokio::test]
async fn writes_and_their_answers_fit_apples_description() {
    let Some(description) = description() else { return };
    let peer = Peer::sample().await;
    let body = showing(invite("new@example.com", json!({"allAppsVisible": false})), &["6440000001"]);
    check(&description, "UserInvitationCreateRequest", &body);
    let answer = peer.send("POST", "/v1/userInvitations", Some(body.clone())).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    check(&description, "UserInvitationResponse", &answer.json());
    check(&description, "ErrorResponse", &peer.send("POST", "/v1/userInvitations", Some(body)).await.json());
    let id = peer.member("alan@example.com");
    let body = change(&id, json!({"roles": ["SALES"], "provisioningAllowed": null}));
    check(&description, "UserUpdateRequest", &body);
    let answer = peer.send("PATCH", &format!("/v1/users/{id}"), Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    check(&description, "UserResponse", &answer.json());
}
