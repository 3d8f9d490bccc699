//! Where a Microsoft Graph provider plugs in. It sees every request under `/v1.0/` and every token request of a tenant
//! (`/TENANT/oauth2/v2.0/token`), with the same people and groups as the SCIM provider.

use super::message::{Call, Reply};
use super::state::State;

/// True for paths that belong to Graph or its token endpoint.
pub(super) fn owns(path: &str) -> bool {
    path.starts_with("/v1.0/") || path.ends_with("/oauth2/v2.0/token")
}

/// Answers a request that [`owns`] said yes to.
pub(super) fn answer(_state: &mut State, _call: &Call) -> Reply {
    Reply::text(501, "text/plain", "this build simulates no Graph")
}
