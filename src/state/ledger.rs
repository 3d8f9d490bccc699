//! The fold: what each record of the journal does to the ledger. Pure, and total: a record that no longer fits
//! (an outcome without an intent, a link that is gone) changes nothing.

use jiff::{SignedDuration, Timestamp};

use crate::model::event::{Departure, Event, IntentId, LinkBy, Outcome};
use crate::model::id::{Address, PersonId, SeatId};
use crate::model::ledger::{
    Absence, Approval, Backoff, Departed, GuardedSet, Ledger, Link, OpenIntent, OwnedSeat, Reservation,
    SPENT_KEPT, entry_key, hold_key, is_revocation, narrows, subject_key,
};
use crate::model::operation::{Kind, Operation, PersonRef};

/// Sets that guards held; `approve` and `status` look at the newest.
const GUARDED_KEPT: usize = 8;
/// The guards look at a rolling day.
const REVOCATIONS_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Beyond any `lifecycle.reuse_window` that makes sense.
const RESERVATIONS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 366);
/// The ladder ends at a day: what was not tried for this long is no longer planned.
const BACKOFFS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Takes one record in.
pub fn fold(ledger: &mut Ledger, at: Timestamp, event: &Event) {
    match event {
        Event::CycleFinished { in_scope, .. } => {
            ledger.scope_baseline = in_scope.or(ledger.scope_baseline);
            prune(ledger, at);
        }
        Event::Intent { intent, plan, operation } => open(ledger, at, intent, plan, operation),
        Event::Outcome { intent, outcome, .. } => settle(ledger, at, intent, outcome),
        Event::Linked { person, seat, by, name, access, expires } => {
            claim(ledger, at, person, seat, *by, name, |link| {
                link.expires = expires.or(link.expires);
                link.applied = access.clone().or(link.applied.take());
            });
        }
        Event::Unlinked { person } => {
            ledger.links.remove(person);
            ledger.absences.remove(person);
            let theirs = |link: &Link| link.person.id == *person;
            ledger.departed.retain(|_, departed| !departed.link.as_ref().is_some_and(theirs));
        }
        Event::Adopted { seat, name, person } => adopt(ledger, seat, name, person.as_ref()),
        Event::Disowned { seat } => forget_seat(ledger, seat),
        Event::SeatLost { person } => lose(ledger, at, person),
        Event::SeatReturned { seat } => ledger.take_back(seat),
        Event::SeatGone { seat } => drop(ledger.departed.remove(seat.as_str())),
        Event::InvitationVanished { person } => {
            ledger.links.change(person, |link| {
                link.seat = None;
                link.awaiting_link = true;
            });
        }
        Event::AccountMapped { address, apple_account } => {
            ledger.accounts.insert(address.folded().to_owned(), apple_account.clone());
        }
        Event::AccountUnmapped { address } => {
            ledger.accounts.remove(address.folded());
        }
        Event::PersonChanged { person } => {
            ledger.links.change(&person.id, |link| link.person = person.clone())
        }
        Event::AbsenceSeen { person, departure } => miss(ledger, at, person, *departure),
        Event::AbsenceCleared { person } => {
            ledger.absences.remove(person);
        }
        Event::HeldBack { held, .. } => {
            ledger.holds.insert(hold_key(&held.operation), held.hold.clone());
        }
        Event::HoldEnded { key } => {
            ledger.holds.remove(key);
        }
        Event::KeyRefused { subject } => drop(ledger.refused.insert(subject.clone())),
        Event::GuardTripped { digest, guards, entries } => {
            let (digest, guards, entries) = (digest.clone(), guards.clone(), entries.clone());
            ledger.guarded.push(GuardedSet { digest, guards, entries, at });
            keep_newest(&mut ledger.guarded, GUARDED_KEPT);
        }
        Event::Approved { digest, entries, expires } => {
            spend_approval(ledger, digest);
            let (digest, entries) = (digest.clone(), entries.clone());
            ledger.approvals.push(Approval { digest, entries, expires: *expires });
        }
        Event::ApprovalSpent { digest } => spend_approval(ledger, digest),
        Event::PlanSpent { digest, created_at } => begin_saved(ledger, digest, *created_at),
        Event::HistoryAccepted { .. } | Event::PersonForgotten { .. } => {}
        Event::Checkpoint { ledger: whole } => ledger.clone_from(whole),
    }
}

fn adopt(ledger: &mut Ledger, seat: &SeatId, name: &Address, person: Option<&PersonId>) {
    // A linked seat is ours already, and its person's.
    if ledger.person_of(seat).is_none() {
        let owned = OwnedSeat { seat: seat.clone(), name: name.clone(), person: person.cloned() };
        ledger.owned.insert(seat.as_str().to_owned(), owned);
    }
}

