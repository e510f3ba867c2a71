//! The runtime that answers requests.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::broker::Broker;
use crate::config::ControlConfig;
use crate::inspect::Inspect;
use crate::reply::Reply;
use crate::router::router;
use crate::state::ApiState;

/// Answers whole requests, each on a task of its own. Those under way are dropped with it.
#[derive(Debug)]
pub struct Control {
    state: Arc<ApiState>,
    router: axum::Router,
    runtime: Runtime,
}

impl Control {
    /// Starts its thread.
    pub fn start(
        config: ControlConfig,
        broker: Arc<dyn Broker>,
        inspect: Arc<dyn Inspect>,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            // What is asked here is asked by people and scripts, a few times a second.
            .worker_threads(1)
            .thread_name("control")
            .enable_time()
            .build()?;
        let state = ApiState::new(config, broker, inspect);
        Ok(Self { router: router(Arc::clone(&state)), state, runtime })
    }

    /// Takes a whole request of a client that has access, and returns at once.
    pub fn handle(&self, request: Request<Vec<u8>>, reply: Reply<Response<Vec<u8>>>) {
        let (began, state) = (Instant::now(), Arc::clone(&self.state));
        let router = self.router.clone();
        self.runtime.spawn(async move {
            let answered = router.oneshot(request.map(Body::from)).await;
            let Ok(response) = answered.map_err(|never: Infallible| match never {});
            let (parts, body) = response.into_parts();
            // The handlers answer from memory.
            if let Ok(body) = body.collect().await {
                state.metrics.requests.answered(began.elapsed());
                reply(Response::from_parts(parts, body.to_bytes().into()));
            }
        });
    }
}
