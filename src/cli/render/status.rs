//! How things are, as text.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;

use super::words::{self, counts, seconds};
use super::{Paint, Tone, wrap};
use crate::engine::report::{Doing, Status, Trouble};
use crate::model::event::CycleResult;
use crate::model::text::printable;

/// Cycles that are shown; the audit has all of them.
const CYCLES: usize = 10;

/// UTC, which servers and their logs have in common.
const TIME: &str = "%Y-%m-%d %H:%M:%SZ";

/// Held entries that are shown; `plan` has all of them.
const HELD: usize = 30;

/// Days before a credential lapses from which on it is pointed out.
const EXPIRES_SOON: u64 = 30;

/// Status for a terminal of this many columns.
pub fn status_text(status: &Status, width: usize, color: bool) -> String {
    let mut page = Page { text: String::new(), width, paint: Paint { color }, now: status.now };
    page.overview(status);
    page.trouble(status);
    page.cycles(status);
    page.held(status);
    page.credentials(status);
    page.text
}

struct Page {
    text: String,
    width: usize,
    paint: Paint,
    now: Timestamp,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn pair(&mut self, name: &str, value: &str) {
        let name = self.paint.text(Tone::Aside, &format!("{name:<14}"));
        self.line(&format!("{name} {value}"));
    }

    fn heading(&mut self, text: &str) {
        let heading = self.paint.text(Tone::Heading, text);
        self.line("");
        self.line(&heading);
    }

    fn block(&mut self, indent: usize, tone: Tone, text: &str) {
        for line in wrap(text, indent, self.width) {
            let line = self.paint.text(tone, &line);
            self.line(&format!("{:indent$}{line}", ""));
        }
    }

    /// `2026-11-22 10:00:00Z (3 min ago)`.
    fn time(&self, at: Timestamp) -> String {
        let distance = self.now.as_second() - at.as_second();
        let length = seconds(distance.unsigned_abs());
        let relative = if distance >= 0 { format!("{length} ago") } else { format!("in {length}") };
        format!("{} ({relative})", at.strftime(TIME))
    }

    fn overview(&mut self, status: &Status) {
        let heading = self.paint.text(Tone::Heading, &printable(&status.team));
        self.line(&heading);
        let doing = match status.doing {
            Doing::NotRunning => "not running; this is what it left",
            Doing::Waiting => "waiting for the next cycle",
            Doing::Observing => "reading both sides",
            Doing::Planning => "planning",
            Doing::Applying => "applying",
            Doing::Stopping => "stopping",
        };
        self.pair("daemon", doing);
        if let Some(since) = status.running_since {
            let since = self.time(since);
            self.pair("running since", &since);
        }
        let success = status.last_success.map_or_else(|| "never".to_owned(), |at| self.time(at));
        self.pair("last success", &success);
        if let Some(next) = status.next_cycle {
            let next = self.time(next);
            self.pair("next cycle", &next);
        }
        let budget = &status.budget;
        let remaining =
            budget.remaining.map_or_else(String::new, |left| format!(", {left} left by Apple's count"));
        self.pair(
            "requests",
            &format!(
                "{} of {} an hour used, {} kept for others{remaining}",
                budget.used, budget.limit, budget.reserve
            ),
        );
        self.pair("version", &printable(&status.version));
    }

    fn trouble(&mut self, status: &Status) {
        if let Some(quarantine) = &status.quarantine {
            self.heading("Quarantine");
            let text = format!(
                "{} cycles failed in a row, the first {}; next try {}",
                quarantine.failures,
                self.time(quarantine.since),
                self.time(quarantine.until)
            );
            self.block(2, Tone::Loss, &text);
            self.told(quarantine.trouble.as_ref());
        } else if status.consecutive_failures > 0 {
            self.heading("Failures");
            self.block(2, Tone::Loss, &format!("{} cycles failed in a row", status.consecutive_failures));
        }
        if let Some(trouble) = &status.reload_trouble {
            self.heading("Configuration");
            self.block(2, Tone::Loss, "the last reload was refused, the configuration before it goes on");
            self.told(Some(trouble));
        }
        for (name, trouble) in &status.credential_troubles {
            self.heading("Credential");
            let text = format!("the new file of {} was refused, the one before it goes on", printable(name));
            self.block(2, Tone::Loss, &text);
            self.told(Some(trouble));
        }
        if status.open_intents > 0 {
            self.heading("Open intents");
            let count = status.open_intents;
            let writes = if count == 1 { "write" } else { "writes" };
            let text =
                format!("{count} {writes} without a known outcome; the next cycle settles what became of it");
            self.block(2, Tone::Waits, &text);
        }
    }

