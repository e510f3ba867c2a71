//! The names of metrics in Prometheus' form.

use prometheus_client::metrics::MetricType;
use prometheus_client::registry;
use switchboard_api::{Kind, Metric, Unit};

/// What every name begins with, but for the facts of the process, which have the names that other
/// programs give them.
const PREFIX: &str = "switchboard_";
const PROCESS: &str = "process_";

/// The name of a metric's series: the unit goes to the end, and what only grows is a `_total`.
/// `bytes_received` becomes `switchboard_received_bytes_total`.
pub fn series_name(metric: &Metric) -> String {
    let mut name = stem(metric);
    for suffix in [metric.unit.map(unit_name), (metric.kind == Kind::Counter).then_some("total")] {
        name.extend(suffix.map(|suffix| format!("_{suffix}")));
    }
    name
}

/// The name without unit and `_total`, which the encoder adds.
pub(crate) fn stem(metric: &Metric) -> String {
    let prefix = if metric.name.starts_with(PROCESS) { "" } else { PREFIX };
    let unit = metric.unit.map(unit_name);
    let words: Vec<&str> = metric.name.split('_').filter(|word| Some(*word) != unit).collect();
    format!("{prefix}{}", words.join("_"))
}

/// The kind as the encoder knows it.
pub(crate) fn kind(metric: &Metric) -> MetricType {
    match metric.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}

/// The unit as the encoder knows it.
pub(crate) fn unit(metric: &Metric) -> Option<registry::Unit> {
    metric.unit.map(|unit| match unit {
        Unit::Bytes => registry::Unit::Bytes,
        Unit::Seconds => registry::Unit::Seconds,
    })
}

/// The unit as the last word of a name.
fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_with_its_unit_and_with_total_where_it_only_grows() {
        let named = |metric: Metric| series_name(&metric);
        assert_eq!(named(Metric::gauge("polls_held", "")), "switchboard_polls_held");
        assert_eq!(named(Metric::counter("handshakes", "")), "switchboard_handshakes_total");
        let received = Metric::counter("bytes_received", "").in_unit(Unit::Bytes);
        assert_eq!(named(received), "switchboard_received_bytes_total");
        let kept = Metric::gauge("log_bytes", "").in_unit(Unit::Bytes);
        assert_eq!(named(kept), "switchboard_log_bytes");
        let cpu = Metric::counter("process_cpu", "").in_unit(Unit::Seconds);
        assert_eq!(named(cpu), "process_cpu_seconds_total");
    }
}
