//! One publisher's publications: due, and sent but not answered.

use std::collections::VecDeque;

use switchboard_plane::ConnId;

use super::answers::Answers;

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
    /// The last connect came to nothing.
    pub(super) is_unreachable: bool,
    /// Not before this time.
    pub(super) retry_ns: u64,
    /// Due, in order.
    pub(super) due: VecDeque<Pending>,
    /// HTTP and streams.
    pub(super) unanswered: Unanswered,
    pub(super) answers: Answers,
}

impl Publisher {
    /// Nothing is left to do.
    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty() && self.unanswered.requests() == 0
    }
}

/// What was sent and not answered, in order.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    publications: VecDeque<Pending>,
    /// How many of them each request or message has.
    requests: VecDeque<usize>,
}

impl Unanswered {
    pub(super) fn requests(&self) -> usize {
        self.requests.len()
    }

    /// A request was sent.
    pub(super) fn push(&mut self, publications: impl Iterator<Item = Pending>) {
        let before = self.publications.len();
        self.publications.extend(publications);
        self.requests.push_back(self.publications.len() - before);
    }

    /// Publications of the oldest request.
    pub(super) fn first(&self) -> usize {
        self.requests.front().copied().unwrap_or_default()
    }

    /// The oldest request is over. The publications of nothing are none.
    pub(super) fn pop(&mut self) -> impl Iterator<Item = Pending> {
        let count = self.requests.pop_front().unwrap_or_default();
        self.publications.drain(..count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_answered_in_order_with_all_their_publications() {
        let pending = |sequence| Pending { channel: 0, sequence, due_ns: 0, sent_ns: 0 };
        let mut unanswered = Unanswered::default();
        unanswered.push([1, 2].into_iter().map(pending));
        unanswered.push([3].into_iter().map(pending));
        assert_eq!((unanswered.requests(), unanswered.first()), (2, 2));
        let sequences: Vec<_> = unanswered.pop().map(|pending| pending.sequence).collect();
        assert_eq!(sequences, [1, 2]);
        assert_eq!((unanswered.requests(), unanswered.first()), (1, 1));
        assert_eq!(unanswered.pop().count(), 1);
        assert_eq!(
            (unanswered.requests(), unanswered.first(), unanswered.pop().count()),
            (0, 0, 0)
        );
    }
}
