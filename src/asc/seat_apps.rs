//! Lists of apps that Apple cut short in a page, remembered: each has to be read from an address of its own, and a team of
//! a thousand such seats must not spend the key's hour on them in every cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::AppId;

/// Lists read in one cycle. A team with no more such seats has each of them read every time.
pub(super) const MOST: usize = 100;

/// Lists by their path, with when each was read last.
#[derive(Debug, Default)]
pub(super) struct SeatApps(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    round: u64,
    lists: BTreeMap<String, (u64, BTreeSet<AppId>)>,
}

impl SeatApps {
    /// Which of these to read now: those never read first, then those read longest ago. The others are forgotten about.
    pub(super) fn due(&self, paths: &[String]) -> BTreeSet<String> {
        let mut known = self.lock();
        known.round += 1;
        let asked: BTreeSet<&String> = paths.iter().collect();
        known.lists.retain(|path, _| asked.contains(path));
        let read = |path: &String| known.lists.get(path).map_or(0, |(round, _)| *round);
        let mut paths: Vec<&String> = asked.into_iter().collect();
        paths.sort_by_key(|path| read(path));
        paths.into_iter().take(MOST).cloned().collect()
    }

    /// Remembers a list that was just read.
    pub(super) fn learn(&self, path: &str, apps: BTreeSet<AppId>) {
        let mut known = self.lock();
        let round = known.round;
        known.lists.insert(path.to_owned(), (round, apps));
    }

    /// The list as it was read last.
    pub(super) fn get(&self, path: &str) -> Option<BTreeSet<AppId>> {
        self.lock().lists.get(path).map(|(_, apps)| apps.clone())
    }

    /// A list that is about to change, or could not be read.
    pub(super) fn forget(&self, path: &str) {
        self.lock().lists.remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_has_its_turn_and_none_is_read_twice_before() {
        let known = SeatApps::default();
        let paths: Vec<String> =
            (0..MOST * 5 / 2).map(|at| format!("/v1/users/{at:04}/visibleApps")).collect();
        let mut seen = BTreeSet::new();
        for expected in [MOST, MOST * 2, MOST * 5 / 2] {
            let due = known.due(&paths);
            assert_eq!(due.len(), MOST);
            due.iter().for_each(|path| known.learn(path, BTreeSet::new()));
            seen.extend(due);
            assert_eq!(seen.len(), expected);
        }
        assert!(known.get(&paths[0]).is_some());
        known.forget(&paths[0]);
        assert_eq!(known.get(&paths[0]), None);
        assert!(known.due(&paths).contains(&paths[0]), "what was forgotten comes first");
        assert_eq!(known.due(&paths[..1]).len(), 1);
        assert_eq!(known.get(&paths[1]), None, "seats that are gone are forgotten");
    }
}
