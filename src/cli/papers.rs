//! Completions and manual pages, made from the command line itself.

use std::path::Path;

use clap::CommandFactory;

use super::args::Args;
use super::out::{self, Failure};

pub(super) fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    // Into a buffer first: the generator panics on a closed pipe.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "rosterd", &mut text);
    out::result(&String::from_utf8_lossy(&text));
    Ok(0)
}

pub(super) fn man(dir: &Path) -> Result<u8, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(1, format!("{}: {error}", dir.display())).hint("name a folder that can be written")
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Args::command().disable_help_subcommand(true), dir).map_err(failed)?;
    Ok(0)
}
