//! Which charts a record gets. Series are known by their units and by words in their names, so that
//! a mode can add a series without a change here.

use hdrhistogram::Histogram;

use super::axis::{Axis, Quantity, nines};
use super::bars::Bars;
use super::chart::{Chart, Line, Style, finite};
use super::markup::Markup;
use crate::record::{Latency, LatencyPoint, Record, Series};
use crate::report::{headline, units};

const COLOURS: [&str; 6] = ["c1", "c2", "c3", "c4", "c5", "c6"];

/// Series of one unit share a chart when their peaks are within this factor; else the smaller one
/// would be a line on the floor.
const COMPARABLE: f64 = 12.0;

/// Steps of a logarithmic latency axis pay when the slowest is so many times the fastest.
const WORTH_A_LOGARITHM: f64 = 20.0;

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
    pictures.extend(back_after(record).map(Picture::Bars));
    pictures.extend(percentiles(record).map(Picture::Lines));
    pictures.extend(latency_over_time(record, end).map(Picture::Lines));
    pictures.extend(of_kind(Kind::Traffic));
    pictures.extend(per_connection(record).map(Picture::Bars));
    pictures.extend(memory_by_connections(record).map(Picture::Lines));
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

/// Where the memory of a connection is: every figure in bytes that says it is of one. Of the three
/// ways to count the server's, only the one that leaves out what is shared.
fn per_connection(record: &Record) -> Option<Bars> {
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
    (rows.len() > 1).then(|| Bars {
        title: "Memory per connection".into(),
        note: "What the run added, divided by its connections: what is made once is in it.".into(),
        quantity: Quantity::Bytes,
        rows,
    })
}

/// What a series is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connections,
    Connects,
    Traffic,
    Memory,
    KernelMemory,
    Cpu,
    Other,
}

impl Kind {
    fn of(series: &Series) -> Self {
        let connection = series.name.contains("connect");
        match Quantity::of_unit(series.unit) {
            Quantity::Count if connection => Self::Connections,
            Quantity::Rate if connection => Self::Connects,
            Quantity::Rate => Self::Traffic,
            Quantity::Bytes if series.name.contains("kernel") => Self::KernelMemory,
            Quantity::Bytes if series.unit == "B" => Self::Memory,
            Quantity::Cores => Self::Cpu,
            Quantity::Percent if series.name.to_lowercase().contains("cpu") => Self::Cpu,
            _ => Self::Other,
        }
    }

    fn title(self, group: &[&Series]) -> String {
        match (self, group) {
            (Self::Connections, _) => "Connections over time".into(),
            (Self::Cpu, _) => "CPU".into(),
            (Self::Memory, _) => "User memory over time".into(),
            (Self::KernelMemory, _) => "Kernel memory over time".into(),
            _ => capital(
                &group.iter().map(|series| spoken(&series.name)).collect::<Vec<_>>().join(", "),
            ),
        }
    }

    fn note(self, group: &[&Series]) -> String {
        let unit = group.first().map_or("", |series| series.unit);
        match self {
            Self::Connections => "Open at each moment since the start.".into(),
            Self::Connects => "Handshakes completed a second.".into(),
            Self::Traffic => "Messages a second.".into(),
            Self::Memory => "Of the process, without what the kernel holds for its sockets.".into(),
            Self::KernelMemory => {
                "Of the whole machine: on loopback, both ends of every connection.".into()
            }
            Self::Cpu if unit == "cores" => "1 is one core fully used.".into(),
            Self::Cpu => "Percent of a core.".into(),
            Self::Other if unit.is_empty() => "A count, over time.".into(),
            Self::Other => format!("In {unit}, over time."),
        }
    }
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
            points: from_start(kind, series).map(|(at, value)| (at, value * factor)).collect(),
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

/// The points of a series. Before the first connect there was no connection, which the first point
/// may be too late to say.
fn from_start(kind: Kind, series: &Series) -> impl Iterator<Item = (f64, f64)> {
    let is_late = series.points.first().is_some_and(|point| point.0 > 0.0);
    let start = (kind == Kind::Connections && is_late).then_some((0.0, 0.0));
    start.into_iter().chain(series.points.iter().copied())
}

/// Latencies that say how the run went, not how the server did.
const ASIDE: [&str; 3] =
    ["connect and handshake", "publication acknowledged", "publication sent late"];

/// Percentiles in the manner of `HdrHistogram`: every further nine takes the same room, so that the
/// tail can be read.
fn percentiles(record: &Record) -> Option<Chart> {
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
        title: "Latency distribution".into(),
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

fn latency_over_time(record: &Record, end: f64) -> Option<Chart> {
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
            remark: String::new(),
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

/// The server's memory against its connections: the slope is what one connection costs, and a bend
/// is a table that doubles.
fn memory_by_connections(record: &Record) -> Option<Chart> {
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

fn peak(series: &Series) -> f64 {
    finite(&series.points).iter().map(|point| point.1).fold(0.0, f64::max)
}

fn last_moment(record: &Record) -> f64 {
    let series = record.series.iter().filter_map(|series| Some(series.points.last()?.0));
    let latencies = record.latency_series.last().map(|point| point.at_s);
    series.chain(latencies).filter(|at| at.is_finite()).fold(0.0, f64::max)
}

fn moment(at_s: f64) -> String {
    format!("{at_s:.1} s")
}

fn percentile(x: f64) -> String {
    let share = 100.0 * (1.0 - 10f64.powf(-x));
    if x < 2.0 { format!("{share:.1} %") } else { format!("{share:.5} %") }
}

/// `deliveries/s` as a title has it.
fn spoken(name: &str) -> String {
    name.strip_suffix("/s").map_or_else(|| name.to_owned(), |what| format!("{what} per second"))
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
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
                "Kernel memory over time",
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
    fn percentile_points_end_with_the_slowest() {
        let latency = sample::latency("x", &(1..=1_000).collect::<Vec<_>>());
        let points = percentile_points(&latency.histogram);
        let (x, y) = *points.last().unwrap();
        assert!((x - 3.0).abs() < 1e-9 && (y - 1_000.0).abs() < 1.0);
        assert!(points.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        let one = sample::latency("x", &[7]);
        assert!(percentile_points(&one.histogram).len() >= 2);
    }

    #[test]
    fn a_line_needs_points_apart() {
        assert_eq!(fit(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
