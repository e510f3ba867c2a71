//! The record as CSV files (RFC 4180), one for each kind of row, in the long form that plotting
//! tools like.

use std::borrow::Cow;

use super::targets;
use crate::record::{PERCENTILES, Record};

/// The files: name and contents.
pub(crate) fn files(record: &Record) -> Vec<(&'static str, String)> {
    let mut files = vec![
        ("summary.csv", summary(record)),
        ("latency.csv", latency(record)),
        ("latency_over_time.csv", latency_over_time(record)),
        ("series.csv", series(record)),
    ];
    if !record.comparison.is_empty() {
        files.push(("comparison.csv", comparison(record)));
    }
    if !record.targets.is_empty() || !record.publish_targets.is_empty() {
        files.push(("targets.csv", by_target(record)));
    }
    files
}

fn by_target(record: &Record) -> String {
    let mut out = rows(&["group", "target", "name", "value", "unit", "server"]);
    for (group, targets) in targets::lists(record) {
        for row in targets {
            let server = row.server.as_deref().unwrap_or_default();
            for figure in &row.figures {
                let value = figure.value.to_string();
                push(&mut out, &[group, &row.name, &figure.name, &value, figure.unit, server]);
            }
        }
    }
    out
}

fn comparison(record: &Record) -> String {
    let mut out = rows(&["transport", "name", "value", "unit", "unavailable"]);
    for row in &record.comparison {
        if let Some(why) = &row.unavailable {
            push(&mut out, &[row.name, "", "", "", why]);
        }
        for figure in &row.figures {
            push(&mut out, &[row.name, &figure.name, &figure.value.to_string(), figure.unit, ""]);
        }
    }
    out
}

fn summary(record: &Record) -> String {
    let mut out = rows(&["group", "name", "value", "unit"]);
    for figure in &record.summary {
        push(&mut out, &[figure.group, &figure.name, &figure.value.to_string(), figure.unit]);
    }
    out
}

fn latency(record: &Record) -> String {
    let mut out = rows(&["name", "percentile", "us"]);
    for latency in &record.latencies {
        let histogram = &latency.histogram;
        for (_, percentile) in PERCENTILES {
            let value = histogram.value_at_percentile(percentile).to_string();
            push(&mut out, &[&latency.name, &percentile.to_string(), &value]);
        }
        push(&mut out, &[&latency.name, "100", &histogram.max().to_string()]);
    }
    out
}

fn latency_over_time(record: &Record) -> String {
    let mut out = rows(&["at_s", "p50_us", "p90_us", "p99_us", "p999_us", "max_us", "count"]);
    for point in &record.latency_series {
        let at = format!("{:.3}", point.at_s);
        let values =
            [point.p50_us, point.p90_us, point.p99_us, point.p999_us, point.max_us, point.count]
                .map(|value| value.to_string());
        let mut row = vec![at.as_str()];
        row.extend(values.iter().map(String::as_str));
        push(&mut out, &row);
    }
    out
}

fn series(record: &Record) -> String {
    let mut out = rows(&["series", "unit", "at_s", "value"]);
    for series in &record.series {
        for (at, value) in &series.points {
            push(&mut out, &[&series.name, series.unit, &format!("{at:.3}"), &value.to_string()]);
        }
    }
    out
}

fn rows(header: &[&str]) -> String {
    let mut out = String::new();
    push(&mut out, header);
    out
}

fn push(out: &mut String, row: &[&str]) {
    for (i, cell) in row.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&quoted(cell));
    }
    out.push_str("\r\n");
}

fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\"")).into()
    } else {
        cell.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn cells_are_quoted_when_they_must() {
        assert_eq!(quoted("plain text"), "plain text");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"hi\"\n"), "\"say \"\"hi\"\"\n\"");
    }

    fn columns(line: &str) -> usize {
        // What stands between quotes is not counted.
        line.split('"').step_by(2).map(|part| part.matches(',').count()).sum()
    }

    #[test]
    fn every_row_has_the_columns_of_its_header() {
        let of_comparison =
            files(&sample::comparison()).into_iter().filter(|f| f.0 == "comparison.csv");
        let all = files(&sample::several_targets()).into_iter().chain(of_comparison);
        for (name, text) in all {
            let columns: Vec<usize> = text.lines().map(columns).collect();
            assert!(columns.len() > 1, "{name} has rows");
            assert!(columns.windows(2).all(|pair| pair[0] == pair[1]), "{name}: {columns:?}");
        }
    }

    #[test]
    fn an_empty_record_has_headers_only() {
        for (name, text) in files(&sample::empty()) {
            assert_eq!(text.lines().count(), 1, "{name}");
        }
    }
}
