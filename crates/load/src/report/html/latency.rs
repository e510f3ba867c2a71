//! The charts of latencies: how they are distributed, and how they went over time.

use hdrhistogram::Histogram;

use super::axis::{Axis, Quantity, nines};
use super::chart::{Chart, Line, Style, moment};
use super::colours::COLOURS;
use crate::record::{Latency, LatencyPoint, Record};
use crate::report::{headline, units};

/// Steps of a logarithmic latency axis pay when the slowest is so many times the fastest.
const WORTH_A_LOGARITHM: f64 = 20.0;
/// Latencies that say how the run went, not how the server did.
const ASIDE: [&str; 3] =
    ["connect and handshake", "publication acknowledged", "publication sent late"];

/// Percentiles in the manner of `HdrHistogram`: every further nine takes the same room, so that the
/// tail can be read.
pub(super) fn percentiles(record: &Record) -> Option<Chart> {
    let main = headline::main_latency(record)?;
    // Of another kind than the main one: they are in the table.
    let others = record
        .latencies
        .iter()
        .filter(|latency| latency.name != main.name && !ASIDE.contains(&latency.name.as_str()));
    let latencies: Vec<&Latency> = std::iter::once(main)
        .chain(others)
        .filter(|latency| !latency.histogram.is_empty())
        .take(COLOURS.len())
        .collect();
    let highest = latencies.iter().map(|latency| latency.histogram.max()).max()?;
    let lowest = latencies.iter().map(|latency| latency.histogram.min()).min()?;
    let count = latencies.iter().map(|latency| latency.histogram.len()).max()?;
    let (y, scale) = latency_axis(lowest as f64, highest as f64);
    let lines = latencies
        .iter()
        .zip(COLOURS)
        .map(|(latency, class)| Line {
            name: latency.name.clone(),
            class,
            points: percentile_points(&latency.histogram),
            remark: format!(
                "p99 {}",
                units::micros(latency.histogram.value_at_percentile(99.0) as f64)
            ),
            style: Style::Line,
        })
        .collect();
    Some(Chart {
        title: if record.comparison.is_empty() { "Latency distribution" } else { "Message age" }
            .into(),
        note: format!(
            "So many percent were at least so fast, {scale}. Each further nine takes the same room.",
        ),
        x: Axis::nines(count),
        y,
        x_label: percentile,
        quantity: Quantity::Micros,
        lines,
        reference: None,
    })
}

fn percentile_points(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    const STEPS: u32 = 160;
    let last = (histogram.len().max(1) as f64).log10().min(7.0);
    let mut points: Vec<(f64, f64)> = (0..STEPS)
        .map(|i| last * f64::from(i) / f64::from(STEPS))
        .map(|x| (x, histogram.value_at_quantile(1.0 - 10f64.powf(-x)) as f64))
        .collect();
    // The slowest of all stands where its share ends.
    points.push((last.max(nines(0.5)), histogram.max() as f64));
    points
}

pub(super) fn latency_over_time(record: &Record, end: f64) -> Option<Chart> {
    type Pick = fn(&LatencyPoint) -> u64;
    const LINES: [(&str, &str, Pick); 5] = [
        ("max", "q5", |point| point.max_us),
        ("p99.9", "q4", |point| point.p999_us),
        ("p99", "q3", |point| point.p99_us),
        ("p90", "q2", |point| point.p90_us),
        ("p50", "q1", |point| point.p50_us),
    ];
    let measured: Vec<&LatencyPoint> =
        record.latency_series.iter().filter(|point| point.count > 0).collect();
    let highest = measured.iter().map(|point| point.max_us).max()?;
    let lowest = measured.iter().map(|point| point.p50_us).min()?;
    let (y, scale) = latency_axis(lowest as f64, highest as f64);
    let name = headline::main_latency(record).map_or("", |latency| latency.name.as_str());
    let lines = LINES
        .into_iter()
        .map(|(name, class, pick)| Line {
            name: name.into(),
            class,
            points: measured.iter().map(|point| (point.at_s, pick(point) as f64)).collect(),
            remark: measured
                .iter()
                .map(|point| pick(point))
                .max()
                .map_or(String::new(), |peak| format!("peak {}", units::micros(peak as f64))),
            style: Style::Line,
        })
        .collect();
    Some(Chart {
        title: "Latency over time".into(),
        note: format!("Percentiles of {name} in each stretch of the run, {scale}.")
            .replace("  ", " "),
        x: Axis::until(Quantity::Seconds, end, 8),
        y,
        x_label: moment,
        quantity: Quantity::Micros,
        lines,
        reference: None,
    })
}

/// The axis that shows a span of latencies best, and what to call it.
fn latency_axis(lowest: f64, highest: f64) -> (Axis, &'static str) {
    if highest > lowest.max(1.0) * WORTH_A_LOGARITHM {
        (Axis::logarithmic(Quantity::Micros, lowest.max(1.0), highest), "logarithmic scale")
    } else {
        (Axis::from_zero(Quantity::Micros, highest, 4), "linear scale")
    }
}

/// A place on the axis of a percentile plot, as a share.
fn percentile(x: f64) -> String {
    let share = 100.0 * (1.0 - 10f64.powf(-x));
    if x < 2.0 { format!("{share:.1} %") } else { format!("{share:.5} %") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn percentile_points_end_with_the_slowest() {
        let latency = sample::latency("x", &(1..=1_000).collect::<Vec<_>>());
        let points = percentile_points(&latency.histogram);
        let (x, y) = *points.last().unwrap();
        assert!((x - 3.0).abs() < 1e-9 && (y - 1_000.0).abs() < 1.0);
        assert!(points.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        let one = sample::latency("x", &[7]);
        assert!(percentile_points(&one.histogram).len() >= 2);
    }
}
