//! The words for people, access, counts and times that every rendering shares.

use std::collections::BTreeMap;

use crate::asc::AppIds;
use crate::model::operation::{Forecast, Held, Kind, Operation, PersonRef, Summary, Target};
use crate::model::text::printable;
use crate::model::{Access, AppId, HoldReason, Roles};

/// Bundle ids by Apple's ids: plans name apps by id, people know them by bundle id.
pub(super) struct AppNames<'a>(BTreeMap<&'a AppId, &'a str>);

impl<'a> AppNames<'a> {
    pub(super) fn new(apps: &'a AppIds) -> Self {
        Self(apps.iter().map(|(bundle, id)| (id, bundle.as_str())).collect())
    }

    fn name(&self, id: &AppId) -> String {
        match self.0.get(id) {
            Some(bundle) => printable(bundle).into_owned(),
            None => format!("app {}", printable(id.as_str())),
        }
    }
}

/// `Ada King <ada@example.com>`, and the seat's own name where it is another.
pub(super) fn person(operation: &Operation) -> String {
    let name = whom(operation.person.as_ref(), &operation.target);
    // Where the seat answers to several people there is no such reason.
    let reason = operation.reasons.first().filter(|reason| reason.starts_with("nobody in "));
    match reason {
        Some(reason) if operation.person.is_none() => format!("{name} ({})", printable(reason)),
        Some(_) | None => name,
    }
}

/// The person of a seat, or the seat by its own name.
pub(super) fn whom(person: Option<&PersonRef>, target: &Target) -> String {
    let seat = target.name.as_ref();
    let Some(person) = person else {
        let name =
            seat.map_or_else(|| target.id.clone().unwrap_or_default(), |address| address.as_str().to_owned());
        return printable(&name).into_owned();
    };
    let mut text = printable(person.name.trim()).into_owned();
    if let Some(email) = &person.email {
        let email_text = printable(email.as_str());
        text = if text.is_empty() { email_text.into_owned() } else { format!("{text} <{email_text}>") };
    }
    if text.is_empty() {
        text = printable(person.id.as_str()).into_owned();
    }
    match seat {
        Some(seat) if person.email.as_ref() != Some(seat) => {
            format!("{text}, seat {}", printable(seat.as_str()))
        }
        Some(_) | None => text,
    }
}

/// What the adoption of a seat leads to.
pub(super) const ADOPTED: &str =
    "seats of people in scope: managed by rosterd from the next cycle on, so they can be changed and removed";

/// A seat that is not managed: whose it is, why it would be looked at, what it may do.
pub(super) fn left_alone(held: &Held, apps: &AppNames<'_>) -> String {
    let operation = &held.operation;
    let person = person(operation);
    let mut text = person.clone();
    for reason in unsaid(operation, &[&person]) {
        text = format!("{text}, {reason}");
    }
    match &operation.before {
        Some(access) => format!("{text}: {}", access_text(access, apps)),
        None => text,
    }
}

/// The reasons that are not part of what has been said already.
pub(super) fn unsaid(operation: &Operation, said: &[&str]) -> Vec<String> {
    let reasons = operation.reasons.iter().map(|reason| printable(reason).into_owned());
    reasons.filter(|reason| !said.iter().any(|text| text.contains(reason.as_str()))).collect()
}

/// What is done, as a verb.
pub(super) fn verb(operation: &Operation) -> &'static str {
    match (operation.kind, operation.replacement) {
        (Kind::Invite, false) => "invite",
        (Kind::Invite, true) => "invite again",
        (Kind::CancelInvitation, false) => "cancel invitation",
        (Kind::CancelInvitation, true) => "cancel to invite again",
        (Kind::UpdateMember, _) => "update",
        (Kind::RemoveMember, _) => "remove",
    }
}

/// `+`, `~` or `-`, so that nothing depends on colour.
pub(super) fn sign(kind: Kind) -> char {
    match kind {
        Kind::Invite => '+',
        Kind::UpdateMember => '~',
        Kind::CancelInvitation | Kind::RemoveMember => '-',
    }
}

/// Before and after in one line; what stays as it is stays out.
pub(super) fn change(operation: &Operation, apps: &AppNames<'_>) -> String {
    match (&operation.before, &operation.after) {
        (Some(before), Some(after)) => difference(before, after, apps),
        (None, Some(access)) | (Some(access), None) => access_text(access, apps),
        (None, None) => String::new(),
    }
}

fn difference(before: &Access, after: &Access, apps: &AppNames<'_>) -> String {
    let mut parts = Vec::new();
    if before.roles != after.roles {
        parts.push(format!("{} → {}", roles(&before.roles), roles(&after.roles)));
    }
    let (from, to) = (visible(before, apps), visible(after, apps));
    if from != to {
        parts.push(format!("{from} → {to}"));
    }
    if before.provisioning_allowed != after.provisioning_allowed {
        let word = |allowed| match allowed {
            Some(true) => "provisioning",
            Some(false) => "no provisioning",
            None => "provisioning not said",
        };
        parts.push(format!("{} → {}", word(before.provisioning_allowed), word(after.provisioning_allowed)));
    }
    if parts.is_empty() { "no visible change".to_owned() } else { parts.join("; ") }
}

