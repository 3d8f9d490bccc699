//! Who is in scope, and why or why not. Groups are closed over their member groups here, for every source alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::id::is_same_name;
use crate::model::policy::{GroupName, ScopeMode};
use crate::model::{
    Activity, DirectorySnapshot, Group, GroupMember, Hold, HoldReason, Person, Policy, Principal, Problem,
};

/// Why somebody is neither invited nor removed although all of them was read.
pub(super) const UNCLEAR: &str =
    "the directory says neither yes nor no to whether they may sign in: correct \"active\" there";

/// What scope says of somebody in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// In scope.
    In(Source<'a>),
    /// The directory says that they may not sign in.
    Disabled,
    /// There, but not in scope.
    Out(Outside<'a>),
}

/// What puts a person in scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    Group(&'a str),
    Assigned,
    Everybody,
}

/// What keeps a person out of scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside<'a> {
    NoGroup,
    NotAssigned,
    Filter(&'a str),
    Excluded(&'a str),
}

impl std::fmt::Display for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group(name) => write!(f, "in group \"{name}\""),
            Self::Assigned => f.write_str("assigned to the application"),
            Self::Everybody => f.write_str("everybody is in scope"),
        }
    }
}

impl std::fmt::Display for Outside<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoGroup => f.write_str("in none of the groups of scope.groups"),
            Self::NotAssigned => f.write_str("not assigned to the application"),
            Self::Filter(filter) => write!(f, "scope.filter does not fit: {filter}"),
            Self::Excluded(glob) => write!(f, "scope.exclude covers them: {glob}"),
        }
    }
}

/// The people of a directory snapshot, named by their position in it, and what groups and assignments say of them.
pub(super) struct Scope<'a> {
    policy: &'a Policy,
    people: &'a [Person],
    /// Every group that policy names.
    groups: BTreeMap<&'a str, Members>,
    /// Those of `scope.groups`, in the order of the configuration: asked of everybody, so not looked up by name each time.
    scoped: Vec<(&'a str, Members)>,
    /// The groups of which something else than themselves claims members, with those members.
    claimed: BTreeMap<&'a str, Members>,
    /// Position and values of app roles, sorted by position; filled when scope is by assignment.
    assigned: BTreeMap<usize, BTreeSet<&'a str>>,
    /// What the snapshot lacks although it ought to be there.
    pub(super) missing: Vec<Problem>,
}

/// Some of the people, a bit for each: whoever is asked about everybody must not search.
#[derive(Clone, Debug)]
struct Members(Vec<u64>);

impl Members {
    fn nobody_of(people: usize) -> Self {
        Self(vec![0; people.div_ceil(64)])
    }

    fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(directory: &'a DirectorySnapshot, policy: &'a Policy) -> Self {
        let mut scope = Self {
            policy,
            people: directory.people(),
            groups: BTreeMap::new(),
            scoped: Vec::new(),
            claimed: BTreeMap::new(),
            assigned: BTreeMap::new(),
            missing: Vec::new(),
        };
        for name in policy_groups(policy) {
            let members = scope.closure(directory, name);
            scope.groups.insert(name, members);
            if !directory.claims.is_empty() {
                let claimed = scope.claimed_closure(directory, name);
                scope.claimed.insert(name, claimed);
            }
        }
        if let ScopeMode::Groups(names) = &policy.scope.mode {
            let members = |name: &'a GroupName| Some((&**name, scope.groups.get(&**name)?.clone()));
            scope.scoped = names.iter().filter_map(members).collect();
        }
        if policy.scope.mode == ScopeMode::Assigned {
            scope.assign(directory);
        }
        scope.missing.sort();
        scope.missing.dedup();
        scope
    }

