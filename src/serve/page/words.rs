//! Times, counts and states in words.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::engine::report::{Doing, Status};
use crate::model::event::CycleResult;
use crate::model::operation::{HoldReason, Kind};

/// The one thing to know, with its tone.
pub(super) fn headline(status: &Status) -> (&'static str, &'static str) {
    let waits = status.guard.as_ref().is_some_and(|guard| !guard.approved);
    if status.quarantine.is_some() {
        ("bad", "Slowed after repeated failures")
    } else if status.last_success.is_none() && status.cycles.is_empty() {
        ("calm", "Waiting for the first cycle")
    } else if !status.is_ready() {
        ("bad", "No success for too long")
    } else if status.consecutive_failures > 0 {
        ("bad", "The last cycle failed")
    } else if waits {
        ("wait", "Waiting for approval")
    } else {
        ("good", "In step")
    }
}

/// What the daemon does.
pub(super) fn doing(doing: Doing) -> &'static str {
    match doing {
        Doing::NotRunning => "not running",
        Doing::Waiting => "waiting",
        Doing::Observing => "reading both sides",
        Doing::Planning => "planning",
        Doing::Applying => "applying",
        Doing::Stopping => "stopping",
    }
}

/// How a cycle ended.
pub(super) fn result(result: CycleResult) -> &'static str {
    match result {
        CycleResult::Success => "changed",
        CycleResult::NoOp => "no change",
        CycleResult::Partial => "partial",
        CycleResult::Held => "held",
        CycleResult::Error => "failed",
        CycleResult::Cancelled => "stopped",
    }
}

/// The class of a result's colour.
pub(super) fn tone(result: CycleResult) -> &'static str {
    match result {
        CycleResult::Success | CycleResult::NoOp => "good",
        CycleResult::Partial | CycleResult::Held => "wait",
        CycleResult::Error => "bad",
        CycleResult::Cancelled => "calm",
    }
}

/// What an operation would do.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Invite => "invite",
        Kind::CancelInvitation => "cancel invitation",
        Kind::UpdateMember => "change access",
        Kind::RemoveMember => "remove",
    }
}

/// What a reason means and who can do something about it.
pub(super) fn reason(reason: HoldReason) -> &'static str {
    match reason {
        HoldReason::Guard => "more than a cycle may revoke unasked; waits for approval",
        HoldReason::Protected => "protected by the configuration or by Apple; never touched",
        HoldReason::Unmanaged => "a seat that is not ours; adopt it, or let the policy remove such seats",
        HoldReason::IncompleteRead => "one side was not read completely; solved by a complete read",
        HoldReason::Conflict => "two answers where one is needed; link the right one",
        HoldReason::InvalidAttribute => {
            "the person's own attribute cannot be used; correct it in the directory"
        }
        HoldReason::NewAdmin => "would make an administrator; waits for approval",
        HoldReason::AwaitingConfirmation => "absence not seen often enough yet; the next reads decide",
        HoldReason::Grace => "within the grace period after leaving",
        HoldReason::Backoff => "failed before; tried again later",
        HoldReason::ReinviteLimit => {
            "invited again as often as allowed, without an answer; talk to the person"
        }
        HoldReason::Policy => "the configuration says report only, or names what the team does not have",
        HoldReason::AwaitingLink => "accepted under an account that could not be told; link it",
    }
}

/// The class of an expiry's colour: a fortnight is time to act, three days is late.
pub(super) fn urgency(now: Timestamp, expires: Timestamp) -> &'static str {
    let days = (expires.as_second() - now.as_second()) / 86_400;
    match days {
        ..3 => "bad",
        3..14 => "wait",
        14.. => "plain",
    }
}

/// `1 write`, `2 writes`.
pub(super) fn number(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A length of time in its largest useful unit.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..1 => "under 1 s".to_owned(),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        172_800.. => format!("{} days", seconds / 86_400),
    }
}

/// `12 min ago`, `in 28 min`, with the exact time for machines and on hover.
pub(super) fn when(now: Timestamp, at: Option<Timestamp>) -> Markup {
    let Some(at) = at else { return html! { span.zero { "not known" } } };
    let away = at.as_second() - now.as_second();
    html! {
        time datetime=(at) title=(exact(at)) {
            @match away {
                1.. => { "in " (span(away)) },
                0 => "now",
                ..0 => { (span(-away)) " ago" },
            }
        }
    }
}

/// A sentence in which `this` is something to type.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// Date and time of day, UTC.
pub(super) fn clock(at: Timestamp) -> Markup {
    html! { time datetime=(at) title=(exact(at)) { (at.strftime("%d %b %H:%M").to_string()) } }
}

fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_one_unit() {
        for (seconds, text) in [
            (0, "under 1 s"),
            (1, "1 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }

    #[test]
    fn an_expiry_turns_urgent_at_fourteen_and_three_days() {
        let now = Timestamp::UNIX_EPOCH;
        let day = |days: i64| Timestamp::from_second(days * 86_400).expect("in range");
        for (days, class) in [(-1, "bad"), (2, "bad"), (3, "wait"), (13, "wait"), (14, "plain")] {
            assert_eq!(urgency(now, day(days)), class, "{days}");
        }
    }
}
