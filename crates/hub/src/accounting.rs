//! How many bytes live publications hold, wherever they are.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Live publications of the whole process, counted from creation until the last holder drops them.
/// So nothing between a log and a stalled connection can hide.
#[derive(Debug)]
pub struct Accounting {
    bytes: AtomicUsize,
    count: AtomicUsize,
    form_bytes: AtomicUsize,
    form_bytes_max: usize,
}

impl Default for Accounting {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Accounting {
    /// `form_bytes_max` bounds the other forms of payloads that all live publications keep
    /// ([`Publication::form`](crate::Publication::form)).
    pub fn new(form_bytes_max: usize) -> Self {
        let (bytes, count, form_bytes) = Default::default();
        Self { bytes, count, form_bytes, form_bytes_max }
    }

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

    /// Reserves room for another form of a live publication. False when there is none.
    pub(crate) fn keep_form(&self, bytes: usize) -> bool {
        let kept = self.form_bytes.fetch_add(bytes, Ordering::Relaxed);
        let fits = kept.saturating_add(bytes) <= self.form_bytes_max;
        if fits {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        } else {
            self.form_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }

    pub(crate) fn drop_form(&self, bytes: usize) {
        self.form_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
