//! Walks a list page by page and keeps account of what did not come.

use std::collections::BTreeSet;

use reqwest::{Method, Url};

use super::AscError;
use super::client::{AscClient, Call};
use super::errors::clean;
use super::wire::{Page, Unreadable, WireError};
use crate::model::Problem;

/// 100,000 seats at 200 a page; a longer walk is a loop.
const MOST_PAGES: usize = 500;
/// Unreadable records that a problem names.
const NAMED: usize = 5;
/// Walks of one list that does not stand still.
const MOST_WALKS: usize = 3;

/// One list: where it starts and how it is read.
pub(super) struct List<'a, T> {
    /// The path of every page, without the origin.
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    /// Whether a read-only token may be made for it, see [`super::token::Scope`].
    pub(super) scope: Scoped,
    pub(super) parse: fn(&[u8]) -> Result<Page<T>, WireError>,
    pub(super) id: fn(&T) -> &str,
}

/// Is the address one that a token's scope can name?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scoped {
    /// A list of the whole team.
    Collection,
    /// Something below an id.
    Below,
}

/// What a walk brought.
pub(super) struct Walked<T> {
    pub(super) items: Vec<T>,
    /// Records that came and cannot be used.
    pub(super) unreadable: Vec<Unreadable>,
    /// Why something may not have come at all.
    pub(super) problems: Vec<Problem>,
    /// Not even the first page came.
    pub(super) nothing: bool,
}

/// A walk under way.
struct Walk<T> {
    walked: Walked<T>,
    ids: BTreeSet<String>,
    followed: BTreeSet<String>,
    total: Option<u64>,
    moved: bool,
    repeated: bool,
    pages: usize,
}

/// How a walk ended.
enum End<T> {
    /// By itself, with everything that was counted.
    Still(Walked<T>),
    /// By itself, and the list moved beneath it: another walk may find it at rest.
    Moved(Walked<T>),
    /// Before its time; what came is kept.
    Broken(Walked<T>),
}

impl<T> Walked<T> {
    /// Everything that is not as it should be, unreadable records included.
    pub(super) fn all_problems(&self, path: &str) -> Vec<Problem> {
        self.problems.iter().cloned().chain(self.unreadable_problem(path)).collect()
    }

    /// Names the first few records that came and cannot be used.
    pub(super) fn unreadable_problem(&self, path: &str) -> Option<Problem> {
        let named: Vec<&str> =
            self.unreadable.iter().take(NAMED).map(|record| record.label.as_str()).collect();
        let more = if self.unreadable.len() > NAMED { ", …" } else { "" };
        let count = self.unreadable.len();
        let text = format!("GET {path}: {count} records could not be read: {}{more}", named.join(", "));
        (count > 0).then_some(Problem(text))
    }
}

impl AscClient {
    /// Every page of a list, walked again while it moves beneath the walk.
    ///
    /// # Errors
    /// Only what ends the cycle; whatever else goes wrong is a problem of a walk that keeps what it has.
    pub(super) async fn walk<T>(&self, list: &List<'_, T>) -> Result<Walked<T>, AscError> {
        let mut pages = MOST_PAGES;
        for walks_left in (0..MOST_WALKS).rev() {
            match self.walk_once(list, &mut pages).await? {
                End::Still(walked) | End::Broken(walked) => return Ok(walked),
                End::Moved(walked) if walks_left == 0 || pages == 0 => return Ok(walked),
                End::Moved(_) => tracing::debug!(list = list.path, "the list moved, walking it again"),
            }
        }
        unreachable!("the last walk is returned")
    }

    async fn walk_once<T>(&self, list: &List<'_, T>, pages: &mut usize) -> Result<End<T>, AscError> {
        let mut url = self.url(list.path, list.query);
        let mut walk = Walk::from(&url);
        while *pages > 0 {
            *pages -= 1;
            walk.pages += 1;
            let page = match self.page(list, url).await {
                Ok(page) => page,
                Err(error) if error.ends_cycle() => return Err(error),
                Err(error) => return Ok(End::Broken(walk.broken(&error))),
            };
            let next = page.next.clone();
            let found_new = walk.take(page, list.id);
            let Some(link) = next else { return Ok(walk.finish(list.path)) };
            if !found_new {
                let why = "a page brought nothing new and names another";
                return Ok(End::Moved(walk.stopped(list.path, why)));
            }
            match self.follow(list.path, &link, &mut walk.followed) {
                Ok(next) => url = next,
                Err(why) => return Ok(End::Broken(walk.stopped(list.path, &why))),
            }
        }
        Ok(End::Broken(walk.stopped(list.path, &format!("the list has more than {MOST_PAGES} pages"))))
    }

