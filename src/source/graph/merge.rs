//! Lays the changes of a feed over the last complete snapshot. Pure, so that a feed's replays, repeats and odd orders
//! can be tried as data. Nobody plans from changes alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::{Entry, Object, Wanted, apply, blank, entry, id_of, is_removed};
use crate::model::id::is_same_name;
use crate::model::{DirectorySnapshot, Group, GroupId, GroupMember, Person, PersonId};

/// Who and what left the directory, kept because a deleted object may come back within 30 days with the memberships
/// it had, of which a feed says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Departed {
    /// People, with the groups that held them.
    pub people: BTreeMap<PersonId, BTreeSet<GroupId>>,
    /// Groups.
    pub groups: BTreeSet<GroupId>,
}

/// The directory while changes are laid over it.
#[derive(Clone, Debug)]
pub(super) struct Merge {
    pub people: BTreeMap<PersonId, Person>,
    pub groups: BTreeMap<GroupId, Group>,
    pub departed: Departed,
    /// People the feed named without saying enough to invite or to keep them: to be read by id.
    pub unclear: BTreeSet<PersonId>,
    /// What the groups are can no longer be told from changes: names or nesting moved. They must be read again.
    pub groups_again: bool,
}

impl Merge {
    pub(super) fn new(snapshot: &DirectorySnapshot, departed: Departed) -> Self {
        Self {
            people: snapshot.people().iter().map(|person| (person.id.clone(), person.clone())).collect(),
            groups: snapshot.groups.iter().map(|group| (group.id.clone(), group.clone())).collect(),
            departed,
            unclear: BTreeSet::new(),
            groups_again: false,
        }
    }

    /// Lays changes of people over it. The last word about somebody counts; saying it twice changes nothing.
    pub(super) fn people(&mut self, changes: &[Object], wanted: &Wanted) {
        for change in changes {
            let Some(id) = id_of(change).map(PersonId::from) else { continue };
            if is_removed(change) {
                self.depart(&id);
            } else {
                self.arrive(id, change, wanted);
            }
        }
    }

    /// Somebody who was read by id after all.
    pub(super) fn settle(&mut self, id: &PersonId, person: Option<Person>) {
        self.unclear.remove(id);
        match person {
            Some(person) => drop(self.people.insert(id.clone(), person)),
            None => self.depart(id),
        }
    }

    fn depart(&mut self, id: &PersonId) {
        self.unclear.remove(id);
        if self.people.remove(id).is_none() {
            return;
        }
        let member = GroupMember::Person(id.clone());
        let mut left = BTreeSet::new();
        for group in self.groups.values_mut() {
            if let Ok(at) = group.members.binary_search(&member) {
                group.members.remove(at);
                left.insert(group.id.clone());
            }
        }
        self.departed.people.insert(id.clone(), left);
    }

    fn arrive(&mut self, id: PersonId, change: &Object, wanted: &Wanted) {
        let person = self.people.entry(id.clone()).or_insert_with(|| blank(id.clone()));
        apply(person, change, wanted);
        // Everybody has a sign-in name; without it this was not the whole person. And whoever was disabled may be among
        // those of whom the row does not say: what was known of them before is not what is so now.
        let is_silent = change.get("accountEnabled").is_none_or(Value::is_null);
        if person.user_name.is_none() || is_silent {
            self.unclear.insert(id.clone());
        } else {
            self.unclear.remove(&id);
        }
        for group in self.departed.people.remove(&id).unwrap_or_default() {
            if let Some(group) = self.groups.get_mut(&group) {
                add(group, GroupMember::Person(id.clone()));
            }
        }
    }

    /// Lays changes of groups over it. `roots` are the groups that the configuration names, each with its name there.
    /// Groups not known here are somebody else's, unless they bear one of those names or come back.
    pub(super) fn groups(&mut self, changes: &[Object], roots: &BTreeMap<String, GroupId>) {
        for change in changes {
            let Some(id) = id_of(change).map(GroupId::from) else { continue };
            let name = change.get("displayName").and_then(Value::as_str);
            if is_removed(change) {
                if self.groups.contains_key(&id) {
                    self.groups_again = true;
                    self.departed.groups.insert(id);
                }
            } else if self.groups.contains_key(&id) {
                self.change_group(&id, name, change, roots);
            } else {
                let named = name.is_some_and(|name| roots.keys().any(|root| is_same_name(root, name)));
                self.groups_again |= named || self.departed.groups.remove(&id);
            }
        }
    }

    fn change_group(
        &mut self,
        id: &GroupId,
        name: Option<&str>,
        change: &Object,
        roots: &BTreeMap<String, GroupId>,
    ) {
        let Some(group) = self.groups.get_mut(id) else { return };
        if let Some(name) = name.filter(|name| **name != *group.name) {
            group.name = name.into();
            // A root found by name may be another group now, and any group may have taken a root's name.
            self.groups_again |= roots.iter().any(|(root, own)| own == id || is_same_name(root, name))
                && !roots.contains_key(id.as_str());
        }
        let Some(members) = change.get("members@delta") else { return };
        for member in members.as_array().into_iter().flatten().filter_map(Value::as_object) {
            match (entry(member), is_removed(member)) {
                (Entry::Member(member), false) => add(group, member),
                (Entry::Other, _) => {}
                (Entry::Member(_) | Entry::Unclear, true) => {
                    let Some(gone) = id_of(member) else { continue };
                    drop_member(group, gone);
                    if let Some(groups) = self.departed.people.get_mut(&PersonId::from(gone)) {
                        groups.remove(id);
                    }
                }
                // Without a type nobody can say whether it is a person.
                (Entry::Unclear, false) => self.groups_again = true,
            }
        }
    }

    /// Leaves only the groups within reach: `followed` ones with whatever is within them, `plain` ones by themselves.
    /// A group within reach that is not known must be read.
    pub(super) fn prune(&mut self, followed: &BTreeSet<GroupId>, plain: &BTreeSet<GroupId>) {
        let mut reached = BTreeSet::new();
        let mut open: Vec<GroupId> = followed.iter().cloned().collect();
        while let Some(id) = open.pop() {
            let Some(group) = self.groups.get(&id) else {
                self.groups_again = true;
                continue;
            };
            if reached.insert(id) {
                open.extend(group.members.iter().filter_map(|member| match member {
                    GroupMember::Group(inner) => Some(inner.clone()),
                    GroupMember::Person(_) => None,
                }));
            }
        }
        self.groups_again |= plain.iter().any(|id| !self.groups.contains_key(id));
        self.groups.retain(|id, _| reached.contains(id) || plain.contains(id));
    }
}

fn add(group: &mut Group, member: GroupMember) {
    if let Err(at) = group.members.binary_search(&member) {
        group.members.insert(at, member);
    }
}

/// By id alone: an entry that says who left may come without a type.
fn drop_member(group: &mut Group, gone: &str) {
    group.members.retain(|member| match member {
        GroupMember::Person(id) => id.as_str() != gone,
        GroupMember::Group(id) => id.as_str() != gone,
    });
}

#[cfg(test)]
mod tests;
