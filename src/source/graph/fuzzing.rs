//! The way in for `crate::fuzzing`: what Graph answers, as far as this folder takes it apart.

use std::collections::BTreeMap;

use super::batch;
use super::delta::Watermark;
use super::failure::{Answer, Failure, Right};
use super::merge::{Departed, Merge};
use super::token;
use super::wire::{ErrorBody, Object, Page, Wanted, entry, person};
use crate::model::{Coverage, DirectorySnapshot, Group, GroupId, GroupMember, PersonId};
use crate::source::Interest;
use crate::source::grant::reads_as_grant;

fn page(body: &[u8]) -> Option<Page> {
    serde_json::from_slice(body).ok()
}

fn wanted() -> Wanted {
    Wanted::of(&Interest {
        groups: Default::default(),
        nested: true,
        assignments: false,
        attributes: ["userType".into(), "extensionAttribute1".into()].into(),
    })
}

/// A page of people, groups or members.
pub(crate) fn list(body: &[u8]) -> bool {
    let Some(page) = page(body) else { return false };
    let wanted = wanted();
    for object in &page.value {
        let _ = entry(object);
        let _ = person(object, &wanted);
    }
    true
}

/// A page of a change feed, laid over a small directory as one of people and as one of groups, twice: replays change nothing.
pub(crate) fn delta(body: &[u8]) -> bool {
    let Some(page) = page(body) else { return false };
    let (wanted, roots) = (wanted(), BTreeMap::from([("iOS Developers".to_owned(), GroupId::from("g-1"))]));
    let group = Group {
        id: GroupId::from("g-1"),
        name: "iOS Developers".into(),
        members: vec![GroupMember::Person(PersonId::from("p-1"))],
    };
    let snapshot = DirectorySnapshot::new(Vec::new(), vec![group], Vec::new(), Coverage::Complete);
    let mut merge = Merge::new(&snapshot, Departed::default());
    let lay = |merge: &mut Merge, changes: &[Object]| {
        merge.people(changes, &wanted);
        merge.groups(changes, &roots);
    };
    lay(&mut merge, &page.value);
    lay(&mut merge, &page.value);
    assert!(merge.people.len() <= page.value.len(), "more people than entries");
    true
}

/// An error body, judged with a status of each kind.
pub(crate) fn error(body: &[u8]) -> bool {
    let Ok(parsed) = serde_json::from_slice::<ErrorBody>(body) else { return false };
    let answer = Answer::new(404, parsed, "/users");
    assert!(answer.codes.len() <= 200, "an error within an error without end");
    let _ = (answer.is_not_found(), answer.is_feed_lost());
    let problem = Failure::Answer(answer).into_problem("users", Right::Users);
    assert!(problem.0.len() < 4096, "an endless problem");
    true
}

/// An answer of the token endpoint, as a grant and as a refusal.
pub(crate) fn token(body: &[u8]) -> bool {
    token::is_judged(body);
    reads_as_grant(body)
}

/// The answer to a batch.
pub(crate) fn batch(body: &[u8]) -> bool {
    batch::reads_as_answers(body)
}

/// What was kept of a change feed.
pub(crate) fn watermark(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let Some(read) = Watermark::parse(&text, "fingerprint") else { return false };
    let again = read.to_json().expect("what was read can be written");
    assert!(Watermark::parse(&again, "fingerprint").is_some());
    true
}
