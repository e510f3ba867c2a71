//! The charts of a comparison: what each way costs, a bar each.

use super::axis::Quantity;
use super::bars::Bars;
use super::colours::COLOURS;
use crate::record::{Record, Row};
use crate::report::comparison;

/// One chart: a title, a note, and the figures whose sum is drawn.
type Chart = (&'static str, &'static str, &'static [&'static str]);

const CHARTS: [Chart; 5] = [
    ("Requests", "Handshakes are requests too.", &["requests"]),
    (
        "Bytes on the wire",
        "Both ways, as the clients' sockets sent and received them, without TCP and IP headers.",
        &["received", "sent"],
    ),
    ("Server CPU", "Of the whole run, connecting included.", &["server CPU"]),
    (
        "Message age, half",
        "From when it was due to be published to when half of the clients had seen it.",
        &["age p50"],
    ),
    ("Message age, 99 %", "And all but one in a hundred.", &["age p99"]),
];

/// The charts of everything that was measured for at least two ways.
pub(super) fn bars(record: &Record) -> Vec<Bars> {
    CHARTS.into_iter().filter_map(|chart| chart_of(record, chart)).collect()
}

fn chart_of(record: &Record, (title, note, names): Chart) -> Option<Bars> {
    // As the lines of the latencies: a way has the same colour in all charts.
    let ways = comparison::available(record).zip(COLOURS.into_iter().cycle());
    let mut quantity = Quantity::Count;
    let rows: Vec<(String, f64, &'static str)> = ways
        .filter_map(|(row, class)| {
            let (value, of) = sum(row, names)?;
            quantity = of;
            Some((row.name.to_owned(), value, class))
        })
        .collect();
    (rows.len() > 1).then(|| Bars { title: title.into(), note: note.into(), quantity, rows })
}

/// The sum of figures, as the axis wants it; nothing when one of them is missing.
fn sum(row: &Row, names: &[&str]) -> Option<(f64, Quantity)> {
    let mut sum = 0.0;
    let mut quantity = Quantity::Count;
    for name in names {
        let figure = row.figure(name)?;
        sum += figure.value * Quantity::factor(figure.unit);
        quantity = Quantity::of_unit(figure.unit);
    }
    Some((sum, quantity))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_was_measured_is_drawn_for_those_who_have_it() {
        let bars = bars(&sample::comparison());
        assert_eq!(bars.len(), CHARTS.len());
        let bytes = &bars[1];
        assert_eq!(bytes.rows[0], ("interval poll".to_owned(), 6.75e6, "c1"));
        assert_eq!((bytes.rows[1].0.as_str(), bytes.rows[1].2), ("WebSocket", "c2"));
        assert_eq!(bars[2].quantity, Quantity::Micros, "CPU is a time");
        assert!((bars[2].rows[0].1 - 5e5).abs() < 1.0, "{:?}", bars[2].rows);
    }

    #[test]
    fn a_run_that_compares_nothing_has_none() {
        assert!(bars(&sample::fanout()).is_empty());
    }
}
