//! Which request goes where.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tokio::time::Instant;

use crate::backbone::{Backbone, Reply};
use crate::config::ControlConfig;
use crate::error::ApiError;
use crate::guard::guard;
use crate::pending::{Answer, Held, Pending};
use crate::{batch, channel, clients, publish, status};

/// What every request needs.
pub(crate) struct Door {
    pub config: ControlConfig,
    pub backbone: Arc<dyn Backbone>,
    pub pending: Pending,
    pub started: Instant,
}

impl Door {
    pub(crate) fn new(config: ControlConfig, backbone: Arc<dyn Backbone>) -> Arc<Self> {
        let pending = Pending::new(config.pending_bytes_max, config.timeouts.room);
        Arc::new(Self { config, backbone, pending, started: Instant::now() })
    }

    /// Until when a question to the shards that is asked now waits for its answer.
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
        let asked: Vec<_> = (0..self.backbone.shards()).map(ask).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(answer.by(deadline).await?);
        }
        Ok(answers)
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("config", &self.config).finish_non_exhaustive()
    }
}

/// All routes, behind the guard.
pub(crate) fn router(door: Arc<Door>) -> Router {
    let channel =
        get(channel::report).post(publish::publish).put(publish::publish).delete(channel::delete);
    Router::new()
        .route("/pub", post(batch::batch))
        .route("/pub/", channel.clone())
        // All the rest, so that a slash in a name is refused as such.
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
        .layer(from_fn_with_state(Arc::clone(&door), guard))
        // Bodies have bounds of their own.
        .layer(DefaultBodyLimit::disable())
        .with_state(door)
}

/// Now, in Unix milliseconds.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
