use super::*;
use crate::{Begin, Gap, GapReason, OnGap, Start};

const NOW: OnGap = OnGap::Now;
const EARLIEST: OnGap = OnGap::Earliest;

/// A channel with nine publications, one each second from the first on; the history has the last
/// four and the tail the last six.
fn nine() -> (Single, u32, Epoch) {
    let bounds = |publications| keeping(publications).tail;
    let rules = Rules { tail: bounds(6), history: bounds(4), ..Rules::default() };
    let mut single = Single::with_rules(rules, roomy());
    let epoch = (1..=9).map(|second| {
        single.now_ms = second * 1000;
        single.publish("a", b"x").position.epoch
    });
    let epoch = epoch.last().unwrap();
    let index = single.hub.visit(single.now_ms, &name("a"), &mut single.out).unwrap();
    (single, index, epoch)
}

fn begin(single: &Single, index: u32, start: Start, on_gap: OnGap) -> (u64, Option<Gap>) {
    let begin = single.hub.begin(single.now_ms, index, &start, on_gap);
    let Begin { cursor, gap } = begin.unwrap();
    (cursor, gap)
}

fn gap(reason: GapReason) -> Gap {
    Gap { reason, missed: None }
}

fn evicted(missed: std::ops::RangeInclusive<u64>) -> Gap {
    Gap { reason: GapReason::Evicted, missed: Some(missed) }
}

#[test]
fn the_words_begin_at_the_ends_of_the_history() {
    let (single, a, _) = nine();
    for on_gap in [NOW, EARLIEST] {
        assert_eq!(begin(&single, a, Start::Now, on_gap), (9, None));
        assert_eq!(begin(&single, a, Start::Earliest, on_gap), (5, None));
        assert_eq!(begin(&single, a, Start::Latest, on_gap), (8, None));
    }
}

#[test]
fn a_position_begins_behind_itself_or_with_a_gap_that_says_what_is_missing() {
    let (single, a, epoch) = nine();
    let after =
        |offset, on_gap| begin(&single, a, Start::After(Position { epoch, offset }), on_gap);
    for offset in 5..=9 {
        assert_eq!(after(offset, NOW), (offset, None));
    }
    // Kept for laggards, but not in the history.
    assert_eq!(after(4, EARLIEST), (5, Some(evicted(5..=5))));
    assert_eq!(after(4, NOW), (9, Some(evicted(5..=9))));
    assert_eq!(after(0, EARLIEST), (5, Some(evicted(1..=5))));
    for future in [10, u64::MAX] {
        assert_eq!(after(future, NOW), (9, Some(gap(GapReason::Future))));
        assert_eq!(after(future, EARLIEST), (5, Some(gap(GapReason::Future))));
    }
    // A client that does not name an epoch means the present one.
    let bare = |offset, on_gap| begin(&single, a, Start::AfterOffset(offset), on_gap);
    for offset in [0, 4, 5, 9, 10] {
        assert_eq!(bare(offset, NOW), after(offset, NOW));
    }
    let foreign = Start::After(Position { epoch: Epoch::from_random(5), offset: 9 });
    assert_eq!(begin(&single, a, foreign, NOW), (9, Some(gap(GapReason::Epoch))));
    assert_eq!(begin(&single, a, foreign, EARLIEST), (5, Some(gap(GapReason::Epoch))));
}

#[test]
fn the_history_is_read_between_two_places_in_either_order() {
    let (single, a, _) = nine();
    let read = |after, until| -> Vec<u64> {
        single.hub.history(0, a, after, until).map(Publication::offset).collect()
    };
    // What is kept for laggards alone is not in it.
    assert_eq!(read(0, 9), [6, 7, 8, 9]);
    assert_eq!((read(6, 8), read(0, 6)), (vec![7, 8], vec![6]));
    assert!(read(9, 99).is_empty() && read(8, 7).is_empty() && read(0, 0).is_empty());
    let newest = single.hub.history(0, a, 0, 9).next_back().map(Publication::offset);
    assert_eq!(newest, Some(9));
}

#[test]
fn a_client_without_the_right_to_the_history_goes_on_at_the_head_and_nowhere_else() {
    let (single, a, epoch) = nine();
    let after = |epoch, offset, on_gap| {
        begin(&single, a, Start::WithoutHistory(Position { epoch, offset }), on_gap)
    };
    for on_gap in [NOW, EARLIEST] {
        assert_eq!(after(epoch, 9, on_gap), (9, None));
        for offset in [0, 8, 10] {
            assert_eq!(after(epoch, offset, on_gap), (9, Some(gap(GapReason::Right))));
        }
        assert_eq!(after(Epoch::from_random(5), 9, on_gap), (9, Some(gap(GapReason::Right))));
    }
}