fn miss(ledger: &mut Ledger, at: Timestamp, person: &PersonId, departure: Departure) {
    let first = Absence { departure, confirmations: 0, since: at };
    let absence = ledger.absences.entry(person.clone()).or_insert(first);
    if absence.departure != departure {
        *absence = first;
    }
    absence.since = absence.since.min(at);
    absence.confirmations = absence.confirmations.saturating_add(1);
}

/// What a decision allowed once is used up by the outcome that shows it done, or beyond doing. What had no effect may be
/// tried again under the same decision: it repeats nothing.
fn spend(ledger: &mut Ledger, plan: &str, operation: &Operation, outcome: &Outcome) {
    match outcome {
        Outcome::Applied { .. } | Outcome::AlreadySo { .. } => {
            spend_entry(ledger, operation);
            spend_saved(ledger, plan);
        }
        Outcome::Withdrawn { .. } => spend_entry(ledger, operation),
        Outcome::Failed { .. } | Outcome::Unknown { .. } | Outcome::NotApplied { .. } => {}
    }
}

fn spend_approval(ledger: &mut Ledger, digest: &str) {
    ledger.approvals.retain(|approval| approval.digest != digest);
}

/// A released entry took effect: it is done, whichever approval named it, and none of them releases it again. The rest of
/// each stays released, so that a crash in the middle costs nobody a second look.
fn spend_entry(ledger: &mut Ledger, operation: &Operation) {
    if ledger.approvals.is_empty() {
        return;
    }
    let key = entry_key(operation);
    ledger.approvals.retain_mut(|approval| {
        let before = approval.entries.len();
        approval.entries.retain(|entry| *entry != key);
        approval.entries.len() == before || !approval.entries.is_empty()
    });
}

/// A saved plan is about to be applied. It counts as spent once any of it took effect: where nothing did, nothing can be
/// repeated, and the same plan is still the right one when the cause is cured.
fn begin_saved(ledger: &mut Ledger, digest: &str, created_at: Timestamp) {
    ledger.begun_plans.retain(|(begun, _)| begun != digest);
    ledger.begun_plans.push((digest.to_owned(), created_at));
    keep_newest(&mut ledger.begun_plans, SPENT_KEPT);
}

fn spend_saved(ledger: &mut Ledger, digest: &str) {
    let Some(at) = ledger.begun_plans.iter().position(|(begun, _)| begun == digest) else { return };
    let begun = ledger.begun_plans.remove(at);
    ledger.spent_plans.retain(|(spent, _)| spent != digest);
    ledger.spent_plans.push(begun);
    keep_newest(&mut ledger.spent_plans, SPENT_KEPT);
}

fn keep_newest<T>(list: &mut Vec<T>, count: usize) {
    list.drain(..list.len().saturating_sub(count));
}

fn prune(ledger: &mut Ledger, now: Timestamp) {
    let younger = |at: Timestamp, age: SignedDuration| now.duration_since(at) <= age;
    ledger.revocations.retain(|at| younger(*at, REVOCATIONS_KEPT));
    ledger.approvals.retain(|approval| approval.expires > now);
    ledger.reservations.retain(|_, reservation| younger(reservation.released, RESERVATIONS_KEPT));
    ledger.backoffs.retain(|_, backoff| younger(backoff.last, BACKOFFS_KEPT));
    ledger.departed.retain(|_, departed| younger(departed.at, RESERVATIONS_KEPT));
}

fn open(ledger: &mut Ledger, at: Timestamp, intent: &IntentId, plan: &str, operation: &Operation) {
    let (plan, operation) = (plan.to_owned(), operation.clone());
    let open = OpenIntent { intent: intent.clone(), at, plan, operation, error: None };
    ledger.holds.remove(&hold_key(&open.operation));
    ledger.open_intents.insert(intent.0.clone(), open);
}

