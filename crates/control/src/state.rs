//! The state that request handlers share.

use std::fmt;
use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;
use switchboard_api::ApiError;
use switchboard_cluster::Question;
use tokio::time::Instant;

use crate::broker::Broker;
use crate::config::ControlConfig;
use crate::inspect::Inspect;
use crate::metrics::Metrics;
use crate::nodes::{Nodes, Others, is_for_this_node};
use crate::question::Answer;
use crate::reply::Reply;

/// What every request needs.
pub(crate) struct ApiState {
    pub config: ControlConfig,
    pub broker: Arc<dyn Broker>,
    pub inspect: Arc<dyn Inspect>,
    pub metrics: Metrics,
    pub started: Instant,
    /// Names this run of the server.
    pub uid: String,
    /// The other nodes, where there are any.
    pub nodes: OnceLock<Nodes>,
}

impl ApiState {
    pub(crate) fn new(
        config: ControlConfig,
        broker: Arc<dyn Broker>,
        inspect: Arc<dyn Inspect>,
    ) -> Arc<Self> {
        let metrics = Metrics::new(&config, &inspect);
        let uid = format!("{:016x}", fastrand::u64(..));
        let (started, nodes) = (Instant::now(), OnceLock::new());
        Arc::new(Self { config, broker, inspect, metrics, started, uid, nodes })
    }

    /// The deadline of a question to the shards that is asked now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.config.shard_timeout
    }

    /// Asks the other nodes a request that this one has got, unless it is for this node alone.
    pub(crate) async fn ask_others(
        &self,
        headers: &HeaderMap,
        (method, target, body): (&str, String, &str),
    ) -> Others {
        match self.nodes.get() {
            Some(nodes) if !is_for_this_node(headers) => {
                let (method, target, body) = (method.into(), target.into(), body.into());
                nodes.ask(Question { method, target, body }).await
            }
            _ => Others::default(),
        }
    }

    /// Asks every shard the same at once; all must answer.
    pub(crate) async fn ask_all<T: Send + 'static>(
        &self,
        question: impl Fn(usize, Reply<T>),
    ) -> Result<Vec<T>, ApiError> {
        self.ask_each(self.inspect.shards(), question).await
    }

    /// Asks so many the same at once; all must answer.
    pub(crate) async fn ask_each<T: Send + 'static>(
        &self,
        count: usize,
        question: impl Fn(usize, Reply<T>),
    ) -> Result<Vec<T>, ApiError> {
        let deadline = self.deadline();
        let ask = |number| Answer::ask(|reply| question(number, reply));
        let asked: Vec<_> = (0..count).map(ask).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(answer.by(deadline).await?);
        }
        Ok(answers)
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState").field("config", &self.config).finish_non_exhaustive()
    }
}
