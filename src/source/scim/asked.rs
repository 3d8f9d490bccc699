//! Groups asked for one by one, when the list of them could not be read to its end.

use std::collections::BTreeSet;

use super::client::Client;
use super::groups::{Lookup, Reader, View};
use super::paging::PageError;
use super::wire::{GroupRecord, parse_groups};
use crate::model::GroupId;
use crate::model::id::is_same_name;
use crate::model::policy::GroupName;
use crate::source::SourceError;

/// The groups of these names that are not among the listed ones. A group that cannot be had is no further problem: that the
/// list was not read is one already, and says more.
///
/// # Errors
/// Only what makes every further request pointless.
pub(super) async fn ask_for<R: Reader>(
    client: &Client,
    reader: &R,
    names: &BTreeSet<GroupName>,
    listed: &[GroupRecord],
    view: View,
) -> Result<Vec<GroupRecord>, SourceError> {
    let mut found = Vec::new();
    for name in names {
        if listed.iter().any(|group| is_meant(group, name)) {
            continue;
        }
        let mut groups = by_name(client, name).await?;
        if groups.is_empty()
            && let Lookup::Found(group) = reader.group(&GroupId::from(&**name), view).await?
        {
            groups.push(group);
        }
        found.extend(groups);
    }
    found.sort_by(|a: &GroupRecord, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    Ok(found)
}

fn is_meant(group: &GroupRecord, name: &GroupName) -> bool {
    group.id.as_str() == &**name || is_same_name(&group.name, name)
}

/// By filter; what is not of that name is left out, since filters are ignored often enough.
async fn by_name(client: &Client, name: &GroupName) -> Result<Vec<GroupRecord>, SourceError> {
    let quoted = serde_json::Value::from(&**name).to_string();
    let body = match client.page("Groups", &[("filter", format!("displayName eq {quoted}"))]).await {
        Ok(body) => body,
        Err(PageError::Fatal(error)) => return Err(error),
        Err(
            PageError::CursorLost
            | PageError::TooMany(_)
            | PageError::TooLarge(_)
            | PageError::Declined(_)
            | PageError::Absent(_)
            | PageError::Failed(_),
        ) => return Ok(Vec::new()),
    };
    let Ok(page) = parse_groups(&body) else { return Ok(Vec::new()) };
    Ok(page.entries.into_iter().flatten().filter(|group| is_meant(group, name)).collect())
}
