//! What is odd about the simulated Graph.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the simulated Graph answers until somebody turns it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphSwitches {
    /// The token endpoint refuses everybody with this AADSTS number.
    pub refuse: Option<u32>,
    /// Seconds a token lives.
    pub token_seconds: u32,
    /// What `expires_in` says of that instead of the truth; null leaves it out.
    pub token_end: Option<Value>,
    /// Application permissions that an administrator consented to.
    pub rights: BTreeSet<String>,
    /// Groups (by name) that may not be read although others may.
    pub forbidden: Vec<String>,
    /// Rows of a page when nobody asks.
    pub page_size: usize,
    /// Objects on a page of a change feed.
    pub feed_page: usize,
    /// Members that one entry of a change feed holds; more are spread over several entries of the same group.
    pub feed_slice: usize,
    /// Pages without rows.
    pub empty_pages: EmptyPages,
    /// What a change feed says of somebody who changed.
    pub feed_answer: FeedAnswer,
    /// How often it says so.
    pub replay: Replay,
    /// Whether feeds can go on.
    pub feeds: Feeds,
    /// Whether a deleted person is also reported as gone from their groups, and a restored one as back.
    pub deleted_members: DeletedMembers,
    /// `x-ms-throttle-limit-percentage` on every answer.
    pub throttle_share: Option<String>,
    /// The next so many requests within batches are answered with 429.
    pub inner_throttled: u32,
    /// `Retry-After` of those.
    pub inner_retry_after: u64,
    /// What the next link to a further page looks like; `{path}` stands for the right path and query.
    pub next_link: Option<String>,
}

impl Default for GraphSwitches {
    fn default() -> Self {
        let rights = ["User.Read.All", "GroupMember.Read.All", "Application.Read.All", "Member.Read.Hidden"];
        Self {
            refuse: None,
            token_seconds: 3599,
            token_end: None,
            rights: rights.map(str::to_owned).into(),
            forbidden: Vec::new(),
            page_size: 100,
            feed_page: 200,
            feed_slice: 500,
            empty_pages: EmptyPages::Never,
            feed_answer: FeedAnswer::Whole,
            replay: Replay::Once,
            feeds: Feeds::Live,
            deleted_members: DeletedMembers::Shown,
            throttle_share: None,
            inner_throttled: 0,
            inner_retry_after: 1,
            next_link: None,
        }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "snake_case")]
            pub enum $name { $($(#[$word_doc])* $word),* }
        )*
    };
}

words! {
    /// Pages that hold nothing and lead on, which Graph's paging page warns of.
    EmptyPages {
        /// None.
        Never,
        /// One before each page.
        BeforeEach,
    }
    /// `Prefer: return=minimal` is a client's wish; here it is the server's whim, so that both are met.
    FeedAnswer {
        /// Every property that was ever set.
        Whole,
        /// Only what changed.
        Minimal,
    }
    /// Replays within a round.
    Replay {
        /// Every object once.
        Once,
        /// The state before, then the one now, then the one now again.
        Often,
    }
    /// What becomes of a feed's token.
    Feeds {
        /// It is good for seven days.
        Live,
        /// 410, as Graph asks for a full resynchronization.
        Gone,
        /// 400 `syncStateNotFound`, as it says when the token is too old.
        NotFound,
    }
    /// Memberships of people who are deleted, or come back, in the feed of groups.
    DeletedMembers {
        /// Reported as removed.
        Shown,
        /// Not mentioned.
        Silent,
    }
}
