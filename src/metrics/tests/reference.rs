//! The reference of the metrics, made from the registry itself.

use std::collections::BTreeMap;

use super::*;
use crate::tests::published;

/// What is known of a metric once every series has been counted up at least once.
#[derive(Default)]
struct Described {
    kind: String,
    help: String,
    unit: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Metrics with every family filled, so that each tells its labels.
fn filled() -> Arc<Metrics> {
    let metrics = Metrics::new();
    for peer in [Peer::AppStoreConnect, Peer::Directory, Peer::Token] {
        metrics.http_request(peer, "GET", RequestEnd::Answered(200), Duration::ZERO);
        metrics.http_retry(peer, RetryReason::ServerFailed);
        metrics.clock_skew(peer, 0);
    }
    metrics.credential_expiry("app_store_connect_key", jiff::Timestamp::UNIX_EPOCH);
    metrics.notice_channel("webhook");
    metrics.notice_channel("email");
    metrics
}

/// Labels of `name{a="b",c="d"} 1`; ours hold no quotes and no commas.
fn labels(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let inside =
        line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(inside, _)| inside);
    inside
        .split(',')
        .filter_map(|label| label.split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
}

fn described(metrics: &Metrics) -> BTreeMap<String, Described> {
    let mut found: BTreeMap<String, Described> = BTreeMap::new();
    let text = metrics.encode();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            found.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            found.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else {
            let series = line.split(['{', ' ']).next().unwrap_or_default();
            let name = ["", "_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| series.strip_suffix(end).filter(|name| found.contains_key(*name)));
            let metric =
                name.and_then(|name| found.get_mut(name)).unwrap_or_else(|| panic!("no description: {line}"));
            for (label, value) in labels(line).filter(|(label, _)| *label != "le") {
                metric.labels.entry(label.to_owned()).or_default().insert(value.to_owned());
            }
        }
    }
    let mut open_metrics = String::new();
    encode(&mut open_metrics, &metrics.registry).expect("a string");
    for (name, unit) in open_metrics.lines().filter_map(|line| line.strip_prefix("# UNIT ")?.split_once(' '))
    {
        for (_, metric) in found.iter_mut().filter(|(other, _)| other.trim_end_matches("_total") == name) {
            metric.unit = unit.to_owned();
        }
    }
    found
}

/// The alerts that name a metric.
fn alerts(metric: &str) -> Vec<&'static str> {
    let rules = ALERTS.split("- alert: ").skip(1);
    let named = rules.filter(|rule| {
        series(rule).iter().any(|name| *name == metric || name.strip_suffix("_bucket") == Some(metric))
    });
    named.filter_map(|rule| rule.lines().next()).collect()
}

/// Labels whose values come from elsewhere, so that those seen here are examples only.
const OPEN: [&str; 3] = ["method", "code", "version"];

fn row(name: &str, metric: &Described) -> String {
    let labels = metric.labels.iter().map(|(label, values)| {
        let values: Vec<_> = values.iter().map(String::as_str).collect();
        let open = OPEN.contains(&label.as_str()) || (name.ends_with("retries_total") && label == "reason");
        if open { format!("`{label}`") } else { format!("`{label}`: {}", values.join(", ")) }
    });
    let labels = labels.collect::<Vec<_>>().join("<br>");
    let alerts =
        alerts(name).into_iter().map(|alert| format!("[{alert}](runbook.md#{})", alert.to_lowercase()));
    let alerts = alerts.collect::<Vec<_>>().join(", ");
    let cells =
        [format!("`{name}`"), metric.kind.clone(), metric.unit.clone(), metric.help.clone(), labels, alerts];
    let row: String = cells.iter().map(|cell| format!(" {cell} |").replace("  |", " |")).collect();
    format!("|{row}\n")
}

const HEAD: &str = "\
<!-- Made from the registry of src/metrics.rs by a test; write it again with: UPDATE=1 cargo test --lib published -->
# Metrics

`/metrics` on `http.listen`, in the Prometheus text format 0.0.4. No series names a person, and a process has fewer than 200 of them. Series whose labels are known
beforehand are there from the start, at zero. `monitoring/` holds alerts, their tests and a dashboard.

Time stamps are seconds since 1970 and 0 before there is one. Histograms have `_bucket`, `_sum` and `_count`.

| metric | type | unit | meaning | labels | alerts |
|---|---|---|---|---|---|
";

#[test]
fn published_reference_of_the_metrics_is_that_of_the_registry() {
    let metrics = described(&filled());
    assert!(metrics.len() > 35, "{}", metrics.len());
    let (ours, process): (Vec<_>, Vec<_>) =
        metrics.iter().partition(|(name, _)| name.starts_with("rosterd_"));
    let rows: String = ours.iter().chain(&process).map(|(name, metric)| row(name, metric)).collect();
    published("docs/metrics.md", &(HEAD.to_owned() + &rows));
}

#[test]
fn every_metric_says_what_it_is() {
    for (name, metric) in described(&filled()) {
        assert!(metric.help.len() > 5 && !metric.kind.is_empty(), "{name}: {}", metric.help);
        let named = ["seconds", "bytes"].iter().any(|unit| name.trim_end_matches("_total").ends_with(unit));
        assert_eq!(named, !metric.unit.is_empty(), "{name}: {}", metric.unit);
    }
}
