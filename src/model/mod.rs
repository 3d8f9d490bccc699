//! The nouns, and nothing that does anything: people and groups, seats, access, policy, plans, the ledger.
//!
//! Pure by rule: nothing here reads a clock, a file, the network or another module of the crate.

pub mod access;
pub mod addresses;
pub mod directory;
pub mod event;
pub mod filter;
pub mod id;
pub mod ledger;
pub mod operation;
pub mod policy;
pub mod team;
pub mod text;

pub use access::{Access, Role, Roles};
pub use addresses::Addresses;
pub use directory::{
    Activity, Assignment, Attributes, Claims, Coverage, DirectorySnapshot, Group, GroupMember, Person,
    Principal, Problem,
};
pub use event::{Actor, CycleId, Event, IntentId, Outcome};
pub use filter::Filter;
pub use id::{Address, AppId, BundleId, GroupId, InvitationId, MemberId, PersonId, SeatId};
pub use ledger::Ledger;
pub use operation::{Held, Hold, HoldReason, Invitee, Kind, Operation, PersonRef, Plan, Target};
pub use policy::Policy;
pub use team::{Invitation, Lists, Member, TeamSnapshot, UnreadPart, UnreadSeat};
