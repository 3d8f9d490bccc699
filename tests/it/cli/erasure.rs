//! An erasure request, and an export for a support case, as an operator meets them.

use std::fs;

use crate::support::Bench;

fn journal(bench: &Bench) -> String {
    let folder = bench.path("state/journal");
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a journal") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            text.push_str(&fs::read_to_string(path).expect("text"));
        }
    }
    text
}

#[test]
fn a_leaver_is_forgotten_once_the_seat_is_gone_and_the_chain_still_holds() {
    let bench = Bench::settled();
    bench.state(|state| state.directory.remove_person("alan@example.com"));
    let refused = bench.run(&["audit", "forget", "alan@example.com", "--yes"]).expect(1);
    assert!(refused.stderr.contains("still has the seat"), "{refused:?}");
    bench.run(&["run", "--once"]).expect(0);
    bench.run(&["run", "--once"]).expect(0);
    assert!(bench.state(|state| state.team.member("alan@example.com").is_none()));
    assert!(journal(&bench).contains("Alan Turing"));

    // Nobody at a terminal, nobody asked: nothing happens.
    let asked = bench.run(&["audit", "forget", "Alan@Example.com"]).expect(1);
    assert!(asked.stderr.contains("Alan Turing") && asked.stderr.contains("--yes"), "{asked:?}");
    assert!(journal(&bench).contains("Alan Turing"));

    let done = bench.run(&["audit", "forget", "Alan@Example.com", "--yes"]).expect(0);
    assert!(done.stdout.contains("records say forgotten-"), "{done:?}");
    let text = journal(&bench).to_lowercase();
    for gone in ["alan@example.com", "alan turing", "\"alan\"", "\"turing\""] {
        assert!(!text.contains(gone), "{gone}");
    }
    assert!(text.contains("grace@example.com"));
    bench.run(&["audit", "verify"]).expect(0);
    bench.run(&["state", "check"]).expect(1);
    bench.plan().assert_empty("the ledger says of everybody else what it said");
    let shown = bench.run(&["audit", "show", "--limit", "200"]);
    assert!(shown.stdout.contains("forgotten: "), "{shown:?}");
    let nobody = bench.run(&["audit", "forget", "alan@example.com", "--yes"]).expect(1);
    assert!(nobody.stderr.contains("no record names alan@example.com"), "{nobody:?}");
    bench.run(&["run", "--once"]).expect(0);
    bench.run(&["state", "check"]).expect(0);
}

#[test]
fn a_redacted_export_names_nobody_and_is_refused_by_import() {
    let bench = Bench::settled();
    let plain = bench.run(&["state", "export"]).expect(0);
    assert!(plain.stdout.contains("alan@example.com") && plain.stdout.contains("Alan Turing"));
    let redacted = bench.run(&["state", "export", "--redact"]).expect(0);
    assert!(!redacted.stdout.contains('@'), "{redacted:?}");
    for name in ["Alan", "Turing", "Grace", "Hopper", "example.com"] {
        assert!(!redacted.stdout.contains(name), "{name}: {redacted:?}");
    }
    assert_eq!(redacted.stdout.lines().count(), plain.stdout.lines().count());
    let file = bench.path("case.jsonl");
    fs::write(&file, &redacted.stdout).expect("a file");
    let refused = bench.run(&["state", "import", file.to_str().expect("a path")]).expect(1);
    assert!(refused.stderr.contains("--redact"), "{refused:?}");
}
