//! What a completion tells about its operation: 64 bits of user data.

/// The operations.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[repr(u8)]
pub(super) enum Op {
    /// Multishot poll for reading.
    Poll,
    /// One-shot poll for writing.
    Writable,
    /// Multishot poll for writing, of a peer that has ended its side.
    WritableEdge,
    /// One-shot poll for the end of a connect.
    Connect,
    /// Receive into the arena; the index is the number of the receive.
    Receive,
    Send,
    /// Accept; the index is the number of the address buffer.
    Accept,
    /// The direct descriptor is free again.
    Close,
    /// Linger 0 before a close that is to be a reset.
    Reset,
    /// A descriptor becomes a direct one.
    Install,
    /// The end of our side; a worker of the kernel does it, later than what was queued after it.
    Shutdown,
    /// Operations whose results do not matter.
    Other,
}

const OPS: [Op; 12] = [
    Op::Poll,
    Op::Writable,
    Op::WritableEdge,
    Op::Connect,
    Op::Receive,
    Op::Send,
    Op::Accept,
    Op::Close,
    Op::Reset,
    Op::Install,
    Op::Shutdown,
    Op::Other,
];

/// Operation (8 bits), generation (24 bits) and slot or other index (32 bits).
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) struct Tag {
    pub(super) op: Op,
    pub(super) generation: u32,
    pub(super) index: u32,
}

impl Tag {
    pub(super) fn new(op: Op, index: u32, generation: u32) -> Self {
        Self { op, generation, index }
    }

    pub(super) fn pack(self) -> u64 {
        (self.op as u64) << 56 | u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(super) fn unpack(packed: u64) -> Self {
        let op = OPS.get((packed >> 56) as usize).copied().unwrap_or(Op::Other);
        Self { op, generation: (packed >> 32) as u32 & 0x00ff_ffff, index: packed as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::GENERATION_MAX;

    #[test]
    fn tags_survive_the_kernel() {
        for (nth, op) in OPS.into_iter().enumerate() {
            assert_eq!(op as usize, nth);
            for tag in [Tag::new(op, 0, 0), Tag::new(op, u32::MAX, GENERATION_MAX)] {
                assert_eq!(Tag::unpack(tag.pack()), tag);
            }
        }
    }
}
