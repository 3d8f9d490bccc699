//! The schema and the reference of the configuration, made from its types and the example.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::{Map, Value, json};

use super::super::environment::variable;
use super::*;
use crate::tests::{published, schemas};

/// What editors want to know: no `null`, which TOML does not have; tables not repeated as defaults of themselves.
fn for_editors(schema: &mut Schema) {
    transform_subschemas(&mut for_editors, schema);
    if let Some(Value::Array(options)) = schema.get_mut("anyOf") {
        options.retain(|option| option["type"] != "null");
        if let [Value::Object(only)] = options.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            for (key, value) in only {
                schema.ensure_object().entry(key).or_insert(value);
            }
        }
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let default = schema.get("default");
    let of_tables = schema.get("items").is_some_and(|items| items.get("properties").is_some());
    if of_tables || default.is_some_and(|default| default.is_null() || default.is_object()) {
        schema.remove("default");
    }
    // Widths of Rust's integers are no limit of the configuration.
    schema
        .remove("format")
        .filter(|format| format == "date")
        .map(|date| schema.insert("format".to_owned(), date));
    if schema.get("type").is_some_and(|kind| kind == "integer") {
        schema.ensure_object().entry("minimum").or_insert(json!(0));
    }
}

pub(crate) fn schema() -> Schema {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<Tables>();
    for_editors(&mut schema);
    schemas::plain(&mut schema);
    schema.insert("title".to_owned(), json!("The configuration of rosterd"));
    schema.insert(
        "description".to_owned(),
        json!("One file for each team; docs/configuration.md says it in prose."),
    );
    schema
}

/// The schema of a key such as `access.rules[].group`.
fn at<'a>(schema: &'a Value, key: &str) -> &'a Value {
    key.split('.').fold(schema, |schema, part| match part.strip_suffix("[]") {
        Some(list) => &schema["properties"][list]["items"],
        None => &schema["properties"][part],
    })
}

/// Every key in the order of the example, tables before their own keys.
fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    for (table, key, _) in example_lines() {
        let list = if table.starts_with("[[") { "[]" } else { "" };
        let table = table.trim_matches(['[', ']']);
        let key = if table.is_empty() { key } else { format!("{table}{list}.{key}") };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn described(schema: &Value, key: &str) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    assert!(text.len() > 10 && text.ends_with('.'), "{key} is not described: {text:?}");
    text.replace('\n', " ")
}

/// A type in words, limits included.
fn kind(schema: &Value, key: &str) -> String {
    let limits = match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!(" from {least} to {most}"),
        (Some(least), None) => format!(" from {least} up"),
        (None, _) => String::new(),
    };
    let word = match KEYS[key] {
        Kind::Table | Kind::Tables => "table",
        Kind::Text => "text",
        Kind::Texts | Kind::Choices(_) => "list of texts",
        Kind::Whole => "whole number",
        Kind::Flag => "true or false",
        Kind::Choice(_) => "one word",
        Kind::Length => "duration",
        Kind::Day => "date",
    };
    format!("{word}{limits}")
}

/// The words of a choice with what each means.
fn words(schema: &Value) -> String {
    let options = schema["oneOf"].as_array().or_else(|| schema["items"]["oneOf"].as_array());
    let listed = options.into_iter().flatten().map(|option| {
        let meaning = option["description"].as_str().unwrap_or_default();
        format!("- `{}`: {}\n", option["const"], meaning.replace('\n', " "))
    });
    let names = schema["items"]["enum"].as_array().map(|names| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("- any of {}\n", names.join(", "))
    });
    let text: String = listed.chain(names).collect();
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn entry(schema: &Value, key: &str) -> String {
    let found = at(schema, key);
    let default = match &found["default"] {
        Value::Null => String::new(),
        default => format!(", default `{}`", default.to_string().replace(',', ", ")),
    };
    let variable = if key.contains("[]") { String::new() } else { format!(", `{}`", variable(key)) };
    let (kind, text, words) = (kind(found, key), described(found, key), words(found));
    format!("### `{key}`\n\n*{kind}*{default}{variable}\n\n{text}\n{words}\n")
}

const HEAD: &str = "\
<!-- Made from the types of src/config by a test; write it again with: UPDATE=1 cargo test --lib published -->
# Configuration

TOML, one file for each team: `-c FILE`, else `$ROSTERD_CONFIG`, else `/etc/rosterd/config.toml`. `rosterd check` reads it offline and names every problem
with what to write instead; an unknown key is an error. [config.example.toml](../config.example.toml) is a file with every key, and
[schema/config.schema.json](schema/config.schema.json) lets editors complete and check them.

