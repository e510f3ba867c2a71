//! The outside of a shard.

use std::sync::Arc;

use crate::command::Command;
use crate::counters::Counters;
use crate::exchange::{Mail, Mailbox};

/// The outside of a running shard: what other threads hold of it.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) counters: Arc<Counters>,
}

impl Handle {
    pub(crate) fn new() -> Self {
        Self { mailbox: Arc::new(Mailbox::default()), counters: Arc::new(Counters::default()) }
    }

    /// Handles of `count` shards to be. They know each other from the start.
    pub fn set(count: u16) -> Vec<Self> {
        (0..count).map(|_| Self::new()).collect()
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
}
