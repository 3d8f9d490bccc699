//! The `process_*` metrics of the client library guidelines, from /proc/self: under systemd's `ProcSubset=pid` nothing
//! else of /proc can be read, which is why the start time is taken here and not from the machine's boot time.

use std::fmt;
use std::fs;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Ticks of /proc/self/stat in a second: the kernel's `USER_HZ`, 100 on every architecture this program builds for.
const TICKS: f64 = 100.0;

/// Reads /proc/self at every scrape.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    started: f64,
}

impl ProcessCollector {
    /// Takes now as the start of the process.
    pub(super) fn new() -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double")]
        let started = Timestamp::now().as_millisecond() as f64 / 1000.0;
        Self { started }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let encoder = &mut encoder;
        if let Some(seconds) = cpu_seconds(&read("stat")) {
            counter(encoder, "process_cpu", "User and system CPU time spent", &Unit::Seconds, seconds)?;
        }
        let status = read("status");
        if let Some(kib) = number_after(&status, "VmRSS:") {
            bytes(encoder, "process_resident_memory", "Resident memory", kib << 10)?;
        }
        if let Some(kib) = number_after(&status, "VmSize:") {
            bytes(encoder, "process_virtual_memory", "Virtual memory", kib << 10)?;
        }
        if let Some(threads) = number_after(&status, "Threads:") {
            gauge(encoder, "process_threads", "Threads", None, threads)?;
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            // The listing itself holds one descriptor open.
            let open = entries.count().saturating_sub(1) as u64;
            gauge(encoder, "process_open_fds", "Open file descriptors", None, open)?;
        }
        if let Some(limit) = number_after(&read("limits"), "Max open files") {
            gauge(encoder, "process_max_fds", "Most file descriptors that may be open", None, limit)?;
        }
        let start = ConstGauge::new(self.started);
        let help = "Start time of the process since 1970";
        let metric = encoder.encode_descriptor(
            "process_start_time",
            help,
            Some(&Unit::Seconds),
            start.metric_type(),
        )?;
        start.encode(metric)
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default()
}

fn counter(encoder: &mut DescriptorEncoder, name: &str, help: &str, unit: &Unit, value: f64) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, Some(unit), metric.metric_type())?)
}

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: u64,
) -> fmt::Result {
    let metric = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

fn bytes(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    gauge(encoder, name, help, Some(&Unit::Bytes), value)
}

/// User and system time of /proc/self/stat. The second field is the program's name in brackets and may hold anything,
/// so counting starts behind its last bracket (proc(5)).
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// The first number of the line that starts with `key`.
fn number_after(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (odd) name (x) S 1 7 7 0 -1 4194304 90 0 0 0 250 50 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 (cut"), None);
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn numbers_are_found_by_the_start_of_their_line() {
        let text =
            "VmPeak:\t  900 kB\nVmRSS:\t  12 kB\nMax open files            1024                 4096\n";
        assert_eq!(number_after(text, "VmRSS:"), Some(12));
        assert_eq!(number_after(text, "Max open files"), Some(1024));
        assert_eq!(number_after(text, "Threads:"), None);
        assert_eq!(number_after("Max open files unlimited", "Max open files"), None);
    }
}
