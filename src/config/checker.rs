//! Collects what is wrong while tables turn into the types the program works with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Url;

use super::keys;
use super::positions::Positions;
use super::problems::{Origin, Problem};
use crate::http::is_loopback;
use crate::secret::SecretRef;

/// Problems that are listed. Nobody mends more at once, and each costs a search for the key that was meant.
pub(super) const MOST_PROBLEMS: usize = 200;

/// What is done with the files that hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// Read once, so that a bad one is a problem now and not in the first cycle.
    Tried,
    /// Only named.
    Named,
}

/// Where values came from, where files are looked up, and what was found wrong so far.
#[derive(Debug)]
pub(super) struct Checker {
    pub(super) path: PathBuf,
    pub(super) positions: Positions,
    /// Real name of the variable that set a key.
    pub(super) variables: BTreeMap<String, String>,
    /// The whole environment, for the folders that systemd names.
    pub(super) env: BTreeMap<String, String>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    /// Whether secrets are read to see that they can be.
    pub(super) secrets: Secrets,
    /// Keys whose value was refused already: what follows from that is no news.
    pub(super) refused: Vec<String>,
}

impl Checker {
    /// Something is wrong with the value of a key.
    pub(super) fn problem(&mut self, path: &str, text: impl Into<String>, hint: impl Into<String>) {
        if self.refused.iter().any(|refused| is_within(path, refused)) {
            return;
        }
        self.push(path, text.into(), Some(hint.into()));
    }

    /// A key that must be there is not.
    pub(super) fn missing(&mut self, path: &str, why: &str, example: &str) {
        if self.refused.iter().any(|refused| is_within(path, refused) || is_within(refused, path)) {
            return;
        }
        let (table, _) = super::near::split(path);
        let place = match keys::general(table) {
            table if table.is_empty() => String::new(),
            table => match table.strip_suffix("[]") {
                Some(list) => format!(" in [[{list}]]"),
                None => format!(" in [{table}]"),
            },
        };
        self.push(path, format!("missing{why}"), Some(format!("write {example}{place}")));
    }

    /// As [`Self::problem`], whatever was said before.
    pub(super) fn push(&mut self, path: &str, text: String, hint: Option<String>) {
        if self.is_full() {
            return;
        }
        let problem = Problem { key: keys::shown(path), origin: self.origin(path), text, hint };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        if self.is_full() {
            self.problems.push(more_problems());
        }
    }

    /// True when no further problem is listed.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    /// Something is allowed, and probably not meant.
    pub(super) fn warn(&mut self, path: &str, text: impl Into<String>) {
        let (key, origin) = (keys::shown(path), self.origin(path));
        self.warnings.push(Problem { key, origin, text: text.into(), hint: None });
    }

    fn origin(&self, path: &str) -> Origin {
        if let Some((_, name)) = self.variables.iter().find(|(key, _)| is_within(path, key)) {
            return Origin::Variable(name.clone());
        }
        self.positions.of(path).map_or(Origin::File, |(line, column)| Origin::Line { line, column })
    }

    /// A number that is at most 100.
    pub(super) fn percent(&mut self, path: &str, value: u32, most: u32) -> u32 {
        self.range(path, value, 0, most)
    }

    /// A number within bounds.
    pub(super) fn range(&mut self, path: &str, value: u32, least: u32, most: u32) -> u32 {
        if value < least || value > most {
            self.problem(
                path,
                format!("{value} is out of range"),
                format!("write a number from {least} to {most}"),
            );
        }
        value
    }

