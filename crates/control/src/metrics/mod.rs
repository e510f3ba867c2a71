//! What `/metrics` says: everything that is counted, read at the moment when somebody asks.
//!
//! Nothing of what clients send is in a label: neither channels nor users nor addresses. So the number
//! of series depends on the number of shards alone.

mod format;
mod name;
mod process;
mod shards;

use std::fmt;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use switchboard_api::Metric;

use crate::config::ControlConfig;
use crate::inspect::Inspect;
pub(crate) use format::Format;
pub use name::series_name;
use process::Process;
use shards::ShardCounters;

/// Everything that is told beside the counters of the shards.
pub const METRICS: &[Metric] = process::METRICS;

/// Collects the metrics.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    pub(crate) fn new(config: &ControlConfig, inspect: &Arc<dyn Inspect>) -> Self {
        let mut registry = Registry::default();
        let process = Process::new(config.version, config.plane);
        registry.register_collector(Box::new(process));
        registry.register_collector(Box::new(ShardCounters(Arc::clone(inspect))));
        Self(registry)
    }

    /// All metrics as they are now.
    pub(crate) fn write(&self, format: Format) -> Result<String, fmt::Error> {
        format.write(&self.0)
    }
}
