//! The routes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
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

/// A page is shown for so many times what it took to make, so that pages take no more than that part of a processor,
/// however many ask: a cycle goes on beside them.
const REST: u32 = 20;
/// It is never shown for longer.
const OLDEST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Html,
    Json,
}

/// A page as it was made last.
struct Page {
    until: Instant,
    body: Bytes,
}

#[derive(Clone)]
struct Shared {
    view: Arc<dyn View>,
    metrics: Arc<Metrics>,
    pages: Arc<Mutex<BTreeMap<(Form, Audience), Page>>>,
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

    /// A page for this caller. Others who ask for it meanwhile wait for the same one.
    fn page(&self, form: Form, audience: Audience) -> Bytes {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        if let Some(page) = pages.get(&(form, audience)).filter(|page| started < page.until) {
            return page.body.clone();
        }
        let status = self.status(audience);
        let text = match form {
            Form::Html => {
                let page = page::render(&status, audience).into_string();
                printable_lines(&page).into_owned()
            }
            Form::Json => {
                let json = serde_json::to_string(&status).unwrap_or_default();
                printable_json(&json).into_owned()
            }
        };
        let body = Bytes::from(text);
        let until = Instant::now() + (started.elapsed() * REST).min(OLDEST);
        pages.insert((form, audience), Page { until, body: body.clone() });
        body
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
        .with_state(Shared { view, metrics, pages: Arc::default(), policy: page::security_policy() })
}

async fn index(State(shared): State<Shared>, Extension(audience): Extension<Audience>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, shared.policy.clone()),
    ];
    (headers, shared.page(Form::Html, audience)).into_response()
}

async fn status(State(shared): State<Shared>, Extension(audience): Extension<Audience>) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (headers, shared.page(Form::Json, audience)).into_response()
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
