//! Change feeds: a token remembers the directory as it was, and a round is the difference. So whatever a test does to
//! the directory, and however, the feed tells.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::render;
use super::state::{Feed, Kind, Pages};
use super::switches::{DeletedMembers, FeedAnswer, Feeds, Replay};
use super::{error, next_link, wrapped};
use crate::simulator::directory::{Belongs, Directory, Group, Person};
use crate::simulator::message::{Call, Reply};
use crate::simulator::state::State;

/// Tokens of directory objects live this long (Graph, "delta query overview").
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// GET /users/delta and /groups/delta.
pub(super) fn answer(state: &mut State, call: &Call, kind: Kind) -> Result<Reply, Reply> {
    if let Some(token) = call.parameter("$skiptoken") {
        let pages = state.graph.pages.remove(token).ok_or_else(|| lost("Invalid skip token."))?;
        return Ok(page(state, pages));
    }
    let (select, base) = match call.parameter("$deltatoken") {
        Some("latest") => (call.parameter("$select").map(str::to_owned), None),
        Some(token) => {
            let feed = resumed(state, token, kind)?;
            (feed.select, Some(feed.base))
        }
        None => (call.parameter("$select").map(str::to_owned), Some(Arc::default())),
    };
    let now = Arc::new(state.directory.clone());
    let changes = match base {
        None => Vec::new(),
        Some(base) => changes(state, kind, select.as_deref(), &base, &now)?,
    };
    let at = state.now();
    let token = state.graph.keep_feed(Feed { kind, select, base: now, at });
    let chunks = changes.chunks(state.switches.graph.feed_page.max(1)).map(<[Value]>::to_vec);
    let mut rest: VecDeque<Vec<Value>> = chunks.collect();
    if rest.is_empty() {
        rest.push_back(Vec::new());
    }
    let delta = format!("{}{}?$deltatoken={token}", state.origin, call.path);
    Ok(page(state, Pages { path: call.path.clone(), rest, delta }))
}

fn lost(message: &str) -> Reply {
    error(400, "syncStateNotFound", message)
}

fn resumed(state: &State, token: &str, kind: Kind) -> Result<Feed, Reply> {
    match state.switches.graph.feeds {
        Feeds::Live => {}
        Feeds::Gone => {
            let path = if kind == Kind::Users { "users" } else { "groups" };
            let place = format!("{}/v1.0/{path}/delta?$deltatoken=", state.origin);
            return Err(error(410, "syncStateInvalid", "The sync state is invalid.").with("location", place));
        }
        Feeds::NotFound => return Err(lost("The sync state generation is not found.")),
    }
    let feed = state.graph.feed(token).filter(|feed| feed.kind == kind);
    let feed = feed.filter(|feed| state.now().duration_since(feed.at) < LIFETIME);
    feed.cloned().ok_or_else(|| lost("The sync state generation is not found."))
}

fn page(state: &mut State, mut pages: Pages) -> Reply {
    let rows = pages.rest.pop_front().unwrap_or_default();
    let context = if pages.path.contains("/users") { "users" } else { "groups" };
    let mut page = wrapped(state, context, rows);
    if pages.rest.is_empty() {
        page.insert("@odata.deltaLink".into(), json!(pages.delta));
    } else {
        let token = state.graph.new_id();
        let link = format!("{}?$skiptoken={token}", pages.path);
        page.insert("@odata.nextLink".into(), json!(next_link(state, &link)));
        state.graph.pages.insert(token, pages);
    }
    Reply::json(200, Value::Object(page))
}

fn changes(
    state: &State,
    kind: Kind,
    select: Option<&str>,
    base: &Directory,
    now: &Directory,
) -> Result<Vec<Value>, Reply> {
    let once = match kind {
        Kind::Users => users(state, select, base, now)?,
        Kind::Groups => groups(state, base, now),
    };
    if state.switches.graph.replay == Replay::Once {
        return Ok(once);
    }
    // What was, as an earlier round had it, then what is, twice.
    let before = match kind {
        Kind::Users => users(state, select, &Directory::default(), base)?,
        Kind::Groups => Vec::new(),
    };
    let is_changed = |old: &Value| once.iter().any(|new| new["id"] == old["id"]);
    let old = before.into_iter().filter(is_changed).collect::<Vec<_>>();
    Ok(old.into_iter().chain(once.iter().cloned()).chain(once.iter().rev().cloned()).collect())
}

