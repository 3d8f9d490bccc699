//! Index paging (RFC 7644 §3.4.2.4), pages read ahead, each overlapping its predecessor by one entry.
//!
//! A first page that is all there is by the provider's count is doubted: some count the page and not the list, and some take
//! no notice of where a page should begin. So the next page is asked for once even then.

use std::pin::Pin;

use futures_util::stream::{self, Stream, StreamExt};

use super::paging::{Ask, Attempt, Ended, Fetch, Listed, Page, PageError, Step};
use super::pieces;
use crate::source::SourceError;

/// Pages in a row that may fail before the rest is left unread.
const FAILURES_MAX: usize = 2;

type Id<F> = <<F as Fetch>::Item as Listed>::Id;
type Answer<F> = Result<Page<<F as Fetch>::Item>, PageError>;
/// How the walk goes on, or ends.
type Next<F> = Result<After, Box<Ended<<F as Fetch>::Item>>>;
type Ahead<'f, F> = Pin<Box<dyn Stream<Item = (u64, Answer<F>)> + Send + 'f>>;

/// Where the walk stands.
struct At<F: Fetch> {
    /// Position of the page's first entry, from 1.
    start: u64,
    /// Entries it had, or should have had when it failed.
    received: u64,
    /// Id of its last entry, when that could be read.
    last: Option<Id<F>>,
    /// How many there are, as far as that is believed.
    total: Option<u64>,
    /// How many the provider says there are, which the end is held against.
    told: Option<u64>,
    failures: usize,
}

impl<F: Fetch> At<F> {
    /// The last position seen.
    fn end(&self) -> u64 {
        (self.start + self.received).saturating_sub(1)
    }

    /// The next page begins with the last entry of this one; after a page of one entry that would be standing still.
    fn next(&self) -> u64 {
        if self.received > 1 { self.end() } else { self.end() + 1 }
    }
}

/// What to do after a page.
enum After {
    Continue,
    Stop,
}

