//! The two sides: can they be reached, do they take our credentials, and do these have the rights they need.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, Url};

use super::Line;
use crate::asc::token::KeyKind;
use crate::asc::{AscError, Refusal};
use crate::clock::Clock;
use crate::config::{Config, ScimAuth, SourceConfig};
use crate::engine::CycleError;
use crate::engine::cycle::interest;
use crate::engine::wire::{self, Probe};
use crate::http::{HttpClient, HttpError, HttpOptions, Peer};
use crate::metrics::Metrics;
use crate::model::{Coverage, DirectorySnapshot};
use crate::source::DirectorySource;

/// A connection that takes longer is as good as none.
const PATIENCE: Duration = Duration::from_secs(15);

/// Opens a connection and asks for the address itself, without credentials: whatever comes back shows that network, proxy
/// and certificates are right.
async fn connection(url: &Url, ca_file: Option<PathBuf>) -> Line {
    let mut url = url.clone();
    url.set_path("/");
    url.set_query(None);
    let shown = url.as_str().trim_end_matches('/').to_owned();
    let options = HttpOptions { ca_file, timeout: PATIENCE, ..HttpOptions::standard() };
    let client = HttpClient::new(Peer::Directory, &url, &options, Metrics::new(), Clock::System);
    let answer = match client {
        Ok(client) => client.send(client.request(Method::HEAD, url.clone())).await,
        Err(error) => Err(error),
    };
    match answer {
        // A redirect, a page, an error: somebody is there.
        Ok(_) | Err(HttpError::Redirect { .. } | HttpError::TooLarge { .. }) if url.scheme() == "https" => {
            Line::good("connection", format!("{shown} answers over TLS, its certificate is trusted"))
        }
        Ok(_) | Err(HttpError::Redirect { .. } | HttpError::TooLarge { .. }) => {
            Line::good("connection", format!("{shown} answers, without TLS, which is for this machine only"))
        }
        Err(error) => {
            let text = match &error {
                HttpError::NotSent { cause, .. } | HttpError::Lost { cause, .. } => {
                    format!("connecting to {shown}: {cause}")
                }
                HttpError::Timeout { .. }
                | HttpError::TooLarge { .. }
                | HttpError::Redirect { .. }
                | HttpError::ForeignLink { .. }
                | HttpError::NotJson { .. }
                | HttpError::WaitTooLong { .. }
                | HttpError::BadId { .. }
                | HttpError::Setup(_) => format!("connecting to {shown}: {error}"),
            };
            Line::bad("connection", text, Some(error.hint().to_owned()), 1)
        }
    }
}

/// Every address of the identity provider that a cycle needs.
fn addresses(config: &Config) -> Vec<(Url, Option<PathBuf>)> {
    match &config.source {
        SourceConfig::Scim(scim) => {
            let token_url = match &scim.auth {
                ScimAuth::OAuth2 { token_url, .. } => Some(token_url),
                ScimAuth::Bearer { .. } | ScimAuth::Basic { .. } => None,
            };
            let mut all = vec![(scim.base_url.clone(), scim.ca_file.clone())];
            let other = token_url.filter(|url| url.origin() != scim.base_url.origin());
            all.extend(other.map(|url| (url.clone(), scim.ca_file.clone())));
            all
        }
        SourceConfig::Graph(graph) if graph.authority_url.origin() == graph.base_url.origin() => {
            vec![(graph.base_url.clone(), None)]
        }
        SourceConfig::Graph(graph) => {
            vec![(graph.authority_url.clone(), None), (graph.base_url.clone(), None)]
        }
        SourceConfig::File(_) => Vec::new(),
    }
}

pub(super) async fn directory(config: &Config, probe: &Probe) -> Vec<Line> {
    let mut lines = Vec::new();
    for (url, ca_file) in addresses(config) {
        lines.push(connection(&url, ca_file).await);
    }
    if lines.iter().any(|line| line.exit_code != 0) {
        return lines;
    }
    let tried = match &config.source {
        SourceConfig::Scim(scim) => format!("SCIM at {}", scim.base_url),
        SourceConfig::Graph(graph) => format!("Microsoft Graph, tenant {}", graph.tenant_id),
        SourceConfig::File(file) => format!("file {}", file.path.display()),
    };
    match probe.source.read(&interest(&probe.policy)).await.map_err(CycleError::from) {
        Ok(snapshot) => {
            lines.push(people(&tried, &snapshot));
            lines.extend(groups(probe, &snapshot));
        }
        Err(error) => lines.push(Line::failed("identity provider", &tried, &error)),
    }
    lines
}

