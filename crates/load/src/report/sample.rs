//! Records made by hand, for the tests of the report.
#![allow(clippy::cast_sign_loss)] // of figures that are written here and not negative

use hdrhistogram::Histogram;

use crate::machine::Machine;
use crate::record::{
    Figure, Latency, LatencyPoint, Record, Row, Series, TargetRow, Verdict, figure,
};

/// A run that measured nothing.
pub(crate) fn empty() -> Record {
    Record {
        mode: "idle",
        command: "switchboard-load idle ws://127.0.0.1:1/".into(),
        server: None,
        target: "ws://127.0.0.1:1/".into(),
        started_unix_ms: 0,
        duration_s: 0.0,
        interrupted: true,
        parameters: Vec::new(),
        verdict: Verdict::Passed,
        client_limited: None,
        summary: Vec::new(),
        targets: Vec::new(),
        publish_targets: Vec::new(),
        comparison: Vec::new(),
        latencies: Vec::new(),
        series: Vec::new(),
        latency_series: Vec::new(),
        errors: Vec::new(),
        machine: Machine::default(),
    }
}

/// A fan-out of 50 messages to 10,000 subscribers that went well.
pub(crate) fn fanout() -> Record {
    Record {
        mode: "fanout",
        command: "switchboard-load fanout ws://127.0.0.1:41233/sub/demo:bench --connections 10000 \
                  --publish-url 'http://127.0.0.1:41234/pub/demo:bench' --messages 50"
            .into(),
        server: Some("Switchboard 0.4.0 on io_uring".into()),
        target: "ws://127.0.0.1:41233/sub/demo:bench".into(),
        started_unix_ms: 1_795_380_070_459,
        duration_s: 14.2,
        interrupted: false,
        parameters: vec![
            ("connections".into(), "10000".into()),
            ("rate".into(), "5".into()),
            ("plane".into(), "io_uring".into()),
        ],
        verdict: Verdict::Passed,
        client_limited: None,
        summary: figures(),
        targets: Vec::new(),
        publish_targets: Vec::new(),
        comparison: Vec::new(),
        latencies: vec![
            latency("delivery to each subscriber", &spread(2_000.0, 20_000)),
            latency("delivery to the last subscriber", &spread(700.0, 10_000)),
        ],
        series: series(),
        latency_series: (5..=14).map(latency_point).collect(),
        errors: Vec::new(),
        machine: Machine::read(),
    }
}

/// The same to 5,000 subscribers of one target, while the other refused 5,000.
pub(crate) fn several_targets() -> Record {
    let target = |name: &str, connected, p99_us: Option<f64>| TargetRow {
        name: name.into(),
        server: None,
        figures: [
            figure("Targets", "connected", connected, ""),
            figure("Targets", "failed", 5_000.0 - connected, ""),
            figure("Targets", "lost", 0.0, ""),
        ]
        .into_iter()
        .chain(p99_us.map(|us| figure("Targets", "delivery p99", us, "us")))
        .collect(),
    };
    let published = |name: &str, server: Option<&str>| TargetRow {
        name: name.into(),
        server: server.map(str::to_owned),
        figures: vec![figure("Published to", "sent", 25.0, "")],
    };
    Record {
        target: "ws://127.0.0.1:8000/sub/{channel} ws://127.0.0.1:8010/sub/{channel}".into(),
        targets: vec![
            target("127.0.0.1:8000", 5_000.0, Some(12_000.0)),
            target("127.0.0.1:8010", 0.0, None),
        ],
        publish_targets: vec![
            published("127.0.0.1:8001", Some("Switchboard 0.4.0 on epoll")),
            published("127.0.0.1:8011", None),
        ],
        ..fanout()
    }
}

