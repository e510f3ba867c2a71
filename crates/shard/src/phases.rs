//! How far the shards of a server are on their way to its end.

use std::sync::atomic::{AtomicU32, Ordering};

use switchboard_api::{Phase, PhaseCell};

/// What all shards of a server know of its end. Each goes its own way there, and none ends while others may
/// need what its channels know.
#[derive(Debug, Default)]
pub struct Phases {
    server: PhaseCell,
    drained: AtomicU32,
    stopping: AtomicU32,
}

impl Phases {
    /// The phase of the server.
    pub fn get(&self) -> Phase {
        self.server.get()
    }

    /// The server goes on to a later phase. False where it is as far already.
    pub fn advance(&self, to: Phase) -> bool {
        self.server.advance(to)
    }

    /// The last client of a shard has gone, and none comes any more.
    pub(crate) fn drained(&self) {
        self.drained.fetch_add(1, Ordering::Relaxed);
    }

    /// Of so many shards, none has a client any more.
    pub(crate) fn are_drained(&self, shards: usize) -> bool {
        self.drained.load(Ordering::Relaxed) as usize >= shards
    }

    /// A shard has begun to stop.
    pub(crate) fn stopping(&self) {
        self.stopping.fetch_add(1, Ordering::Relaxed);
    }

    /// So many shards have begun to stop: none of them takes requests that others would have to answer.
    pub(crate) fn are_stopping(&self, shards: usize) -> bool {
        self.stopping.load(Ordering::Relaxed) as usize >= shards
    }
}