    /// A path relative to the configuration file.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        folder.join(path)
    }

    /// The folder of the service manager's credentials.
    pub(super) fn credentials(&self) -> Option<Arc<Path>> {
        let folder = self.env.get("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())?;
        Some(Path::new(folder).into())
    }

    /// A file without secrets that must be there: a certificate.
    pub(super) fn public_file(&mut self, path: &str, value: &str) -> PathBuf {
        let inside = self.credentials().map(|folder| folder.join(value)).filter(|file| file.is_file());
        let file = inside.unwrap_or_else(|| self.beside(value));
        if !file.is_file() {
            let text = format!("{}: no such file", file.display());
            self.problem(path, text, "name a file with certificates in PEM form");
        }
        file
    }

    /// A text that must be written.
    pub(super) fn needed(
        &mut self,
        path: &str,
        value: &Option<String>,
        why: &str,
        example: &str,
    ) -> Option<String> {
        if value.is_none() {
            let (_, name) = super::near::split(path);
            self.missing(path, why, &format!("{name} = {example:?}"));
        }
        value.clone()
    }

    /// A secret that must be named and readable.
    pub(super) fn secret(&mut self, path: &str, value: Option<String>, why: &str) -> Option<SecretRef> {
        let Some(value) = value else {
            let (_, name) = super::near::split(path);
            let example = format!("{name} = {:?}", name.trim_end_matches("_file").replace('_', "-"));
            self.missing(path, why, &example);
            return None;
        };
        let credentials = self.credentials();
        let inside = credentials.as_deref().map(|folder| folder.join(&value)).filter(|file| file.exists());
        let file = inside.unwrap_or_else(|| self.beside(&value));
        let secret = SecretRef::new(file, credentials);
        if self.secrets == Secrets::Named {
            return Some(secret);
        }
        if let Err(error) = secret.read() {
            if is_pasted(&value) {
                self.problem(
                    path,
                    "this looks like the secret itself",
                    "put the secret into a file of its own, chmod 600 it, and write the file's path here",
                );
            } else {
                self.problem(path, error.to_string(), error.hint());
            }
            return None;
        }
        Some(secret)
    }

    /// A URL to talk to: https, or http to this machine; nothing but host, port and path.
    pub(super) fn url(&mut self, path: &str, value: &str) -> Option<Url> {
        // The value is not repeated: a URL may hold a password, and that is one of the things refused here.
        let url = match Url::parse(value) {
            Ok(url) => url,
            Err(error) => {
                self.problem(path, format!("not a URL: {error}"), "write https:// and the host");
                return None;
            }
        };
        if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
            self.problem(
                path,
                format!("{}: cannot be used here", url.scheme()),
                "write https:// and the host",
            );
            return None;
        }
        if !url.username().is_empty() || url.password().is_some() {
            let hint = "take the name and password out; credentials are files that other keys name";
            self.problem(path, "the URL holds a user name or password", hint);
            return None;
        }
        if url.query().is_some() || url.fragment().is_some() {
            self.problem(path, "the URL has a query or fragment", "end the URL before the first ? or #");
            return None;
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            let hint = "write https://; http:// is for 127.0.0.1, [::1] and localhost only";
            self.problem(path, "http:// would send credentials in the clear", hint);
            return None;
        }
        Some(url)
    }

    /// A key that belongs to another choice than the one made.
    pub(super) fn unused(&mut self, path: &str, present: bool, choice: &str) {
        if present {
            let (_, name) = super::near::split(path);
            self.problem(
                path,
                format!("does not go with {choice}"),
                format!("remove {name}, or change {choice}"),
            );
        }
    }
}

/// The last line of a list that was cut.
pub(super) fn more_problems() -> Problem {
    Problem {
        key: String::new(),
        origin: Origin::File,
        text: format!("there are more problems than the {MOST_PROBLEMS} listed here"),
        hint: Some("mend these first; is this the configuration file? name it with -c FILE".to_owned()),
    }
}

/// True for a key and everything below it.
fn is_within(path: &str, above: &str) -> bool {
    path == above || path.strip_prefix(above).is_some_and(|rest| rest.starts_with('.'))
}

/// True for what nobody calls a file: a PEM block, a token.
fn is_pasted(value: &str) -> bool {
    let name = value.rsplit('/').next().unwrap_or_default();
    value.contains("-----BEGIN") || value.contains('\n') || value.len() > 255 || name.len() >= 40
}