/// Three ways to listen, of which the server does not have the second.
pub(crate) fn comparison() -> Record {
    let row = |name, requests, bytes, p50_us| Row {
        name,
        unavailable: None,
        figures: [
            ("clients", 1_000.0, ""),
            ("requests", requests, ""),
            ("received", bytes, "B"),
            ("sent", bytes / 2.0, "B"),
            ("server CPU", requests / 4e4, "s"),
            ("age p50", p50_us, "us"),
            ("age p99", p50_us * 2.0, "us"),
            ("delivered", 10_000.0, ""),
            ("lost", 0.0, ""),
        ]
        .map(|(label, value, unit)| Figure { group: name, name: label.into(), value, unit })
        .into(),
    };
    let refused =
        Row { name: "long poll", unavailable: Some("HTTP 426".into()), figures: Vec::new() };
    Record {
        mode: "compare-transports",
        interrupted: false,
        comparison: vec![
            row("interval poll", 20_000.0, 4.5e6, 500_000.0),
            refused,
            row("WebSocket", 1_000.0, 8e5, 2_000.0),
        ],
        latencies: vec![
            latency("message age, interval poll", &spread(500_000.0, 10_000)),
            latency("message age, WebSocket", &spread(2_000.0, 10_000)),
        ],
        ..empty()
    }
}

fn figures() -> Vec<Figure> {
    vec![
        figure("Connections", "wanted", 10_000.0, ""),
        figure("Connections", "connected", 10_000.0, ""),
        figure("Connections", "dropped", 0.0, ""),
        figure("Connections", "connects per second", 4_211.0, "/s"),
        figure("Memory", "server resident (RSS), per connection", 121.0, "B"),
        figure("Memory", "server private dirty, per connection", 118.0, "B"),
        figure("Memory", "kernel slab, both ends, per connection", 8_204.0, "B"),
        figure("Deliveries", "delivered", 500_000.0, ""),
        figure("Deliveries", "per second", 184_233.4, "/s"),
        figure("Verification", "lost", 0.0, ""),
        figure("Verification", "duplicated", 0.0, ""),
        figure("CPU", "server, per message received by us", 5.43, "us"),
    ]
}

/// Latencies with a long tail, as real ones have it.
fn spread(middle_us: f64, count: u32) -> Vec<u64> {
    (0..count)
        .map(|i| {
            let share = (f64::from(i) + 0.5) / f64::from(count);
            (middle_us * (0.4 + 0.6 * (1.0 / (1.0 - share)).powf(0.45))) as u64
        })
        .collect()
}

pub(crate) fn latency(name: &str, values: &[u64]) -> Latency {
    let mut histogram = Histogram::new(3).unwrap();
    for value in values {
        histogram.record(*value).unwrap();
    }
    Latency { name: name.into(), histogram }
}

pub(crate) fn latency_point(second: u32) -> LatencyPoint {
    let wave = 1.0 + 0.3 * f64::from(second).sin();
    let us = |value: f64| (value * wave) as u64;
    LatencyPoint {
        at_s: f64::from(second),
        p50_us: us(1_900.0),
        p90_us: us(3_400.0),
        p99_us: us(9_000.0),
        p999_us: us(21_000.0),
        max_us: us(34_000.0),
        count: 50_000,
    }
}

fn series() -> Vec<Series> {
    let ramp = |second: u32| f64::from(second.min(4)) * 2_500.0;
    let make = |name: &str, unit, value: &dyn Fn(u32) -> f64| Series {
        name: name.into(),
        unit,
        points: (0..=14).map(|second| (f64::from(second), value(second))).collect(),
    };
    let busy = |second: u32| if second > 4 { 1.0 + 0.1 * f64::from(second).cos() } else { 0.0 };
    vec![
        make("connections open", "", &ramp),
        make("connects per second", "/s", &|s| if (1..=4).contains(&s) { 2_500.0 } else { 0.0 }),
        make("received per second", "/s", &|s| busy(s) * 50_000.0),
        make("sent per second", "/s", &|s| busy(s) * 5.0),
        make("server resident memory", "B", &|s| 9_000_000.0 + ramp(s) * 118.0),
        make("kernel slab", "B", &|s| 80_000_000.0 + ramp(s) * 8_204.0),
        make("server CPU, busiest thread", "cores", &|s| 0.04 + busy(s) * 0.42),
        make("client CPU, busiest thread", "cores", &|s| 0.06 + busy(s) * 0.31),
    ]
}
