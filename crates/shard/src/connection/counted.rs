//! Bytes that the requests of clients hold on a shard, towards one bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one request may hold without being counted: as much may be held of a head.
const UNCOUNTED_BYTES: usize = 16 << 10;

/// What all of a shard may hold.
const HELD_BYTES_MAX: usize = 8 << 20;

/// What requests hold on a shard: bodies that arrive, and commands that wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldBytes(Arc<AtomicUsize>);

impl HeldBytes {
    /// So many bytes are held. None where there is no room for them.
    pub(crate) fn count(&self, bytes: usize) -> Option<Counted> {
        let mut counted = Counted { all: self.clone(), bytes: 0 };
        counted.set(bytes).then_some(counted)
    }
}

/// Bytes that count as long as this value lives.
#[derive(Debug)]
pub(crate) struct Counted {
    all: HeldBytes,
    bytes: usize,
}

impl Counted {
    /// So many are held from now on. False, and nothing changes, where there is no room for them.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let bytes = if bytes > UNCOUNTED_BYTES { bytes } else { 0 };
        let is_counted = match bytes.checked_sub(self.bytes) {
            Some(0) => true,
            Some(more) => {
                let fits = |held: usize| held.checked_add(more).filter(|it| *it <= HELD_BYTES_MAX);
                let held = &self.all.0;
                held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
            }
            None => {
                self.all.0.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
                true
            }
        };
        self.bytes = if is_counted { bytes } else { self.bytes };
        is_counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_counts_no_more() {
        let all = HeldBytes::default();
        let large = 64 << 10;
        let mut held: Vec<_> = (0..HELD_BYTES_MAX / large).map(|_| all.count(large)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(all.count(large).is_none() && all.count(UNCOUNTED_BYTES + 1).is_none());
        let mut small = all.count(UNCOUNTED_BYTES).expect("small ones are always taken");
        assert!(!small.set(UNCOUNTED_BYTES + 1));
        held.pop();
        assert!(small.set(large) && !small.set(large + 1) && small.set(1));
        drop(held);
        drop(small);
        assert_eq!(all.0.load(Ordering::Relaxed), 0);
    }
}
