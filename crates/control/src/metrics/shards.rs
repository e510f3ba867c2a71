//! What the shards have counted and measured, as metrics with the label `shard`.
//!
//! There is no series for all shards together: Prometheus adds them up where somebody asks, and with
//! such a series `sum()` would count everything twice.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use switchboard_api::{HistogramCounts, Kind, Metric};

use super::name::{kind, stem, unit};
use crate::inspect::Inspect;

/// The numbers of all shards, read when they are asked for.
pub(super) struct Shards(pub(super) Arc<dyn Inspect>);

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        encode_families(&mut encoder, &self.0.counters(), |kind, value, mut series| match kind {
            Kind::Counter => series.encode_counter::<NoLabelSet, u64, f64>(value, None),
            _ => series.encode_gauge(value),
        })?;
        encode_families(&mut encoder, &self.0.histograms(), |_, counts, mut series| {
            let HistogramCounts { buckets, sum } = counts;
            series.encode_histogram::<NoLabelSet>(*sum, counts.count(), buckets, None)
        })
    }
}

/// Writes each metric with the values of all shards, which have the same ones in the same order.
fn encode_families<T>(
    encoder: &mut DescriptorEncoder<'_>,
    shards: &[Vec<(Metric, T)>],
    encode: impl Fn(Kind, &T, MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    for (at, (metric, _)) in shards.iter().take(1).flatten().enumerate() {
        let (name, unit) = (stem(metric), unit(metric));
        let mut family =
            encoder.encode_descriptor(&name, metric.help, unit.as_ref(), kind(metric))?;
        for (shard, values) in shards.iter().enumerate() {
            if let Some((_, value)) = values.get(at) {
                encode(metric.kind, value, family.encode_family(&[("shard", shard)])?)?;
            }
        }
    }
    Ok(())
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards").finish_non_exhaustive()
    }
}
