//! `GET /health` and `GET /counters`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::state::ApiState;

/// The server is up.
pub(crate) async fn health() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(Health { status: "ok" }))
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
}

/// The counters of each shard and their sums.
pub(crate) async fn counters(State(state): State<Arc<ApiState>>) -> impl IntoResponse {
    let shards = state.inspect.counters();
    let mut total = BTreeMap::new();
    for (name, value) in shards.iter().flatten() {
        let sum: &mut u64 = total.entry(*name).or_default();
        *sum = sum.saturating_add(*value);
    }
    let counters = Counters {
        version: state.config.version,
        plane: state.config.plane,
        uptime_ms: u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        total,
        shards: shards.into_iter().map(|shard| shard.into_iter().collect()).collect(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(counters))
}

#[derive(Debug, Serialize)]
struct Counters {
    version: &'static str,
    plane: &'static str,
    uptime_ms: u64,
    total: BTreeMap<&'static str, u64>,
    shards: Vec<BTreeMap<&'static str, u64>>,
}
