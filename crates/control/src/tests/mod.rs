//! The internal API as requests see it, with fake shards.

mod asking;
mod backend;
mod centrifugo;
mod channel;
mod clients;
mod fake;
mod jwks;
mod openapi;
mod status;
mod telling;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use crate::config::ControlConfig;
use crate::router::router;
use crate::state::ApiState;
use fake::Shards;

/// An answer with its whole body.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The status and the code of a refusal, which must have the common form.
    fn refusal(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(self.headers["content-type"], "application/json");
        assert!(json["error"]["message"].as_str().is_some_and(|message| message.len() > 5));
        (self.status.as_u16(), json["error"]["code"].as_str().unwrap().to_owned())
    }
}

/// An internal API of its own for every test.
struct Bench {
    shards: Arc<Shards>,
    state: Arc<ApiState>,
}

impl Bench {
    fn new() -> Self {
        Self::with(ControlConfig::default())
    }

    fn with(config: ControlConfig) -> Self {
        let shards = Arc::new(Shards::default());
        let state = ApiState::new(config, Arc::clone(&shards) as _, Arc::clone(&shards) as _);
        Self { shards, state }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    /// A call of Centrifugo's API.
    async fn call(&self, method: &str, body: &str) -> Reply {
        let request = Request::post(format!("/api/{method}"));
        self.answer(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn answer(&self, request: Request<Body>) -> Reply {
        let response = router(Arc::clone(&self.state)).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers).await
    }
}

/// Waits so short that tests may wait for them.
fn impatient() -> ControlConfig {
    let shard_timeout = std::time::Duration::from_millis(50);
    ControlConfig { shard_timeout, ..ControlConfig::default() }
}
