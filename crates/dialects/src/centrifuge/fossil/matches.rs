//! Parts of one text that are in another.

use std::ops::Range;

/// The source is known by its blocks of this many bytes.
const BLOCK_BYTES: usize = 16;

/// How many blocks that may be the same are looked at for one place.
const CANDIDATES_MAX: usize = 8;

/// A match this long is taken at once. Behind a shorter one it looks on: where parts are alike, as the objects of a
/// list are, a place a little further on may be that of a much longer one, which begins as early.
const LONG_BYTES: usize = 256;
const PLACES_MORE: usize = 64;

/// Bytes compared, for each byte of the two texts.
const COMPARED_MAX: usize = 4;

/// No block.
const NONE: u32 = u32::MAX;

/// A part of the target that is in the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) source: usize,
    pub(super) target: usize,
    bytes: usize,
}

impl Match {
    /// Where it ends in the target.
    pub(super) fn end(&self) -> usize {
        self.target + self.bytes
    }
}

/// Finds them one after the other.
pub(super) struct Matches<'a> {
    source: &'a [u8],
    target: &'a [u8],
    /// Where in the target it looks on.
    rest: Range<usize>,
    /// The last block with this hash, and for each block the one before it with the same.
    last: Vec<u32>,
    before: Vec<u32>,
    /// How many bytes may still be compared.
    budget: usize,
}

impl<'a> Matches<'a> {
    /// Looks in a part of the target.
    pub(super) fn new(source: &'a [u8], target: &'a [u8], part: Range<usize>) -> Self {
        let budget = (source.len() + target.len()) * COMPARED_MAX;
        let mut matches =
            Self { source, target, rest: part, last: Vec::new(), before: Vec::new(), budget };
        if matches.rest.len() >= BLOCK_BYTES {
            matches.know_blocks();
        }
        matches
    }

    fn know_blocks(&mut self) {
        let blocks = self.source.chunks_exact(BLOCK_BYTES);
        self.before = vec![NONE; blocks.len()];
        self.last = vec![NONE; blocks.len().next_power_of_two()];
        for (number, block) in blocks.enumerate() {
            let slot = Hash::of(block).slot(self.last.len());
            self.before[number] = self.last[slot];
            self.last[slot] = number as u32;
        }
    }

    /// The next one of which nothing is before `from`.
    pub(super) fn next_after(&mut self, from: usize) -> Option<Match> {
        if self.last.is_empty() {
            return None;
        }
        let mut at = self.rest.start.max(from);
        let mut hash = Hash::of(self.target.get(at..at + BLOCK_BYTES)?);
        let mut best: Option<Match> = None;
        let mut until = self.rest.end;
        while at + BLOCK_BYTES <= until && self.budget > 0 {
            if let Some(found) = self.best(at, from, hash)
                && best.is_none_or(|best| best.bytes < found.bytes)
            {
                if best.is_none() {
                    until = until.min(at + BLOCK_BYTES + PLACES_MORE);
                }
                best = Some(found);
                if found.bytes >= LONG_BYTES {
                    break;
                }
            }
            if let Some(next) = self.target.get(at + BLOCK_BYTES) {
                hash.roll(self.target[at], *next);
            }
            at += 1;
        }
        self.rest.start = best.map_or(self.rest.end, |best| best.end());
        best
    }

    /// The longest one around a place.
    fn best(&mut self, at: usize, from: usize, hash: Hash) -> Option<Match> {
        let mut candidate = self.last[hash.slot(self.last.len())];
        let mut best: Option<Match> = None;
        for _ in 0..CANDIDATES_MAX {
            if candidate == NONE {
                break;
            }
            let found = self.around(candidate as usize * BLOCK_BYTES, at, from);
            if let Some(found) = found
                && best.is_none_or(|best| best.bytes < found.bytes)
            {
                best = Some(found);
            }
            candidate = self.before[candidate as usize];
        }
        best
    }

    /// What is the same around two places, if it is a whole block.
    fn around(&mut self, source: usize, target: usize, from: usize) -> Option<Match> {
        let ahead = self.source[source..].iter().zip(&self.target[target..self.rest.end]);
        let ahead = ahead.take(self.budget).take_while(|(one, other)| one == other).count();
        self.budget = self.budget.saturating_sub(ahead + 1);
        if ahead < BLOCK_BYTES {
            return None;
        }
        let behind = self.source[..source].iter().rev().zip(self.target[from..target].iter().rev());
        let behind = behind.take(self.budget).take_while(|(one, other)| one == other).count();
        self.budget = self.budget.saturating_sub(behind + 1);
        Some(Match { source: source - behind, target: target - behind, bytes: ahead + behind })
    }
}

/// A sum over a block that moves on by one byte in one step: a polynomial of the bytes.
#[derive(Clone, Copy)]
struct Hash(u32);

impl Hash {
    const BASE: u32 = 0x0100_0193;
    /// What the first byte of a block counts.
    const FIRST: u32 = Self::BASE.wrapping_pow(BLOCK_BYTES as u32 - 1);

    fn of(block: &[u8]) -> Self {
        let add = |sum: u32, byte: &u8| sum.wrapping_mul(Self::BASE).wrapping_add((*byte).into());
        Self(block.iter().fold(0, add))
    }

    fn roll(&mut self, first: u8, next: u8) {
        let rest = self.0.wrapping_sub(Self::FIRST.wrapping_mul(first.into()));
        self.0 = rest.wrapping_mul(Self::BASE).wrapping_add(next.into());
    }

    /// Its place in a table whose length is a power of two: by the upper bits, to which all bytes add.
    fn slot(self, slots: usize) -> usize {
        (self.0.wrapping_mul(0x9e37_79b1) >> 8) as usize & (slots - 1)
    }
}
