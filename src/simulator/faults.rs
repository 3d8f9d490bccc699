//! Faults, queued for requests that are yet to come.

use std::collections::BTreeMap;
use std::fmt;

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ids::mix;
use super::message::{Call, Content, Reply};

/// Where no link of an honest answer leads.
pub const FOREIGN: &str = "http://elsewhere.example.net/v1/users?cursor=stolen";

/// A simulated service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// App Store Connect.
    Asc,
    /// The SCIM provider and its token endpoint.
    Scim,
    /// Microsoft Graph and its token endpoint.
    Graph,
}

impl Peer {
    /// The service a path belongs to.
    pub(super) fn of(path: &str) -> Self {
        if super::graph::owns(path) {
            Self::Graph
        } else if path.starts_with("/scim/") || path.starts_with("/oauth2/") {
            Self::Scim
        } else {
            Self::Asc
        }
    }
}

/// Whether a request has its effect although the answer is a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Refused: nothing happened.
    #[default]
    Before,
    /// It happened, and then the answer was lost.
    After,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The connection closes without an answer, and nothing happened.
    DropBefore,
    /// The connection closes without an answer, but it happened.
    DropAfter,
    /// This status with an error body of the peer's kind.
    Status {
        /// HTTP status.
        status: u16,
        /// Had the request its effect?
        #[serde(default)]
        when: When,
    },
    /// 429 before any effect.
    TooMany {
        /// The `Retry-After` header as it is to be sent, if at all.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 401 before any effect.
    Unauthorized,
    /// The answer is right but late.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// The effect happens at once; the answer is right but late.
    AnswersLate {
        /// Milliseconds.
        ms: u64,
    },
    /// The effect happens; half of the answer arrives.
    Truncated,
    /// An HTML page under the peer's JSON content type, with this status, before any effect.
    Html {
        /// HTTP status.
        status: u16,
    },
    /// Rows are left out of the end of a page, while its totals stay.
    MissingRows {
        /// How many.
        rows: usize,
    },
    /// The page links to another host for the next one.
    ForeignNext,
    /// This JSON instead of the answer, before any effect: what is well-formed and says nothing, or something wrong.
    Says {
        /// HTTP status.
        status: u16,
        /// The body.
        body: Value,
    },
    /// As `says`, with headers of its own: an id of the request, a content type.
    Answers {
        /// HTTP status.
        status: u16,
        /// By name.
        headers: BTreeMap<String, String>,
        /// The body.
        body: Value,
    },
    /// The answer is right but for one place in it.
    Rewrites {
        /// A JSON pointer: `/data/0/attributes/roles`.
        at: String,
        /// What stands there instead; nothing at all when null.
        value: Value,
    },
    /// A list leaves one row out, and its totals agree with that.
    HidesRow {
        /// Its id.
        id: String,
    },
    /// `totalResults` and the like say this many more, or fewer.
    WrongTotal {
        /// How many.
        by: i64,
    },
    /// The last row of a page stands there twice.
    RepeatedRows,
    /// No answer ever.
    Hang {
        /// Had the request its effect?
        #[serde(default)]
        when: When,
    },
    /// Nobody listens, so nothing is sent. A request that came over a socket can only be cut off.
    Unreachable,
}

/// Which requests a fault is for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Any service when absent.
    #[serde(default)]
    pub peer: Option<Peer>,
    /// Any method when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Any path when absent; else a glob over the path, where `*` also crosses slashes.
    #[serde(default)]
    pub path: Option<String>,
    /// The first request that fits is number 1, which is also the default.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many requests from then on; 1 when absent.
    #[serde(default = "one")]
    pub count: u32,
    /// What happens to them.
    pub fault: Fault,
}

fn one() -> u32 {
    1
}

impl Rule {
    /// The next request of this method and path glob to App Store Connect.
    pub fn asc(method: &str, path: &str, fault: Fault) -> Self {
        Self::to(Peer::Asc, method, path, fault)
    }

