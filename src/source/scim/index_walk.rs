//! Index paging (RFC 7644 §3.4.2.4), pages read ahead, each overlapping its predecessor by one entry.

use std::pin::Pin;

use futures_util::stream::{self, Stream, StreamExt};

use super::paging::{Ask, Attempt, Ended, Fetch, Listed, Page, PageError, Step};
use super::pieces;
use crate::source::SourceError;

/// Pages in a row that may fail before the rest is left unread.
const FAILURES_MAX: usize = 2;

type Id<F> = <<F as Fetch>::Item as Listed>::Id;
type Answer<F> = Result<Page<<F as Fetch>::Item>, PageError>;
type Ahead<'f, F> = Pin<Box<dyn Stream<Item = (u64, Answer<F>)> + Send + 'f>>;

/// Where the walk stands.
struct At<F: Fetch> {
    /// Position of the page's first entry, from 1.
    start: u64,
    /// Entries it had, or should have had when it failed.
    received: u64,
    /// Id of its last entry, when that could be read.
    last: Option<Id<F>>,
    total: Option<u64>,
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
    let count = walk.plan.page_size;
    let mut at = At::<F> {
        start: 1,
        received: first.received(),
        last: last_id(&first),
        total: first.total,
        failures: 0,
    };
    // A full first page that is all there is by the provider's count: look once whether it counts the page, not the list.
    let mut doubt = at.total == Some(at.received) && at.received == count;
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
        let after = match answer {
            Ok(page) => take_page(&mut walk, &mut at, start, page),
            Err(PageError::Fatal(error)) => return Err(error),
            Err(PageError::TooMany(reason) | PageError::TooLarge(reason)) => {
                walk.shrink(reason).map(|()| After::Stop)
            }
            Err(PageError::CursorLost) => {
                Ok(failed(&mut walk, &mut at, start, "the provider asks for a cursor"))
            }
            Err(PageError::Declined(reason) | PageError::Failed(reason)) => {
                Ok(failed(&mut walk, &mut at, start, &reason))
            }
        };
        match after {
            Ok(After::Continue) => {}
            Ok(After::Stop) => break,
            Err(ended) => return Ok(*ended),
        }
    }
    Ok(walk.end(at.total))
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
) -> Result<After, Box<Ended<F::Item>>> {
    if let Some(echo) = page.start.filter(|echo| page.received() > 0 && *echo != start) {
        walk.problem(&other_start(start, echo));
        return Ok(After::Stop);
    }
    same_total(walk, at, &page)?;
    same_overlap(walk, at, start, &page)?;
    let (received, last) = (page.received(), last_id(&page));
    let overlap = u64::from(start <= at.end());
    let new = walk.take(page);
    let stuck = new == 0 && received > 0 && at.failures == 0;
    let more = at.total.is_some_and(|total| start + received - 1 < total);
    if stuck && more && received > overlap {
        walk.problem(&format!("the page from entry {start} repeats what was listed before"));
        return Ok(After::Stop);
    }
    let after = if received == 0 || (new == 0 && at.total.is_none()) { After::Stop } else { After::Continue };
    *at = At { start, received, last, total: at.total, failures: 0 };
    Ok(after)
}

fn same_total<F: Fetch>(walk: &mut Attempt<'_, F>, at: &mut At<F>, page: &Page<F::Item>) -> Step<F::Item> {
    match (at.total, page.total) {
        (Some(before), Some(now)) if before != now => {
            at.total = Some(now);
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
    *at = At { start, received, last: None, total: at.total, failures: at.failures + 1 };
    if at.failures >= FAILURES_MAX || at.total.is_none() { After::Stop } else { After::Continue }
}

fn last_id<T: Listed>(page: &Page<T>) -> Option<T::Id> {
    page.entries.last().and_then(|entry| entry.as_ref().ok()).map(|item| item.id().clone())
}
