//! Deadlines that are all equally far away when they are set: a queue, no timers.

use std::collections::VecDeque;

use switchboard_plane::ConnId;

/// Connections in the order in which their time runs out.
#[derive(Debug)]
pub(crate) struct Deadlines {
    patience_ns: u64,
    queue: VecDeque<(u64, ConnId)>,
}

impl Deadlines {
    pub(crate) fn new(patience_ns: u64) -> Self {
        Self { patience_ns, queue: VecDeque::new() }
    }

    /// The time of `id` begins now.
    pub(crate) fn begin(&mut self, now_ns: u64, id: ConnId) {
        self.queue.push_back((now_ns + self.patience_ns, id));
    }

    /// The next whose time has run out; the caller knows whether that still matters.
    pub(crate) fn expired(&mut self, now_ns: u64) -> Option<ConnId> {
        let (due_ns, id) = *self.queue.front()?;
        if due_ns > now_ns {
            return None;
        }
        self.queue.pop_front();
        Some(id)
    }

    /// When the next one is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.queue.front().map(|(due_ns, _)| *due_ns)
    }
}
