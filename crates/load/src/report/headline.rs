//! The run in one sentence, and its main figures: the same on the page and above the table.

use super::{comparison, units};
use crate::record::{Figure, Latency, Record, Row, Verdict};

/// How the run ended, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Interrupted,
}

impl Outcome {
    pub(crate) fn of(record: &Record) -> Self {
        match record.verdict {
            Verdict::Failed(_) => Self::Failed,
            Verdict::Passed if record.interrupted => Self::Interrupted,
            Verdict::Passed => Self::Passed,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why the run failed; nothing when it passed.
pub(crate) fn reasons(record: &Record) -> &[String] {
    match &record.verdict {
        Verdict::Failed(reasons) => reasons,
        Verdict::Passed => &[],
    }
}

/// The value of a figure, by its group and name.
fn value(record: &Record, group: &str, name: &str) -> Option<f64> {
    find(record, group, name).map(|figure| figure.value)
}

fn find<'a>(record: &'a Record, group: &str, name: &str) -> Option<&'a Figure> {
    record.summary.iter().find(|figure| figure.group == group && figure.name == name)
}

/// The latency that the run is about; the one that the latency over time belongs to.
pub(crate) fn main_latency(record: &Record) -> Option<&Latency> {
    const NAMES: [&str; 3] = ["delivery to each subscriber", "round trip", "connect and handshake"];
    let measured = || record.latencies.iter().filter(|latency| !latency.histogram.is_empty());
    let named = |name: &&str| measured().find(|latency| latency.name == **name);
    NAMES.iter().find_map(named).or_else(|| measured().next())
}

/// Whether growth per connection is sound enough for a headline. With few connections, it is mostly
/// fixed costs divided among them.
pub(crate) fn is_memory_per_connection_sound(record: &Record) -> bool {
    const CONNECTIONS_MIN: f64 = 5_000.0;
    value(record, "Connections", "connected").is_some_and(|count| count >= CONNECTIONS_MIN)
}

/// The run in one sentence.
pub(crate) fn sentence(record: &Record) -> String {
    if !record.comparison.is_empty() {
        return compared(record);
    }
    let count = |group: &str, name: &str| value(record, group, name).map(units::count);
    let connected = count("Connections", "connected");
    let of = || format!("{} of {}", record.mode, record.target);
    let Some(connected) = connected else { return of() };
    let at = match record.targets.len() {
        0 => String::new(),
        targets => format!(" at {targets} targets"),
    };
    let sentence = match record.mode {
        "idle" => {
            let hold = parameter(record, "hold").map(|hold| format!(" for {hold}"));
            Some(format!("{connected} connections{at} held{}", hold.unwrap_or_default()))
        }
        "fanout" | "slow" => count("Deliveries", "delivered")
            .map(|delivered| format!("{delivered} deliveries to {connected} subscribers{at}")),
        "echo" => count("Messages", "received")
            .map(|received| format!("{received} round trips on {connected} connections{at}")),
        "storm" => count("Storm", "dropped").map(|dropped| {
            let back = find(record, "Storm", "100 % back after").map_or_else(
                || format!("{} came back", count("Storm", "back").unwrap_or_default()),
                |figure| format!("all back after {}", units::figure(figure.value, figure.unit)),
            );
            format!("{dropped} connections{at} dropped at once, {back}")
        }),
        "churn" => count("Churn", "left").map(|left| format!("{left} clients{at} came and left")),
        _ => None,
    };
    sentence.map_or_else(of, |sentence| format!("{sentence}, {}", trouble(record)))
}

fn compared(record: &Record) -> String {
    let ways = comparison::available(record).count();
    let clients = comparison::available(record).filter_map(|row| row.figure("clients"));
    let clients = units::count(clients.map(|figure| figure.value).fold(0.0, f64::max));
    match ways {
        0 => "none of the transports is available".to_owned(),
        1 => format!("messages to {clients} clients by one transport, {}", trouble(record)),
        _ => {
            format!(
                "the same messages to {clients} clients by {ways} transports, {}",
                trouble(record)
            )
        }
    }
}

fn parameter<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    record.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// What went wrong with messages and connections, in a few words.
fn trouble(record: &Record) -> String {
    const KINDS: [(&str, &str); 6] = [
        ("Verification", "lost"),
        ("Verification", "duplicated"),
        ("Verification", "reordered"),
        ("Verification", "foreign"),
        ("Connections", "failed"),
        ("Connections", "dropped"),
    ];
    let found: Vec<String> = KINDS
        .into_iter()
        .filter_map(|(group, name)| {
            Some((name, value(record, group, name).filter(|count| *count > 0.0)?))
        })
        .map(|(name, count)| format!("{} {name}", units::count(count)))
        .collect();
    let verified = value(record, "Verification", "lost").is_some();
    match (found.is_empty(), verified) {
        (false, _) => found.join(", "),
        (true, true) => "none lost".into(),
        (true, false) => "none dropped".into(),
    }
}

/// The main figures: label and value, the most telling first, at most six.
pub(crate) fn tiles(record: &Record) -> Vec<(String, String)> {
    const BEFORE: [(&str, &str, &str); 7] = [
        ("Storm", "dropped", "dropped at once"),
        ("Storm", "50 % back after", "until half are back"),
        ("Storm", "100 % back after", "until all are back"),
        ("Churn", "came per second", "clients"),
        ("Connections", "connected", "connections"),
        ("Deliveries", "per second", "deliveries"),
        ("Messages", "per second", "round trips"),
    ];
    const AFTER: [(&str, &str, &str); 6] = [
        ("Slow", "kernel TCP buffers, growth", "held by the kernel for the slow"),
        ("Slow", "server resident (RSS), growth", "held by the server for the slow"),
        ("CPU", "server, per message received by us", "server CPU per message"),
        ("Memory", "server private dirty, per connection", "of server memory per connection"),
        (
            "Memory",
            "kernel slab, both ends, per connection",
            "of kernel memory per connection, both ends",
        ),
        ("Connections", "connects per second", "connects"),
    ];
    const TILES: usize = 6;
    let tile = |(group, name, label): (&str, &str, &str)| {
        let figure = find(record, group, name)?;
        // The system's memory can shrink for reasons of its own.
        let strange = figure.unit == "B" && figure.value <= 0.0;
        let hidden = strange || (group == "Memory" && !is_memory_per_connection_sound(record));
        (!hidden).then(|| (label.to_owned(), units::figure(figure.value, figure.unit)))
    };
    if !record.comparison.is_empty() {
        return compared_tiles(record);
    }
    let mut tiles: Vec<(String, String)> = BEFORE.into_iter().filter_map(tile).collect();
    if let Some(latency) = main_latency(record) {
        let name = latency.name.split(" to ").next().unwrap_or_default();
        for (label, percentile) in [("p50", 50.0), ("p99", 99.0)] {
            let us = latency.histogram.value_at_percentile(percentile) as f64;
            tiles.push((format!("{name}, {label}"), units::micros(us)));
        }
    }
    tiles.extend(AFTER.into_iter().filter_map(tile));
    tiles.truncate(TILES);
    tiles
}

/// The dearest way and the cheapest, by bytes on the wire, and how old messages are with each.
fn compared_tiles(record: &Record) -> Vec<(String, String)> {
    let bytes = |row: &Row| {
        let figures = ["received", "sent"].into_iter().filter_map(|name| row.figure(name));
        figures.map(|figure| figure.value).sum::<f64>()
    };
    let by_bytes = |a: &&Row, b: &&Row| bytes(a).total_cmp(&bytes(b));
    let dearest = comparison::available(record).max_by(by_bytes);
    let cheapest = comparison::available(record).min_by(by_bytes);
    let (Some(dearest), Some(cheapest)) = (dearest, cheapest) else { return Vec::new() };
    let ways = if dearest.name == cheapest.name { vec![dearest] } else { vec![dearest, cheapest] };
    let tile = |row: &Row, name: &str, label: &str| {
        let figure = row.figure(name)?;
        Some((format!("{label}, {}", row.name), units::figure(figure.value, figure.unit)))
    };
    [
        ("requests", "requests"),
        ("per delivery", "on the wire per delivery"),
        ("age p50", "message age, p50"),
    ]
    .into_iter()
    .flat_map(|(name, label)| ways.iter().filter_map(move |row| tile(row, name, label)))
    .collect()
}

/// What a mode does, for readers who see the page without the manual.
pub(crate) fn about(mode: &str) -> &'static str {
    match mode {
        "idle" => {
            "Connections are opened at a steady rate and then held without traffic but pings. It \
             shows what an idle connection costs and whether any of them is dropped."
        }
        "fanout" => {
            "Every publication goes to all subscribers of its channel. Each delivery is checked by \
             channel, sequence number and checksum, so a lost, repeated, reordered, foreign or \
             damaged message is counted. Latency counts from the moment a publication was meant to \
             be sent, not from the moment the client got round to it."
        }
        "echo" => {
            "Connections send messages and wait for the same bytes to come back. It shows the cost \
             of a round trip through the whole server."
        }
        "storm" => {
            "All connections but the survivors are dropped at once and come back with a back-off. \
             It shows how long a site is dark after a network break, and what the rush does to \
             the clients that stayed."
        }
        "slow" => {
            "A share of the subscribers reads slowly or not at all while the others are measured. \
             It shows whether slow readers cost the server memory or the others time."
        }
        "churn" => {
            "Clients connect, subscribe and leave at a steady rate. It shows what coming and going \
             costs, and whether anything is left behind."
        }
        "compare-transports" => {
            "The same messages go to the same number of clients by one transport after another. It \
             shows what each costs in requests, bytes and CPU, and how old a message is when a \
             client sees it."
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_sentence_says_what_counts() {
        let mut record = sample::fanout();
        assert_eq!(sentence(&record), "500,000 deliveries to 10,000 subscribers, none lost");
        for figure in &mut record.summary {
            if figure.name == "lost" {
                figure.value = 12.0;
            }
        }
        assert_eq!(sentence(&record), "500,000 deliveries to 10,000 subscribers, 12 lost");
        let sentence = sentence(&sample::several_targets());
        assert!(sentence.starts_with("500,000 deliveries to 10,000 subscribers at 2 targets, "));
    }

    #[test]
    fn an_empty_record_still_has_a_sentence() {
        let record = sample::empty();
        assert_eq!(sentence(&record), "idle of ws://127.0.0.1:1/");
        assert!(tiles(&record).is_empty());
    }

    #[test]
    fn what_few_connections_cost_is_not_a_headline() {
        let mut record = sample::fanout();
        let about_memory = |record: &Record| {
            tiles(record).iter().filter(|(label, _)| label.contains("memory")).count()
        };
        assert_eq!(about_memory(&record), 1);
        for figure in &mut record.summary {
            if figure.name == "connected" {
                figure.value = 500.0;
            }
        }
        assert_eq!(about_memory(&record), 0);
    }

    #[test]
    fn an_interrupted_run_is_not_a_passed_one() {
        let mut record = sample::fanout();
        assert_eq!(Outcome::of(&record), Outcome::Passed);
        record.interrupted = true;
        assert_eq!(Outcome::of(&record), Outcome::Interrupted);
        record.verdict = Verdict::Failed(vec!["3 lost".into()]);
        assert_eq!(Outcome::of(&record), Outcome::Failed);
        assert_eq!(reasons(&record), ["3 lost"]);
    }
}
