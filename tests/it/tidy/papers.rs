//! The papers say what the program does: links lead somewhere, commands are understood, paths and tests exist.

use std::collections::BTreeSet;
use std::path::Path;

use clap::{CommandFactory, Parser};
use rosterd::cli::args::Args;
use rosterd::config::Config;

use super::none;
use super::tree::{File, code_only, files, rust};

fn papers() -> Vec<File> {
    let papers: Vec<File> = files().into_iter().filter(|file| file.path.ends_with(".md")).collect();
    assert!(papers.iter().any(|paper| paper.path == "README.md"));
    papers
}

/// The text of fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("```{language}\n");
    text.split(&start).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// What stands between single backticks, outside fenced blocks.
fn inline(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// The anchor of a heading, as the usual renderers make it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let papers = papers();
    let mut offenders = Vec::new();
    for paper in &papers {
        let folder = Path::new(&paper.path).parent().expect("a file");
        let links = paper.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let (path, wanted) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { Path::new(&paper.path).to_owned() } else { folder.join(path) };
            let found = Path::new(env!("CARGO_MANIFEST_DIR")).join(&target);
            let text = std::fs::read_to_string(&found).unwrap_or_default();
            let headings = text.lines().filter(|line| line.starts_with('#'));
            let anchored = wanted.is_empty()
                || headings.map(|line| anchor(line.trim_start_matches('#'))).any(|at| at == wanted);
            if !found.exists() || !anchored {
                offenders.push(format!("{}: {link}", paper.path));
            }
        }
    }
    none("a link to nothing", offenders);
}

/// The words after `rosterd` in a shell line, up to what the shell takes for itself.
fn words(line: &str) -> Option<Vec<&str>> {
    let line = line.split(" #").next()?.trim().trim_start_matches("sudo ");
    let rest = line.strip_prefix("rosterd ")?;
    let end =
        |word: &&str| !["&&", "&", "|", ">", ">>", "2>&1", ";"].contains(word) && !word.starts_with('>');
    Some(std::iter::once("rosterd").chain(rest.split_whitespace().take_while(end)).collect())
}

#[test]
fn commands_in_the_papers_are_understood() {
    let mut seen = 0;
    let mut offenders = Vec::new();
    let names: BTreeSet<String> =
        Args::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for paper in papers() {
        let lines = blocks(&paper.text, "sh").into_iter().flat_map(str::lines);
        let commands = lines.flat_map(|line| line.split(" && ")).filter_map(words);
        for command in commands {
            seen += 1;
            if let Err(error) = Args::try_parse_from(&command) {
                offenders.push(format!("{}: {command:?}: {error}", paper.path));
            }
        }
        for code in inline(&paper.text)
            .iter()
            .filter(|code| code.starts_with("rosterd ") && **code != "rosterd --version")
        {
            seen += 1;
            let name = code.split_whitespace().skip(1).find(|word| !word.starts_with('-'));
            if !name.is_some_and(|name| names.contains(name)) {
                offenders.push(format!("{}: `{code}`", paper.path));
            }
        }
    }
    assert!(seen > 25, "only {seen} commands were found");
    none("a command that the program does not know", offenders);
}

/// A block that begins with the path of a configuration is a whole one.
#[test]
fn configurations_in_the_papers_load() {
    use std::os::unix::fs::PermissionsExt;
    let mut seen = 0;
    for paper in papers() {
        let whole =
            blocks(&paper.text, "toml").into_iter().filter(|block| block.starts_with("# /etc/rosterd/"));
        for block in whole {
            seen += 1;
            let folder = tempfile::tempdir().expect("a folder");
            let at = |name: &str| folder.path().join(name);
            std::fs::write(at("config.toml"), block).expect("written");
            std::fs::set_permissions(at("config.toml"), PermissionsExt::from_mode(0o644)).expect("a mode");
            for secret in ["AuthKey.p8", "scim-token", "graph-secret", "slack-webhook", "webhook-url"] {
                std::fs::write(at(secret), "secret").expect("written");
                std::fs::set_permissions(at(secret), PermissionsExt::from_mode(0o600)).expect("a mode");
            }
            if let Err(problems) = Config::load(&at("config.toml"), std::iter::empty()) {
                panic!("{}: {problems}", paper.path);
            }
        }
    }
    assert!(seen > 0, "no configuration was found");
}

#[test]
fn paths_in_the_papers_exist() {
    let mut offenders = Vec::new();
    let roots =
        ["src/", "tests/", "docs/", "systemd/", "monitoring/", "fuzz/", "benches/", ".ci/", "packaging/"];
    for paper in papers().iter().filter(|paper| paper.path != "CHANGELOG.md") {
        for code in inline(&paper.text) {
            let path = code.split([' ', ':', '*', '{', '<']).next().unwrap_or(code).trim_end_matches('/');
            let ours = roots.iter().any(|root| code.starts_with(root));
            if ours && !Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists() {
                offenders.push(format!("{}: `{code}`", paper.path));
            }
        }
    }
    none("a path to nothing", offenders);
}

/// The example names secrets as the service's unit hands them over; another name would be found by hand and not by systemd.
#[test]
fn the_unit_hands_over_every_secret_of_the_example() {
    let unit = include_str!("../../../systemd/rosterd.service");
    let lines = include_str!("../../../config.example.toml").lines();
    let keys = lines.filter_map(|line| line.trim_start_matches('#').split_once(" = \""));
    let files = keys.filter(|(key, _)| key.ends_with("_file") && *key != "ca_file");
    let names = files.filter_map(|(_, rest)| rest.split('"').next()).filter(|name| !name.starts_with('/'));
    let names: BTreeSet<&str> = names.collect();
    assert!(names.len() >= 8, "{names:?}");
    let missing =
        names.into_iter().filter(|name| !unit.contains(&format!("LoadCredential={name}:rosterd.{name}\n")));
    none("a secret that the unit does not load", missing.map(str::to_owned).collect());
}

/// docs/security.md names, for each line of the checklist, the test that holds it.
#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = include_str!("../../../docs/security.md");
    let code: String = rust(&["src", "tests"]).iter().map(|file| code_only(&file.text)).collect();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| #"));
    let named: Vec<&str> = rows
        .flat_map(|row| inline(row.trim_end_matches('|').rsplit('|').next().unwrap_or_default()))
        .collect();
    assert!(named.len() > 30, "only {} tests are named", named.len());
    let is_test = |name: &str| name.len() > 12 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let missing = named.into_iter().filter(|name| is_test(name) && !code.contains(&format!("fn {name}(")));
    none("a test that does not exist", missing.map(str::to_owned).collect());
}

/// The exit codes are promised in the README and in the program's own help.
#[test]
fn exit_codes_are_the_same_everywhere() {
    let codes = ["0", "1", "2", "3", "4", "5", "6", "64", "78"];
    let readme = include_str!("../../../README.md");
    let rows: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .filter(|first| !first.is_empty() && first.chars().all(|c| c.is_ascii_digit()))
        .collect();
    assert_eq!(rows, codes);
    let help = Args::command().get_after_help().expect("a help").to_string();
    let said = help.split("Exit codes:").nth(1).expect("a list");
    for code in codes {
        assert!(said.split(|c: char| !c.is_ascii_digit()).any(|word| word == code), "{code} in {said}");
    }
}
