//! The outside of a shard.

use std::sync::Arc;

use switchboard_api::HistogramCounts;

use crate::command::Command;
use crate::counters::Counters;
use crate::exchange::{Mail, Mailbox};
use crate::histogram::Histogram;
use crate::phases::Phases;
use crate::refusals::Refusals;

/// The outside of a running shard: what other threads hold of it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) send_delays: Arc<Histogram>,
    /// Of all shards.
    pub(crate) refusals: Arc<Refusals>,
    /// Of all shards.
    pub(crate) phases: Arc<Phases>,
}

impl Handle {
    fn new(refusals: Arc<Refusals>, phases: Arc<Phases>) -> Self {
        Self {
            mailbox: Arc::default(),
            counters: Arc::default(),
            send_delays: Arc::default(),
            refusals,
            phases,
        }
    }

    /// Handles of `count` shards to be. They know each other from the start.
    pub fn set(count: u16) -> Vec<Self> {
        let (refusals, phases) = (Arc::<Refusals>::default(), Arc::<Phases>::default());
        (0..count).map(|_| Self::new(Arc::clone(&refusals), Arc::clone(&phases))).collect()
    }

    /// How far all the shards are.
    pub fn phases(&self) -> &Arc<Phases> {
        &self.phases
    }

    /// The handle of a home of channels beside these.
    pub fn beside(handles: &[Self]) -> Self {
        let first = handles.first();
        let refusals = first.map(|first| Arc::clone(&first.refusals)).unwrap_or_default();
        let phases = first.map(|first| Arc::clone(&first.phases)).unwrap_or_default();
        Self::new(refusals, phases)
    }

    /// Queues a command. Never blocks and never fails; a shard that has ended does not
    /// answer.
    pub fn send(&self, command: Command) {
        self.mailbox.post(Mail::Command(command));
    }

    /// What the shard has counted so far.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        self.counters.snapshot()
    }

    /// How long its publications took so far ([`SEND_DELAY`](crate::SEND_DELAY)).
    pub fn send_delays(&self) -> HistogramCounts {
        self.send_delays.snapshot()
    }
}
