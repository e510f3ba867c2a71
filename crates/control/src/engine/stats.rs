//! What passes between this node and the engine, as numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::histogram::Histogram;
use switchboard_api::{Kind, Metric, Unit};

use crate::metrics::name::{kind, stem, unit};

const CONNECTED: Metric =
    Metric::gauge("engine_connected", "1 while there is a connection to NATS.");
const READY: Metric = Metric::gauge(
    "engine_ready",
    "1 while channels can be shared: NATS is there, with all streams, and their epochs are known.",
);
const RECONNECTS: Metric =
    Metric::counter("engine_connections", "Connections to NATS that were made.");
const SENT: Metric = Metric::counter(
    "engine_sent",
    "Messages sent to streams, those that were sent again included.",
);
const STORED: Metric = Metric::counter("engine_stored", "Messages that NATS says are stored.");
const REFUSED: Metric = Metric::counter("engine_refused", "Messages that NATS has not stored.");
const REPEATED: Metric =
    Metric::counter("engine_repeated", "Stored messages that NATS has repeated to this node.");
const DROPPED: Metric = Metric::counter(
    "engine_dropped",
    "How often messages of NATS came faster than they were read, and some were dropped; what was lost is \
     read from the streams.",
);
const ASKED: Metric =
    Metric::counter("engine_asked", "Questions to streams: heads, missed messages, checks.");
const FAILED: Metric = Metric::counter("engine_failed", "Questions to streams without an answer.");
const ACKNOWLEDGED: Metric = Metric::histogram(
    "engine_acknowledged",
    "Time from sending a message to hearing that it is stored.",
)
.in_unit(Unit::Seconds);

/// Those of the engine, where there is one.
pub const ENGINE_METRICS: &[Metric] = &[
    CONNECTED,
    READY,
    RECONNECTS,
    SENT,
    STORED,
    REFUSED,
    REPEATED,
    DROPPED,
    ASKED,
    FAILED,
    ACKNOWLEDGED,
];

const BOUNDS_S: [f64; 12] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// The numbers of the engine.
#[derive(Clone, Debug)]
pub struct EngineStats(Arc<Numbers>);

#[derive(Debug)]
pub(super) struct Numbers {
    pub(super) is_connected: AtomicBool,
    pub(super) is_ready: AtomicBool,
    pub(super) connections: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) asked: AtomicU64,
    pub(super) failed: AtomicU64,
    acknowledged: Histogram,
}

impl Default for EngineStats {
    fn default() -> Self {
        Self(Arc::new(Numbers {
            is_connected: AtomicBool::default(),
            is_ready: AtomicBool::default(),
            connections: AtomicU64::default(),
            sent: AtomicU64::default(),
            stored: AtomicU64::default(),
            refused: AtomicU64::default(),
            repeated: AtomicU64::default(),
            dropped: AtomicU64::default(),
            asked: AtomicU64::default(),
            failed: AtomicU64::default(),
            acknowledged: Histogram::new(BOUNDS_S),
        }))
    }
}

impl EngineStats {
    /// Whether channels can be shared now.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Relaxed)
    }

    pub(super) fn numbers(&self) -> &Numbers {
        &self.0
    }

    /// A message is stored, so long after it was sent.
    pub(super) fn stored(&self, after_ms: u64) {
        add(&self.0.stored);
        self.0.acknowledged.observe(after_ms as f64 / 1_000.0);
    }
}

/// One more.
pub(super) fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Collector for EngineStats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let numbers = self.numbers();
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let is = |flag: &AtomicBool| u64::from(flag.load(Ordering::Relaxed));
        for (metric, value) in [
            (CONNECTED, is(&numbers.is_connected)),
            (READY, is(&numbers.is_ready)),
            (RECONNECTS, get(&numbers.connections)),
            (SENT, get(&numbers.sent)),
            (STORED, get(&numbers.stored)),
            (REFUSED, get(&numbers.refused)),
            (REPEATED, get(&numbers.repeated)),
            (DROPPED, get(&numbers.dropped)),
            (ASKED, get(&numbers.asked)),
            (FAILED, get(&numbers.failed)),
        ] {
            let name = stem(&metric);
            let mut series = encoder.encode_descriptor(&name, metric.help, None, kind(&metric))?;
            match metric.kind {
                Kind::Counter => series.encode_counter::<NoLabelSet, u64, f64>(&value, None)?,
                _ => series.encode_gauge(&value)?,
            }
        }
        let (name, unit) = (stem(&ACKNOWLEDGED), unit(&ACKNOWLEDGED));
        let help = ACKNOWLEDGED.help;
        let series = encoder.encode_descriptor(&name, help, unit.as_ref(), kind(&ACKNOWLEDGED))?;
        numbers.acknowledged.encode(series)
    }
}
