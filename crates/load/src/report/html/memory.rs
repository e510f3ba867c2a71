//! The charts of what one connection costs: where its memory is, and how memory grows with them.

use super::axis::{Axis, Quantity};
use super::bars::Bars;
use super::chart::{Chart, Line, Style, finite};
use super::colours::COLOURS;
use super::kind::Kind;
use crate::record::Record;
use crate::report::{headline, units};

/// Where the memory of a connection is: every figure in bytes that says it is of one. Of the three
/// ways to count the server's, only the one that leaves out what is shared.
pub(super) fn per_connection(record: &Record) -> Option<Bars> {
    const SUFFIX: &str = ", per connection";
    let has_private =
        record.summary.iter().any(|figure| figure.name == "server private dirty, per connection");
    let figures = record.summary.iter().filter(|figure| {
        let shared = ["(RSS)", "(PSS)"].iter().any(|kind| figure.name.contains(kind));
        let redundant = shared && figure.name.contains("server") && has_private;
        figure.unit == "B" && figure.name.ends_with(SUFFIX) && figure.value > 0.0 && !redundant
    });
    let rows: Vec<(String, f64, &'static str)> = figures
        .zip(COLOURS.into_iter().cycle())
        .map(|(figure, class)| {
            (figure.name.trim_end_matches(SUFFIX).to_owned(), figure.value, class)
        })
        .collect();
    let sound = headline::is_memory_per_connection_sound(record);
    (sound && rows.len() > 1).then(|| Bars {
        title: "Memory per connection".into(),
        note: "What the run added, divided by its connections: what is made once is in it.".into(),
        quantity: Quantity::Bytes,
        rows,
    })
}

/// The server's memory against its connections: the slope is what one connection costs, and a bend
/// is a table that doubles.
pub(super) fn memory_by_connections(record: &Record) -> Option<Chart> {
    const POINTS_MIN: usize = 6;
    let open = record.series.iter().find(|series| Kind::of(series) == Kind::Connections)?;
    let memory = record.series.iter().find(|series| {
        Kind::of(series) == Kind::Memory && series.name.to_lowercase().contains("server")
    })?;
    let mut points = ramp(&finite(&open.points), &finite(&memory.points));
    points.dedup_by(|later, earlier| later.0 <= earlier.0);
    if points.len() < POINTS_MIN {
        return None;
    }
    let (slope, start) = fit(&points)?;
    let (right, top) =
        points.iter().fold((0.0, 0.0), |(x, y), p| (f64::max(x, p.0), f64::max(y, p.1)));
    let fitted = vec![(0.0, start.max(0.0)), (right, slope.mul_add(right, start).max(0.0))];
    let line = |name: &str, class, points, remark, style| Line {
        name: name.into(),
        class,
        points,
        remark,
        style,
    };
    Some(Chart {
        title: "Memory by connections".into(),
        note: "The server's memory against its connections while they grew: the slope is the cost \
               of one, without the kernel's part."
            .into(),
        x: Axis::until(Quantity::Count, right, 5),
        y: Axis::from_zero(Quantity::Bytes, top, 4),
        x_label: |x| format!("{} connections", units::count(x.round())),
        quantity: Quantity::Bytes,
        lines: vec![
            line("fit", "c2", fitted, format!("{} each", units::bytes(slope)), Style::Dashed),
            line(&memory.name, "c1", points, String::new(), Style::Dots),
        ],
        reference: None,
    })
}

/// Connections and memory at the same moments, until the connections were at their peak.
fn ramp(open: &[(f64, f64)], memory: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const APART_S: f64 = 0.5;
    let peak = open.iter().map(|point| point.1).fold(0.0, f64::max);
    let end = open.iter().position(|point| point.1 >= peak).map_or(0, |i| i + 1);
    open[..end]
        .iter()
        .filter_map(|(at, connections)| {
            let distance = |point: &(f64, f64)| (point.0 - at).abs();
            let nearest = memory.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
            (distance(nearest) <= APART_S).then_some((*connections, nearest.1))
        })
        .collect()
}

/// Slope and start of the line with the least squares; nothing when the points do not spread.
fn fit(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (mut across, mut along) = (0.0, 0.0);
    for point in points {
        across += (point.0 - x) * (point.1 - y);
        along += (point.0 - x).powi(2);
    }
    (along > 0.0).then(|| (across / along, y - across / along * x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Series;
    use crate::report::sample;

    #[test]
    fn the_slope_is_the_cost_of_one_connection() {
        let mut record = sample::empty();
        let series = |name: &str, unit, value: fn(f64) -> f64| Series {
            name: name.into(),
            unit,
            points: (0..20).map(f64::from).map(|at| (at, value(at))).collect(),
        };
        record.series = vec![
            series("connections open", "", |at| (at * 1_000.0).min(10_000.0)),
            series("server RSS", "B", |at| 5e6 + (at * 1_000.0).min(10_000.0) * 118.0),
        ];
        let chart = memory_by_connections(&record).unwrap();
        assert_eq!(chart.lines[0].remark, "118 B each");
        assert_eq!(chart.lines[1].points.len(), 11, "only while they grow");
    }

    #[test]
    fn a_line_needs_points_apart() {
        assert_eq!(fit(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
