//! Walks pages by links that are never taken apart. Nothing here asks for `ConsistencyLevel: eventual`, which links do not
//! carry: it reads an index that lags behind, and nobody is to lose a seat for that.

use std::collections::HashSet;

use reqwest::Url;

use super::client::GraphClient;
use super::failure::Failure;
use super::wire::{Object, Page};

/// Pages of one walk: at 999 a page more people than any tenant has, at a change feed's 200 still two million.
const MOST_PAGES: usize = 10_000;

/// Hands every object of a collection to `take`, from a first page on, and returns the link of the change feed where
/// the last page has one. Pages may be empty. On a failure, what came before it has been taken.
pub(super) async fn walk(
    client: &GraphClient,
    first: Url,
    mut take: impl FnMut(Object),
) -> Result<Option<String>, Failure> {
    let mut seen = HashSet::new();
    let mut url = first;
    loop {
        if seen.len() >= MOST_PAGES {
            return Err(Failure::protocol(format!("more than {MOST_PAGES} pages from {}", url.path())));
        }
        if !seen.insert(url.as_str().to_owned()) {
            return Err(Failure::protocol(format!("{} leads back to a page already read", url.path())));
        }
        let page: Page = client.get(&url).await?.json()?;
        page.value.into_iter().for_each(&mut take);
        match page.next {
            Some(next) => url = client.link(&next)?,
            None => return Ok(page.delta),
        }
    }
}
