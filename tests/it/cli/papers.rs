//! What ships beside the program.

use tempfile::TempDir;

use crate::support::{Output, program};

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Output::of(program().args(["completions", shell])).expect(0);
        assert!(output.stdout.contains("rosterd") && output.stdout.len() > 1000, "{shell}");
    }
    Output::of(program().args(["completions", "tcsh"])).expect(64);
}

#[test]
fn manual_pages_are_made_for_every_command() {
    let dir = TempDir::new().expect("a folder");
    let pages = dir.path().join("man1");
    Output::of(program().arg("man").arg(&pages)).expect(0);
    let page = std::fs::read_to_string(pages.join("rosterd.1")).expect("the page");
    assert!(page.contains("rosterd"), "{page}");
    assert!(pages.join("rosterd-plan.1").exists());
}
