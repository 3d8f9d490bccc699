//! Reads the groups that matter, with the groups inside them.
//!
//! A membership that could not be read is never an empty one: whatever is missing here becomes a problem, and with a
//! problem nobody is removed. Where the group, the list of groups and a person's own record disagree, the group itself is
//! believed, and what the others claim beyond it is passed on: who is meant by it neither comes nor goes.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::members::{Index, Meaning};
use super::person::PersonRecord;
use super::strays::{self, Strays};
use super::wire::{GroupRecord, MemberRef, Members};
use crate::model::{Activity, Claims, Group, GroupId, GroupMember, Problem};
use crate::source::SourceError;

/// No configuration reaches more groups.
const GROUPS_MAX: usize = 10_000;

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

/// How a group is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// As the provider shows it by itself.
    #[default]
    Plain,
    /// With its members named in the request: RFC 7643 §7 lets a provider return them only so.
    WithMembers,
}

/// Reads single resources.
pub trait Reader: Sync {
    /// A group with its members.
    fn group(
        &self,
        id: &GroupId,
        view: View,
    ) -> impl Future<Output = Result<Lookup<GroupRecord>, SourceError>> + Send;
    /// A person by whatever a group calls them.
    fn person(&self, value: &str) -> impl Future<Output = Result<Lookup<PersonRecord>, SourceError>> + Send;
    /// Whether people can be asked for at all right now. While a gateway answers 404 for everything, a 404 for somebody says
    /// nothing of them.
    fn has_people(&self) -> impl Future<Output = Result<bool, SourceError>> + Send;
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
    /// Requests in flight at once.
    pub concurrency: usize,
}

/// What was gathered.
#[derive(Debug, Default)]
pub struct Gathered {
    /// With direct members, each group once.
    pub groups: Vec<Group>,
    /// Memberships that the groups themselves do not show.
    pub claims: Claims,
    /// People whom only a group led to.
    pub people: Vec<PersonRecord>,
    /// What is missing.
    pub problems: Vec<Problem>,
}

/// The groups of the configuration with what they say of their members. Who the members are is not asked yet, so the list of
/// people need not be there.
#[derive(Debug, Default)]
pub struct Roots {
    answers: Vec<Answer>,
    view: View,
}

impl Roots {
    /// How groups have to be asked for to show their members.
    pub fn view(&self) -> View {
        self.view
    }
}

/// How groups are read by id.
#[derive(Clone, Copy, Debug)]
pub struct RootsPlan {
    /// How they had to be asked for the last time.
    pub view: View,
    /// What the list showed.
    pub members_seen: MembersSeen,
    /// Requests in flight at once.
    pub concurrency: usize,
}

/// Reads listed groups by id: lists are known to show fewer members, and none that are groups.
///
/// # Errors
/// Only what makes every further request pointless.
pub async fn roots<R: Reader>(
    reader: &R,
    listed: Vec<GroupRecord>,
    plan: RootsPlan,
) -> Result<Roots, SourceError> {
    let width = plan.concurrency.max(1);
    let read = stream::iter(listed).map(|record| root(reader, record, plan.view)).buffered(width);
    on_request(reader, read.try_collect().await?, plan).await
}

/// Groups that were read by id already.
///
/// # Errors
/// As [`roots`].
pub async fn roots_of<R: Reader>(
    reader: &R,
    records: Vec<GroupRecord>,
    plan: RootsPlan,
) -> Result<Roots, SourceError> {
    let answer = |record| Answer { record: Some(record), ..Answer::default() };
    on_request(reader, records.into_iter().map(answer).collect(), plan).await
}

