//! What differs between a plan that was shown and one made now: the answer to "why is my saved plan refused?".

use std::collections::BTreeMap;

use crate::model::ledger::{entry_key, hold_key};
use crate::model::{Held, Hold, Operation, Plan};

/// One line for each entry that appeared, went or changed; empty when both say the same.
pub fn between(old: &Plan, new: &Plan) -> Vec<String> {
    let (before, after) = (entries(old), entries(new));
    let mut lines = Vec::new();
    if old.team != new.team {
        lines.push(format!("team: {} became {}", old.team, new.team));
    }
    for (key, entry) in &before {
        match after.get(key) {
            None => lines.push(format!("no longer planned: {}", entry.describe())),
            Some(now) if now.differs(entry) => lines.push(now.describe_change(entry)),
            Some(_) => {}
        }
    }
    let appeared = after.iter().filter(|(key, _)| !before.contains_key(*key));
    lines.extend(appeared.map(|(_, entry)| format!("new: {}", entry.describe())));
    if lines.is_empty() && old.digest != new.digest {
        lines.push("the same entries in another order".to_owned());
    }
    lines
}

/// One line for each operation, for a caller of whose plan nothing is known; never empty.
pub fn planned(plan: &Plan) -> Vec<String> {
    if plan.operations.is_empty() {
        return vec!["nothing is planned now".to_owned()];
    }
    let entries = plan.operations.iter().map(|operation| Entry { operation, hold: None });
    entries.map(|entry| format!("planned now: {}", entry.describe())).collect()
}

struct Entry<'a> {
    operation: &'a Operation,
    hold: Option<&'a Hold>,
}

fn entries(plan: &Plan) -> BTreeMap<String, Entry<'_>> {
    let done = plan.operations.iter().map(|operation| Entry { operation, hold: None });
    let held = plan.held.iter().map(|Held { operation, hold }| Entry { operation, hold: Some(hold) });
    done.chain(held).map(|entry| (hold_key(entry.operation), entry)).collect()
}

impl Entry<'_> {
    fn differs(&self, other: &Self) -> bool {
        self.hold != other.hold
            || entry_key(self.operation) != entry_key(other.operation)
            || self.operation != other.operation
    }

    /// Where the same is done for other reasons, or to another shade of access, only that tells the two apart.
    fn describe_change(&self, before: &Self) -> String {
        let (now, was) = (self.describe(), before.describe());
        if now != was {
            return format!("changed: {now}, was: {was}");
        }
        let reasons = |entry: &Self| entry.operation.reasons.join("; ");
        match (reasons(self), reasons(before)) {
            (now_for, was_for) if now_for != was_for => {
                format!("changed: {now}, because: {now_for}, was because: {was_for}")
            }
            (_, _) => format!("changed: {now}, with other apps, flags or names than before"),
        }
    }

    fn describe(&self) -> String {
        let Operation { kind, person, target, after, .. } = self.operation;
        let email = person.as_ref().and_then(|person| person.email.as_ref());
        let who = match (email, person, &target.name, &target.id) {
            (Some(email), ..) => email.to_string(),
            (None, Some(person), ..) => person.id.to_string(),
            (None, None, Some(name), _) => name.to_string(),
            (None, None, None, id) => id.clone().unwrap_or_default(),
        };
        let roles = after.as_ref().map(|access| {
            let roles: Vec<&str> = access.roles.iter().map(|role| role.as_str()).collect();
            format!(" to {}", roles.join(", "))
        });
        let hold = self.hold.map(|hold| format!(" (held, {}: {})", hold.reason, hold.detail));
        format!("{kind} {who}{}{}", roles.unwrap_or_default(), hold.unwrap_or_default())
    }
}
