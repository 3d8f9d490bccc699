//! `audit forget`: an erasure request (GDPR, article 17) is answered without breaking the chain.
//!
//! In every record that names the person a pseudonym takes the place of their id, names and addresses. Such a record keeps
//! the hash that it had (`was`), which its successor names, and has one of its own for its new bytes. The last record of
//! the journal then lists the new hashes: a record that was rewritten without being listed later is an edited one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use uuid::Uuid;

use super::chain::{self, Draft, Record, SCHEMA};
use super::error::{Flaw, FlawKind, StateError};
use super::journal::{Journal, Occasion};
use super::lock::{self, Lock};
use super::redact::PERSONAL;
use super::segment::{self, Segment, follow};
use super::terms::Terms;
use super::{OpenOptions, cache};
use crate::model::event::{Actor, Event, Rewritten};
use crate::model::id::{Address, PersonId};
use crate::model::ledger::Ledger;

/// What a person is called in the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Their id in the directory; `None` for a seat of nobody.
    pub id: Option<String>,
    /// As they were written.
    pub names: BTreeSet<String>,
    /// Of theirs and of their seats.
    pub addresses: BTreeSet<String>,
}

/// What became of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// What stands where they were named.
    pub pseudonym: String,
    /// Records that were rewritten.
    pub records: usize,
    /// The record that says so; `None` where nothing names them.
    pub seq: Option<u64>,
}

/// Who is meant by an address or an id in the directory. Asks nothing of the cache, and changes nothing.
pub fn find(dir: &Path, who: &str) -> Result<Known, ForgetError> {
    lock::check(dir)?;
    let folder = super::journal_folder(dir);
    let mut index = Index::default();
    for segment in segment::list(&folder)? {
        for line in values(&segment)? {
            index.learn(&line, None, "");
        }
    }
    index.find(who)
}

/// Forgets whom [`find`] found. The state must not be held by anybody.
pub fn forget(
    dir: &Path,
    known: &Known,
    actor: &Actor,
    options: OpenOptions,
) -> Result<Forgotten, ForgetError> {
    lock::check(dir)?;
    let _lock = Lock::acquire(dir, options.patience)?;
    let folder = super::journal_folder(dir);
    let now = options.clock.now();
    let (mut journal, told) = Journal::open(&folder, options.limits(), now)?;
    refuse_needed(&told.ledger, known)?;
    // The tail of a UUID v7 is random (RFC 9562 §5.7).
    let pseudonym = format!("forgotten-{}", &Uuid::now_v7().simple().to_string()[20..]);
    let erasure = Erasure::new(known, &told.ledger, &pseudonym);
    let segments = segment::list(&folder)?;
    let mut records = Vec::new();
    for segment in &segments {
        records.extend(erasure.rewrite(segment)?.1);
    }
    let count = records.len();
    if count > 0 {
        let event = Event::PersonForgotten { pseudonym: pseudonym.clone(), records };
        journal.append(Occasion { at: now, cycle: None, actor }, &[event])?;
        journal.sync_head()?;
    }
    let seq = (count > 0).then_some(journal.head().seq);
    drop(journal);
    // Made again instead of kept: all segments at once may be more than memory holds.
    for segment in &segments {
        let (bytes, changed) = erasure.rewrite(segment)?;
        if !changed.is_empty() {
            drop(segment::create(&folder, segment, &bytes)?);
        }
    }
    remove_copies(dir, &folder)?;
    Ok(Forgotten { pseudonym, records: count, seq })
}

/// Why nobody was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// Nothing is recorded of them.
    #[error("no record names {0}")]
    Nobody(String),
    /// An address that belonged to several people.
    #[error("{who} was an address of several people: {}", people.join("; "))]
    Several {
        /// As asked.
        who: String,
        /// Name and id of each.
        people: Vec<String>,
    },
    /// rosterd would not know any more whose the seat is.
    #[error("{who} still has the seat {seat}")]
    HasSeat {
        /// Who.
        who: String,
        /// Which.
        seat: String,
    },
    /// A write about them has no known outcome.
    #[error("a write about {0} has no known outcome yet")]
    Unsettled(String),
}

impl ForgetError {
    /// The next thing to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::State(error) => return error.hint(),
            Self::Nobody(_) => {
                "`rosterd audit show` shows whom the records name; write an address or an id".to_owned()
            }
            Self::Several { .. } => "name one of them by the id".to_owned(),
            Self::HasSeat { who, .. } => format!(
                "their records are needed until the seat is gone: let it be removed first, or give it up with `rosterd unlink {who}`"
            ),
            Self::Unsettled(_) => "run one cycle first, it settles them".to_owned(),
        })
    }
}

