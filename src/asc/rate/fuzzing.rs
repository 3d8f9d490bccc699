//! The way in for `crate::fuzzing`.

use reqwest::header::{HeaderMap, HeaderValue};

use super::header::Limits;

/// Reads each line as the value of one `X-Rate-Limit` header. True when they tell something.
pub(crate) fn header(lines: &[u8]) -> bool {
    let values = lines.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
    let mut headers = HeaderMap::new();
    // As many as the client's own limit on headers lets through.
    for value in values.take(100) {
        headers.append("x-rate-limit", value);
    }
    Limits::of(&headers).is_some()
}