#[test]
fn a_second_begins_behind_its_last_publication() {
    let (mut single, a, _) = nine();
    let after = |single: &Single, second| begin(single, a, Start::AfterSecond(second), NOW);
    for second in 5..=9 {
        assert_eq!(after(&single, second), (second, None));
    }
    assert_eq!(after(&single, u64::MAX), (9, None));
    assert_eq!(after(&single, 4), (9, Some(gap(GapReason::Evicted))), "5 is younger and lost");
    let earliest = begin(&single, a, Start::AfterSecond(0), EARLIEST);
    assert_eq!(earliest, (5, Some(gap(GapReason::Evicted))));
    single.now_ms = 9999;
    single.publish("a", b"x");
    assert_eq!(after(&single, 9), (10, None), "all of that second");
    assert_eq!(after(&single, 8), (8, None));
}

#[test]
fn what_nobody_ever_published_is_no_gap() {
    let mut single = Single::new(roomy());
    let a = single.hub.visit(1000, &name("a"), &mut single.out).unwrap();
    for start in [Start::Now, Start::Earliest, Start::Latest, Start::AfterSecond(0)] {
        assert_eq!(begin(&single, a, start, NOW), (0, None));
    }
    let epoch = single.hub.position(a).unwrap().epoch;
    let start = Start::After(Position { epoch, offset: 0 });
    assert_eq!(begin(&single, a, start, NOW), (0, None));
    single.publish("a", b"x");
    assert_eq!(begin(&single, a, start, NOW), (0, None));
    assert_eq!(begin(&single, a, Start::AfterSecond(0), NOW), (0, None));
}

#[test]
fn age_is_exact_without_a_sweep() {
    let rules = Rules { history_ttl_ms: 100, ..Rules::default() };
    let mut single = Single::with_rules(rules, roomy());
    let a = single.hub.visit(0, &name("a"), &mut single.out).unwrap();
    for now_ms in [1000, 1000, 1050, 1090] {
        single.now_ms = now_ms;
        single.publish("a", b"x");
    }
    let at = |single: &mut Single, now_ms| {
        single.now_ms = now_ms;
        let (earliest, _) = begin(single, a, Start::Earliest, NOW);
        let (latest, _) = begin(single, a, Start::Latest, NOW);
        assert_eq!(single.stand("a").unwrap().1, 4 - earliest);
        (earliest, latest)
    };
    assert_eq!(at(&mut single, 1099), (0, 3));
    assert_eq!(at(&mut single, 1100), (2, 3));
    assert_eq!(at(&mut single, 1149), (2, 3));
    assert_eq!(at(&mut single, 1189), (3, 3));
    assert_eq!(at(&mut single, 1190), (4, 4));
    assert_eq!(single.hub.log_bytes(), single.accounting.bytes());
    assert_eq!(single.accounting.count(), 4);
}

#[test]
fn without_a_history_everything_but_now_is_a_gap() {
    let none = Bounds { publications: 0, bytes: 0 };
    let rules = Rules { history: none, ..Rules::default() };
    let mut single = Single::with_rules(rules, roomy());
    let epoch = single.publish("a", b"x").position.epoch;
    assert_eq!(single.publish("a", b"x").messages, 0);
    let a = single.hub.visit(1000, &name("a"), &mut single.out).unwrap();
    assert_eq!(begin(&single, a, Start::Earliest, NOW), (2, None));
    assert_eq!(begin(&single, a, Start::Latest, NOW), (2, None));
    let after = |offset| Start::After(Position { epoch, offset });
    assert_eq!(begin(&single, a, after(1), EARLIEST), (2, Some(evicted(2..=2))));
    assert_eq!(begin(&single, a, after(2), EARLIEST), (2, None));
}

#[test]
fn what_follows_a_cursor_is_copied_in_pieces() {
    let (single, a, _) = nine();
    let mut publications = Vec::new();
    let mut copied = |channel, cursor, bytes_max| {
        single.hub.copy_after(channel, cursor, bytes_max, &mut publications);
        offsets(&publications)
    };
    assert_eq!(copied(a, 5, usize::MAX), [6, 7, 8, 9]);
    assert_eq!(copied(a, 5, 6), [6, 7]);
    assert_eq!(copied(a, 7, 0), [8]);
    assert_eq!(copied(a, 3, usize::MAX), [4, 5, 6, 7, 8, 9], "the tail, too");
    for nothing in [2, 9, 10, u64::MAX] {
        assert_eq!(copied(a, nothing, usize::MAX), []);
    }
    assert_eq!(copied(a + 1, 5, usize::MAX), []);
}

