//! The identity provider's side: people, groups, and how much of them was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::addresses::Addresses;
use super::id::{GroupId, PersonId};

/// Whether the provider says that a person may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// `active` is true.
    Active,
    /// `active` is false.
    Disabled,
    /// The provider did not say, which is never taken for "disabled".
    NotSaid,
    /// What the provider said can be read neither as yes nor as no. Such a person is neither invited nor removed.
    Unclear,
}

/// The attributes that policy asked for, by lower-case name. Top level only; a value is kept as it came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(Vec<(Arc<str>, Value)>);

impl Attributes {
    /// Keeps a value under a name; the last one of a name wins.
    pub fn insert(&mut self, name: &str, value: Value) {
        self.insert_shared(name.to_lowercase().into(), value);
    }

    /// As [`Self::insert`], with a name that is lower case already and shared by everybody who has the attribute.
    pub fn insert_shared(&mut self, name: Arc<str>, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(slot) => slot.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Gives back what room was left for more.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// The value of a name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.get_folded(&name.to_lowercase())
    }

    /// As [`Self::get`], of a name that is lower case already: what is asked of everybody is folded once.
    pub fn get_folded(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    /// Every name (lower case) with its value, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

/// Somebody in the directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// The only stable key.
    pub id: PersonId,
    /// The name they sign in with, as written.
    pub user_name: Option<Arc<str>>,
    /// Every address, the one invitations go to first. May be none.
    pub addresses: Addresses,
    /// First name.
    pub given_name: Option<Arc<str>>,
    /// Last name.
    pub family_name: Option<Arc<str>>,
    /// The name people show.
    pub display_name: Option<Arc<str>>,
    /// May they sign in?
    pub activity: Activity,
    /// What rules, filters and mapping asked for.
    pub attributes: Attributes,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupMember {
    /// A person, by id; may be someone the walk over people did not list.
    Person(PersonId),
    /// A group within the group.
    Group(GroupId),
}

/// A group with its direct members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Stable id.
    pub id: GroupId,
    /// Display name.
    pub name: Arc<str>,
    /// Direct members.
    pub members: Vec<GroupMember>,
}

/// Who an app assignment is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// One person.
    Person(PersonId),
    /// The direct members of a group: Entra does not follow nested groups here.
    Group(GroupId),
}

/// An assignment of our enterprise application (Graph `appRoleAssignedTo`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignment {
    /// Who is assigned.
    pub principal: Principal,
    /// The app role's value; `None` for default access.
    pub role: Option<Arc<str>>,
}

/// Memberships that something else than the group itself claims: the list of groups, or a person's own record. They
/// contradict the group, so nobody loses anything for not being in it, and nobody gains anything for being claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(BTreeMap<GroupId, BTreeSet<GroupMember>>);

impl Claims {
    /// What is claimed of a group.
    pub fn of(&self, group: &GroupId) -> impl Iterator<Item = &GroupMember> {
        self.0.get(group).into_iter().flatten()
    }

    /// True when nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every claim.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupId, &GroupMember)> {
        self.0.iter().flat_map(|(group, members)| members.iter().map(move |member| (group, member)))
    }
}

impl Extend<(GroupId, GroupMember)> for Claims {
    fn extend<I: IntoIterator<Item = (GroupId, GroupMember)>>(&mut self, claims: I) {
        for (group, member) in claims {
            self.0.entry(group).or_default().insert(member);
        }
    }
}

/// One thing that a read did not get, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Problem(pub String);

/// How much of a side was seen. Nothing is removed on the strength of anything but `Complete`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "missing", rename_all = "snake_case")]
pub enum Coverage {
    /// Every page and every group ended cleanly and counts agree.
    Complete,
    /// Some was read, some was not.
    Partial(Vec<Problem>),
    /// Nothing usable was read.
    Failed(Vec<Problem>),
}

/// Problems that a read keeps; the rest is counted. Every plan and report of the state repeats them.
const PROBLEMS_MAX: usize = 500;

impl Coverage {
    /// True only for a complete read.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }

    /// The word of the plan's `coverage`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial(_) => "partial",
            Self::Failed(_) => "failed",
        }
    }

    /// What is missing.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Complete => &[],
            Self::Partial(problems) | Self::Failed(problems) => problems,
        }
    }

    /// `Complete` of an empty list, else `Partial`.
    pub fn from_problems(mut problems: Vec<Problem>) -> Self {
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        if more > 0 {
            problems.truncate(PROBLEMS_MAX);
            problems.push(Problem(format!("{more} more problems")));
        }
        if problems.is_empty() { Self::Complete } else { Self::Partial(problems) }
    }
}

/// The directory as one read saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectorySnapshot {
    people: Vec<Person>,
    /// The groups that policy names and, where nested groups count, those below them.
    pub groups: Vec<Group>,
    /// Memberships that the groups themselves do not show.
    #[serde(default, skip_serializing_if = "Claims::is_empty")]
    pub claims: Claims,
    /// Assignments of our enterprise application; empty for sources that have none.
    pub assignments: Vec<Assignment>,
    /// How much was seen.
    pub coverage: Coverage,
}

impl DirectorySnapshot {
    /// Orders people by id; of two entries with one id the later stays.
    pub fn new(
        mut people: Vec<Person>,
        mut groups: Vec<Group>,
        assignments: Vec<Assignment>,
        coverage: Coverage,
    ) -> Self {
        people.reverse();
        people.sort_by(|a, b| a.id.cmp(&b.id));
        people.dedup_by(|a, b| a.id == b.id);
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        Self { people, groups, claims: Claims::default(), assignments, coverage }
    }

    /// With memberships that the groups themselves do not show.
    #[must_use]
    pub fn with_claims(self, claims: Claims) -> Self {
        Self { claims, ..self }
    }

    /// Everybody, ordered by id.
    pub fn people(&self) -> &[Person] {
        &self.people
    }

    /// Somebody by id.
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.people.binary_search_by(|person| person.id.cmp(id)).ok().map(|at| &self.people[at])
    }

    /// A group by id.
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.binary_search_by(|group| group.id.cmp(id)).ok().map(|at| &self.groups[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_beyond_what_a_plan_can_repeat_are_counted() {
        let coverage = |count: usize| {
            Coverage::from_problems((0..count).map(|at| Problem(format!("problem {at}"))).collect())
        };
        assert_eq!(coverage(0), Coverage::Complete);
        assert_eq!(coverage(PROBLEMS_MAX).problems().len(), PROBLEMS_MAX);
        let many = coverage(1_000_000);
        assert_eq!(many.problems().len(), PROBLEMS_MAX + 1);
        assert_eq!(many.problems().last(), Some(&Problem("999500 more problems".to_owned())));
    }
}