fn settle(ledger: &mut Ledger, at: Timestamp, intent: &IntentId, outcome: &Outcome) {
    if let Outcome::Unknown { error } = outcome {
        if let Some(open) = ledger.open_intents.get_mut(&intent.0) {
            open.error = Some(error.clone());
        }
        return;
    }
    let Some(OpenIntent { plan, operation, .. }) = ledger.open_intents.remove(&intent.0) else { return };
    spend(ledger, &plan, &operation, outcome);
    match outcome {
        Outcome::Unknown { .. } | Outcome::Withdrawn { .. } | Outcome::NotApplied { .. } => {}
        Outcome::Failed { error } => {
            let first = Backoff { failures: 0, last: at, error: String::new() };
            let backoff = ledger.backoffs.entry(subject_key(&operation)).or_insert(first);
            let failures = backoff.failures.saturating_add(1);
            *backoff = Backoff { failures, last: at, error: error.clone() };
        }
        Outcome::Applied { seat, expires } => {
            ledger.refused.clear();
            ledger.backoffs.remove(&subject_key(&operation));
            match operation.kind {
                Kind::Invite => invited(ledger, at, &operation, seat.as_ref(), *expires),
                Kind::UpdateMember => updated(ledger, at, &operation),
                Kind::CancelInvitation | Kind::RemoveMember => gone(ledger, at, &operation),
            }
        }
        Outcome::AlreadySo { seat } => {
            ledger.backoffs.remove(&subject_key(&operation));
            match (operation.kind, seat) {
                (Kind::Invite, Some(seat)) => found(ledger, at, &operation, seat),
                (Kind::UpdateMember, Some(_)) => updated(ledger, at, &operation),
                (Kind::CancelInvitation | Kind::RemoveMember, Some(seat)) => moved(ledger, &operation, seat),
                (Kind::CancelInvitation | Kind::RemoveMember, None) => gone(ledger, at, &operation),
                // Nothing is there to be linked or changed; the next plan looks again.
                (Kind::Invite | Kind::UpdateMember, None) => {}
            }
        }
    }
}

fn invited(
    ledger: &mut Ledger,
    at: Timestamp,
    operation: &Operation,
    seat: Option<&SeatId>,
    expires: Option<Timestamp>,
) {
    let (Some(person), Some(invitee)) = (&operation.person, &operation.invitee) else { return };
    let before = ledger.links.remove(&person.id);
    let sent = before.as_ref().map_or(0, |link| link.invitations_sent);
    let had = before.as_ref().and_then(|link| link.applied.as_ref()).filter(|_| operation.replacement);
    if had.zip(operation.after.as_ref()).is_some_and(|(had, gets)| narrows(had, gets)) {
        ledger.revocations.push(at);
    }
    if let Some(seat) = seat {
        forget_seat(ledger, seat);
    }
    clear_reservations(ledger, person, &invitee.email);
    ledger.absences.remove(&person.id);
    // Where the new one goes out first, the old one is ours until it is taken back: that may fail.
    let old =
        before.as_ref().filter(|_| operation.replacement).and_then(|link| Some((link, link.seat.clone()?)));
    if let Some((link, old @ SeatId::Invitation(_))) = old
        && seat != Some(&old)
    {
        let (name, person) = (link.name.clone(), Some(person.id.clone()));
        ledger.owned.insert(old.as_str().to_owned(), OwnedSeat { seat: old, name, person });
    }
    let link = Link {
        person: person.clone(),
        seat: seat.cloned(),
        by: LinkBy::Invited,
        name: invitee.email.clone(),
        since: before.as_ref().map_or(at, |link| link.since),
        applied: operation.after.clone(),
        invited_as: Some((invitee.first_name.clone(), invitee.last_name.clone())),
        expires,
        invitations_sent: sent.saturating_add(1),
        awaiting_link: false,
    };
    ledger.links.insert(person.id.clone(), link);
}

/// An invitation that turned out to be there already counts as one more: the limit errs towards fewer e-mails.
fn found(ledger: &mut Ledger, at: Timestamp, operation: &Operation, seat: &SeatId) {
    let (Some(person), Some(invitee)) = (&operation.person, &operation.invitee) else { return };
    let sent = ledger.links.get(&person.id).map_or(0, |link| link.invitations_sent);
    claim(ledger, at, person, seat, LinkBy::Address, &invitee.email, |link| {
        if matches!(seat, SeatId::Invitation(_)) {
            link.invitations_sent = sent.saturating_add(1);
            link.invited_as = Some((invitee.first_name.clone(), invitee.last_name.clone()));
        }
    });
    ledger.absences.remove(&person.id);
}

fn updated(ledger: &mut Ledger, at: Timestamp, operation: &Operation) {
    if is_revocation(operation) {
        ledger.revocations.push(at);
    }
    if let Some(person) = &operation.person {
        ledger.links.change(&person.id, |link| link.applied.clone_from(&operation.after));
    }
}

/// The seat is gone. Half of a cancel-and-invite keeps the link, and with it the count of invitations.
fn gone(ledger: &mut Ledger, at: Timestamp, operation: &Operation) {
    if is_revocation(operation) {
        ledger.revocations.push(at);
    }
    let Some(seat) = operation.target.seat_id() else { return };
    let holder = holder(ledger, operation, &seat);
    let owned = ledger.owned.remove(seat.as_str());
    let link = holder.as_ref().and_then(|person| ledger.links.get(person)).cloned();
    if let Some(name) = link.as_ref().map(|link| &link.name).or(owned.as_ref().map(|owned| &owned.name)) {
        let absence = holder.as_ref().and_then(|person| ledger.absences.get(person)).copied();
        let name = operation.target.name.as_ref().unwrap_or(name).clone();
        ledger.give_up(Departed { seat, name, at, link, absence });
    }
    let Some(holder) = holder else { return };
    if operation.kind == Kind::CancelInvitation && operation.replacement {
        ledger.links.change(&holder, |link| {
            link.seat = None;
            link.expires = None;
            // What the next one is compared with, to tell whether it grants less.
            link.applied = operation.before.clone().or(link.applied.take());
        });
    } else {
        release(ledger, at, operation, &holder);
    }
}

