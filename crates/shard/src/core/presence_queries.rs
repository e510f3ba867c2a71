//! Questions who listens to a channel, which this shard has still to answer.

use std::collections::VecDeque;

use crate::exchange::PresenceQuery;

/// What waits here at most. Beyond it, who asks is told to ask again later.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// What is found in a millisecond, in bytes, over time: it takes some hundredths of a core.
const BYTES_PER_MS: u64 = 8 << 10;

/// What may be found at once, and the answer that exceeds it: within a millisecond.
const BURST_BYTES: u64 = 64 << 10;

/// Questions who listens to a channel, in the order in which they came, and how much time they may take:
/// whoever asks about large channels as fast as it can delays those who ask, and nobody else. A client has
/// one of them at a time, so clients have their turns.
#[derive(Debug, Default)]
pub(crate) struct PresenceQueries {
    waiting: VecDeque<Box<PresenceQuery>>,
    waiting_bytes: usize,
    /// What was found and is not made up for yet, at that time.
    owed_bytes: u64,
    at_ms: u64,
}

impl PresenceQueries {
    /// Takes a question, or gives it back where too many wait.
    pub(crate) fn push(&mut self, query: Box<PresenceQuery>) -> Result<(), Box<PresenceQuery>> {
        let bytes = query.bytes();
        if self.waiting_bytes + bytes > WAITING_BYTES_MAX {
            return Err(query);
        }
        self.waiting_bytes += bytes;
        self.waiting.push_back(query);
        Ok(())
    }

    /// The next one, if there is one and time for it.
    pub(crate) fn take(&mut self, now_ms: u64) -> Option<Box<PresenceQuery>> {
        if self.waiting.is_empty() || self.owed_bytes(now_ms) > BURST_BYTES {
            return None;
        }
        let query = self.waiting.pop_front()?;
        self.waiting_bytes -= query.bytes();
        Some(query)
    }

    /// So much was found.
    pub(crate) fn charge(&mut self, now_ms: u64, bytes: usize) {
        self.owed_bytes = self.owed_bytes(now_ms).saturating_add(bytes as u64);
        self.at_ms = now_ms;
    }

    /// When the next one can be answered; none where nobody waits.
    pub(crate) fn due_ms(&self, now_ms: u64) -> Option<u64> {
        if self.waiting.is_empty() {
            return None;
        }
        let beyond = self.owed_bytes(now_ms).saturating_sub(BURST_BYTES);
        Some(now_ms + beyond.div_ceil(BYTES_PER_MS))
    }

    fn owed_bytes(&self, now_ms: u64) -> u64 {
        let made_up = now_ms.saturating_sub(self.at_ms).saturating_mul(BYTES_PER_MS);
        self.owed_bytes.saturating_sub(made_up)
    }
}

#[cfg(test)]
mod tests {
    use switchboard_hub::{ChannelName, ShardId};
    use switchboard_plane::ConnId;

    use super::*;
    use crate::exchange::Found;

    fn query(nth: u32) -> PresenceQuery {
        let name = ChannelName::new("a").unwrap();
        let asker = (ShardId(0), ConnId::new(nth, 0));
        PresenceQuery::new(asker, name, Found::TooMany, 1)
    }

    #[test]
    fn queries_come_in_their_order_and_take_a_bounded_time() {
        let mut queries = PresenceQueries::default();
        assert_eq!((queries.due_ms(5), queries.take(5).is_none()), (None, true));
        for nth in 0..3 {
            queries.push(Box::new(query(nth))).unwrap();
        }
        assert_eq!(queries.take(5).map(|query| query.id.index()), Some(0));
        queries.charge(5, (BURST_BYTES + 3 * BYTES_PER_MS) as usize);
        assert!(queries.take(5).is_none() && queries.take(7).is_none());
        assert_eq!((queries.due_ms(5), queries.due_ms(7)), (Some(8), Some(8)));
        assert_eq!(queries.take(8).map(|query| query.id.index()), Some(1));
        assert_eq!(queries.take(8).map(|query| query.id.index()), Some(2));
        assert_eq!((queries.due_ms(8), queries.waiting_bytes), (None, 0));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queries = PresenceQueries::default();
        let taken =
            (0..1_000_000).take_while(|nth| queries.push(Box::new(query(*nth))).is_ok()).count();
        assert!(queries.waiting_bytes <= WAITING_BYTES_MAX && taken > 1_000, "{taken}");
        assert!(queries.push(Box::new(query(0))).is_err());
        queries.take(0).unwrap();
        assert!(queries.push(Box::new(query(0))).is_ok());
    }
}
