//! A plan as text: by person, one line each, then what is held and why, what is taken over, what is left alone, and the sums.

use super::words::{self, AppNames};
use super::{Paint, Tone, fill, wrap};
use crate::asc::AppIds;
use crate::model::text::printable;
use crate::model::{Held, HoldReason, Kind, Operation, Plan};

/// Reasons stand beside a change in at most so many columns: a line across a very wide terminal is hard to follow.
const BESIDE: usize = 110;

/// A plan for a terminal of this many columns. `apps` gives names to app ids and may be empty.
pub fn plan_text(plan: &Plan, apps: &AppIds, width: usize, color: bool) -> String {
    let mut page = Page { text: String::new(), width, paint: Paint { color }, apps: AppNames::new(apps) };
    page.coverage(plan);
    page.operations(plan);
    page.held(plan);
    page.adopted(plan);
    page.unmanaged(plan);
    page.sums(plan);
    page.text
}

struct Page<'a> {
    text: String,
    width: usize,
    paint: Paint,
    apps: AppNames<'a>,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Text that may take several lines, each indented and in one tone.
    fn block(&mut self, indent: usize, tone: Option<Tone>, text: &str) {
        for line in wrap(text, indent, self.width) {
            let line = tone.map_or_else(|| line.clone(), |tone| self.paint.text(tone, &line));
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    /// A plan on a partial read is short of removals, which nobody should take for "all is well".
    fn coverage(&mut self, plan: &Plan) {
        let sides = [("directory", &plan.coverage.directory), ("team", &plan.coverage.team)];
        let incomplete: Vec<String> = sides
            .iter()
            .filter(|(_, state)| *state != "complete")
            .map(|(side, state)| format!("{side} {}", printable(state)))
            .collect();
        if incomplete.is_empty() {
            return;
        }
        let text = format!("Read of {}: nothing is removed on the strength of it.", incomplete.join(" and "));
        self.block(0, Some(Tone::Loss), &text);
        for problem in &plan.coverage.problems {
            self.block(2, None, &format!("missing: {}", printable(&problem.0)));
        }
        self.line("");
    }

    fn operations(&mut self, plan: &Plan) {
        if plan.operations.is_empty() && plan.waiting().next().is_some() {
            return;
        }
        if plan.operations.is_empty() {
            let count = plan.summary.unchanged;
            let seats = if count == 1 { "1 seat is".to_owned() } else { format!("{count} seats are") };
            self.line(
                &format!("Nothing to do: {seats} as they should be.").replace("is as they", "is as it"),
            );
            self.line("");
            return;
        }
        for group in by_person(&plan.operations) {
            let heading = group.first().map(|operation| words::person(operation)).unwrap_or_default();
            self.block(0, Some(Tone::Heading), &heading);
            let mut group = group.into_iter().peekable();
            while let Some(operation) = group.next() {
                // Both halves of cancel-and-invite have one cause, which is said once.
                let again = group.peek().is_some_and(|next| next.reasons == operation.reasons);
                self.operation(operation, if again { &[] } else { &operation.reasons });
            }
            self.line("");
        }
    }

    /// Before and after on one line, with the reasons beside it where they fit.
    fn operation(&mut self, operation: &Operation, reasons: &[String]) {
        let change = words::change(operation, &self.apps);
        let reasons: Vec<_> = reasons.iter().map(|reason| printable(reason)).collect();
        let beside = format!("({})", reasons.join("; "));
        let lead = format!("  {} {}  ", words::sign(operation.kind), words::verb(operation));
        let taken = [&lead, &change, "  ", &beside].iter().map(|part| part.chars().count()).sum::<usize>();
        if !reasons.is_empty() && taken <= self.width.min(BESIDE) {
            let beside = self.paint.text(Tone::Aside, &beside);
            self.led(2, operation, "  ", &change, &format!("  {beside}"));
            return;
        }
        self.led(2, operation, "  ", &change, "");
        for reason in &reasons {
            self.block(6, Some(Tone::Aside), reason);
        }
    }

    /// Sign and verb in their colour, then text that may take several lines; `end` follows the last of them.
    fn led(&mut self, indent: usize, operation: &Operation, gap: &str, text: &str, end: &str) {
        let lead = format!("{} {}", words::sign(operation.kind), words::verb(operation));
        let first = indent + lead.chars().count() + gap.len();
        let lead = self.paint.text(tone(operation.kind), &lead);
        let mut lines = fill(text, first, indent + 4, self.width).into_iter();
        let mut line = format!("{:indent$}{lead}{gap}{}", "", lines.next().unwrap_or_default());
        for next in lines {
            self.line(&line);
            line = format!("{:1$}{next}", "", indent + 4);
        }
        self.line(&(line + end));
    }

    fn held(&mut self, plan: &Plan) {
        let waiting = plan.waiting().count();
        if waiting == 0 {
            return;
        }
        self.line(&self.paint.text(Tone::Heading, &format!("Held back: {waiting}")));
        for reason in HoldReason::ALL {
            let entries: Vec<&Held> = plan.waiting().filter(|held| held.hold.reason == reason).collect();
            if entries.is_empty() {
                continue;
            }
            self.line(&format!("  {}", self.paint.text(Tone::Waits, reason.as_str())));
            for held in entries {
                self.entry(held);
            }
            self.block(4, Some(Tone::Aside), &format!("→ {}", words::cure(reason, &plan.digest)));
        }
        self.line("");
    }

    fn entry(&mut self, held: &Held) {
        let operation = &held.operation;
        let person = words::person(operation);
        self.led(4, operation, " ", &person, "");
        let change = words::change(operation, &self.apps);
        let detail = printable(&held.hold.detail);
        // Why it would be done concerns the person, and comes before what keeps it from being done.
        for reason in words::unsaid(operation, &[&person, &detail]) {
            self.block(8, None, &reason);
        }
        let text = if detail.is_empty() { change } else { format!("{change} ({detail})") };
        self.block(8, Some(Tone::Aside), &text);
    }

    /// Nothing is written for these, but from then on something can be.
    fn adopted(&mut self, plan: &Plan) {
        if plan.adopted.is_empty() {
            return;
        }
        let heading = format!("Adopted: {}", plan.adopted.len());
        self.line(&self.paint.text(Tone::Heading, &heading));
        for adopted in &plan.adopted {
            self.block(4, None, &words::whom(Some(&adopted.person), &adopted.target));
        }
        self.block(4, Some(Tone::Aside), &format!("→ {}", words::ADOPTED));
        self.line("");
    }

    /// Neither a plus nor a minus: nothing is done here, and nothing waits.
    fn unmanaged(&mut self, plan: &Plan) {
        let count = plan.unmanaged().count();
        if count == 0 {
            return;
        }
        self.line(&self.paint.text(Tone::Heading, &format!("Not managed, left alone: {count}")));
        for held in plan.unmanaged() {
            self.block(4, None, &words::left_alone(held, &self.apps));
        }
        let cure = words::cure(HoldReason::Unmanaged, &plan.digest);
        self.block(4, Some(Tone::Aside), &format!("→ {cure}"));
        self.line("");
    }

    fn sums(&mut self, plan: &Plan) {
        let sums = format!("{}: {}", printable(&plan.team), words::counts(&plan.summary));
        self.block(0, Some(Tone::Heading), &sums);
        if !plan.operations.is_empty() {
            self.block(0, None, &words::forecast(&plan.forecast));
        }
        self.line(&format!("digest {}", printable(&plan.digest)));
    }
}

fn tone(kind: Kind) -> Tone {
    match kind {
        Kind::Invite => Tone::Gain,
        Kind::UpdateMember => Tone::Change,
        Kind::CancelInvitation | Kind::RemoveMember => Tone::Loss,
    }
}

/// Operations by person, or by seat where there is none, in the order in which each first appears.
fn by_person(operations: &[Operation]) -> Vec<Vec<&Operation>> {
    let mut order = std::collections::BTreeMap::new();
    let mut groups: Vec<Vec<&Operation>> = Vec::new();
    for operation in operations {
        let person = operation.person.as_ref().map(|person| &person.id);
        let seat = if person.is_none() { operation.target.id.as_deref() } else { None };
        let at = *order.entry((person, seat)).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Vec::new());
        }
        groups[at].push(operation);
    }
    groups
}
