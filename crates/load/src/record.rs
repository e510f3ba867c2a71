//! What one run measured, as plain data. The engine fills it; the report shows it.

use hdrhistogram::Histogram;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::machine::Machine;

/// Everything that one run measured.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    /// The subcommand.
    pub(crate) mode: &'static str,
    /// The command line, as it could be typed again, without secrets.
    pub(crate) command: String,
    /// What was measured, such as `Switchboard 0.4.0 on io_uring`, where that is known.
    pub(crate) server: Option<String>,
    /// The URL that was given, templates and all; several with blanks in between.
    pub(crate) target: String,
    /// When the run began, in milliseconds since 1970.
    pub(crate) started_unix_ms: u64,
    /// From the first connect to the end of the measuring.
    pub(crate) duration_s: f64,
    /// Ended by Ctrl-C: everything in here is what was measured so far.
    pub(crate) interrupted: bool,
    /// The settings in force, by their flags' names.
    pub(crate) parameters: Vec<(String, String)>,
    /// Whether what was promised was kept.
    pub(crate) verdict: Verdict,
    /// Why the figures say more about this program than about the server, if they do.
    pub(crate) client_limited: Option<String>,
    /// Single figures, in groups.
    pub(crate) summary: Vec<Figure>,
    /// What each of several targets has of that; empty where there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) targets: Vec<TargetRow>,
    /// The same of several that were published to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) publish_targets: Vec<TargetRow>,
    /// What ways to do the same cost, side by side; empty in a run that compares nothing.
    pub(crate) comparison: Vec<Row>,
    /// Distributions of latencies over the whole run.
    pub(crate) latencies: Vec<Latency>,
    /// What changed over time.
    pub(crate) series: Vec<Series>,
    /// How the main latency changed over time.
    pub(crate) latency_series: Vec<LatencyPoint>,
    /// What went wrong, and how often; the most frequent first.
    pub(crate) errors: Vec<(String, u64)>,
    /// Where the run took place.
    pub(crate) machine: Machine,
}

/// Whether a run passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Everything was as it should be.
    Passed,
    /// What was not, one sentence each.
    Failed(Vec<String>),
}

/// A single figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figure {
    /// What it belongs to, such as `Connections`.
    pub(crate) group: &'static str,
    /// What it is, such as `connected`.
    pub(crate) name: String,
    /// How much.
    pub(crate) value: f64,
    /// Of what: `B`, `s`, `/s`, `%`, or nothing for a plain count.
    pub(crate) unit: &'static str,
}

/// A figure.
pub(crate) fn figure(
    group: &'static str,
    name: impl Into<String>,
    value: f64,
    unit: &'static str,
) -> Figure {
    Figure { group, name: name.into(), value, unit }
}

/// One of several targets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct TargetRow {
    /// Host and port.
    pub(crate) name: String,
    /// What it says that it is, such as `Switchboard 0.4.0 on epoll`, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// The same for all targets, where they were measured.
    pub(crate) figures: Vec<Figure>,
}

/// One of several ways to do the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// The way, such as `long poll`.
    pub(crate) name: &'static str,
    /// Why there is nothing to compare, such as `HTTP 426`.
    pub(crate) unavailable: Option<String>,
    /// The same for all ways, where they were measured.
    pub(crate) figures: Vec<Figure>,
}

impl Row {
    /// The figure of a name, if it was measured.
    pub(crate) fn figure(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

/// A distribution of latencies.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    /// From what to what.
    pub(crate) name: String,
    /// In microseconds.
    pub(crate) histogram: Histogram<u64>,
}

/// The percentiles that files and tables show.
pub(crate) const PERCENTILES: [(&str, f64); 6] = [
    ("p50_us", 50.0),
    ("p90_us", 90.0),
    ("p95_us", 95.0),
    ("p99_us", 99.0),
    ("p999_us", 99.9),
    ("p9999_us", 99.99),
];

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Latency", 5 + PERCENTILES.len())?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("count", &self.histogram.len())?;
        fields.serialize_field("min_us", &self.histogram.min())?;
        fields.serialize_field("mean_us", &self.histogram.mean())?;
        for (name, percentile) in PERCENTILES {
            fields.serialize_field(name, &self.histogram.value_at_percentile(percentile))?;
        }
        fields.serialize_field("max_us", &self.histogram.max())?;
        fields.end()
    }
}

/// Something that changed over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Series {
    /// What it is, such as `connections open`.
    pub(crate) name: String,
    /// As in [`Figure`].
    pub(crate) unit: &'static str,
    /// Seconds since the start, and the value then.
    pub(crate) points: Vec<(f64, f64)>,
}

/// The latencies of one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct LatencyPoint {
    /// Seconds since the start, at the end of the stretch.
    pub(crate) at_s: f64,
    /// Half were faster.
    pub(crate) p50_us: u64,
    /// Nine in ten were faster.
    pub(crate) p90_us: u64,
    /// All but one in a hundred.
    pub(crate) p99_us: u64,
    /// All but one in a thousand.
    pub(crate) p999_us: u64,
    /// The slowest.
    pub(crate) max_us: u64,
    /// How many there were.
    pub(crate) count: u64,
}

/// The state of a run at one moment, for the live display.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// What is going on: `connecting`, `holding`, `publishing`, ...
    pub(crate) phase: &'static str,
    /// Seconds since the start of the run.
    pub(crate) at_s: f64,
    /// How far the phase is, from 0 to 1, when that is known.
    pub(crate) progress: Option<f64>,
    /// WebSockets wanted.
    pub(crate) connections_target: u64,
    /// WebSockets open now.
    pub(crate) connections_open: u64,
    /// Handshakes completed in the last second.
    pub(crate) connects_per_s: f64,
    /// Publications or messages sent in the last second.
    pub(crate) sent_per_s: f64,
    /// Messages received in the last second.
    pub(crate) received_per_s: f64,
    /// Latencies of the last second or so, when anything was measured.
    pub(crate) latency: Option<LatencyPoint>,
    /// Errors so far.
    pub(crate) errors: u64,
    /// The most frequent error so far.
    pub(crate) error_example: Option<String>,
    /// CPU of the busiest thread of this program, 1 is a whole core.
    pub(crate) client_cpu: f64,
    /// CPU of the busiest thread of the server, when it is watched.
    pub(crate) server_cpu: Option<f64>,
    /// Resident memory of the server in bytes, when it is watched.
    pub(crate) server_rss_bytes: Option<u64>,
}