fn people(tried: &str, snapshot: &DirectorySnapshot) -> Line {
    let counted =
        format!("{tried}: {} people, {} groups read", snapshot.people().len(), snapshot.groups.len());
    let first = || snapshot.coverage.problems().first().map_or("no answer", |problem| &problem.0);
    match &snapshot.coverage {
        Coverage::Complete => Line::good("identity provider", counted),
        Coverage::Partial(_) => Line::warning(
            "identity provider",
            format!("{counted}, but not everything: {}", first()),
            "people are invited and changed all the same; nothing is removed until a read is complete",
        ),
        Coverage::Failed(_) => {
            let hint = "the address answers, but not as this kind of provider: check the path of the URL; if it is right, look at the provider's own log";
            let text = format!("{tried}: nothing could be read: {}", first());
            Line::bad("identity provider", text, Some(hint.to_owned()), 1)
        }
    }
}

/// Silent where the read says nothing of groups.
fn groups(probe: &Probe, snapshot: &DirectorySnapshot) -> Option<Line> {
    let wanted = crate::plan::groups_of_interest(&probe.policy).len();
    match &snapshot.coverage {
        Coverage::Complete if wanted == 0 => {
            Some(Line::good("groups", "the configuration names no group, so none is looked for"))
        }
        Coverage::Complete => {
            Some(Line::good("groups", format!("all {wanted} groups of the configuration are found")))
        }
        Coverage::Partial(_) | Coverage::Failed(_) => None,
    }
}

pub(super) async fn team(config: &Config, probe: &Probe) -> Vec<Line> {
    let mut lines = vec![connection(&config.app_store_connect.base_url, None).await];
    if lines.iter().any(|line| line.exit_code != 0) {
        return lines;
    }
    let key_id = &config.app_store_connect.key_id;
    let tried = match probe.team.key_kind() {
        KeyKind::Team { issuer_id } => format!("team key {key_id} of issuer {issuer_id}"),
        KeyKind::Individual => format!("individual key {key_id}"),
    };
    match probe.team.probe().await {
        // Apple has no way to ask for a key's role; being able to read proves nothing about writing.
        Ok(()) => {
            let text = format!(
                "{tried}: may read users; only its first write can tell whether it may write, which takes the Admin role"
            );
            lines.push(Line::good("app store connect", text));
            lines.push(budget(probe));
        }
        Err(error) => lines.push(refused(config, &tried, error).await),
    }
    lines
}

/// Apple has one and the same 401 for a revoked key, a wrong id and a key of the other kind. The last can be told by trying.
async fn refused(config: &Config, tried: &str, error: AscError) -> Line {
    let unsure = matches!(error, AscError::Refused { cause: Refusal::Credentials, .. });
    let mut line = Line::failed("app store connect", tried, &error.into());
    if !unsure {
        return line;
    }
    let other = match config.app_store_connect.kind {
        KeyKind::Team { .. } => KeyKind::Individual,
        // A team key cannot be tried without its issuer.
        KeyKind::Individual => {
            line.text.push_str("; whether it is a team key cannot be tried without an issuer_id");
            line.hint = Some(
                "an individual key is listed in the profile of the person it belongs to; one that is listed under Team Keys needs key_type = \"team\" and the issuer_id from there; a revoked key must be replaced"
                    .to_owned(),
            );
            return line;
        }
    };
    let as_other = match wire::probe_key(config, other) {
        Ok(client) => client.probe().await.is_ok(),
        Err(_) => false,
    };
    if as_other {
        line.text = format!("{tried}: refused with 401, and accepted as an individual key");
        line.hint = Some("write key_type = \"individual\" and remove issuer_id".to_owned());
    } else {
        line.text.push_str("; refused as an individual key as well");
    }
    line
}

fn budget(probe: &Probe) -> Line {
    let usage = probe.team.budget().usage();
    let left = usage.remaining.map_or_else(
        || "what is left is not said by the server".to_owned(),
        |left| format!("{left} left this hour"),
    );
    let text = format!("{} requests an hour, {left}, {} kept for others", usage.limit, usage.reserve);
    match usage.remaining {
        Some(left) if left <= usage.reserve => Line::warning(
            "budget",
            text,
            "something else uses this key; writes wait until the hour has more than the reserve left",
        ),
        Some(_) | None => Line::good("budget", text),
    }
}
