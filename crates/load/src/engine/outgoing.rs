//! Bytes of one stage of a turn, collected so that they go to the kernel in one batch.

use std::ops::Range;

use switchboard_plane::ConnId;

/// Beyond this, what one large message took is given back after the flush.
const KEPT_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    sends: Vec<(ConnId, Range<usize>)>,
}

impl Outgoing {
    /// Appends bytes for a connection that is not in the batch, or was the last to come into it.
    pub(crate) fn push(&mut self, id: ConnId, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        let end = self.bytes.len();
        match self.sends.last_mut() {
            Some((last, range)) if *last == id => range.end = end,
            _ => self.sends.push((id, start..end)),
        }
    }

    /// Whether `id` was the last to come into the batch.
    pub(crate) fn is_last(&self, id: ConnId) -> bool {
        self.sends.last().is_some_and(|(last, _)| *last == id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// What is to be sent, in order.
    pub(crate) fn sends(&self) -> impl Iterator<Item = (ConnId, &[u8])> {
        self.sends.iter().map(|(id, range)| (*id, &self.bytes[range.clone()]))
    }

    /// Searches the bytes of `id` from the place `from` on, where the last search ended, and then
    /// from the start.
    pub(crate) fn find(&self, id: ConnId, from: &mut usize) -> Option<&[u8]> {
        let count = self.sends.len();
        let found =
            (0..count).map(|step| (*from + step) % count).find(|at| self.sends[*at].0 == id)?;
        *from = found;
        Some(&self.bytes[self.sends[found].1.clone()])
    }

    pub(crate) fn clear(&mut self) {
        self.sends.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }
}
