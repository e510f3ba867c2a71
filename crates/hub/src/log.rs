//! The recent publications of a channel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::{Bounds, Publication};

/// A table this small is not worth freeing.
const CAPACITY_KEPT: usize = 64;

/// What is kept of a stream: publications without a gap, up to the head.
///
/// The newest of them are the history, in which subscribers may begin; older ones are kept only for
/// laggards. Each push enforces the history's bounds. Its age is checked on demand and enforced in
/// steps ([`expire`](Log::expire)), so its length here is an upper bound.
#[derive(Debug)]
pub(crate) struct Log {
    /// The offset of the oldest one kept, or the one after the head when nothing is kept.
    first: u64,
    entries: VecDeque<Arc<Publication>>,
    bytes: usize,
    history_len: usize,
    history_bytes: usize,
    /// When the publication before the first one was made; 0 when there was none.
    dropped_ms: u64,
}

impl Log {
    /// An empty log of a stream whose head is `head`.
    pub(crate) fn new(head: u64) -> Self {
        Self::seeded(head, Vec::new(), 0)
    }

    /// A copy of another shard's history, which ends at `head`. The publication before it was made
    /// at `dropped_ms`.
    pub(crate) fn seeded(head: u64, history: Vec<Arc<Publication>>, dropped_ms: u64) -> Self {
        let newest = history.last().map(|publication| publication.offset());
        assert!(newest.is_none_or(|newest| newest == head), "the history does not end at the head");
        let first = head + 1 - history.len() as u64;
        let bytes = history.iter().map(|publication| publication.cost_bytes()).sum();
        Self {
            first,
            history_len: history.len(),
            entries: history.into(),
            bytes,
            history_bytes: bytes,
            dropped_ms,
        }
    }

