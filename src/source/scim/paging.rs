//! Walks a list to its end, and says whether it saw everything.
//!
//! An index walk loses people in silence: when somebody on a page already read is deleted, everybody behind moves up
//! by one, and the first of the next page is never seen, while `totalResults` still agrees because the deleted one was
//! counted. So each page asks for the last entry of its predecessor again; when another one is there, or the total
//! moves, the walk starts anew. Cursors (RFC 9865) do not move and are used wherever they are announced.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::hash::Hash;

use super::{index_walk, pieces};
use crate::model::Problem;
use crate::source::SourceError;

/// How often a walk starts anew before its result is called partial.
const RESTARTS: usize = 3;
/// How often the page size is divided because an answer was too large.
const SHRINKS: usize = 6;
/// No walk asks for more pages.
const PAGES_MAX: usize = 20_000;
/// No walk keeps more entries.
const ENTRIES_MAX: usize = 2_000_000;
/// Problems that are listed; the rest is counted.
const PROBLEMS_MAX: usize = 20;
/// Cursor pages in a row without an entry.
const EMPTY_PAGES_MAX: usize = 5;

/// What a page is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `startIndex` and `count`.
    Index {
        /// From 1.
        start: u64,
        /// At most so many.
        count: u64,
    },
    /// `cursor` and `count`.
    Cursor {
        /// Empty for the first page.
        cursor: String,
        /// At most so many; `None` leaves it to the provider.
        count: Option<u64>,
    },
}

/// Something with an id that is listed.
pub trait Listed: Send {
    /// Its id.
    type Id: Ord + Hash + Clone + Send + Sync;
    /// Its id.
    fn id(&self) -> &Self::Id;
}

/// One page.
#[derive(Debug)]
pub struct Page<T> {
    /// `totalResults`.
    pub total: Option<u64>,
    /// The echo of `startIndex`.
    pub start: Option<u64>,
    /// Where the next page is, when the provider pages by cursor.
    pub next_cursor: Option<String>,
    /// In the order of the answer; a broken one is a problem and still has its place.
    pub entries: Vec<Result<T, Problem>>,
}

impl<T> Page<T> {
    pub(super) fn received(&self) -> u64 {
        self.entries.len() as u64
    }
}

/// Why a page was not had.
#[derive(Debug)]
pub enum PageError {
    /// Nothing more can be asked.
    Fatal(SourceError),
    /// The provider no longer knows the cursor (`invalidCursor`, `expiredCursor`).
    CursorLost,
    /// The provider does not take our `count` (`invalidCount`).
    TooMany(String),
    /// The answer was larger than we read.
    TooLarge(String),
    /// The provider does not understand the question (400, 501), in words.
    Declined(String),
    /// There is nothing of the kind (404, 410), in words.
    Absent(String),
    /// Anything else, in words.
    Failed(String),
}

/// Whatever answers with pages.
pub trait Fetch: Sync {
    /// What is listed.
    type Item: Listed;
    /// The endpoint and the things, for problems: `("Users", "people")`.
    fn words(&self) -> (&'static str, &'static str);
    /// True where the provider's `totalResults` was seen to count the list and not the page.
    fn counts_list(&self) -> bool {
        false
    }
    /// It was seen to.
    fn saw_list_counted(&self) {}
    /// Reads one page.
    fn page(&self, ask: Ask) -> impl Future<Output = Result<Page<Self::Item>, PageError>> + Send;
}

/// How to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// RFC 7644 §3.4.2.4.
    Index,
    /// RFC 9865.
    Cursor,
}

/// The settings of a walk.
#[derive(Clone, Copy, Debug)]
pub struct WalkPlan {
    /// What the provider announces.
    pub method: Method,
    /// Entries per page, at least 2.
    pub page_size: u64,
    /// Index pages in flight at once.
    pub concurrency: usize,
}

/// What a walk brought.
#[derive(Debug)]
pub struct Walked<T> {
    /// Each id once, ordered by id.
    pub items: Vec<T>,
    /// What is missing; empty after a whole walk.
    pub problems: Vec<Problem>,
    /// Whether there is anything to judge by.
    pub begun: Begun,
}

/// Whether the first page was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It was.
    Yes,
    /// It was not, so nothing is known.
    No,
}