    /// Is this person in scope?
    pub(super) fn verdict(&self, at: usize) -> Verdict<'a> {
        let person = &self.people[at];
        if person.activity == Activity::Disabled {
            return Verdict::Disabled;
        }
        let scope = &self.policy.scope;
        let source = match &scope.mode {
            ScopeMode::All => Ok(Source::Everybody),
            ScopeMode::Assigned if self.assigned.contains_key(&at) => Ok(Source::Assigned),
            ScopeMode::Assigned => Err(Outside::NotAssigned),
            ScopeMode::Groups(_) => (self.scoped.iter())
                .find(|(_, members)| members.has(at))
                .map_or(Err(Outside::NoGroup), |(name, _)| Ok(Source::Group(name))),
        };
        let source = match source {
            Ok(source) => source,
            Err(outside) => return Verdict::Out(outside),
        };
        if let Some(glob) = person.addresses.all().iter().find_map(|address| scope.exclude.matching(address))
        {
            return Verdict::Out(Outside::Excluded(glob));
        }
        match &scope.filter {
            Some(filter) if !filter.matches(person) => Verdict::Out(Outside::Filter(filter.as_str())),
            Some(_) | None => Verdict::In(source),
        }
    }

    /// What the directory says against somebody's being outside of the scope's groups, in words.
    pub(super) fn contradiction(&self, at: usize) -> Option<String> {
        match self.verdict(at) {
            Verdict::Out(Outside::NoGroup) => {
                let claimed = self.scoped.iter().find(|(name, _)| self.is_claimed(at, name));
                claimed.map(|(name, _)| contradiction(name))
            }
            Verdict::Out(Outside::NotAssigned | Outside::Filter(_) | Outside::Excluded(_))
            | Verdict::In(_)
            | Verdict::Disabled => None,
        }
    }

    /// As [`Self::contradiction`], of any group that policy names: what a rule gives them is in doubt then.
    pub(super) fn contradiction_of_rules(&self, at: usize) -> Option<String> {
        self.claimed.keys().find(|name| self.is_claimed(at, name)).map(|name| contradiction(name))
    }

    fn is_claimed(&self, at: usize, name: &str) -> bool {
        self.claimed.get(name).is_some_and(|claimed| claimed.has(at)) && !self.is_in_group(at, name)
    }

    /// Direct or nested member of a group that policy names.
    pub(super) fn is_in_group(&self, at: usize, name: &str) -> bool {
        self.groups.get(name).is_some_and(|members| members.has(at))
    }

    /// Values of the app roles they are assigned with.
    pub(super) fn app_roles(&self, at: usize) -> Option<&BTreeSet<&'a str>> {
        self.assigned.get(&at).filter(|roles| !roles.is_empty())
    }

    fn position(&self, id: &crate::model::PersonId) -> Option<usize> {
        self.people.binary_search_by(|person| person.id.cmp(id)).ok()
    }

    /// Everybody in a group, each group of a cycle visited once.
    fn closure(&mut self, directory: &'a DirectorySnapshot, name: &str) -> Members {
        let mut members = Members::nobody_of(self.people.len());
        let Some(group) = find_group(directory, name) else {
            self.missing.push(Problem(format!("group \"{name}\" was not read")));
            return members;
        };
        let mut seen = BTreeSet::from([&group.id]);
        let mut open = vec![group];
        while let Some(group) = open.pop() {
            for member in &group.members {
                match member {
                    GroupMember::Person(id) => {
                        if let Some(at) = self.position(id) {
                            members.add(at);
                        }
                    }
                    GroupMember::Group(id) if self.policy.scope.nested && seen.insert(id) => {
                        match directory.group(id) {
                            Some(inner) => open.push(inner),
                            None => self
                                .missing
                                .push(Problem(format!("group {id} within \"{}\" was not read", group.name))),
                        }
                    }
                    GroupMember::Group(_) => {}
                }
            }
        }
        members
    }

    /// Everybody in a group, were all true that is claimed of it and of those within.
    fn claimed_closure(&self, directory: &'a DirectorySnapshot, name: &str) -> Members {
        let mut members = Members::nobody_of(self.people.len());
        let mut open: Vec<&Group> = find_group(directory, name).into_iter().collect();
        let mut seen: BTreeSet<_> = open.iter().map(|group| &group.id).collect();
        while let Some(group) = open.pop() {
            for member in group.members.iter().chain(directory.claims.of(&group.id)) {
                match member {
                    GroupMember::Person(id) => {
                        if let Some(at) = self.position(id) {
                            members.add(at);
                        }
                    }
                    GroupMember::Group(id) if self.policy.scope.nested && seen.insert(id) => {
                        open.extend(directory.group(id));
                    }
                    GroupMember::Group(_) => {}
                }
            }
        }
        members
    }

    /// Assigned people and the direct members of assigned groups: Entra does not follow nested groups here.
    fn assign(&mut self, directory: &'a DirectorySnapshot) {
        for assignment in &directory.assignments {
            let role = assignment.role.as_deref();
            match &assignment.principal {
                Principal::Person(id) => self.assign_one(id, role),
                Principal::Group(id) => match directory.group(id) {
                    None => self.missing.push(Problem(format!("assigned group {id} was not read"))),
                    Some(group) => {
                        for member in &group.members {
                            if let GroupMember::Person(id) = member {
                                self.assign_one(id, role);
                            }
                        }
                    }
                },
            }
        }
    }

    fn assign_one(&mut self, id: &crate::model::PersonId, role: Option<&'a str>) {
        if let Some(at) = self.position(id) {
            self.assigned.entry(at).or_default().extend(role);
        }
    }
}

/// The hold of somebody of whom the directory says neither that they are active nor that they are not.
pub(super) fn unclear(person: &Person) -> Option<Hold> {
    match person.activity {
        Activity::Unclear => Some(Hold::new(HoldReason::InvalidAttribute, UNCLEAR)),
        Activity::Active | Activity::Disabled | Activity::NotSaid => None,
    }
}

fn contradiction(group: &str) -> String {
    format!("the directory contradicts itself about \"{group}\": one answer has them in it, another does not")
}

/// Every group that scope and rules name.
pub(super) fn policy_groups(policy: &Policy) -> BTreeSet<&GroupName> {
    let scope = match &policy.scope.mode {
        ScopeMode::Groups(names) => names.as_slice(),
        ScopeMode::Assigned | ScopeMode::All => &[],
    };
    scope.iter().chain(policy.access.rules.iter().filter_map(|rule| rule.group.as_ref())).collect()
}

/// An id wins over a name, and a name as written over one in another case.
fn find_group<'a>(directory: &'a DirectorySnapshot, name: &str) -> Option<&'a Group> {
    let groups = &directory.groups;
    directory
        .group(&name.into())
        .or_else(|| groups.iter().find(|group| *group.name == *name))
        .or_else(|| groups.iter().find(|group| is_same_name(&group.name, name)))
}
