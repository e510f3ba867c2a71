//! Messages that came before what comes before them.

use std::collections::VecDeque;

use crate::Message;

/// What one mirror keeps of them.
#[derive(Clone, Copy, Debug)]
pub struct BufferBounds {
    /// So many messages.
    pub messages: usize,
    /// So many bytes of payload.
    pub bytes: usize,
}

/// A bounded number of messages in order, each with its predecessor's sequence. Beyond the bound it drops all
/// of them: they are in the stream, and what is fetched from there comes in order.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    messages: VecDeque<(Message, u64)>,
    bytes: usize,
}

impl Buffer {
    pub(crate) fn insert(&mut self, message: Message, previous: u64, bounds: &BufferBounds) {
        let sequence = message.sequence;
        let index = self.messages.partition_point(|(own, _)| own.sequence < sequence);
        if self.messages.get(index).is_some_and(|(own, _)| own.sequence == sequence) {
            return;
        }
        self.bytes += message.payload_bytes();
        self.messages.insert(index, (message, previous));
        if self.messages.len() > bounds.messages || self.bytes > bounds.bytes {
            *self = Self::default();
        }
    }

    /// The predecessor of the oldest.
    pub(crate) fn first_previous(&self) -> Option<u64> {
        self.messages.front().map(|(_, previous)| *previous)
    }

    /// Takes the oldest.
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let (message, _) = self.messages.pop_front()?;
        self.bytes -= message.payload_bytes();
        Some(message)
    }

    /// Drops what came from elsewhere meanwhile.
    pub(crate) fn drop_until(&mut self, head: u64) {
        while self.messages.front().is_some_and(|(message, _)| message.sequence <= head) {
            self.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Body;
    use switchboard_hub::{Draft, Kind};

    const BOUNDS: BufferBounds = BufferBounds { messages: 3, bytes: 10 };

    fn message(sequence: u64, bytes: usize) -> Message {
        let body = Body::Publication(Draft::new(Kind::Binary, &vec![0; bytes]));
        Message { sequence, time_ms: 0, body }
    }

    fn taken(mut buffer: Buffer) -> Vec<u64> {
        let taken = std::iter::from_fn(|| buffer.pop()).map(|message| message.sequence).collect();
        assert_eq!(buffer.bytes, 0);
        taken
    }

    #[test]
    fn messages_are_put_into_order_and_kept_once() {
        let mut buffer = Buffer::default();
        for sequence in [7, 3, 7, 5, 3] {
            buffer.insert(message(sequence, 3), sequence - 1, &BOUNDS);
        }
        assert_eq!(buffer.first_previous(), Some(2));
        buffer.drop_until(4);
        assert_eq!(buffer.first_previous(), Some(4));
        assert_eq!(taken(buffer), [5, 7]);
    }

    #[test]
    fn beyond_its_bounds_all_is_dropped() {
        for (count, bytes) in [(4, 0), (2, 6)] {
            let mut buffer = Buffer::default();
            for sequence in 1..=count {
                buffer.insert(message(sequence, bytes), 0, &BOUNDS);
            }
            assert_eq!(buffer.bytes, 0);
            buffer.insert(message(9, 1), 0, &BOUNDS);
            assert_eq!(taken(buffer), [9]);
        }
    }
}
