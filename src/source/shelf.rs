//! The access token in use, for every source: kept until shortly before its end, fetched by one caller for all, and not asked
//! for again in a cycle in which the credentials were refused.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::SourceError;
use super::grant::Grant;
use crate::clock::Clock;

/// However short its life is said to be, a token serves more than one request; one that has ended is replaced when refused.
const SHORTEST: SignedDuration = SignedDuration::from_secs(10);

/// A token; prints as nothing.
#[derive(Clone)]
pub(super) struct Token(Arc<SecretString>);

impl Token {
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[derive(Debug)]
enum Kept {
    Nothing,
    Token {
        token: Token,
        until: Timestamp,
    },
    /// The words and the cure of a refusal that the next request would get as well.
    Refused {
        what: String,
        cure: &'static str,
    },
}

/// Where the token is kept.
#[derive(Debug)]
pub(super) struct Shelf {
    clock: Clock,
    /// A token is replaced this long before its end, so that it outlives what it is put on.
    margin: SignedDuration,
    kept: Mutex<Kept>,
}

impl Shelf {
    pub(super) fn new(clock: Clock, margin: SignedDuration) -> Self {
        Self { clock, margin, kept: Mutex::new(Kept::Nothing) }
    }

    /// A token that is good for a while yet. Held over the fetch, so that requests side by side fetch one and not one each.
    pub(super) async fn token<'f>(
        &self,
        fetch: impl FnOnce(Timestamp) -> BoxFuture<'f, Result<Grant, SourceError>>,
    ) -> Result<Token, SourceError> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        match &*kept {
            Kept::Token { token, until } if now < *until => return Ok(token.clone()),
            Kept::Refused { what, cure } => return Err(SourceError::Refused { what: what.clone(), cure }),
            Kept::Token { .. } | Kept::Nothing => {}
        }
        match fetch(now).await {
            Ok(grant) => {
                let token = Token(Arc::new(grant.token));
                let until = now.checked_add(self.good_for(grant.lifetime)).unwrap_or(now);
                *kept = Kept::Token { token: token.clone(), until };
                Ok(token)
            }
            Err(error) => {
                *kept = Kept::Nothing;
                if let SourceError::Refused { what, cure } = &error {
                    *kept = Kept::Refused { what: what.clone(), cure };
                }
                Err(error)
            }
        }
    }

    /// Short-lived tokens keep half of their life rather than none.
    fn good_for(&self, lifetime: SignedDuration) -> SignedDuration {
        (lifetime - self.margin).max(lifetime / 2).max(SHORTEST)
    }

    /// Forgets a token that a server has refused, unless another caller has replaced it already.
    pub(super) async fn forget(&self, refused: &Token) {
        let mut kept = self.kept.lock().await;
        if matches!(&*kept, Kept::Token { token, .. } if token.is(refused)) {
            *kept = Kept::Nothing;
        }
    }

    /// A new cycle, or another credential: what was refused may be asked for once more.
    pub(super) async fn allow_again(&self) {
        let mut kept = self.kept.lock().await;
        if matches!(&*kept, Kept::Refused { .. }) {
            *kept = Kept::Nothing;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn shelf() -> (Shelf, Clock) {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        (Shelf::new(clock.clone(), SignedDuration::from_secs(60)), clock)
    }

    #[tokio::test]
    async fn a_token_is_kept_until_shortly_before_its_end_and_never_fetched_for_each_request() {
        for (lifetime, kept) in [(3600, 3540), (100, 50), (60, 30), (1, 10)] {
            let (shelf, clock) = shelf();
            let fetched = AtomicUsize::new(0);
            let fetch = |_| -> BoxFuture<'_, _> {
                fetched.fetch_add(1, Ordering::SeqCst);
                Box::pin(async move {
                    Ok(Grant { token: "t".into(), lifetime: SignedDuration::from_secs(lifetime) })
                })
            };
            for advance in [0, 0, kept - 1] {
                clock.advance(Duration::from_secs(advance));
                shelf.token(&fetch).await.expect("a token");
                assert_eq!(fetched.load(Ordering::SeqCst), 1, "{lifetime}");
            }
            clock.advance(Duration::from_secs(1));
            shelf.token(&fetch).await.expect("a token");
            assert_eq!(fetched.load(Ordering::SeqCst), 2, "{lifetime}");
        }
    }

    #[tokio::test]
    async fn refused_credentials_are_shown_once_in_a_cycle_and_a_failure_that_passes_again() {
        let (shelf, _) = shelf();
        let asked = AtomicUsize::new(0);
        let refuse = |_| -> BoxFuture<'_, _> {
            asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move { Err(SourceError::Refused { what: "no".to_owned(), cure: "the cure" }) })
        };
        for count in [1, 1, 1, 2] {
            if count == 2 {
                shelf.allow_again().await;
            }
            let error = shelf.token(&refuse).await.expect_err("refused");
            assert_eq!((error.to_string().as_str(), error.hint().as_deref()), ("no", Some("the cure")));
            assert_eq!(asked.load(Ordering::SeqCst), count);
        }
        shelf.allow_again().await;
        let fail = |_| -> BoxFuture<'_, _> {
            asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move { Err(SourceError::Protocol("busy".to_owned())) })
        };
        for count in [3, 4] {
            shelf.token(&fail).await.expect_err("busy");
            assert_eq!(asked.load(Ordering::SeqCst), count);
        }
    }
}
