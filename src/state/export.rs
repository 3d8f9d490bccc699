//! `state export`, `state import` and `state check`: the ledger as JSON Lines, for backup, moving and support.
//!
//! A header line with the schema, one line for each entry, and a last line with their number, so that half a file is
//! not taken for a whole one.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::chain::Head;
use super::error::StateError;
use crate::model::Hold;
use crate::model::id::{Address, PersonId};
use crate::model::ledger::{
    Absence, Approval, Backoff, Departed, GuardedSet, Ledger, Link, OpenIntent, OwnedSeat, Reservation,
};

/// The schema name of an export.
pub(super) const SCHEMA: &str = "rosterd.state/1";

#[derive(Serialize, Deserialize)]
struct Header {
    schema: String,
    exported_at: Timestamp,
    /// The journal's last record at that time.
    head: Head,
}

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Entry {
    Link { person: PersonId, link: Link },
    Owned { key: String, seat: OwnedSeat },
    Departed { departed: Box<Departed> },
    Account { address: String, apple_account: Address },
    Absence { person: PersonId, absence: Absence },
    Backoff { subject: String, backoff: Backoff },
    Refused { subject: String },
    Reservation { address: String, reservation: Reservation },
    Revocation { at: Timestamp },
    ScopeBaseline { people: u64 },
    Approval { approval: Approval },
    Guarded { set: GuardedSet },
    OpenIntent { open: OpenIntent },
    Hold { key: String, hold: Hold },
    BegunPlan { digest: String, created_at: Timestamp },
    SpentPlan { digest: String, created_at: Timestamp },
    End { entries: usize },
}

/// Writes a ledger; returns the number of entries.
pub(super) fn export(
    ledger: &Ledger,
    head: Head,
    now: Timestamp,
    out: &mut impl Write,
) -> Result<usize, StateError> {
    let header = Header { schema: SCHEMA.to_owned(), exported_at: now, head };
    put(out, &header)?;
    let entries = entries(ledger.clone());
    let count = entries.len();
    for entry in &entries {
        put(out, entry)?;
    }
    put(out, &Entry::End { entries: count })?;
    out.flush().map_err(StateError::io("write", Path::new("output")))?;
    Ok(count)
}

fn put(out: &mut impl Write, value: &impl Serialize) -> Result<(), StateError> {
    let mut line = serde_json::to_vec(value).map_err(StateError::Encode)?;
    line.push(b'\n');
    out.write_all(&line).map_err(StateError::io("write", Path::new("output")))
}

/// Names every field, so that a new one cannot be forgotten here.
fn entries(ledger: Ledger) -> Vec<Entry> {
    let Ledger {
        links,
        owned,
        departed,
        accounts,
        absences,
        backoffs,
        refused,
        reservations,
        revocations,
        scope_baseline,
        approvals,
        guarded,
        open_intents,
        holds,
        begun_plans,
        spent_plans,
    } = ledger;
    let mut entries = Vec::new();
    let links = BTreeMap::from(links).into_iter();
    entries.extend(links.map(|(person, link)| Entry::Link { person, link }));
    entries.extend(owned.into_iter().map(|(key, seat)| Entry::Owned { key, seat }));
    entries.extend(departed.into_values().map(|seat| Entry::Departed { departed: Box::new(seat) }));
    entries.extend(
        accounts.into_iter().map(|(address, apple_account)| Entry::Account { address, apple_account }),
    );
    entries.extend(absences.into_iter().map(|(person, absence)| Entry::Absence { person, absence }));
    entries.extend(backoffs.into_iter().map(|(subject, backoff)| Entry::Backoff { subject, backoff }));
    entries.extend(refused.into_iter().map(|subject| Entry::Refused { subject }));
    entries.extend(
        reservations.into_iter().map(|(address, reservation)| Entry::Reservation { address, reservation }),
    );
    entries.extend(revocations.into_iter().map(|at| Entry::Revocation { at }));
    entries.extend(scope_baseline.map(|people| Entry::ScopeBaseline { people }));
    entries.extend(approvals.into_iter().map(|approval| Entry::Approval { approval }));
    entries.extend(guarded.into_iter().map(|set| Entry::Guarded { set }));
    entries.extend(open_intents.into_values().map(|open| Entry::OpenIntent { open }));
    entries.extend(holds.into_iter().map(|(key, hold)| Entry::Hold { key, hold }));
    entries
        .extend(begun_plans.into_iter().map(|(digest, created_at)| Entry::BegunPlan { digest, created_at }));
    entries
        .extend(spent_plans.into_iter().map(|(digest, created_at)| Entry::SpentPlan { digest, created_at }));
    entries
}