- Durations are written `40m`, `24h`, `3d` or `1h 30m`; a day is 24 hours.
- Secrets are only ever files. A relative path is looked up in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential=`), else beside the configuration. A secret of
  the running user must have mode 600, one of root's at most 640.
- Every key can come from the environment by the name beside it, which wins over the file. Lists are written `[\"a\", \"b\"]`, lists of tables
  `[{group = \"iOS Admins\", roles = [\"ADMIN\"]}]` in `ROSTERD_ACCESS__RULES` and `ROSTERD_NOTIFY`.

";

fn reference(schema: &Value) -> String {
    let mut text = HEAD.to_owned() + "## At the top\n\n";
    let mut table = String::new();
    for key in keys() {
        let own = key.rsplit_once('.').map_or("", |(table, _)| table);
        if own != table {
            table = own.to_owned();
            let shown = match table.strip_suffix("[]") {
                Some(list) => format!("[[{list}]]"),
                None => format!("[{table}]"),
            };
            let found = match table.strip_suffix("[]") {
                Some(list) => at(schema, list),
                None => at(schema, &table),
            };
            text.push_str(&format!("## `{shown}`\n\n{}\n\n", described(found, &table)));
        }
        text.push_str(&entry(schema, &key));
    }
    text.trim_end().to_owned() + "\n"
}

#[test]
fn published_schema_of_the_configuration_is_that_of_the_types() {
    published("docs/schema/config.schema.json", &schemas::text(&schema()));
}

#[test]
fn published_reference_of_the_configuration_is_that_of_the_types() {
    published("docs/configuration.md", &reference(schema().as_value()));
}

#[test]
fn the_schema_has_every_key_and_no_other() {
    fn walk(schema: &Map<String, Value>, path: &str, found: &mut BTreeSet<String>) {
        assert_eq!(schema["additionalProperties"], false, "{path:?}");
        for (key, value) in schema["properties"].as_object().expect("properties") {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if value.get("properties").is_some() {
                walk(value.as_object().expect("an object"), &path, found);
            } else if value["items"].get("properties").is_some() {
                walk(value["items"].as_object().expect("an object"), &format!("{path}[]"), found);
            }
            found.insert(path);
        }
    }
    let mut found = BTreeSet::new();
    walk(schema().as_object().expect("an object"), "", &mut found);
    assert_eq!(found, KEYS.keys().cloned().collect());
}

#[test]
fn the_schema_accepts_the_example_and_refuses_what_the_program_refuses() {
    let validator = jsonschema::validator_for(schema().as_value()).expect("a schema");
    let json = |text: &str| -> Value { toml::from_str(text).expect("TOML") };
    let all = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if !key.starts_with([' ', ':']) => key,
        Some(_) | None => line,
    });
    let all = all.collect::<Vec<_>>().join("\n");
    for text in [EXAMPLE, MINIMAL, &all] {
        let errors: Vec<_> =
            validator.iter_errors(&json(text)).map(|e| format!("{}: {e}", e.instance_path)).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    for lines in [
        "[guard]\nremovals_maxx = 1",
        "[guard]\nremovals_max = \"1\"",
        "[guard]\nremovals_max = -1",
        "[guard]\nremovals_max_percent = 101",
        "[guard]\nnew_admins = \"ask\"",
        "[source.scim]\npage_size = 0",
        "[schedule]\ninterval = \"soon\"",
        "[schedule]\ninterval = 40",
        "[access]\nroles = [\"ACCOUNT_HOLDER\"]",
        "[[access.rules]]\ngroup = \"a\"\nroles = [\"CHIEF\"]",
        "[[notify]]\ntype = \"pigeon\"",
        "[nothing]\nat_all = 1",
    ] {
        let text = replace(lines);
        assert!(!validator.is_valid(&json(&text)), "the schema accepts {lines}");
        assert!(load(&text, &[]).is_err(), "the program accepts {lines}");
    }
}

const GRAPH: &str = "[source]\ntype = \"graph\"\n[source.graph]\ntenant_id = \"t\"\nclient_id = \"c\"\nclient_secret_file = \"secret\"";

fn leaves() -> impl Iterator<Item = (&'static String, &'static Kind)> {
    KEYS.iter().filter(|(key, kind)| !key.contains("[]") && !matches!(kind, Kind::Table | Kind::Tables))
}

/// A default that is written changes nothing.
#[test]
fn defaults_of_the_schema_are_those_of_the_program() {
    let schema = schema();
    let folder = Folder::new(MINIMAL);
    let mut seen = 0;
    for (key, _) in leaves() {
        let default = match &at(schema.as_value(), key)["default"] {
            Value::Null => continue,
            // An empty list is no default where something is needed, such as groups in the mode of that name.
            Value::Array(entries) if entries.is_empty() => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let lines = if key.starts_with("source.graph") { replace(GRAPH) } else { MINIMAL.to_owned() };
        folder.write("config.toml", &lines, 0o644);
        let without = folder.load(&[]).expect("good");
        let with =
            folder.load(&[(&variable(key), &default)]).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(format!("{with:?}"), format!("{without:?}"), "{key}");
        seen += 1;
    }
    assert!(seen > 35, "{seen}");
}

#[test]
fn limits_of_the_schema_are_those_of_the_program() {
    let schema = schema();
    let folder = Folder::new(MINIMAL);
    for (key, _) in leaves().filter(|(_, kind)| **kind == Kind::Whole) {
        let found = at(schema.as_value(), key);
        let variable = variable(key);
        let accepts = |value: u64| folder.load(&[(&variable, &value.to_string())]).is_ok();
        let least = found["minimum"].as_u64().expect("a minimum");
        assert!(accepts(least) && (least == 0 || !accepts(least - 1)), "{key} from {least}");
        match found["maximum"].as_u64() {
            Some(most) => assert!(accepts(most) && !accepts(most + 1), "{key} to {most}"),
            None => assert!(accepts(1_000_000), "{key} has a limit that the schema does not tell"),
        }
    }
}
