//! Guards look at the whole plan before the first write: what is protected, what rests on an incomplete read, and what
//! is too much to do without a second look. A tripped guard holds all that it counts, never just the surplus, so that
//! nobody has to guess which half was done.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::model::ledger::entry_key;
use crate::model::policy::NewAdmins;
use crate::model::{Address, Hold, HoldReason, Operation, PersonRef, TeamSnapshot, UnreadPart};

use super::Input;
use super::change::Change;
use super::diff::Context;

/// Nobody protected is touched, and the Account Holder is not even spoken of unless something would be done to them.
pub(super) fn protect(context: &Context<'_, '_>, changes: &mut Vec<Change>) {
    let reported =
        |change: &Change| change.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Unmanaged);
    changes.retain(|change| !(is_account_holder(change) && reported(change)));
    for change in changes.iter_mut().filter(|change| !reported(change)) {
        if is_account_holder(change) {
            change.hold = Some(Hold::new(HoldReason::Protected, "the Account Holder"));
        } else if let Some(pattern) = protected_by(context, change) {
            change.hold = Some(Hold::new(HoldReason::Protected, format!("guard.protected: {pattern}")));
        }
    }
}

fn is_account_holder(change: &Change) -> bool {
    let before = change.operations.iter().filter_map(|operation| operation.before.as_ref());
    before.into_iter().any(|access| access.is_account_holder())
}

fn protected_by<'c>(context: &'c Context<'_, '_>, change: &Change) -> Option<&'c str> {
    let globs = &context.input.policy.guard.protected;
    let of = |operation: &Operation| {
        let invited = operation.invitee.as_ref().map(|invitee| &invitee.email);
        let mut names = operation.target.name.iter().chain(invited);
        // The person whose address the seat's name is counts too: it may be linked to somebody who had it before.
        let everybody = context.input.directory.people();
        let others = names.clone().flat_map(|name| context.people.named(name));
        let which = context.input.policy.access.match_addresses;
        let mut others = others.flat_map(|at| everybody[at].addresses.matching(which));
        let by_others = others.find_map(|name| globs.matching(name));
        by_others.or_else(|| match &operation.person {
            Some(person) => protects(context, person, names),
            None => names.find_map(|name| globs.matching(name)),
        })
    };
    change.operations.iter().find_map(of)
}

/// The glob that protects a person, by one of these names or an address of theirs that may find a seat: those who could write
/// a protected address into their own profile could never be removed.
pub(super) fn protects<'c, 'n>(
    context: &'c Context<'_, '_>,
    person: &PersonRef,
    names: impl IntoIterator<Item = &'n Address>,
) -> Option<&'c str> {
    let globs = &context.input.policy.guard.protected;
    let entry = context.input.directory.person(&person.id);
    let which = context.input.policy.access.match_addresses;
    let mut known = entry.iter().flat_map(|entry| entry.addresses.matching(which)).chain(&person.email);
    known
        .find_map(|name| globs.matching(name))
        .or_else(|| names.into_iter().find_map(|name| globs.matching(name)))
}

/// Promise 1: nothing is taken away on the strength of a read that was not complete.
pub(super) fn hold_incomplete(context: &Context<'_, '_>, changes: &mut [Change]) {
    let team = context.input.team;
    for change in changes.iter_mut().filter(|change| change.hold.is_none()) {
        change.hold = change.operations.iter().find_map(|operation| unread_seat(team, operation));
    }
    let which = match (context.directory.is_complete(), !team.is_cut()) {
        (true, true) => return,
        (false, true) => "the directory was not read completely",
        (true, false) => "the team was not read completely",
        (false, false) => "neither side was read completely",
    };
    for change in changes.iter_mut().filter(|change| change.hold.is_none() && change.revokes()) {
        change.hold = Some(Hold::new(HoldReason::IncompleteRead, which));
    }
}

/// A seat of which something could not be read holds what concerns it, whatever that is.
fn unread_seat(team: &TeamSnapshot, operation: &Operation) -> Option<Hold> {
    let detail = match team.unread_part(&operation.target.seat_id()?)? {
        UnreadPart::Record => "their seat could not be read",
        UnreadPart::Apps => "the apps of their seat could not be read",
    };
    Some(Hold::new(HoldReason::IncompleteRead, detail))
}

/// What one answer of the directory says and another denies takes nothing away from whom it is said of.
pub(super) fn hold_contradicted(context: &Context<'_, '_>, changes: &mut [Change]) {
    if context.input.directory.claims.is_empty() {
        return;
    }
    // Who leaves is judged where leavers are; here it is about what rules give to those who stay.
    let keeps_seat =
        |change: &&mut Change| change.operations.iter().any(|operation| operation.after.is_some());
    for change in
        changes.iter_mut().filter(|change| change.hold.is_none() && change.revokes()).filter(keeps_seat)
    {
        let person = change.operations.iter().find_map(|operation| operation.person.as_ref());
        let at = person.and_then(|person| context.position(&person.id));
        if let Some(words) = at.and_then(|at| context.scope.contradiction_of_rules(at)) {
            change.hold = Some(Hold::new(HoldReason::IncompleteRead, words));
        }
    }
}

