//! Pages that are larger than we read: asked for in halves, down to the one entry that is too large by itself, so that one
//! huge person costs themselves and hides nobody behind them.

use std::future::Future;
use std::pin::Pin;

use super::paging::{Ask, Fetch, Page, PageError};
use crate::model::Problem;

type Answer<F> = Result<Page<<F as Fetch>::Item>, PageError>;

/// A page, in pieces where it has to be. Only positions can be taken apart; what lies behind a cursor is the provider's.
pub(super) fn page<F: Fetch>(fetch: &F, ask: Ask) -> Pin<Box<dyn Future<Output = Answer<F>> + Send + '_>> {
    Box::pin(async move {
        match (fetch.page(ask.clone()).await, ask) {
            (Err(PageError::TooLarge(_)), Ask::Index { start, count }) if count > 1 => {
                halves(fetch, start, count).await
            }
            (Err(PageError::TooLarge(reason)), Ask::Index { start, .. }) => Ok(Page {
                total: None,
                start: None,
                next_cursor: None,
                entries: vec![Err(Problem(format!("entry {start} is too large to be read: {reason}")))],
            }),
            (answer, _) => answer,
        }
    })
}

async fn halves<F: Fetch>(fetch: &F, start: u64, count: u64) -> Answer<F> {
    let half = count / 2;
    let mut first = page(fetch, Ask::Index { start, count: half }).await?;
    // A shorter page is the end, or a smaller cap than was asked for: the walk goes on from where it ends.
    if first.received() < half {
        return Ok(first);
    }
    // What fails here is asked for again by the walk, and told then.
    let Ok(rest) = page(fetch, Ask::Index { start: start + half, count: count - half }).await else {
        return Ok(first);
    };
    first.total = first.total.or(rest.total);
    first.entries.extend(rest.entries);
    Ok(first)
}
