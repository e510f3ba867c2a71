//! The recent publications of a channel.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::{Bounds, Publication};

/// A table this small is not worth freeing.
const CAPACITY_KEPT: usize = 64;

/// What is kept of a stream: all publications after some offset, up to the head.
///
/// Offsets grow, and nothing else is known of them: between two publications there may be any number
/// of offsets that nobody was given. So a place in a stream is the offset of the publication before
/// it, or any offset up to the next one, and is found by search. In most streams offsets are
/// consecutive and the first guess is right.
///
/// The newest of them are the history, in which subscribers may begin; older ones are kept only for
/// laggards. Each push enforces the history's bounds. Its age is checked on demand and enforced in
/// steps ([`expire`](Log::expire)), so its length here is an upper bound.
#[derive(Debug)]
pub(crate) struct Log {
    /// The offset of the last publication that is not kept; 0 when there was none. All after it are
    /// kept.
    before: u64,
    /// The last offset given; 0 before the first.
    head: u64,
    entries: VecDeque<Arc<Publication>>,
    bytes: usize,
    history_len: u32,
    history_bytes: usize,
    /// In which second the publication at `before` was made; 0 when that is not known. Only those who
    /// ask by HTTP's dates want to know.
    dropped_s: u32,
}

impl Log {
    /// An empty log of a stream whose head is `head`.
    pub(crate) fn new(head: u64) -> Self {
        Self::seeded(head, Vec::new(), 0)
    }

    /// A copy of another shard's history, which begins after the offset `before`. The publication
    /// there was made at `dropped_ms`.
    pub(crate) fn seeded(before: u64, history: Vec<Arc<Publication>>, dropped_ms: u64) -> Self {
        debug_assert!(history.first().is_none_or(|first| before < first.offset()));
        let bytes = history.iter().map(|publication| publication.cost_bytes()).sum();
        Self {
            before,
            head: history.last().map_or(before, |newest| newest.offset()),
            history_len: history.len() as u32,
            entries: history.into(),
            bytes,
            history_bytes: bytes,
            dropped_s: whole_seconds(dropped_ms),
        }
    }

