//! Who may read: a static token, a password, or a token from the token endpoint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::json;

use crate::simulator::ids::uuid;
use crate::simulator::message::{Call, Reply, pairs};
use crate::simulator::state::State;
use crate::simulator::switches::ScimAuth;
use crate::simulator::{SCIM_SECRET, SCIM_TOKEN, SCIM_USER};

/// True when the request carries what the switches ask for.
pub(super) fn is_allowed(state: &State, call: &Call) -> bool {
    match state.switches.scim.auth {
        ScimAuth::Bearer => call.credentials("Bearer") == Some(SCIM_TOKEN),
        ScimAuth::Basic => is_client(call),
        ScimAuth::Oauth2 => {
            let end = call.credentials("Bearer").and_then(|token| state.tokens.get(token));
            end.is_some_and(|end| *end > state.now())
        }
    }
}

fn is_client(call: &Call) -> bool {
    // Neither has a letter that a form would encode, so both readings of the header are the same.
    let wanted = STANDARD.encode(format!("{SCIM_USER}:{SCIM_SECRET}"));
    call.credentials("Basic") == Some(&wanted)
}

/// POST /oauth2/token with `grant_type=client_credentials` (RFC 6749 §4.4); the client names itself in the form or by
/// Basic authentication.
pub(super) fn token(state: &mut State, call: &Call) -> Reply {
    let refused = |status, error: &str| Reply::json(status, json!({"error": error}));
    if call.method != "POST" || call.path != "/oauth2/token" {
        return refused(404, "invalid_request");
    }
    let form = pairs(&String::from_utf8_lossy(&call.body));
    let field = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some("client_credentials") {
        return refused(400, "unsupported_grant_type");
    }
    let in_form = field("client_id") == Some(SCIM_USER) && field("client_secret") == Some(SCIM_SECRET);
    if !in_form && !is_client(call) {
        return refused(401, "invalid_client");
    }
    let seconds = state.switches.scim.token_seconds;
    let token = uuid(0x70c, state.answered);
    let end = state.now().saturating_add(SignedDuration::from_secs(seconds.into()));
    state.tokens.insert(token.clone(), end.unwrap_or(jiff::Timestamp::MAX));
    Reply::json(200, json!({"access_token": token, "token_type": "Bearer", "expires_in": seconds}))
}
