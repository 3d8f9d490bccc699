//! The ids of apps, remembered: a bundle id keeps its app for good, so a quiet cycle need not ask for it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::model::{AppId, BundleId};

/// An id is asked for again after this long, should an app have been removed and made anew.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Ids by bundle id, with when each was read. What was not found is never remembered.
#[derive(Debug, Default)]
pub(super) struct KnownApps(Mutex<BTreeMap<BundleId, (AppId, Timestamp)>>);

impl KnownApps {
    /// What is known of these and still fresh.
    pub(super) fn of(&self, bundles: &BTreeSet<BundleId>, now: Timestamp) -> BTreeMap<BundleId, AppId> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |at: Timestamp| now.duration_since(at).abs() < KEPT;
        let one = |bundle: &BundleId| {
            let (id, at) = known.get(bundle)?;
            fresh(*at).then(|| (bundle.clone(), id.clone()))
        };
        bundles.iter().filter_map(one).collect()
    }

    /// Remembers what was just read.
    pub(super) fn learn(&self, found: &BTreeMap<BundleId, AppId>, now: Timestamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(found.iter().map(|(bundle, id)| (bundle.clone(), (id.clone(), now))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_known_for_a_day_and_an_unknown_one_never() {
        let known = KnownApps::default();
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let asked: BTreeSet<BundleId> = ["com.example.app".into(), "com.example.missing".into()].into();
        known.learn(&[("com.example.app".into(), "1".into())].into(), start);
        let at = |hours| known.of(&asked, start + SignedDuration::from_hours(hours)).len();
        assert_eq!((at(0), at(23), at(24), at(-25)), (1, 1, 0, 0));
    }
}
