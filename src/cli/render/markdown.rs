//! A plan as a comment under a pull request.

use std::fmt::Write;

use super::words::{self, AppNames};
use crate::asc::AppIds;
use crate::model::text::printable;
use crate::model::{Held, Operation, Plan};

/// Rows of one table. GitHub takes 65,536 characters per comment; a longer plan is better read elsewhere.
const ROWS: usize = 120;

/// A plan as GitHub-flavoured Markdown. `apps` gives names to app ids and may be empty.
pub fn plan_markdown(plan: &Plan, apps: &AppIds) -> String {
    let apps = AppNames::new(apps);
    let mut text = format!("### rosterd plan for {}\n\n", escape(&plan.team));
    coverage(&mut text, plan);
    let _ = writeln!(text, "**{}**\n", escape(&words::counts(&plan.summary)));
    if plan.operations.is_empty() {
        if plan.waiting().next().is_none() {
            text.push_str("Nothing to do.\n\n");
        }
    } else {
        operations(&mut text, &plan.operations, &apps);
    }
    held(&mut text, plan, &apps);
    adopted(&mut text, plan);
    unmanaged(&mut text, plan, &apps);
    if !plan.operations.is_empty() {
        let _ = writeln!(text, "{}  ", sentence(&words::forecast(&plan.forecast)));
    }
    let _ = writeln!(text, "Digest {}", code(&plan.digest));
    text
}

fn coverage(text: &mut String, plan: &Plan) {
    let sides = [("directory", &plan.coverage.directory), ("team", &plan.coverage.team)];
    for (side, state) in sides.iter().filter(|(_, state)| *state != "complete") {
        let _ = writeln!(
            text,
            "> **The read of the {side} is {}:** nothing is removed on the strength of it.",
            escape(state)
        );
    }
    for problem in &plan.coverage.problems {
        let _ = writeln!(text, "> - {}", escape(&problem.0));
    }
    if sides.iter().any(|(_, state)| *state != "complete") {
        text.push('\n');
    }
}

fn operations(text: &mut String, operations: &[Operation], apps: &AppNames<'_>) {
    text.push_str("| | Person | Access | Why |\n|---|---|---|---|\n");
    for operation in operations.iter().take(ROWS) {
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {} |",
            code(&words::sign(operation.kind).to_string()),
            words::verb(operation),
            escape(&words::person(operation)),
            escape(&words::change(operation, apps)),
            lines(&operation.reasons),
        );
    }
    more(text, operations.len());
}

/// What waits is not folded away: somebody may have to decide.
fn held(text: &mut String, plan: &Plan, apps: &AppNames<'_>) {
    let waiting = plan.waiting().count();
    if waiting == 0 {
        return;
    }
    let _ = writeln!(text, "**{waiting} held back**\n");
    if plan.is_held_by_guard() {
        let _ = writeln!(
            text,
            "What guards hold is released by {}\n",
            code(&format!("rosterd approve {}", plan.digest))
        );
    }
    text.push_str("| | Person | Why | Held by | Access |\n|---|---|---|---|---|\n");
    // What can be approved stands first.
    let (guarded, others): (Vec<&Held>, Vec<&Held>) =
        plan.waiting().partition(|held| held.hold.reason.is_approvable());
    for held in guarded.into_iter().chain(others).take(ROWS) {
        let operation = &held.operation;
        let person = words::person(operation);
        let detail = match held.hold.detail.trim() {
            "" => String::new(),
            detail => format!(": {}", escape(detail)),
        };
        let _ = writeln!(
            text,
            "| {} {} | {} | {} | {}{detail} | {} |",
            code(&words::sign(operation.kind).to_string()),
            words::verb(operation),
            escape(&person),
            lines(&words::unsaid(operation, &[&person, &held.hold.detail])),
            code(held.hold.reason.as_str()),
            escape(&words::change(operation, apps)),
        );
    }
    more(text, waiting);
}

fn adopted(text: &mut String, plan: &Plan) {
    if plan.adopted.is_empty() {
        return;
    }
    let _ = writeln!(text, "<details><summary>{} adopted</summary>\n", plan.adopted.len());
    let _ = writeln!(text, "{}:\n", sentence(words::ADOPTED));
    for adopted in plan.adopted.iter().take(ROWS) {
        let _ = writeln!(text, "- {}", escape(&words::whom(Some(&adopted.person), &adopted.target)));
    }
    more(text, plan.adopted.len());
    text.push_str("</details>\n\n");
}

fn unmanaged(text: &mut String, plan: &Plan, apps: &AppNames<'_>) {
    let count = plan.unmanaged().count();
    if count == 0 {
        return;
    }
    let _ = writeln!(text, "<details><summary>{count} not managed, left alone</summary>\n");
    for held in plan.unmanaged().take(ROWS) {
        let _ = writeln!(text, "- {}", escape(&words::left_alone(held, apps)));
    }
    more(text, count);
    text.push_str("</details>\n\n");
}

fn more(text: &mut String, count: usize) {
    if count > ROWS {
        let _ = writeln!(text, "\n… and {} more: see the plan itself.", count - ROWS);
    }
    text.push('\n');
}

fn lines(reasons: &[String]) -> String {
    reasons.iter().map(|reason| escape(reason)).collect::<Vec<_>>().join("<br>")
}

/// The first letter large, for a sentence of its own.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Text that Markdown takes for nothing but text, also inside a table, where a bar or a line end would start a new
/// cell or row. An `@` that could mention somebody is parted from the name by a character without width.
fn escape(text: &str) -> String {
    let cleaned = printable(text);
    let mut escaped = String::with_capacity(cleaned.len() + 8);
    let mut before = ' ';
    for letter in cleaned.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' if !before.is_alphanumeric() => escaped.push_str("@\u{200b}"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter => escaped.push(letter),
        }
        before = letter;
    }
    escaped
}

/// A code span. Backticks in it would end it and bars would end the cell, and neither belongs into what we put there.
fn code(text: &str) -> String {
    format!("`{}`", printable(text).replace(['`', '|'], "'"))
}
