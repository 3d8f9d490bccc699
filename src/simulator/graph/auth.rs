//! The token endpoint (Microsoft identity platform, client credentials) and who may read. Assertions are checked here by
//! hand rather than by the library that signs them on the other side.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use x509_cert::der::Decode;

use super::{GRAPH_CLIENT, GRAPH_SECRET, GRAPH_TENANT};
use crate::simulator::message::{Call, Reply, pairs};
use crate::simulator::state::State;

/// The only resource whose tokens this Graph accepts.
const SCOPE: &str = "https://graph.microsoft.com/.default";
/// Longest life of an assertion.
const ASSERTION_MAX: i64 = 24 * 3600;

/// True when the request carries a token that was given out here and has not ended.
pub(super) fn is_allowed(state: &State, call: &Call) -> bool {
    let end = call.credentials("Bearer").and_then(|token| state.graph.tokens.get(token));
    end.is_some_and(|end| *end > state.now())
}

/// POST /TENANT/oauth2/v2.0/token.
pub(super) fn token(state: &mut State, call: &Call) -> Reply {
    match check(state, call) {
        Ok(()) => {
            let seconds = state.switches.graph.token_seconds;
            let token = format!("graph-{}", state.graph.new_id());
            let end = state.now().saturating_add(SignedDuration::from_secs(seconds.into()));
            state.graph.tokens.insert(token.clone(), end.unwrap_or(Timestamp::MAX));
            let mut body = json!({"token_type": "Bearer", "expires_in": seconds, "access_token": token});
            match &state.switches.graph.token_end {
                Some(Value::Null) => _ = body.as_object_mut().and_then(|body| body.remove("expires_in")),
                Some(end) => body["expires_in"] = end.clone(),
                None => {}
            }
            Reply::json(200, body)
        }
        Err((error, code)) => Reply::json(
            400,
            json!({
                "error": error, "error_codes": [code], "timestamp": "2026-01-01 00:00:00Z",
                "error_description": format!("AADSTS{code}: refused by the simulated tenant. Trace ID: simulated\r\nCorrelation ID: simulated"),
                "trace_id": "simulated", "correlation_id": "simulated",
            }),
        ),
    }
}

type Refusal = (&'static str, u32);

fn check(state: &State, call: &Call) -> Result<(), Refusal> {
    if let Some(code) = state.switches.graph.refuse {
        return Err(("invalid_client", code));
    }
    if call.method != "POST" {
        return Err(("invalid_request", 900_561));
    }
    if call.segments("/").first().map(String::as_str) != Some(GRAPH_TENANT) {
        return Err(("invalid_request", 90_002));
    }
    let form = pairs(&String::from_utf8_lossy(&call.body));
    let field = |name: &str| form.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some("client_credentials") {
        return Err(("unsupported_grant_type", 70_003));
    }
    if field("client_id") != Some(GRAPH_CLIENT) {
        return Err(("unauthorized_client", 700_016));
    }
    if field("scope") != Some(SCOPE) {
        return Err(("invalid_resource", 500_011));
    }
    match (field("client_secret"), field("client_assertion")) {
        (Some(GRAPH_SECRET), None) => match state.graph.secret_ends {
            Some(end) if end <= state.now() => Err(("invalid_client", 7_000_222)),
            Some(_) | None => Ok(()),
        },
        (Some(_), None) => Err(("invalid_client", 7_000_215)),
        (None, Some(assertion)) => {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            if field("client_assertion_type") != Some(kind) {
                return Err(("invalid_request", 900_144));
            }
            self::assertion(state, assertion, &format!("{}{}", state.origin, call.path))
        }
        (None, None) | (Some(_), Some(_)) => Err(("invalid_client", 7_000_218)),
    }
}

fn assertion(state: &State, assertion: &str, audience: &str) -> Result<(), Refusal> {
    if let Some(federated) = &state.graph.federated {
        return if federated == assertion { Ok(()) } else { Err(("invalid_client", 700_213)) };
    }
    let claims = verified(state, assertion).ok_or(("invalid_client", 700_027))?;
    let is_ours = claims["iss"] == GRAPH_CLIENT && claims["sub"] == GRAPH_CLIENT && claims["aud"] == audience;
    if !is_ours || claims["jti"].as_str().is_none_or(str::is_empty) {
        return Err(("invalid_client", 700_023));
    }
    let (nbf, exp, now) = (claims["nbf"].as_i64(), claims["exp"].as_i64(), state.now().as_second());
    let is_in_time =
        nbf.zip(exp).is_some_and(|(nbf, exp)| nbf <= now && now < exp && exp - nbf <= ASSERTION_MAX);
    if is_in_time { Ok(()) } else { Err(("invalid_client", 700_024)) }
}

/// The claims of an assertion that the registered certificate's key signed and that names the certificate.
fn verified(state: &State, assertion: &str) -> Option<Value> {
    let der = state.graph.certificate.as_ref()?;
    let (message, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Value = decoded(header)?;
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, der));
    if header["alg"] != "PS256" || header["typ"] != "JWT" || header["x5t#S256"] != thumbprint.as_str() {
        return None;
    }
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key).verify(message.as_bytes(), &signature).ok()?;
    decoded(claims)
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