fn access_text(access: &Access, apps: &AppNames<'_>) -> String {
    let mut text = format!("{}; {}", roles(&access.roles), visible(access, apps));
    match access.provisioning_allowed {
        Some(true) => text.push_str("; provisioning"),
        Some(false) => {}
        None => text.push_str("; provisioning not said"),
    }
    text
}

fn roles(roles: &Roles) -> String {
    if roles.is_empty() {
        return "no role".to_owned();
    }
    roles.iter().map(|role| printable(role.as_str()).into_owned()).collect::<Vec<_>>().join(", ")
}

fn visible(access: &Access, apps: &AppNames<'_>) -> String {
    match (access.all_apps_visible, &access.visible_apps) {
        (Some(true), _) => "all apps".to_owned(),
        (None, _) => "apps not said".to_owned(),
        (Some(false), None) => "some apps".to_owned(),
        (Some(false), Some(ids)) if ids.is_empty() => "no apps".to_owned(),
        (Some(false), Some(ids)) => ids.iter().map(|id| apps.name(id)).collect::<Vec<_>>().join(", "),
    }
}

/// `send 7 e-mails, change 2 members, remove 1 seat`: what a yes does.
pub(crate) fn what_it_does(summary: &Summary) -> String {
    let parts = [
        (summary.invite, "send", "e-mail"),
        (summary.cancel_invitation, "take back", "invitation"),
        (summary.update_member, "change", "member"),
        (summary.remove_member, "remove", "seat"),
    ];
    let said = parts.iter().filter(|(count, ..)| *count > 0).map(|(count, verb, noun)| {
        let end = if *count == 1 { "" } else { "s" };
        format!("{verb} {count} {noun}{end}")
    });
    said.collect::<Vec<_>>().join(", ")
}

/// `1 to invite, 2 to remove, 1 held, 57 unchanged`.
pub(super) fn counts(summary: &Summary) -> String {
    let parts = [
        (summary.invite, "to invite"),
        (summary.cancel_invitation, "to cancel"),
        (summary.update_member, "to update"),
        (summary.remove_member, "to remove"),
        (summary.waiting(), "held"),
        (summary.adopted, "adopted"),
        (summary.unmanaged, "not managed"),
        (summary.unchanged, "unchanged"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, word)| *count > 0 || *word == "unchanged")
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    said.join(", ")
}

/// `about 9 requests to App Store Connect, 4 s`.
pub(super) fn forecast(forecast: &Forecast) -> String {
    let requests = if forecast.requests == 1 { "request" } else { "requests" };
    format!("about {} {requests} to App Store Connect, {}", forecast.requests, seconds(forecast.seconds))
}

/// A length of time in at most two units.
pub(super) fn seconds(seconds: u64) -> String {
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        86_400.. => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// What ends a hold. Commands are held together by [`super::FIXED_BLANK`].
pub(super) fn cure(reason: HoldReason, digest: &str) -> String {
    let text = match reason {
        HoldReason::Guard | HoldReason::NewAdmin => {
            return format!(
                "release exactly what is held here: rosterd\u{a0}approve\u{a0}{}",
                printable(digest)
            );
        }
        HoldReason::Protected => {
            "never touched: listed in guard.protected, or the Account Holder; change it in App Store Connect"
        }
        HoldReason::Unmanaged => {
            "not ours: rosterd\u{a0}adopt\u{a0}WHO, or decide for all of them in [lifecycle.unmanaged]"
        }
        HoldReason::IncompleteRead => "goes on by itself once a read is complete",
        HoldReason::Conflict => {
            "say which seat it is: rosterd\u{a0}link\u{a0}EMAIL\u{a0}APPLE_ACCOUNT; or correct the directory"
        }
        HoldReason::InvalidAttribute => "correct the attribute in the identity provider",
        HoldReason::AwaitingConfirmation => "goes on by itself when the next complete reads agree",
        HoldReason::Grace => "goes on by itself when lifecycle.leave_grace is over",
        HoldReason::Backoff => "tried again by itself; a manual cycle does not change that",
        HoldReason::ReinviteLimit => {
            "ask the person whether the invitation arrives; lifecycle.reinvite_max sends it more often"
        }
        HoldReason::Policy => "the configuration says so: see [lifecycle] and [access]",
        HoldReason::AwaitingLink => {
            "say who accepted: rosterd\u{a0}link\u{a0}EMAIL\u{a0}APPLE_ACCOUNT; or rosterd\u{a0}unlink\u{a0}WHO to start over"
        }
    };
    text.to_owned()
}