/// What was to go had become another seat meanwhile: an invitation was accepted. It stays ours, and the next plan takes
/// it, unless it is somebody else's already.
fn moved(ledger: &mut Ledger, operation: &Operation, seat: &SeatId) {
    let Some(before) = operation.target.seat_id() else { return };
    let free = before == *seat || !ledger.owns(seat);
    let holder = holder(ledger, operation, &before);
    let owned = ledger.owned.remove(before.as_str());
    let holder = holder.filter(|person| ledger.links.contains_key(person));
    match (holder, owned) {
        (Some(person), _) => ledger.links.change(&person, |link| link.seat = free.then(|| seat.clone())),
        (None, Some(owned)) if free => {
            let owned = OwnedSeat { seat: seat.clone(), ..owned };
            ledger.owned.insert(seat.as_str().to_owned(), owned);
        }
        (None, Some(_) | None) => {}
    }
}

/// The seat of somebody who has left is in no list any more.
fn lose(ledger: &mut Ledger, at: Timestamp, person: &PersonId) {
    let Some(link) = ledger.links.remove(person) else { return };
    let absence = ledger.absences.remove(person);
    if let Some(seat) = link.seat.clone() {
        ledger.give_up(Departed { seat, name: link.name.clone(), at, link: Some(link), absence });
    }
}

/// Whose seat an operation touches: the one who holds it, or the person named, as long as they hold no other seat.
fn holder(ledger: &Ledger, operation: &Operation, seat: &SeatId) -> Option<PersonId> {
    if let Some(link) = ledger.person_of(seat) {
        return Some(link.person.id.clone());
    }
    let person = &operation.person.as_ref()?.id;
    match ledger.links.get(person).map(|link| &link.seat) {
        Some(Some(_)) => None,
        Some(None) | None => Some(person.clone()),
    }
}

/// Somebody has left. Their addresses stay with their id for a while, so that a namesake is not taken for them.
fn release(ledger: &mut Ledger, at: Timestamp, operation: &Operation, person: &PersonId) {
    let link = ledger.links.remove(person);
    ledger.absences.remove(person);
    let known = link.iter().flat_map(|link| [link.person.email.as_ref(), Some(&link.name)]);
    let named = operation.person.as_ref().and_then(|person| person.email.as_ref());
    for address in known.chain([named, operation.target.name.as_ref()]).flatten() {
        let reservation = Reservation { person: person.clone(), released: at };
        ledger.reservations.insert(address.folded().to_owned(), reservation);
    }
}

/// Links a person to a seat, which from then on is nobody else's; `besides` says what else is known of the link.
fn claim(
    ledger: &mut Ledger,
    at: Timestamp,
    person: &PersonRef,
    seat: &SeatId,
    by: LinkBy,
    name: &Address,
    besides: impl FnOnce(&mut Link),
) {
    let before = ledger.links.remove(&person.id);
    forget_seat(ledger, seat);
    clear_reservations(ledger, person, name);
    let pending = matches!(seat, SeatId::Invitation(_));
    let same = before.as_ref().is_some_and(|link| link.seat.as_ref() == Some(seat));
    let sent = before.as_ref().map_or(0, |link| link.invitations_sent);
    let mut link = Link {
        person: person.clone(),
        seat: Some(seat.clone()),
        by,
        name: name.clone(),
        since: before.as_ref().map_or(at, |link| link.since),
        applied: before.as_ref().and_then(|link| link.applied.clone()),
        invited_as: before.as_ref().filter(|_| pending).and_then(|link| link.invited_as.clone()),
        expires: before.as_ref().filter(|_| same).and_then(|link| link.expires),
        invitations_sent: if pending { sent.max(1) } else { 0 },
        awaiting_link: false,
    };
    besides(&mut link);
    ledger.links.insert(person.id.clone(), link);
}

fn forget_seat(ledger: &mut Ledger, seat: &SeatId) {
    ledger.departed.remove(seat.as_str());
    ledger.owned.remove(seat.as_str());
    ledger.links.remove_seat(seat);
}

fn clear_reservations(ledger: &mut Ledger, person: &PersonRef, name: &Address) {
    for address in person.email.iter().chain([name]) {
        ledger.reservations.remove(address.folded());
    }
}
