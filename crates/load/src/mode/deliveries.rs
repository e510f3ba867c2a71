//! What arrives at subscribers, in whatever way: checked, timed and counted.

use std::sync::Arc;

use crate::engine::stats::{Measure, Stats};
use crate::target::Targets;
use crate::verify::{Arrival, Cursor, Excused, Kind, Progress, Stamp, Verifier};

/// A subscriber: its number in the run, and that of its channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscriber {
    pub(super) number: u32,
    pub(super) channel: u32,
}

/// The books of one thread's subscribers.
#[derive(Debug)]
pub(crate) struct Deliveries {
    /// Differs from run to run.
    run: u32,
    targets: Arc<Targets>,
    /// One for the subscribers of each target.
    verifiers: Box<[Verifier]>,
    progress: Arc<Progress>,
    excused: Arc<Excused>,
}

impl Deliveries {
    pub(crate) fn new(
        run: u32,
        targets: Arc<Targets>,
        progress: Arc<Progress>,
        excused: Arc<Excused>,
    ) -> Self {
        let verifiers = (0..targets.count()).map(|_| Verifier::default()).collect();
        Self { run, targets, verifiers, progress, excused }
    }

    /// One more subscriber, from now on; when it is counted, every publication has to reach it.
    pub(super) fn joined(&self, channel: u32, counted: bool) -> Cursor {
        let cursor = Cursor::after(self.progress.sent(channel));
        if counted {
            self.progress.join(channel);
        }
        cursor
    }

    /// A message arrived. Latency is that of counted subscribers only.
    pub(super) fn arrived(
        &mut self,
        stats: &mut Stats,
        now_ns: u64,
        who: Subscriber,
        (cursor, counted): (&mut Cursor, bool),
        message: &[u8],
    ) {
        let share = self.targets.share_of(who.number);
        let verifier = &mut self.verifiers[share.unwrap_or_default()];
        let stamp = match Stamp::read(message) {
            Ok(stamp) if stamp.run != self.run => {
                return foreign(verifier, who, "a publication of another run");
            }
            Ok(stamp) if stamp.channel != who.channel => {
                let what = format!("a publication of channel {} in {}", stamp.channel, who.channel);
                return foreign(verifier, who, what);
            }
            Ok(stamp) => stamp,
            Err(damage) => return foreign(verifier, who, damage),
        };
        let arrival = verifier.arrived(who.number, who.channel, cursor, stamp.sequence);
        if !counted || arrival == Arrival::Again {
            return;
        }
        stats.record(Measure::Delivery, stamp.due_ns, now_ns);
        if let Some(nth) = share {
            stats.share(nth).record(Measure::Delivery, stamp.due_ns, now_ns);
        }
        match arrival {
            Arrival::InOrder => {}
            // Those in between are not waited for; they are in the verifier's books.
            Arrival::Ahead(hole) => hole.for_each(|missing| {
                self.progress.reached(who.channel, missing);
            }),
            Arrival::Early | Arrival::Late | Arrival::Again => return,
        }
        if self.progress.reached(who.channel, stamp.sequence) {
            stats.record(Measure::LastDelivery, stamp.due_ns, now_ns);
        }
    }

    /// A subscriber is gone, or the run is over and it should have everything.
    pub(super) fn ended(
        &mut self,
        Subscriber { number, channel }: Subscriber,
        cursor: Cursor,
        counted: bool,
        is_over: bool,
    ) {
        let sent = (is_over && counted).then(|| self.progress.sent(channel));
        let share = self.targets.share_of(number).unwrap_or_default();
        self.verifiers[share].ended(number, channel, cursor, sent, &self.excused);
        if counted {
            self.progress.leave(channel, cursor.next);
        }
    }

    /// Hands over what was found since the last time.
    pub(super) fn hand_over(&mut self, stats: &mut Stats) {
        let mut names = self.targets.names();
        for (nth, verifier) in self.verifiers.iter_mut().enumerate() {
            let name = names.next();
            if verifier.findings.total() == 0 {
                continue;
            }
            let mut found = std::mem::take(&mut verifier.findings);
            if let Some(name) = name {
                stats.share(nth).findings.merge(&found);
                found = found.with_examples(|example| format!("{name}: {example}"));
            }
            stats.findings.merge(&found);
        }
    }
}

fn foreign(verifier: &mut Verifier, who: Subscriber, what: impl std::fmt::Display) {
    let example = || format!("connection {}: {what}", who.number);
    verifier.findings.add(Kind::Foreign, 1, example);
}