/// Where no group shows any members, asks once for them by name.
async fn on_request<R: Reader>(
    reader: &R,
    answers: Vec<Answer>,
    plan: RootsPlan,
) -> Result<Roots, SourceError> {
    let is_silent = |answer: &Answer| {
        answer.problem.is_none()
            && answer.record.as_ref().is_some_and(|record| record.members == Members::NotListed)
    };
    let shows = |answer: &Answer| {
        let members = answer.record.as_ref().map(|record| &record.members);
        matches!(members, Some(Members::Listed { refs, .. }) if !refs.is_empty())
    };
    let seen = plan.members_seen == MembersSeen::Yes || answers.iter().any(shows);
    if seen || plan.view == View::WithMembers || !answers.iter().any(is_silent) {
        return Ok(Roots { answers, view: plan.view });
    }
    let again = |answer: Answer| async move {
        match answer.record {
            Some(record) if answer.problem.is_none() && record.members == Members::NotListed => {
                root(reader, record, View::WithMembers).await
            }
            record => Ok(Answer { record, ..answer }),
        }
    };
    let asked: Result<Vec<Answer>, _> =
        stream::iter(answers.clone()).map(again).buffered(plan.concurrency.max(1)).try_collect().await;
    let asked = asked?;
    Ok(if asked.iter().any(shows) {
        Roots { answers: asked, view: View::WithMembers }
    } else {
        // What the question brought besides may be a refusal of the question.
        Roots { answers, view: plan.view }
    })
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
    strays: Strays<'_>,
) -> Result<Gathered, SourceError> {
    let mut gathering = Gathering {
        reader,
        plan,
        view: roots.view,
        known: BTreeMap::new(),
        silent: Vec::new(),
        problems: Vec::new(),
    };
    gathering.close(&mut index, roots).await?;
    let unknown = gathering.unknown(&index);
    let problems = strays::settle(reader, &mut index, unknown, strays, plan.concurrency).await?;
    gathering.problems.extend(problems);
    Ok(gathering.finish(index))
}

/// What a group says, and what else is said of it.
struct Known {
    name: Arc<str>,
    refs: Vec<MemberRef>,
    /// Members that only the list shows.
    claims: Vec<MemberRef>,
}

struct Gathering<'r, R> {
    reader: &'r R,
    plan: GatherPlan,
    view: View,
    known: BTreeMap<GroupId, Known>,
    /// Groups that came without the key even when read by id.
    silent: Vec<Arc<str>>,
    problems: Vec<Problem>,
}

/// A reference to a group within a group.
struct Inner {
    id: GroupId,
    value: Arc<str>,
    within: Arc<str>,
}

impl<R: Reader> Gathering<'_, R> {
    /// Level by level, each group once, so that a circle of groups ends.
    async fn close(&mut self, index: &mut Index<'_>, roots: Roots) -> Result<(), SourceError> {
        let ids = roots.answers.iter().filter_map(|answer| answer.record.as_ref());
        let mut seen: BTreeSet<GroupId> = ids.map(|group| group.id.clone()).collect();
        let mut level: Vec<Inner> = Vec::new();
        for answer in roots.answers {
            level.extend(self.keep(answer, index, &mut seen));
        }
        while !level.is_empty() {
            if seen.len() > GROUPS_MAX {
                self.problem(format!("Groups: more than {GROUPS_MAX} nested groups"));
                return Ok(());
            }
            let (reader, view, width) = (self.reader, self.view, self.plan.concurrency.max(1));
            let read = stream::iter(level).map(|inner| nested(reader, inner, view)).buffered(width);
            let answers: Vec<(Inner, Answer)> = read.try_collect().await?;
            level = Vec::new();
            for (inner, answer) in answers {
                if answer.record.is_none() && answer.problem.is_none() {
                    self.gone(&inner, index);
                }
                level.extend(self.keep(answer, index, &mut seen));
            }
        }
        Ok(())
    }

    /// A reference to a group that is there no more means nobody, as one to a person does.
    fn gone(&mut self, inner: &Inner, index: &mut Index<'_>) {
        if index.has_group(&inner.id) {
            let (id, within) = (&inner.id, &inner.within);
            self.problem(format!(
                "Groups: group {id}, a member of {within:?}: it was listed and is not there"
            ));
        }
        index.settle(&inner.value, Meaning::Stale);
    }

    /// Notes a group, and returns the groups within it that nobody has met.
    fn keep(&mut self, answer: Answer, index: &Index<'_>, seen: &mut BTreeSet<GroupId>) -> Vec<Inner> {
        let was_read = answer.problem.is_none();
        self.problems.extend(answer.problem.map(Problem));
        let Some(record) = answer.record else { return Vec::new() };
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
        let mut within = Vec::new();
        for reference in refs.iter().chain(&answer.claims).filter(|_| self.plan.nested) {
            if let Meaning::Member(GroupMember::Group(id)) = index.resolve(reference)
                && seen.insert(id.clone())
            {
                let (value, name) = (Arc::clone(&reference.value), Arc::clone(&record.name));
                within.push(Inner { id, value, within: name });
            }
        }
        self.known.insert(record.id, Known { name: record.name, refs, claims: answer.claims });
        within
    }

    /// Members that no list explains.
    fn unknown(&self, index: &Index<'_>) -> BTreeSet<Arc<str>> {
        let references = self.known.values().flat_map(|known| known.refs.iter().chain(&known.claims));
        let unknown = references.filter(|reference| index.resolve(reference) == Meaning::Unknown);
        unknown.map(|reference| Arc::clone(&reference.value)).collect()
    }

    /// Entra's own SCIM server shows the members of no group: silence all over is no statement about any of them.
    fn doubt_silence(&mut self) {
        let seen = self.plan.members_seen == MembersSeen::Yes
            || self.known.values().any(|known| !known.refs.is_empty());
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
        let mut claims = Claims::default();
        for (id, known) in std::mem::take(&mut self.known) {
            let members = self.members(&index, &known.name, known.refs);
            let claimed = self.members(&index, &known.name, known.claims);
            let contested = claimed.into_iter().filter(|member| members.binary_search(member).is_err());
            claims.extend(contested.map(|member| (id.clone(), member)));
            groups.push(Group { id, name: known.name, members });
        }
        claims.extend(own_claims(&groups, &index));
        Gathered { groups, claims, people: index.into_added(), problems: self.problems }
    }

    fn members(&mut self, index: &Index<'_>, name: &str, refs: Vec<MemberRef>) -> Vec<GroupMember> {
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
        members
    }

    fn problem(&mut self, text: String) {
        self.problems.push(Problem(text));
    }
}

