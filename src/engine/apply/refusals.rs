//! Whose a refusal is: 403 and 401 are said to the key, and still may be about one seat only.

use super::{Run, Step, step_of};
use crate::asc::{AscError, KeyStanding, Refusal, TeamRead, TeamWrite};
use crate::engine::{Book, CycleError};
use crate::model::Event;
use crate::model::event::{IntentId, Outcome};
use crate::model::ledger::subject_key;
use crate::model::operation::{Kind, Operation};
use crate::source::DirectorySource;

/// Refusals in a row, without a success in between, of a key that has written before.
const OF_A_KNOWN_KEY: u32 = 3;
/// And of one that has written since it was loaded.
const OF_A_GOOD_KEY: u32 = 10;

/// What a refusal concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The team or the machine: nothing more can be written, with whatever key.
    Targets,
    /// The key: nothing more can be written with it.
    Keys,
    /// One operation, which backs off while all others go on.
    Operations,
    /// This operation's if the key goes on to write, and else the key's.
    Undecided,
}

/// Whose a refusal is, of a key of this standing, when it is the nth in a row.
fn whose(cause: Refusal, standing: KeyStanding, in_a_row: u32, failed_before: bool) -> Whose {
    match (cause, standing) {
        (Refusal::Agreement | Refusal::Membership | Refusal::ClockSkew(_), _) => Whose::Targets,
        (Refusal::RoleTooSmall | Refusal::Credentials, KeyStanding::Unproved) => Whose::Keys,
        (Refusal::RoleTooSmall | Refusal::Credentials, KeyStanding::WroteBefore) => {
            match (in_a_row < OF_A_KNOWN_KEY, failed_before) {
                (false, _) => Whose::Keys,
                (true, true) => Whose::Operations,
                (true, false) => Whose::Undecided,
            }
        }
        (Refusal::RoleTooSmall | Refusal::Credentials, KeyStanding::Writes) => {
            if in_a_row < OF_A_GOOD_KEY {
                Whose::Operations
            } else {
                Whose::Keys
            }
        }
    }
}

/// A refused write whose intent stays open until all are through.
pub(super) struct Undecided {
    pub(super) intent: IntentId,
    pub(super) operation: Operation,
    pub(super) error: AscError,
}

impl<S, T, B> Run<'_, '_, S, T, B>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
    B: Book,
{
    /// A refusal is the key's, which ends the writing, or this one operation's.
    ///
    /// # Errors
    /// The refusal again, where it is judged later.
    pub(super) fn refused(
        &self,
        operation: &Operation,
        cause: Refusal,
        error: AscError,
    ) -> Result<Outcome, AscError> {
        let text = error.to_string();
        let mut tally = self.tally.lock().expect("no writer panics");
        tally.refused += 1;
        // Asked anew: this plan may have proved the key meanwhile.
        let standing = self.applier.team.key_standing();
        let failed_before = self.applier.book.ledger().backoffs.contains_key(&subject_key(operation));
        match whose(cause, standing, tally.refused, failed_before) {
            // Between the halves of a pair the person has nothing, so that one is not kept waiting for an odd 401.
            Whose::Operations
                if operation.replacement
                    && operation.kind == Kind::Invite
                    && cause == Refusal::Credentials =>
            {
                Ok(Outcome::NotApplied { detail: text })
            }
            Whose::Operations => Ok(Outcome::Failed { error: text }),
            Whose::Undecided => Err(error),
            Whose::Keys => {
                tally.key_refused.get_or_insert_with(|| subject_key(operation));
                drop(tally);
                self.end(error);
                Ok(Outcome::NotApplied { detail: text })
            }
            Whose::Targets => {
                drop(tally);
                self.end(error);
                Ok(Outcome::NotApplied { detail: text })
            }
        }
    }

    /// Refusals of a key that had written before are the operations' where it has written since, and else the key's.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) fn judge_refusals(&self) -> Result<(), CycleError> {
        let undecided = std::mem::take(&mut self.tally.lock().expect("no writer panics").undecided);
        let writes = self.applier.team.key_standing() == KeyStanding::Writes;
        for Undecided { intent, operation, error } in undecided {
            let request_id = super::request_id(&error);
            let text = error.to_string();
            let outcome = if writes {
                Outcome::Failed { error: text }
            } else {
                let mut tally = self.tally.lock().expect("no writer panics");
                tally.key_refused.get_or_insert_with(|| subject_key(&operation));
                drop(tally);
                self.end(error);
                Outcome::NotApplied { detail: text }
            };
            let step: Step = step_of(&outcome);
            self.applier.record(vec![Event::Outcome { intent, outcome, request_id }])?;
            self.count(&operation, step);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_keys_until_it_has_written_and_an_agreement_is_nobodys() {
        use KeyStanding::{Unproved, Writes, WroteBefore};
        for (cause, standing, in_a_row, failed_before, expected) in [
            (Refusal::RoleTooSmall, Unproved, 1, false, Whose::Keys),
            (Refusal::Credentials, Unproved, 1, true, Whose::Keys),
            (Refusal::RoleTooSmall, WroteBefore, 1, false, Whose::Undecided),
            (Refusal::RoleTooSmall, WroteBefore, 2, true, Whose::Operations),
            (Refusal::RoleTooSmall, WroteBefore, 3, true, Whose::Keys),
            (Refusal::RoleTooSmall, Writes, 1, false, Whose::Operations),
            (Refusal::Credentials, Writes, 9, false, Whose::Operations),
            (Refusal::Credentials, Writes, 10, false, Whose::Keys),
            (Refusal::Agreement, Writes, 1, false, Whose::Targets),
            (Refusal::Membership, Writes, 1, false, Whose::Targets),
            (Refusal::ClockSkew(90), Writes, 1, false, Whose::Targets),
        ] {
            let found = whose(cause, standing, in_a_row, failed_before);
            assert_eq!(found, expected, "{cause:?} {standing:?} {in_a_row} {failed_before}");
        }
    }
}
