//! A run from its beginning to its record.

mod churn;
mod compare;
mod echo;
mod failure;
mod figures;
mod idle;
mod limits;
mod pin;
mod publishing;
mod sampler;
mod session;
mod setup;
mod storm;

pub(crate) use failure::Failure;

use crate::cli::Mode;
use crate::record::Record;

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
