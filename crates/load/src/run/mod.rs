//! A run from its beginning to its record.

mod churn;
mod compare;
mod echo;
mod figures;
mod idle;
mod limits;
mod pin;
mod publishing;
mod sampler;
mod session;
mod setup;
mod storm;

use std::io;

use crate::cli::Mode;
use crate::record::Record;

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

/// Runs a mode and returns what it measured.
pub(crate) fn run(mode: &Mode) -> Result<Record, Failure> {
    match mode {
        Mode::Idle(options) => idle::run(options),
        Mode::Fanout(options) => publishing::fanout(options),
        Mode::Slow(options) => publishing::slow(options),
        Mode::Echo(options) => echo::run(options),
        Mode::Storm(options) => storm::run(options),
        Mode::Churn(options) => churn::run(options),
        Mode::CompareTransports(options) => compare::run(options),
    }
}
