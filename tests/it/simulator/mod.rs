//! The simulator is as strict as Apple: checked over real HTTP, because everything else is tested against it.

mod auth;
mod client;
mod control;
mod faults;
mod files;
mod invitations;
mod members;
mod paging;
mod schema;
mod scim;
