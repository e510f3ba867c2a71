//! One publisher's publications: due, and sent but not answered.

use std::collections::VecDeque;

use switchboard_plane::ConnId;

use crate::http::{Head, Reader};

/// A publication on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) channel: u32,
    pub(super) sequence: u64,
    pub(super) due_ns: u64,
    /// 0 until it is sent.
    pub(super) sent_ns: u64,
}

/// One publisher.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// Its connection, while it is open.
    pub(super) id: Option<ConnId>,
    /// A connect is under way.
    pub(super) connecting: bool,
    /// Not before this time.
    pub(super) retry_ns: u64,
    /// Due, in order.
    pub(super) due: VecDeque<Pending>,
    /// Sent, in order; HTTP only.
    pub(super) unanswered: VecDeque<Pending>,
    pub(super) reader: Reader,
    /// The head of the answer that is being read.
    pub(super) head: Head,
    /// The beginning of its body, where it is a refusal.
    pub(super) refusal: Vec<u8>,
}

impl Publisher {
    /// Nothing is left to do.
    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty() && self.unanswered.is_empty()
    }
}