/// What people say of themselves and the groups do not. Whoever is disabled loses the seat whatever they are in.
fn own_claims(groups: &[Group], index: &Index<'_>) -> Vec<(GroupId, GroupMember)> {
    let by_id: BTreeMap<&str, &Group> = groups.iter().map(|group| (group.id.as_str(), group)).collect();
    let mut claims = Vec::new();
    for record in index.records().filter(|record| record.person.activity != Activity::Disabled) {
        for group in record.groups.iter().filter_map(|id| by_id.get(&**id)) {
            let member = GroupMember::Person(record.person.id.clone());
            if group.members.binary_search(&member).is_err() {
                claims.push((group.id.clone(), member));
            }
        }
    }
    claims
}

/// What is known of a group after asking for it.
#[derive(Clone, Debug, Default)]
struct Answer {
    record: Option<GroupRecord>,
    claims: Vec<MemberRef>,
    problem: Option<String>,
}

impl Answer {
    /// The group's own word, beside that of the list.
    fn compared(listed: GroupRecord, mut record: GroupRecord) -> Self {
        if record.name.is_empty() {
            record.name = listed.name;
        }
        let Members::Listed { refs: more, .. } = &listed.members else {
            return Self { record: Some(record), ..Self::default() };
        };
        let claims = match &record.members {
            Members::Listed { refs, .. } => {
                let values: BTreeSet<&str> = refs.iter().map(|reference| &*reference.value).collect();
                let only_listed = more.iter().filter(|reference| !values.contains(&*reference.value));
                only_listed.cloned().collect()
            }
            // Nothing was said against the list.
            Members::NotListed => {
                if !more.is_empty() {
                    record.members = listed.members;
                }
                Vec::new()
            }
        };
        Self { record: Some(record), claims, problem: None }
    }
}

/// A group that was listed.
async fn root<R: Reader>(reader: &R, listed: GroupRecord, view: View) -> Result<Answer, SourceError> {
    let is_shown = matches!(&listed.members, Members::Listed { refs, .. } if !refs.is_empty());
    let reason = match reader.group(&listed.id, view).await? {
        Lookup::Found(record) => return Ok(Answer::compared(listed, record)),
        // A provider may answer for no group by id; then the list is all there is, and says who is in this one.
        Lookup::Absent if is_shown => {
            tracing::warn!(group = %listed.name, "the list shows the group and its members, by id it is not there");
            return Ok(Answer { record: Some(listed), ..Answer::default() });
        }
        Lookup::Absent => "it was listed and is not there".to_owned(),
        Lookup::Failed(reason) => reason,
    };
    let problem = Some(format!("Groups: {:?}: {reason}", listed.name));
    Ok(Answer { record: Some(listed), claims: Vec::new(), problem })
}

/// A group found inside another; neither record nor problem when the provider knows none.
async fn nested<R: Reader>(reader: &R, inner: Inner, view: View) -> Result<(Inner, Answer), SourceError> {
    let mut answer = Answer::default();
    match reader.group(&inner.id, view).await? {
        Lookup::Found(record) => answer.record = Some(record),
        Lookup::Absent => {}
        Lookup::Failed(reason) => {
            answer.problem =
                Some(format!("Groups: group {}, a member of {:?}: {reason}", inner.id, inner.within));
        }
    }
    Ok((inner, answer))
}
