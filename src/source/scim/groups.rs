//! Reads the groups that matter, with the groups inside them.
//!
//! A membership that could not be read is never an empty one: whatever is missing here becomes a problem, and with a
//! problem nobody is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::members::{Index, Meaning};
use super::person::PersonRecord;
use super::wire::{GroupRecord, MemberRef, Members};
use crate::model::{Activity, Group, GroupId, GroupMember, Problem};
use crate::source::SourceError;

/// No configuration reaches more groups.
const GROUPS_MAX: usize = 10_000;
/// Unlisted members that are looked up by id in one read.
const LOOKUPS_MAX: usize = 200;

/// What reading one resource by id says.
#[derive(Debug)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// The provider says that there is none.
    Absent,
    /// No usable answer, in words.
    Failed(String),
}

/// Reads single resources.
pub trait Reader: Sync {
    /// A group with its members.
    fn group(&self, id: &GroupId) -> impl Future<Output = Result<Lookup<GroupRecord>, SourceError>> + Send;
    /// A person by whatever a group calls them.
    fn person(&self, value: &str) -> impl Future<Output = Result<Lookup<PersonRecord>, SourceError>> + Send;
}

/// What to do with members whom no list explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strays {
    /// Ask for them by id: after a whole walk there should be none.
    LookUp,
    /// Keep them as they are: after half a walk, or when only some people were read, they are no surprise.
    Keep,
}

/// Whether members were seen anywhere yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembersSeen {
    /// In some group of the list, or the source is known to show them.
    Yes,
    /// In none, so that a group without the key may be one of a provider that never shows members.
    NotYet,
}

/// How to gather.
#[derive(Clone, Copy, Debug)]
pub struct GatherPlan {
    /// Groups within groups are read too.
    pub nested: bool,
    /// What the list showed.
    pub members_seen: MembersSeen,
    /// Unexplained members.
    pub strays: Strays,
    /// Requests in flight at once.
    pub concurrency: usize,
}

/// What was gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// With direct members, each group once.
    pub groups: Vec<Group>,
    /// People whom only a group led to.
    pub people: Vec<PersonRecord>,
    /// What is missing.
    pub problems: Vec<Problem>,
}

/// The groups of the configuration with what they say of their members: the list's word, or their own where the list
/// shows none. Who the members are is not asked yet, so the list of people need not be there.
#[derive(Debug, Default)]
pub struct Roots(Vec<Answer>);

/// Reads the groups whose members the list left out or showed as none: only the group itself is believed when it says
/// "nobody".
///
/// # Errors
/// Only what makes every further request pointless.
pub async fn roots<R: Reader>(
    reader: &R,
    listed: Vec<GroupRecord>,
    concurrency: usize,
) -> Result<Roots, SourceError> {
    let answers = stream::iter(listed).map(|record| root(reader, record)).buffered(concurrency.max(1));
    Ok(Roots(answers.try_collect().await?))
}

/// Starts from the groups in `roots` and follows nested ones.
///
/// # Errors
/// Only what makes every further request pointless.
pub async fn gather<R: Reader>(
    reader: &R,
    mut index: Index<'_>,
    roots: Roots,
    plan: GatherPlan,
) -> Result<Gathered, SourceError> {
    let mut gathering =
        Gathering { reader, plan, known: BTreeMap::new(), silent: Vec::new(), problems: Vec::new() };
    gathering.close(&index, roots).await?;
    match plan.strays {
        Strays::LookUp => gathering.look_up_strays(&mut index).await?,
        Strays::Keep => {}
    }
    Ok(gathering.finish(index))
}

struct Gathering<'r, R> {
    reader: &'r R,
    plan: GatherPlan,
    known: BTreeMap<GroupId, (Arc<str>, Vec<MemberRef>)>,
    /// Groups that came without the key even when read by id.
    silent: Vec<Arc<str>>,
    problems: Vec<Problem>,
}

