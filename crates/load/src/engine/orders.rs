//! What the coordinator tells the threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared flags and times. Threads look at them in every turn.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    stop: AtomicBool,
    drop_all: AtomicBool,
    abandon: AtomicBool,
    release_slow: AtomicBool,
    connect_ns: AtomicU64,
    start_ns: AtomicU64,
    until_ns: AtomicU64,
}

impl Orders {
    /// Finish and return.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(crate) fn is_stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// All threads begin to connect at this time.
    pub(crate) fn connect_from(&self, start_ns: u64) {
        self.connect_ns.store(start_ns, Ordering::Release);
    }

    /// When connecting begins, once that is known.
    pub(crate) fn connect_time(&self) -> Option<u64> {
        Some(self.connect_ns.load(Ordering::Acquire)).filter(|start_ns| *start_ns > 0)
    }

    /// Storm: drop everyone but the survivors, and reconnect.
    pub(crate) fn drop_all(&self) {
        self.drop_all.store(true, Ordering::Release);
    }

    pub(crate) fn is_drop_all(&self) -> bool {
        self.drop_all.load(Ordering::Acquire)
    }

    /// Publishers: what has not been sent by now is not sent any more.
    pub(crate) fn abandon(&self) {
        self.abandon.store(true, Ordering::Release);
    }

    pub(crate) fn is_abandon(&self) -> bool {
        self.abandon.load(Ordering::Acquire)
    }

    /// Slow subscribers read everything from now on, so that their fate is known.
    pub(crate) fn release_slow(&self) {
        self.release_slow.store(true, Ordering::Release);
    }

    pub(crate) fn is_release_slow(&self) -> bool {
        self.release_slow.load(Ordering::Acquire)
    }

    /// The work (publishing, echoing) goes on between these times.
    pub(crate) fn work(&self, start_ns: u64, until_ns: u64) {
        self.until_ns.store(until_ns, Ordering::Release);
        self.start_ns.store(start_ns, Ordering::Release);
    }

    /// The work ends now, if it has not.
    pub(crate) fn end_work(&self, now_ns: u64) {
        self.until_ns.fetch_min(now_ns, Ordering::AcqRel);
    }

    /// When the work begins and ends, once that is known.
    pub(crate) fn work_times(&self) -> Option<(u64, u64)> {
        match self.start_ns.load(Ordering::Acquire) {
            0 => None,
            start_ns => Some((start_ns, self.until_ns.load(Ordering::Acquire))),
        }
    }
}
