//! The routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{MethodRouter, get, post};
use switchboard_api::ApiError;

use crate::error::Refused;
use crate::state::ApiState;
use crate::{centrifugo, channel, clients, methods, openapi, status, users};

/// Each path, and what answers there.
pub(crate) fn routes() -> [(&'static str, MethodRouter<Arc<ApiState>>); 15] {
    let channel =
        get(channel::report).delete(channel::delete).post(of_the_shards).put(of_the_shards);
    let subscribers = get(clients::subscribers);
    let users = get(users::connections).delete(users::disconnect);
    // The shards bound the bodies of requests.
    let calls = post(centrifugo::call).layer(DefaultBodyLimit::disable());
    [
        ("/pub", post(of_the_shards)),
        ("/pub/", channel.clone()),
        // The rest of the path, so that a slash in a name is refused as such.
        ("/pub/{*channel}", channel),
        ("/publish", get(of_the_shards)),
        ("/subscribers/", subscribers.clone()),
        ("/subscribers/{*channel}", subscribers),
        ("/users/", users.clone()),
        ("/users/{*user}", users),
        ("/api/{method}", calls),
        ("/slow", get(clients::slow)),
        ("/health", get(status::health)),
        ("/ready", get(status::ready)),
        ("/counters", get(status::counters)),
        ("/metrics", get(status::metrics)),
        ("/openapi.json", get(openapi::get)),
    ]
}

/// All routes.
pub(crate) fn router(state: Arc<ApiState>) -> Router {
    let routes =
        routes().into_iter().fold(Router::new(), |router, (path, it)| router.route(path, it));
    let routes = routes
        .fallback(async || {
            let message = "there are /pub, /pub/{channel}, /publish, /subscribers/{channel}, \
                           /users/{user}, /api/{method}, /slow, /health, /ready, /counters, /metrics \
                           and /openapi.json";
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
