//! Labels whose values come from outside, each from a closed list: a peer that answers with ever new codes must not make
//! ever new series.

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestEnd {
    /// With this status.
    Answered(u16),
    /// With a redirect, which is not followed.
    Redirected,
    /// Without a whole answer.
    Unanswered,
}

impl RequestEnd {
    /// The label `code`. The codes an operator acts upon keep their number; the rest is counted by its class.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Redirected => "3xx",
            Self::Unanswered => "none",
            Self::Answered(status) => match status {
                200 => "200",
                201 => "201",
                204 => "204",
                401 => "401",
                403 => "403",
                404 => "404",
                409 => "409",
                429 => "429",
                500 => "500",
                503 => "503",
                100..=199 => "1xx",
                202..=299 => "2xx",
                300..=399 => "3xx",
                400..=499 => "4xx",
                501..=599 => "5xx",
                0..=99 | 600..=u16::MAX => "other",
            },
        }
    }
}

/// Why a read is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryReason {
    /// Too many requests.
    RateLimited,
    /// The peer failed.
    ServerFailed,
    /// No answer in time.
    TimedOut,
    /// No connection.
    NotConnected,
    /// The connection broke before the answer was whole.
    Lost,
    /// The token was refused; a new one is tried once.
    TokenRefused,
    /// The token's scope was refused; one without is tried once.
    ScopeRefused,
}

impl RetryReason {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::RateLimited,
        Self::ServerFailed,
        Self::TimedOut,
        Self::NotConnected,
        Self::Lost,
        Self::TokenRefused,
        Self::ScopeRefused,
    ];

    /// The label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "429",
            Self::ServerFailed => "5xx",
            Self::TimedOut => "timeout",
            Self::NotConnected => "connect",
            Self::Lost => "lost",
            Self::TokenRefused => "401",
            Self::ScopeRefused => "scope",
        }
    }
}
