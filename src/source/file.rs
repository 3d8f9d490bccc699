//! People and groups from a local file: offline plans.
//!
//! The same resources as over SCIM: one `ListResponse` (or array) with users and groups mixed, or an object with `users`
//! and `groups`, each an array or a `ListResponse`. What Google, Microsoft Graph and Okta answer about users and groups is
//! told by its keys and read likewise (`shape`). A file is one whole: what is broken in it is an error that names the line,
//! not a partial read. What says of itself that it is one page of several (`pages`) is partial.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::value::RawValue;

use self::shape::Shape;
use super::catalog::Catalog;
use super::scim::groups::{
    GatherPlan, Gathered, Lookup, MembersSeen, Reader, RootsPlan, View, gather, roots_of,
};
use super::scim::members::Index;
use super::scim::strays::Strays;
use super::scim::wire::{GroupRecord, Object, parse_group, parse_user};
use super::scim::{PersonRecord, Wanted};
use super::{Again, DirectorySource, Interest, Recheck, SourceError};
use crate::model::{Activity, Claims, Coverage, DirectorySnapshot, Group, GroupId, PersonId, Problem};
use crate::regular_file;

mod pages;
mod shape;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 512 << 20;

/// A directory in a file, read anew each time.
#[derive(Clone, Debug)]
pub struct FileSource {
    path: PathBuf,
    namespace: String,
}

/// What the file holds.
#[derive(Debug, Default)]
struct Content {
    people: Vec<PersonRecord>,
    groups: Vec<GroupRecord>,
    problems: Vec<Problem>,
    /// Groups of which not every member need be in the file, and why.
    doubts: BTreeMap<GroupId, String>,
}

impl Content {
    /// What is missing of these groups.
    fn doubts_of<'c>(&'c self, groups: &'c [Group]) -> impl Iterator<Item = Problem> + 'c {
        groups.iter().filter_map(|group| {
            let doubt = self.doubts.get(&group.id)?;
            Some(Problem(format!("group {:?}: {doubt}", group.name)))
        })
    }

    /// People by id; of two with one id the later stays the later.
    fn ordered(mut self) -> Self {
        self.people.sort_by(|a, b| a.person.id.cmp(&b.person.id));
        self
    }
}

impl FileSource {
    /// Opens nothing yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), namespace: String::new() }
    }

    /// Custom attributes are also looked for under this URN.
    #[must_use]
    pub fn with_namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), ..self }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn load(&self, interest: &Interest) -> Result<Content, SourceError> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || regular_file::read(&path, LARGEST)).await;
        let bytes = read.map_err(|error| self.wrong(&error))?.map_err(|error| self.wrong(&error))?;
        parse_file(&bytes, &Wanted::new(&interest.attributes, &self.namespace))
            .map_err(|error| self.wrong(&error))
    }

    fn wrong(&self, error: &dyn std::fmt::Display) -> SourceError {
        SourceError::File { path: self.path.display().to_string(), error: error.to_string() }
    }
}

impl DirectorySource for FileSource {
    async fn read(&self, interest: &Interest) -> Result<DirectorySnapshot, SourceError> {
        let content = self.load(interest).await?;
        let (people, groups, mut problems) = (&content.people, &content.groups, content.problems.clone());
        let catalog = Catalog {
            groups: groups.iter().map(|group| (group.id.clone(), Arc::clone(&group.name))).collect(),
            problems: problems.clone(),
        };
        let chosen = catalog.choose(&interest.groups)?;
        let gathered = members(interest, people, groups, &chosen.ids).await?;
        let doubts = content.doubts_of(&gathered.groups);
        problems.extend(chosen.problems.into_iter().chain(gathered.problems).chain(doubts));
        let people = content.people.into_iter().map(|record| record.person).collect();
        let coverage = Coverage::from_problems(problems);
        Ok(DirectorySnapshot::new(people, gathered.groups, vec![], coverage).with_claims(gathered.claims))
    }

    async fn recheck(
        &self,
        interest: &Interest,
        people: &[PersonId],
        groups: &[GroupId],
    ) -> Result<Recheck, SourceError> {
        let content = self.load(interest).await?;
        let gathered = members(interest, &content.people, &content.groups, groups).await?;
        // Half a file cannot tell that somebody is gone.
        let doubt = content.doubts_of(&gathered.groups).next();
        let problems = content.problems.iter().cloned().chain(gathered.problems).chain(doubt);
        if let Some(problem) = problems.into_iter().next() {
            return Err(self.wrong(&problem.0));
        }
        let find = |id: &PersonId| content.people.iter().rev().find(|record| record.person.id == *id);
        let again =
            |id: &PersonId| find(id).map_or(Again::Gone, |record| Again::There(record.person.clone()));
        let claims = people.iter().filter_map(find).flat_map(PersonRecord::own_claims).collect::<Vec<_>>();
        let mut recheck = Recheck {
            people: people.iter().map(|id| (id.clone(), again(id))).collect(),
            groups: gathered.groups,
            claims: Claims::default(),
        };
        recheck.claims.extend(claims);
        Ok(recheck)
    }
}

