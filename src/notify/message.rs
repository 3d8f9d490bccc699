//! What a notice says: counts, digests, and where to look. Nothing that names a person.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::condition::{Condition, Topic};
use crate::config::NotifyEvent;

/// The schema name of the JSON body.
const SCHEMA: &str = "rosterd.notice/1";
/// Lines of one notice.
const LINES: usize = 8;

/// Whether something began or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// There is something new.
    Entered,
    /// Nothing of the topic is left.
    Left,
}

/// One notice.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    /// The same at every try, so that a receiver can drop what it has had.
    pub(super) id: Uuid,
    pub(super) at: Timestamp,
    team: String,
    topic: Topic,
    edge: Edge,
    /// Of the topic, new ones and old.
    count: usize,
    lines: Vec<String>,
}

/// The notices that lead from one set of conditions to the next: at most one a topic.
pub(super) fn edges(
    team: &str,
    at: Timestamp,
    before: &BTreeSet<Condition>,
    now: &BTreeSet<Condition>,
) -> Vec<Notice> {
    Topic::ALL.into_iter().filter_map(|topic| edge(team, at, topic, before, now)).collect()
}

fn edge(
    team: &str,
    at: Timestamp,
    topic: Topic,
    before: &BTreeSet<Condition>,
    now: &BTreeSet<Condition>,
) -> Option<Notice> {
    let all: Vec<&Condition> = now.iter().filter(|condition| condition.topic() == topic).collect();
    let is_new = all.iter().any(|condition| !before.contains(condition));
    let was_there = before.iter().any(|condition| condition.topic() == topic);
    let edge = match (is_new, all.is_empty(), was_there) {
        (true, _, _) => Edge::Entered,
        (false, true, true) => Edge::Left,
        (false, false, _) | (false, true, false) => return None,
    };
    let mut lines: Vec<String> = Vec::new();
    for condition in &all {
        if !lines.iter().any(|line| line == condition.note()) && lines.len() < LINES {
            lines.push(condition.note().to_owned());
        }
    }
    Some(Notice { id: Uuid::now_v7(), at, team: team.to_owned(), topic, edge, count: all.len(), lines })
}

impl Notice {
    /// The word for logs and receivers: the topic's, or `recovered`.
    pub(super) fn event(&self) -> &'static str {
        match self.edge {
            Edge::Entered => self.topic.event().as_str(),
            Edge::Left => NotifyEvent::Recovered.as_str(),
        }
    }

    /// Whether somebody who asked for these events wants it. The end of something is for those who heard of its beginning
    /// and asked for ends as well.
    pub(super) fn is_for(&self, events: &[NotifyEvent]) -> bool {
        let ends = match self.edge {
            Edge::Entered => true,
            Edge::Left => events.contains(&NotifyEvent::Recovered),
        };
        ends && events.contains(&self.topic.event())
    }

    /// One line.
    pub(super) fn title(&self) -> String {
        format!("rosterd {}: {}", self.team, self.headline())
    }

    fn headline(&self) -> String {
        let count = self.count;
        let s = if count == 1 { "" } else { "s" };
        match (self.topic, self.edge) {
            (Topic::Guard, Edge::Entered) if count == 1 => "1 change waits for approval".to_owned(),
            (Topic::Guard, Edge::Entered) => format!("{count} changes wait for approval"),
            (Topic::Guard, Edge::Left) => "nothing waits for approval any more".to_owned(),
            (Topic::Quarantine, Edge::Entered) => "cycles fail repeatedly".to_owned(),
            (Topic::Quarantine, Edge::Left) => "cycles succeed again".to_owned(),
            (Topic::CredentialExpiry, Edge::Entered) => format!("{count} credential{s} about to expire"),
            (Topic::CredentialExpiry, Edge::Left) => "no credential is about to expire any more".to_owned(),
            (Topic::Conflict, Edge::Entered) => format!("{count} conflict{s} to be settled by a person"),
            (Topic::Conflict, Edge::Left) => "no conflict is left".to_owned(),
        }
    }

    /// A line in the log, where somebody who has no channel finds it.
    pub(super) fn log(&self) {
        let (event, count, detail) = (self.topic.event().as_str(), self.count, self.lines.join("; "));
        match self.edge {
            Edge::Entered => tracing::warn!(event, count, detail, "somebody should look"),
            Edge::Left => tracing::info!(event, "nothing of it is left"),
        }
    }

    /// Everything, for people.
    pub(super) fn text(&self) -> String {
        let mut text = self.title();
        for line in &self.lines {
            text.push_str("\n- ");
            text.push_str(line);
        }
        match self.edge {
            Edge::Entered => text.push_str("\n`rosterd status` on the machine shows the rest."),
            Edge::Left => {}
        }
        text
    }

    /// Everything, for programs: `rosterd.notice/1`.
    pub(super) fn json(&self) -> Value {
        let state = match self.edge {
            Edge::Entered => "entered",
            Edge::Left => "left",
        };
        json!({
            "schema": SCHEMA,
            "id": self.id,
            "at": self.at,
            "team": self.team,
            "event": self.event(),
            "topic": self.topic,
            "state": state,
            "count": self.count,
            "title": self.title(),
            "lines": self.lines,
            "text": self.text(),
        })
    }
}