/// Walks to the end, anew when the list moves underneath.
///
/// # Errors
/// Only what makes every further request pointless, such as refused credentials.
pub async fn walk<F: Fetch>(fetch: &F, plan: WalkPlan) -> Result<Walked<F::Item>, SourceError> {
    let mut plan = WalkPlan { page_size: plan.page_size.max(2), ..plan };
    let (mut restarts, mut shrinks) = (0, 0);
    loop {
        let patience = if restarts < RESTARTS { Patience::Left } else { Patience::Spent };
        let attempt = Attempt::new(fetch, plan, patience);
        match Box::pin(attempt.run()).await? {
            Ended::Whole(walked) => return Ok(walked),
            Ended::Moved(reason) => {
                let (endpoint, _) = fetch.words();
                tracing::debug!(endpoint, reason, "the list moved during the walk, starting anew");
                restarts += 1;
            }
            Ended::NoCursors => plan.method = Method::Index,
            Ended::TooMany(_) if shrinks < SHRINKS && plan.page_size > 2 => {
                shrinks += 1;
                plan.page_size = (plan.page_size / 4).max(2);
            }
            Ended::TooMany(reason) => {
                let (endpoint, _) = fetch.words();
                let problems = vec![Problem(format!("{endpoint}: {reason}"))];
                return Ok(Walked { items: Vec::new(), problems, begun: Begun::No });
            }
        }
    }
}

/// Whether the walk may still start anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Left,
    Spent,
    /// Spent, and the result already says so.
    Told,
}

/// How an attempt ended.
pub(super) enum Ended<T> {
    Whole(Walked<T>),
    Moved(String),
    NoCursors,
    TooMany(String),
}

/// Either goes on or ends the attempt.
pub(super) type Step<T> = Result<(), Box<Ended<T>>>;

/// One walk from the first page.
pub(super) struct Attempt<'f, F: Fetch> {
    pub(super) fetch: &'f F,
    pub(super) plan: WalkPlan,
    patience: Patience,
    found: Vec<F::Item>,
    /// Where in `found` each id is.
    places: HashMap<<F::Item as Listed>::Id, usize>,
    broken: u64,
    problems: Vec<Problem>,
    /// Problems beyond those that are listed.
    unlisted: usize,
    pages: usize,
}

impl<'f, F: Fetch> Attempt<'f, F> {
    fn new(fetch: &'f F, plan: WalkPlan, patience: Patience) -> Self {
        Self {
            fetch,
            plan,
            patience,
            found: Vec::new(),
            places: HashMap::new(),
            broken: 0,
            problems: Vec::new(),
            unlisted: 0,
            pages: 0,
        }
    }

    async fn run(self) -> Result<Ended<F::Item>, SourceError> {
        let count = self.plan.page_size;
        let first = match self.plan.method {
            Method::Index => Ask::Index { start: 1, count },
            Method::Cursor => Ask::Cursor { cursor: String::new(), count: Some(count) },
        };
        let page = match pieces::page(self.fetch, first).await {
            Ok(page) => page,
            Err(PageError::Fatal(error)) => return Err(error),
            Err(PageError::TooMany(reason) | PageError::TooLarge(reason)) => {
                return Ok(Ended::TooMany(reason));
            }
            // A provider that announces cursors and does not take the empty one pages by index. Only a plain "no" says
            // that: after a passing failure, a provider that needs cursors may cut an index page short without a word.
            Err(PageError::CursorLost | PageError::Declined(_)) if self.plan.method == Method::Cursor => {
                return Ok(Ended::NoCursors);
            }
            Err(PageError::CursorLost) => return Ok(self.not_begun("the provider asks for a cursor")),
            Err(PageError::Declined(reason) | PageError::Absent(reason) | PageError::Failed(reason)) => {
                return Ok(self.not_begun(&reason));
            }
        };
        match (self.plan.method, &page.next_cursor) {
            // Some providers page by cursor unasked, and say so only in the answer.
            (_, Some(_)) => self.by_cursor(page).await,
            (Method::Cursor, None) if page.total.is_some_and(|total| total > page.received()) => {
                Ok(Ended::NoCursors)
            }
            (Method::Cursor, None) => self.by_cursor(page).await,
            (Method::Index, None) => index_walk::run(self, page).await,
        }
    }

    async fn by_cursor(mut self, first: Page<F::Item>) -> Result<Ended<F::Item>, SourceError> {
        let mut seen = std::collections::HashSet::new();
        let (mut page, mut empty, mut least_total) = (first, 0, u64::MAX);
        loop {
            least_total = least_total.min(page.total.unwrap_or(u64::MAX));
            let next = page.next_cursor.take();
            let received = page.received();
            let new = self.take(page);
            let Some(cursor) = next else { break };
            empty = if received == 0 { empty + 1 } else { 0 };
            if (received > 0 && new == 0) || empty > EMPTY_PAGES_MAX || !seen.insert(cursor.clone()) {
                self.problem("the provider's cursors lead in a circle");
                break;
            }
            if !self.has_room() {
                break;
            }
            let ask = Ask::Cursor { cursor, count: Some(self.plan.page_size) };
            page = match self.fetch.page(ask).await {
                Ok(page) => page,
                Err(PageError::Fatal(error)) => return Err(error),
                Err(PageError::TooMany(reason) | PageError::TooLarge(reason)) => match self.shrink(reason) {
                    Ok(()) => break,
                    Err(ended) => return Ok(*ended),
                },
                Err(PageError::CursorLost) => match self.moved("the provider forgot the cursor".to_owned()) {
                    Ok(()) => break,
                    Err(ended) => return Ok(*ended),
                },
                Err(PageError::Declined(reason) | PageError::Absent(reason) | PageError::Failed(reason)) => {
                    let number = self.pages + 1;
                    self.problem(&format!("page {number}: {reason}"));
                    break;
                }
            };
        }
        // Somebody deleted during the walk lowers the total; nobody is lost by that.
        let total = Some(least_total).filter(|total| *total != u64::MAX && *total > self.listed());
        Ok(self.end(total))
    }

