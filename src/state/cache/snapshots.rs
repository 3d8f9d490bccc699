//! Both sides as they were last seen, an entry for each person, group and seat, so that only what changed is written.

use std::collections::BTreeMap;

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

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

impl Cache {
    /// Keeps the directory as it was read.
    pub fn put_directory(&self, directory: &CachedDirectory) -> Result<(), CacheError> {
        let CachedDirectory { snapshot, watermark, at } = directory;
        let mut entries = Entries::new();
        for person in snapshot.people() {
            add(&mut entries, PERSON, person.id.as_str(), person)?;
        }
        for group in &snapshot.groups {
            add(&mut entries, GROUP, group.id.as_str(), group)?;
        }
        let header = DirectoryHeader {
            at: *at,
            people: snapshot.people().len(),
            groups: snapshot.groups.len(),
            assignments: snapshot.assignments.clone(),
            coverage: snapshot.coverage.clone(),
            watermark: watermark.clone(),
        };
        self.put_set(DIRECTORY, encode(&header)?, &[PERSON, GROUP], entries)
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
        let mut entries = Entries::new();
        for member in &team.members {
            add(&mut entries, MEMBER, member.id.as_str(), member)?;
        }
        for invitation in &team.invitations {
            add(&mut entries, INVITATION, invitation.id.as_str(), invitation)?;
        }
        let header = TeamHeader {
            at,
            members: team.members.len(),
            invitations: team.invitations.len(),
            apps: team.apps.iter().map(|(bundle, app)| (bundle.clone(), app.clone())).collect(),
            coverage: team.coverage.clone(),
        };
        self.put_set(TEAM, encode(&header)?, &[MEMBER, INVITATION], entries)
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
        prefixes: &[&str],
        entries: Entries,
    ) -> Result<(), CacheError> {
        self.run(|db| {
            let mut batch = changes(db, prefixes, entries)?;
            batch.insert(header_key, header);
            db.apply_batch(batch)?;
            self.sync(db)
        })
    }
}

fn add<T: Serialize>(entries: &mut Entries, prefix: &str, id: &str, value: &T) -> Result<(), CacheError> {
    entries.insert(format!("{prefix}{id}").into_bytes(), encode(value)?);
    Ok(())
}

/// What makes the stored entries with these prefixes the given ones.
fn changes(db: &Db, prefixes: &[&str], mut entries: Entries) -> sled::Result<Batch> {
    let mut batch = Batch::default();
    for prefix in prefixes {
        for stored in db.scan_prefix(prefix) {
            let (key, value) = stored?;
            match entries.get(key.as_ref()) {
                Some(wanted) if wanted.as_slice() == value.as_ref() => {
                    entries.remove(key.as_ref());
                }
                Some(_) => {}
                None => batch.remove(key),
            }
        }
    }
    for (key, value) in entries {
        batch.insert(key, value);
    }
    Ok(batch)
}
