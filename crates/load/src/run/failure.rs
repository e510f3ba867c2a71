//! Why a run has no record.

use std::io;

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// The server, or the plane, is not there.
    #[error("{0}")]
    Unavailable(String),
    /// The system refused something.
    #[error("{0}")]
    System(#[from] io::Error),
}
