//! The routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::error::ApiError;
use crate::guard::guard;
use crate::state::ApiState;
use crate::{batch, channel, clients, conformance, methods, publish, status};

/// All routes, behind what HTTP asks of a request and behind the guard.
pub(crate) fn router(state: Arc<ApiState>) -> Router {
    let channel =
        get(channel::report).post(publish::publish).put(publish::publish).delete(channel::delete);
    let routes = Router::new()
        .route("/pub", post(batch::batch))
        .route("/pub/", channel.clone())
        // The rest of the path, so that a slash in a name is refused as such.
        .route("/pub/{*channel}", channel)
        .route("/subscribers/", get(clients::subscribers))
        .route("/subscribers/{*channel}", get(clients::subscribers))
        .route("/slow", get(clients::slow))
        .route("/health", get(status::health))
        .route("/counters", get(status::counters))
        .fallback(async || {
            let message = "there are /pub, /pub/{channel}, /subscribers/{channel}, /slow, /health \
                           and /counters";
            ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
        })
        .method_not_allowed_fallback(async || {
            let message = "this path has other methods; `Allow` names them";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        // Bodies have limits of their own.
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&state));
    // Around the routes as a whole: each adds its `Allow` to what its own layers answer.
    Router::new()
        .fallback_service(routes)
        .layer(from_fn(methods::answer))
        .layer(from_fn_with_state(state, guard))
        .layer(from_fn(conformance::check))
}
