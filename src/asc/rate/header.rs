//! `X-Rate-Limit: user-hour-lim:3500;user-hour-rem:500;` as Apple sends it: sometimes twice, sometimes joined by commas, with
//! keys that are not documented.

use reqwest::header::HeaderMap;

/// What one answer tells; of a key that comes twice the smaller number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) hour_limit: Option<u64>,
    pub(super) hour_left: Option<u64>,
    pub(super) minute_limit: Option<u64>,
    pub(super) minute_left: Option<u64>,
}

impl Limits {
    /// `None` when no key is known.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut limits = Self::default();
        let values = headers.get_all("x-rate-limit").iter().filter_map(|value| value.to_str().ok());
        for (key, number) in values.flat_map(|value| value.split([';', ','])).filter_map(pair) {
            let slot = match key.to_ascii_lowercase().as_str() {
                "user-hour-lim" => &mut limits.hour_limit,
                "user-hour-rem" => &mut limits.hour_left,
                "user-minute-lim" => &mut limits.minute_limit,
                "user-minute-rem" => &mut limits.minute_left,
                _ => continue,
            };
            *slot = Some(slot.map_or(number, |known| known.min(number)));
        }
        (limits != Self::default()).then_some(limits)
    }
}

fn pair(text: &str) -> Option<(&str, u64)> {
    let (key, number) = text.split_once(':')?;
    let number = number.trim();
    // A rest below zero would be a limit overrun, which is as good as nothing left.
    let number = if number.starts_with('-') { 0 } else { number.parse().ok()? };
    Some((key.trim(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_read_however_it_comes() {
        let check = |values: &[&'static str], expected: [Option<u64>; 4]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("X-Rate-Limit", value.parse().expect("a header"));
            }
            let [hour_limit, hour_left, minute_limit, minute_left] = expected;
            let expected = Limits { hour_limit, hour_left, minute_limit, minute_left };
            let expected = (expected != Limits::default()).then_some(expected);
            assert_eq!(Limits::of(&headers), expected, "{values:?}");
        };
        check(&["user-hour-lim:3500;user-hour-rem:500;"], [Some(3500), Some(500), None, None]);
        check(&["user-hour-lim:3600;user-hour-rem:0"], [Some(3600), Some(0), None, None]);
        check(&[" User-Hour-Lim : 3600 ; user-hour-rem : 7 "], [Some(3600), Some(7), None, None]);
        check(
            &["user-hour-lim:3600;user-hour-rem:9;", "user-minute-lim:150;user-minute-rem:3;"],
            [Some(3600), Some(9), Some(150), Some(3)],
        );
        check(
            &["user-hour-lim:3600;user-hour-rem:9;, user-hour-lim:3600;user-hour-rem:8;"],
            [Some(3600), Some(8), None, None],
        );
        check(&["user-minute-lim:250;user-minute-rem:249"], [None, None, Some(250), Some(249)]);
        check(&["team-day-lim:9;user-hour-rem:4;x"], [None, Some(4), None, None]);
        check(&["user-hour-rem:-3"], [None, Some(0), None, None]);
        check(&["user-hour-rem:many", "", ";;,,::", "99999999999999999999:1"], [None; 4]);
        check(&["user-hour-lim:99999999999999999999"], [None; 4]);
        check(&[], [None; 4]);
    }
}
