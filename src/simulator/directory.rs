//! What the simulated identity provider knows: people and groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::uuid;
use super::store::{Identified, Ordered};

/// The extension that carries attributes of the organization's own.
pub const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
/// RFC 7643 §4.3.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Somebody in the directory.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Person {
    /// Stable.
    pub id: Box<str>,
    /// What they sign in with: an address here.
    pub user_name: Box<str>,
    /// First name.
    pub given_name: Box<str>,
    /// Last name.
    pub family_name: Box<str>,
    /// Work address when it is not the user name.
    pub email: Option<Box<str>>,
    /// May they sign in?
    pub active: bool,
    /// `userType`, on its own because everybody has one.
    pub user_type: Box<str>,
    /// Other core attributes, such as `title`, at the top level.
    pub core: BTreeMap<Box<str>, Value>,
    /// Attributes of the enterprise extension, such as `department`.
    pub enterprise: BTreeMap<Box<str>, Value>,
    /// Attributes of [`CUSTOM`], such as `appStoreConnect_role`.
    pub custom: BTreeMap<Box<str>, Value>,
}

impl Person {
    /// The work address.
    pub fn email(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.user_name)
    }

    /// First and last name.
    pub fn display_name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Belongs {
    /// A person by id.
    Person(Box<str>),
    /// A group within the group, by id.
    Group(Box<str>),
}

impl Belongs {
    /// The id of either.
    pub fn id(&self) -> &str {
        match self {
            Self::Person(id) | Self::Group(id) => id,
        }
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Stable.
    pub id: Box<str>,
    /// Display name.
    pub name: Box<str>,
    /// Direct members.
    pub members: Vec<Belongs>,
}

impl Identified for Person {
    fn id(&self) -> &str {
        &self.id
    }
}
impl Identified for Group {
    fn id(&self) -> &str {
        &self.id
    }
}

/// People and groups. Whoever is named `who` is found by id, user name or address, whatever the case.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// Everybody.
    pub people: Ordered<Person>,
    /// Every group.
    pub groups: Ordered<Group>,
    /// Ids given out so far.
    pub issued: u64,
}

impl Directory {
    /// Adds an active employee whose user name is their address; returns the new id.
    pub fn add_person(&mut self, email: &str, given: &str, family: &str) -> String {
        let id = self.new_id();
        self.people.insert(Person {
            id: id.as_str().into(),
            user_name: email.into(),
            given_name: given.into(),
            family_name: family.into(),
            email: None,
            active: true,
            user_type: "Employee".into(),
            core: BTreeMap::new(),
            enterprise: BTreeMap::new(),
            custom: BTreeMap::new(),
        });
        id
    }

    /// Adds a group of these people and groups, each by id, address or name; returns the new id. Unknown ones are left out.
    pub fn add_group(&mut self, name: &str, members: &[&str]) -> String {
        let id = self.new_id();
        let members = members.iter().filter_map(|who| self.belongs(who)).collect();
        self.groups.insert(Group { id: id.as_str().into(), name: name.into(), members });
        id
    }

    /// A person.
    pub fn person(&self, who: &str) -> Option<&Person> {
        self.people.get(who).or_else(|| self.people.iter().find(|person| is(person, who)))
    }

    /// A person, to change.
    pub fn person_mut(&mut self, who: &str) -> Option<&mut Person> {
        let id = self.person(who)?.id.clone();
        self.people.get_mut(&id)
    }

    /// Deletes a person, and from every group with it.
    pub fn remove_person(&mut self, who: &str) -> Option<Person> {
        let id = self.person(who)?.id.clone();
        for group in self.groups.iter_mut() {
            group.members.retain(|member| member.id() != &*id);
        }
        self.people.remove(&id)
    }

    /// A group by id or display name.
    pub fn group(&self, which: &str) -> Option<&Group> {
        self.groups.get(which).or_else(|| self.groups.iter().find(|group| &*group.name == which))
    }

    /// A group, to change.
    pub fn group_mut(&mut self, which: &str) -> Option<&mut Group> {
        let id = self.group(which)?.id.clone();
        self.groups.get_mut(&id)
    }

    /// Puts somebody (or a group) into a group; false when one of them is unknown.
    pub fn join(&mut self, group: &str, who: &str) -> bool {
        let Some(member) = self.belongs(who) else { return false };
        let Some(group) = self.group_mut(group) else { return false };
        if !group.members.contains(&member) {
            group.members.push(member);
        }
        true
    }

    /// Takes somebody (or a group) out of a group; false when one of them is unknown or not in it.
    pub fn leave(&mut self, group: &str, who: &str) -> bool {
        let Some(member) = self.belongs(who) else { return false };
        let Some(group) = self.group_mut(group) else { return false };
        let before = group.members.len();
        group.members.retain(|own| *own != member);
        group.members.len() < before
    }

    /// Deletes a group, and from every group that holds it.
    pub fn remove_group(&mut self, which: &str) -> Option<Group> {
        let id = self.group(which)?.id.clone();
        for group in self.groups.iter_mut() {
            group.members.retain(|member| member.id() != &*id);
        }
        self.groups.remove(&id)
    }

    fn belongs(&self, who: &str) -> Option<Belongs> {
        let person = self.person(who).map(|person| Belongs::Person(person.id.clone()));
        person.or_else(|| self.group(who).map(|group| Belongs::Group(group.id.clone())))
    }

    /// A fresh id, the same in every run that does the same.
    pub fn new_id(&mut self) -> String {
        self.issued += 1;
        uuid(0xd1, self.issued)
    }
}

fn is(person: &Person, who: &str) -> bool {
    person.user_name.eq_ignore_ascii_case(who) || person.email().eq_ignore_ascii_case(who)
}
