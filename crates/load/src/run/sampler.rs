//! What changes over time: rates, memory, CPU, latency, a point a second.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::engine::clock::seconds;
use crate::engine::stats::{Counter, Stats, histogram};
use crate::record::{LatencyPoint, Series};
use crate::watch::{Busy, Kernel, Memory, Threads};

/// The rates shown live are those of about this many ticks.
const TICKS_KEPT: usize = 6;

/// One look at the counters.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    at_s: f64,
    connected: u64,
    sent: u64,
    received: u64,
}

/// Rates per second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    pub(super) connects: f64,
    pub(super) sent: f64,
    pub(super) received: f64,
}

impl Look {
    fn rates_since(&self, earlier: &Self) -> Rates {
        let elapsed_s = (self.at_s - earlier.at_s).max(1e-3);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / elapsed_s;
        Rates {
            connects: rate(self.connected, earlier.connected),
            sent: rate(self.sent, earlier.sent),
            received: rate(self.received, earlier.received),
        }
    }
}

/// Collects the points.
#[derive(Debug)]
pub(super) struct Sampler {
    start_ns: u64,
    server: Option<String>,
    /// The threads of this program that matter.
    tids: Vec<i32>,
    recent: VecDeque<Look>,
    last_point: Look,
    client: Threads,
    server_threads: Option<Threads>,
    latency: Histogram<u64>,
    pub(super) client_cpu: f64,
    pub(super) server_cpu: Option<f64>,
    pub(super) server_rss_bytes: Option<u64>,
    pub(super) last_latency: Option<LatencyPoint>,
    pub(super) series: Vec<Series>,
    pub(super) latencies: Vec<LatencyPoint>,
}

impl Sampler {
    pub(super) fn new(start_ns: u64, pid: Option<u32>, tids: Vec<i32>) -> Self {
        let server = pid.map(|pid| pid.to_string());
        Self {
            start_ns,
            tids,
            recent: VecDeque::new(),
            last_point: Look::default(),
            client: Threads::read("self"),
            server_threads: server.as_deref().map(Threads::read),
            server,
            latency: histogram(),
            client_cpu: 0.0,
            server_cpu: None,
            server_rss_bytes: None,
            last_latency: None,
            series: Vec::new(),
            latencies: Vec::new(),
        }
    }

    /// Latencies that came since the last time.
    pub(super) fn add_latencies(&mut self, latencies: &Histogram<u64>) {
        // Cannot fail: ours grows.
        let _ = self.latency.add(latencies);
    }

    /// The rates of about the last second.
    pub(super) fn look(&mut self, now_ns: u64, total: &Stats, sent: u64) -> Rates {
        let look = Look {
            at_s: seconds(now_ns.saturating_sub(self.start_ns)),
            connected: total.count(Counter::Connected),
            sent,
            received: total.count(Counter::Received),
        };
        self.recent.push_back(look);
        if self.recent.len() > TICKS_KEPT {
            self.recent.pop_front();
        }
        look.rates_since(&self.recent[0])
    }

    /// A point in all series.
    pub(super) fn point(&mut self, now_ns: u64, open: u64) {
        let Some(look) = self.recent.back().copied() else { return };
        let rates = look.rates_since(&self.last_point);
        self.last_point = look;
        self.read_cpu();
        let at_s = seconds(now_ns.saturating_sub(self.start_ns));
        self.server_rss_bytes = self.server.as_deref().and_then(Memory::rss);
        let kernel = Kernel::read();
        let points = [
            ("connections open", "", Some(open as f64)),
            ("connects per second", "/s", Some(rates.connects)),
            ("sent per second", "/s", Some(rates.sent)),
            ("received per second", "/s", Some(rates.received)),
            ("server resident memory", "B", self.server_rss_bytes.map(|bytes| bytes as f64)),
            ("kernel slab", "B", Some(kernel.slab_bytes as f64)),
            ("kernel TCP buffers", "B", Some(kernel.tcp_bytes as f64)),
            ("server CPU, busiest thread", "cores", self.server_cpu),
            ("client CPU, busiest thread", "cores", Some(self.client_cpu)),
        ];
        for (name, unit, value) in points {
            if let Some(value) = value {
                self.push(name, unit, (at_s, value));
            }
        }
        self.last_latency = point_of(&self.latency, at_s);
        self.latencies.extend(self.last_latency);
        self.latency.reset();
    }

    fn push(&mut self, name: &str, unit: &'static str, point: (f64, f64)) {
        match self.series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(point),
            None => {
                self.series.push(Series { name: name.to_owned(), unit, points: vec![point] });
            }
        }
    }

    fn read_cpu(&mut self) {
        let now = Threads::read("self");
        let ours = |busy: &&Busy| self.tids.contains(&busy.tid);
        self.client_cpu = now.since(&self.client).iter().find(ours).map_or(0.0, |busy| busy.cpu);
        self.client = now;
        if let (Some(pid), Some(before)) = (&self.server, &self.server_threads) {
            let now = Threads::read(pid);
            self.server_cpu = now.since(before).first().map(|busy| busy.cpu);
            self.server_threads = Some(now);
        }
    }
}

/// The percentiles of one stretch of time.
fn point_of(histogram: &Histogram<u64>, at_s: f64) -> Option<LatencyPoint> {
    (!histogram.is_empty()).then(|| LatencyPoint {
        at_s,
        p50_us: histogram.value_at_percentile(50.0),
        p90_us: histogram.value_at_percentile(90.0),
        p99_us: histogram.value_at_percentile(99.0),
        p999_us: histogram.value_at_percentile(99.9),
        max_us: histogram.max(),
        count: histogram.len(),
    })
}
