//! The runtime that answers requests.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tower::ServiceExt as _;

use crate::broker::Broker;
use crate::config::ControlConfig;
use crate::inspect::Inspect;
use crate::nodes::{Asked, Nodes};
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

    /// What other nodes ask.
    pub fn local(&self) -> LocalApi {
        LocalApi { state: Arc::clone(&self.state), router: self.router.clone() }
    }

    /// Takes a whole request of a client that has access, and returns at once.
    pub fn handle(&self, request: Request<Vec<u8>>, reply: Reply<Response<Vec<u8>>>) {
        let (began, local) = (Instant::now(), self.local());
        self.runtime.spawn(async move {
            let response = local.answer(request).await;
            local.state.metrics.requests.answered(began.elapsed());
            reply(response);
        });
    }
}

/// What answers requests, on whatever runtime it is called.
#[derive(Clone, Debug)]
pub struct LocalApi {
    state: Arc<ApiState>,
    router: axum::Router,
}

impl LocalApi {
    /// Answers a whole request whose sender has access.
    pub(crate) async fn answer(&self, request: Request<Vec<u8>>) -> Response<Vec<u8>> {
        let answered = self.router.clone().oneshot(request.map(Body::from)).await;
        let Ok(response) = answered.map_err(|never: Infallible| match never {});
        let (parts, body) = response.into_parts();
        // The handlers answer from memory: nothing can fail.
        let body = body.collect().await.map(|body| body.to_bytes().into()).unwrap_or_default();
        Response::from_parts(parts, body)
    }

    /// From now on, what is asked of all nodes is asked of the others too: here it comes. Once only.
    pub(crate) fn share(&self) -> mpsc::Receiver<Asked> {
        let (nodes, asked) = Nodes::new();
        let first = self.state.nodes.set(nodes).is_ok();
        debug_assert!(first, "a node has one engine");
        asked
    }
}
