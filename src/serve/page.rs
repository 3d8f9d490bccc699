//! The status as a page for people: one answer, no scripts, nothing fetched besides.

mod picture;
mod words;

use aws_lc_rs::digest;
use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::words::{clock, number, prose, span, when};
use super::guard::Audience;
use crate::engine::report::{CycleReport, Doing, GuardReport, Quarantine, Status, Trouble};
use crate::model::operation::Held;

/// Style sheets with the media they are for. Elements and not `@media` rules, so that a page that names nobody can be
/// told from one that does by looking for an `@`.
const STYLES: [(&str, &str); 3] = [
    ("all", include_str!("page/style.css")),
    ("(prefers-color-scheme: dark)", include_str!("page/dark.css")),
    ("(max-width: 36rem)", include_str!("page/narrow.css")),
];
/// Cycles in the table; the picture shows more.
const ROWS: usize = 12;
/// Held entries shown by name; a blocked mass removal has thousands.
const NAMES: usize = 200;

/// `Content-Security-Policy` of the page: its own style sheets by hash, and nothing else at all.
pub(super) fn security_policy() -> HeaderValue {
    let hashes: String = STYLES
        .iter()
        .map(|(_, style)| STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes())))
        .map(|hash| format!(" 'sha256-{hash}'"))
        .collect();
    let policy = format!(
        "default-src 'none'; style-src{hashes}; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 is plain text")
}

/// The page. `status` has been redacted for this audience already; the audience only decides what to say about it.
pub(super) fn render(status: &Status, audience: Audience) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (words::headline(status).1) " · " (status.team) " · rosterd" }
                link rel="icon" href="data:,";
                @for (media, style) in STYLES { style media=(media) { (PreEscaped(style)) } }
            }
            body {
                header {
                    p.name { "rosterd" span.team { (status.team) } }
                    (headline(status))
                }
                main {
                    (alarms(status))
                    (cycles(status))
                    (held(status, audience))
                    div.pair {
                        (credentials(status))
                        (budget(status))
                    }
                }
                (footer(status))
            }
        }
    }
}

fn headline(status: &Status) -> Markup {
    let (tone, text) = words::headline(status);
    html! {
        h1 class=(tone) { (text) }
        p.facts {
            span {
                @match status.last_success {
                    Some(at) => { "Last success " (when(status.now, Some(at))) },
                    None => "No success yet",
                }
            }
            @match status.doing {
                Doing::NotRunning | Doing::Waiting => span { "Next cycle " (when(status.now, status.next_cycle)) },
                Doing::Observing | Doing::Planning | Doing::Applying | Doing::Stopping => {
                    span { "Now " (words::doing(status.doing)) }
                },
            }
        }
    }
}

/// What somebody should look at, most pressing first.
fn alarms(status: &Status) -> Markup {
    html! {
        @if let Some(quarantine) = &status.quarantine { (quarantined(status, quarantine)) }
        @if let Some(trouble) = &status.reload_trouble {
            section.alarm.bad {
                h2 { "The last reload was refused" }
                (told(trouble))
                p { "The previous one stays in force until a reload succeeds." }
            }
        }
        @for (name, trouble) in &status.credential_troubles {
            section.alarm.bad {
                h2 { "A new " (name.replace('_', " ")) " was refused" }
                (told(trouble))
                p { "The one before it stays in force." }
            }
        }
        @if let Some(guard) = &status.guard { (guarded(status, guard)) }
        @if status.open_intents > 0 {
            section.alarm.wait {
                h2 { (number(status.open_intents, "write")) " without a known outcome" }
                p { "The next cycle reads both lists back and settles them." }
            }
        }
    }
}

fn quarantined(status: &Status, quarantine: &Quarantine) -> Markup {
    html! {
        section.alarm.bad {
            h2 { "Quarantine" }
            p {
                (quarantine.failures) " cycles in a row failed, the first " (when(status.now, Some(quarantine.since)))
                ". The next try is due " (when(status.now, Some(quarantine.until))) "; "
                code { "systemctl kill -s USR1 rosterd" } " tries at once."
            }
            @if let Some(trouble) = &quarantine.trouble { (told(trouble)) }
        }
    }
}

fn guarded(status: &Status, guard: &GuardReport) -> Markup {
    html! {
        section.alarm.wait {
            h2 { @if guard.approved { "Approved, applied by the next cycle" } @else { "A guard waits for approval" } }
            p {
                "Held by "
                @for (at, name) in guard.guards.iter().enumerate() {
                    @if at > 0 { ", " }
                    code { (name) }
                }
                " " (when(status.now, Some(guard.at))) ". Everything else goes on."
            }
            @if !guard.approved {
                p { "Look at it with " code { "rosterd status" } ", then release exactly this set with:" }
                pre { code { "rosterd approve " (guard.digest) } }
            }
        }
    }
}

fn told(trouble: &Trouble) -> Markup {
    html! {
        p.trouble { (prose(&trouble.text)) }
        @if let Some(hint) = &trouble.hint { p.hint { (prose(hint)) } }
    }
}

