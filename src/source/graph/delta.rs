//! Change feeds: where they stand, and what came since.
//!
//! Feeds are opened (`$deltatoken=latest`) *before* the full read whose snapshot they will be laid over, so that what
//! changes during that read comes again; saying it twice changes nothing. Groups are followed without a `$filter` of
//! ids: a filter holds fifty at most, the groups within groups are known only after the read, and a new group of a
//! configured name would go unseen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::client::GraphClient;
use super::failure::Failure;
use super::merge::Departed;
use super::paging::walk;
use super::wire::{Object, Wanted, path};
use crate::model::GroupId;

/// Written into every watermark; another number means another shape, and a full read.
const VERSION: u32 = 1;

/// How far the last complete snapshot goes, to be kept with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watermark {
    version: u32,
    /// What was read, from whom. A watermark of another configuration is of no use.
    pub fingerprint: String,
    /// The feed of people.
    pub users: String,
    /// The feed of groups, where groups count.
    pub groups: Option<String>,
    /// Groups of the configuration, by their name there.
    pub roots: BTreeMap<String, GroupId>,
    /// Who may come back.
    pub departed: Departed,
}

impl Watermark {
    pub(super) fn new(fingerprint: String, users: String, groups: Option<String>) -> Self {
        let (roots, departed) = (BTreeMap::new(), Departed::default());
        Self { version: VERSION, fingerprint, users, groups, roots, departed }
    }

    /// Reads a watermark that fits; anything else is none.
    pub(super) fn parse(text: &str, fingerprint: &str) -> Option<Self> {
        let watermark: Self = serde_json::from_str(text).ok()?;
        (watermark.version == VERSION && watermark.fingerprint == fingerprint).then_some(watermark)
    }

    pub(super) fn to_json(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }
}

/// Opens the feed of people from now on.
pub(super) async fn open_users(client: &GraphClient, wanted: &Wanted) -> Result<String, Failure> {
    open(client, &path(&["users", "delta"], &[("$select", &wanted.select), ("$deltatoken", "latest")])).await
}

/// Opens the feed of groups and their direct members from now on.
pub(super) async fn open_groups(client: &GraphClient) -> Result<String, Failure> {
    open(
        client,
        &path(&["groups", "delta"], &[("$select", "displayName,members"), ("$deltatoken", "latest")]),
    )
    .await
}

async fn open(client: &GraphClient, path: &str) -> Result<String, Failure> {
    let link = walk(client, client.url(path)?, drop).await?;
    link.ok_or_else(|| Failure::protocol("a change feed opened without a link"))
}

/// What came since a link, and the next link. Half a round is of no use and comes back as a failure.
pub(super) async fn round(client: &GraphClient, link: &str) -> Result<(Vec<Object>, String), Failure> {
    let mut changes = Vec::new();
    let next = walk(client, client.link(link)?, |object| changes.push(object)).await?;
    let next = next.ok_or_else(|| Failure::protocol("a round of a change feed ended without a link"))?;
    // Refused now rather than from the state later.
    client.link(&next)?;
    Ok((changes, next))
}
