//! What the journal holds: every intent, outcome, link, approval, verdict and cycle. The ledger is a fold over these.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::id::{Address, PersonId, SeatId};
use super::ledger::Ledger;
use super::operation::{Held, Operation, PersonRef, Summary};

/// A cycle's id (UUID v7: sorts by time).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CycleId(pub String);

/// An intent's id (UUID v7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub String);

/// Who made it happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The daemon, or `run --once`.
    Daemon,
    /// A command of this user (uid).
    User(u32),
}

/// How a link came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkBy {
    /// We invited them.
    Invited,
    /// An address of theirs is the seat's.
    Address,
    /// Their `apple_account` attribute names the seat.
    AppleAccount,
    /// `link`.
    Manual,
    /// Our invitation was accepted.
    Accepted,
}

/// Why somebody should no longer have a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// Disabled in the IdP.
    Deactivated,
    /// Gone from the IdP.
    Deleted,
    /// Still there, no longer in scope.
    OutOfScope,
}

impl Departure {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::OutOfScope => "out of scope",
        }
    }
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// Done, and answered so or read back so.
    Applied {
        /// The seat made or changed; `None` where it is gone.
        seat: Option<SeatId>,
        /// When an invitation lapses, where Apple said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
    },
    /// It was so already: invited or a member before, or gone before.
    AlreadySo {
        /// The seat that was found; `None` where it is gone.
        seat: Option<SeatId>,
    },
    /// Refused, without effect. The person backs off.
    Failed {
        /// One line.
        error: String,
    },
    /// Withdrawn: the leaver came back before it was sent, or nothing was left to write to. Nobody backs off.
    Withdrawn {
        /// One line.
        detail: String,
    },
    /// No telling yet; the intent stays open until both lists have been read back.
    Unknown {
        /// One line.
        error: String,
    },
    /// Read back: it had no effect. The person is planned anew.
    NotApplied {
        /// One line.
        detail: String,
    },
}

/// How a cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleResult {
    /// Everything planned was done.
    Success,
    /// Nothing to do.
    NoOp,
    /// Some operations failed or wait for the budget.
    Partial,
    /// A guard holds the rest.
    Held,
    /// It ended early.
    Error,
    /// Stopped by a signal.
    Cancelled,
}

impl CycleResult {
    /// Every result.
    pub const ALL: [Self; 6] =
        [Self::Success, Self::NoOp, Self::Partial, Self::Held, Self::Error, Self::Cancelled];

    /// The word in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::NoOp => "no_op",
            Self::Partial => "partial",
            Self::Held => "held",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A record that was rewritten to forget somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewritten {
    /// Its number.
    pub seq: u64,
    /// The SHA-256 that it has now, in hexadecimal.
    pub hash: String,
}

/// One fact of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A cycle is over.
    CycleFinished {
        /// How.
        result: CycleResult,
        /// Of the plan, where one was made.
        digest: Option<String>,
        /// Of the plan, where one was made.
        summary: Option<Summary>,
        /// People in scope, where the directory was complete and this cycle was not held for shrinking.
        in_scope: Option<u64>,
        /// One line, where it ended early.
        error: Option<String>,
    },
    /// A write is about to be sent.
    Intent {
        /// Its id.
        intent: IntentId,
        /// The plan it belongs to.
        plan: String,
        /// What is written.
        operation: Operation,
    },
    /// A write ended.
    Outcome {
        /// Of this intent.
        intent: IntentId,
        /// How.
        outcome: Outcome,
        /// Apple's id of the request, where it sent one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// A person and a seat belong together.
    Linked {
        /// Who.
        person: PersonRef,
        /// Which.
        seat: SeatId,
        /// Why we think so.
        by: LinkBy,
        /// The seat's user name or invited address.
        name: Address,
        /// What the seat may do now.
        access: Option<Access>,
        /// When it lapses, where it is an invitation: one that is gone after that was not accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
    },
    /// They no longer do; the seat stays as it is and is nobody's.
    Unlinked {
        /// Who.
        person: PersonId,
    },
    /// A seat is ours although nobody in the directory has it (`adopt`).
    Adopted {
        /// Which.
        seat: SeatId,
        /// The seat's user name or invited address.
        name: Address,
        /// Whom it was sent to, where it is an invitation that a linked person has no use for any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<PersonId>,
    },
    /// A seat is no longer ours.
    Disowned {
        /// Which.
        seat: SeatId,
    },
    /// A complete list no longer shows the seat of somebody who has left. It is remembered until another one agrees.
    SeatLost {
        /// Whose.
        person: PersonId,
    },
    /// A list shows a seat that an answer or another list had called gone: it is ours as it was.
    SeatReturned {
        /// Which.
        seat: SeatId,
    },
    /// A complete list no longer shows a seat that was given up: it is forgotten.
    SeatGone {
        /// Which.
        seat: SeatId,
    },
    /// Our invitation is gone before its time and nobody can be told to have accepted it.
    InvitationVanished {
        /// Whose.
        person: PersonId,
    },
    /// `link`: this address belongs to this Apple Account, whether or not a seat exists yet.
    AccountMapped {
        /// An address of the person.
        address: Address,
        /// Their Apple Account.
        apple_account: Address,
    },
    /// `unlink` of such a pair.
    AccountUnmapped {
        /// An address of the person.
        address: Address,
    },
    /// The directory calls a linked person otherwise now.
    PersonChanged {
        /// As they are now.
        person: PersonRef,
    },
    /// A complete read did not find them where they were.
    AbsenceSeen {
        /// Who.
        person: PersonId,
        /// How they left.
        departure: Departure,
    },
    /// They are back.
    AbsenceCleared {
        /// Who.
        person: PersonId,
    },
    /// Something waits that did not wait before, or waits for another reason.
    HeldBack {
        /// Of the plan.
        plan: String,
        /// What and why.
        held: Held,
    },
    /// What waited under this key no longer does.
    HoldEnded {
        /// See [`crate::model::ledger::hold_key`].
        key: String,
    },
    /// The API key was refused at a write about this subject, before it had written anything. Others go first next time.
    KeyRefused {
        /// See [`crate::model::ledger::subject_key`].
        subject: String,
    },
    /// Guards hold this set; `approve` can release it.
    GuardTripped {
        /// Of the plan.
        digest: String,
        /// Keys of `[guard]`.
        guards: Vec<String>,
        /// The set.
        entries: Vec<Held>,
    },
    /// This set may be done, once.
    Approved {
        /// Of the plan that was shown.
        digest: String,
        /// [`crate::model::ledger::entry_key`] of each entry.
        entries: Vec<String>,
        /// 24 h later.
        expires: Timestamp,
    },
    /// An approval was used, as earlier versions wrote it; now each entry is spent with its own outcome.
    ApprovalSpent {
        /// Of the plan that was shown.
        digest: String,
    },
    /// A saved plan is about to be applied; once any of it took effect it cannot be again.
    PlanSpent {
        /// Its digest.
        digest: String,
        /// When it was made.
        created_at: Timestamp,
    },
    /// A journal whose `HEAD` was lost was taken for whole: `state check --accept-history`.
    HistoryAccepted {
        /// Number of the last record that was there.
        records: u64,
    },
    /// An erasure request was answered: a pseudonym stands where these records named somebody.
    PersonForgotten {
        /// What stands there.
        pseudonym: String,
        /// Every record that was rewritten.
        records: Vec<Rewritten>,
    },
    /// Everything before this record, folded: the start of a segment, or an import.
    Checkpoint {
        /// The state of things.
        ledger: Box<Ledger>,
    },
}