fn refuse_needed(ledger: &Ledger, known: &Known) -> Result<(), ForgetError> {
    let who = || known.addresses.first().or(known.id.as_ref()).cloned().unwrap_or_default();
    let Some(id) = &known.id else { return Ok(()) };
    let person = PersonId::from(id.as_str());
    if let Some(seat) = ledger.links.get(&person).and_then(|link| link.seat.as_ref()) {
        return Err(ForgetError::HasSeat { who: who(), seat: seat.to_string() });
    }
    let is_theirs = |subject: &Option<crate::model::operation::PersonRef>| {
        subject.as_ref().is_some_and(|subject| subject.id == person)
    };
    if ledger.open_intents.values().any(|open| is_theirs(&open.operation.person)) {
        return Err(ForgetError::Unsettled(who()));
    }
    Ok(())
}

/// Whom the records name, and how.
#[derive(Default)]
struct Index {
    people: BTreeMap<String, Known>,
    /// Addresses that stand beside nobody's id.
    strays: BTreeSet<Address>,
    /// Manual pairs of an address and an Apple Account.
    accounts: Vec<(String, String)>,
}

impl Index {
    fn learn(&mut self, value: &Value, owner: Option<&str>, member: &str) {
        match value {
            Value::String(text) if PERSONAL.contains(&member) => self.note(owner, text),
            Value::Array(items) => items.iter().for_each(|item| self.learn(item, owner, member)),
            Value::Object(members) => {
                let owner = owner_of(value).or(owner);
                if let (Some(address), Some(account)) = (text(value, "address"), text(value, "apple_account"))
                {
                    self.accounts.push((address.to_owned(), account.to_owned()));
                }
                for (member, child) in members {
                    if let (Some(owner), true) = (owner_of(child), Address::new(member).is_mail()) {
                        self.note(Some(owner), member);
                    }
                    if let ("accounts", Value::Object(pairs)) = (member.as_str(), child) {
                        let pairs =
                            pairs.iter().filter_map(|(address, account)| Some((address, account.as_str()?)));
                        self.accounts.extend(pairs.map(|(one, other)| (one.clone(), other.to_owned())));
                    }
                    self.learn(child, owner, member);
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn note(&mut self, owner: Option<&str>, text: &str) {
        let is_address = Address::new(text).resembles_mail();
        let Some(owner) = owner else {
            if is_address {
                self.strays.insert(Address::new(text));
            }
            return;
        };
        let known = self.people.entry(owner.to_owned()).or_default();
        known.id.get_or_insert_with(|| owner.to_owned());
        let words = if is_address { &mut known.addresses } else { &mut known.names };
        if !text.trim().is_empty() && !words.contains(text) {
            words.insert(text.to_owned());
        }
    }

    fn find(&self, who: &str) -> Result<Known, ForgetError> {
        let wanted = Address::new(who);
        let has = |known: &Known| known.addresses.iter().any(|address| Address::new(address) == wanted);
        let found: Vec<&Known> = match self.people.get(who) {
            Some(known) => vec![known],
            None => self.people.values().filter(|known| has(known)).collect(),
        };
        let mut known = match found[..] {
            [known] => known.clone(),
            [] if self.strays.contains(&wanted) => {
                Known { addresses: BTreeSet::from([who.to_owned()]), ..Known::default() }
            }
            [] => return Err(ForgetError::Nobody(who.to_owned())),
            [..] => {
                let name = |known: &Known| {
                    let name = known.names.iter().max_by_key(|name| name.len()).map_or("", String::as_str);
                    format!("{name} ({})", known.id.as_deref().unwrap_or_default()).trim().to_owned()
                };
                let people = found.iter().map(|known| name(known)).collect();
                return Err(ForgetError::Several { who: who.to_owned(), people });
            }
        };
        for (address, account) in &self.accounts {
            if known.addresses.iter().any(|theirs| Address::new(theirs) == Address::new(address)) {
                known.addresses.insert(account.clone());
            }
        }
        Ok(known)
    }
}

fn text<'v>(value: &'v Value, member: &str) -> Option<&'v str> {
    value.get(member)?.as_str()
}

/// Whose an object is: a person's own, or one that speaks of a person.
fn owner_of(value: &Value) -> Option<&str> {
    let person = match value.get("person") {
        Some(Value::String(id)) => Some(id.as_str()),
        Some(person) => text(person, "id"),
        None => None,
    };
    let themselves = || value.get("email").and(value.get("name")).and_then(|_| text(value, "id"));
    let within = |member| value.get(member).and_then(owner_of);
    person.or_else(themselves).or_else(|| within("operation")).or_else(|| within("link"))
}

/// What is put in the place of what.
struct Erasure<'a> {
    id: Option<&'a str>,
    /// Anywhere: what is theirs alone.
    anywhere: Terms,
    /// Where a record speaks of them.
    theirs: Terms,
}

/// Of whom a part of a record speaks.
#[derive(Clone, Copy)]
enum Whose {
    Theirs,
    Others,
    Nobodys,
}

impl<'a> Erasure<'a> {
    fn new(known: &'a Known, ledger: &Ledger, pseudonym: &str) -> Self {
        let others =
            ledger.links.values().filter(|link| Some(link.person.id.as_str()) != known.id.as_deref());
        let mut kept = BTreeSet::new();
        for link in others {
            kept.insert(link.name.folded().to_owned());
            kept.extend(link.person.email.as_ref().map(|email| email.folded().to_owned()));
            kept.insert(Address::new(&link.person.name).folded().to_owned());
        }
        let mut erasure =
            Self { id: known.id.as_deref(), anywhere: Terms::default(), theirs: Terms::default() };
        // A first name alone could be anybody's.
        let telling = known.names.iter().filter(|name| name.trim().contains(' '));
        let alone =
            known.addresses.iter().chain(telling).filter(|term| !kept.contains(Address::new(term).folded()));
        alone.chain(known.id.as_ref()).for_each(|term| erasure.anywhere.insert(term, pseudonym));
        let all = known.addresses.iter().chain(&known.names).chain(known.id.as_ref());
        all.for_each(|term| erasure.theirs.insert(term, pseudonym));
        erasure
    }

