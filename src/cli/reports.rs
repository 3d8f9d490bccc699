//! Text of `audit` and `state check` for people.

use std::fmt::Write as _;

use crate::model::event::{Actor, LinkBy};
use crate::model::text::printable;
use crate::model::{Event, Operation, Outcome};
use crate::state::{CacheHealth, CheckReport, Forgotten, JournalHealth, Record, Verified};

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

/// `audit forget` as text.
pub(super) fn forgotten_text(forgotten: &Forgotten) -> String {
    let Some(seq) = forgotten.seq else { return "no record names them any more\n".to_owned() };
    format!(
        "{} records say {} now, and record {seq} says which they are; `rosterd audit verify` finds the chain whole\n\
         the cache was emptied: the next cycle reads both sides in full\n\
         not reached: saved plans, exports, backups and logs elsewhere; while the directory or the team lists them, the \
         next cycle may name them again\n",
        forgotten.records, forgotten.pseudonym
    )
}

/// One record of the journal on one line.
pub(super) fn record_line(record: &Record) -> String {
    let actor = match record.actor {
        Actor::Daemon => "daemon".to_owned(),
        Actor::User(uid) => format!("uid {uid}"),
    };
    format!("{:>6}  {:.0}  {actor:<8} {}\n", record.seq, record.at, printable(&event_text(&record.event)))
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
            let outcome = outcome_text(outcome);
            // A refusal's own words name the request already.
            let unnamed = request_id.as_ref().filter(|id| !outcome.contains(id.as_str()));
            let request = unnamed.map(|id| format!(" (request {id})")).unwrap_or_default();
            format!("outcome: {outcome}{request}")
        }
        Event::Linked { person, seat, by, name, .. } => {
            format!("linked: {} is {name} ({seat}), {}", person.name, link_text(*by))
        }
        Event::Unlinked { person } => format!("unlinked: {person}"),
        Event::Adopted { name, person: Some(person), .. } => {
            format!("left behind by {person}, and ours: {name}")
        }
        Event::Adopted { name, person: None, .. } => format!("adopted: {name}"),
        Event::Disowned { seat } => format!("no longer ours: {seat}"),
        Event::SeatLost { person } => format!("no list shows the seat of {person} any more"),
        Event::SeatReturned { seat } => format!("listed again, so it is ours as before: {seat}"),
        Event::SeatGone { seat } => format!("no longer listed: {seat}"),
        Event::InvitationVanished { person } => format!("invitation vanished unexpired: {person}"),
        Event::AccountMapped { address, apple_account } => format!("account: {address} is {apple_account}"),
        Event::AccountUnmapped { address } => format!("account of {address} forgotten"),
        Event::AbsenceSeen { person, departure } => format!("absence seen: {person}, {}", departure.as_str()),
        Event::PersonChanged { person } => {
            let email = person.email.as_ref().map_or("without an address".to_owned(), ToString::to_string);
            format!("called otherwise now: {}, {email}", person.name)
        }
        Event::AbsenceCleared { person } => format!("back again: {person}"),
        Event::HeldBack { held, .. } => {
            format!("held: {}: {}: {}", operation_text(&held.operation), held.hold.reason, held.hold.detail)
        }
        Event::HoldEnded { key } => format!("no longer held: {key}"),
        Event::KeyRefused { subject } => format!("the API key was refused: {subject}"),
        Event::GuardTripped { digest, guards, entries } => {
            format!("guard: {} hold {} entries of {digest}", guards.join(", "), entries.len())
        }
        Event::Approved { digest, entries, expires } => {
            format!("approved: {} entries of {digest} until {expires:.0}", entries.len())
        }
        Event::ApprovalSpent { digest } => format!("approval used: {digest}"),
        Event::PlanSpent { digest, .. } => format!("saved plan applied: {digest}"),
        Event::HistoryAccepted { records } => {
            format!("journal accepted without its HEAD, up to record {records}")
        }
        Event::PersonForgotten { pseudonym, records } => {
            format!("forgotten: {} records say {pseudonym} where they named somebody", records.len())
        }
        Event::Checkpoint { ledger } => format!("checkpoint: {} links", ledger.links.len()),
    }
}

fn operation_text(operation: &Operation) -> String {
    let why = operation.reasons.first().map(|reason| format!(", {reason}")).unwrap_or_default();
    format!("{} {}{why}", operation.kind, crate::engine::writes::whom(operation))
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
