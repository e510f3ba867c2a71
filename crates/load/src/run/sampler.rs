//! What changes over time. Levels (connections, memory) and latencies get a point every 250 ms of
//! the first half minute, where ramps and storms are, and then one a second. Counts over a stretch
//! of time (rates, CPU) always get one a second: in a quarter of that, a few publications a second
//! would be a comb.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use crate::engine::clock::{NS_PER_MS, NS_PER_S, seconds};
use crate::engine::stats::{Counter, Stats, histogram};
use crate::record::{LatencyPoint, Series};
use crate::watch::{Busy, Kernel, Memory, Threads};

/// Pause between two points of levels, and how long they come so often.
const FINE_NS: u64 = 250 * NS_PER_MS;
const FINE_UNTIL_NS: u64 = 30 * NS_PER_S;
/// Pause between two points of levels later on, and of rates from the beginning.
const COARSE_NS: u64 = NS_PER_S;

/// The first series.
const OPEN: &str = "connections open";

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
    /// The server's processes.
    pids: Vec<u32>,
    /// The threads of this program that matter.
    tids: Vec<i32>,
    next_level_ns: u64,
    next_rate_ns: u64,
    recent: VecDeque<Look>,
    last_point: Look,
    /// The fewest connections since the last point, and when.
    fewest: Option<(f64, u64)>,
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
    pub(super) fn new(start_ns: u64, pids: &[u32], tids: Vec<i32>) -> Self {
        Self {
            start_ns,
            tids,
            next_level_ns: start_ns,
            next_rate_ns: start_ns + COARSE_NS,
            recent: VecDeque::new(),
            last_point: Look::default(),
            fewest: None,
            client: Threads::read("self"),
            server_threads: Threads::of_all(pids),
            pids: pids.to_vec(),
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

    /// The rates of about the last second, for the view.
    pub(super) fn look(&mut self, now_ns: u64, total: &Stats, sent: u64) -> Rates {
        let look = self.look_at(now_ns, total, sent);
        self.recent.push_back(look);
        if self.recent.len() > TICKS_KEPT {
            self.recent.pop_front();
        }
        look.rates_since(&self.recent[0])
    }

    /// Adds the points that are due.
    pub(super) fn sample(&mut self, now_ns: u64, total: &Stats, sent: u64) {
        let at_s = seconds(now_ns.saturating_sub(self.start_ns));
        if self.fewest.is_none_or(|(_, fewest)| total.open < fewest) {
            self.fewest = Some((at_s, total.open));
        }
        if now_ns >= self.next_level_ns {
            let fine = self.next_level_ns < self.start_ns + FINE_UNTIL_NS;
            let step_ns = if fine { FINE_NS } else { COARSE_NS };
            self.next_level_ns = next_after(self.next_level_ns, step_ns, now_ns);
            self.levels(at_s, total.open);
        }
        if now_ns >= self.next_rate_ns {
            self.next_rate_ns = next_after(self.next_rate_ns, COARSE_NS, now_ns);
            self.rates(at_s, self.look_at(now_ns, total, sent));
        }
    }

    /// The last points, of what has come since the ones before.
    pub(super) fn finish(&mut self, now_ns: u64, total: &Stats, sent: u64) {
        let at_s = seconds(now_ns.saturating_sub(self.start_ns));
        self.levels(at_s, total.open);
        if at_s - self.last_point.at_s >= seconds(FINE_NS) {
            self.rates(at_s, self.look_at(now_ns, total, sent));
        }
    }

    fn look_at(&self, now_ns: u64, total: &Stats, sent: u64) -> Look {
        Look {
            at_s: seconds(now_ns.saturating_sub(self.start_ns)),
            connected: total.count(Counter::Connected),
            sent,
            received: total.count(Counter::Received),
        }
    }

    fn levels(&mut self, at_s: f64, open: u64) {
        let before = self.series.first().and_then(|series| series.points.last()).copied();
        if let (Some((then_s, fewest)), Some((_, before))) = (self.fewest.take(), before)
            && (fewest as f64) < before
            && fewest < open
        {
            // A storm may be over between two points.
            self.push(OPEN, "", then_s, Some(fewest as f64));
        }
        self.server_rss_bytes = Memory::rss_of_all(&self.pids);
        let kernel = Kernel::read();
        for (name, unit, value) in [
            (OPEN, "", Some(open as f64)),
            ("server resident memory", "B", self.server_rss_bytes.map(|bytes| bytes as f64)),
            ("kernel slab", "B", Some(kernel.slab_bytes as f64)),
            ("kernel TCP buffers", "B", Some(kernel.tcp_bytes as f64)),
        ] {
            self.push(name, unit, at_s, value);
        }
        if let Some(point) = point_of(&self.latency, at_s) {
            self.last_latency = Some(point);
            self.latencies.push(point);
            self.latency.reset();
        }
    }

    fn rates(&mut self, at_s: f64, look: Look) {
        let rates = look.rates_since(&self.last_point);
        if self.last_latency.is_some_and(|point| point.at_s < self.last_point.at_s) {
            self.last_latency = None;
        }
        self.last_point = look;
        self.read_cpu();
        for (name, unit, value) in [
            ("connects per second", "/s", Some(rates.connects)),
            ("sent per second", "/s", Some(rates.sent)),
            ("received per second", "/s", Some(rates.received)),
            ("server CPU, busiest thread", "cores", self.server_cpu),
            ("client CPU, busiest thread", "cores", Some(self.client_cpu)),
        ] {
            self.push(name, unit, at_s, value);
        }
    }

    fn push(&mut self, name: &str, unit: &'static str, at_s: f64, value: Option<f64>) {
        let Some(value) = value else { return };
        let point = (at_s, value);
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
        if let (Some(now), Some(before)) = (Threads::of_all(&self.pids), &self.server_threads) {
            self.server_cpu = now.since(before).first().map(|busy| busy.cpu);
            self.server_threads = Some(now);
        }
    }
}

/// When the next point is due; those that were missed are left out.
fn next_after(due_ns: u64, step_ns: u64, now_ns: u64) -> u64 {
    due_ns + step_ns * ((now_ns - due_ns) / step_ns + 1)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The moments at which a series has points, in milliseconds, when it is looked at every 20 ms.
    fn moments(sampler: &Sampler, name: &str) -> Vec<f64> {
        let series = sampler.series.iter().find(|series| series.name == name).unwrap();
        series.points.iter().map(|(at_s, _)| (at_s * 1e3).round()).collect()
    }

    #[test]
    fn levels_begin_at_once_and_come_often_in_the_first_half_minute() {
        let mut sampler = Sampler::new(NS_PER_S, &[], Vec::new());
        for at_ms in (0..=40_000).step_by(20) {
            sampler.sample(NS_PER_S + at_ms * NS_PER_MS, &Stats::default(), 0);
        }
        let open = moments(&sampler, "connections open");
        assert_eq!(open[..5], [0.0, 260.0, 500.0, 760.0, 1_000.0]);
        assert_eq!(open.iter().filter(|at| **at <= 30_000.0).count(), 121);
        assert_eq!(
            open[121..],
            [
                31_000.0, 32_000.0, 33_000.0, 34_000.0, 35_000.0, 36_000.0, 37_000.0, 38_000.0,
                39_000.0, 40_000.0
            ]
        );
        let rates = moments(&sampler, "connects per second");
        assert_eq!((rates.len(), rates[0], rates[39]), (40, 1_000.0, 40_000.0));
    }

    #[test]
    fn a_dip_between_two_points_gets_one_of_its_own() {
        let mut sampler = Sampler::new(0, &[], Vec::new());
        for (at_ms, open) in [(0, 0), (20, 9), (250, 90), (500, 90), (520, 3), (540, 40), (750, 90)]
        {
            let mut total = Stats::default();
            total.open = open;
            sampler.sample(at_ms * NS_PER_MS, &total, 0);
        }
        let points = &sampler.series[0].points;
        assert_eq!(points[1..], [(0.25, 90.0), (0.5, 90.0), (0.52, 3.0), (0.75, 90.0)]);
    }

    #[test]
    fn a_stall_leaves_points_out_and_no_burst_behind() {
        assert_eq!(next_after(250, 250, 250), 500);
        assert_eq!(next_after(250, 250, 1_240), 1_250);
        assert_eq!(next_after(250, 250, 1_250), 1_500);
    }

    #[test]
    fn a_run_shorter_than_a_second_has_rates_too() {
        let mut sampler = Sampler::new(0, &[], Vec::new());
        sampler.sample(0, &Stats::default(), 0);
        sampler.finish(600 * NS_PER_MS, &Stats::default(), 300);
        let sent = sampler.series.iter().find(|series| series.name == "sent per second").unwrap();
        assert_eq!(sent.points, [(0.6, 500.0)]);
        assert_eq!(moments(&sampler, "connections open"), [0.0, 600.0]);
    }

    #[test]
    fn latencies_stand_where_they_were_measured() {
        let mut sampler = Sampler::new(0, &[], Vec::new());
        let mut latencies = histogram();
        latencies.record(100).unwrap();
        for at_ms in (0..=3_000).step_by(50) {
            if at_ms == 600 {
                sampler.add_latencies(&latencies);
            }
            sampler.sample(at_ms * NS_PER_MS, &Stats::default(), 0);
            let is_shown = sampler.last_latency.is_some();
            assert_eq!(is_shown, (750..2_000).contains(&at_ms), "{at_ms}");
        }
        assert_eq!(sampler.latencies.len(), 1);
        assert!((sampler.latencies[0].at_s - 0.75).abs() < 1e-9);
    }
}
