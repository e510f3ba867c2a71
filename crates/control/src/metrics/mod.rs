//! `/metrics`: every counter and histogram, read when a client asks for it.
//!
//! Nothing of what clients send is in a label: neither channels nor users nor addresses. So the number
//! of series depends on the number of shards and hooks alone.

mod format;
pub(crate) mod name;
mod phases;
pub(crate) mod process;
mod requests;
mod shards;

use std::fmt;
use std::sync::Arc;

use prometheus_client::registry::Registry;
use switchboard_api::Metric;

use crate::config::ControlConfig;
use crate::hooks::EVENT_METRICS;
use crate::inspect::Inspect;
pub(crate) use format::Format;
pub use name::series_name;
use phases::Phases;
use process::Process;
use requests::RequestTimes;
use shards::Shards;

/// All metrics beside those of the shards, of each hook and of the engine.
pub const METRICS: &[&[Metric]] =
    &[process::METRICS, phases::METRICS, requests::METRICS, EVENT_METRICS];

/// Collects the metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// How long requests take.
    pub(crate) requests: RequestTimes,
}

impl Metrics {
    pub(crate) fn new(config: &ControlConfig, inspect: &Arc<dyn Inspect>) -> Self {
        let mut registry = Registry::default();
        let process = Process::new(config.version, config.plane);
        registry.register_collector(Box::new(process));
        registry.register_collector(Box::new(Phases(Arc::clone(inspect))));
        registry.register_collector(Box::new(Shards(Arc::clone(inspect))));
        registry.register_collector(Box::new(config.hooks.clone()));
        if let Some(engine) = config.engine.clone() {
            registry.register_collector(Box::new(engine));
        }
        let requests = RequestTimes::register(&mut registry);
        Self { registry, requests }
    }

    /// All metrics as they are now.
    pub(crate) fn write(&self, format: Format) -> Result<String, fmt::Error> {
        format.write(&self.registry)
    }
}
