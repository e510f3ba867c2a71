//! What one of several targets has of that which is counted and timed.

use hdrhistogram::Histogram;

use super::clock::microseconds;
use super::counters::{COUNTERS, Counter, MEASURES, Measure, histogram};
use crate::verify::Findings;

/// The part of a target. Not everything is counted and timed by target: what is not is 0 here.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    counts: [u64; COUNTERS],
    /// Made when they are needed: a run uses one or two of them.
    histograms: [Option<Histogram<u64>>; MEASURES.len()],
    pub(crate) findings: Findings,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            counts: [0; COUNTERS],
            histograms: [const { None }; MEASURES.len()],
            findings: Findings::default(),
        }
    }
}

impl Share {
    pub(crate) fn add(&mut self, counter: Counter, count: u64) {
        self.counts[counter as usize] += count;
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.counts[counter as usize]
    }

    /// Records the time between two points.
    pub(crate) fn record(&mut self, measure: Measure, from_ns: u64, to_ns: u64) {
        let ours = self.histograms[measure as usize].get_or_insert_with(histogram);
        // Cannot fail: it grows.
        let _ = ours.record(microseconds(from_ns, to_ns));
    }

    /// None where nothing was timed.
    pub(crate) fn histogram(&self, measure: Measure) -> Option<&Histogram<u64>> {
        self.histograms[measure as usize].as_ref().filter(|histogram| !histogram.is_empty())
    }

    /// Adds what another has, and takes it from there.
    pub(super) fn absorb(&mut self, other: &mut Self) {
        for (count, more) in self.counts.iter_mut().zip(&mut other.counts) {
            *count += std::mem::take(more);
        }
        for (ours, theirs) in self.histograms.iter_mut().zip(&mut other.histograms) {
            let Some(theirs) = theirs.as_mut().filter(|theirs| !theirs.is_empty()) else {
                continue;
            };
            // Cannot fail: ours grows.
            let _ = ours.get_or_insert_with(histogram).add(&*theirs);
            theirs.reset();
        }
        self.findings.merge(&std::mem::take(&mut other.findings));
    }
}
