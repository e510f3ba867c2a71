//! Who was the limit: this program, the server, or the machine under both.

use crate::engine::clock::{now_ns, seconds};
use crate::engine::stats::{Counter, Stats};
use crate::watch::{Busy, Threads};

/// A thread that uses this much of a core has no more to give.
const SATURATED: f64 = 0.90;
/// A thread that was ready but without a core for so long was held up by the machine.
const HELD_UP: f64 = 0.20;
/// A shorter window says nothing about who was the limit: a burst of a few dozen milliseconds, or
/// the warm-up alone, fills it.
const MEANINGFUL_S: f64 = 0.5;

/// A stretch of time over which CPU and rates are averaged.
#[derive(Debug)]
pub(super) struct Window {
    pids: Vec<u32>,
    tids: Vec<i32>,
    begin_ns: u64,
    end_ns: u64,
    /// What was to be done took so long; what came of it may have come later.
    pub(super) work_s: f64,
    received_before: u64,
    client_before: Threads,
    server_before: Option<Threads>,
    /// Data messages received.
    pub(super) received: u64,
    /// The threads of this program, the busiest first.
    pub(super) client: Vec<Busy>,
    /// The server's.
    pub(super) server: Option<Vec<Busy>>,
    /// Seconds of CPU that the server used.
    pub(super) server_cpu_s: Option<f64>,
}

impl Window {
    /// From `begin_ns` on, which may be a moment from now.
    pub(super) fn begin(pids: &[u32], tids: Vec<i32>, stats: &Stats, begin_ns: u64) -> Self {
        Self {
            client_before: Threads::read("self"),
            server_before: Threads::of_all(pids),
            pids: pids.to_vec(),
            tids,
            begin_ns,
            end_ns: begin_ns,
            work_s: 0.0,
            received_before: stats.count(Counter::Received),
            received: 0,
            client: Vec::new(),
            server: None,
            server_cpu_s: None,
        }
    }

    pub(super) fn end(&mut self, stats: &Stats) {
        self.end_ns = now_ns();
        self.received = stats.count(Counter::Received) - self.received_before;
        let client = Threads::read("self").since(&self.client_before);
        self.client = client.into_iter().filter(|busy| self.tids.contains(&busy.tid)).collect();
        if let (Some(now), Some(before)) = (Threads::of_all(&self.pids), &self.server_before) {
            self.server = Some(now.since(before));
            self.server_cpu_s = Some(now.cpu_seconds_since(before));
        }
    }

    /// It ends later, if more has come since.
    pub(super) fn prolong(&mut self, stats: &Stats) {
        if stats.count(Counter::Received) > self.received_before + self.received {
            self.end(stats);
        }
    }

    /// Its length in seconds.
    pub(super) fn seconds(&self) -> f64 {
        seconds(self.end_ns.saturating_sub(self.begin_ns))
    }

    /// Long enough for averages over it to mean something.
    pub(super) fn is_meaningful(&self) -> bool {
        self.seconds() >= MEANINGFUL_S
    }

    /// Why the figures say more about this program or the machine than about the server.
    pub(super) fn verdict(&self) -> Option<String> {
        if !self.is_meaningful() {
            return None;
        }
        let server = self.server.as_ref().and_then(|threads| threads.first());
        judge(self.client.first()?, server)
    }
}

fn judge(client: &Busy, server: Option<&Busy>) -> Option<String> {
    let Busy { name, cpu, waiting, .. } = client;
    if *waiting > HELD_UP {
        return Some(format!(
            "the machine was a limit: thread {name} of the client ran {cpu:.2} of the time and \
             waited {waiting:.2} of it for a core; other programs, or too many threads on both \
             sides, were in its way"
        ));
    }
    if cpu + waiting < SATURATED {
        return None;
    }
    match server {
        Some(server) if server.cpu >= SATURATED => None,
        Some(server) => Some(format!(
            "the client was the limit: its thread {name} used {cpu:.2} of a core while the \
             server's busiest, {}, used {:.2}; use more --threads",
            server.name, server.cpu
        )),
        None => Some(format!(
            "the client may have been the limit: its thread {name} used {cpu:.2} of a core; give \
             --pid to compare it with the server, and more --threads"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::nanoseconds;

    #[test]
    fn a_short_window_blames_nobody() {
        let mut window = Window::begin(&[], Vec::new(), &Stats::default(), 0);
        window.client = vec![busy(1.0, 0.0)];
        window.end_ns = nanoseconds(MEANINGFUL_S) - 1;
        assert_eq!((window.is_meaningful(), window.verdict()), (false, None));
        window.end_ns = nanoseconds(MEANINGFUL_S);
        assert!(window.verdict().unwrap().contains("may have been the limit"));
    }

    fn busy(cpu: f64, waiting: f64) -> Busy {
        Busy { tid: 1, name: "t".to_owned(), cpu, waiting }
    }

    #[test]
    fn the_limit_is_named() {
        for (client, server, expected) in [
            (busy(0.5, 0.1), Some(busy(0.5, 0.0)), None),
            (busy(0.98, 0.0), Some(busy(0.97, 0.0)), None),
            (busy(0.98, 0.0), Some(busy(0.5, 0.0)), Some("the client was the limit")),
            (busy(0.98, 0.0), None, Some("the client may have been the limit")),
            (busy(0.6, 0.35), Some(busy(0.97, 0.0)), Some("the machine was a limit")),
            (busy(0.1, 0.35), None, Some("the machine was a limit")),
            (busy(0.2, 0.0), None, None),
        ] {
            let verdict = judge(&client, server.as_ref());
            match expected {
                None => assert_eq!(verdict, None),
                Some(text) => assert!(verdict.unwrap().starts_with(text)),
            }
        }
    }
}