    fn told(&mut self, trouble: Option<&Trouble>) {
        let Some(trouble) = trouble else { return };
        self.block(2, Tone::Loss, &printable(&trouble.text));
        if let Some(hint) = &trouble.hint {
            self.block(2, Tone::Aside, &format!("→ {}", printable(hint)));
        }
    }

    fn cycles(&mut self, status: &Status) {
        if status.cycles.is_empty() {
            return;
        }
        self.heading("Cycles");
        let mut table = self.table(["finished", "took", "result", "applied", "failed", "plan"]);
        for cycle in status.cycles.iter().take(CYCLES) {
            let took = cycle.finished_at.as_second() - cycle.started_at.as_second();
            let plan = cycle.summary.as_ref().map(counts).unwrap_or_default();
            table.add_row([
                cycle.finished_at.strftime(TIME).to_string(),
                seconds(took.unsigned_abs()),
                cycle.result.as_str().to_owned(),
                cycle.done.applied.to_string(),
                cycle.done.failed.to_string(),
                plan,
            ]);
        }
        self.print(&table);
        // Only the newest error is news; the others are in the audit.
        let newest = status.cycles.first().filter(|cycle| is_trouble(cycle.result));
        self.told(newest.and_then(|cycle| cycle.error.as_ref()));
    }

    fn held(&mut self, status: &Status) {
        let waiting: Vec<_> = status.waiting().collect();
        if !waiting.is_empty() || status.guard.is_some() {
            let total: usize = waiting.iter().map(|(_, count)| count).sum();
            self.heading(&format!("Held back: {total}"));
        }
        let digest = status.guard.as_ref().map_or("DIGEST", |guard| guard.digest.as_str());
        for (reason, count) in waiting {
            let name = self.paint.text(Tone::Waits, reason.as_str());
            self.line(&format!("  {name} {count}"));
            let entries = status.held.iter().filter(|held| held.hold.reason == reason);
            for held in entries.take(HELD) {
                let operation = &held.operation;
                let text = format!(
                    "{} {} {}",
                    words::sign(operation.kind),
                    words::verb(operation),
                    words::person(operation)
                );
                let detail = printable(&held.hold.detail);
                let text = if detail.is_empty() { text } else { format!("{text} ({detail})") };
                self.line(&format!("    {text}"));
            }
            if count > HELD && !status.held.is_empty() {
                self.line(&format!("    … and {} more: see rosterd plan", count - HELD));
            }
            let waits = reason.is_approvable();
            let approved = status.guard.as_ref().is_some_and(|guard| guard.approved);
            let cure = if waits && approved {
                "approved; released by the next cycle".to_owned()
            } else {
                words::cure(reason, digest)
            };
            self.block(4, Tone::Aside, &format!("→ {cure}"));
        }
        if let Some(guard) = &status.guard {
            let since = self.time(guard.at);
            self.line(&format!("  guards: {}, since {since}", printable(&guard.guards.join(", "))));
        }
        if status.unmanaged() > 0 {
            self.heading(&format!("Not managed, left alone: {}", status.unmanaged()));
        }
    }

    fn credentials(&mut self, status: &Status) {
        if status.credentials.is_empty() {
            return;
        }
        self.heading("Credentials");
        let mut table = self.table(["credential", "expires", "known from"]);
        for credential in &status.credentials {
            let expires = match credential.expires {
                None => "not known".to_owned(),
                Some(at) if self.expires_soon(at) => format!("{} — replace it", self.time(at)),
                Some(at) => self.time(at),
            };
            let from = credential.known_from.as_deref().unwrap_or("");
            table.add_row([printable(&credential.name).into_owned(), expires, printable(from).into_owned()]);
        }
        self.print(&table);
    }

    fn expires_soon(&self, at: Timestamp) -> bool {
        let left = at.as_second().saturating_sub(self.now.as_second());
        u64::try_from(left).unwrap_or(0) < EXPIRES_SOON * 86_400
    }

    fn table<const N: usize>(&self, header: [&str; N]) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(self.width.saturating_sub(2)).unwrap_or(u16::MAX));
        table.set_header(header);
        table
    }

    fn print(&mut self, table: &Table) {
        for line in table.lines() {
            self.line(&format!("  {}", line.trim_end()));
        }
    }
}

fn is_trouble(result: CycleResult) -> bool {
    match result {
        CycleResult::Success | CycleResult::NoOp | CycleResult::Held => false,
        CycleResult::Partial | CycleResult::Error | CycleResult::Cancelled => true,
    }
}
