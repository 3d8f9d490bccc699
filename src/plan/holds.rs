//! What waits, told once: an entry is news when it is held for the first time or for another reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ledger::hold_key;
use crate::model::{Event, Held, HoldReason, Plan};

use super::Input;

/// Holds that began, changed or ended with this plan, and the set that guards hold.
pub(super) fn findings(input: &Input<'_>, plan: &Plan, guards: &[String]) -> Vec<Event> {
    let now: BTreeMap<String, &Held> =
        plan.held.iter().map(|held| (hold_key(&held.operation), held)).collect();
    let known = &input.ledger.holds;
    // What was held at the last look is planned again, and held until that look agrees: the intent ends it.
    let tried: BTreeSet<String> = plan.operations.iter().map(hold_key).collect();
    let ended = known.iter().filter(|(key, hold)| {
        let looked_at = hold.reason == HoldReason::IncompleteRead && tried.contains(*key);
        !now.contains_key(*key) && !looked_at
    });
    let mut events: Vec<Event> = ended.map(|(key, _)| Event::HoldEnded { key: key.clone() }).collect();
    let begun = now.iter().filter(|(key, held)| known.get(*key) != Some(&held.hold));
    events
        .extend(begun.map(|(_, held)| Event::HeldBack { plan: plan.digest.clone(), held: (*held).clone() }));
    let entries: Vec<Held> =
        plan.held.iter().filter(|held| held.hold.reason.is_approvable()).cloned().collect();
    let shown = input.ledger.guarded.last().is_some_and(|set| set.digest == plan.digest);
    if !entries.is_empty() && !shown {
        events.push(Event::GuardTripped { digest: plan.digest.clone(), guards: guards.to_vec(), entries });
    }
    events
}
