//! The last look before a seat goes: a walk over a directory can miss people, so its person is read again by id, and
//! where nobody is known to have it, everybody is.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Address, Claims, Coverage, DirectorySnapshot, Group, Ledger, Operation, Person, PersonId, Policy,
    TeamSnapshot,
};

use super::book::People;
use super::mapping::Mapping;
use super::scope::{self, Scope, Verdict};

/// Ok when the person of an operation is still leaving: not there any more, disabled, or out of scope.
///
/// `person` and `groups` were read just now (`None`: the provider knows no such person), `claims` is what the person's own
/// record says of their groups, `directory` is what the plan was made of and gives what was not read again.
///
/// # Errors
/// Why the operation must not be done.
pub fn still_leaving(
    policy: &Policy,
    operation: &Operation,
    person: Option<&Person>,
    groups: &[Group],
    claims: &Claims,
    directory: &DirectorySnapshot,
) -> Result<(), String> {
    let Some(person) = person else { return Ok(()) };
    if operation.person.as_ref().is_some_and(|expected| expected.id != person.id) {
        return Err(format!("the directory answered with somebody else: {}", person.id));
    }
    if scope::unclear(person).is_some() {
        return Err(scope::UNCLEAR.to_owned());
    }
    let old = directory.groups.iter().filter(|old| groups.iter().all(|fresh| fresh.id != old.id));
    let all = groups.iter().chain(old).cloned().collect();
    let fresh = DirectorySnapshot::new(
        vec![person.clone()],
        all,
        directory.assignments.clone(),
        directory.coverage.clone(),
    );
    let mut all_claims = directory.claims.clone();
    all_claims.extend(claims.iter().map(|(group, member)| (group.clone(), member.clone())));
    let fresh = fresh.with_claims(all_claims);
    let scope = Scope::new(&fresh, policy);
    match scope.verdict(0) {
        Verdict::Disabled => Ok(()),
        Verdict::Out(_) => match (scope.missing.first(), scope.contradiction(0)) {
            (None, None) => Ok(()),
            (Some(missing), _) => Err(format!("cannot tell whether they left: {}", missing.0)),
            (None, Some(words)) => Err(words),
        },
        Verdict::In(source) => Err(format!("they are back: {source}")),
    }
}

/// Who stays although a seat of theirs goes: the invitation of somebody who is a member already. That rests on the lists of
/// seats, so there is no departure to look for again.
pub fn staying<'o>(
    policy: &Policy,
    operations: impl IntoIterator<Item = &'o Operation>,
    directory: &DirectorySnapshot,
) -> BTreeSet<&'o PersonId> {
    let ids: Vec<&PersonId> =
        operations.into_iter().filter_map(|one| Some(&one.person.as_ref()?.id)).collect();
    if ids.is_empty() {
        return BTreeSet::new();
    }
    let scope = Scope::new(directory, policy);
    let place = |id: &PersonId| directory.people().binary_search_by(|person| person.id.cmp(id)).ok();
    let stays = |id: &&PersonId| place(id).is_some_and(|at| matches!(scope.verdict(at), Verdict::In(_)));
    ids.into_iter().filter(stays).collect()
}

/// Which of these seats' names mean somebody in a directory read just now, and whom. Any address counts, also one that
/// nobody vouches for: it gives nobody a seat, but a seat that it fits is not known to be nobody's.
///
/// # Errors
/// Why that read says nothing of who is not in it.
pub fn answering<'n>(
    policy: &Policy,
    ledger: &Ledger,
    names: impl IntoIterator<Item = &'n Address>,
    directory: &DirectorySnapshot,
) -> Result<BTreeMap<&'n Address, PersonId>, String> {
    if !directory.coverage.is_complete() {
        let missing =
            directory.coverage.problems().first().map_or("it is not complete", |problem| &problem.0);
        return Err(missing.to_owned());
    }
    let scope = Scope::new(directory, policy);
    // Seats have no say in what people are called.
    let team = TeamSnapshot::new(Vec::new(), Vec::new(), BTreeMap::new(), Coverage::Complete);
    let people = People::new(directory.people(), &Mapping::new(policy, &scope, &team), ledger);
    let first = |name| people.mentioning(name).into_iter().next();
    let found =
        names.into_iter().filter_map(|name| Some((name, directory.people()[first(name)?].id.clone())));
    Ok(found.collect())
}
