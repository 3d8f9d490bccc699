//! Text of `status`, `audit` and `state check` for people.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::engine::report::{CycleReport, Doing, Status};
use crate::model::event::{Actor, LinkBy};
use crate::model::{Event, Held, Operation, Outcome};
use crate::state::{CacheHealth, CheckReport, JournalHealth, Record, Verified};
use crate::telemetry::clean;

/// Cycles that `status` shows.
const CYCLES: usize = 8;

/// `status` as text.
pub(super) fn status_text(status: &Status) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "team          {}", clean(&status.team));
    let _ = writeln!(text, "daemon        {}", doing(status));
    if let Some(next) = status.next_cycle {
        let _ = writeln!(text, "next cycle    {next:.0} ({})", from_now(status.now, next));
    }
    let last = status
        .last_success
        .map_or_else(|| "never".to_owned(), |at| format!("{at:.0} ({})", from_now(status.now, at)));
    let _ = writeln!(text, "last success  {last}");
    if let Some(quarantine) = &status.quarantine {
        let failures = quarantine.failures;
        let _ = writeln!(
            text,
            "quarantine    {failures} cycles failed in a row, next try {:.0}",
            quarantine.until
        );
        if let Some(trouble) = &quarantine.trouble {
            let _ = writeln!(text, "              {}", clean(&trouble.text));
            hint(&mut text, trouble.hint.as_deref());
        }
    }
    if let Some(trouble) = &status.reload_trouble {
        let _ = writeln!(text, "reload        refused: {}", clean(&trouble.text));
        hint(&mut text, trouble.hint.as_deref());
    }
    let budget = status.budget;
    let left =
        budget.remaining.map_or_else(String::new, |left| format!(", {left} left by the server's count"));
    let _ = writeln!(
        text,
        "budget        {} of {} requests used this hour, {} kept for others{left}",
        budget.used, budget.limit, budget.reserve
    );
    if status.open_intents > 0 {
        let _ = writeln!(
            text,
            "open          {} writes whose outcome is settled by the next cycle",
            status.open_intents
        );
    }
    for credential in &status.credentials {
        let when = credential.expires.map_or_else(
            || "expiry not known".to_owned(),
            |at| format!("expires {} ({})", at.strftime("%Y-%m-%d"), from_now(status.now, at)),
        );
        let _ = writeln!(text, "credential    {}: {when}", credential.name);
    }
    guard(&mut text, status);
    held(&mut text, &status.held);
    cycles(&mut text, &status.cycles);
    text
}

fn doing(status: &Status) -> String {
    let what = match status.doing {
        Doing::NotRunning => return "not running".to_owned(),
        Doing::Waiting => "waiting",
        Doing::Observing => "reading both sides",
        Doing::Planning => "planning",
        Doing::Applying => "applying",
        Doing::Stopping => "stopping",
    };
    let since = status.running_since.map_or_else(String::new, |at| format!(", running since {at:.0}"));
    format!("{what}{since}")
}

fn hint(text: &mut String, hint: Option<&str>) {
    if let Some(hint) = hint {
        let _ = writeln!(text, "              hint: {hint}");
    }
}

fn guard(text: &mut String, status: &Status) {
    let Some(guard) = &status.guard else { return };
    let _ = writeln!(text, "\nguard         {} since {:.0}", guard.guards.join(", "), guard.at);
    if guard.approved {
        let _ = writeln!(text, "              approved, released by the next cycle");
    } else {
        let _ = writeln!(
            text,
            "              hint: look at the entries below, then: rosterd approve {}",
            guard.digest
        );
    }
}

fn held(text: &mut String, held: &[Held]) {
    if held.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nheld");
    for entry in held {
        let whom = crate::engine::apply::whom(&entry.operation);
        let hold = &entry.hold;
        let _ = writeln!(
            text,
            "  {:<18} {:<32} {}: {}",
            entry.operation.kind.as_str(),
            clean(&whom),
            hold.reason,
            clean(&hold.detail)
        );
    }
}

fn cycles(text: &mut String, cycles: &[CycleReport]) {
    if cycles.is_empty() {
        return;
    }
    let _ = writeln!(text, "\nlast cycles");
    for cycle in cycles.iter().take(CYCLES) {
        let planned = cycle.summary.map_or(0, |summary| summary.operations());
        let held = cycle.summary.map_or(0, |summary| summary.held);
        let _ = writeln!(
            text,
            "  {:.0}  {:<9} {} of {planned} applied, {held} held",
            cycle.finished_at,
            cycle.result.as_str(),
            cycle.done.applied
        );
        if let Some(error) = &cycle.error {
            let _ = writeln!(text, "      {}", clean(&error.text));
        }
    }
}

/// `in 5 m`, `3 h ago`.
fn from_now(now: Timestamp, at: Timestamp) -> String {
    let away = at.duration_since(now);
    let span = span(away.abs());
    if away.is_negative() { format!("{span} ago") } else { format!("in {span}") }
}

fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `audit verify` as text.
pub(super) fn verified_text(verified: &Verified) -> String {
    let mut text = format!(
        "{} records in {} segments are as they were written, the oldest of {:.0}\nhead: {} sha256:{}\n",
        verified.records, verified.segments, verified.since, verified.head.seq, verified.head.hash
    );
    if verified.torn_bytes > 0 {
        let _ = writeln!(
            text,
            "a last record of {} bytes was never written whole; the next start cuts it off",
            verified.torn_bytes
        );
    }
    text
}

/// `state check` as text.
pub(super) fn check_text(report: &CheckReport) -> String {
    let mut text = match &report.journal {
        JournalHealth::Good(verified) => format!("journal: good, {} records\n", verified.records),
        JournalHealth::Missing => "journal: none yet; the first cycle matches seats by address\n".to_owned(),
        JournalHealth::Torn(verified) => format!(
            "journal: good, {} records; {} bytes of a last record that was never written whole are cut off by the next start\n",
            verified.records, verified.torn_bytes
        ),
        JournalHealth::Damaged { problem, hint } => format!("journal: DAMAGED: {problem}\nhint: {hint}\n"),
    };
    text.push_str(match &report.cache {
        CacheHealth::Good => "cache: good\n",
        CacheHealth::Missing => "cache: none; the next cycle reads both sides whole\n",
        CacheHealth::Damaged { .. } => {
            "cache: damaged; the next start sets it aside and the next cycle reads both sides whole\n"
        }
    });
    let _ = writeln!(text, "size: {} bytes", report.size_bytes);
    text
}

/// One record of the journal on one line.
pub(super) fn record_line(record: &Record) -> String {
    let actor = match record.actor {
        Actor::Daemon => "daemon".to_owned(),
        Actor::User(uid) => format!("uid {uid}"),
    };
    format!("{:>6}  {:.0}  {actor:<8} {}\n", record.seq, record.at, clean(&event_text(&record.event)))
}

fn event_text(event: &Event) -> String {
    match event {
        Event::CycleFinished { result, summary, error, .. } => {
            let planned = summary.map_or(0, |summary| summary.operations());
            let why = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            format!("cycle finished: {}, {planned} planned{why}", result.as_str())
        }
        Event::Intent { operation, .. } => format!("intent: {}", operation_text(operation)),
        Event::Outcome { outcome, request_id, .. } => {
            let request = request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
            format!("outcome: {}{request}", outcome_text(outcome))
        }
        Event::Linked { person, seat, by, name, .. } => {
            format!("linked: {} is {name} ({seat}), {}", person.name, link_text(*by))
        }
        Event::Unlinked { person } => format!("unlinked: {person}"),
        Event::Adopted { name, .. } => format!("adopted: {name}"),
        Event::Disowned { seat } => format!("no longer ours: {seat}"),
        Event::InvitationVanished { person } => format!("invitation vanished unexpired: {person}"),
        Event::AccountMapped { address, apple_account } => format!("account: {address} is {apple_account}"),
        Event::AccountUnmapped { address } => format!("account of {address} forgotten"),
        Event::AbsenceSeen { person, departure } => format!("absence seen: {person}, {}", departure.as_str()),
        Event::AbsenceCleared { person } => format!("back again: {person}"),
        Event::HeldBack { held, .. } => {
            format!("held: {}: {}: {}", operation_text(&held.operation), held.hold.reason, held.hold.detail)
        }
        Event::HoldEnded { key } => format!("no longer held: {key}"),
        Event::GuardTripped { digest, guards, entries } => {
            format!("guard: {} hold {} entries of {digest}", guards.join(", "), entries.len())
        }
        Event::Approved { digest, entries, expires } => {
            format!("approved: {} entries of {digest} until {expires:.0}", entries.len())
        }
        Event::ApprovalSpent { digest } => format!("approval used: {digest}"),
        Event::PlanSpent { digest, .. } => format!("saved plan applied: {digest}"),
        Event::Checkpoint { ledger } => format!("checkpoint: {} links", ledger.links.len()),
    }
}

fn operation_text(operation: &Operation) -> String {
    let why = operation.reasons.first().map(|reason| format!(", {reason}")).unwrap_or_default();
    format!("{} {}{why}", operation.kind, crate::engine::apply::whom(operation))
}

fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Applied { seat, .. } => match seat {
            Some(seat) => format!("applied, seat {seat}"),
            None => "applied".to_owned(),
        },
        Outcome::AlreadySo { .. } => "it was so already".to_owned(),
        Outcome::Failed { error } => format!("failed: {error}"),
        Outcome::Withdrawn { detail } => format!("withdrawn: {detail}"),
        Outcome::Unknown { error } => format!("not known yet: {error}"),
        Outcome::NotApplied { detail } => format!("had no effect: {detail}"),
    }
}

fn link_text(by: LinkBy) -> &'static str {
    match by {
        LinkBy::Invited => "invited",
        LinkBy::Address => "matched by address",
        LinkBy::AppleAccount => "matched by the apple account attribute",
        LinkBy::Manual => "linked by hand",
        LinkBy::Accepted => "accepted our invitation",
    }
}
