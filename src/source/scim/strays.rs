//! Members of groups whom no list explains: references to people who are gone, and people whom lists hide.
//!
//! Each is asked for by id, so many in one read and no more, and what was found out is remembered: after some reads all of
//! them are known, and a group with a thousand references to nobody costs as little as any other.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::groups::{Lookup, Reader};
use super::members::{Index, Meaning};
use super::person::PersonRecord;
use crate::model::{Activity, GroupMember, Person, Problem};
use crate::source::SourceError;

/// Members that are asked for in one read.
const LOOKUPS_MAX: usize = 200;
/// Members that are asked for again in one read because the answer has become old, a few at a time: they stay what they were
/// until then.
const AGAIN_MAX: usize = 20;
/// How old an answer may be.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// Members that are remembered.
const REMEMBERED_MAX: usize = 50_000;

/// What to do with members whom no list explains.
#[derive(Debug)]
pub enum Strays<'m> {
    /// Ask for them by id: after a whole walk there should be none.
    LookUp {
        /// What earlier reads found out.
        memory: &'m mut Memory,
        /// The time.
        now: Timestamp,
    },
    /// Keep them as they are: after half a walk, or when only some people were read, they are no surprise.
    Keep,
}

/// What was found out about members whom no list explains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memory(BTreeMap<Arc<str>, Stray>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stray {
    asked: Timestamp,
    found: Found,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    /// The provider knows nobody of the kind.
    Nobody,
    /// Somebody who is disabled, as some providers hide them from lists. A listed one would not be asked for.
    Disabled(Box<Person>),
    /// Nothing that could be relied on later.
    Open,
}

/// Finds out what it can about members whom no list explains, and says what it could not. A person who is there but was
/// not listed is added, and when they are active the list cannot have been whole.
pub(super) async fn settle<R: Reader>(
    reader: &R,
    index: &mut Index<'_>,
    unknown: BTreeSet<Arc<str>>,
    strays: Strays<'_>,
    concurrency: usize,
) -> Result<Vec<Problem>, SourceError> {
    let Strays::LookUp { memory, now } = strays else { return Ok(Vec::new()) };
    memory.0.retain(|value, _| unknown.contains(value));
    let Turn { ask, wait } = memory.turn(&unknown, now);
    let answers: Vec<_> = stream::iter(ask)
        .map(|value| async move {
            let found = reader.person(&value).await;
            (value, found)
        })
        .buffered(concurrency.max(1))
        .collect()
        .await;
    let mut settling = Settling { index, memory, now, problems: Vec::new() };
    let mut absent = Vec::new();
    for (value, found) in answers {
        match found? {
            Lookup::Absent => absent.push(value),
            Lookup::Failed(reason) => settling.failed(&value, &reason),
            Lookup::Found(record) => settling.found(&value, record),
        }
    }
    let proved = absent.is_empty() || reader.has_people().await?;
    for value in absent {
        if proved {
            settling.keep(&value, Found::Nobody);
        } else {
            settling.failed(&value, "answered as if gone, but the list does not answer either");
        }
    }
    settling.recall(&unknown);
    if wait > 0 {
        settling.problem(format!(
            "{wait} members of groups are not in the list of people and were not asked for yet, {LOOKUPS_MAX} are in each cycle"
        ));
    }
    Ok(settling.problems)
}

/// Whom to ask for now.
struct Turn {
    ask: Vec<Arc<str>>,
    /// How many have to wait for another read.
    wait: usize,
}

impl Memory {
    /// Those never asked for come first, then the open ones whose turn is longest ago, then a few old answers.
    fn turn(&self, unknown: &BTreeSet<Arc<str>>, now: Timestamp) -> Turn {
        let new = unknown.iter().filter(|value| !self.0.contains_key(*value)).cloned();
        let by_age = |is_due: &dyn Fn(&Stray) -> bool| {
            let due = self.0.iter().filter(|(_, stray)| is_due(stray));
            let mut due: Vec<_> = due.map(|(value, stray)| (stray.asked, Arc::clone(value))).collect();
            due.sort();
            due.into_iter().map(|(_, value)| value)
        };
        let open = by_age(&|stray| stray.found == Found::Open);
        let mut ask: Vec<Arc<str>> = new.chain(open).collect();
        let wait = ask.len().saturating_sub(LOOKUPS_MAX);
        ask.truncate(LOOKUPS_MAX);
        // A clock that was turned back makes answers of the future, which are as old as any.
        let is_old = |stray: &Stray| {
            stray.found != Found::Open
                && !(SignedDuration::ZERO..FRESH).contains(&now.duration_since(stray.asked))
        };
        ask.extend(by_age(&is_old).take(AGAIN_MAX));
        Turn { ask, wait }
    }
}

struct Settling<'s, 'p> {
    index: &'s mut Index<'p>,
    memory: &'s mut Memory,
    now: Timestamp,
    problems: Vec<Problem>,
}

impl Settling<'_, '_> {
    fn failed(&mut self, value: &Arc<str>, reason: &str) {
        self.problem(format!("{value:?}, a member of a group: {reason}"));
        self.keep(value, Found::Open);
    }

    /// Some providers leave disabled people out of lists; one that leaves out others hides people.
    fn found(&mut self, value: &Arc<str>, record: PersonRecord) {
        let id = record.person.id.clone();
        let mut found = Found::Open;
        if !self.index.has_person(&id) {
            match record.person.activity {
                Activity::Disabled => found = Found::Disabled(Box::new(record.person.clone())),
                Activity::Active | Activity::NotSaid | Activity::Unclear => {
                    self.problem(format!("{id} is a member of a group and was not in the list of people"));
                }
            }
            self.index.add(record);
        }
        self.keep(value, found);
        self.index.settle(value, Meaning::Member(GroupMember::Person(id)));
    }

    fn keep(&mut self, value: &Arc<str>, found: Found) {
        if self.memory.0.len() < REMEMBERED_MAX || self.memory.0.contains_key(value) {
            self.memory.0.insert(Arc::clone(value), Stray { asked: self.now, found });
        }
    }

    /// What this and earlier reads found out.
    fn recall(&mut self, unknown: &BTreeSet<Arc<str>>) {
        for value in unknown {
            match self.memory.0.get(value).map(|stray| &stray.found) {
                Some(Found::Nobody) => self.index.settle(value, Meaning::Stale),
                Some(Found::Disabled(person)) => {
                    let member = GroupMember::Person(person.id.clone());
                    let person = Person::clone(person);
                    self.index.add(PersonRecord { person, external_id: None, groups: Box::default() });
                    self.index.settle(value, Meaning::Member(member));
                }
                Some(Found::Open) | None => {}
            }
        }
    }

    fn problem(&mut self, text: String) {
        self.problems.push(Problem(format!("Users: {text}")));
    }
}