/// These groups with their members, and nested ones where they count.
async fn members(
    interest: &Interest,
    people: &[PersonRecord],
    groups: &[GroupRecord],
    ids: &[GroupId],
) -> Result<Gathered, SourceError> {
    let index = Index::new(groups.iter().map(|group| group.id.clone()).collect(), people);
    let reader = Loaded { groups };
    let chosen = groups.iter().filter(|group| ids.contains(&group.id)).cloned().collect();
    let (members_seen, concurrency) = (MembersSeen::Yes, 1);
    let roots = roots_of(&reader, chosen, RootsPlan { view: View::Plain, members_seen, concurrency }).await?;
    let plan = GatherPlan { nested: interest.nested, members_seen, concurrency };
    gather(&reader, index, roots, plan, Strays::Keep).await
}

/// The file as a provider that answers for single groups.
struct Loaded<'f> {
    groups: &'f [GroupRecord],
}

impl Reader for Loaded<'_> {
    async fn group(&self, id: &GroupId, _: View) -> Result<Lookup<GroupRecord>, SourceError> {
        // What a file leaves out is not said to be gone.
        let found = self.groups.iter().find(|group| group.id == *id).cloned();
        Ok(found.map_or_else(|| Lookup::Failed("it is not in the file".to_owned()), Lookup::Found))
    }

    async fn person(&self, _: &str) -> Result<Lookup<PersonRecord>, SourceError> {
        Ok(Lookup::Absent)
    }

    async fn has_people(&self) -> Result<bool, SourceError> {
        Ok(true)
    }
}

/// What is wrong with a file, and where in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum FileError {
    #[error("line {line}, column {column}: {what}")]
    At { line: usize, column: usize, what: String },
    #[error("{0}")]
    Whole(String),
}

/// Reads a file's bytes.
/// For `crate::fuzzing`: true for a file of people.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn reads_as_people(bytes: &[u8], wanted: &Wanted) -> bool {
    parse_file(bytes, wanted).is_ok_and(|content| !content.people.is_empty())
}

fn parse_file(bytes: &[u8], wanted: &Wanted) -> Result<Content, FileError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| FileError::Whole(format!("is not UTF-8 ({error}): save it as UTF-8")))?;
    let text = text.trim_start_matches('\u{feff}');
    let mut reading = Reading { text, wanted, content: Content::default(), silent: BTreeMap::new() };
    reading.whole()?;
    Ok(reading.finish())
}

/// The resources of a list answer: SCIM's, OData's, or under the name that the provider has for them. `None` where it is
/// none.
fn entries_of<'f>(object: &Object<'f>, name: &str) -> Option<Vec<&'f RawValue>> {
    let Some(raw) = ["Resources", "value", name].iter().find_map(|key| object.get(key)) else {
        return object.get("totalResults").map(|_| Vec::new());
    };
    Some(serde_json::from_str::<Option<Vec<&RawValue>>>(raw.get()).ok()?.unwrap_or_default())
}

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Person,
    Group,
}

impl Sort {
    /// By `schemas`, else `meta.resourceType`, else by what only groups have; a person otherwise.
    fn of(raw: &RawValue) -> Self {
        let Ok(object) = serde_json::from_str::<Object<'_>>(raw.get()) else { return Self::Person };
        let schemas = object.get("schemas").map_or("", |raw| raw.get()).to_ascii_lowercase();
        let meta = object.get("meta").and_then(|raw| serde_json::from_str::<Object<'_>>(raw.get()).ok());
        let kind = meta.and_then(|meta| meta.get("resourceType")).map_or("", |raw| raw.get());
        let kind = kind.trim_matches('"');
        if schemas.contains(":core:2.0:group") || kind.eq_ignore_ascii_case("group") {
            return Self::Group;
        }
        let said = schemas.contains(":core:2.0:user") || kind.eq_ignore_ascii_case("user");
        let is_group = object.get("members").is_some() || shape::is_group(&object);
        if !said && is_group { Self::Group } else { Self::Person }
    }

    /// What providers call a list of them.
    fn plural(self) -> &'static str {
        match self {
            Self::Person => "users",
            Self::Group => "groups",
        }
    }
}

struct Reading<'f> {
    text: &'f str,
    wanted: &'f Wanted,
    content: Content,
    /// People of a provider's own shape of whom it does not say whether they may sign in.
    silent: BTreeMap<Shape, Vec<PersonId>>,
}