    /// The offset of the oldest publication kept, or the next one's.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The last offset given; 0 before the first.
    pub(crate) fn head(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The cost of what is kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Publications in the history, including those that have expired since the last
    /// [`expire`](Log::expire).
    pub(crate) fn history_len(&self) -> usize {
        self.history_len
    }

    /// Whether the oldest publication kept is in the history, regardless of its age.
    pub(crate) fn oldest_is_history(&self) -> bool {
        self.history_len == self.entries.len()
    }

    /// Appends the next publication, which may push others out of the history. Returns its cost.
    pub(crate) fn push(&mut self, publication: Arc<Publication>, history: &Bounds) -> usize {
        debug_assert_eq!(publication.offset(), self.head() + 1);
        let bytes = publication.cost_bytes();
        self.bytes += bytes;
        self.history_bytes += bytes;
        self.history_len += 1;
        self.entries.push_back(publication);
        while self.history_len > history.publications
            || (self.history_bytes > history.bytes && self.history_len > 1)
        {
            self.shorten_history();
        }
        bytes
    }

    /// Removes the oldest publication from the history, which must have one.
    fn shorten_history(&mut self) {
        let oldest = &self.entries[self.entries.len() - self.history_len];
        self.history_bytes -= oldest.cost_bytes();
        self.history_len -= 1;
    }

    /// Removes from the history what is too old for it, at most so many publications. Returns how
    /// many.
    pub(crate) fn expire(&mut self, now_ms: u64, ttl_ms: u64, steps_max: usize) -> usize {
        let mut steps = 0;
        while steps < steps_max
            && self.history_len > 0
            && is_aged(&self.entries[self.entries.len() - self.history_len], now_ms, ttl_ms)
        {
            self.shorten_history();
            steps += 1;
        }
        steps
    }

    /// Drops the oldest publication and returns its cost.
    pub(crate) fn drop_oldest(&mut self) -> usize {
        if self.oldest_is_history() && self.history_len > 0 {
            self.shorten_history();
        }
        let Some(publication) = self.entries.pop_front() else {
            return 0;
        };
        self.first += 1;
        self.dropped_ms = publication.time_ms();
        let bytes = publication.cost_bytes();
        self.bytes -= bytes;
        let capacity = self.entries.capacity();
        if capacity > CAPACITY_KEPT && self.entries.len() <= capacity / 4 {
            self.entries.shrink_to(capacity / 2);
        }
        bytes
    }

    /// The offset of the oldest publication that is in the history now, or the next one's.
    pub(crate) fn history_first(&self, now_ms: u64, ttl_ms: u64) -> u64 {
        let outside = self.entries.len() - self.history_len;
        let aged = match self.entries.get(outside) {
            Some(oldest) if is_aged(oldest, now_ms, ttl_ms) => {
                self.entries.partition_point(|publication| is_aged(publication, now_ms, ttl_ms))
            }
            _ => outside,
        };
        self.first + aged.max(outside) as u64
    }

    /// The publications from the offset `first`, which is kept or the next one, to the head.
    pub(crate) fn to_vec(&self, first: u64) -> Vec<Arc<Publication>> {
        self.entries.range((first - self.first) as usize..).cloned().collect()
    }

    /// When the publication at `offset` was made, if it is kept or was the last one dropped.
    pub(crate) fn time_at(&self, offset: u64) -> Option<u64> {
        if offset == self.first - 1 {
            return (self.dropped_ms > 0).then_some(self.dropped_ms);
        }
        let index = offset.checked_sub(self.first)?;
        self.entries.get(index as usize).map(|publication| publication.time_ms())
    }

    /// The last offset given in this second (Unix time) or before, as far as is known: the one
    /// before the first when all that is kept is younger.
    pub(crate) fn last_until_second(&self, second: u64) -> u64 {
        let until = self.entries.partition_point(|entry| entry.time_ms() / 1000 <= second);
        self.first + until as u64 - 1
    }

    /// The bytes on the wire of what follows the offset `after` and is kept.
    pub(crate) fn frame_bytes_after(&self, after: u64) -> u64 {
        let start = (after + 1).saturating_sub(self.first) as usize;
        let frames = self.entries.iter().skip(start);
        frames.map(|publication| publication.frame().len() as u64).sum()
    }

    /// Appends to `publications` what follows the offset `after`, up to `until`: at most `bytes_max`
    /// of frames, but at least one. Returns the last offset taken.
    pub(crate) fn copy(
        &self,
        after: u64,
        until: u64,
        bytes_max: usize,
        publications: &mut Vec<Arc<Publication>>,
    ) -> u64 {
        let is_kept = after + 1 >= self.first && after < until && until <= self.head();
        assert!(is_kept, "there is nothing from {after} to {until}");
        let start = (after + 1 - self.first) as usize;
        let end = (until + 1 - self.first) as usize;
        let mut bytes = 0;
        let mut taken = after;
        for publication in self.entries.range(start..end) {
            bytes += publication.frame().len();
            if bytes > bytes_max && taken > after {
                break;
            }
            publications.push(Arc::clone(publication));
            taken = publication.offset();
        }
        taken
    }
}

/// Whether a publication is too old for a history. Times come from the home's clock, which may be
/// ahead of this shard's.
fn is_aged(publication: &Publication, now_ms: u64, ttl_ms: u64) -> bool {
    publication.time_ms().saturating_add(ttl_ms) <= now_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Accounting, Draft, Epoch, Kind, Position};

    impl Log {
        /// What must hold between any two calls.
        pub(crate) fn assert_sound(&self, history: &Bounds) {
            let cost = |entries: &mut dyn Iterator<Item = &Arc<Publication>>| {
                entries.map(|publication| publication.cost_bytes()).sum::<usize>()
            };
            assert_eq!(self.bytes, cost(&mut self.entries.iter()));
            let outside = self.entries.len().checked_sub(self.history_len).unwrap();
            assert_eq!(self.history_bytes, cost(&mut self.entries.range(outside..)));
            assert!(self.history_len <= history.publications);
            assert!(self.history_bytes <= history.bytes || self.history_len == 1);
            for (publication, offset) in self.entries.iter().zip(self.first..) {
                assert_eq!(publication.offset(), offset);
            }
        }
    }

    const HISTORY: Bounds = Bounds { publications: 9, bytes: 1 << 20 };

    fn push(log: &mut Log, time_ms: u64, payload_bytes: usize, history: &Bounds) {
        let draft = Draft::new(Kind::Binary, &vec![0; payload_bytes]);
        let position = Position { epoch: Epoch::from_random(1), offset: log.head() + 1 };
        let accounting = Arc::new(Accounting::default());
        log.push(Publication::new(position, time_ms, draft, &accounting), history);
        log.assert_sound(history);
    }

    fn log(head: u64, payloads: &[usize]) -> Log {
        let mut log = Log::new(head);
        for &bytes in payloads {
            push(&mut log, 0, bytes, &HISTORY);
        }
        log
    }

