//! The routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use switchboard_api::ApiError;

use crate::error::Refused;
use crate::state::ApiState;
use crate::{centrifugo, channel, clients, methods, status, users};

/// All routes.
pub(crate) fn router(state: Arc<ApiState>) -> Router {
    let channel =
        get(channel::report).delete(channel::delete).post(of_the_shards).put(of_the_shards);
    // The shards bound the bodies of requests.
    let calls = post(centrifugo::call).layer(DefaultBodyLimit::disable());
    let routes = Router::new()
        .route("/pub", post(of_the_shards))
        .route("/pub/", channel.clone())
        // The rest of the path, so that a slash in a name is refused as such.
        .route("/pub/{*channel}", channel)
        .route("/publish", get(of_the_shards))
        .route("/subscribers/", get(clients::subscribers))
        .route("/subscribers/{*channel}", get(clients::subscribers))
        .route("/users/", get(users::connections).delete(users::disconnect))
        .route("/users/{*user}", get(users::connections).delete(users::disconnect))
        .route("/api/{method}", calls)
        .route("/slow", get(clients::slow))
        .route("/health", get(status::health))
        .route("/ready", get(status::ready))
        .route("/counters", get(status::counters))
        .route("/metrics", get(status::metrics))
        .fallback(async || {
            let message = "there are /pub, /pub/{channel}, /publish, /subscribers/{channel}, \
                           /users/{user}, /api/{method}, /slow, /health, /ready, /counters and /metrics";
            Refused::from(ApiError::new(404, "not_found", message))
        })
        .method_not_allowed_fallback(async || {
            let message = "this path has other methods; `Allow` names them";
            Refused::from(ApiError::new(405, "method_not_allowed", message))
        })
        .with_state(state);
    // Around the routes as a whole: each adds its `Allow` to what its own layers answer.
    Router::new().fallback_service(routes).layer(from_fn(methods::answer))
}

/// Publications stay with the shards. Their routes are here to be named in `Allow`.
async fn of_the_shards() -> Refused {
    ApiError::new(500, "misrouted", "the shards should have answered this request").into()
}
