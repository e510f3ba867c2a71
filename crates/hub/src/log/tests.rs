use super::*;
use crate::{Accounting, Draft, Epoch, Kind, Position};

impl Log {
    /// What must hold between any two calls.
    pub(crate) fn assert_sound(&self, history: &Bounds) {
        let cost = |entries: &mut dyn Iterator<Item = &Arc<Publication>>| {
            entries.map(|publication| publication.cost_bytes()).sum::<usize>()
        };
        let len = self.entries.len();
        assert_eq!(self.bytes, cost(&mut self.entries.range(0..len)));
        let outside = self.entries.len().checked_sub(self.history_len()).unwrap();
        assert_eq!(self.history_bytes, cost(&mut self.entries.range(outside..len)));
        assert!(self.history_len() <= history.publications);
        assert!(self.history_bytes <= history.bytes || self.history_len == 1);
        let offsets = self.entries.range(0..len).map(|publication| publication.offset());
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
    log.push(Publication::new(position, (time_ms, 0), draft, &accounting), history);
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
    assert!(log.drop_oldest().is_none());
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
    let dropped = std::iter::from_fn(|| log.drop_oldest()).map(|it| it.cost_bytes());
    let dropped: usize = dropped.sum();
    assert_eq!((dropped, log.bytes(), log.head(), log.before()), (bytes, 0, 1000, 1000));
    assert!(matches!(log.entries, Entries::Few(None)), "nothing is left of the table");
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
    let befores = |log: &Log| [0, 29, 30, 39, 40, 49, 50].map(|now| log.history_before(now, 10));
    assert_eq!(befores(&log), [2, 2, 3, 3, 5, 5, 6]);
    assert_eq!((log.expire(40, 10, 2), log.expire(40, 10, 9), log.expire(40, 10, 9)), (2, 1, 0));
    assert_eq!(befores(&log), [5, 5, 5, 5, 5, 5, 6]);
    assert_eq!(log.history_before(0, 0), 5, "the home's clock may be ahead");
    assert_eq!([9, 10, 20, 35, 99].map(|ms| log.last_until_second(ms)), [6; 5]);
    log.assert_sound(&HISTORY);
    while log.drop_oldest().is_some() {
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