    /// All publications after this offset are kept.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// The offset of the oldest publication kept.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.entries.front().map(|publication| publication.offset())
    }

    /// The last offset given; 0 before the first.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The place before the newest publication kept, or the head when none is kept.
    pub(crate) fn before_newest(&self) -> u64 {
        self.place(self.entries.len().saturating_sub(1))
    }

    /// The place before the `index`th publication kept.
    fn place(&self, index: usize) -> u64 {
        index.checked_sub(1).map_or(self.before, |last| self.entries[last].offset())
    }

    /// How many of the publications kept are not after `offset`.
    fn index_after(&self, offset: u64) -> usize {
        if offset <= self.before {
            return 0;
        }
        if offset >= self.head {
            return self.entries.len();
        }
        let guess = (offset - self.before) as usize;
        match self.entries.get(guess) {
            Some(next) if self.place(guess) <= offset && offset < next.offset() => guess,
            _ => self.entries.partition_point(|entry| entry.offset() <= offset),
        }
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
        self.history_len as usize
    }

    /// Whether the oldest publication kept is in the history, regardless of its age.
    pub(crate) fn oldest_is_history(&self) -> bool {
        self.history_len() == self.entries.len()
    }

    /// Appends the next publication, which may push others out of the history. Returns its cost.
    pub(crate) fn push(&mut self, publication: Arc<Publication>, history: &Bounds) -> usize {
        debug_assert!(publication.offset() > self.head);
        self.head = publication.offset();
        let bytes = publication.cost_bytes();
        self.bytes += bytes;
        self.history_bytes += bytes;
        self.history_len += 1;
        self.entries.push_back(publication);
        while self.history_len() > history.publications
            || (self.history_bytes > history.bytes && self.history_len > 1)
        {
            self.shorten_history();
        }
        bytes
    }

    /// Removes the oldest publication from the history, which must have one.
    fn shorten_history(&mut self) {
        let oldest = &self.entries[self.entries.len() - self.history_len()];
        self.history_bytes -= oldest.cost_bytes();
        self.history_len -= 1;
    }

    /// Removes from the history what is too old for it, at most so many publications. Returns how
    /// many.
    pub(crate) fn expire(&mut self, now_ms: u64, ttl_ms: u64, steps_max: usize) -> usize {
        let mut steps = 0;
        while steps < steps_max
            && self.history_len > 0
            && is_aged(&self.entries[self.entries.len() - self.history_len()], now_ms, ttl_ms)
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
        self.before = publication.offset();
        self.dropped_s = whole_seconds(publication.time_ms());
        let bytes = publication.cost_bytes();
        self.bytes -= bytes;
        let capacity = self.entries.capacity();
        if capacity > CAPACITY_KEPT && self.entries.len() <= capacity / 4 {
            self.entries.shrink_to(capacity / 2);
        }
        bytes
    }

    /// The place before the oldest publication that is in the history now, or the head.
    pub(crate) fn history_before(&self, now_ms: u64, ttl_ms: u64) -> u64 {
        self.place(self.history_index(now_ms, ttl_ms))
    }

    /// Publications that are in the history now.
    pub(crate) fn history_len_at(&self, now_ms: u64, ttl_ms: u64) -> usize {
        self.entries.len() - self.history_index(now_ms, ttl_ms)
    }

    /// Which of the publications kept is the oldest in the history now.
    fn history_index(&self, now_ms: u64, ttl_ms: u64) -> usize {
        let outside = self.entries.len() - self.history_len();
        let aged = match self.entries.get(outside) {
            Some(oldest) if is_aged(oldest, now_ms, ttl_ms) => {
                self.entries.partition_point(|publication| is_aged(publication, now_ms, ttl_ms))
            }
            _ => outside,
        };
        aged.max(outside)
    }

    /// The publications after the offset `after`, all of which must be kept.
    pub(crate) fn to_vec(&self, after: u64) -> Vec<Arc<Publication>> {
        self.entries.range(self.index_after(after)..).cloned().collect()
    }

    /// When the last publication up to `offset` was made, if it is kept or was the last one dropped; of
    /// that one only the second is known.
    pub(crate) fn time_at(&self, offset: u64) -> Option<u64> {
        if offset < self.before || offset > self.head() {
            return None;
        }
        match self.index_after(offset).checked_sub(1) {
            Some(last) => self.entries.get(last).map(|publication| publication.time_ms()),
            None => (self.dropped_s > 0).then_some(u64::from(self.dropped_s) * 1000),
        }
    }

    /// The last offset given in this second (Unix time) or before, as far as is known: the one
    /// before the first when all that is kept is younger.
    pub(crate) fn last_until_second(&self, second: u64) -> u64 {
        self.place(self.entries.partition_point(|entry| entry.time_ms() / 1000 <= second))
    }

    /// How many publications follow the offset `after`. What is not kept any more is counted by its
    /// offsets, so it is at most that many.
    pub(crate) fn len_after(&self, after: u64) -> u64 {
        let kept = self.entries.len() - self.index_after(after);
        self.before.saturating_sub(after) + kept as u64
    }

    /// The bytes on the wire of what follows the offset `after` and is kept.
    pub(crate) fn frame_bytes_after(&self, after: u64) -> u64 {
        let frames = self.entries.range(self.index_after(after)..);
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
        let is_kept = self.before <= after && after < until && until <= self.head();
        assert!(is_kept, "there is nothing from {after} to {until}");
        let (start, end) = (self.index_after(after), self.index_after(until));
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

fn whole_seconds(time_ms: u64) -> u32 {
    u32::try_from(time_ms / 1000).unwrap_or(u32::MAX)
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
            let outside = self.entries.len().checked_sub(self.history_len()).unwrap();
            assert_eq!(self.history_bytes, cost(&mut self.entries.range(outside..)));
            assert!(self.history_len() <= history.publications);
            assert!(self.history_bytes <= history.bytes || self.history_len == 1);
            let offsets = self.entries.iter().map(|publication| publication.offset());
            assert!(std::iter::once(self.before).chain(offsets).is_sorted_by(|a, b| a < b));
            assert_eq!(self.head, self.place(self.entries.len()));
        }
    }

    const HISTORY: Bounds = Bounds { publications: 9, bytes: 1 << 20 };

    fn push(log: &mut Log, time_ms: u64, payload_bytes: usize, history: &Bounds) {
        push_at(log, log.head() + 1, time_ms, payload_bytes, history);
    }

    fn push_at(log: &mut Log, offset: u64, time_ms: u64, payload_bytes: usize, history: &Bounds) {
        let draft = Draft::new(Kind::Binary, &vec![0; payload_bytes]);
        let position = Position { epoch: Epoch::from_random(1), offset };
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
        assert_eq!((log.before(), log.head(), log.len()), (41, 41, 0));
        assert_eq!(log.drop_oldest(), 0);
        assert_eq!(log.head(), 41);
    }

    #[test]
    fn a_place_between_two_publications_is_found() {
        let mut log = Log::new(7);
        for offset in [10, 11, 30, 31, 32] {
            push_at(&mut log, offset, offset * 100, 0, &HISTORY);
        }
        assert_eq!((log.before(), log.oldest(), log.before_newest()), (7, Some(10), 31));
        for (after, expected) in [(7, 5), (9, 5), (10, 4), (11, 3), (12, 3), (29, 3), (31, 1)] {
            assert_eq!(copied(&log, after, 32, 1 << 20).len(), expected, "after {after}");
            assert_eq!(log.len_after(after), expected as u64);
        }
        assert_eq!(copied(&log, 12, 31, 1 << 20), [30, 31]);
        assert_eq!([9, 10, 29, 33].map(|at| log.time_at(at)), [None, Some(1000), Some(1100), None]);
        log.drop_oldest();
        assert_eq!((log.before(), log.time_at(10), log.time_at(9)), (10, Some(1000), None));
        assert_eq!(log.len_after(4), 4 + 6, "at most six are gone");
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
        assert_eq!((dropped, log.bytes(), log.head(), log.before()), (bytes, 0, 1000, 1000));
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
        assert_eq!((log.len(), log.history_before(0, 1), log.head()), (9, 9, 9));
    }

    #[test]
    fn age_is_found_in_the_history_and_beyond() {
        let mut log = Log::new(0);
        for time_ms in [10, 10, 20, 30, 30, 40] {
            push(&mut log, time_ms, 0, &Bounds { publications: 4, ..HISTORY });
        }
        let befores =
            |log: &Log| [0, 29, 30, 39, 40, 49, 50].map(|now| log.history_before(now, 10));
        assert_eq!(befores(&log), [2, 2, 3, 3, 5, 5, 6]);
        assert_eq!(
            (log.expire(40, 10, 2), log.expire(40, 10, 9), log.expire(40, 10, 9)),
            (2, 1, 0)
        );
        assert_eq!(befores(&log), [5, 5, 5, 5, 5, 5, 6]);
        assert_eq!(log.history_before(0, 0), 5, "the home's clock may be ahead");
        assert_eq!([9, 10, 20, 35, 99].map(|ms| log.last_until_second(ms)), [6; 5]);
        log.assert_sound(&HISTORY);
        while log.drop_oldest() > 0 {
            log.assert_sound(&HISTORY);
        }
        assert_eq!((log.history_len(), log.time_at(6), log.time_at(5)), (0, None, None));
    }

    #[test]
    fn a_copy_of_a_history_goes_on_like_the_original() {
        let mut home = Log::new(0);
        let history = Bounds { publications: 3, ..HISTORY };
        for second in 1..=5 {
            push(&mut home, second * 1000, 0, &history);
        }
        let before = home.history_before(5000, 9000);
        let mut mirror = Log::seeded(before, home.to_vec(before), home.time_at(before).unwrap());
        for second in 6..=9 {
            mirror.assert_sound(&history);
            for second in 0..=second {
                assert_eq!(mirror.last_until_second(second), home.last_until_second(second).max(2));
            }
            push(&mut home, second * 1000, 0, &history);
            push(&mut mirror, second * 1000, 0, &history);
            assert_eq!(mirror.history_before(second * 1000, 9000), second - 3);
            assert_eq!(
                mirror.history_before(second * 1000, 9000),
                home.history_before(second * 1000, 9000)
            );
            assert_eq!(mirror.time_at(2), Some(2000));
        }
    }
}
