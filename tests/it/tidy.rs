//! The rules of the house, as far as text can show them. clippy and rustc hold the others.

mod arms;
mod papers;
mod tree;

use tree::{File, code_only, files, functions, rust};

/// Fails with every offender, so that one run shows all there is to mend.
fn none(rule: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

/// `path:line: what`, for each occurrence of a word in the code.
fn places(file: &File, code: &str, word: &str) -> Vec<String> {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |at: usize| {
        let before = code[..at].chars().next_back().is_some_and(letter) && word.starts_with(letter);
        let after = code[at + word.len()..].chars().next().is_some_and(letter) && word.ends_with(letter);
        !before && !after
    };
    let found = code.match_indices(word).map(|(at, _)| at).filter(|at| whole(*at));
    found.map(|at| format!("{}:{}: {word}", file.path, code[..=at].lines().count())).collect()
}

/// The modules of the crate that code names by `crate::`.
fn modules(code: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    code.split("crate::").skip(1).map(word).filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_model_knows_nothing_of_the_crate_and_the_plan_only_the_model() {
    let mut offenders = Vec::new();
    for file in rust(&["src/model", "src/plan"]).iter().filter(|file| !file.is_test()) {
        let allowed: &[&str] =
            if file.path.starts_with("src/model") { &["model"] } else { &["model", "plan"] };
        let names = modules(&file.code()).into_iter().filter(|name| !allowed.contains(&name.as_str()));
        offenders.extend(names.map(|name| format!("{}: crate::{name}", file.path)));
    }
    none("an import across the border of the pure folders", offenders);
}

#[test]
fn the_pure_folders_name_nothing_of_the_world() {
    const WORLD: [&str; 20] = [
        "async ",
        ".await",
        "now(",
        "SystemTime",
        "Instant",
        "std::fs",
        "std::env",
        "std::net",
        "std::io",
        "std::process",
        "std::thread",
        "reqwest",
        "tokio",
        "tracing",
        "HashMap",
        "HashSet",
        "sled",
        "rand::",
        "println!",
        "Mutex",
    ];
    let mut offenders = Vec::new();
    for file in rust(&["src/model", "src/plan"]).iter().filter(|file| !file.is_test()) {
        let code = file.code();
        offenders.extend(WORLD.iter().flat_map(|word| places(file, &code, word)));
    }
    none("the world in a pure folder", offenders);
}

/// Other files of the two sides may decide on a field that a wire type holds, and the token endpoints are no part of either
/// interface; but only wire files lay out what the IdP or Apple sends.
#[test]
fn only_wire_files_know_a_remote_shape() {
    let mut offenders = Vec::new();
    for file in rust(&["src/asc", "src/source", "src/engine", "src/plan", "src/state", "src/control"]) {
        let is_wire = file.path.ends_with("/wire.rs") || file.path.contains("/wire/");
        if file.is_test() || is_wire {
            continue;
        }
        let text = &file.text[..file.code().len()];
        offenders.extend(places(&file, text, "camelCase"));
        offenders.extend(places(&file, text, "\"relationships\""));
        offenders.extend(places(&file, text, "rename = \"@odata"));
    }
    none("a remote shape outside a wire file", offenders);
}

#[test]
fn files_stay_under_five_hundred_lines_before_their_tests() {
    let long = rust(&["src"]).into_iter().filter(|file| !file.is_test()).filter_map(|file| {
        let lines = file.code().lines().count();
        (lines >= 500).then(|| format!("{}: {lines} lines", file.path))
    });
    none("a file that wants to be two", long.collect());
}

#[test]
fn functions_stay_under_seventy_lines() {
    let mut offenders = Vec::new();
    let mut seen = 0;
    for file in rust(&["src"]).iter().filter(|file| !file.is_test()) {
        let functions = functions(&file.code());
        seen += functions.len();
        let long = functions.into_iter().filter(|(_, lines)| *lines >= 70);
        offenders.extend(long.map(|(name, lines)| format!("{}: {name}: {lines} lines", file.path)));
    }
    assert!(seen > 1000, "only {seen} functions were found");
    none("a function that wants to be two", offenders);
}

#[test]
fn nothing_is_left_unfinished_or_switched_off() {
    let words = ["todo!", "unimplemented!", "dbg!", "#[ignore", "fn test_"];
    let mut offenders = Vec::new();
    for file in rust(&["src", "tests", "benches", "fuzz"]) {
        let code = code_only(&file.text);
        offenders.extend(words.iter().flat_map(|word| places(&file, &code, word)));
        let comments = ["FIXME", concat!("TO", "DO"), concat!("XX", "X")];
        if !file.path.starts_with("tests/it/tidy") {
            offenders.extend(comments.iter().flat_map(|word| places(&file, &file.text, word)));
        }
    }
    none("unfinished, switched off, or not named as a sentence", offenders);
}

#[test]
fn unsafe_code_stands_only_where_the_system_is_called() {
    const ALLOWED: [&str; 4] =
        ["src/cli/render/mod.rs", "src/secret.rs", "src/state/process.rs", "src/state/seccomp.rs"];
    let mut offenders = Vec::new();
    for file in rust(&["src"]).iter().filter(|file| !ALLOWED.contains(&file.path.as_str())) {
        let code = code_only(&file.text);
        offenders.extend(places(file, &code, "unsafe "));
        offenders.extend(places(file, &code, "unsafe_code"));
    }
    none("unsafe code", offenders);
}

#[test]
fn direct_dependencies_are_few_and_each_says_what_it_is_for() {
    let manifest = include_str!("../../Cargo.toml");
    let mut count = 0;
    let mut silent = Vec::new();
    let mut table = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            table = line;
        } else if table.ends_with("dependencies]") && line.contains(" = ") {
            count += usize::from(table == "[dependencies]");
            let reason = line.rsplit_once(" # ").map_or("", |(_, reason)| reason);
            if reason.len() < 4 {
                silent.push(line.to_owned());
            }
        }
    }
    assert!((20..45).contains(&count), "{count} direct dependencies");
    none("a dependency without a reason", silent);
}

