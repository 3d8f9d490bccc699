//! Who a reference in `members` means.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, OnceLock};

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

/// Who bears a name, by its hash and its text; ordered, so that whoever shares it stands together.
type Named<'p> = Vec<(u64, Cow<'p, str>, &'p PersonId)>;

/// People by everything besides the id that a provider may write into `members[].value`.
#[derive(Debug, Default)]
struct Names<'p> {
    user_names: Named<'p>,
    external_ids: Named<'p>,
    addresses: Named<'p>,
}

/// People and groups by everything that a provider may write into `members[].value`.
#[derive(Debug)]
pub struct Index<'p> {
    /// Ordered by id.
    people: &'p [PersonRecord],
    /// People whom only a group led to.
    more: Vec<PersonRecord>,
    groups: BTreeSet<GroupId>,
    /// Made for the first reference that is no id: a provider that keeps to the RFC needs none of it.
    names: OnceLock<Names<'p>>,
    settled: HashMap<Arc<str>, Meaning>,
}

impl<'p> Index<'p> {
    /// An index of these groups, and of these people, ordered by id.
    pub fn new(groups: BTreeSet<GroupId>, people: &'p [PersonRecord]) -> Self {
        Self { people, more: Vec::new(), groups, names: OnceLock::new(), settled: HashMap::new() }
    }

    /// Adds somebody who was found by what a group calls them.
    pub fn add(&mut self, record: PersonRecord) {
        if !self.has_person(&record.person.id) {
            self.more.push(record);
        }
    }

    /// Those who were added.
    pub fn into_added(self) -> Vec<PersonRecord> {
        self.more
    }

    /// Everybody who was listed or added.
    pub fn records(&self) -> impl Iterator<Item = &PersonRecord> {
        self.people.iter().chain(&self.more)
    }

    /// True for a group that was listed.
    pub fn has_group(&self, id: &GroupId) -> bool {
        self.groups.contains(id)
    }

    /// True for somebody who was listed or added.
    pub fn has_person(&self, id: &PersonId) -> bool {
        self.people.binary_search_by(|record| record.person.id.cmp(id)).is_ok()
            || self.more.iter().any(|record| record.person.id == *id)
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
            match (reference.kind, self.has_person(&person), self.groups.contains(&group)) {
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
        let names = self.names.get_or_init(|| Names::of(self.people));
        // The few who were added are asked one by one.
        let added = |bears: &dyn Fn(&PersonRecord) -> bool| -> Vec<&PersonId> {
            self.more.iter().filter(|record| bears(record)).map(|record| &record.person.id).collect()
        };
        let named = added(&|record| user_name(record).is_some_and(|name| name == folded.folded()));
        let known_outside = added(&|record| record.external_id.as_ref() == Some(value));
        let addressed = added(&|record| record.person.addresses.vouched().contains(&folded));
        let hit = meant(bearers(&names.user_names, folded.folded()).chain(named))
            .or_else(|| meant(bearers(&names.external_ids, value).chain(known_outside)))
            .or_else(|| meant(bearers(&names.addresses, folded.folded()).chain(addressed)));
        hit.unwrap_or(Meaning::Unknown)
    }
}

impl<'p> Names<'p> {
    fn of(people: &'p [PersonRecord]) -> Self {
        let mut names = Self::default();
        for record in people {
            let id = &record.person.id;
            names.user_names.extend(user_name(record).map(|name| named(name, id)));
            names.external_ids.extend(record.external_id.iter().map(|name| named(Cow::Borrowed(name), id)));
            let addresses = record.person.addresses.vouched().iter();
            names.addresses.extend(addresses.map(|address| named(Cow::Borrowed(address.folded()), id)));
        }
        for named in [&mut names.user_names, &mut names.external_ids, &mut names.addresses] {
            named.sort_unstable();
        }
        names
    }
}

/// RFC 7643 §4.1.1: user names are compared without case.
fn user_name(record: &PersonRecord) -> Option<Cow<'_, str>> {
    let name = record.person.user_name.as_deref()?;
    let address = record.person.addresses.all().iter().find(|address| address.as_str() == name);
    Some(match address {
        Some(address) => Cow::Borrowed(address.folded()),
        None => Cow::Owned(Address::new(name).folded().to_owned()),
    })
}

fn named<'p>(name: Cow<'p, str>, id: &'p PersonId) -> (u64, Cow<'p, str>, &'p PersonId) {
    (hash(&name), name, id)
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name.as_bytes());
    hasher.finish()
}

fn bearers<'n>(names: &'n Named<'_>, name: &str) -> impl Iterator<Item = &'n PersonId> {
    let hash = hash(name);
    let from = names.partition_point(|(known, text, _)| (*known, &**text) < (hash, name));
    let to = from + names[from..].partition_point(|(known, text, _)| (*known, &**text) == (hash, name));
    names[from..to].iter().map(|(.., id)| *id)
}

/// What a name means whose bearers these are; `None` of nobody.
fn meant<'n>(mut bearers: impl Iterator<Item = &'n PersonId>) -> Option<Meaning> {
    let first = bearers.next()?;
    if bearers.all(|id| id == first) {
        Some(Meaning::Member(GroupMember::Person(first.clone())))
    } else {
        Some(Meaning::Ambiguous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::scim::wanted::Wanted;
    use crate::source::scim::wire::{Members, parse_group, parse_user};

    fn people() -> Vec<PersonRecord> {
        let mut people: Vec<PersonRecord> = [
            r#"{"id":"u1","userName":"Ada","externalId":"E-1","emails":[{"value":"ada@example.com"}]}"#,
            r#"{"id":"u2","userName":"bob@example.com","emails":[{"value":"team@example.com"}]}"#,
            r#"{"id":"u3","userName":"cy","emails":[{"value":"team@example.com"}]}"#,
            r#"{"id":"7","userName":"seven"}"#,
            r#"{"id":"x y","userName":"u1"}"#,
        ]
        .into_iter()
        .map(|text| parse_user(text, &Wanted::new(&BTreeSet::new(), "")).expect("a user"))
        .collect();
        people.sort_by(|a, b| a.person.id.cmp(&b.person.id));
        people
    }

    fn index(people: &[PersonRecord]) -> Index<'_> {
        Index::new(["g1", "7"].map(GroupId::from).into(), people)
    }

    /// What a member means, whether people were listed or found one by one.
    fn resolve(member: &str) -> Meaning {
        let group = parse_group(&format!(r#"{{"id":"g","members":[{member}]}}"#)).expect("a group");
        let Members::Listed { refs, broken: 0 } = group.members else { panic!("no member in {member}") };
        let people = people();
        let listed = index(&people).resolve(&refs[0]);
        let mut added = index(&[]);
        people.iter().for_each(|record| added.add(record.clone()));
        assert_eq!(added.resolve(&refs[0]), listed, "{member}");
        listed
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
        let people = people();
        let mut index = index(&people);
        let value: Arc<str> = "nobody".into();
        index.settle(&value, Meaning::Stale);
        let reference = MemberRef { value, ref_end: None, kind: MemberKind::NotSaid };
        assert_eq!(index.resolve(&reference), Meaning::Stale);
    }
}
