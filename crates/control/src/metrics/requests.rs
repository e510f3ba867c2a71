//! How long the requests take that are answered here.

use std::time::Duration;

use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use switchboard_api::{Metric, Unit};

use super::name::{stem, unit};

/// What is measured.
const REQUEST: Metric = Metric::histogram(
    "api_request",
    "Time that requests to the internal API took, but for publications, from the shard that read them \
     to their answer.",
)
.in_unit(Unit::Seconds);

pub(super) const METRICS: &[Metric] = &[REQUEST];

/// From a fast answer to that of a shard that is late: [`shard_timeout`] is 5 s.
///
/// [`shard_timeout`]: crate::ControlConfig::shard_timeout
const BOUNDS_S: [f64; 13] =
    [50e-6, 100e-6, 250e-6, 500e-6, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// The times of all requests.
#[derive(Debug)]
pub(crate) struct RequestTimes(Histogram);

impl RequestTimes {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let histogram = Histogram::new(BOUNDS_S);
        let (name, unit) = (stem(&REQUEST), unit(&REQUEST));
        // The registry ends the sentence.
        let help = REQUEST.help.trim_end_matches('.');
        if let Some(unit) = unit {
            registry.register_with_unit(name, help, unit, histogram.clone());
        }
        Self(histogram)
    }

    /// A request has its answer.
    pub(crate) fn answered(&self, after: Duration) {
        self.0.observe(after.as_secs_f64());
    }
}
