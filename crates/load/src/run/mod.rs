//! A run from its beginning to its record.

mod churn;
mod command;
mod compare;
mod echo;
mod failure;
mod figures;
mod idle;
mod limits;
mod pin;
mod places;
mod publisher;
mod publishing;
mod sampler;
mod server;
mod session;
mod setup;
mod storm;
mod targets;

pub(crate) use failure::Failure;

use self::server::Servers;
use crate::cli::Mode;
use crate::record::Record;
use crate::watch;

/// Runs a mode and returns what it measured.
pub(crate) fn run(mode: &Mode) -> Result<Record, Failure> {
    let servers = Servers::ask(mode.common(), mode.publish());
    let mut record = match mode {
        Mode::Idle(options) => idle::run(options),
        Mode::Fanout(options) => publishing::fanout(options),
        Mode::Slow(options) => publishing::slow(options),
        Mode::Echo(options) => echo::run(options),
        Mode::Storm(options) => storm::run(options),
        Mode::Churn(options) => churn::run(options),
        Mode::CompareTransports(options) => compare::run(options),
    }?;
    record.server = mode.common().label.clone().or_else(|| servers.in_short());
    // Each way that is compared has a row for each.
    for (row, server) in record.publish_targets.iter_mut().zip(servers.each().cycle()) {
        row.server.clone_from(server);
    }
    record.command = mode
        .common()
        .command
        .clone()
        .unwrap_or_else(|| command::recorded(std::env::args(), watch::name));
    record.target = command::without_secrets(&record.target);
    for (_, value) in &mut record.parameters {
        *value = command::without_secrets(value);
    }
    Ok(record)
}
