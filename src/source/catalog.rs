//! Which of the directory's groups the configuration means.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::SourceError;
use crate::model::id::is_same_name;
use crate::model::policy::GroupName;
use crate::model::{GroupId, Problem};

/// How like a name must be to be suggested, from 0 to 1.
const NEAR: f64 = 0.8;

/// Ids and display names of every group that was listed.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// As listed.
    pub groups: Vec<(GroupId, Arc<str>)>,
    /// What the list of groups did not give; empty when it was read whole.
    pub problems: Vec<Problem>,
}

/// The groups that were meant, and what could not be decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Each once, in the order of the names.
    pub ids: Vec<GroupId>,
    /// Names that may be in the part of the list that was not read.
    pub problems: Vec<Problem>,
}

impl Catalog {
    /// Finds each name: an id wins, then the exact display name, then the name in another case.
    ///
    /// # Errors
    /// [`SourceError::GroupNotFound`] only after a whole list: a group on a page that failed is a problem, not absent.
    /// [`SourceError::GroupAmbiguous`] when several groups bear the name.
    pub fn choose(&self, names: &BTreeSet<GroupName>) -> Result<Chosen, SourceError> {
        let mut chosen = Chosen::default();
        for name in names {
            match self.find(name)? {
                Some(id) if chosen.ids.contains(id) => {}
                Some(id) => chosen.ids.push(id.clone()),
                None if self.problems.is_empty() => return Err(self.not_found(name)),
                None => chosen.problems.push(Problem(format!(
                    "group {name:?} is not in the part of the group list that could be read"
                ))),
            }
        }
        Ok(chosen)
    }

    fn find(&self, name: &str) -> Result<Option<&GroupId>, SourceError> {
        if let Some((id, _)) = self.groups.iter().find(|(id, _)| id.as_str() == name) {
            return Ok(Some(id));
        }
        let mut named: Vec<&GroupId> =
            self.groups.iter().filter(|(_, shown)| **shown == *name).map(|(id, _)| id).collect();
        if named.is_empty() {
            named =
                self.groups.iter().filter(|(_, shown)| is_same_name(shown, name)).map(|(id, _)| id).collect();
        }
        match named.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(id)),
            several => Err(SourceError::GroupAmbiguous { name: name.to_owned(), count: several.len() }),
        }
    }

    fn not_found(&self, name: &str) -> SourceError {
        let wanted = name.to_lowercase();
        let scored = self
            .groups
            .iter()
            .map(|(_, shown)| (strsim::jaro_winkler(&shown.to_lowercase(), &wanted), shown))
            .filter(|(score, _)| *score >= NEAR);
        let near = scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, shown)| shown.to_string());
        SourceError::GroupNotFound { name: name.to_owned(), near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(names: &[&str], problems: &[&str]) -> Result<Chosen, SourceError> {
        let groups =
            [("g1", "iOS Developers"), ("g2", "ios"), ("g3", "iOS"), ("g4", "g1"), ("g5", "Android")];
        let groups = groups.iter().chain(&[("g6", "Twin"), ("g7", "Twin")]);
        let catalog = Catalog {
            groups: groups.map(|(id, name)| (GroupId::from(*id), Arc::from(*name))).collect(),
            problems: problems.iter().map(|text| Problem((*text).to_owned())).collect(),
        };
        catalog.choose(&names.iter().map(|name| GroupName::from(*name)).collect())
    }

    #[test]
    fn an_id_wins_then_the_exact_name_then_another_case() {
        for (name, id) in
            [("g1", "g1"), ("iOS", "g3"), ("ios", "g2"), ("ANDROID", "g5"), ("ios developers", "g1")]
        {
            assert_eq!(choose(&[name], &[]).expect("found").ids, [GroupId::from(id)], "{name}");
        }
        assert_eq!(choose(&["Android", "g5"], &[]).expect("found").ids.len(), 1);
    }

    #[test]
    fn names_that_look_alike_are_the_same() {
        let groups = ["iOS\u{a0}Developers", "E\u{301}quipe", "QA\u{200b}"];
        let groups = groups.iter().map(|name| (GroupId::from(*name), Arc::from(*name))).collect();
        let catalog = Catalog { groups, problems: Vec::new() };
        for (name, id) in [
            ("iOS Developers", "iOS\u{a0}Developers"),
            ("\u{c9}quipe", "E\u{301}quipe"),
            ("qa", "QA\u{200b}"),
        ] {
            let chosen = catalog.choose(&[GroupName::from(name)].into()).expect("found");
            assert_eq!(chosen.ids, [GroupId::from(id)]);
        }
        let error = catalog.choose(&[GroupName::from("iOS Developer")].into()).expect_err("none");
        assert_eq!(error.hint().as_deref(), Some("did you mean \"iOS\\u00a0Developers\"?"));
    }

    #[test]
    fn names_that_fit_none_or_several_are_errors() {
        let error = choose(&["iOS Developer"], &[]).expect_err("none");
        assert_eq!(error.hint().as_deref(), Some("did you mean \"iOS Developers\"?"));
        assert!(matches!(choose(&["Zebra"], &[]), Err(SourceError::GroupNotFound { near: None, .. })));
        for name in ["Twin", "IOS"] {
            assert!(
                matches!(choose(&[name], &[]), Err(SourceError::GroupAmbiguous { count: 2, .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn a_group_missing_from_half_a_list_is_not_called_absent() {
        let chosen = choose(&["Android", "Zebra"], &["Groups from entry 101: 503"]).expect("partial");
        assert_eq!(chosen.ids, [GroupId::from("g5")]);
        assert_eq!(chosen.problems.len(), 1);
    }
}