impl<'f> Reading<'f> {
    fn whole(&mut self) -> Result<(), FileError> {
        let text = self.text;
        if text.trim_start().starts_with('[') {
            let resources: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
            return self.resources(resources, None);
        }
        let object: Object<'f> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
        let parts = [Sort::Person, Sort::Group].map(|sort| (sort, object.get(sort.plural())));
        let mut held = 0;
        if parts.iter().all(|(_, raw)| raw.is_none()) {
            let entries = entries_of(&object, "users").ok_or_else(|| {
                FileError::Whole(
                    "neither a SCIM ListResponse nor an object with \"users\" and \"groups\"".to_owned(),
                )
            })?;
            held = entries.len() as u64;
            let context = object.get("@odata.context").map_or("", |raw| raw.get());
            self.resources(entries, context.contains("#groups").then_some(Sort::Group))?;
        }
        for (sort, raw) in parts {
            if let Some(raw) = raw {
                held += self.part(raw, sort)?;
            }
        }
        self.doubt(&object, held);
        Ok(())
    }

    /// `users` or `groups`; returns how many there are.
    fn part(&mut self, raw: &'f RawValue, sort: Sort) -> Result<u64, FileError> {
        if let Ok(resources) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            let held = resources.len() as u64;
            self.resources(resources, Some(sort))?;
            return Ok(held);
        }
        let object = serde_json::from_str::<Object<'_>>(raw.get()).ok();
        let list = object.and_then(|object| Some((entries_of(&object, sort.plural())?, object)));
        let Some((entries, object)) = list else {
            return Err(self.at(raw, "neither an array nor a SCIM ListResponse".to_owned()));
        };
        let held = entries.len() as u64;
        self.resources(entries, Some(sort))?;
        self.doubt(&object, held);
        Ok(held)
    }

    /// Notes what says that there is more than these.
    fn doubt(&mut self, object: &Object<'_>, held: u64) {
        let sign = pages::sign_of_more(object, held);
        self.content.problems.extend(sign.map(|sign| Problem(format!("{sign}: it is one page of several"))));
    }

    fn resources(&mut self, resources: Vec<&'f RawValue>, sort: Option<Sort>) -> Result<(), FileError> {
        resources.into_iter().try_for_each(|raw| match sort.unwrap_or_else(|| Sort::of(raw)) {
            Sort::Person => self.person(raw),
            Sort::Group => self.group(raw),
        })
    }

    fn person(&mut self, raw: &'f RawValue) -> Result<(), FileError> {
        let Ok(object) = serde_json::from_str::<Object<'_>>(raw.get()) else {
            return Err(self.at(raw, "a person could not be read: expected a JSON object".to_owned()));
        };
        let shape = Shape::of_person(&object);
        let rewritten = shape::person_as_scim(shape, raw.get());
        let text = rewritten.as_deref().unwrap_or(raw.get());
        let mut record = parse_user(text, self.wanted).map_err(|problem| self.at(raw, problem.0))?;
        let person = &mut record.person;
        if shape != Shape::Plain || person.activity == Activity::NotSaid {
            person.activity = shape::activity(shape, &object);
        }
        if shape != Shape::Plain && person.activity == Activity::NotSaid {
            self.silent.entry(shape).or_default().push(person.id.clone());
        }
        self.content.people.push(record);
        Ok(())
    }

    fn group(&mut self, raw: &'f RawValue) -> Result<(), FileError> {
        let rewritten = shape::group_as_scim(raw.get());
        let text = rewritten.as_deref().unwrap_or(raw.get());
        let group = parse_group(text).map_err(|problem| self.at(raw, problem.0))?;
        let object = serde_json::from_str::<Object<'_>>(raw.get()).ok();
        if let Some(doubt) = object.and_then(|object| pages::doubt_of_members(&object, &group.members)) {
            self.content.doubts.insert(group.id.clone(), doubt);
        }
        self.content.groups.push(group);
        Ok(())
    }

    /// People of a provider that says it of everybody, and here of some does not: the export left the key out.
    fn finish(mut self) -> Content {
        for (shape, people) in self.silent {
            let (key, cure) = shape.status_key();
            let (count, first) = (people.len(), people.first().map(PersonId::as_str).unwrap_or_default());
            self.content.problems.push(Problem(format!(
                "{count} people in the form of {shape} have no {key:?}, so that nobody can tell who of them has left \
                 (the first is {first}): {cure}"
            )));
        }
        self.content.ordered()
    }

    /// Where a value begins in the file: it is a part of the text, so the distance is its place.
    fn at(&self, raw: &RawValue, what: String) -> FileError {
        let offset = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        FileError::At { line, column, what }
    }
}

