//! Both sides as they were last seen, an entry for each person, group and seat, so that only what changed is written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sled::{Batch, Db};

use super::{Cache, CacheError, encode};
use crate::model::id::{AppId, BundleId};
use crate::model::{
    Assignment, Coverage, DirectorySnapshot, Group, Invitation, Member, Person, TeamSnapshot,
};

const DIRECTORY: &str = "directory";
const PERSON: &str = "person/";
const GROUP: &str = "group/";
const TEAM: &str = "team";
const MEMBER: &str = "member/";
const INVITATION: &str = "invitation/";

/// The directory as last kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CachedDirectory {
    /// Everybody and every group.
    pub snapshot: DirectorySnapshot,
    /// Where a change feed goes on; the source's own, opaque here.
    pub watermark: Option<Value>,
    /// When it was read.
    pub at: Timestamp,
}

/// Written with the entries in one batch; entries that do not add up to it are not believed.
#[derive(Serialize, Deserialize)]
struct DirectoryHeader {
    at: Timestamp,
    people: usize,
    groups: usize,
    assignments: Vec<Assignment>,
    coverage: Coverage,
    watermark: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct TeamHeader {
    at: Timestamp,
    members: usize,
    invitations: usize,
    apps: Vec<(BundleId, AppId)>,
    coverage: Coverage,
}

/// Entries written at once; more go in parts, so that a first read of a whole company is not in memory twice.
const PART: usize = 2_000;

impl Cache {
    /// Keeps the directory as it was read, and where its change feed goes on.
    pub fn put_directory(
        &self,
        snapshot: &DirectorySnapshot,
        watermark: Option<Value>,
        at: Timestamp,
    ) -> Result<(), CacheError> {
        let header = encode(&DirectoryHeader {
            at,
            people: snapshot.people().len(),
            groups: snapshot.groups.len(),
            assignments: snapshot.assignments.clone(),
            coverage: snapshot.coverage.clone(),
            watermark,
        })?;
        self.put_set(DIRECTORY, header, |writing| {
            let people = snapshot.people().iter().map(|person| (person.id.as_str(), person));
            if let Err(error) = writing.lay_over(PERSON, people)? {
                return Ok(Err(error));
            }
            writing.lay_over(GROUP, snapshot.groups.iter().map(|group| (group.id.as_str(), group)))
        })
    }

    /// The directory as it was kept last.
    pub fn directory(&self) -> Result<Option<CachedDirectory>, CacheError> {
        let Some(header) = self.get::<DirectoryHeader>(DIRECTORY)? else { return Ok(None) };
        let people: Vec<Person> = self.newest(PERSON, usize::MAX)?;
        let groups: Vec<Group> = self.newest(GROUP, usize::MAX)?;
        if people.len() != header.people || groups.len() != header.groups {
            return Ok(None);
        }
        let snapshot = DirectorySnapshot::new(people, groups, header.assignments, header.coverage);
        Ok(Some(CachedDirectory { snapshot, watermark: header.watermark, at: header.at }))
    }

    /// Keeps the team as it was read.
    pub fn put_team(&self, team: &TeamSnapshot, at: Timestamp) -> Result<(), CacheError> {
        let header = encode(&TeamHeader {
            at,
            members: team.members.len(),
            invitations: team.invitations.len(),
            apps: team.apps.iter().map(|(bundle, app)| (bundle.clone(), app.clone())).collect(),
            coverage: team.coverage.clone(),
        })?;
        self.put_set(TEAM, header, |writing| {
            let members = team.members.iter().map(|member| (member.id.as_str(), member));
            if let Err(error) = writing.lay_over(MEMBER, members)? {
                return Ok(Err(error));
            }
            let invitations = team.invitations.iter().map(|invitation| (invitation.id.as_str(), invitation));
            writing.lay_over(INVITATION, invitations)
        })
    }

    /// The team as it was kept last, and when it was read.
    pub fn team(&self) -> Result<Option<(TeamSnapshot, Timestamp)>, CacheError> {
        let Some(header) = self.get::<TeamHeader>(TEAM)? else { return Ok(None) };
        let members: Vec<Member> = self.newest(MEMBER, usize::MAX)?;
        let invitations: Vec<Invitation> = self.newest(INVITATION, usize::MAX)?;
        if members.len() != header.members || invitations.len() != header.invitations {
            return Ok(None);
        }
        let apps = header.apps.into_iter().collect();
        Ok(Some((TeamSnapshot::new(members, invitations, apps, header.coverage), header.at)))
    }

    fn put_set(
        &self,
        header_key: &str,
        header: Vec<u8>,
        lay: impl FnOnce(&mut Writing<'_>) -> sled::Result<Result<(), CacheError>>,
    ) -> Result<(), CacheError> {
        self.run(|db| {
            let mut writing = Writing { db, header_key, batch: Batch::default(), length: 0 };
            if let Err(error) = lay(&mut writing)? {
                return Ok(Err(error));
            }
            writing.batch.insert(header_key, header);
            db.apply_batch(writing.batch)?;
            self.sync(db)?;
            Ok(Ok(()))
        })?
    }
}

/// A set of entries on its way into the database.
struct Writing<'d> {
    db: &'d Db,
    header_key: &'d str,
    batch: Batch,
    length: usize,
}

impl Writing<'_> {
    /// Makes the stored entries with a prefix these, which come in the order of their ids, as those stored do: the two
    /// lists are walked side by side, and only what differs is written.
    fn lay_over<'t, T: Serialize + 't>(
        &mut self,
        prefix: &str,
        entries: impl Iterator<Item = (&'t str, &'t T)>,
    ) -> sled::Result<Result<(), CacheError>> {
        let mut stored = self.db.scan_prefix(prefix);
        let mut next = stored.next().transpose()?;
        let mut key = Vec::new();
        for (id, entry) in entries {
            key.clear();
            key.extend_from_slice(prefix.as_bytes());
            key.extend_from_slice(id.as_bytes());
            let value = match encode(entry) {
                Ok(value) => value,
                Err(error) => return Ok(Err(error)),
            };
            while let Some((old, _)) = next.as_ref().filter(|(known, _)| known.as_ref() < key.as_slice()) {
                self.remove(old.clone())?;
                next = stored.next().transpose()?;
            }
            let known = next.as_ref().filter(|(known, _)| known.as_ref() == key.as_slice());
            let (is_there, is_same) = (known.is_some(), known.is_some_and(|(_, old)| *old == value));
            if is_there {
                next = stored.next().transpose()?;
            }
            if !is_same {
                self.insert(&key, value)?;
            }
        }
        while let Some((old, _)) = next {
            self.remove(old)?;
            next = stored.next().transpose()?;
        }
        Ok(Ok(()))
    }

    fn insert(&mut self, key: &[u8], value: Vec<u8>) -> sled::Result<()> {
        self.batch.insert(key, value);
        self.count()
    }

    fn remove(&mut self, key: sled::IVec) -> sled::Result<()> {
        self.batch.remove(key);
        self.count()
    }

    /// A long set goes in parts. Its header goes first: between parts, and after a kill, there is no set rather than half.
    fn count(&mut self) -> sled::Result<()> {
        self.length += 1;
        if self.length.is_multiple_of(PART) {
            self.batch.remove(self.header_key);
            self.db.apply_batch(std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }
}
