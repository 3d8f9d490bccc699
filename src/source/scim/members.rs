//! Who a reference in `members` means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::person::PersonRecord;
use super::wire::{MemberKind, MemberRef};
use crate::model::{Address, GroupId, GroupMember, PersonId};

/// What a reference turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// One person or group.
    Member(GroupMember),
    /// Nobody that was listed.
    Unknown,
    /// A reference to someone who is there no more.
    Stale,
    /// Several people, or a person as well as a group: nothing is guessed.
    Ambiguous,
}

/// Who bears a name; `None` when several do.
type Named = HashMap<Arc<str>, Option<PersonId>>;

/// People and groups by everything that a provider may write into `members[].value`.
#[derive(Clone, Debug, Default)]
pub struct Index {
    people: HashSet<PersonId>,
    groups: HashSet<GroupId>,
    user_names: Named,
    external_ids: Named,
    addresses: Named,
    settled: HashMap<Arc<str>, Meaning>,
}

impl Index {
    /// An index of these groups and nobody yet.
    pub fn new(groups: impl IntoIterator<Item = GroupId>) -> Self {
        Self { groups: groups.into_iter().collect(), ..Self::default() }
    }

    /// Adds somebody.
    pub fn add(&mut self, record: &PersonRecord) {
        let person = &record.person;
        if !self.people.insert(person.id.clone()) {
            return;
        }
        if let Some(name) = &person.user_name {
            // RFC 7643 §4.1.1: user names are compared without case.
            note(&mut self.user_names, Address::new(name).folded().into(), &person.id);
        }
        if let Some(external) = &record.external_id {
            note(&mut self.external_ids, Arc::clone(external), &person.id);
        }
        for address in &person.addresses {
            note(&mut self.addresses, address.folded().into(), &person.id);
        }
    }

    /// True for somebody who was added.
    pub fn has_person(&self, id: &PersonId) -> bool {
        self.people.contains(id)
    }

    /// Remembers what was found out about a value that no list explained.
    pub fn settle(&mut self, value: &Arc<str>, meaning: Meaning) {
        self.settled.insert(Arc::clone(value), meaning);
    }

    /// The id it should be by the RFC first; then where `$ref` ends, the user name, the external id, an address.
    pub fn resolve(&self, reference: &MemberRef) -> Meaning {
        if let Some(meaning) = self.settled.get(&reference.value) {
            return meaning.clone();
        }
        let ids = std::iter::once(&reference.value).chain(&reference.ref_end);
        for id in ids {
            let (person, group) = (PersonId::from(Arc::clone(id)), GroupId::from(Arc::clone(id)));
            // Some servers number people and groups alike, so an id alone need not say which of them it is.
            match (reference.kind, self.people.contains(&person), self.groups.contains(&group)) {
                (MemberKind::NotSaid, true, true) => return Meaning::Ambiguous,
                (MemberKind::Person | MemberKind::NotSaid, true, _) => {
                    return Meaning::Member(GroupMember::Person(person));
                }
                (MemberKind::Group | MemberKind::NotSaid, _, true) => {
                    return Meaning::Member(GroupMember::Group(group));
                }
                (MemberKind::Person | MemberKind::Group, _, _) | (MemberKind::NotSaid, false, false) => {}
            }
        }
        match reference.kind {
            // The list of groups may be cut short, and a group is read by id before anyone relies on it.
            MemberKind::Group => {
                Meaning::Member(GroupMember::Group(GroupId::from(Arc::clone(&reference.value))))
            }
            MemberKind::Person | MemberKind::NotSaid => self.by_name(&reference.value),
        }
    }

    fn by_name(&self, value: &Arc<str>) -> Meaning {
        let folded = Address::new(value);
        let hit = self.user_names.get(folded.folded());
        let hit =
            hit.or_else(|| self.external_ids.get(value)).or_else(|| self.addresses.get(folded.folded()));
        match hit {
            Some(Some(id)) => Meaning::Member(GroupMember::Person(id.clone())),
            Some(None) => Meaning::Ambiguous,
            None => Meaning::Unknown,
        }
    }
}

fn note(names: &mut Named, name: Arc<str>, id: &PersonId) {
    names
        .entry(name)
        .and_modify(|known| {
            if known.as_ref() != Some(id) {
                *known = None;
            }
        })
        .or_insert_with(|| Some(id.clone()));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::source::scim::wanted::Wanted;
    use crate::source::scim::wire::{Members, parse_group, parse_user};

    fn index() -> Index {
        let mut index = Index::new(["g1", "7"].map(GroupId::from));
        for text in [
            r#"{"id":"u1","userName":"Ada","externalId":"E-1","emails":[{"value":"ada@example.com"}]}"#,
            r#"{"id":"u2","userName":"bob@example.com","emails":[{"value":"team@example.com"}]}"#,
            r#"{"id":"u3","userName":"cy","emails":[{"value":"team@example.com"}]}"#,
            r#"{"id":"7","userName":"seven"}"#,
            r#"{"id":"x y","userName":"u1"}"#,
        ] {
            index.add(&parse_user(text, &Wanted::new(&BTreeSet::new(), "")).expect("a user"));
        }
        index
    }

    fn resolve(member: &str) -> Meaning {
        let group = parse_group(&format!(r#"{{"id":"g","members":[{member}]}}"#)).expect("a group");
        let Members::Listed { refs, broken: 0 } = group.members else { panic!("no member in {member}") };
        index().resolve(&refs[0])
    }

    #[test]
    fn members_are_found_by_id_then_ref_then_names() {
        let person = |id: &str| Meaning::Member(GroupMember::Person(PersonId::from(id)));
        let group = |id: &str| Meaning::Member(GroupMember::Group(GroupId::from(id)));
        for (member, meaning) in [
            (r#"{"value":"u1"}"#, person("u1")),
            (r#""u1""#, person("u1")),
            (r#"{"value":"ada"}"#, person("u1")),
            (r#"{"value":"ADA@example.com"}"#, person("u1")),
            (r#"{"value":"E-1"}"#, person("u1")),
            (r#"{"value":"e-1"}"#, Meaning::Unknown),
            (r#"{"value":"Bob@Example.com","type":"User"}"#, person("u2")),
            (r#"{"value":"team@example.com"}"#, Meaning::Ambiguous),
            (r#"{"value":"whoever","$ref":"https://elsewhere.example/v2/Users/u3"}"#, person("u3")),
            (r#"{"$ref":"../Users/u3/"}"#, person("u3")),
            (r#"{"value":"g1"}"#, group("g1")),
            (r#"{"value":"g9","type":"group"}"#, group("g9")),
            (r#"{"value":"g9","$ref":"/scim/v2/Groups/g9"}"#, group("g9")),
            (r#"{"value":"7"}"#, Meaning::Ambiguous),
            (r#"{"value":7,"type":"User"}"#, person("7")),
            (r#"{"value":"7","$ref":"/Groups/7"}"#, group("7")),
            (r#"{"Value":"nobody"}"#, Meaning::Unknown),
        ] {
            assert_eq!(resolve(member), meaning, "{member}");
        }
    }

    #[test]
    fn what_was_looked_up_is_remembered() {
        let mut index = index();
        let value: Arc<str> = "nobody".into();
        index.settle(&value, Meaning::Stale);
        let reference = MemberRef { value, ref_end: None, kind: MemberKind::NotSaid };
        assert_eq!(index.resolve(&reference), Meaning::Stale);
    }
}