    fn copied(log: &Log, after: u64, until: u64, bytes_max: usize) -> Vec<u64> {
        let mut publications = Vec::new();
        let last = log.copy(after, until, bytes_max, &mut publications);
        assert_eq!(publications.last().unwrap().offset(), last);
        publications.iter().map(|publication| publication.offset()).collect()
    }

    #[test]
    fn an_empty_log_knows_its_head() {
        let mut log = log(41, &[]);
        assert_eq!((log.first(), log.head(), log.len()), (42, 41, 0));
        assert_eq!(log.drop_oldest(), 0);
        assert_eq!(log.head(), 41);
    }

    #[test]
    fn copies_up_to_the_bytes_but_at_least_one() {
        let log = log(0, &[10, 10, 500, 10]);
        assert_eq!(copied(&log, 0, 4, 24), [1, 2]);
        assert_eq!(copied(&log, 0, 4, 23), [1]);
        assert_eq!(copied(&log, 2, 4, 24), [3]);
        assert_eq!(copied(&log, 1, 3, 10_000), [2, 3]);
        assert_eq!(copied(&log, 3, 4, 0), [4]);
    }

    #[test]
    fn bytes_and_room_go_with_the_publications() {
        let mut log = log(0, &[100; 1000]);
        let bytes = log.bytes();
        assert!(bytes > 100_000);
        let dropped: usize = (0..1000).map(|_| log.drop_oldest()).sum();
        assert_eq!((dropped, log.bytes(), log.head(), log.first()), (bytes, 0, 1000, 1001));
        assert!(log.entries.capacity() <= CAPACITY_KEPT);
    }

    #[test]
    fn the_history_keeps_its_bounds_but_for_the_newest() {
        let mut log = log(0, &[0]);
        let cost = log.bytes();
        let history = Bounds { publications: 3, bytes: 3 * cost + 100 };
        let mut lengths = Vec::new();
        for payload_bytes in [0, 0, 0, 90, 20, 1000, 0] {
            push(&mut log, 0, payload_bytes, &history);
            lengths.push(log.history_len());
        }
        assert_eq!(lengths, [2, 3, 3, 3, 2, 1, 1]);
        let none = Bounds { publications: 0, bytes: 0 };
        push(&mut log, 0, 0, &none);
        assert_eq!((log.len(), log.history_first(0, 1), log.head()), (9, 10, 9));
    }

    #[test]
    fn age_is_found_in_the_history_and_beyond() {
        let mut log = Log::new(0);
        for time_ms in [10, 10, 20, 30, 30, 40] {
            push(&mut log, time_ms, 0, &Bounds { publications: 4, ..HISTORY });
        }
        let firsts = |log: &Log| [0, 29, 30, 39, 40, 49, 50].map(|now| log.history_first(now, 10));
        assert_eq!(firsts(&log), [3, 3, 4, 4, 6, 6, 7]);
        assert_eq!(
            (log.expire(40, 10, 2), log.expire(40, 10, 9), log.expire(40, 10, 9)),
            (2, 1, 0)
        );
        assert_eq!(firsts(&log), [6, 6, 6, 6, 6, 6, 7]);
        assert_eq!(log.history_first(0, 0), 6, "the home's clock may be ahead");
        assert_eq!([9, 10, 20, 35, 99].map(|ms| log.last_until_second(ms)), [6; 5]);
        log.assert_sound(&HISTORY);
        while log.drop_oldest() > 0 {
            log.assert_sound(&HISTORY);
        }
        assert_eq!((log.history_len(), log.time_at(6), log.time_at(5)), (0, Some(40), None));
    }

    #[test]
    fn a_copy_of_a_history_goes_on_like_the_original() {
        let mut home = Log::new(0);
        let history = Bounds { publications: 3, ..HISTORY };
        for second in 1..=5 {
            push(&mut home, second * 1000, 0, &history);
        }
        let first = home.history_first(5000, 9000);
        let mut mirror = Log::seeded(5, home.to_vec(first), home.time_at(first - 1).unwrap());
        for second in 6..=9 {
            mirror.assert_sound(&history);
            for second in 0..=second {
                assert_eq!(mirror.last_until_second(second), home.last_until_second(second).max(2));
            }
            push(&mut home, second * 1000, 0, &history);
            push(&mut mirror, second * 1000, 0, &history);
            assert_eq!(mirror.history_first(second * 1000, 9000), second - 2);
            assert_eq!(
                mirror.history_first(second * 1000, 9000),
                home.history_first(second * 1000, 9000)
            );
            assert_eq!(mirror.time_at(2), Some(2000));
        }
    }
}
