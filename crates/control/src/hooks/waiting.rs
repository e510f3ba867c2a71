//! How many questions wait for a backend, and whose they are.

use std::collections::HashMap;

/// What waiting questions may take together.
const BYTES_MAX: usize = 16 << 20;

/// Questions that wait or are asked.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    count: usize,
    bytes: usize,
    /// Those of each share (an address) that has some.
    shares: HashMap<u64, usize>,
}

impl Waiting {
    /// Lets a question in, beside so many that may be asked and wait. A share may have as many as are left free
    /// (the dynamic threshold of Choudhury and Hahne, 1998): the only one has half of the queue, and there
    /// is always room for another.
    pub(super) fn enter(
        &mut self,
        share: u64,
        bytes: usize,
        concurrency_max: usize,
        queue_max: usize,
    ) -> bool {
        let own = self.shares.get(&share).copied().unwrap_or(0);
        let free = (concurrency_max + queue_max).saturating_sub(self.count);
        let has_room = free > 0 && self.bytes < BYTES_MAX;
        let fits = has_room && (self.count < concurrency_max || own < free.max(1));
        if fits {
            self.count += 1;
            self.bytes += bytes;
            self.shares.insert(share, own + 1);
        }
        fits
    }

    /// A question has its verdict.
    pub(super) fn leave(&mut self, share: u64, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
        if let Some(own) = self.shares.get_mut(&share) {
            *own -= 1;
            if *own == 0 {
                self.shares.remove(&share);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_share_leaves_room_for_others() {
        let mut waiting = Waiting::default();
        let fill = |waiting: &mut Waiting, share| {
            (0..10_000).take_while(|_| waiting.enter(share, 10, 64, 1_024)).count()
        };
        assert_eq!(fill(&mut waiting, 1), 544);
        assert_eq!(fill(&mut waiting, 2), 272);
        assert_eq!(fill(&mut waiting, 3), 136);
        assert_eq!((0..100).filter(|share| waiting.enter(10 + share, 10, 64, 1_024)).count(), 100);
        for _ in 0..544 {
            waiting.leave(1, 10);
        }
        assert_eq!(waiting.count, 272 + 136 + 100);
        assert!(!waiting.shares.contains_key(&1), "nothing is kept of it");
    }

    #[test]
    fn one_share_has_all_that_may_be_asked_at_a_time() {
        let mut waiting = Waiting::default();
        assert_eq!((0..10).filter(|_| waiting.enter(1, 1, 4, 0)).count(), 4);
        let mut large = Waiting::default();
        assert!(large.enter(1, BYTES_MAX, 4, 4) && !large.enter(2, 1, 4, 4));
    }
}
