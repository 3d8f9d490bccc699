//! A new variant of our own enums must not fall through anywhere, so no `match` over one ends in `_`.

use std::collections::BTreeSet;

use super::none;
use super::tree::rust;

/// Names after `enum`.
fn enums(code: &str) -> impl Iterator<Item = &str> {
    let name = |rest: &str| rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
    code.split("enum ").skip(1).map(move |rest| &rest[..name(rest)]).filter(|name| !name.is_empty())
}

/// The patterns of the arms before an arm that stands here, nearest first; what is deeper than the match is left out.
fn patterns_before(code: &str, arm: usize) -> Vec<String> {
    let mut flat = Vec::new();
    let mut depth = 0_usize;
    for (at, c) in code[..arm].char_indices().rev() {
        match c {
            '}' | ')' | ']' => {
                // A block ends an arm as a comma does, fields of a pattern do not.
                let rest = code[at + 1..].trim_start();
                let fields = ["=>", "if ", "|"].iter().any(|next| rest.starts_with(next));
                if depth == 0 && c == '}' && !fields {
                    flat.push(',');
                }
                depth += 1;
            }
            '{' | '(' | '[' if depth == 0 => break,
            '{' | '(' | '[' => depth -= 1,
            _ if depth == 0 => flat.push(c),
            _ => {}
        }
    }
    let flat: String = flat.into_iter().rev().collect();
    let sides: Vec<&str> = flat.split("=>").collect();
    let patterns = sides.iter().take(sides.len().saturating_sub(1));
    patterns.map(|side| side.rsplit(',').next().unwrap_or_default().trim().to_owned()).collect()
}

/// Lines of `_ =>` in a match whose other arms name one of these enums.
fn wild(code: &str, ours: &BTreeSet<String>) -> Vec<usize> {
    let names = |pattern: &String| {
        let word = pattern.trim_start_matches(['&', '|', ' ']).split("::").next().unwrap_or_default();
        pattern.contains("::") && (word == "Self" || ours.contains(word))
    };
    let arms = code.match_indices("_ =>").map(|(at, _)| at);
    let alone = |at: &usize| code[..*at].ends_with([' ', '\n']) && !code[..*at].trim_end().ends_with('|');
    let offending = arms.filter(alone).filter(|at| patterns_before(code, *at).iter().any(names));
    offending.map(|at| code[..at].lines().count()).collect()
}

#[test]
fn no_match_over_our_own_enums_ends_in_a_wildcard() {
    let files = rust(&["src"]);
    let ours: BTreeSet<String> =
        files.iter().flat_map(|file| enums(&file.code()).map(str::to_owned).collect::<Vec<_>>()).collect();
    assert!(ours.len() > 100, "only {} enums were found", ours.len());
    let mut offenders = Vec::new();
    for file in files.iter().filter(|file| !file.is_test()) {
        let lines = wild(&file.code(), &ours);
        offenders.extend(lines.into_iter().map(|line| format!("{}:{line}", file.path)));
    }
    none("a wildcard over an enum of ours", offenders);
}

#[test]
fn wildcards_are_told_by_the_arms_beside_them() {
    let ours = BTreeSet::from(["Kind".to_owned()]);
    let cases = [
        ("match a {\n Kind::A => 1,\n _ => 2 }", 1),
        ("match a {\n Kind::A { x } => { f(); }\n _ => 2 }", 1),
        ("match self {\n Self::A(_) => 1,\n _ => 2 }", 1),
        ("match a {\n &Kind::A => 1,\n _ => 2 }", 1),
        ("match a {\n 1 => Kind::A,\n _ => Kind::B }", 0),
        ("match a {\n Some(x) => match x { Kind::A => 1, Kind::B => 2 },\n _ => 3 }", 0),
        ("match a {\n Other::A => 1,\n _ => 2 }", 0),
        ("match a {\n Kind::A => 1,\n Kind::B => 2 }", 0),
    ];
    for (code, found) in cases {
        assert_eq!(wild(code, &ours).len(), found, "{code}");
    }
}
