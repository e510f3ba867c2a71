//! The final table for the terminal: groups of figures, percentiles, errors, the verdict last, where
//! the eye is when the prompt comes back.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

use hdrhistogram::Histogram;

use super::headline::{self, Outcome};
use super::{comparison, targets, units};
use crate::record::Record;

/// The columns of the percentile table.
pub(crate) const PERCENTILES: [(&str, f64); 6] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p95", 95.0),
    ("p99", 99.0),
    ("p99.9", 99.9),
    ("p99.99", 99.99),
];

/// Prints the table to standard output, with the verdict in colour when that is a terminal.
pub(crate) fn print(record: &Record) -> io::Result<()> {
    let stdout = io::stdout();
    let colour = stdout.is_terminal();
    let mut stdout = stdout.lock();
    stdout.write_all(body(record).as_bytes())?;
    let verdict = verdict(record);
    if colour {
        let code = match Outcome::of(record) {
            Outcome::Passed => 32,
            Outcome::Failed => 31,
            Outcome::Interrupted => 33,
        };
        write!(stdout, "\x1b[1;{code}m{verdict}\x1b[0m")?;
    } else {
        stdout.write_all(verdict.as_bytes())?;
    }
    stdout.flush()
}

/// The whole table, as plain text.
#[cfg(test)]
fn render(record: &Record) -> String {
    body(record) + &verdict(record)
}

fn body(record: &Record) -> String {
    let mut out = format!("\n{}  {}\n", record.mode, record.target);
    if let Some(server) = &record.server {
        let _ = writeln!(out, "{server}");
    }
    let machine = record.machine.in_short();
    if !machine.is_empty() {
        let _ = writeln!(out, "{machine}");
    }
    comparison(record, &mut out);
    figures(record, &mut out);
    by_target(record, &mut out);
    latencies(record, &mut out);
    errors(record, &mut out);
    out.push('\n');
    out
}

fn comparison(record: &Record, out: &mut String) {
    if record.comparison.is_empty() {
        return;
    }
    let names = comparison::columns(record);
    let name_width = width(record.comparison.iter().map(|row| row.name).chain(["Transport"])) + 2;
    let first = |name: &str| left(name, name_width);
    let header = names.iter().map(|&name| name.to_owned());
    let mut rows = vec![std::iter::once(first("Transport")).chain(header).collect()];
    for row in comparison::available(record) {
        let name = first(&format!("  {}", row.name));
        let cells = comparison::cells(row, &names).unwrap_or_default();
        rows.push(std::iter::once(name).chain(cells).collect());
    }
    let table = columns(&rows);
    let mut lines = table.lines();
    let _ = writeln!(out, "\n{}", lines.next().unwrap_or_default().trim_end());
    for row in &record.comparison {
        let _ = match comparison::cells(row, &names) {
            Ok(_) => writeln!(out, "{}", lines.next().unwrap_or_default()),
            Err(why) => writeln!(out, "{}  {why}", first(&format!("  {}", row.name))),
        };
    }
}

fn figures(record: &Record, out: &mut String) {
    let name_width = width(record.summary.iter().map(|figure| figure.name.as_str()));
    let values: Vec<(String, &str)> =
        record.summary.iter().map(|figure| split_unit(figure.value, figure.unit)).collect();
    let value_width = width(values.iter().map(|(number, _)| number.as_str()));
    for group in groups(record) {
        let _ = writeln!(out, "\n{group}");
        for (figure, (number, unit)) in record.summary.iter().zip(&values) {
            if figure.group == group {
                let line = format!(
                    "  {}  {} {unit}",
                    left(&figure.name, name_width),
                    right(number, value_width)
                );
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
    }
}

/// The groups in the order in which they first come.
pub(crate) fn groups(record: &Record) -> Vec<&'static str> {
    let mut groups = Vec::new();
    for figure in &record.summary {
        if !groups.contains(&figure.group) {
            groups.push(figure.group);
        }
    }
    groups
}

/// Number and unit apart, so that numbers align in a column.
fn split_unit(value: f64, unit: &str) -> (String, &'static str) {
    const KNOWN: [&str; 15] = [
        "µs", "ms", "s", "min", "B", "KiB", "MiB", "GiB", "TiB", "PiB", "/s", "%", "core", "cores",
        "",
    ];
    let text = units::figure(value, unit);
    if let Some((number, unit)) = text.rsplit_once(' ')
        && let Some(known) = KNOWN.into_iter().find(|known| *known == unit)
    {
        return (number.to_owned(), known);
    }
    (text, "")
}

fn latencies(record: &Record, out: &mut String) {
    if record.latencies.is_empty() {
        return;
    }
    let mut rows: Vec<Vec<String>> = vec![
        ["Latency", "count"]
            .into_iter()
            .chain(PERCENTILES.map(|(name, _)| name))
            .chain(["max"])
            .map(str::to_owned)
            .collect(),
    ];
    for latency in &record.latencies {
        let mut row = vec![format!("  {}", latency.name)];
        row.extend(cells(&latency.histogram));
        rows.push(row);
    }
    out.push('\n');
    out.push_str(&columns(&rows));
}

/// The columns of the percentile table after the name.
pub(crate) fn cells(histogram: &Histogram<u64>) -> Vec<String> {
    let mut cells = vec![units::count(histogram.len() as f64)];
    if histogram.is_empty() {
        cells.extend(std::iter::repeat_n("-".to_owned(), PERCENTILES.len() + 1));
    } else {
        let at = |percentile| units::micros(histogram.value_at_percentile(percentile) as f64);
        cells.extend(PERCENTILES.map(|(_, percentile)| at(percentile)));
        cells.push(units::micros(histogram.max() as f64));
    }
    cells
}

fn by_target(record: &Record, out: &mut String) {
    for table in targets::tables(record) {
        let header = std::iter::once(table.title.to_owned()).chain(table.columns);
        let rows = table.rows.into_iter().map(|(name, cells)| {
            std::iter::once(format!("  {name}")).chain(cells).collect::<Vec<_>>()
        });
        let rows: Vec<Vec<String>> = std::iter::once(header.collect()).chain(rows).collect();
        out.push('\n');
        out.push_str(&columns(&rows));
    }
}

fn errors(record: &Record, out: &mut String) {
    if record.errors.is_empty() {
        return;
    }
    out.push_str("\nErrors\n");
    let counts: Vec<String> =
        record.errors.iter().map(|(_, count)| units::count(*count as f64)).collect();
    let count_width = width(counts.iter().map(String::as_str));
    for ((text, _), count) in record.errors.iter().zip(&counts) {
        let _ = writeln!(out, "  {}  {text}", right(count, count_width));
    }
}

fn verdict(record: &Record) -> String {
    let mut out = String::new();
    if let Some(limit) = &record.client_limited {
        let _ = writeln!(out, "note: {limit}");
    }
    let seconds = units::micros(record.duration_s * 1e6);
    let outcome = Outcome::of(record);
    let _ = writeln!(
        out,
        "{}: {} (in {seconds})",
        outcome.word().to_uppercase(),
        headline::sentence(record)
    );
    for reason in headline::reasons(record) {
        let _ = writeln!(out, "  - {reason}");
    }
    if record.interrupted && outcome == Outcome::Failed {
        out.push_str("  (interrupted: this is what was measured until then)\n");
    }
    out
}

/// The first column to the left, the others to the right.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|i| width(rows.iter().filter_map(|row| row.get(i).map(String::as_str))))
        .collect();
    let mut out = String::new();
    for row in rows {
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if i == 0 {
                out.push_str(&left(cell, *width));
            } else {
                out.push_str("  ");
                out.push_str(&right(cell, *width));
            }
        }
        out.push('\n');
    }
    out
}

