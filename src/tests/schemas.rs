//! The JSON Schema of a plan, and what both schemas have in common.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::published;
use crate::model::access::KnownRole;
use crate::model::{Address, Plan, Role};

impl JsonSchema for Role {
    fn schema_name() -> Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = KnownRole::ALL.iter().map(|known| known.as_str()).collect();
        json_schema!({
            "description": "A role of App Store Connect. Apple may add some that are not in this list.",
            "type": "string",
            "examples": names,
        })
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An e-mail address or the name of an Apple Account, as its owner wrote it.",
            "type": "string",
        })
    }
}

/// Makes descriptions of doc comments: without links, each paragraph on one line.
pub(crate) fn plain(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        *text = paragraphs
            .collect::<Vec<_>>()
            .join("\n\n")
            .replace("[`", "`")
            .replace("`]", "`")
            .replace("`None`", "`null`");
    }
    transform_subschemas(&mut plain, schema);
}

/// As a file: sorted by key, with two blanks of indent.
pub(crate) fn text(schema: &Schema) -> String {
    serde_json::to_string_pretty(schema).expect("JSON") + "\n"
}

fn plan() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Plan>();
    schema.insert("title".to_owned(), json!("A plan of rosterd"));
    plain(&mut schema);
    schema
}

#[test]
fn published_schema_of_a_plan_is_that_of_the_types() {
    published("docs/schema/plan.schema.json", &text(&plan()));
}

#[test]
fn the_schema_of_a_plan_lists_every_word() {
    let schema = serde_json::to_string(&plan()).expect("JSON");
    let kinds = crate::model::operation::Kind::ALL.map(|kind| kind.as_str());
    let holds = crate::model::HoldReason::ALL.map(|reason| reason.as_str());
    for word in kinds.iter().chain(&holds) {
        assert!(schema.contains(&format!("\"const\":\"{word}\"")), "{word}");
    }
}
