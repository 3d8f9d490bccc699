//! The last look before somebody loses a seat: a walk over a directory can miss people, so they are read again by id.

use crate::model::{DirectorySnapshot, Group, Operation, Person, Policy};

use super::scope::{Scope, Verdict};

/// Ok when the person of an operation is still leaving: not there any more, disabled, or out of scope.
///
/// `person` and `groups` were read just now (`None`: the provider knows no such person), `directory` is what the plan
/// was made of and gives what was not read again. Seats that are nobody's leave with nobody.
///
/// # Errors
/// Why the operation must not be done.
pub fn still_leaving(
    policy: &Policy,
    operation: &Operation,
    person: Option<&Person>,
    groups: &[Group],
    directory: &DirectorySnapshot,
) -> Result<(), String> {
    let Some(person) = person else { return Ok(()) };
    if operation.person.as_ref().is_some_and(|expected| expected.id != person.id) {
        return Err(format!("the directory answered with somebody else: {}", person.id));
    }
    let old = directory.groups.iter().filter(|old| groups.iter().all(|fresh| fresh.id != old.id));
    let all = groups.iter().chain(old).cloned().collect();
    let fresh = DirectorySnapshot::new(
        vec![person.clone()],
        all,
        directory.assignments.clone(),
        directory.coverage.clone(),
    );
    let scope = Scope::new(&fresh, policy);
    match scope.verdict(0) {
        Verdict::Disabled => Ok(()),
        Verdict::Out(_) => match scope.missing.first() {
            None => Ok(()),
            Some(missing) => Err(format!("cannot tell whether they left: {}", missing.0)),
        },
        Verdict::In(source) => Err(format!("they are back: {source}")),
    }
}