/// The parser's own words end with the place; ours begin with it.
fn syntax(error: &serde_json::Error) -> FileError {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned();
    FileError::At { line: error.line(), column: error.column(), what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupMember;

    const MIXED: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":4,"Resources":[
        {"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"u1","userName":"ada@example.com","active":true},
        {"meta":{"resourceType":"User"},"id":"u2","userName":"bob@example.com"},
        {"id":"g2","displayName":"Inner","members":[{"value":"u2"},{"value":"g1"}]},
        {"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"g1","displayName":"iOS","members":[{"value":"u1"},{"value":"g2"}]}]}"#;
    const APART: &str = r#"{"users":[{"id":"u1","userName":"ada@example.com","active":true},{"id":"u2","userName":"bob@example.com"}],
        "Groups":{"Resources":[{"id":"g1","displayName":"iOS","members":["u1","g2"]},
                               {"id":"g2","displayName":"Inner","members":["bob@example.com","g1"]}]}}"#;

    struct Written {
        folder: tempfile::TempDir,
        source: FileSource,
    }

    fn write(text: &str) -> Written {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("people.json");
        std::fs::write(&path, text).expect("a file");
        Written { source: FileSource::new(path), folder }
    }

    fn interest(group: &str) -> Interest {
        Interest { groups: [Arc::from(group)].into(), nested: true, ..Interest::default() }
    }

    #[tokio::test]
    async fn both_shapes_say_the_same() {
        let mut read = Vec::new();
        for text in [MIXED.to_owned(), APART.to_owned(), format!("\u{feff}{APART}")] {
            let written = write(&text);
            read.push(written.source.read(&interest("ios")).await.expect("readable"));
        }
        let first = &read[0];
        assert!(first.coverage.is_complete(), "{:?}", first.coverage);
        assert_eq!(first.people().len(), 2);
        let inner = first.group(&GroupId::from("g2")).expect("nested");
        assert_eq!(inner.members[0], GroupMember::Person(PersonId::from("u2")));
        assert!(read.iter().all(|snapshot| snapshot == first), "{read:#?}");
    }

    #[tokio::test]
    async fn a_bare_array_is_read_too() {
        let array = MIXED.split_once("\"Resources\":").expect("a list").1.trim_end_matches('}');
        let snapshot = write(array).source.read(&interest("iOS")).await.expect("readable");
        assert_eq!(snapshot.groups.len(), 2);
    }

    #[tokio::test]
    async fn errors_name_file_line_and_column() {
        for (text, said) in [
            (
                "{\"users\":[\n {\"id\":\"u1\"},\n  {\"userName\":\"x\"}]}",
                "line 3, column 3: a person could not be read: \"x\" has no usable id",
            ),
            ("{\"users\":[\n {\"id\":\"u1\"},\n", "line 3, column 0: EOF while parsing a value"),
            ("{\"people\":[]}", "neither a SCIM ListResponse nor"),
            ("{\"users\":7}", "line 1, column 10: neither an array"),
            ("", "line 1, column 0: EOF"),
        ] {
            let written = write(text);
            let error = written.source.read(&Interest::default()).await.expect_err("broken").to_string();
            assert!(error.contains(said), "{text}: {error}");
            assert!(error.contains("people.json: "), "{error}");
        }
        let missing = FileSource::new("/nowhere/people.json");
        let error = missing.read(&Interest::default()).await.expect_err("missing").to_string();
        assert!(error.starts_with("/nowhere/people.json: "), "{error}");
    }

    #[tokio::test]
    async fn one_page_of_several_is_partial_and_proves_nobody_gone() {
        let written = write(&MIXED.replace("\"totalResults\":4", "\"totalResults\":400"));
        let snapshot = written.source.read(&interest("iOS")).await.expect("readable");
        assert!(!snapshot.coverage.is_complete());
        let people = [PersonId::from("u9")];
        assert!(written.source.recheck(&interest("iOS"), &people, &[]).await.is_err());
    }

    #[tokio::test]
    async fn a_group_that_is_not_there_is_an_error() {
        let error = write(APART).source.read(&interest("iOSX")).await.expect_err("missing");
        assert_eq!(error.hint().as_deref(), Some("did you mean \"iOS\"?"));
    }

    #[tokio::test]
    async fn recheck_reads_the_file_again() {
        let written = write(APART);
        written.source.read(&interest("iOS")).await.expect("readable");
        let later = r#"{"users":[{"id":"u1","active":"False"}],"groups":[{"id":"g1","members":[]}]}"#;
        std::fs::write(written.folder.path().join("people.json"), later).expect("written");
        let people = ["u1", "u2"].map(PersonId::from);
        let groups = ["g1", "g2"].map(GroupId::from);
        let recheck = written.source.recheck(&interest("iOS"), &people, &groups).await.expect("readable");
        assert!(matches!(&recheck.people[&people[0]], Again::There(person)
            if person.activity == crate::model::Activity::Disabled));
        assert_eq!(recheck.people[&people[1]], Again::Gone);
        assert_eq!(recheck.groups.len(), 1);
        assert!(recheck.groups[0].members.is_empty());
    }
}
