//! `apply`: a saved plan exactly, or plan, show, ask, apply.

use std::path::Path;

use super::args::{ApplyArgs, PlanOutput};
use super::out::{self, Failure};
use super::session::{Options, Session};
use crate::control::protocol::{Answer, Request};
use crate::engine::report::CycleReport;
use crate::model::Plan;
use crate::model::operation::HoldReason;

/// Plans of 50,000 people are about 40 MB.
const LARGEST_PLAN: u64 = 256 << 20;

/// Entries of a plan that is sent along, to be told what moved by. A larger one may not fit into a request.
const LARGEST_COPY: usize = 20_000;

pub(super) async fn run(options: &Options, args: &ApplyArgs) -> Result<u8, Failure> {
    if args.file.is_none() && !args.yes && !out::can_ask() {
        return Err(Failure::new(
            super::USAGE,
            "apply would ask before it writes, and there is no terminal to ask on",
        )
        .hint("pass --yes, or save a plan with `rosterd plan --out FILE` and apply that file"));
    }
    let saved = args.file.as_deref().map(read).transpose()?;
    let mut session = Session::load(options)?;
    session.will_write();
    let answer = match saved {
        Some(plan) => session.ask(Request::ApplySaved { plan: Box::new(plan) }).await?,
        None => match plan_and_ask(&mut session, options, args).await? {
            Some(answer) => answer,
            None => return Ok(1),
        },
    };
    let Answer::Applied { report, plan } = answer else { return Err(super::session::unexpected(&answer)) };
    if args.file.is_some() && args.format.output() == PlanOutput::Json {
        out::result(&options.render(&plan, &crate::asc::AppIds::new(), PlanOutput::Json));
    }
    tell(&report, &plan);
    Ok(report.exit_code)
}

/// `None` when the user said no.
async fn plan_and_ask(
    session: &mut Session,
    options: &Options,
    args: &ApplyArgs,
) -> Result<Option<Answer>, Failure> {
    let (plan, apps) = match session.ask(Request::PlanToApply).await? {
        Answer::Plan { plan, apps } => (plan, apps),
        other => return Err(super::session::unexpected(&other)),
    };
    out::result(&options.render(&plan, &apps, args.format.output()));
    let question = || format!("{}?", super::render::what_it_does(&plan.summary));
    if !plan.operations.is_empty() && !args.yes && !out::ask(&question()) {
        out::message("nothing was applied\n");
        return Ok(None);
    }
    let small = plan.operations.len() + plan.held.len() <= LARGEST_COPY;
    let request =
        if small { Request::ApplyShown { plan } } else { Request::Apply { digest: plan.digest.clone() } };
    session.ask(request).await.map(Some)
}

fn read(path: &Path) -> Result<Plan, Failure> {
    let shown = path.display();
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(1, format!("{shown}: {error}")).hint("name a file that `rosterd plan --out FILE` wrote")
    };
    let text = crate::regular_file::read(path, LARGEST_PLAN).map_err(|error| failed(&error))?;
    let plan: Plan = serde_json::from_slice(text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text))
        .map_err(|error| failed(&format!("not a saved plan: {error}")))?;
    if plan.schema != crate::model::operation::SCHEMA {
        return Err(failed(&format!(
            "its schema is {:?}, this version reads {:?}",
            plan.schema,
            crate::model::operation::SCHEMA
        )));
    }
    Ok(plan)
}

/// How it went, on stderr: the plan was the result.
pub(super) fn tell(report: &CycleReport, plan: &Plan) {
    let done = report.done;
    let mut text = format!("applied {} of {} operations", done.applied, plan.operations.len());
    for (count, word) in [
        (done.failed, "failed"),
        (done.unknown, "without a known outcome (settled by the next cycle)"),
        (done.withdrawn, "withdrawn"),
        (done.deferred, "left for the next cycle"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text.push('\n');
    if let Some(error) = &report.error {
        text.push_str(&format!("error: {}\n", crate::model::text::printable(&error.text)));
        if let Some(hint) = &error.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
    }
    for problem in &plan.coverage.problems {
        text.push_str(&format!("warning: incomplete read: {}\n", crate::model::text::printable(&problem.0)));
    }
    if plan.is_held_by_guard() {
        text.push_str(&format!(
            "held: {} of {} held entries by {}\nhint: look at them in `rosterd plan`, then `rosterd approve {}`\n",
            plan.held.iter().filter(|held| held.hold.reason.is_approvable()).count(),
            plan.waiting().count(),
            guards(plan),
            plan.digest
        ));
    }
    out::message(&text);
}

/// Which keys of `[guard]` hold something, for whoever has to decide whether they are right.
fn guards(plan: &Plan) -> String {
    let mut keys = std::collections::BTreeSet::new();
    for held in &plan.held {
        if held.hold.reason == HoldReason::Guard {
            keys.extend(held.hold.detail.split(", "));
        } else if held.hold.reason == HoldReason::NewAdmin {
            keys.insert("new_admins");
        }
    }
    keys.into_iter().map(|key| format!("guard.{key}")).collect::<Vec<_>>().join(" and ")
}
