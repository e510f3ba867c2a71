//! Why the engine cannot be used, and why a question to it has no answer.

use std::path::PathBuf;

use async_nats::jetstream::context::{CreateStreamError, GetStreamError};
use async_nats::{ConnectError, SubscribeError};

/// Nobody has answered a question, or the answer cannot be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

/// Why the engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no connection.
    #[error("no connection to NATS (engine_servers): {0}")]
    Connect(Box<dyn std::error::Error + Send + Sync>),
    /// The file cannot be used.
    #[error("engine_credentials_file {path:?}: {source}")]
    Credentials {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The server is too old.
    #[error("NATS {found} is too old: 2.11 or newer is needed")]
    Version {
        /// What it says it is.
        found: String,
    },
    /// The server has no JetStream.
    #[error("this NATS server has no JetStream (its configuration lacks `jetstream {{}}`)")]
    NoJetStream,
    /// A stream cannot be looked at.
    #[error("the stream {stream}: {source}")]
    Get {
        /// Which.
        stream: String,
        /// Why.
        source: GetStreamError,
    },
    /// A stream cannot be made.
    #[error("the stream {stream} cannot be made: {source}")]
    Create {
        /// Which.
        stream: String,
        /// Why.
        source: CreateStreamError,
    },
    /// A stream is not what it must be.
    #[error("the stream {stream} is not as this configuration needs it: {differences}")]
    Differs {
        /// Which.
        stream: String,
        /// In what.
        differences: String,
    },
}

impl EngineError {
    pub(super) fn connect(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Connect(Box::new(error))
    }
}

impl From<ConnectError> for EngineError {
    fn from(error: ConnectError) -> Self {
        Self::connect(error)
    }
}

impl From<SubscribeError> for EngineError {
    fn from(error: SubscribeError) -> Self {
        Self::connect(error)
    }
}