fn cycles(status: &Status) -> Markup {
    html! {
        section {
            h2 { "Cycles" }
            @if status.cycles.is_empty() {
                p.none { "None yet. The first one starts " (when(status.now, status.next_cycle)) "." }
            } @else {
                (picture::cycles(&status.cycles))
                div.scroll {
                    table.cycles {
                        thead { tr {
                            th { "Ended, UTC" } th { "Result" } th.n.took { "Took" } th.n { "Done" } th.n { "Failed" } th.n { "Held" }
                        } }
                        tbody {
                            @for (at, cycle) in status.cycles.iter().enumerate().take(ROWS) {
                                (row(cycle, at.checked_sub(1).and_then(|newer| status.cycles.get(newer))))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A row of figures, and below it a row of words where there is something to say that the row above does not say.
fn row(cycle: &CycleReport, newer: Option<&CycleReport>) -> Markup {
    let held = cycle.summary.map_or(0, |summary| summary.waiting());
    let mut remarks = remarks(cycle);
    if newer.is_some_and(|newer| self::remarks(newer).0 == remarks.0) {
        remarks.0.clear();
    }
    html! {
        tr {
            td { (clock(cycle.finished_at)) }
            td.result { span class={ "tag " (words::tone(cycle.result)) } { (words::result(cycle.result)) } }
            td.n.took { (span(cycle.finished_at.duration_since(cycle.started_at).as_secs())) }
            td.n { (count(cycle.done.applied)) }
            td.n { (count(cycle.done.failed + cycle.done.unknown)) }
            td.n { (count(held)) }
        }
        @if !remarks.0.is_empty() { tr.remarks { td colspan="6" { (remarks) } } }
    }
}

fn remarks(cycle: &CycleReport) -> Markup {
    let partial =
        cycle.coverage.as_ref().filter(|seen| seen.directory != "complete" || seen.team != "complete");
    html! {
        @if let Some(error) = &cycle.error { (told(error)) }
        @if let Some(coverage) = partial {
            p { "Nobody was removed: read of the directory " (coverage.directory) ", of the team " (coverage.team) "." }
            @for problem in &coverage.problems { p.hint { (problem.0) } }
        }
        @if cycle.done.deferred > 0 { p { (cycle.done.deferred) " left for the next cycle." } }
        @if cycle.done.withdrawn > 0 { p { (cycle.done.withdrawn) " withdrawn before they were sent." } }
    }
}

/// A dash is quieter than a zero.
fn count(count: usize) -> Markup {
    html! { @if count == 0 { span.zero { "–" } } @else { (count) } }
}

fn held(status: &Status, audience: Audience) -> Markup {
    let waiting: Vec<_> = status.waiting().filter(|(_, count)| *count > 0).collect();
    html! {
        section {
            h2 { "Held back" }
            @if status.cycles.is_empty() {
                p.none { "Nothing is known yet." }
            } @else if waiting.is_empty() {
                p.none { "Nothing. Every seat is as it should be, or has been changed." }
            } @else {
                dl.reasons {
                    @for (reason, count) in &waiting {
                        dt { b { (count) } " " code { (reason) } }
                        dd { (words::reason(*reason)) }
                    }
                }
                @match audience {
                    Audience::TokenHolder => (names(&status.held)),
                    Audience::Anyone => p.hint {
                        "Names are shown by " code { "rosterd status" } " on the machine, or here to callers with the bearer token."
                    },
                }
            }
            @if status.unmanaged() > 0 { p.hint { (status.unmanaged()) " not managed, left alone" } }
        }
    }
}

fn names(held: &[Held]) -> Markup {
    let held: Vec<&Held> = held.iter().filter(|held| held.hold.reason.waits()).collect();
    html! {
        div.scroll {
            table {
                thead { tr { th { "Who" } th { "What" } th.wide { "Why" } } }
                tbody { @for entry in held.iter().take(NAMES) { (name(entry)) } }
            }
        }
        @if held.len() > NAMES { p.hint { (held.len() - NAMES) " more: " code { "rosterd status" } } }
    }
}

fn name(entry: &Held) -> Markup {
    let operation = &entry.operation;
    let person = operation.person.as_ref();
    let address = person.and_then(|person| person.email.as_ref()).or(operation.target.name.as_ref());
    html! {
        tr {
            td {
                @if let Some(person) = person { (person.name) " " }
                @if let Some(address) = address { span.address { (address) } }
            }
            td { (words::kind(operation.kind)) }
            td.wide { code { (entry.hold.reason) } " " (entry.hold.detail) }
        }
    }
}

fn credentials(status: &Status) -> Markup {
    html! {
        section {
            h2 { "Credentials" }
            @if status.credentials.is_empty() { p.none { "None known yet." } } @else {
                table {
                    tbody {
                        @for credential in &status.credentials {
                            tr {
                                td { (credential.name.replace('_', " ")) }
                                td.wide {
                                    @match credential.expires {
                                        Some(expires) => {
                                            span class=(words::urgency(status.now, expires)) {
                                                "expires " (when(status.now, Some(expires)))
                                            }
                                        }
                                        None => span.zero { "expiry not known" },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn budget(status: &Status) -> Markup {
    let budget = &status.budget;
    html! {
        section {
            h2 { "Requests this hour" }
            @if budget.limit == 0 { p.none { "Nothing sent yet." } } @else {
                (picture::budget(budget))
                p {
                    b { (budget.used) } " of ours, " (budget.limit.saturating_sub(budget.reserve)) " at most; "
                    (budget.reserve) " of " (budget.limit) " are left for others on the same key."
                }
                @if let Some(remaining) = budget.remaining { p.hint { "The server last counted " (remaining) " left." } }
            }
        }
    }
}

fn footer(status: &Status) -> Markup {
    html! {
        footer {
            span { "rosterd " (status.version) }
            @if let Some(since) = status.running_since { span { "started " (when(status.now, Some(since))) } }
            span { "as of " (clock(status.now)) }
            span { a href="/status" { "status" } }
            span { a href="/metrics" { "metrics" } }
        }
    }
}
