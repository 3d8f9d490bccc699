//! What ships beside the program: completions, manual pages, schemas, the picture of a plan.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Bench, Output, program};

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Output::of(program().args(["completions", shell])).expect(0);
        for word in ["rosterd", "plan", "approve", "detailed-exitcode"] {
            assert!(output.stdout.contains(word), "{shell}: {word}");
        }
    }
    Output::of(program().args(["completions", "tcsh"])).expect(64);
}

/// bash itself reads its completions and completes with them.
#[test]
fn completions_of_bash_complete() {
    let dir = TempDir::new().expect("a folder");
    let file = dir.path().join("rosterd");
    std::fs::write(&file, Output::of(program().args(["completions", "bash"])).expect(0).stdout)
        .expect("written");
    for (words, at, expected) in [
        ("rosterd pla", 1, "plan"),
        ("rosterd plan --output mark", 3, "markdown"),
        ("rosterd state ch", 2, "check"),
        ("rosterd --colo", 1, "--color"),
    ] {
        let mut backwards = words.rsplit(' ');
        let (last, before) = (backwards.next().expect("a word"), backwards.next().expect("another"));
        let script = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={at}; _rosterd rosterd {last:?} {before:?}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        let output = Output::of(Command::new("bash").args(["--norc", "-c", &script])).expect(0);
        assert!(output.stdout.lines().any(|line| line == expected), "{words}: {}", output.stdout);
    }
}

#[test]
fn manual_pages_are_made_for_every_command() {
    let dir = TempDir::new().expect("a folder");
    let pages = dir.path().join("man1");
    Output::of(program().arg("man").arg(&pages)).expect(0);
    let mut seen = 0;
    for entry in std::fs::read_dir(&pages).expect("a folder") {
        let path = entry.expect("an entry").path();
        let page = std::fs::read_to_string(&path).expect("the page");
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{}", path.display());
        assert!(page.contains("Example") || page.contains("Try it"), "{} has no example", path.display());
        seen += 1;
        // groff warns of what it does not understand; man-db is not on every machine.
        let Ok(output) =
            Command::new("man").args(["--warnings", "-E", "UTF-8", "-l", "-Z"]).arg(&path).output()
        else {
            continue;
        };
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert!(seen > 18, "{seen} pages");
}

/// A published schema in which every object takes the keys it names and no other, to tell what it does not name.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), false.into());
            }
            object.values_mut().for_each(closed);
        }
        Value::Array(entries) => entries.iter_mut().for_each(closed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn fits(schema: &str, value: &Value) {
    let mut schema: Value = serde_json::from_str(schema).expect("JSON");
    closed(&mut schema);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors = validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path));
    let errors: Vec<_> = errors.collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn real_plans_fit_the_published_schema() {
    let schema = include_str!("../../../docs/schema/plan.schema.json");
    let bench = Bench::sample();
    let saved = bench.path("plan.json");
    let name = saved.to_str().expect("UTF-8");
    let printed = bench.run(&["plan", "--output", "json", "--out", name]).expect(0).json();
    let read = std::fs::read_to_string(&saved).expect("saved");
    let read: Value = serde_json::from_str(&read).expect("JSON");
    assert_eq!(printed, read);
    let lists = ["operations", "held"].map(|list| read[list].as_array().map_or(0, Vec::len));
    assert!(lists.iter().all(|length| *length > 0), "{lists:?}");
    fits(schema, &read);
    bench.run(&["apply", "--yes"]).expect(0);
    fits(schema, &bench.run(&["plan", "--output", "json"]).expect(0).json());
}

#[test]
fn a_plan_with_a_word_that_does_not_exist_does_not_fit_the_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../docs/schema/plan.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let plan = Bench::sample().run(&["plan", "--output", "json"]).expect(0).json();
    for (pointer, value) in [
        ("/operations/0/kind", "promote".into()),
        ("/held/0/hold/reason", "because".into()),
        ("/digest", "sha256:12".into()),
        ("/summary/invite", Value::from(-1)),
        ("/operations/0/person/id", Value::Null),
    ] {
        let mut wrong = plan.clone();
        *wrong.pointer_mut(pointer).expect(pointer) = value;
        assert!(validator.is_valid(&plan) && !validator.is_valid(&wrong), "{pointer}");
    }
}

#[test]
fn the_configuration_of_the_simulator_fits_the_published_schema() {
    let bench = Bench::sample();
    let text = std::fs::read_to_string(bench.path("config.toml")).expect("the configuration");
    fits(include_str!("../../../docs/schema/config.schema.json"), &toml::from_str(&text).expect("TOML"));
}

/// Drawn again with docs/plan-svg.py when this fails.
#[test]
fn the_picture_of_a_plan_shows_what_plan_prints() {
    let picture = include_str!("../../../docs/plan.svg");
    let mut text = String::new();
    for (at, part) in picture.split('<').enumerate() {
        let (tag, words) = part.split_once('>').unwrap_or(("", part));
        text.push_str(if at > 0 && tag.starts_with("text") { "\n" } else { "" });
        text.push_str(words.trim_end_matches('\n'));
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let plan = Bench::sample().run(&["plan"]).expect(0).stdout;
    for line in plan.lines().filter(|line| !line.is_empty()) {
        assert!(text.lines().any(|drawn| drawn.trim_end() == line.trim_end()), "not in the picture: {line}");
    }
}
