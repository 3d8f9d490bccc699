//! The Prometheus text format 0.0.4 out of OpenMetrics 1.0.0, which is all the client library writes.
//!
//! OpenMetrics describes a counter by its name without `_total`; readers of the older format, `promtool check metrics`
//! among them, then find a counter without samples and samples without help. The older format suits every scraper.

/// Moves the descriptions of counters to the names their samples have, and leaves out units and the end mark.
pub(super) fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len() + 512);
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let described = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
        match described.zip(lines.peek()) {
            Some(((name, help), kind)) if is_counter(kind, name) => {
                text.push_str(&format!("# HELP {name}_total {help}\n# TYPE {name}_total counter\n"));
                lines.next();
            }
            Some(_) | None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

fn is_counter(line: &str, name: &str) -> bool {
    line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_prefix(name)) == Some(" counter")
}

#[cfg(test)]
mod tests {
    use super::classic;

    #[test]
    fn counters_are_described_under_the_name_of_their_samples() {
        let open_metrics = "# HELP a_wait_seconds Waited.\n# TYPE a_wait_seconds counter\n# UNIT a_wait_seconds seconds\n\
            a_wait_seconds_total 1\n# HELP a Level.\n# TYPE a gauge\na 2\n# EOF\n";
        let expected = "# HELP a_wait_seconds_total Waited.\n# TYPE a_wait_seconds_total counter\na_wait_seconds_total 1\n\
            # HELP a Level.\n# TYPE a gauge\na 2\n";
        assert_eq!(classic(open_metrics), expected);
    }
}