    /// Keeps a page; returns how many ids were new.
    pub(super) fn take(&mut self, page: Page<F::Item>) -> u64 {
        self.pages += 1;
        let before = self.found.len();
        self.make_room(page.total, page.entries.len());
        for entry in page.entries {
            match entry {
                Ok(item) => match self.places.entry(item.id().clone()) {
                    Entry::Occupied(place) => self.found[*place.get()] = item,
                    Entry::Vacant(place) => {
                        place.insert(self.found.len());
                        self.found.push(item);
                    }
                },
                Err(problem) => {
                    self.broken += 1;
                    self.problem(&problem.0);
                }
            }
        }
        (self.found.len() - before) as u64
    }

    /// Room for as many as the provider counts: a list that doubles as it grows holds everybody twice for a moment. What a
    /// provider says is believed within what it has sent, so that a wild count costs no memory.
    fn make_room(&mut self, total: Option<u64>, received: usize) {
        let total = total.and_then(|total| usize::try_from(total).ok()).unwrap_or(0).min(ENTRIES_MAX);
        if self.found.is_empty() && received > 0 && total / received <= PAGES_MAX {
            self.found.reserve_exact(total);
        }
    }

    /// Pages that were kept.
    pub(super) fn pages(&self) -> usize {
        self.pages
    }

    /// True for a page that holds nobody new.
    pub(super) fn knows(&self, page: &Page<F::Item>) -> bool {
        let is_known = |item: &F::Item| self.places.contains_key(item.id());
        page.entries.iter().all(|entry| entry.as_ref().map_or(self.broken > 0, is_known))
    }

    /// Distinct entries, readable or not.
    fn listed(&self) -> u64 {
        self.found.len() as u64 + self.broken
    }

    /// False, and a problem, at the bounds.
    pub(super) fn has_room(&mut self) -> bool {
        let room = self.pages < PAGES_MAX && self.found.len() < ENTRIES_MAX;
        if !room {
            self.problem(&format!("the list did not end after {} pages", self.pages));
        }
        room
    }

    /// Notes what is missing.
    pub(super) fn problem(&mut self, text: &str) {
        let (endpoint, _) = self.fetch.words();
        let problem = Problem(format!("{endpoint}: {text}"));
        if self.problems.last() == Some(&problem) {
            return;
        }
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.unlisted += 1;
        }
    }

    /// The list moved: starts anew while that may help, else notes it and goes on.
    pub(super) fn moved(&mut self, reason: String) -> Step<F::Item> {
        match self.patience {
            Patience::Left => Err(Box::new(Ended::Moved(reason))),
            Patience::Spent => {
                self.patience = Patience::Told;
                self.problem(&format!("the list kept moving while it was read ({reason})"));
                Ok(())
            }
            Patience::Told => Ok(()),
        }
    }

    /// An answer was too large: starts anew with smaller pages while that may help, else notes it.
    pub(super) fn shrink(&mut self, reason: String) -> Step<F::Item> {
        if self.plan.page_size > 2 {
            return Err(Box::new(Ended::TooMany(reason)));
        }
        self.problem(&reason);
        Ok(())
    }

    fn not_begun(mut self, reason: &str) -> Ended<F::Item> {
        self.problem(reason);
        Ended::Whole(Walked { items: Vec::new(), problems: self.problems, begun: Begun::No })
    }

    /// The result, after a last look at the provider's own count (`None`: nothing to compare).
    pub(super) fn end(mut self, total: Option<u64>) -> Ended<F::Item> {
        let listed = self.listed();
        if let Some(total) = total.filter(|total| *total != listed) {
            let (_, things) = self.fetch.words();
            self.problem(&format!("the provider counts {total} {things} and listed {listed}"));
        }
        if self.unlisted > 0 {
            let (endpoint, _) = self.fetch.words();
            self.problems.push(Problem(format!("{endpoint}: {} more problems", self.unlisted)));
        }
        let mut items = self.found;
        drop(self.places);
        items.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        Ended::Whole(Walked { items, problems: self.problems, begun: Begun::Yes })
    }
}

#[cfg(test)]
mod tests;
