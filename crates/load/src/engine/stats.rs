//! What a thread counts and times, and how the coordinator gets at it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hdrhistogram::Histogram;

use super::clock::microseconds;
use super::counters::COUNTERS;
use super::share::Share;
use crate::verify::Findings;

pub(crate) use super::counters::{Counter, MEASURES, Measure, histogram};

/// How many different error messages are counted separately; all others are counted together.
const ERRORS_MAX: usize = 256;
const OTHER_ERRORS: &str = "other errors";

/// What one thread has measured: since the start, or since the coordinator last took it.
#[derive(Debug, Clone)]
pub(crate) struct Stats {
    counts: [u64; COUNTERS],
    histograms: [Histogram<u64>; MEASURES.len()],
    /// By what they count as, and in words.
    errors: HashMap<(Counter, String), u64>,
    pub(crate) findings: Findings,
    /// What each of several targets has of all this; empty where there is one.
    shares: Vec<Share>,
    /// Connections open now.
    pub(crate) open: u64,
    /// Handshakes under way now.
    pub(crate) connecting: u64,
    /// All connects have come to an end, or all publications are out: what the job waits for.
    pub(crate) is_done: bool,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            counts: [0; COUNTERS],
            histograms: std::array::from_fn(|_| histogram()),
            errors: HashMap::new(),
            findings: Findings::default(),
            shares: Vec::new(),
            open: 0,
            connecting: 0,
            is_done: false,
        }
    }
}

impl Stats {
    pub(crate) fn add(&mut self, counter: Counter, count: u64) {
        self.counts[counter as usize] += count;
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.counts[counter as usize]
    }

    /// Records the time between two points.
    pub(crate) fn record(&mut self, measure: Measure, from_ns: u64, to_ns: u64) {
        // Cannot fail: it grows.
        let _ = self.histograms[measure as usize].record(microseconds(from_ns, to_ns));
    }

    pub(crate) fn histogram(&self, measure: Measure) -> &Histogram<u64> {
        &self.histograms[measure as usize]
    }

    /// The part of the target of this number, where there are several.
    pub(crate) fn share(&mut self, nth: usize) -> &mut Share {
        if self.shares.len() <= nth {
            self.shares.resize_with(nth + 1, Share::default);
        }
        &mut self.shares[nth]
    }

    /// The same; none where nothing has happened there.
    pub(crate) fn share_of(&self, nth: usize) -> Option<&Share> {
        self.shares.get(nth)
    }

    /// Notes why something counts as `counter`; the counting is the caller's.
    pub(crate) fn error(&mut self, counter: Counter, what: String) {
        self.note(counter, what, 1);
    }

    /// Servers word their refusals as they like, so only so many different ones are kept apart.
    fn note(&mut self, counter: Counter, what: String, count: u64) {
        let mut key = (counter, what);
        if self.errors.len() >= ERRORS_MAX && !self.errors.contains_key(&key) {
            OTHER_ERRORS.clone_into(&mut key.1);
        }
        *self.errors.entry(key).or_default() += count;
    }

    /// All errors, the most frequent first.
    pub(crate) fn errors(&self) -> Vec<(String, u64)> {
        let mut sums: HashMap<&str, u64> = HashMap::new();
        for ((_, what), count) in &self.errors {
            *sums.entry(what).or_default() += count;
        }
        let mut errors: Vec<_> =
            sums.into_iter().map(|(what, count)| (what.to_owned(), count)).collect();
        errors.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        errors
    }

    /// The most frequent reason for what is counted by `counter`.
    pub(crate) fn main_error(&self, counter: Counter) -> Option<&str> {
        let of_counter = self.errors.iter().filter(|((of, _), _)| *of == counter);
        let most = of_counter.max_by(|(a, n), (b, m)| n.cmp(m).then_with(|| b.1.cmp(&a.1)));
        most.map(|((_, what), _)| what.as_str())
    }

