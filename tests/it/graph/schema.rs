//! Answers of the simulated Graph against Microsoft's own description, trimmed to what a roster reads.

use rosterd::simulator::World;
use rosterd::simulator::graph::{Assigned, GRAPH_CLIENT};
use rosterd::source::{DirectorySource as _, Interest};
use serde_json::{Value, json};

use super::{Tenant, groups, next};

/// OpenAPI 3.0 writes `nullable`, JSON Schema a second type.
fn nullable(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.remove("nullable") == Some(json!(true)) {
                if let Some(kind) = object.get("type").cloned() {
                    object.insert("type".into(), json!([kind, "null"]));
                } else if let Some(all) = object.remove("allOf") {
                    object.insert("anyOf".into(), json!([{"type": "null"}, {"allOf": all}]));
                }
            }
            object.values_mut().for_each(nullable);
        }
        Value::Array(list) => list.iter_mut().for_each(nullable),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check(schema: &str, document: &Value) {
    let mut description: Value =
        serde_json::from_str(include_str!("../../fixtures/graph-schemas.json")).expect("JSON");
    nullable(&mut description);
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
async fn every_answer_fits_microsofts_description() {
    let tenant = Tenant::of(World::sample()).await;
    let (ada, developers) = (tenant.id("ada@example.com"), tenant.id("iOS Developers"));
    tenant.change(|state| {
        state.graph.roles = vec!["Developer".to_owned()];
        state.graph.secret_ends = Some("2027-01-01T00:00:00Z".parse().expect("a time"));
        let principal = ada.clone();
        state.graph.assignments = vec![Assigned { principal, role: Some("Developer".to_owned()) }];
    });
    // The source's own token opens the pages to this test too.
    tenant.source().read(&Interest::default()).await.expect("read");
    let token = tenant.change(|state| state.graph.any_token()).expect("one was given out");
    let get = async |path: &str| -> Value {
        let url = format!("{}{path}", tenant.sim.graph_url());
        let answer = reqwest::Client::new().get(url).bearer_auth(&token).send().await.expect("an answer");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    };
    let lists = [
        ("microsoft.graph.user", "/users?$top=5".to_owned()),
        (
            "microsoft.graph.user",
            "/users?$select=id,accountEnabled,otherMails,userType,department".to_owned(),
        ),
        ("userDelta", "/users/delta?$select=id,mail,accountEnabled".to_owned()),
        ("microsoft.graph.group", "/groups?$filter=displayName eq 'Watch Team'".to_owned()),
        ("groupDelta", "/groups/delta".to_owned()),
        ("microsoft.graph.directoryObject", format!("/groups/{developers}/members?$select=id")),
        ("microsoft.graph.directoryObject", format!("/groups/{developers}/transitiveMembers")),
        (
            "microsoft.graph.appRoleAssignment",
            format!("/servicePrincipals(appId='{GRAPH_CLIENT}')/appRoleAssignedTo"),
        ),
    ];
    for (schema, path) in lists {
        let page = get(&path).await;
        let rows = page["value"].as_array().unwrap_or_else(|| panic!("{path}: {page}"));
        assert!(!rows.is_empty(), "{path}");
        rows.iter().for_each(|row| check(schema, row));
    }
    check("microsoft.graph.user", &get(&format!("/users/{ada}")).await);
    check("microsoft.graph.group", &get(&format!("/groups/{developers}")).await);
    check("microsoft.graph.application", &get(&format!("/applications(appId='{GRAPH_CLIENT}')")).await);
    check(
        "microsoft.graph.servicePrincipal",
        &get(&format!("/servicePrincipals(appId='{GRAPH_CLIENT}')")).await,
    );
    for wrong in ["/users/nobody", "/users?$top=1000", "/users?$select=colour", "/nothing"] {
        check("odataError", &get(wrong).await);
    }
}

#[tokio::test]
async fn what_left_the_directory_is_reported_as_microsoft_describes() {
    let tenant = Tenant::of(World::sample()).await;
    let source = tenant.source();
    let kept = next(&source, &groups(&["iOS Developers"]), None).await;
    let watermark: Value = serde_json::from_str(&kept.watermark).expect("JSON");
    tenant.change(|state| {
        state.directory.remove_person("alan@example.com");
        state.directory.remove_group("Watch Team");
    });
    let token = tenant.change(|state| state.graph.any_token()).expect("one was given out");
    for (schema, name) in [("userDelta", "users"), ("groupDelta", "groups")] {
        let url = watermark[name].as_str().expect("a link").to_owned();
        let answer = reqwest::Client::new().get(url).bearer_auth(&token).send().await.expect("an answer");
        let page: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
        let rows = page["value"].as_array().expect("rows");
        assert!(rows.iter().any(|row| row.get("@removed").is_some()), "{page}");
        rows.iter().for_each(|row| check(schema, row));
    }
}
