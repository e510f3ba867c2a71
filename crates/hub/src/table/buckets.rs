//! Buckets of a hash table that grows by one bucket at a time (linear hashing, Litwin 1980).

use crate::links::NONE;

/// Buckets per page; the table starts with one page.
const PAGE: usize = 1024;

/// The first channel of each bucket; the channels are chained through themselves.
#[derive(Debug)]
pub(super) struct Buckets {
    pages: Vec<Box<[u32; PAGE]>>,
    len: u32,
}

impl Buckets {
    pub(super) fn new() -> Self {
        Self { pages: vec![Box::new([NONE; PAGE])], len: PAGE as u32 }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The bucket of a hash: as many of its low bits as needed to reach all buckets, one less where
    /// that would be beyond the last.
    pub(super) fn of(&self, hash: u32) -> u32 {
        let round = 1 << self.len.ilog2();
        let bucket = hash & (2 * round - 1);
        if bucket < self.len { bucket } else { bucket & (round - 1) }
    }

    pub(super) fn head(&self, bucket: u32) -> u32 {
        self.pages[bucket as usize / PAGE][bucket as usize % PAGE]
    }

    pub(super) fn set_head(&mut self, bucket: u32, head: u32) {
        self.pages[bucket as usize / PAGE][bucket as usize % PAGE] = head;
    }

    /// Adds an empty bucket; returns the one whose entries must be inserted again.
    pub(super) fn add(&mut self) -> u32 {
        if self.len() == self.pages.len() * PAGE {
            self.pages.push(Box::new([NONE; PAGE]));
        }
        let round = 1 << self.len.ilog2();
        let from = self.len & (round - 1);
        self.len += 1;
        from
    }
}
