//! What each of several targets has of a run.

use hdrhistogram::Histogram;

use super::session::Session;
use crate::engine::Share;
use crate::engine::stats::{Counter, Measure, Stats};
use crate::record::{Figure, TargetRow, figure};
use crate::target::Targets;
use crate::verify::KINDS;

/// Where clients connected; nothing where that is one target.
pub(super) fn connected(session: &Session) -> Vec<TargetRow> {
    // Polls make a new connection now and then, so their clients are counted.
    let clients = match session.setup.mode {
        "compare-transports" => ("clients", Counter::Joined),
        _ => ("connected", Counter::Connected),
    };
    rows(&session.setup.targets, &session.stats, |share| {
        client_figures(share, clients, session.main)
    })
}

/// Where publications went; nothing where that is one target, or none.
pub(super) fn published(session: &Session) -> Vec<TargetRow> {
    let targets = session.publish_targets.as_ref();
    targets.map_or_else(Vec::new, |targets| rows(targets, &session.published, publisher_figures))
}

fn rows(
    targets: &Targets,
    stats: &Stats,
    figures: impl Fn(&Share) -> Vec<Figure>,
) -> Vec<TargetRow> {
    let nothing = Share::default();
    let row = |(nth, name): (usize, &str)| TargetRow {
        name: name.to_owned(),
        server: None,
        figures: figures(stats.share_of(nth).unwrap_or(&nothing)),
    };
    targets.names().enumerate().map(row).collect()
}

fn client_figures(
    share: &Share,
    (clients, counter): (&'static str, Counter),
    main: Measure,
) -> Vec<Figure> {
    const GROUP: &str = "Targets";
    let count = |counter| share.count(counter) as f64;
    let mut figures = vec![
        figure(GROUP, clients, count(counter), ""),
        figure(GROUP, "failed", count(Counter::Failed), ""),
        figure(GROUP, "dropped", count(Counter::Dropped), ""),
    ];
    let (arrived, measured) = match main {
        Measure::RoundTrip => (Some("round trips"), "round trip"),
        Measure::Delivery => (Some("delivered"), "delivery"),
        _ => (None, "handshake"),
    };
    if let Some(arrived) = arrived {
        let times = share.histogram(main).map_or(0, Histogram::len);
        figures.push(figure(GROUP, arrived, times as f64, ""));
        let found = |kind| share.findings.count(kind) as f64;
        figures.extend(KINDS.map(|kind| figure(GROUP, kind.name(), found(kind), "")));
    }
    figures.extend(percentiles(GROUP, share, main, measured));
    figures
}

fn publisher_figures(share: &Share) -> Vec<Figure> {
    const GROUP: &str = "Published to";
    let counters = [
        ("sent", Counter::Sent),
        ("acknowledged", Counter::Acknowledged),
        ("refused or unanswered", Counter::Refused),
        ("not sent", Counter::Unsent),
    ];
    let counts = counters.map(|(name, of)| figure(GROUP, name, share.count(of) as f64, ""));
    let times = percentiles(GROUP, share, Measure::Acknowledge, "answer");
    counts.into_iter().chain(times).collect()
}

fn percentiles(
    group: &'static str,
    share: &Share,
    measure: Measure,
    name: &str,
) -> impl Iterator<Item = Figure> {
    let times = share.histogram(measure).map(|histogram| {
        [("p50", 50.0), ("p99", 99.0)].map(|(label, percentile)| {
            let us = histogram.value_at_percentile(percentile) as f64;
            figure(group, format!("{name} {label}"), us, "us")
        })
    });
    times.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::verify::Kind;

    fn shown(figures: &[Figure]) -> Vec<(&str, f64)> {
        figures.iter().map(|figure| (figure.name.as_str(), figure.value)).collect()
    }

    fn two() -> Targets {
        let all = ["ws://127.0.0.1:1/", "ws://127.0.0.1:2/"];
        Targets::new(all.map(|url| Target::parse(url, "ws").unwrap()).into(), 1).unwrap()
    }

    #[test]
    fn each_target_has_its_part_and_one_where_nothing_happened_has_zeros() {
        let mut stats = Stats::default();
        let share = stats.share(0);
        share.add(Counter::Connected, 3);
        share.record(Measure::Delivery, 0, 1_500_000);
        share.findings.add(Kind::Lost, 2, String::new);
        let rows = rows(&two(), &stats, |share| {
            client_figures(share, ("connected", Counter::Connected), Measure::Delivery)
        });
        assert_eq!(rows[0].name, "127.0.0.1:1");
        let first = [
            ("connected", 3.0),
            ("failed", 0.0),
            ("dropped", 0.0),
            ("delivered", 1.0),
            ("lost", 2.0),
            ("duplicated", 0.0),
            ("reordered", 0.0),
            ("foreign", 0.0),
        ];
        let (counts, times) = rows[0].figures.split_at(first.len());
        assert_eq!(shown(counts), first);
        assert_eq!(shown(times), [("delivery p50", 1_500.0), ("delivery p99", 1_500.0)]);
        let zeros = first.map(|(name, _)| (name, 0.0));
        assert_eq!((rows[1].name.as_str(), shown(&rows[1].figures)), ("127.0.0.1:2", zeros.into()));
    }

    #[test]
    fn a_mode_that_delivers_nothing_has_connections_and_handshakes() {
        let mut share = Share::default();
        share.record(Measure::Handshake, 0, 1_000);
        let figures = client_figures(&share, ("connected", Counter::Connected), Measure::Handshake);
        let names: Vec<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["connected", "failed", "dropped", "handshake p50", "handshake p99"]);
    }

    #[test]
    fn one_target_has_no_rows() {
        let one = vec![Target::parse("ws://127.0.0.1:1/", "ws").unwrap()];
        let one = Targets::new(one, 1).unwrap();
        assert!(rows(&one, &Stats::default(), publisher_figures).is_empty());
    }
}
