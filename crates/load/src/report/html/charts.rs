//! Which charts a record gets. Series are known by their units and by words in their names, so that
//! a mode can add a series without a change here.

use super::axis::{Axis, Quantity};
use super::bars::Bars;
use super::chart::{Chart, Line, Style, finite, moment};
use super::colours::COLOURS;
use super::kind::Kind;
use super::markup::Markup;
use super::{compared, latency, memory};
use crate::record::{Record, Series};

/// Series of one unit share a chart when their peaks are within this factor; else the smaller one
/// would be a line on the floor.
const COMPARABLE: f64 = 12.0;

/// A chart of one kind or another.
#[derive(Debug)]
pub(super) enum Picture {
    Lines(Chart),
    Bars(Bars),
}

impl Picture {
    pub(super) fn write(&self, m: &mut Markup) {
        match self {
            Self::Lines(chart) => chart.write(m),
            Self::Bars(bars) => bars.write(m),
        }
    }
}

/// All charts of a record, in the order in which they are read.
pub(super) fn of(record: &Record) -> Vec<Picture> {
    let end = record.duration_s.max(last_moment(record));
    let of_kind = |kind: Kind| {
        // A chart of nothing but zeros says less than the figure in the table.
        let says_something = |series: &&Series| Kind::of(series) == kind && peak(series) > 0.0;
        let series = record.series.iter().filter(says_something).collect();
        let charts = groups(series, kind).into_iter().map(|group| over_time(kind, &group, end));
        charts.map(Picture::Lines).collect::<Vec<_>>()
    };
    let mut pictures = of_kind(Kind::Connections);
    pictures.extend(compared::bars(record).into_iter().map(Picture::Bars));
    pictures.extend(back_after(record).map(Picture::Bars));
    pictures.extend(latency::percentiles(record).map(Picture::Lines));
    pictures.extend(latency::latency_over_time(record, end).map(Picture::Lines));
    pictures.extend(of_kind(Kind::Traffic));
    pictures.extend(memory::per_connection(record).map(Picture::Bars));
    pictures.extend(memory::memory_by_connections(record).map(Picture::Lines));
    pictures.extend(of_kind(Kind::Memory));
    pictures.extend(of_kind(Kind::KernelMemory));
    pictures.extend(of_kind(Kind::Cpu));
    pictures.extend(of_kind(Kind::Connects));
    pictures.extend(of_kind(Kind::Other));
    pictures
}

/// How long it took until a part of the clients was back.
fn back_after(record: &Record) -> Option<Bars> {
    let figures = record
        .summary
        .iter()
        .filter(|figure| figure.unit == "s" && figure.name.ends_with("back after"));
    let rows: Vec<(String, f64, &'static str)> = figures
        .zip(["q2", "q3", "q4"].into_iter().cycle())
        .map(|(figure, class)| (figure.name.clone(), figure.value * 1e6, class))
        .collect();
    (rows.len() > 1).then(|| Bars {
        title: "Time until they are back".into(),
        note: "From the drop to the end of the handshake.".into(),
        quantity: Quantity::Micros,
        rows,
    })
}

/// Series that share a chart: the same unit, and no one dwarfed by another. Memory and CPU are
/// always together, as client and server are to be compared there.
fn groups(series: Vec<&Series>, kind: Kind) -> Vec<Vec<&Series>> {
    let mut groups: Vec<Vec<&Series>> = Vec::new();
    for series in series {
        let fits = |group: &&mut Vec<&Series>| {
            let (a, b) = (peak(group[0]), peak(series));
            let together = matches!(kind, Kind::Cpu | Kind::Memory);
            let comparable = a <= b * COMPARABLE && b <= a * COMPARABLE;
            group[0].unit == series.unit && group.len() < COLOURS.len() && (together || comparable)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(series),
            None => groups.push(vec![series]),
        }
    }
    groups
}

fn over_time(kind: Kind, group: &[&Series], end: f64) -> Chart {
    let unit = group.first().map_or("", |series| series.unit);
    let quantity = Quantity::of_unit(unit);
    let factor = Quantity::factor(unit);
    let top = group.iter().map(|series| peak(series)).fold(0.0, f64::max) * factor;
    let style = match quantity {
        Quantity::Rate | Quantity::Cores | Quantity::Percent => Style::Steps,
        _ if group.len() == 1 => Style::Area,
        _ => Style::Line,
    };
    let lines = group
        .iter()
        .zip(COLOURS)
        .map(|(series, class)| Line {
            name: series.name.clone(),
            class,
            points: series.points.iter().map(|(at, value)| (*at, value * factor)).collect(),
            remark: format!("peak {}", quantity.show(peak(series) * factor)),
            style,
        })
        .collect();
    // One core is the limit of a thread, so it belongs into the picture whenever it is near.
    let reference = (unit == "cores" && top > 0.5).then(|| (1.0, "one core".to_owned()));
    let top = if reference.is_some() { top.max(1.0) } else { top };
    Chart {
        title: kind.title(group),
        note: kind.note(group),
        x: Axis::until(Quantity::Seconds, end, 8),
        y: Axis::from_zero(quantity, top, 4),
        x_label: moment,
        quantity,
        lines,
        reference,
    }
}

fn peak(series: &Series) -> f64 {
    finite(&series.points).iter().map(|point| point.1).fold(0.0, f64::max)
}

fn last_moment(record: &Record) -> f64 {
    let series = record.series.iter().filter_map(|series| Some(series.points.last()?.0));
    let latencies = record.latency_series.last().map(|point| point.at_s);
    series.chain(latencies).filter(|at| at.is_finite()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn titles(record: &Record) -> Vec<String> {
        let title = |picture| match picture {
            Picture::Lines(chart) => chart.title,
            Picture::Bars(bars) => bars.title,
        };
        of(record).into_iter().map(title).collect()
    }

    #[test]
    fn a_full_record_has_every_chart() {
        assert_eq!(
            titles(&sample::fanout()),
            [
                "Connections over time",
                "Latency distribution",
                "Latency over time",
                "Received per second",
                "Sent per second",
                "Memory per connection",
                "User memory over time",
                "Kernel slab over time",
                "CPU",
                "Connects per second",
            ]
        );
    }

    #[test]
    fn an_empty_record_has_none() {
        assert_eq!(titles(&sample::empty()), [""; 0]);
    }

    #[test]
    fn unknown_series_are_shown_too() {
        let mut record = sample::empty();
        let series = |name: &str, unit| Series {
            name: name.into(),
            unit,
            points: vec![(0.0, 1.0), (1.0, 2.0)],
        };
        record.series =
            vec![series("retransmits", ""), series("staleness", "ms"), series("odd", "K")];
        assert_eq!(titles(&record), ["Retransmits", "Staleness", "Odd"]);
    }
}