/// Goes on from the first page to the end.
pub(super) async fn run<F: Fetch>(
    mut walk: Attempt<'_, F>,
    first: Page<F::Item>,
) -> Result<Ended<F::Item>, SourceError> {
    if let Some(echo) = first.start.filter(|echo| first.received() > 0 && *echo != 1) {
        walk.problem(&other_start(1, echo));
    }
    let mut at = At::<F> {
        start: 1,
        received: first.received(),
        last: last_id(&first),
        total: first.total,
        told: first.total,
        failures: 0,
    };
    // Where the first page is the whole list by the provider's count, there is one look at whether it counts the page.
    let mut doubt = at.total == Some(at.received) && !walk.fetch.counts_list();
    if at.total.is_some_and(|total| total > at.received) {
        walk.fetch.saw_list_counted();
    }
    walk.take(first);
    let mut ahead: Option<(u64, Ahead<'_, F>)> = None;
    while at.received > 0 && (at.total.is_none_or(|total| at.end() < total) || std::mem::take(&mut doubt)) {
        if !walk.has_room() {
            break;
        }
        let wanted = at.next();
        let stream = match &mut ahead {
            Some((next, stream)) if *next == wanted => stream,
            stale => &mut stale.insert((wanted, read_ahead(&walk, &at))).1,
        };
        let Some((start, answer)) = stream.next().await else {
            ahead = None;
            continue;
        };
        if let Some((next, _)) = &mut ahead {
            *next = start + step(&at);
        }
        let after = match doubted(&mut walk, &at, &answer).await? {
            Some(after) => Ok(after),
            None => judge(&mut walk, &mut at, start, answer)?,
        };
        match after {
            Ok(After::Continue) => {}
            Ok(After::Stop) => break,
            Err(ended) => return Ok(*ended),
        }
    }
    Ok(walk.end(at.told))
}

/// Keeps a page, or says why there is none.
fn judge<F: Fetch>(
    walk: &mut Attempt<'_, F>,
    at: &mut At<F>,
    start: u64,
    answer: Answer<F>,
) -> Result<Next<F>, SourceError> {
    Ok(match answer {
        Ok(page) => take_page(walk, at, start, page),
        Err(PageError::Fatal(error)) => return Err(error),
        Err(PageError::TooMany(reason) | PageError::TooLarge(reason)) => {
            walk.shrink(reason).map(|()| After::Stop)
        }
        Err(PageError::CursorLost) => Ok(failed(walk, at, start, "the provider asks for a cursor")),
        Err(PageError::Declined(reason) | PageError::Absent(reason) | PageError::Failed(reason)) => {
            Ok(failed(walk, at, start, &reason))
        }
    })
}

/// What the answer behind a first page that may be all there is comes to, where it shows nobody new: the provider has no
/// such page, or sends the first one whatever it is asked.
async fn doubted<F: Fetch>(
    walk: &mut Attempt<'_, F>,
    at: &At<F>,
    answer: &Answer<F>,
) -> Result<Option<After>, SourceError> {
    match answer {
        Ok(page) if is_first_again(walk, at, page) => {
            ask_for_more(walk, at.received).await?;
            Ok(Some(After::Stop))
        }
        Ok(page) if is_doubted(walk, at) && shows_nothing(at, page) => {
            if page.total == at.total {
                walk.fetch.saw_list_counted();
            }
            Ok(Some(After::Stop))
        }
        Err(PageError::Declined(_) | PageError::Absent(_)) if is_doubted(walk, at) => Ok(Some(After::Stop)),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// The first page once more, wherever another was asked for: the provider takes no notice of `startIndex`. Where it counts
/// more than the page, that is another matter.
fn is_first_again<F: Fetch>(walk: &Attempt<'_, F>, at: &At<F>, page: &Page<F::Item>) -> bool {
    let is_all = walk.pages() == 1 && (at.total.is_none() || is_doubted(walk, at));
    is_all && at.failures == 0 && at.received > 0 && page.received() == at.received && walk.knows(page)
}

/// True after a first page that is all there is by the provider's count.
fn is_doubted<F: Fetch>(walk: &Attempt<'_, F>, at: &At<F>) -> bool {
    walk.pages() == 1 && at.total == Some(at.received)
}

/// An empty page that counts the list as before, or itself.
fn shows_nothing<F: Fetch>(at: &At<F>, page: &Page<F::Item>) -> bool {
    page.received() == 0 && (page.total == at.total || page.total.is_none_or(|total| total == 0))
}

/// What a provider sends that takes no notice of `startIndex` is everything, unless it keeps to `count`: then there may be
/// more, which only a larger page can show.
async fn ask_for_more<F: Fetch>(walk: &mut Attempt<'_, F>, received: u64) -> Result<(), SourceError> {
    const CURE: &str = "set page_size in [source.scim] above the number of entries";
    let count = walk.plan.page_size;
    if received != count {
        return Ok(());
    }
    let more = count.saturating_mul(2);
    match walk.fetch.page(Ask::Index { start: 1, count: more }).await {
        Ok(page) if page.received() == received && walk.knows(&page) => {}
        Ok(page) => {
            walk.take(page);
            walk.problem(&format!("the provider takes no notice of startIndex: {CURE}"));
        }
        Err(PageError::Fatal(error)) => return Err(error),
        Err(
            PageError::TooMany(reason)
            | PageError::TooLarge(reason)
            | PageError::Declined(reason)
            | PageError::Absent(reason)
            | PageError::Failed(reason),
        ) => walk.problem(&format!(
            "the provider takes no notice of startIndex, and a larger page cannot be had ({reason}): {CURE}"
        )),
        Err(PageError::CursorLost) => walk.problem("the provider asks for a cursor"),
    }
    Ok(())
}

fn other_start(asked: u64, echo: u64) -> String {
    format!(
        "the page from entry {asked} came from entry {echo}: asked for startIndex {asked}, answered {echo}"
    )
}

/// How far apart the pages begin as long as they keep the size of the latest.
fn step<F: Fetch>(at: &At<F>) -> u64 {
    at.received.saturating_sub(1).max(1)
}

/// The pages from here on, several in flight, in order. Without a total there is only the next one to ask for.
fn read_ahead<'f, F: Fetch>(walk: &Attempt<'f, F>, at: &At<F>) -> Ahead<'f, F> {
    let (fetch, count, step, wanted) = (walk.fetch, walk.plan.page_size, step(at), at.next());
    let end = at.total.filter(|total| *total > wanted).unwrap_or(wanted + 1);
    let starts = std::iter::successors(Some(wanted), move |start| start.checked_add(step))
        .take_while(move |start| *start < end);
    let pages = stream::iter(starts)
        .map(move |start| async move { (start, pieces::page(fetch, Ask::Index { start, count }).await) });
    Box::pin(pages.buffered(walk.plan.concurrency.max(1)))
}

/// Judges a page by its echo, its total and its first entry, and keeps it.
fn take_page<F: Fetch>(
    walk: &mut Attempt<'_, F>,
    at: &mut At<F>,
    start: u64,
    page: Page<F::Item>,
) -> Next<F> {
    if let Some(echo) = page.start.filter(|echo| page.received() > 0 && *echo != start) {
        walk.problem(&other_start(start, echo));
        return Ok(After::Stop);
    }
    let (received, last) = (page.received(), last_id(&page));
    let overlap = u64::from(start <= at.end());
    // A page behind the first cannot be as long as the list: this total counts the page, and steers nothing any more.
    let page_total = page.total;
    let counts_page = received > 0 && page_total == Some(received);
    if counts_page && is_doubted(walk, at) {
        at.total = None;
    } else {
        same_total(walk, at, &page)?;
    }
    same_overlap(walk, at, start, &page)?;
    let was_doubted = is_doubted(walk, at);
    let new = walk.take(page);
    match (was_doubted, new) {
        (true, 0) if page_total == at.total => walk.fetch.saw_list_counted(),
        (true, 1..) => at.total = None,
        (true, 0) | (false, _) => {}
    }
    let stuck = new == 0 && received > 0 && at.failures == 0;
    let more = at.total.is_some_and(|total| start + received - 1 < total);
    if stuck && (more || at.total.is_none()) && received > overlap {
        walk.problem(&format!("the page from entry {start} repeats what was listed before"));
        return Ok(After::Stop);
    }
    let after = if received == 0 || (new == 0 && at.total.is_none()) { After::Stop } else { After::Continue };
    *at = At { start, received, last, total: at.total, told: at.told, failures: 0 };
    Ok(after)
}

fn same_total<F: Fetch>(walk: &mut Attempt<'_, F>, at: &mut At<F>, page: &Page<F::Item>) -> Step<F::Item> {
    match (at.total, page.total) {
        (Some(before), Some(now)) if before != now => {
            at.total = Some(now);
            at.told = Some(now);
            walk.moved(format!("totalResults went from {before} to {now}"))
        }
        _ => Ok(()),
    }
}

/// The first entry must be the last one of the page before. An entry that could not be read fits anything: it is a
/// problem of its own already.
fn same_overlap<F: Fetch>(
    walk: &mut Attempt<'_, F>,
    at: &At<F>,
    start: u64,
    page: &Page<F::Item>,
) -> Step<F::Item> {
    if start > at.end() {
        if at.failures == 0 && page.received() > 0 {
            walk.problem(
                "the provider lists one entry per page, so that a deletion in between cannot be seen",
            );
        }
        return Ok(());
    }
    match (&at.last, page.entries.first()) {
        (Some(last), Some(Ok(first))) if first.id() == last => Ok(()),
        (None, Some(_)) | (Some(_), Some(Err(_))) => Ok(()),
        (Some(_), Some(Ok(_))) => walk.moved(format!("another entry at position {start}")),
        (_, None) => walk.moved(format!("no entry at position {start}")),
    }
}

/// Leaves a page out and goes on behind it: one page that the provider cannot make must not hide all later ones.
fn failed<F: Fetch>(walk: &mut Attempt<'_, F>, at: &mut At<F>, start: u64, reason: &str) -> After {
    walk.problem(&format!("the page from entry {start}: {reason}"));
    let received = at.received.max(2);
    *at = At { start, received, last: None, total: at.total, told: at.told, failures: at.failures + 1 };
    if at.failures >= FAILURES_MAX || at.total.is_none() { After::Stop } else { After::Continue }
}

fn last_id<T: Listed>(page: &Page<T>) -> Option<T::Id> {
    page.entries.last().and_then(|entry| entry.as_ref().ok()).map(|item| item.id().clone())
}
