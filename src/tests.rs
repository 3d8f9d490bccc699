//! What is published beside the program and made from its types: schemas and references under `docs/`.

pub(crate) mod schemas;

use std::path::Path;

/// Compares a file of this repository with what the types say now; with `UPDATE=1` in the environment it is written.
pub(crate) fn published(path: &str, made: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&file, made).expect("written");
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    assert!(
        kept == made,
        "{path} has fallen behind the types, from line {}; write it again with: UPDATE=1 cargo test --lib published",
        differs.unwrap_or(kept.lines().count().min(made.lines().count())) + 1
    );
}
