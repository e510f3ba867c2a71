//! The state that request handlers share.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::broker::Broker;
use crate::config::ControlConfig;
use crate::error::ApiError;
use crate::inspect::Inspect;
use crate::pending::{Answer, Held, Pending};
use crate::reply::Reply;

/// What every request needs.
pub(crate) struct ApiState {
    pub config: ControlConfig,
    pub broker: Arc<dyn Broker>,
    pub inspect: Arc<dyn Inspect>,
    pub pending: Pending,
    pub started: Instant,
}

impl ApiState {
    pub(crate) fn new(
        config: ControlConfig,
        broker: Arc<dyn Broker>,
        inspect: Arc<dyn Inspect>,
    ) -> Arc<Self> {
        let pending = Pending::new(config.pending_bytes_max, config.timeouts.room);
        Arc::new(Self { config, broker, inspect, pending, started: Instant::now() })
    }

    /// The deadline of a question to the shards that is asked now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.config.timeouts.shard
    }

    /// Asks every shard the same at once; all must answer.
    pub(crate) async fn ask_all<T: Send + 'static>(
        &self,
        question: impl Fn(usize, Reply<T>),
    ) -> Result<Vec<T>, ApiError> {
        let deadline = self.deadline();
        let ask = |shard| Answer::ask(Held::default(), |reply| question(shard, reply));
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