    async fn page<T>(&self, list: &List<'_, T>, url: Url) -> Result<Page<T>, AscError> {
        let endpoint = format!("GET {}", list.path);
        let scope = match list.scope {
            Scoped::Collection => Some(scope_entry(list.path, list.query)),
            Scoped::Below => None,
        };
        let call = Call { method: Method::GET, url, body: None, endpoint, scope };
        let reply = self.call(&call).await?;
        (list.parse)(&reply.body).map_err(|error| AscError::Protocol { text: call.misread(&reply, &error) })
    }

    /// Accepts a link to the same list that was not followed before.
    fn follow(&self, path: &str, link: &str, followed: &mut BTreeSet<String>) -> Result<Url, String> {
        let url = self.http.link(link).map_err(|error| error.to_string())?;
        if url.path() != path {
            return Err(format!("a link leads to {}; it was not followed", clean(url.path(), 100)));
        }
        if !followed.insert(url.as_str().to_owned()) {
            return Err("a link leads back to a page that was read already".to_owned());
        }
        Ok(url)
    }
}

impl<T> Walk<T> {
    fn from(first: &Url) -> Self {
        Self {
            walked: Walked {
                items: Vec::new(),
                unreadable: Vec::new(),
                problems: Vec::new(),
                nothing: false,
            },
            ids: BTreeSet::new(),
            followed: BTreeSet::from([first.as_str().to_owned()]),
            total: None,
            moved: false,
            repeated: false,
            pages: 0,
        }
    }

    /// True when there was anything that had not come before.
    fn take(&mut self, page: Page<T>, id: fn(&T) -> &str) -> bool {
        self.moved |= page.total.is_some() && self.total.is_some() && page.total != self.total;
        self.total = page.total.or(self.total);
        let before = self.came();
        for unreadable in page.unreadable {
            if unreadable.id.as_ref().is_none_or(|id| self.ids.insert(id.clone())) {
                self.walked.unreadable.push(unreadable);
            } else {
                self.repeated = true;
            }
        }
        for item in page.items {
            if self.ids.insert(id(&item).to_owned()) {
                self.walked.items.push(item);
            } else {
                self.repeated = true;
            }
        }
        self.came() > before
    }

    fn came(&self) -> usize {
        self.walked.items.len() + self.walked.unreadable.len()
    }

    /// The list ended by itself; it is whole when the count agrees. Whoever comes twice may have pushed somebody else out
    /// of the walk, and only a count can tell otherwise.
    fn finish(mut self, path: &str) -> End<T> {
        let came = self.came();
        if self.moved || (self.repeated && self.total.is_none()) {
            self.problem(path, "the list changed while it was read");
        } else if let Some(total) = self.total
            && u64::try_from(came) != Ok(total)
        {
            self.problem(path, &format!("{came} of {total} records came"));
        }
        if self.walked.problems.is_empty() { End::Still(self.walked) } else { End::Moved(self.walked) }
    }

    fn stopped(mut self, path: &str, why: &str) -> Walked<T> {
        self.problem(path, why);
        self.walked
    }

    fn broken(mut self, error: &AscError) -> Walked<T> {
        self.walked.nothing = self.pages == 1;
        let place = if self.pages == 1 { String::new() } else { format!("page {}: ", self.pages) };
        self.walked.problems.push(Problem(format!("{place}{error}")));
        self.walked
    }

    fn problem(&mut self, path: &str, why: &str) {
        self.walked.problems.push(Problem(format!("GET {path}: {why}")));
    }
}

/// A request as a token's scope names it: Apple ignores `limit`, `cursor` and `sort` when it compares.
pub(super) fn scope_entry(path: &str, query: &[(&str, &str)]) -> String {
    let kept = query.iter().filter(|(key, _)| !matches!(*key, "limit" | "cursor" | "sort"));
    let pairs: Vec<String> = kept.map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { format!("GET {path}") } else { format!("GET {path}?{}", pairs.join("&")) }
}
