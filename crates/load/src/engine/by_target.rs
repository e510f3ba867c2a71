//! What happens to a connection is counted and timed for the run and, where there are several
//! targets, for the one that it has.

use super::Core;
use super::stats::{Counter, Measure};
use crate::verify::Kind;

impl<D> Core<D> {
    /// Counts what happened to connection `number`.
    pub(crate) fn count(&mut self, number: u32, counter: Counter, count: u64) {
        self.stats.add(counter, count);
        if let Some(nth) = self.endpoint.targets.share_of(number) {
            self.stats.share(nth).add(counter, count);
        }
    }

    /// Records a time of connection `number`, between two points.
    pub(crate) fn record(&mut self, number: u32, measure: Measure, from_ns: u64, to_ns: u64) {
        self.stats.record(measure, from_ns, to_ns);
        if let Some(nth) = self.endpoint.targets.share_of(number) {
            self.stats.share(nth).record(measure, from_ns, to_ns);
        }
    }

    /// Notes why something of connection `number` counts as `counter`; the counting is the caller's.
    pub(crate) fn error(&mut self, number: u32, counter: Counter, why: String) {
        self.stats.error(counter, self.endpoint.targets.named(number, why));
    }

    /// Counts something of connection `number`, and why.
    pub(crate) fn fail(&mut self, number: u32, counter: Counter, why: String) {
        self.count(number, counter, 1);
        self.error(number, counter, why);
    }

    /// Notes how deliveries to connection `number` went wrong; `example` is made only when it is
    /// among the first.
    pub(crate) fn found(
        &mut self,
        number: u32,
        kind: Kind,
        count: u64,
        example: impl Fn() -> String,
    ) {
        let targets = &self.endpoint.targets;
        self.stats.findings.add(kind, count, || targets.named(number, example()));
        if let Some(nth) = targets.share_of(number) {
            self.stats.share(nth).findings.add(kind, count, example);
        }
    }
}
