//! `GET /health`, `GET /ready`, `GET /counters` and `GET /metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::Value;
use switchboard_api::{Metric, Phase};
use utoipa::ToSchema;

use crate::metrics::Format;
use crate::state::ApiState;

/// The server is up.
pub(crate) async fn health() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(Health { status: "ok" }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: &'static str,
}

/// Whether clients should come here.
pub(crate) async fn ready(State(state): State<Arc<ApiState>>) -> impl IntoResponse {
    let (code, status) = match state.inspect.phase() {
        Phase::Serving if !state.inspect.has_engine() => {
            (StatusCode::SERVICE_UNAVAILABLE, "engine unavailable")
        }
        Phase::Serving => (StatusCode::OK, "ready"),
        phase => (StatusCode::SERVICE_UNAVAILABLE, phase.name()),
    };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(Health { status }))
}

/// The counters of each shard and their sums.
pub(crate) async fn counters(State(state): State<Arc<ApiState>>) -> impl IntoResponse {
    let shards = state.inspect.counters();
    let mut total = BTreeMap::new();
    for (metric, value) in shards.iter().flatten() {
        let sum: &mut u64 = total.entry(metric.name).or_default();
        *sum = sum.saturating_add(*value);
    }
    let counters = Counters {
        version: state.config.version,
        plane: state.config.plane,
        phase: state.inspect.phase().name(),
        uptime_ms: u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        total,
        hooks: state.config.hooks.json(),
        shards: shards.into_iter().map(by_name).collect(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(counters))
}

fn by_name(counters: Vec<(Metric, u64)>) -> BTreeMap<&'static str, u64> {
    counters.into_iter().map(|(metric, value)| (metric.name, value)).collect()
}

/// The same and more in the form that Prometheus reads.
pub(crate) async fn metrics(
    State(state): State<Arc<ApiState>>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, StatusCode> {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::accepted(accept);
    // A text takes whatever is written to it.
    let text = state.metrics.write(format).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let kind = (header::CONTENT_TYPE, format.content_type());
    Ok(([kind, (header::CACHE_CONTROL, "no-store")], text))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counters {
    version: &'static str,
    plane: &'static str,
    /// `starting`, `serving`, `draining` or `stopping`.
    phase: &'static str,
    uptime_ms: u64,
    total: BTreeMap<&'static str, u64>,
    /// For each backend that is asked or told; not there without any.
    #[schema(value_type = Value, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    hooks: Option<Value>,
    shards: Vec<BTreeMap<&'static str, u64>>,
}