    /// How many errors there were.
    pub(crate) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Adds what another has, and takes it from there; what is so now is so in the sum.
    pub(crate) fn absorb(&mut self, other: &mut Self) {
        for (count, more) in self.counts.iter_mut().zip(&mut other.counts) {
            *count += std::mem::take(more);
        }
        for (ours, theirs) in self.histograms.iter_mut().zip(&mut other.histograms) {
            if !theirs.is_empty() {
                // Cannot fail: ours grows.
                let _ = ours.add(&*theirs);
                theirs.reset();
            }
        }
        for ((counter, what), count) in other.errors.drain() {
            self.note(counter, what, count);
        }
        self.findings.merge(&std::mem::take(&mut other.findings));
        for (nth, theirs) in other.shares.iter_mut().enumerate() {
            self.share(nth).absorb(theirs);
        }
        self.open += other.open;
        self.connecting += other.connecting;
        self.is_done &= other.is_done;
    }
}

/// The coordinator's view of one thread.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<Stats>);

impl Shared {
    /// The thread hands over what it has measured since the last time.
    pub(crate) fn give(&self, local: &mut Stats) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shared.open = 0;
        shared.connecting = 0;
        shared.is_done = true;
        shared.absorb(local);
    }

    /// The coordinator takes what has come since the last time.
    pub(crate) fn take(&self, total: &mut Stats) {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        total.absorb(&mut shared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_many_words_are_bounded_and_all_counted() {
        let (mut local, mut total) = (Stats::default(), Stats::default());
        for number in 0..1_000 {
            local.error(Counter::Refused, format!("refusal {number}"));
            if number % 300 == 0 {
                total.absorb(&mut local);
            }
        }
        total.absorb(&mut local);
        assert!(total.errors.len() <= ERRORS_MAX + 1, "{}", total.errors.len());
        assert_eq!(total.error_count(), 1_000);
        assert_eq!(total.main_error(Counter::Refused), Some(OTHER_ERRORS));
    }

    #[test]
    fn everything_is_handed_over_once() {
        let shared = Shared::default();
        let mut local = Stats { open: 5, is_done: true, ..Stats::default() };
        local.add(Counter::Sent, 3);
        local.record(Measure::Delivery, 0, 1_500_000);
        local.error(Counter::Failed, "bad".to_owned());
        shared.give(&mut local);
        local.add(Counter::Sent, 1);
        local.open = 4;
        shared.give(&mut local);
        let mut total = Stats { is_done: true, ..Stats::default() };
        for _ in 0..2 {
            (total.open, total.connecting) = (0, 0);
            shared.take(&mut total);
        }
        assert_eq!((total.count(Counter::Sent), total.open), (4, 4));
        assert!(total.is_done);
        assert_eq!(total.histogram(Measure::Delivery).len(), 1);
        assert_eq!(total.histogram(Measure::Delivery).max(), 1_500);
        assert_eq!(total.errors(), [("bad".to_owned(), 1)]);
    }

    #[test]
    fn what_targets_have_is_handed_over_once_too() {
        let (shared, mut local) = (Shared::default(), Stats::default());
        local.share(1).add(Counter::Connected, 2);
        local.share(1).record(Measure::Delivery, 0, 1_500_000);
        shared.give(&mut local);
        local.share(0).add(Counter::Connected, 1);
        local.share(1).record(Measure::Delivery, 0, 500_000);
        shared.give(&mut local);
        let mut total = Stats::default();
        for _ in 0..2 {
            shared.take(&mut total);
        }
        let connected = |nth| total.share_of(nth).map(|share| share.count(Counter::Connected));
        assert_eq!([0, 1, 2].map(connected), [Some(1), Some(2), None]);
        let share = total.share_of(1).unwrap();
        let delivered = share.histogram(Measure::Delivery).unwrap();
        assert_eq!((delivered.len(), delivered.max()), (2, 1_500));
        assert!(share.histogram(Measure::Handshake).is_none());
    }

    #[test]
    fn each_count_has_its_own_reasons() {
        let mut stats = Stats::default();
        for (counter, what, times) in [
            (Counter::Dropped, "reset", 9),
            (Counter::Failed, "refused", 2),
            (Counter::Failed, "reset", 3),
            (Counter::Failed, "timeout", 1),
        ] {
            (0..times).for_each(|_| stats.error(counter, what.to_owned()));
        }
        assert_eq!(stats.main_error(Counter::Failed), Some("reset"));
        assert_eq!(stats.main_error(Counter::Dropped), Some("reset"));
        assert_eq!(stats.main_error(Counter::Refused), None);
        let all = [("reset", 12), ("refused", 2), ("timeout", 1)];
        assert_eq!(stats.errors(), all.map(|(what, count)| (what.to_owned(), count)));
    }
}
