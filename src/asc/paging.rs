//! Walks a list page by page and keeps account of what did not come.

use std::collections::BTreeSet;

use reqwest::{Method, Url};

use super::AscError;
use super::client::{AscClient, Call};
use super::errors::clean;
use super::wire::{Page, WireError};
use crate::model::Problem;

/// 100,000 seats at 200 a page; a longer walk is a loop.
const MOST_PAGES: usize = 500;
/// Unreadable records that a problem names.
const NAMED: usize = 5;

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
    unreadable: Vec<String>,
    moved: bool,
}

impl AscClient {
    /// Every page of a list.
    ///
    /// # Errors
    /// Only what ends the cycle; whatever else goes wrong is a problem of a walk that keeps what it has.
    pub(super) async fn walk<T>(&self, list: &List<'_, T>) -> Result<Walked<T>, AscError> {
        let mut url = self.url(list.path, list.query);
        let mut walk = Walk::from(&url);
        for number in 1..=MOST_PAGES {
            let page = match self.page(list, url).await {
                Ok(page) => page,
                Err(error) if error.ends_cycle() => return Err(error),
                Err(error) => return Ok(walk.broken(number, &error)),
            };
            let next = page.next.clone();
            let found_new = walk.take(page, list.id);
            let Some(link) = next else { return Ok(walk.finish(list.path)) };
            match self.follow(list.path, &link, &mut walk.followed) {
                Ok(next) if found_new => url = next,
                Ok(_) => return Ok(walk.stopped(list.path, "a page brought nothing new and names another")),
                Err(why) => return Ok(walk.stopped(list.path, &why)),
            }
        }
        Ok(walk.stopped(list.path, &format!("the list has more than {MOST_PAGES} pages")))
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
            walked: Walked { items: Vec::new(), problems: Vec::new(), nothing: false },
            ids: BTreeSet::new(),
            followed: BTreeSet::from([first.as_str().to_owned()]),
            total: None,
            unreadable: Vec::new(),
            moved: false,
        }
    }

    /// True when there was anything that had not come before.
    fn take(&mut self, page: Page<T>, id: fn(&T) -> &str) -> bool {
        self.moved |= page.total.is_some() && self.total.is_some() && page.total != self.total;
        self.total = page.total.or(self.total);
        let mut found_new = !page.unreadable.is_empty();
        self.unreadable.extend(page.unreadable);
        for item in page.items {
            if self.ids.insert(id(&item).to_owned()) {
                found_new = true;
                self.walked.items.push(item);
            } else {
                // Whoever comes twice may have pushed somebody else out of the walk; only a count can tell otherwise.
                self.moved |= self.total.is_none();
            }
        }
        found_new
    }

    /// The list ended by itself; it is whole when the count agrees.
    fn finish(mut self, path: &str) -> Walked<T> {
        let came = self.walked.items.len() + self.unreadable.len();
        if self.moved {
            self.problem(path, "the list changed while it was read");
        } else if let Some(total) = self.total
            && u64::try_from(came) != Ok(total)
        {
            self.problem(path, &format!("{came} of {total} records came"));
        }
        self.note_unreadable(path);
        self.walked
    }

    fn stopped(mut self, path: &str, why: &str) -> Walked<T> {
        self.problem(path, why);
        self.note_unreadable(path);
        self.walked
    }

    fn broken(mut self, number: usize, error: &AscError) -> Walked<T> {
        self.walked.nothing = number == 1;
        let place = if number == 1 { String::new() } else { format!("page {number}: ") };
        self.walked.problems.push(Problem(format!("{place}{error}")));
        self.walked
    }

    fn note_unreadable(&mut self, path: &str) {
        if self.unreadable.is_empty() {
            return;
        }
        let named = self.unreadable.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if self.unreadable.len() > NAMED { ", …" } else { "" };
        let count = self.unreadable.len();
        self.problem(path, &format!("{count} records could not be read: {named}{more}"));
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
