//! Bytes collected so that they go to the kernel in one batch.

use std::ops::Range;

use switchboard_plane::ConnId;

/// Beyond this, what one large message took is given back by `clear`.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// What one stage of a turn has to send: bytes by connection, in one buffer, for
/// [`Link::send`](crate::Link::send). It allocates nothing once it has grown.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    sends: Vec<(ConnId, Range<usize>)>,
}

impl Outgoing {
    /// Appends what `write` appends, for a connection that has nothing in the batch or was the
    /// last to come into it. Nothing else may come between two writes to one connection, or a
    /// short send of the first would be followed by the second.
    pub fn push(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        match self.sends.last_mut() {
            Some((last, range)) if *last == id => range.end = end,
            _ => {
                debug_assert!(self.sends.iter().rev().take(64).all(|(other, _)| *other != id));
                self.sends.push((id, start..end));
            }
        }
    }

    /// How many connections have something in the batch.
    pub fn len(&self) -> usize {
        self.sends.len()
    }

    /// Whether `id` was the last to come into the batch.
    pub fn is_last(&self, id: ConnId) -> bool {
        self.sends.last().is_some_and(|(last, _)| *last == id)
    }

    /// Whether something for others has come into the batch since what is there for `id`: then nothing more may
    /// come for it. It looks through all of the batch.
    pub fn is_apart(&self, id: ConnId) -> bool {
        !self.is_last(id) && self.sends.iter().any(|(of, _)| *of == id)
    }

    /// Bytes collected for `id` if it was the last to come into the batch, else 0.
    pub fn pending_bytes(&self, id: ConnId) -> usize {
        self.sends.last().filter(|(last, _)| *last == id).map_or(0, |(_, range)| range.len())
    }

    /// Bytes collected for `id`, whenever it came into the batch. It looks through all of it.
    pub fn bytes_of(&self, id: ConnId) -> usize {
        self.sends.iter().filter(|(of, _)| *of == id).map(|(_, range)| range.len()).sum()
    }

    /// Nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// What is to be sent, in order.
    pub fn sends(&self) -> impl Iterator<Item = (ConnId, &[u8])> {
        self.sends.iter().map(|(id, range)| (*id, &self.bytes[range.clone()]))
    }

    /// The bytes of `id`, searched from the place `from` on, behind where the last search ended,
    /// and then from the start. Exceptions come nearly in the order of the sends, so all searches
    /// after a batch together are nearly linear.
    pub fn find(&self, id: ConnId, from: &mut usize) -> Option<&[u8]> {
        let count = self.sends.len();
        let found =
            (0..count).map(|step| (*from + step) % count).find(|at| self.sends[*at].0 == id)?;
        *from = found + 1;
        Some(&self.bytes[self.sends[found].1.clone()])
    }

    /// Forgets everything; the buffer stays, up to a bound.
    pub fn clear(&mut self) {
        self.sends.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_one_connection_are_one_send_and_are_found_again() {
        let mut outgoing = Outgoing::default();
        let (a, b) = (ConnId::new(1, 1), ConnId::new(2, 1));
        outgoing.push(a, |out| out.extend(b"one"));
        outgoing.push(a, |out| out.extend(b"two"));
        outgoing.push(b, |out| out.extend(b"three"));
        assert_eq!(outgoing.pending_bytes(b), 5);
        assert_eq!(outgoing.pending_bytes(a), 0);
        assert!(outgoing.is_last(b) && !outgoing.is_last(a) && outgoing.len() == 2);
        assert!(outgoing.is_apart(a) && !outgoing.is_apart(b));
        let sends: Vec<_> = outgoing.sends().collect();
        assert_eq!(sends, [(a, &b"onetwo"[..]), (b, &b"three"[..])]);
        let mut from = 1;
        assert_eq!(outgoing.find(a, &mut from), Some(&b"onetwo"[..]));
        assert_eq!(from, 1, "the next search goes on behind it");
        assert_eq!(outgoing.find(b, &mut from), Some(&b"three"[..]));
        assert_eq!(outgoing.find(ConnId::new(3, 1), &mut from), None);
    }

    #[test]
    fn a_large_message_is_given_back_once_it_is_sent() {
        let mut outgoing = Outgoing::default();
        outgoing.push(ConnId::new(1, 1), |out| out.resize(4 * KEPT_BYTES_MAX, 0));
        outgoing.clear();
        assert!(outgoing.is_empty() && outgoing.sends().next().is_none());
        assert!(outgoing.bytes.capacity() <= KEPT_BYTES_MAX);
    }
}