fn users(
    state: &State,
    select: Option<&str>,
    base: &Directory,
    now: &Directory,
) -> Result<Vec<Value>, Reply> {
    let names = render::names(select)?;
    let fresh = now.people.iter().filter(|person| base.people.get(&person.id) != Some(*person));
    let mut changes: Vec<Value> =
        fresh.map(|person| Value::Object(user(state, &names, base.people.get(&person.id), person))).collect();
    let gone = base.people.iter().filter(|person| now.people.get(&person.id).is_none());
    changes.extend(gone.map(|person| removed(&person.id, "changed")));
    Ok(changes)
}

fn removed(id: &str, reason: &str) -> Value {
    json!({"id": id, "@removed": {"reason": reason}})
}

/// What is set; null for what was set before and no longer is. What never was is absent.
fn user(state: &State, names: &[String], old: Option<&Person>, new: &Person) -> Map<String, Value> {
    let (old, new) = (old.map(render::properties).unwrap_or_default(), render::properties(new));
    let is_minimal = state.switches.graph.feed_answer == FeedAnswer::Minimal;
    let mut shown = Map::new();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if is_minimal && old == new && name != "id" => {}
            (_, Some(new)) => drop(shown.insert(name.clone(), new.clone())),
            (Some(_), None) => drop(shown.insert(name.clone(), Value::Null)),
            (None, None) => {}
        }
    }
    shown
}

fn groups(state: &State, base: &Directory, now: &Directory) -> Vec<Value> {
    let mut changes = Vec::new();
    for group in now.groups.iter() {
        let old = base.groups.get(&group.id);
        if old != Some(group) {
            changes.extend(group_changes(state, old, group, base, now));
        }
    }
    let gone = base.groups.iter().filter(|group| now.groups.get(&group.id).is_none());
    changes.extend(gone.map(|group| removed(&group.id, "deleted")));
    changes
}

fn group_changes(
    state: &State,
    old: Option<&Group>,
    new: &Group,
    base: &Directory,
    now: &Directory,
) -> Vec<Value> {
    let before = old.map(|old| old.members.as_slice()).unwrap_or_default();
    let is_silent = state.switches.graph.deleted_members == DeletedMembers::Silent;
    // Somebody who was deleted and came back is in their groups without a word. They were there before the base was.
    let earlier = || state.graph.feeds.iter().take_while(|(_, feed)| !std::ptr::eq(&*feed.base, base));
    let is_back = |member: &Belongs| match member {
        Belongs::Person(id) => {
            base.people.get(id).is_none() && earlier().any(|(_, feed)| feed.base.people.get(id).is_some())
        }
        Belongs::Group(_) => false,
    };
    let joined = new.members.iter().filter(|member| !before.contains(member));
    let joined = joined.filter(|member| !(is_silent && is_back(member))).map(entry);
    let is_told = |member: &&Belongs| match member {
        Belongs::Person(id) => !(is_silent && now.people.get(id).is_none()),
        Belongs::Group(_) => true,
    };
    let left = before.iter().filter(|member| !new.members.contains(member)).filter(is_told).map(|member| {
        let mut entry = entry(member);
        entry["@removed"] = json!({"reason": "deleted"});
        entry
    });
    let members: Vec<Value> = joined.chain(left).collect();
    let with = |members: Option<&[Value]>| {
        let mut object = json!({"id": new.id, "displayName": new.name});
        if let Some(members) = members {
            object["members@delta"] = json!(members);
        }
        object
    };
    if members.is_empty() {
        return vec![with(None)];
    }
    members.chunks(state.switches.graph.feed_slice.max(1)).map(|slice| with(Some(slice))).collect()
}

fn entry(member: &Belongs) -> Value {
    let kind = match member {
        Belongs::Person(_) => "user",
        Belongs::Group(_) => "group",
    };
    json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": member.id()})
}