/// What would tie the tree to one machine, one host or one tracker.
#[test]
fn nothing_tells_where_this_was_written() {
    let hosts = ["index.crates.io", "static.crates.io", "pypi.org", "pythonhosted.org", "deb.debian.org"];
    let paths = ["/work/", "/tmp/wt", "/root/"];
    let mut offenders = Vec::new();
    for file in files() {
        if file.path.ends_with("Cargo.lock") || file.path.starts_with("tests/it/tidy") {
            continue;
        }
        offenders.extend(hosts.iter().chain(&paths).flat_map(|word| places(&file, &file.text, word)));
        let issues = file.text.match_indices('#').filter(|(at, _)| is_issue_number(&file.text, *at));
        if !file.path.ends_with(".css") {
            offenders.extend(issues.map(|(at, _)| {
                let line = file.text[..at].lines().count();
                format!("{}:{line}: the number of an issue", file.path)
            }));
        }
    }
    none("a machine, a registry or a tracker", offenders);
}

/// `#12` after a blank or a bracket; `PKCS#8`, `r#"` and `&#39;` are other things.
fn is_issue_number(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let digits = text[at + 1..].chars().take_while(char::is_ascii_digit).count();
    let after = text[at + 1 + digits..].chars().next();
    digits > 0
        && before.is_none_or(|c| c.is_whitespace() || c == '(')
        && after.is_none_or(|c| !c.is_alphanumeric())
}

/// Addresses and hosts that nobody can own, so that a sample never reaches anybody (RFC 2606, RFC 6761).
#[test]
fn samples_use_reserved_names_only() {
    const PEERS: [&str; 17] = [
        "api.appstoreconnect.apple.com",
        "appstoreconnect.apple.com",
        "developer.apple.com",
        "api.enterprise.developer.apple.com",
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.chinacloudapi.cn",
        "login.microsoft.com",
        "keepachangelog.com",
        "semver.org",
        "json-schema.org",
        "www.debian.org",
        "www.w3.org",
    ];
    let mut offenders = Vec::new();
    for file in files() {
        let written_elsewhere = ["Cargo.lock", "fuzz/Cargo.lock", "LICENSE-APACHE"]
            .contains(&file.path.as_str())
            || file.path.starts_with("tests/fixtures/")
            || file.path.ends_with(".svg")
            || file.path.ends_with("_in_colour.snap")
            || file.path.starts_with("tests/it/tidy");
        if written_elsewhere {
            continue;
        }
        let token = |c: char| !(c.is_ascii_alphanumeric() || "._%+-@".contains(c));
        let addresses = file.text.split(token).filter_map(|token| token.rsplit_once('@'));
        let domains = addresses.map(|(_, domain)| domain.trim_end_matches(['.', '-']));
        let foreign = domains.filter(|domain| {
            let unit_or_graph = domain.ends_with(".service") || domain.starts_with("odata.");
            domain.contains('.') && !unit_or_graph && !is_reserved(domain)
        });
        offenders.extend(foreign.map(|domain| format!("{}: an address at {domain}", file.path)));
        let urls = file.text.split("://").skip(1).map(host);
        let foreign = urls.filter(|host| host.contains('.') && !is_reserved(host) && !PEERS.contains(host));
        offenders.extend(foreign.map(|host| format!("{}: a link to {host}", file.path)));
    }
    none("a name that somebody may own", offenders);
}

fn host(rest: &str) -> &str {
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c)));
    rest[..end.unwrap_or(rest.len())].trim_end_matches('.')
}

fn is_reserved(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    let tops = ["example.com", "example.org", "example.net", "example", "invalid", "test", "localhost"];
    let below = |top: &str| domain == top || domain.ends_with(&format!(".{top}"));
    tops.into_iter().any(below) || ["127.", "10.", "192.0.2."].iter().any(|net| domain.starts_with(net))
}

#[test]
fn code_is_told_from_comments_strings_and_tests() {
    let text =
        "fn a() { \"fn b() {\"; 'x'; r#\"\"}\"#; } // fn c() {}\nfn d<'x>(y: &'x str) -> char { '{' }\n";
    let code = code_only(text);
    assert_eq!(code.len(), text.len());
    assert_eq!(functions(&code), [("a".to_owned(), 1), ("d".to_owned(), 1)]);
    let file = |text: &str| File { path: "src/x.rs".to_owned(), text: text.to_owned() };
    assert_eq!(file("a\n#[cfg(test)]\nmod tests {\nb}\n").code().trim(), "a");
    assert!(file("#[cfg(test)]\nmod tests;\na {}\n").code().contains("a {}"));
    assert!(is_issue_number("see #12.", 4) && !is_issue_number("PKCS#8 ", 4));
    assert!(is_reserved("idp.example.com") && !is_reserved("myexample.com"));
    assert_eq!(modules("use crate::model::{a}; crate::plan::b()"), ["model", "plan"]);
}
