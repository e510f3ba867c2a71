//! What a client has asked and not been answered.

use std::collections::VecDeque;

use crate::rate::TokenBucket;

/// Publications whose receipts other shards owe. Beyond it the connection is not read.
const PENDING_MAX: usize = 64;

/// Messages that backends have not answered. Beyond it the connection is not read.
const MESSAGES_MAX: usize = 8;

/// New tokens that a client may show in a second.
const REFRESHES_PER_SECOND: u32 = 1;

/// Refusals that a client gets in a second, with a burst of as many. The next one ends the connection.
const REFUSALS_PER_SECOND: u32 = 50;

/// What a client of `switchboard.v1` or Centrifuge has asked and not been answered, and how often it may show
/// a new token.
#[derive(Debug)]
pub(crate) struct Asked {
    next: u32,
    /// What is under way, in the order in which it was asked.
    pending: VecDeque<Pending>,
    refreshes: TokenBucket,
    refusals: TokenBucket,
}

/// What is under way: a publication, or a message to the backend.
#[derive(Debug)]
struct Pending {
    /// The shard's number of it.
    number: u32,
    /// The client's id.
    id: Box<str>,
    is_message: bool,
}

impl Asked {
    pub(crate) fn new(now_ms: u64) -> Self {
        let refreshes = TokenBucket::new(REFRESHES_PER_SECOND, now_ms);
        let refusals = TokenBucket::new(REFUSALS_PER_SECOND, now_ms);
        Self { next: 0, pending: VecDeque::new(), refreshes, refusals }
    }

    /// The number of what comes next.
    pub(crate) fn number(&self) -> u32 {
        self.next
    }

    /// The receipt of the publication will come.
    pub(crate) fn await_receipt(&mut self, id: &str) {
        self.push(id, false);
    }

    /// The backend's answer to the message with this number will come.
    pub(crate) fn await_answer(&mut self, id: &str) -> u32 {
        let number = self.next;
        self.push(id, true);
        number
    }

    fn push(&mut self, id: &str, is_message: bool) {
        self.pending.push_back(Pending { number: self.next, id: id.into(), is_message });
        self.next = self.next.wrapping_add(1);
    }

    /// The client's id of what is answered now.
    pub(crate) fn take(&mut self, number: u32) -> Option<Box<str>> {
        let at = self.pending.iter().position(|pending| pending.number == number)?;
        self.pending.remove(at).map(|pending| pending.id)
    }

    /// Something is under way.
    pub(crate) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Nothing more is taken.
    pub(crate) fn is_full(&self) -> bool {
        let messages = self.pending.iter().filter(|pending| pending.is_message);
        self.pending.len() >= PENDING_MAX || messages.count() >= MESSAGES_MAX
    }

    /// Whether the client has not shown a new token just now.
    pub(crate) fn may_refresh(&mut self, now_ms: u64) -> bool {
        self.refreshes.try_take(now_ms)
    }

    /// Whether one more refusal is answered. Who is refused again and again is not told for ever.
    pub(crate) fn may_be_refused(&mut self, now_ms: u64) -> bool {
        self.refusals.try_take(now_ms)
    }

    /// It may as well be forgotten.
    pub(super) fn is_empty(&self, now_ms: u64) -> bool {
        self.pending.is_empty() && self.refreshes.is_full(now_ms) && self.refusals.is_full(now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_receipt_finds_the_id_that_it_is_for() {
        let mut asked = Asked::new(0);
        for nth in 0..PENDING_MAX as u32 {
            assert!(!asked.is_full() && asked.number() == nth);
            asked.await_receipt(&nth.to_string());
        }
        assert!(asked.is_full() && !asked.is_empty(0));
        assert_eq!(asked.take(9).as_deref(), Some("9"));
        assert_eq!((asked.take(9), asked.is_full()), (None, false));
    }

    #[test]
    fn few_messages_to_backends_are_under_way_at_once() {
        let mut asked = Asked::new(0);
        let numbers: Vec<u32> = (0..MESSAGES_MAX)
            .map(|_| {
                assert!(!asked.is_full());
                asked.await_answer("a")
            })
            .collect();
        assert!(asked.is_full());
        assert_eq!(asked.take(numbers[3]).as_deref(), Some("a"));
        asked.await_receipt("b");
        assert!(!asked.is_full(), "a receipt is another thing");
        asked.await_answer("c");
        assert!(asked.is_full());
    }

    #[test]
    fn a_token_may_be_shown_once_a_second() {
        let mut asked = Asked::new(0);
        assert!(asked.may_refresh(0) && !asked.may_refresh(900) && !asked.is_empty(900));
        assert!(asked.is_empty(1_000) && asked.may_refresh(1_900));
    }
}