    /// The next request of this method and path glob to the SCIM provider.
    pub fn scim(method: &str, path: &str, fault: Fault) -> Self {
        Self::to(Peer::Scim, method, path, fault)
    }

    /// The next request of this method and path glob to any peer.
    pub fn to(peer: Peer, method: &str, path: &str, fault: Fault) -> Self {
        let (method, path) = (Some(method.to_owned()), Some(path.to_owned()));
        Self { peer: Some(peer), method, path, nth: 1, count: 1, fault }
    }

    /// Waits for the nth request that fits (1 is the first).
    #[must_use]
    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }

    /// Strikes this many requests in a row; `u32::MAX` is for ever.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = count;
        self
    }
}

/// Chance faults for a share of all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misbehave {
    /// Of all requests.
    pub percent: u8,
    /// The same seed and the same requests give the same faults.
    pub seed: u64,
}

struct Queued {
    rule: Rule,
    glob: Option<GlobMatcher>,
    seen: u32,
}

/// The queue.
#[derive(Default)]
pub struct Faults {
    queue: Vec<Queued>,
    chance: Option<(u8, u64)>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pending()).finish()
    }
}

impl Faults {
    /// Queues a fault.
    pub fn push(&mut self, rule: Rule) {
        let glob = rule.path.as_deref().map(matcher);
        self.queue.push(Queued { rule, glob, seen: 0 });
    }

    /// Turns chance faults on or off.
    pub fn misbehave(&mut self, how: Option<Misbehave>) {
        self.chance = how.map(|how| (how.percent.min(100), how.seed));
    }

    /// Forgets every queued fault.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// What is still to strike.
    pub fn pending(&self) -> impl Iterator<Item = &Rule> {
        self.queue.iter().map(|queued| &queued.rule)
    }

    /// The fault of this request: the first rule in the queue that is due. Others that fit count the request too.
    pub(super) fn strike(&mut self, call: &Call) -> Option<Fault> {
        let mut struck = None;
        for queued in &mut self.queue {
            if !queued.fits(call) {
                continue;
            }
            queued.seen = queued.seen.saturating_add(1);
            if queued.seen >= queued.rule.nth && struck.is_none() {
                struck = Some(queued.rule.fault.clone());
                queued.rule.count -= 1;
            }
        }
        self.queue.retain(|queued| queued.rule.count > 0);
        struck.or_else(|| self.by_chance())
    }

    fn by_chance(&mut self) -> Option<Fault> {
        let (percent, state) = self.chance.as_mut()?;
        if mix(state) % 100 >= u64::from(*percent) {
            return None;
        }
        let faults = [
            Fault::DropBefore,
            Fault::DropAfter,
            Fault::Status { status: 503, when: When::Before },
            Fault::Status { status: 500, when: When::After },
            Fault::TooMany { retry_after: Some("1".into()) },
            Fault::TooMany { retry_after: None },
            Fault::Unauthorized,
            Fault::Slow { ms: 30 },
            Fault::Truncated,
            Fault::Html { status: 502 },
            Fault::MissingRows { rows: 1 },
            Fault::ForeignNext,
        ];
        let pick = usize::try_from(mix(state) % 12).unwrap_or(0);
        faults.into_iter().nth(pick)
    }
}

/// A glob over paths, where `*` also crosses slashes. What does not parse stands for itself.
pub(super) fn matcher(path: &str) -> GlobMatcher {
    let parsed = Glob::new(path).or_else(|_| Glob::new(&globset::escape(path)));
    parsed.expect("an escaped pattern parses").compile_matcher()
}

impl Queued {
    fn fits(&self, call: &Call) -> bool {
        self.rule.peer.is_none_or(|peer| peer == call.peer)
            && self.rule.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&call.method))
            && self.glob.as_ref().is_none_or(|glob| glob.is_match(&call.path))
            && self.rule.count > 0
    }
}

