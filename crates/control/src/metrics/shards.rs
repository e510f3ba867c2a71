//! What the shards have counted, as metrics with the label `shard`.
//!
//! There is no series for all shards together: Prometheus adds them up where somebody asks, and with
//! such a series `sum()` would count everything twice.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use switchboard_api::Kind;

use super::name::{stem, unit};
use crate::inspect::Inspect;

/// The counters of all shards, read when they are asked for.
pub(super) struct ShardCounters(pub(super) Arc<dyn Inspect>);

impl Collector for ShardCounters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shards = self.0.counters();
        let Some(first) = shards.first() else {
            return Ok(());
        };
        for (at, (metric, _)) in first.iter().enumerate() {
            let (name, unit) = (stem(metric), unit(metric));
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
            };
            let mut family = encoder.encode_descriptor(&name, metric.help, unit.as_ref(), kind)?;
            for (shard, counters) in shards.iter().enumerate() {
                let label = [("shard", shard)];
                let mut series = family.encode_family(&label)?;
                match (metric.kind, counters.get(at)) {
                    (Kind::Counter, Some((_, value))) => {
                        series.encode_counter::<NoLabelSet, u64, f64>(value, None)?;
                    }
                    (Kind::Gauge, Some((_, value))) => series.encode_gauge(value)?,
                    (_, None) => {}
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ShardCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardCounters").finish_non_exhaustive()
    }
}