#[test]
fn times_are_known_of_what_is_kept_and_of_the_one_before() {
    let (single, a, _) = nine();
    let time = |offset| single.hub.time_at(a, offset);
    assert_eq!(
        [0, 2, 3, 4, 9, 10].map(time),
        [None, None, Some(3000), Some(4000), Some(9000), None]
    );
    assert_eq!(time(u64::MAX), None);
    assert_eq!(single.hub.time_at(a + 1, 9), None);
}

#[test]
fn a_visit_opens_what_lives_here_and_keeps_it_young() {
    let mut single = Single::new(Limits { channels_idle_max: 2, meta_ttl_ms: 100, ..roomy() });
    let mut visit = |now_ms, channel: &str| {
        single.now_ms = now_ms;
        single.hub.tick(now_ms, &mut single.out);
        let index = single.hub.visit(now_ms, &name(channel), &mut single.out).unwrap();
        assert_eq!(single.hub.name(index), Some(&name(channel)));
        assert_eq!(single.report(channel).last_requested_ms, Some(now_ms));
        invariants::assert_sound(&single.hub);
        single.hub.position(index).unwrap().epoch
    };
    let a = visit(1000, "a");
    visit(1001, "b");
    assert_eq!(visit(1002, "a"), a);
    visit(1003, "c");
    assert_eq!(visit(1004, "a"), a, "b was the oldest");
    assert_eq!(visit(1103, "a"), a);
    assert_ne!(visit(1203, "a"), a);
}

#[test]
fn a_visit_is_safe_where_hardly_anything_may_be_remembered() {
    for channels_idle_max in [0, 1] {
        let mut single = Single::new(Limits { channels_idle_max, ..roomy() });
        for channel in ["a", "b", "a"] {
            let index = single.hub.visit(1000, &name(channel), &mut single.out).unwrap();
            assert_eq!(single.hub.name(index), Some(&name(channel)));
            assert_eq!(single.hub.channels(), 1);
        }
    }
}

#[test]
fn a_subscription_is_placed_back_and_forth() {
    let (mut single, a, _) = nine();
    let subscription = single.subscribe("a", 0);
    let (subscription, _) = single.hub.block(subscription, single.hub.cursor(subscription));
    let mut publications = Vec::new();
    for (place, rest) in [(5, vec![6, 7, 8, 9]), (9, vec![]), (3, vec![4, 5, 6, 7, 8, 9])] {
        single.hub.place(subscription, place);
        assert_eq!(single.hub.cursor(subscription), place);
        let lag = single.hub.lag(subscription);
        assert_eq!((lag.publications, lag.bytes), (9 - place, 3 * (9 - place)));
        single.hub.pull(subscription, usize::MAX, &mut publications);
        assert_eq!(offsets(&publications), rest);
    }
    single.hub.place(subscription, 1000);
    assert_eq!(single.hub.cursor(subscription), 9);
    assert_eq!(single.slices(), []);
    // So far back that what follows is gone.
    single.hub.place(subscription, 2);
    let lagged = Pull::Lagged { missed: 3..=3 };
    assert_eq!(single.hub.pull(subscription, usize::MAX, &mut publications), lagged);
    let lag = single.hub.lag(subscription);
    assert_eq!((lag.publications, lag.bytes), (7, 18));
    assert_eq!(single.slice(9, 9), Some((vec![0], vec![])));
    assert_eq!(single.work.kind, WorkKind::Lagged);
    assert_eq!(single.work.targets[0].1, Subscription { channel: a, ..subscription });
}

#[test]
fn a_ready_subscription_that_is_placed_back_is_served() {
    let (mut single, _, _) = nine();
    let subscription = single.subscribe("a", 0);
    single.subscribe("a", 1);
    single.hub.place(subscription, 7);
    assert_eq!(single.slices(), [(vec![0], vec![8, 9])]);
}

#[test]
fn after_a_deletion_no_place_is_given() {
    let (mut single, _, _) = nine();
    let subscription = single.subscribe("a", 0);
    let (subscription, _) = single.hub.block(subscription, 9);
    single.delete("a");
    single.publish("a", b"x");
    single.hub.place(subscription, 1);
    assert_eq!(single.hub.lag(subscription), Lag::default());
    assert_eq!(single.slice(9, 9), Some((vec![0], vec![])));
    assert_eq!(single.work.kind, WorkKind::Deleted);
}

#[test]
fn members_are_the_ready_and_the_blocked() {
    let mut single = Single::new(roomy());
    let subscriptions = [0, 1, 2].map(|conn| single.subscribe("a", conn));
    single.hub.block(subscriptions[2], 0);
    let members = |max| single.hub.members(&name("a"), max).iter().map(|m| m.conn).collect();
    let all: Vec<u32> = members(9);
    assert_eq!(all, [0, 1, 2]);
    let some: Vec<u32> = members(2);
    assert_eq!(some, [0, 1]);
    assert_eq!(single.hub.members(&name("b"), 9), []);
}
