//! Pseudo-random numbers, good enough to spread things: `SplitMix64`.

/// A stream of numbers from a seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Seeded by the system.
    pub(crate) fn from_system() -> Self {
        // Without the system's randomness the clock has to do; nothing here is a secret.
        Self(getrandom::u64().unwrap_or_else(|_| super::clock::now_ns()))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end`, which is not included; 0 when `end` is.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A masking key.
    pub(crate) fn mask(&mut self) -> [u8; 4] {
        (self.next() as u32).to_be_bytes()
    }
}
