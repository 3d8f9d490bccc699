//! The verbs: two snapshots, a policy and the ledger in, one plan out. Pure, synchronous, and all choices are made here.

mod attribute;
pub mod backoff;
mod book;
mod budget;
mod change;
mod correlate;
mod diff;
pub mod digest;
pub mod explain;
mod guard;
mod holds;
mod interest;
mod leave;
mod mapping;
pub mod moved;
pub mod names;
mod order;
pub mod recheck;
mod returned;
pub mod saved;
mod scope;
mod seat;
mod stray;

use jiff::Timestamp;

use crate::model::event::LinkBy;
use crate::model::operation::{Adopted, PlanCoverage, SCHEMA, Summary, Target};
use crate::model::{
    Coverage, DirectorySnapshot, Event, Held, Kind, Ledger, Operation, Plan, Policy, TeamSnapshot,
};

pub use interest::{attributes_of_interest, bundles_of_interest, groups_of_interest, unheard_of};

use book::{People, Seats};
use correlate::Case;
use diff::Context;
use mapping::Mapping;
use scope::Scope;

/// What the hour still allows, as the rate limiter knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests to App Store Connect that this hour has left for us, the reserve taken off.
    pub requests: u64,
    /// Requests that may go out at once, before the pace begins.
    pub at_once: u64,
    /// Milliseconds between two requests at our pace.
    pub pace_ms: u64,
}

/// Everything a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The identity provider's side.
    pub directory: &'a DirectorySnapshot,
    /// App Store Connect's side.
    pub team: &'a TeamSnapshot,
    /// What the configuration decides.
    pub policy: &'a Policy,
    /// What we know besides.
    pub ledger: &'a Ledger,
    /// When both sides had been read.
    pub now: Timestamp,
    /// For the forecast.
    pub allowance: Allowance,
}

/// A plan, and what a cycle that applies it writes down besides its writes.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Links, acceptances, absences and holds that this read established, in the order they are to be recorded
    /// before the first write. A dry run drops them.
    pub findings: Vec<Event>,
    /// People in scope.
    pub in_scope: u64,
    /// Keys of `[guard]` that tripped.
    pub guards: Vec<String>,
}

/// Makes the plan.
pub fn plan(input: &Input<'_>) -> Planned {
    work_out(input, |_, _, planned| planned)
}

/// Who is in scope and what they should be able to do, who has which seat, what differs, and what of that may be done
/// now. Whoever wants to know more than the plan looks at what it was made of before that is gone.
fn work_out<R>(input: &Input<'_>, look: impl FnOnce(&Context<'_, '_>, &[Case<'_>], Planned) -> R) -> R {
    let mut findings = returned::findings(input.ledger, input.team);
    let ledger = returned::ledger(input.ledger, &findings);
    let input = &Input { ledger: ledger.as_ref().unwrap_or(input.ledger), ..*input };
    let scope = Scope::new(input.directory, input.policy);
    let mapping = Mapping::new(input.policy, &scope, input.team);
    let people = People::new(input.directory.people(), &mapping, input.ledger);
    let seats = Seats::new(input);
    let directory = seen(&input.directory.coverage, &scope);
    let context = Context {
        input,
        scope: &scope,
        mapping: &mapping,
        people: &people,
        seats: &seats,
        directory: &directory,
    };

    let cases = correlate::correlate(input, &scope, &people, &seats);
    let in_scope = cases.iter().filter(|case| case.found.is_some_and(|entry| entry.is_in_scope())).count();
    let in_scope = u64::try_from(in_scope).unwrap_or(u64::MAX);

    let mut draft = diff::diff(&context, &cases);
    guard::protect(&context, &mut draft.changes);
    guard::hold_incomplete(&context, &mut draft.changes);
    guard::hold_contradicted(&context, &mut draft.changes);
    backoff::hold(input, &mut draft.changes);
    let guards = guard::weigh(&context, in_scope, &mut draft.changes);

    let (operations, held) = order::order(draft.changes);
    let adopted = adopted(input, &draft.findings);
    let plan = assemble(input, &directory, Assembled { operations, held, adopted }, draft.unchanged);
    findings.extend(draft.findings);
    findings.extend(holds::findings(input, &plan, &guards));
    look(&context, &cases, Planned { plan, findings, in_scope, guards })
}

/// How much of the directory was seen: a group that policy needs and the snapshot lacks makes it incomplete.
fn seen(coverage: &Coverage, scope: &Scope<'_>) -> Coverage {
    match coverage {
        Coverage::Complete => Coverage::from_problems(scope.missing.clone()),
        Coverage::Partial(problems) => {
            Coverage::Partial(problems.iter().chain(&scope.missing).cloned().collect())
        }
        Coverage::Failed(problems) => Coverage::Failed(problems.clone()),
    }
}

/// Seats that were not ours and have been matched to somebody in scope.
fn adopted(input: &Input<'_>, findings: &[Event]) -> Vec<Adopted> {
    let mut adopted: Vec<Adopted> = findings
        .iter()
        .filter_map(|event| {
            let Event::Linked { person, seat, by, name, .. } = event else { return None };
            let is_matched = matches!(by, LinkBy::Address | LinkBy::AppleAccount);
            (is_matched && !input.ledger.owns(seat))
                .then(|| Adopted { person: person.clone(), target: Target::seat(seat, name.clone()) })
        })
        .collect();
    adopted.sort_by(|one, other| one.person.name.cmp(&other.person.name));
    adopted
}

struct Assembled {
    operations: Vec<Operation>,
    held: Vec<Held>,
    adopted: Vec<Adopted>,
}

fn assemble(input: &Input<'_>, directory: &Coverage, parts: Assembled, unchanged: usize) -> Plan {
    let Assembled { operations, held, adopted } = parts;
    let count = |kind: Kind| operations.iter().filter(|operation| operation.kind == kind).count();
    let team = &input.team.coverage;
    let mut plan = Plan {
        schema: SCHEMA.to_owned(),
        team: input.policy.team.to_string(),
        created_at: input.now,
        digest: String::new(),
        coverage: PlanCoverage {
            directory: directory.word().to_owned(),
            team: team.word().to_owned(),
            problems: directory.problems().iter().chain(team.problems()).cloned().collect(),
        },
        summary: Summary {
            invite: count(Kind::Invite),
            cancel_invitation: count(Kind::CancelInvitation),
            update_member: count(Kind::UpdateMember),
            remove_member: count(Kind::RemoveMember),
            held: held.len(),
            unmanaged: held.iter().filter(|held| !held.hold.reason.waits()).count(),
            adopted: adopted.len(),
            unchanged,
        },
        forecast: budget::forecast(operations.len(), input.allowance),
        operations,
        held,
        adopted,
    };
    plan.digest = digest::of(&plan);
    plan
}

#[cfg(test)]
pub(crate) mod tests;
