//! `plan`: the dry run, which is not calling apply.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::args::{PlanArgs, PlanOutput};
use super::out::{self, Failure};
use super::session::{Options, Session};
use crate::control::protocol::{Answer, Request};
use crate::model::Plan;
use crate::model::text::printable_json;

pub(super) async fn run(options: &Options, args: &PlanArgs) -> Result<u8, Failure> {
    let mut session = Session::load(options)?;
    let (plan, apps) = match session.ask(Request::Plan).await? {
        Answer::Plan { plan, apps } => (plan, apps),
        other => return Err(super::session::unexpected(&other)),
    };
    if let Some(path) = &args.out {
        save(path, &plan)?;
    }
    out::result(&options.render(&plan, &apps, args.format.output()));
    if let Some(path) = &args.out {
        out::message(&format!("saved; apply exactly this with: rosterd apply {}\n", path.display()));
    }
    let something = !plan.is_empty() || plan.is_held_by_guard();
    Ok(if args.detailed_exitcode && something { 2 } else { 0 })
}

/// Writes a plan beside its place and moves it there, so that nobody ever reads half of one.
fn save(path: &Path, plan: &Plan) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(1, format!("the plan was not saved: {}: {error}", path.display()))
            .hint("name a file in a folder that exists and can be written")
    };
    // Renaming over a device or a pipe would put a file in its place for everybody.
    if path.symlink_metadata().is_ok_and(|found| !found.is_file() && !found.is_symlink()) {
        return Err(failed(std::io::Error::other("it is not a regular file")));
    }
    let text = serde_json::to_string_pretty(plan)
        .map_err(|error| Failure::new(1, format!("the plan cannot be written as JSON: {error}")))?;
    let text = printable_json(&text) + "\n";
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A name that cannot be guessed, made anew: a link that waits at it would choose where the plan goes.
    let beside = folder.join(format!(".rosterd-plan-{}.tmp", uuid::Uuid::now_v7()));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
    let moved = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, path));
    if moved.is_err() {
        // Half a plan is of use to nobody.
        let _ = std::fs::remove_file(&beside);
    }
    moved.map_err(failed)
}

impl Options {
    /// A plan in the shape that was asked for.
    pub(super) fn render(&self, plan: &Plan, apps: &crate::asc::AppIds, output: PlanOutput) -> String {
        match output {
            PlanOutput::Text => super::render::plan_text(plan, apps, self.width, self.color_out),
            PlanOutput::Json => {
                let json = serde_json::to_string_pretty(plan).unwrap_or_default();
                printable_json(&json).into_owned() + "\n"
            }
            PlanOutput::Markdown => super::render::plan_markdown(plan, apps),
        }
    }
}
