//! Two small pictures: what the last cycles did, and what the hour's requests went to.

use maud::{Markup, html};

use super::words;
use crate::engine::report::{BudgetReport, CycleReport};
use crate::model::event::CycleResult;

/// Columns; the page is as wide as this many cycles even when there are fewer, so that columns keep their width.
const COLUMNS: usize = 48;
/// Units of the picture, stretched to the page's width.
const STEP: usize = 10;
const HEIGHT: usize = 100;
/// Every cycle shows at least this much.
const FLOOR: usize = 8;
/// The picture is as high as this many operations at least, so that a quiet month looks quiet.
const FEW: usize = 12;

/// One column a cycle, newest on the right: done below, held above; a failed cycle is a column of its own colour.
pub(super) fn cycles(cycles: &[CycleReport]) -> Markup {
    let shown: Vec<&CycleReport> = cycles.iter().take(COLUMNS).collect();
    let most = shown.iter().map(|cycle| done(cycle) + held(cycle)).max().unwrap_or(0).max(FEW);
    html! {
        figure {
            svg viewBox={ "0 0 " (COLUMNS * STEP) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label(&shown)) {
                line.axis x1="0" x2=(COLUMNS * STEP) y1=(HEIGHT) y2=(HEIGHT) {}
                @for (age, cycle) in shown.iter().enumerate() {
                    (column((COLUMNS - 1 - age) * STEP, cycle, most))
                }
            }
            figcaption {
                span.key.k-done { "done" }
                span.key.k-held { "held by a guard" }
                span.key.k-failed { "failed" }
                span.key.k-quiet { "no change" }
                span.newest { "newest →" }
            }
        }
    }
}

fn column(x: usize, cycle: &CycleReport, most: usize) -> Markup {
    let (done, held) = (done(cycle), held(cycle));
    let (low, high) = heights(done, held, most);
    html! {
        g {
            title {
                (cycle.finished_at.strftime("%Y-%m-%d %H:%M UTC").to_string()) ": " (words::result(cycle.result))
                ", " (done) " done, " (held) " held"
            }
            @match cycle.result {
                CycleResult::Error => (bar("k-failed", x, HEIGHT, HEIGHT)),
                CycleResult::Success
                | CycleResult::NoOp
                | CycleResult::Partial
                | CycleResult::Held
                | CycleResult::Cancelled => {
                    @if done + held == 0 { (bar("k-quiet", x, FLOOR, HEIGHT)) }
                    @if done > 0 { (bar("k-done", x, low, HEIGHT)) }
                    @if held > 0 { (bar("k-held", x, high, HEIGHT - low)) }
                },
            }
        }
    }
}

fn bar(class: &str, x: usize, height: usize, bottom: usize) -> Markup {
    html! { rect class=(class) x=(x + 1) width=(STEP - 2) y=(bottom.saturating_sub(height)) height=(height) {} }
}

/// Heights of what was done and what is held. The whole grows with the square root, so that one removal is still seen
/// beside an onboarding of hundreds.
fn heights(done: usize, held: usize, most: usize) -> (usize, usize) {
    let total = done + held;
    if total == 0 {
        return (0, 0);
    }
    let root = |count: usize| (count * 10_000).isqrt();
    let whole = 2 * FLOOR + (HEIGHT - 2 * FLOOR) * root(total) / root(most.max(total));
    let lower = match (done, held) {
        (0, _) => 0,
        (_, 0) => whole,
        (_, _) => (whole * done / total).clamp(FLOOR, whole - FLOOR),
    };
    (lower, whole - lower)
}

fn done(cycle: &CycleReport) -> usize {
    cycle.done.applied
}

/// What a guard holds. Seats that are only reported, cycle after cycle, would colour the whole picture.
fn held(cycle: &CycleReport) -> usize {
    if cycle.result == CycleResult::Held { cycle.summary.map_or(0, |summary| summary.held) } else { 0 }
}

fn label(shown: &[&CycleReport]) -> String {
    let failed = shown.iter().filter(|cycle| cycle.result == CycleResult::Error).count();
    let done: usize = shown.iter().map(|cycle| done(cycle)).sum();
    format!(
        "the last {}: {failed} failed, {} done",
        words::number(shown.len(), "cycle"),
        words::number(done, "operation")
    )
}

/// Ours, then what is free for us, then what is left for others.
pub(super) fn budget(budget: &BudgetReport) -> Markup {
    let limit = budget.limit.max(1);
    let part = |count: u64| count.min(limit) * 1000 / limit;
    html! {
        svg.budget viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={ (budget.used) " of " (limit) " requests used" } {
            rect.k-quiet x="0" y="0" width="1000" height="10" {}
            rect.k-reserve x=(1000 - part(budget.reserve)) y="0" width=(part(budget.reserve)) height="10" {}
            rect.k-done x="0" y="0" width=(part(budget.used)) height="10" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_never_leaves_the_picture_and_shows_every_part() {
        for (done, held, most) in
            [(1, 0, 1), (0, 1, 1), (1, 1, 2), (3, 5_000, 5_003), (50_000, 1, 50_001), (1, 0, 50_000)]
        {
            let (low, high) = heights(done, held, most);
            assert!(low + high <= HEIGHT, "{done} {held}");
            assert_eq!((low >= FLOOR, high >= FLOOR), (done > 0, held > 0), "{done} {held}");
        }
        assert_eq!(heights(0, 0, 9), (0, 0));
        assert_eq!(heights(9, 0, 9), (HEIGHT, 0));
    }
}
