//! `[source]`: where people and groups come from.

use std::path::PathBuf;

use jiff::civil::Date;
use reqwest::Url;
use serde::Deserialize;

use super::checker::Checker;
use super::graph::{GraphConfig, GraphTable};
use super::scim::{ScimConfig, ScimTable};

/// `[source]` as written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
pub(super) struct SourceTable {
    /// Which of the tables below is used. Required.
    #[serde(rename = "type")]
    kind: Option<SourceType>,
    /// A SCIM 2.0 provider.
    scim: Option<ScimTable>,
    /// Microsoft Graph, for Entra ID.
    graph: Option<GraphTable>,
    /// A file, for providers that can only export.
    file: Option<FileTable>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
enum SourceType {
    /// A SCIM 2.0 provider.
    Scim,
    /// Microsoft Graph.
    Graph,
    /// A file.
    File,
}

impl SourceType {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Scim, "scim"), (Self::Graph, "graph"), (Self::File, "file")];
}

/// `[source]`.
#[derive(Clone, Debug)]
pub enum SourceConfig {
    /// A SCIM 2.0 provider.
    Scim(ScimConfig),
    /// Microsoft Graph.
    Graph(GraphConfig),
    /// A file.
    File(FileConfig),
}

impl SourceConfig {
    /// The word of `source.type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scim(_) => "scim",
            Self::Graph(_) => "graph",
            Self::File(_) => "file",
        }
    }

    /// The day our own credential lapses, where the configuration says so.
    pub fn credential_expires(&self) -> Option<Date> {
        match self {
            Self::Scim(scim) => scim.credential_expires,
            Self::Graph(graph) => graph.credential_expires,
            Self::File(_) => None,
        }
    }
}

impl SourceTable {
    pub(super) fn check(self, checker: &mut Checker) -> Option<SourceConfig> {
        let present = [self.scim.is_some(), self.graph.is_some(), self.file.is_some()];
        let Some(kind) = self.kind else {
            let first = SourceType::ALL.iter().zip(present).find(|(_, present)| *present);
            let word = first.map_or("scim", |((_, word), _)| word);
            checker.missing("source.type", "", &format!("type = {word:?}"));
            return None;
        };
        for ((other, word), present) in SourceType::ALL.iter().zip(present) {
            if present && *other != kind {
                checker.warn(&format!("source.{word}"), "is not used: source.type names another");
            }
        }
        match kind {
            SourceType::Scim => self.scim.unwrap_or_default().check(checker).map(SourceConfig::Scim),
            SourceType::Graph => self.graph.unwrap_or_default().check(checker).map(SourceConfig::Graph),
            SourceType::File => {
                let Some(path) = self.file.and_then(|file| file.path) else {
                    checker.missing("source.file.path", "", "path = \"people.json\"");
                    return None;
                };
                Some(SourceConfig::File(FileConfig { path: checker.beside(&path) }))
            }
        }
    }
}

/// `[source.file]` as written.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(default, deny_unknown_fields)]
struct FileTable {
    /// A SCIM ListResponse or `{"users": …, "groups": …}`; relative to the configuration file. Required for
    /// `type = "file"`.
    path: Option<String>,
}

/// `[source.file]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// A SCIM ListResponse, or `{"users": …, "groups": …}`.
    pub path: PathBuf,
}

/// Paths are appended with a slash of their own.
pub(super) fn without_slash(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url
}