    /// A segment's bytes without them, and the new hash of each record that was rewritten.
    fn rewrite(&self, segment: &Segment) -> Result<(Vec<u8>, Vec<Rewritten>), StateError> {
        let bytes = segment.read()?;
        let (mut written, mut changed) = (Vec::with_capacity(bytes.len()), Vec::new());
        let followed = follow(segment, &bytes, None, |links, line, number| {
            let broken = |_| StateError::from(segment.flaw(number, FlawKind::NotARecord));
            let before: Value = serde_json::from_slice(line).map_err(broken)?;
            let mut after = before.clone();
            self.erase(&mut after, Whose::Nobodys, "");
            if after == before {
                written.extend_from_slice(line);
                written.push(b'\n');
                return Ok(());
            }
            let record: Record = serde_json::from_value(after).map_err(broken)?;
            let draft = Draft {
                schema: record.schema.is_some().then_some(SCHEMA),
                seq: record.seq,
                at: record.at,
                cycle: record.cycle.as_ref(),
                actor: &record.actor,
                event: &record.event,
                prev: record.prev,
                was: Some(links.head().hash),
            };
            let start = written.len();
            draft.seal(&mut written).map_err(StateError::Encode)?;
            let hash = chain::unseal(&written[start..written.len() - 1])
                .map_err(|broken| segment.flaw(number, broken.into()))?
                .hash;
            changed.push(Rewritten { seq: record.seq, hash: hash.to_string() });
            Ok(())
        })?;
        match followed.stop {
            Some((line, kind)) => Err(Flaw { file: segment.path.clone(), line, kind }.into()),
            None => Ok((written, changed)),
        }
    }

    fn erase(&self, value: &mut Value, whose: Whose, member: &str) {
        match value {
            Value::String(text) => {
                let terms = match whose {
                    Whose::Theirs => &self.theirs,
                    // Somebody else may be called the same.
                    Whose::Others if PERSONAL.contains(&member) => return,
                    Whose::Others | Whose::Nobodys => &self.anywhere,
                };
                if let Some(changed) = terms.replaced(text) {
                    *text = changed;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.erase(item, whose, member)),
            Value::Object(_) => {
                let whose = match owner_of(value) {
                    Some(owner) if Some(owner) == self.id => Whose::Theirs,
                    Some(_) => Whose::Others,
                    None => whose,
                };
                let Value::Object(members) = value else { return };
                for (member, mut value) in std::mem::take(members) {
                    self.erase(&mut value, whose, &member);
                    members.insert(self.anywhere.replaced(&member).unwrap_or(member), value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn values(segment: &Segment) -> Result<Vec<Value>, StateError> {
    let bytes = segment.read()?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    lines
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|_| segment.flaw(index + 1, FlawKind::NotARecord).into())
        })
        .collect()
}

/// The cache and what was put aside of it and of the journal: all of it can be read again, and names people.
fn remove_copies(dir: &Path, folder: &Path) -> Result<(), StateError> {
    for path in cache::copies(dir).map_err(StateError::io("list", dir))? {
        fs::remove_dir_all(&path).map_err(StateError::io("delete", &path))?;
    }
    super::mend::remove_torn(folder)
}
