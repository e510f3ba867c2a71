//! A payload in another form than that in which it was published.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A payload in another form: bytes that all who send it share. They are counted until the last of
/// them is done.
#[derive(Debug)]
pub struct Form {
    bytes: Box<[u8]>,
    /// When it was built, counted in forms.
    pub(crate) number: u64,
    /// What all live publications and forms take.
    total: Arc<AtomicUsize>,
}

impl Form {
    pub(crate) fn new(bytes: Box<[u8]>, number: u64, total: &Arc<AtomicUsize>) -> Self {
        let form = Self { bytes, number, total: Arc::clone(total) };
        total.fetch_add(form.cost_bytes(), Ordering::Relaxed);
        form
    }

    /// The memory that it takes: its bytes, the struct and the counters of the shared pointer.
    pub(crate) fn cost_bytes(&self) -> usize {
        self.bytes.len() + size_of::<Self>() + 2 * size_of::<usize>()
    }
}

impl Deref for Form {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for Form {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Form {}

impl Drop for Form {
    fn drop(&mut self) {
        self.total.fetch_sub(self.cost_bytes(), Ordering::Relaxed);
    }
}
