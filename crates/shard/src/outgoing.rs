//! Replies of one stage of the turn, collected so that they go to the kernel in one batch.

use std::ops::Range;

use switchboard_plane::ConnId;

/// Beyond this, what one large echo took is given back after the flush.
const KEPT_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sends: Vec<(ConnId, Range<usize>)>,
}

impl Outgoing {
    /// Appends a reply. Replies to one connection follow each other: in one stage nothing else may
    /// come between them, or a short send of the first would be followed by the second.
    pub(crate) fn push(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
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

    /// Bytes collected for `id`, which was the last to reply.
    pub(crate) fn pending_bytes(&self, id: ConnId) -> usize {
        self.sends.last().filter(|(last, _)| *last == id).map_or(0, |(_, range)| range.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// What is to be sent, in order.
    pub(crate) fn sends(&self) -> impl Iterator<Item = (ConnId, &[u8])> {
        self.sends.iter().map(|(id, range)| (*id, &self.bytes[range.clone()]))
    }

    /// Searches the bytes of `id` from the place `from` on, behind where the last search ended, and
    /// then from the start. Exceptions come nearly in the order of the sends, so all searches of a
    /// flush together are nearly linear.
    pub(crate) fn find(&self, id: ConnId, from: &mut usize) -> Option<&[u8]> {
        let count = self.sends.len();
        let found =
            (0..count).map(|step| (*from + step) % count).find(|at| self.sends[*at].0 == id)?;
        *from = found + 1;
        Some(&self.bytes[self.sends[found].1.clone()])
    }

    pub(crate) fn clear(&mut self) {
        self.sends.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_to_one_connection_are_one_send_and_are_found_again() {
        let mut outgoing = Outgoing::default();
        let (a, b) = (ConnId::new(1, 1), ConnId::new(2, 1));
        outgoing.push(a, |out| out.extend(b"one"));
        outgoing.push(a, |out| out.extend(b"two"));
        outgoing.push(b, |out| out.extend(b"three"));
        assert_eq!(outgoing.pending_bytes(b), 5);
        assert_eq!(outgoing.pending_bytes(a), 0);
        let sends: Vec<_> = outgoing.sends().collect();
        assert_eq!(sends, [(a, &b"onetwo"[..]), (b, &b"three"[..])]);
        let mut from = 1;
        assert_eq!(outgoing.find(a, &mut from), Some(&b"onetwo"[..]));
        assert_eq!(outgoing.find(b, &mut from), Some(&b"three"[..]));
        assert_eq!(outgoing.find(ConnId::new(3, 1), &mut from), None);
    }
}
