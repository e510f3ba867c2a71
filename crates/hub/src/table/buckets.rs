//! Buckets of a hash table that grows by one bucket at a time (linear hashing, Litwin 1980).

use crate::links::NONE;

/// Buckets per page; the table starts with one page.
const PAGE: usize = 1024;

/// The first entry of each bucket of a hash table, by index. What the table holds is elsewhere: the entries of
/// a bucket are chained through themselves, and whoever owns them moves them when a bucket is
/// [added](Buckets::add).
#[derive(Debug)]
pub struct Buckets {
    pages: Vec<Box<[u32; PAGE]>>,
    len: u32,
}

impl Default for Buckets {
    /// One page of empty buckets.
    fn default() -> Self {
        Self { pages: vec![Box::new([NONE; PAGE])], len: PAGE as u32 }
    }
}

impl Buckets {
    /// How many there are; never none.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// The bucket of a hash: as many of its low bits as needed to reach all buckets, one less where
    /// that would be beyond the last.
    pub fn of(&self, hash: u32) -> u32 {
        let round = 1 << self.len.ilog2();
        let bucket = hash & (2 * round - 1);
        if bucket < self.len { bucket } else { bucket & (round - 1) }
    }

    /// The first entry of a bucket; `u32::MAX` when it has none.
    pub fn head(&self, bucket: u32) -> u32 {
        self.pages[bucket as usize / PAGE][bucket as usize % PAGE]
    }

    /// Puts an entry, or none (`u32::MAX`), first in a bucket.
    pub fn set_head(&mut self, bucket: u32, head: u32) {
        self.pages[bucket as usize / PAGE][bucket as usize % PAGE] = head;
    }

    /// Adds an empty bucket; returns the one whose entries must be inserted again.
    pub fn add(&mut self) -> u32 {
        if self.len() == self.pages.len() * PAGE {
            self.pages.push(Box::new([NONE; PAGE]));
        }
        let round = 1 << self.len.ilog2();
        let from = self.len & (round - 1);
        self.len += 1;
        from
    }
}
