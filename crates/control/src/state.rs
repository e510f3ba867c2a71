//! The state that request handlers share.

use std::fmt;
use std::sync::Arc;

use switchboard_api::ApiError;
use tokio::time::Instant;

use crate::broker::Broker;
use crate::config::ControlConfig;
use crate::inspect::Inspect;
use crate::metrics::Metrics;
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
}

impl ApiState {
    pub(crate) fn new(
        config: ControlConfig,
        broker: Arc<dyn Broker>,
        inspect: Arc<dyn Inspect>,
    ) -> Arc<Self> {
        let metrics = Metrics::new(&config, &inspect);
        let uid = format!("{:016x}", fastrand::u64(..));
        Arc::new(Self { config, broker, inspect, metrics, started: Instant::now(), uid })
    }

    /// The deadline of a question to the shards that is asked now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.config.shard_timeout
    }

    /// Asks every shard the same at once; all must answer.
    pub(crate) async fn ask_all<T: Send + 'static>(
        &self,
        question: impl Fn(usize, Reply<T>),
    ) -> Result<Vec<T>, ApiError> {
        let deadline = self.deadline();
        let ask = |shard| Answer::ask(|reply| question(shard, reply));
        let asked: Vec<_> = (0..self.inspect.shards()).map(ask).collect();
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
