//! What can be told without the other sides, or of their answers afterwards: state, clock, ends of credentials, notices.

use std::time::Duration;

use jiff::Timestamp;

use super::Line;
use crate::clock::Clock;
use crate::config::Config;
use crate::control::client::{self, ClientError};
use crate::control::protocol::Request;
use crate::engine::credentials::with_found;
use crate::engine::report::CredentialReport;
use crate::engine::wire::{Probe, WireError};
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::source::AnySource;

/// A skew beyond this makes Apple refuse tokens: they are dated back by a minute.
const SKEW_LIMIT: i64 = 60;
/// Credentials are warned about from this many days on.
const WARN_DAYS: i64 = 30;

pub(super) async fn state(config: &Config) -> Line {
    let folder = config.state_dir.display();
    // The daemon's folder belongs to the daemon's user, and what it holds is as good as the daemon that answers.
    match client::ask(&config.runtime_dir, &config.state_dir, &Request::Status).await {
        Ok(_) => return Line::good("state", format!("{folder} is held by the daemon, which answers")),
        Err(ClientError::Untrusted(fault)) => {
            return Line::bad("state", fault.to_string(), Some(fault.cure()), crate::config::EXIT_CODE);
        }
        Err(ClientError::NoDaemon(_) | ClientError::NoAnswer { .. }) => {}
    }
    if !config.state_dir.exists() {
        return Line::good("state", format!("{folder} is not there yet; the first cycle makes it"));
    }
    match crate::state::check(&config.state_dir, Duration::from_millis(200)) {
        Ok(report) if report.is_good() => {
            Line::good("state", format!("{folder}: owner, mode, journal and cache are good"))
        }
        Ok(report) => {
            let text = crate::cli::reports::check_text(&report);
            Line::warning("state", text.trim_end(), "see `rosterd state check`")
        }
        Err(error) => Line::failed("state", "checking the folder", &error.into()),
    }
}

/// Whose clock is off: ours when both peers say so, or the only one that answered.
pub(super) fn clock(apple: Option<i64>, provider: Option<i64>) -> Line {
    let told = |name: &str, skew: Option<i64>| {
        skew.map_or_else(|| format!("{name} told no time"), |skew| format!("{name} {}", distance(skew)))
    };
    let both = format!("{}, {}", told("App Store Connect", apple), told("the identity provider", provider));
    let is_off = |skew: Option<i64>| skew.is_some_and(|skew| skew.abs() > SKEW_LIMIT);
    match (is_off(apple), is_off(provider)) {
        (false, false) => Line::good("clock", format!("our clock against their answers' dates: {both}")),
        (false, true) if apple.is_some() => Line::warning(
            "clock",
            format!("the identity provider's clock is off, this machine's is not: {both}"),
            "have the provider's clock set; its tokens and certificates may seem too young or too old",
        ),
        (true, _) | (false, true) => Line::warning(
            "clock",
            format!("this machine's clock is off: {both}"),
            "set this machine's clock (systemd-timesyncd, chrony); App Store Connect refuses tokens from the future",
        ),
    }
}

fn distance(skew: i64) -> String {
    match skew {
        0 => "to the second".to_owned(),
        1.. => format!("{skew} s behind us"),
        _ => format!("{} s ahead of us", -skew),
    }
}

pub(super) async fn expiries(probe: &Probe) -> Vec<Line> {
    let found = probe.source.credential_expiry().await;
    let unasked = match &probe.source {
        AnySource::Graph(_) => "; Application.Read.All would let rosterd ask Microsoft Graph for it",
        AnySource::Scim(_) | AnySource::File(_) => "",
    };
    let credentials = with_found(probe.credentials.clone(), found);
    let of_source = credentials.len() - 1;
    let lines = credentials.iter().enumerate().map(|(index, credential)| {
        let more = if index == of_source && index > 0 { unasked } else { "" };
        expiry(credential, more, Timestamp::now())
    });
    lines.collect()
}

fn expiry(credential: &CredentialReport, unasked: &str, now: Timestamp) -> Line {
    let name = &credential.name;
    let Some(at) = credential.expires else {
        let text = format!("{name}: not known; set credential_expires to be warned in time{unasked}");
        return Line::good("expiry", text);
    };
    let by = credential.known_from.as_deref().unwrap_or("configuration");
    let day = at.strftime("%Y-%m-%d");
    let days = at.duration_since(now).as_hours() / 24;
    if at <= now {
        let text = format!("{name} expired on {day}, by the {by}");
        let hint = if by == "configuration" {
            "replace it and write the new date into credential_expires; if it was replaced already, only the date is missing"
        } else {
            "make a new one now and put it into its file"
        };
        return Line::warning("expiry", text, hint);
    }
    let text = format!("{name} expires in {days} days, on {day}, by the {by}");
    if days > WARN_DAYS {
        Line::good("expiry", text)
    } else {
        Line::warning(
            "expiry",
            text,
            "make a new one now and put it into its file; a running daemon takes it in by itself",
        )
    }
}

/// Channels are made and not used: a test message each time somebody runs this would be spam.
pub(super) fn notices(config: &Config) -> Option<Line> {
    if config.notify.is_empty() {
        return None;
    }
    let made = Notifier::new(&config.name, &config.notify, Metrics::new(), Clock::System);
    Some(match made {
        Ok(_) => {
            let count = config.notify.len();
            let channels = if count == 1 { "1 channel".to_owned() } else { format!("{count} channels") };
            Line::good("notices", format!("{channels} can be used as configured; nothing was sent"))
        }
        Err(error) => Line::unusable("notices", &WireError::from(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    #[test]
    fn the_clock_that_is_off_is_named() {
        for (apple, provider, verdict, words) in [
            (Some(0), Some(0), Verdict::Good, "to the second"),
            (Some(60), Some(-60), Verdict::Good, "60 s behind us, the identity provider 60 s ahead"),
            (None, None, Verdict::Good, "told no time"),
            (Some(300), Some(300), Verdict::Warning, "this machine's clock is off"),
            (Some(-300), None, Verdict::Warning, "this machine's clock is off"),
            (None, Some(300), Verdict::Warning, "this machine's clock is off"),
            (Some(1), Some(-3600), Verdict::Warning, "the identity provider's clock is off"),
        ] {
            let line = clock(apple, provider);
            assert_eq!(line.verdict, verdict, "{apple:?} {provider:?}");
            assert!(line.text.contains(words), "{}", line.text);
        }
    }

    #[test]
    fn an_end_is_told_with_how_it_is_known() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let check = |expires: Option<&str>, known_from: &str, verdict, words: &str| {
            let expires = expires.map(|at| at.parse().expect("a time"));
            let known_from = expires.map(|_| known_from.to_owned());
            let line = expiry(&CredentialReport { name: "key".to_owned(), expires, known_from }, "", now);
            assert_eq!(line.verdict, verdict, "{}", line.text);
            assert!(line.text.contains(words), "{}", line.text);
        };
        check(None, "", Verdict::Good, "not known");
        check(Some("2027-11-22T00:00:00Z"), "certificate", Verdict::Good, "by the certificate");
        check(Some("2026-12-01T00:00:00Z"), "graph", Verdict::Warning, "expires in 8 days");
        check(Some("2026-11-01T00:00:00Z"), "configuration", Verdict::Warning, "expired on 2026-11-01");
    }
}
