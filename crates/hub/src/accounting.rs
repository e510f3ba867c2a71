//! How many bytes live publications hold, whoever holds them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Live publications of the whole process: counted when one is made and when the last holder drops
/// it, so that nothing between a log and a stalled connection can hide.
#[derive(Debug, Default)]
pub struct Accounting {
    bytes: AtomicUsize,
    count: AtomicUsize,
}

impl Accounting {
    /// Bytes held by live publications (the sum of their `cost_bytes` and of the forms built of them).
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Number of live publications.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// A live publication takes more than when it was made.
    pub(crate) fn grow(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
