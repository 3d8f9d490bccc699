//! Tables as a terminal and a README show them.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

/// A table with figures to the right.
pub(crate) fn table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(heads);
    for at in 1..heads.len() {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// `1.23 s`, `45.6 ms`, `7.8 µs`.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.2} µs", s * 1e6),
    }
}

/// As [`time`].
pub(crate) fn span(duration: Duration) -> String {
    time(duration.as_secs_f64())
}

/// `1.23×`.
pub(crate) fn ratio(a: f64, b: f64) -> String {
    format!("{:.2}×", a / b)
}

/// `12.3 MB`.
pub(crate) fn mb(mb: f64) -> String {
    format!("{mb:.1} MB")
}
