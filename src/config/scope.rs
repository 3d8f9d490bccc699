//! `[scope]`: who is meant.

use serde::Deserialize;

use super::checker::Checker;
use super::source::SourceConfig;
use crate::model::Filter;
use crate::model::policy::{AddressGlobs, GroupName, Scope, ScopeMode};

/// `[scope]` as written.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct ScopeTable {
    /// Who counts: members of `groups`, who is assigned to the Entra application (Graph only), or everybody.
    mode: Mode,
    /// Groups by display name or id. One that is not found is an error, never "nobody". Required for `mode =
    /// "groups"`.
    groups: Vec<String>,
    /// Whether members of member groups count.
    nested: bool,
    /// A SCIM filter that the person must pass as well, such as `userType eq "Employee"`. With Graph it names
    /// Graph's own properties.
    filter: Option<String>,
    /// Addresses or globs of people that never count, such as `svc-*@example.com`.
    exclude: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Members of `groups`.
    Groups,
    /// Who is assigned to the Entra application, in person or by a group.
    Assigned,
    /// Everybody the source lists.
    All,
}

impl Default for ScopeTable {
    fn default() -> Self {
        Self { mode: Mode::Groups, groups: Vec::new(), nested: true, filter: None, exclude: Vec::new() }
    }
}

impl ScopeTable {
    pub(super) fn check(self, source: Option<&SourceConfig>, checker: &mut Checker) -> Option<Scope> {
        let groups: Vec<GroupName> = self.groups.iter().map(|name| name.as_str().into()).collect();
        texts("scope.groups", &self.groups, checker);
        let mode = match self.mode {
            Mode::Groups => {
                if groups.is_empty() {
                    let example = "groups = [\"iOS Developers\"], or mode = \"all\",";
                    checker.missing("scope.groups", ", and mode is \"groups\"", example);
                }
                ScopeMode::Groups(groups)
            }
            Mode::Assigned => {
                checker.unused("scope.groups", !groups.is_empty(), "mode = \"assigned\"");
                match source {
                    Some(SourceConfig::Scim(_) | SourceConfig::File(_)) => checker.problem(
                        "scope.mode",
                        "\"assigned\" needs source.type = \"graph\": only Entra has app assignments",
                        "write mode = \"groups\" with groups, or mode = \"all\"",
                    ),
                    Some(SourceConfig::Graph(_)) | None => {}
                }
                ScopeMode::Assigned
            }
            Mode::All => {
                checker.unused("scope.groups", !groups.is_empty(), "mode = \"all\"");
                ScopeMode::All
            }
        };
        let filter = filter("scope.filter", self.filter.as_deref(), checker);
        let exclude = globs("scope.exclude", &self.exclude, checker);
        Some(Scope { mode, nested: self.nested, filter, exclude: exclude? })
    }
}

/// A filter, where one is written.
pub(super) fn filter(path: &str, text: Option<&str>, checker: &mut Checker) -> Option<Filter> {
    match Filter::parse(text?) {
        Ok(filter) => Some(filter),
        Err(error) => {
            let hint =
                "write a SCIM filter such as 'userType eq \"Employee\" and not (department eq \"Sales\")'";
            checker.problem(path, format!("not a filter: {error}"), hint);
            None
        }
    }
}

/// Globs over addresses; each that is none is a problem of its own.
pub(super) fn globs(path: &str, patterns: &[String], checker: &mut Checker) -> Option<AddressGlobs> {
    texts(path, patterns, checker);
    let mut good = true;
    for pattern in patterns {
        if let Err(error) = AddressGlobs::new(&[pattern]) {
            let text = format!("{pattern:?} is no glob: {}", error.kind());
            checker.problem(path, text, "write an address, or a glob such as \"svc-*@example.com\"");
            good = false;
        }
    }
    if good { AddressGlobs::new(patterns).ok() } else { None }
}

/// Entries that say nothing.
pub(super) fn texts(path: &str, entries: &[String], checker: &mut Checker) {
    if entries.iter().any(String::is_empty) {
        checker.problem(path, "has an empty entry", "remove the empty entry");
    }
}
