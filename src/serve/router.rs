//! The routes.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};

use super::guard::{self, Audience, Gate};
use super::{View, page};
use crate::engine::report::Status;
use crate::metrics::Metrics;
use crate::model::text::{printable_json, printable_lines};

/// Exactly one, whatever a scraper prefers: Prometheus 3 fails a scrape whose type is missing or vague.
const EXPOSITION: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

#[derive(Clone)]
struct Shared {
    view: Arc<dyn View>,
    metrics: Arc<Metrics>,
    /// Hashing the style once is enough.
    policy: HeaderValue,
}

impl Shared {
    /// The status as this caller may see it.
    fn status(&self, audience: Audience) -> Status {
        match audience {
            Audience::TokenHolder => self.view.status(),
            Audience::Anyone => self.view.status().without_personal_data(),
        }
    }
}

/// All routes behind the gate.
pub(super) fn router(view: Arc<dyn View>, metrics: Arc<Metrics>, gate: Gate) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/status", get(status))
        .route("/metrics", get(scrape))
        .route("/livez", get(live))
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
        .layer(middleware::from_fn_with_state(Arc::new(gate), guard::check))
        .layer(middleware::map_response(guard::harden))
        .with_state(Shared { view, metrics, policy: page::security_policy() })
}

async fn index(State(shared): State<Shared>, Extension(audience): Extension<Audience>) -> Response {
    let status = shared.status(audience);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, shared.policy.clone()),
    ];
    let page = page::render(&status, audience).into_string();
    (headers, printable_lines(&page).into_owned()).into_response()
}

async fn status(State(shared): State<Shared>, Extension(audience): Extension<Audience>) -> Response {
    let json = serde_json::to_string(&shared.status(audience)).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (headers, printable_json(&json).into_owned()).into_response()
}

async fn scrape(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, EXPOSITION)], shared.metrics.encode()).into_response()
}

async fn live(State(shared): State<Shared>) -> Response {
    if shared.view.live() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no progress\n").into_response()
    }
}

async fn ready(State(shared): State<Shared>) -> Response {
    if shared.view.status().is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no success within three intervals\n").into_response()
    }
}
