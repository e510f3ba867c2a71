//! The memory that one `poll()` receives into.

use std::fmt;
use std::ptr::NonNull;

use crate::Chunk;

/// Receives start on a cache line.
const ALIGN: usize = 64;
/// Keeps the starts of equally long receives in different cache sets.
const COLOUR: usize = 3 * ALIGN;
/// What untouched bytes look like, so that the memory is in use from the start and never mistaken
/// for memory of connections.
const POISON: u8 = 0xa5;

/// Hands out room for one receive after the other and takes everything back at the next `poll()`.
///
/// It is owned through a raw pointer since the kernel writes into it between two looks at it.
pub(crate) struct Arena {
    base: NonNull<u8>,
    bytes_total: usize,
    receive_bytes_max: usize,
    next: usize,
}

impl Arena {
    pub(crate) fn new(receives_max: u32, receive_bytes_max: u32) -> Self {
        let receive_bytes_max = (receive_bytes_max.max(1) as usize).next_multiple_of(ALIGN);
        let bytes_total = (receive_bytes_max + COLOUR) * receives_max.max(1) as usize;
        assert!(u32::try_from(bytes_total).is_ok(), "a receive arena is smaller than 4 GiB");
        let memory = Box::leak(vec![POISON; bytes_total].into_boxed_slice());
        let base = NonNull::from(memory).cast();
        Self { base, bytes_total, receive_bytes_max, next: 0 }
    }

    /// Takes everything back.
    pub(crate) fn reset(&mut self) {
        self.next = 0;
    }

    /// Most bytes of one receive.
    pub(crate) fn receive_bytes_max(&self) -> usize {
        self.receive_bytes_max
    }

    pub(crate) fn has_room(&self) -> bool {
        self.next + self.receive_bytes_max <= self.bytes_total
    }

    /// Room for one receive: where it starts. None when the arena is used up.
    pub(crate) fn take(&mut self) -> Option<usize> {
        let start = self.next;
        if !self.has_room() {
            return None;
        }
        self.next = start + self.receive_bytes_max + COLOUR;
        Some(start)
    }

    /// Gives back what the receive that was taken last did not fill.
    pub(crate) fn keep(&mut self, start: usize, len: usize) {
        self.next = (start + len).next_multiple_of(ALIGN);
    }

    /// Where a receive may write `receive_bytes_max` bytes.
    pub(crate) fn pointer(&self, start: usize) -> *mut u8 {
        assert!(start + self.receive_bytes_max <= self.bytes_total);
        // SAFETY: inside the allocation, as just asserted.
        unsafe { self.base.as_ptr().add(start) }
    }

    pub(crate) fn bytes(&mut self, at: Chunk) -> &mut [u8] {
        let (start, len) = (at.start as usize, at.len as usize);
        assert!(start + len <= self.bytes_total);
        // SAFETY: inside the allocation, as just asserted.
        let first = unsafe { self.base.as_ptr().add(start) };
        // SAFETY: the range is inside the allocation and initialised; `&mut self` makes it the
        // only reference, and no receive is in flight outside of `poll()`.
        unsafe { std::slice::from_raw_parts_mut(first, len) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let memory = std::ptr::slice_from_raw_parts_mut(self.base.as_ptr(), self.bytes_total);
        // SAFETY: this is the box that `new` leaked, with the same length.
        drop(unsafe { Box::from_raw(memory) });
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({} of {} bytes)", self.next, self.bytes_total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receives_do_not_overlap_and_run_out() {
        let mut arena = Arena::new(3, 100);
        let starts: Vec<_> = std::iter::from_fn(|| arena.take()).collect();
        assert_eq!(starts.len(), 3);
        assert!(starts.windows(2).all(|w| w[0] + arena.receive_bytes_max() <= w[1]));
        assert!(!arena.has_room());
        arena.reset();
        assert_eq!(arena.take(), Some(0));
    }

    #[test]
    fn what_a_receive_did_not_fill_is_used_again() {
        let mut arena = Arena::new(1, 1024);
        let start = arena.take().unwrap();
        arena.keep(start, 10);
        assert!(arena.has_room(), "10 bytes cost one cache line");
        arena.bytes(Chunk { start: 0, len: 10 }).fill(7);
    }
}