fn width<'a>(cells: impl Iterator<Item = &'a str>) -> usize {
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
}

/// `format!` pads by characters, as long as each is one column wide, and ours are.
fn left(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

fn right(text: &str, width: usize) -> String {
    format!("{text:>width$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Verdict;
    use crate::report::sample;

    #[test]
    fn numbers_stand_below_each_other() {
        let text = render(&sample::fanout());
        let ends: Vec<usize> = ["connected ", "per second ", "server private dirty"]
            .into_iter()
            .filter_map(|name| text.lines().find(|line| line.trim_start().starts_with(name)))
            .map(|line| line.rfind(|c: char| c.is_ascii_digit()).unwrap())
            .collect();
        assert_eq!(ends.len(), 3, "{text}");
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "no blanks at line ends");
    }

    #[test]
    fn the_verdict_comes_last_with_its_reasons() {
        let mut record = sample::fanout();
        record.verdict = Verdict::Failed(vec!["12 deliveries lost".into()]);
        record.client_limited = Some("the client was the limit".into());
        let text = render(&record);
        let tail: Vec<&str> = text.lines().rev().take(3).collect();
        assert_eq!(tail[0], "  - 12 deliveries lost");
        assert!(tail[1].starts_with("FAILED: 500,000 deliveries"), "{text}");
        assert_eq!(tail[2], "note: the client was the limit");
    }

    #[test]
    fn nothing_measured_is_a_short_table() {
        let text = render(&sample::empty());
        assert!(text.ends_with("INTERRUPTED: idle of ws://127.0.0.1:1/ (in 0 µs)\n"), "{text}");
    }

    #[test]
    fn ways_stand_side_by_side() {
        let text = render(&sample::comparison());
        let header = text.lines().find(|line| line.starts_with("Transport")).unwrap();
        let row = text.lines().find(|line| line.starts_with("  interval poll")).unwrap();
        let end = |line: &str, word: &str| line.find(word).unwrap() + word.len();
        assert_eq!(end(header, "requests"), end(row, "20,000"), "{text}");
        let line = |word: &str| text.lines().position(|line| line.starts_with(word)).unwrap();
        assert_eq!(line("  long poll      not available: HTTP 426"), line("  interval poll") + 1);
        assert!(text.contains("PASSED: the same messages to 1,000 clients"), "{text}");
    }

    #[test]
    fn each_of_several_targets_has_a_row() {
        let text = render(&sample::several_targets());
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("  127.0.0.1:80")).collect();
        assert_eq!(rows.len(), 4, "{text}");
        assert!(
            rows[1].starts_with("  127.0.0.1:8010")
                && rows[1].ends_with("5,000     0             -")
        );
        assert!(rows[2].ends_with("  25  Switchboard 0.4.0 on epoll"), "{text}");
        assert!(!render(&sample::fanout()).contains("Targets"));
    }

    #[test]
    fn errors_are_listed() {
        let mut record = sample::empty();
        record.errors = vec![("reset by peer".into(), 1_200), ("timed out".into(), 3)];
        assert!(render(&record).contains("\nErrors\n  1,200  reset by peer\n      3  timed out\n"));
    }
}