/// Reads an export back, whole or not at all.
pub(super) fn read(input: impl BufRead) -> Result<Ledger, StateError> {
    let mut lines = input.lines().enumerate().map(|(index, line)| (index + 1, line));
    let (_, first) = lines.next().ok_or_else(|| refuse(1, "the file is empty"))?;
    check_header(&first.map_err(|error| refuse(1, &error.to_string()))?)?;
    let mut ledger = Ledger::default();
    let mut last = 1;
    for (number, line) in lines {
        let line = line.map_err(|error| refuse(number, &error.to_string()))?;
        let entry = serde_json::from_str(&line).map_err(|error| refuse(number, &error.to_string()))?;
        last = number;
        match entry {
            Entry::End { entries } if entries == number - 2 => return Ok(ledger),
            Entry::End { entries } => {
                return Err(refuse(number, &format!("{} entries, {entries} were exported", number - 2)));
            }
            entry => take(&mut ledger, entry),
        }
    }
    Err(refuse(last + 1, "the file ends early"))
}

fn check_header(line: &str) -> Result<(), StateError> {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
        #[serde(default)]
        redacted: bool,
    }
    match serde_json::from_str::<Named>(line) {
        Ok(Named { redacted: true, .. }) => {
            Err(refuse(1, "it was made with --redact: who is who cannot be told from it"))
        }
        Ok(named) if named.schema == SCHEMA => Ok(()),
        Ok(named) => Err(refuse(1, &format!("schema {:?} where {SCHEMA:?} should be", named.schema))),
        Err(_) => Err(refuse(1, "not an export of the state")),
    }
}

fn refuse(line: usize, problem: &str) -> StateError {
    StateError::Import { line, problem: problem.to_owned() }
}

fn take(ledger: &mut Ledger, entry: Entry) {
    match entry {
        Entry::Link { person, link } => drop(ledger.links.insert(person, link)),
        Entry::Owned { key, seat } => drop(ledger.owned.insert(key, seat)),
        Entry::Departed { departed } => ledger.give_up(*departed),
        Entry::Account { address, apple_account } => drop(ledger.accounts.insert(address, apple_account)),
        Entry::Absence { person, absence } => drop(ledger.absences.insert(person, absence)),
        Entry::Backoff { subject, backoff } => drop(ledger.backoffs.insert(subject, backoff)),
        Entry::Refused { subject } => drop(ledger.refused.insert(subject)),
        Entry::Reservation { address, reservation } => {
            ledger.reservations.insert(address, reservation);
        }
        Entry::Revocation { at } => ledger.revocations.push(at),
        Entry::ScopeBaseline { people } => ledger.scope_baseline = Some(people),
        Entry::Approval { approval } => ledger.approvals.push(approval),
        Entry::Guarded { set } => ledger.guarded.push(set),
        Entry::OpenIntent { open } => drop(ledger.open_intents.insert(open.intent.0.clone(), open)),
        Entry::Hold { key, hold } => drop(ledger.holds.insert(key, hold)),
        Entry::BegunPlan { digest, created_at } => ledger.begun_plans.push((digest, created_at)),
        Entry::SpentPlan { digest, created_at } => ledger.spent_plans.push((digest, created_at)),
        Entry::End { .. } => {}
    }
}

/// Writes without a known outcome that an import would forget.
pub(super) fn forgotten(now: &Ledger, imported: &Ledger) -> usize {
    now.open_intents.keys().filter(|intent| !imported.open_intents.contains_key(*intent)).count()
}
