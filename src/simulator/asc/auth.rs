//! Tokens, checked as strictly as Apple is known to (Apple, "Generating Tokens for API Requests"). The check is written
//! out here rather than left to the library that signs them on the other side.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use super::errors::{Refused, unauthorized};
use crate::simulator::key::{ApiKey, KeyKind};
use crate::simulator::message::{Call, pairs};
use crate::simulator::state::State;
use crate::simulator::switches::KeyValidity;

/// Seconds from `iat` to `exp` at most.
const LIFETIME_MAX: i64 = 20 * 60;

/// Refuses with 401 whatever is not a valid token of the team's key for this request. Apple gives one answer for every
/// reason, so the reason is lost here as well.
pub(super) fn check(state: &State, call: &Call) -> Result<(), Refused> {
    let token = call.credentials("Bearer").ok_or_else(unauthorized)?;
    let claims = verified(&state.key, token).ok_or_else(unauthorized)?;
    let is_valid = state.switches.app_store_connect.key == KeyValidity::Valid
        && is_of_kind(&state.key.kind, &claims)
        && is_in_time(&claims, state.now())
        && covers(&claims, call);
    if is_valid { Ok(()) } else { Err(unauthorized()) }
}

/// The claims of a token that our key signed.
fn verified(key: &ApiKey, token: &str) -> Option<Value> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Value = decoded(header)?;
    let is_ours = header["alg"] == "ES256" && header["typ"] == "JWT" && header["kid"] == key.id.as_str();
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.public);
    public.verify(message.as_bytes(), &signature).ok()?;
    if is_ours { decoded(claims) } else { None }
}

fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Mixing the two kinds of key gives 401.
fn is_of_kind(kind: &KeyKind, claims: &Value) -> bool {
    let names_issuer = match kind {
        KeyKind::Team { issuer } => claims["iss"] == issuer.as_str() && claims.get("sub").is_none(),
        KeyKind::Individual => claims["sub"] == "user" && claims.get("iss").is_none(),
    };
    names_issuer && claims["aud"] == "appstoreconnect-v1"
}

fn is_in_time(claims: &Value, now: Timestamp) -> bool {
    let (Some(iat), Some(exp)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else { return false };
    let now = now.as_second();
    iat <= now && now < exp && exp > iat && exp - iat <= LIFETIME_MAX
}

/// A token with a scope opens only the GETs it lists.
fn covers(claims: &Value, call: &Call) -> bool {
    let Some(scope) = claims.get("scope") else { return true };
    let Some(entries) = scope.as_array() else { return false };
    let all_are_gets =
        entries.iter().all(|entry| entry.as_str().is_some_and(|text| text.starts_with("GET /")));
    all_are_gets
        && call.method == "GET"
        && entries.iter().filter_map(Value::as_str).any(|entry| is_entry_for(entry, call))
}

/// The path must be literally the same; of the query, order does not matter and `limit`, `cursor` and `sort` do not count.
fn is_entry_for(entry: &str, call: &Call) -> bool {
    let target = entry.trim_start_matches("GET ").trim();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    path == call.path && weighed(&pairs(query)) == weighed(&call.query)
}

fn weighed(query: &[(String, String)]) -> Vec<&(String, String)> {
    let ignored = ["limit", "cursor", "sort"];
    let mut kept: Vec<_> = query.iter().filter(|(name, _)| !ignored.contains(&name.as_str())).collect();
    kept.sort();
    kept
}