/// An error answer in the way of a peer.
pub(super) fn refusal(peer: Peer, status: u16) -> Reply {
    match peer {
        Peer::Asc => super::asc::errors::plain(status).into_reply(),
        Peer::Scim => super::scim::error(status, None, "a fault was queued for this request"),
        Peer::Graph => {
            let error = json!({"error": {"code": "generalException", "message": "a fault was queued"}});
            Reply::json(status, error)
        }
    }
}

/// A page of HTML that claims to be JSON, as some proxies and servers send.
pub(super) fn html(peer: Peer, status: u16) -> Reply {
    let kind = match peer {
        Peer::Asc | Peer::Graph => "application/json",
        Peer::Scim => "application/scim+json",
    };
    Reply::text(status, kind, "<!doctype html><html><body><h1>Something went wrong</h1></body></html>")
}

/// A body of somebody's choice under the peer's content type.
pub(super) fn says(peer: Peer, status: u16, body: &Value) -> Reply {
    let kind = match peer {
        Peer::Asc | Peer::Graph => "application/json",
        Peer::Scim => "application/scim+json",
    };
    Reply { content: Content::Json(kind, body.clone()), ..Reply::empty(status) }
}

/// Leaves rows out of the end of a page.
pub(super) fn without_rows(reply: &mut Reply, rows: usize) {
    let Content::Json(_, Value::Object(body)) = &mut reply.content else { return };
    for key in ["data", "Resources", "resources", "value"] {
        if let Some(Value::Array(list)) = body.get_mut(key) {
            list.truncate(list.len().saturating_sub(rows));
        }
    }
}

/// Writes something else in one place; a place that is not there stays so.
pub(super) fn rewritten(reply: &mut Reply, at: &str, value: &Value) {
    let Content::Json(_, body) = &mut reply.content else { return };
    if let Some(place) = body.pointer_mut(at) {
        *place = value.clone();
    }
}

/// Leaves out the row of an id, as if it were not there.
pub(super) fn hidden_row(reply: &mut Reply, id: &str) {
    let Content::Json(_, body) = &mut reply.content else { return };
    let mut hidden = 0;
    for key in ["data", "Resources", "resources", "value"] {
        if let Some(Value::Array(list)) = body.get_mut(key) {
            let before = list.len();
            list.retain(|row| row["id"] != id);
            hidden += i64::try_from(before - list.len()).unwrap_or(0);
        }
    }
    wrong_total(reply, -hidden);
}

/// Adds to whatever tells how many rows there are.
pub(super) fn wrong_total(reply: &mut Reply, by: i64) {
    let Content::Json(_, body) = &mut reply.content else { return };
    for place in ["/totalResults", "/meta/paging/total", "/@odata.count"] {
        if let Some(total) = body.pointer_mut(place) {
            *total = json!(total.as_i64().unwrap_or_default().saturating_add(by).max(0));
        }
    }
}

/// Says the last row of a page twice.
pub(super) fn repeated_rows(reply: &mut Reply) {
    let Content::Json(_, Value::Object(body)) = &mut reply.content else { return };
    for key in ["data", "Resources", "resources", "value"] {
        if let Some(Value::Array(list)) = body.get_mut(key) {
            list.extend(list.last().cloned());
        }
    }
}

/// Points the link to the next page elsewhere, in the form of the peer.
pub(super) fn foreign_next(peer: Peer, reply: &mut Reply) {
    let Content::Json(_, Value::Object(body)) = &mut reply.content else { return };
    match peer {
        Peer::Asc => {
            if let Some(Value::Object(links)) = body.get_mut("links") {
                links.insert("next".into(), json!(FOREIGN));
            }
        }
        Peer::Scim => {
            body.insert("links".into(), json!({"next": FOREIGN}));
            body.insert("next".into(), json!(FOREIGN));
        }
        Peer::Graph => {
            body.insert("@odata.nextLink".into(), json!(FOREIGN));
        }
    }
}

/// Cuts the answer in half.
pub(super) fn truncated(reply: &mut Reply) {
    if let Content::Json(kind, value) = &reply.content {
        reply.content = Content::Truncated(kind, value.to_string());
    }
}