impl<R: Reader> Gathering<'_, R> {
    /// Level by level, each group once, so that a circle of groups ends.
    async fn close(&mut self, index: &Index<'_>, roots: Roots) -> Result<(), SourceError> {
        let mut answers = roots.0;
        let ids = answers.iter().filter_map(|answer| answer.record.as_ref());
        let mut seen: BTreeSet<GroupId> = ids.map(|group| group.id.clone()).collect();
        loop {
            let mut level = Vec::new();
            for answer in answers {
                let Some(id) = self.keep(answer) else { continue };
                if !self.plan.nested {
                    continue;
                }
                let Some((name, refs)) = self.known.get(&id) else { continue };
                for reference in refs {
                    if let Meaning::Member(GroupMember::Group(inner)) = index.resolve(reference)
                        && seen.insert(inner.clone())
                    {
                        level.push((inner, Arc::clone(name)));
                    }
                }
            }
            if seen.len() > GROUPS_MAX {
                self.problem(format!("Groups: more than {GROUPS_MAX} nested groups"));
                return Ok(());
            }
            if level.is_empty() {
                return Ok(());
            }
            let (reader, width) = (self.reader, self.plan.concurrency.max(1));
            let read = stream::iter(level).map(|(id, within)| nested(reader, id, within)).buffered(width);
            answers = read.try_collect().await?;
        }
    }

    /// Notes a group.
    fn keep(&mut self, answer: Answer) -> Option<GroupId> {
        let was_read = answer.problem.is_none();
        self.problems.extend(answer.problem.map(Problem));
        let record = answer.record?;
        let refs = match record.members {
            // Asked for by id and still without members: the group is empty, as RFC 7643 §2.5 lets it be said.
            Members::NotListed => {
                self.silent.extend(was_read.then(|| Arc::clone(&record.name)));
                Vec::new()
            }
            Members::Listed { refs, broken } => {
                if broken > 0 {
                    self.problem(format!("Groups: {:?} has {broken} members without an id", record.name));
                }
                refs
            }
        };
        self.known.insert(record.id.clone(), (record.name, refs));
        Some(record.id)
    }

    /// Asks for members that no list explains. Stale references are common and mean nothing; a person who is there but
    /// was not listed is added, and when they are active the list cannot have been whole.
    async fn look_up_strays(&mut self, index: &mut Index<'_>) -> Result<(), SourceError> {
        let mut unknown: BTreeSet<Arc<str>> = BTreeSet::new();
        for reference in self.known.values().flat_map(|(_, refs)| refs) {
            if index.resolve(reference) == Meaning::Unknown {
                unknown.insert(Arc::clone(&reference.value));
            }
        }
        if unknown.len() > LOOKUPS_MAX {
            self.problem(format!("Groups: {} members are not in the list of people", unknown.len()));
        }
        let (reader, width) = (self.reader, self.plan.concurrency.max(1));
        let answers: Vec<_> = stream::iter(unknown.into_iter().take(LOOKUPS_MAX))
            .map(|value| async move {
                let found = reader.person(&value).await;
                (value, found)
            })
            .buffered(width)
            .collect()
            .await;
        for (value, found) in answers {
            let meaning = match found? {
                Lookup::Absent => Meaning::Stale,
                Lookup::Failed(reason) => {
                    self.problem(format!("Users: {value:?}, a member of a group: {reason}"));
                    Meaning::Unknown
                }
                Lookup::Found(record) => {
                    let id = record.person.id.clone();
                    if !index.has_person(&id) {
                        self.unlisted(&record);
                        index.add(record);
                    }
                    Meaning::Member(GroupMember::Person(id))
                }
            };
            index.settle(&value, meaning);
        }
        Ok(())
    }

    /// Some providers leave disabled people out of lists; one that leaves out others hides people.
    fn unlisted(&mut self, record: &PersonRecord) {
        match record.person.activity {
            Activity::Disabled => {}
            Activity::Active | Activity::NotSaid | Activity::Unclear => {
                let id = &record.person.id;
                self.problem(format!("Users: {id} is a member of a group and was not in the list of people"));
            }
        }
    }

    /// Entra's own SCIM server shows the members of no group: silence all over is no statement about any of them.
    fn doubt_silence(&mut self) {
        let seen = self.plan.members_seen == MembersSeen::Yes
            || self.known.values().any(|(_, refs)| !refs.is_empty());
        if !seen && !self.silent.is_empty() {
            let silent = std::mem::take(&mut self.silent);
            self.problem(format!(
                "Groups: the provider shows members of no group, so {silent:?} need not be empty"
            ));
        }
    }

    fn finish(mut self, index: Index<'_>) -> Gathered {
        self.doubt_silence();
        let mut groups = Vec::with_capacity(self.known.len());
        for (id, (name, refs)) in std::mem::take(&mut self.known) {
            let mut members: Vec<GroupMember> = Vec::with_capacity(refs.len());
            for reference in refs {
                match index.resolve(&reference) {
                    Meaning::Member(member) => members.push(member),
                    Meaning::Stale => {}
                    Meaning::Unknown => members.push(GroupMember::Person(reference.value.into())),
                    Meaning::Ambiguous => self.problem(format!(
                        "Groups: member {:?} of {name:?} may be several people or groups",
                        reference.value
                    )),
                }
            }
            members.sort();
            members.dedup();
            groups.push(Group { id, name, members });
        }
        Gathered { groups, people: index.into_added(), problems: self.problems }
    }

    fn problem(&mut self, text: String) {
        self.problems.push(Problem(text));
    }
}

/// What is known of a group after asking for it.
#[derive(Debug, Default)]
struct Answer {
    record: Option<GroupRecord>,
    problem: Option<String>,
}

async fn root<R: Reader>(reader: &R, record: GroupRecord) -> Result<Answer, SourceError> {
    match &record.members {
        Members::Listed { refs, broken } if !refs.is_empty() || *broken > 0 => {
            Ok(Answer { record: Some(record), problem: None })
        }
        Members::Listed { .. } | Members::NotListed => confirm(reader, record).await,
    }
}

/// A group found inside another.
async fn nested<R: Reader>(reader: &R, id: GroupId, within: Arc<str>) -> Result<Answer, SourceError> {
    Ok(match reader.group(&id).await? {
        Lookup::Found(record) => Answer { record: Some(record), problem: None },
        Lookup::Absent => Answer::default(),
        Lookup::Failed(reason) => Answer {
            record: None,
            problem: Some(format!("Groups: group {id}, a member of {within:?}: {reason}")),
        },
    })
}

async fn confirm<R: Reader>(reader: &R, listed: GroupRecord) -> Result<Answer, SourceError> {
    let reason = match reader.group(&listed.id).await? {
        Lookup::Found(record) => return Ok(Answer { record: Some(record), problem: None }),
        Lookup::Absent => "it was listed and is not there".to_owned(),
        Lookup::Failed(reason) => reason,
    };
    let problem = Some(format!("Groups: {:?}: {reason}", listed.name));
    Ok(Answer { record: Some(listed), problem })
}
