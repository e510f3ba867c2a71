//! The name of a connection inside a plane.

/// Bits of a generation. The rest of a completion's 64-bit tag holds the slot and the operation.
pub(crate) const GENERATION_BITS: u32 = 24;
/// The largest generation; the next one is 0 again.
pub(crate) const GENERATION_MAX: u32 = (1 << GENERATION_BITS) - 1;

/// How many generations a slot has before the first one comes again.
pub const GENERATIONS: u64 = 1 << GENERATION_BITS;

/// Names one connection of one plane.
/// The index is dense and is reused after the connection was closed; the generation tells
/// connections with the same index apart. A `ConnId` whose connection is gone is harmless: every
/// call ignores it.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct ConnId {
    index: u32,
    generation: u32,
}

impl ConnId {
    /// Names a connection by its parts; the planes make these, tests may too.
    pub const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The slot: below the plane's `connections_max` rounded up to whole rings.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Which user of the slot; 24 bits, wraps.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}
