//! Decisions for the audit: what waits that did not wait before, what waits no longer, what guards hold.

use std::collections::BTreeMap;

use crate::model::ledger::hold_key;
use crate::model::{Event, Held, Ledger};
use crate::plan::Planned;

/// The facts that a plan's held entries add to the journal; nothing while they stay the same, so that a quiet cycle is
/// quiet there too.
pub fn changes(ledger: &Ledger, planned: &Planned) -> Vec<Event> {
    let plan = &planned.plan;
    let held: BTreeMap<String, &Held> =
        plan.held.iter().map(|held| (hold_key(&held.operation), held)).collect();
    let mut events = Vec::new();
    for (key, entry) in &held {
        if ledger.holds.get(key) != Some(&text_of(entry)) {
            events.push(Event::HeldBack { plan: plan.digest.clone(), held: (*entry).clone() });
        }
    }
    for key in ledger.holds.keys().filter(|key| !held.contains_key(*key)) {
        events.push(Event::HoldEnded { key: key.clone() });
    }
    let guarded: Vec<Held> =
        plan.held.iter().filter(|held| held.hold.reason.is_approvable()).cloned().collect();
    let known = ledger.guarded.last().is_some_and(|set| set.digest == plan.digest);
    if !guarded.is_empty() && !known {
        events.push(Event::GuardTripped {
            digest: plan.digest.clone(),
            guards: planned.guards.clone(),
            entries: guarded,
        });
    }
    events
}

/// What the ledger remembers of a hold.
pub fn text_of(held: &Held) -> String {
    format!("{}: {}", held.hold.reason, held.hold.detail)
}