/// Weighs what is left, and releases what was approved. Returns the keys of `[guard]` that hold something.
pub(super) fn weigh(context: &Context<'_, '_>, in_scope: u64, changes: &mut [Change]) -> Vec<String> {
    let input = context.input;
    let approvals = Approvals::new(input);
    let mut guards = BTreeSet::new();
    // Counted first: what waits as a new administrator and takes something else away is still one of them.
    let revocations = changes.iter().filter(|change| change.hold.is_none() && change.revokes()).count();
    let admins = hold_new_admins(input, changes, &approvals);
    guards.extend(admins.then_some("new_admins"));
    let open = |change: &&mut Change| change.hold.is_none();
    let shrunk = context.directory.is_complete() && has_shrunk(input, in_scope);
    let tripped: Vec<&str> = [
        ("removals_max", exceeds_cycle(input, revocations)),
        ("removals_max_per_day", exceeds_day(input, revocations)),
        ("source_shrink_percent", shrunk && revocations > 0),
    ]
    .into_iter()
    .filter_map(|(key, trips)| trips.then_some(key))
    .collect();
    let few_admins = leaves_too_few_admins(input, changes);
    let (mut held, mut released) = (0_usize, 0_usize);
    for change in changes.iter_mut().filter(open) {
        let mut keys = if change.revokes() { tripped.clone() } else { Vec::new() };
        keys.extend((few_admins && change.admins() < 0).then_some("admins_min"));
        if keys.is_empty() {
            continue;
        }
        if approvals.release(change) {
            released += 1;
        } else {
            held += 1;
            change.hold = Some(Hold::new(HoldReason::Guard, keys.join(", ")));
            guards.extend(keys);
        }
    }
    // A scope that shrank is not the new measure until somebody has said that it should be.
    if shrunk && (held > 0 || released == 0) {
        guards.insert("source_shrink_percent");
    }
    guards.into_iter().map(str::to_owned).collect()
}

/// Holds whatever would make somebody an administrator; true when something is held.
fn hold_new_admins(input: &Input<'_>, changes: &mut [Change], approvals: &Approvals<'_>) -> bool {
    match input.policy.guard.new_admins {
        NewAdmins::Allow => return false,
        NewAdmins::Hold => {}
    }
    let mut holds = false;
    for change in changes.iter_mut().filter(|change| change.hold.is_none() && change.gives_admin()) {
        if !approvals.release(change) {
            holds = true;
            change.hold = Some(Hold::new(HoldReason::NewAdmin, "they would become an administrator"));
        }
    }
    holds
}

/// More than the larger of the number and the share; 0 asks before any.
fn exceeds_cycle(input: &Input<'_>, revocations: usize) -> bool {
    let guard = &input.policy.guard;
    let share = u64::try_from(input.team.members.len())
        .unwrap_or(u64::MAX)
        .saturating_mul(guard.removals_max_percent.into())
        / 100;
    let allowed = if guard.removals_max == 0 { 0 } else { share.max(guard.removals_max.into()) };
    wide(revocations) > allowed
}

fn exceeds_day(input: &Input<'_>, revocations: usize) -> bool {
    let since = input.now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(jiff::Timestamp::MIN);
    let done = input.ledger.revocations.iter().filter(|at| **at > since).count();
    revocations > 0 && wide(done) + wide(revocations) > input.policy.guard.removals_max_per_day.into()
}

/// Fewer people in scope than at the last cycle that counts, by the configured share or more.
fn has_shrunk(input: &Input<'_>, in_scope: u64) -> bool {
    let Some(baseline) = input.ledger.scope_baseline else { return false };
    let lost = baseline.saturating_sub(in_scope);
    let percent = u64::from(input.policy.guard.source_shrink_percent);
    lost > 0 && lost.saturating_mul(100) >= baseline.saturating_mul(percent)
}

/// Counts members with ADMIN after all that is not held for other reasons; a plan that takes none away is not to blame.
fn leaves_too_few_admins(input: &Input<'_>, changes: &[Change]) -> bool {
    let open = || changes.iter().filter(|change| change.hold.is_none());
    let before = input.team.members.iter().filter(|member| member.access.is_admin()).count();
    let after = i64::try_from(before).unwrap_or(i64::MAX).saturating_add(open().map(Change::admins).sum());
    after < input.policy.guard.admins_min.into() && open().any(|change| change.admins() < 0)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What approvals that are still good name, each by itself.
struct Approvals<'a>(Vec<BTreeSet<&'a str>>);

impl<'a> Approvals<'a> {
    fn new(input: &Input<'a>) -> Self {
        let good = input.ledger.approvals.iter().filter(|approval| input.now < approval.expires);
        Self(good.map(|approval| approval.entries.iter().map(String::as_str).collect()).collect())
    }

    /// True when one approval names every half of this change exactly as it is now.
    fn release(&self, change: &Change) -> bool {
        let keys: Vec<String> = change.operations.iter().map(entry_key).collect();
        self.0.iter().any(|entries| keys.iter().all(|key| entries.contains(key.as_str())))
    }
}
