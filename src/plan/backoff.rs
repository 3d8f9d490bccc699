//! When something that failed is tried again. One person's back-off is nobody else's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::model::ledger::{Backoff, OpenIntent, subject_key};
use crate::model::{Hold, HoldReason, Operation};

use super::Input;
use super::change::Change;

/// The wait after the first, second, … failure; the last one stands for all that follow.
const LADDER: [SignedDuration; 6] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(15),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(12),
    SignedDuration::from_hours(24),
];

/// What may help against a refusal of somebody without apps.
const WITHOUT_APPS: &str = "; where Apple wants an app, name one in the rule's apps, or invite them by hand";

/// When the next try is due.
pub fn retry_at(backoff: &Backoff) -> Timestamp {
    let step = usize::try_from(backoff.failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = LADDER[step.min(LADDER.len() - 1)];
    backoff.last.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// Holds what failed lately, and whatever would follow a request whose outcome nobody knows yet.
pub(super) fn hold(input: &Input<'_>, changes: &mut [Change]) {
    let open: BTreeMap<String, &OpenIntent> =
        input.ledger.open_intents.values().map(|open| (subject_key(&open.operation), open)).collect();
    for change in changes.iter_mut().filter(|change| change.hold.is_none()) {
        let Some(subject) = change.operations.first().map(subject_key) else { continue };
        if let Some(open) = open.get(&subject) {
            let why = open.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            let detail = format!("the outcome of an earlier request is not known yet{why}");
            change.hold = Some(Hold::new(HoldReason::IncompleteRead, detail));
        } else if let Some(backoff) = input.ledger.backoffs.get(&subject) {
            let next = retry_at(backoff);
            // A failure in the future was noted by a clock that was wrong.
            if backoff.last <= input.now && input.now < next {
                let Backoff { failures, error, .. } = backoff;
                let times = if *failures == 1 { "once".to_owned() } else { format!("{failures} times") };
                let cure = if lacks_apps(error, &change.operations) { WITHOUT_APPS } else { "" };
                let detail = format!("failed {times}: {error}{cure}; next try {next}");
                change.hold = Some(Hold::new(HoldReason::Backoff, detail));
            }
        }
    }
}

/// Apple refused, in words about apps, somebody who was to have none. Whether it takes that is not documented.
fn lacks_apps(error: &str, operations: &[Operation]) -> bool {
    let none = operations.iter().filter_map(|operation| operation.after.as_ref()).any(|after| {
        after.all_apps_visible == Some(false) && after.visible_apps.as_ref().is_some_and(BTreeSet::is_empty)
    });
    let said = error.to_lowercase();
    none && ["apps", "visible app"].iter().any(|words| said.contains(words))
}
