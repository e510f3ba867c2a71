//! Subscribers that wait for the home's answer.

use super::pair::Pair;
use super::*;
use crate::{OnGap, Start};

/// A pair whose mirror has these connections waiting, from the first publication on.
fn waiting(conns: std::ops::Range<u32>) -> (Pair, Vec<Subscription>) {
    let mut pair = Pair::new(&roomy());
    pair.publish();
    assert_eq!(pair.b.visit(0, &pair.name, &mut pair.to_a), None);
    let mut wait = |conn| {
        let subscription = pair.subscribe(conn);
        pair.b.block(subscription, pair.b.cursor(subscription)).0
    };
    let subscriptions = conns.map(&mut wait).collect();
    (pair, subscriptions)
}

fn answer(pair: &mut Pair) {
    pair.carry_to_a();
    pair.carry_to_b();
}

fn told(pair: &mut Pair, sends_max: usize) -> Option<(WorkKind, Vec<u32>)> {
    let found = pair.b.next_work(sends_max, 1 << 16, &mut pair.work);
    found.then(|| (pair.work.kind.clone(), conns(&pair.work)))
}

#[test]
fn they_are_told_once_in_slices() {
    let (mut pair, subscriptions) = waiting(0..700);
    assert_eq!(told(&mut pair, 256), None);
    assert_eq!(pair.b.begin(0, subscriptions[0].channel, &Start::Now, OnGap::Now), None);
    assert_eq!(pair.b.lag(subscriptions[0]), Lag::default());
    pair.b.place(subscriptions[0], 0);
    pair.b.advance(subscriptions[0], 0);
    answer(&mut pair);
    let mut heard = Vec::new();
    for part in [256, 256, 188] {
        // What is published meanwhile waits for them.
        pair.publish();
        pair.carry_to_b();
        let (kind, conns) = told(&mut pair, 256).unwrap();
        assert_eq!((kind, conns.len()), (WorkKind::Joined, part));
        for (_, subscription) in &pair.work.targets {
            assert_eq!(pair.b.cursor(*subscription), 1);
        }
        heard.extend(conns);
    }
    assert_eq!(told(&mut pair, 256), None);
    heard.sort_unstable();
    assert_eq!(heard, (0..700).collect::<Vec<_>>());
    assert!(subscriptions.iter().all(|&subscription| pair.b.lag(subscription).publications == 3));
    invariants::assert_sound(&pair.b);
}

#[test]
fn who_comes_after_the_answer_is_told_nothing() {
    let (mut pair, subscriptions) = waiting(0..3);
    answer(&mut pair);
    assert_eq!(told(&mut pair, 1), Some((WorkKind::Joined, vec![2])));
    assert!(pair.b.visit(0, &pair.name, &mut pair.to_a).is_some());
    let late = pair.subscribe(9);
    pair.b.block(late, 1);
    // One that has not heard leaves, and a late one moves to its index.
    let moved = pair.b.unsubscribe(0, subscriptions[0], &mut pair.to_a).unwrap();
    assert_eq!((moved.who.conn, moved.subscription), (9, subscriptions[0]));
    assert_eq!(told(&mut pair, 9), Some((WorkKind::Joined, vec![1])));
    assert_eq!(told(&mut pair, 9), None);
}

#[test]
fn who_leaves_or_goes_on_by_itself_is_told_nothing() {
    let (mut pair, subscriptions) = waiting(0..4);
    pair.b.unsubscribe(0, subscriptions[3], &mut pair.to_a);
    let (ready, _) = pair.b.unblock(subscriptions[2]);
    answer(&mut pair);
    pair.b.place(subscriptions[1], 0);
    assert_eq!(told(&mut pair, 9), Some((WorkKind::Joined, vec![0])));
    let mut publications = Vec::new();
    assert_eq!(pair.b.pull(subscriptions[1], 99, &mut publications), Pull::More);
    assert_eq!(offsets(&publications), [1]);
    assert_eq!(pair.b.cursor(ready), 1);
    assert_eq!(told(&mut pair, 9), None);
}

#[test]
fn the_last_one_leaves_before_the_answer() {
    let (mut pair, subscriptions) = waiting(0..1);
    pair.b.unsubscribe(0, subscriptions[0], &mut pair.to_a);
    answer(&mut pair);
    assert_eq!(told(&mut pair, 9), None);
    let index = pair.b.visit(0, &pair.name, &mut pair.to_a).unwrap();
    let begin = pair.b.begin(0, index, &Start::Earliest, OnGap::Now).unwrap();
    assert_eq!(begin.cursor, 0);
}

#[test]
fn a_deletion_behind_the_answer_is_all_they_hear() {
    let (mut pair, subscriptions) = waiting(0..3);
    pair.carry_to_a();
    assert!(pair.a.delete_home(&pair.name, &mut pair.to_b));
    pair.publish();
    pair.carry_to_b();
    assert_eq!(told(&mut pair, 9), Some((WorkKind::Deleted, vec![2, 1, 0])));
    let mut publications = Vec::new();
    assert_eq!(pair.b.pull(subscriptions[0], 99, &mut publications), Pull::Deleted);
}

#[test]
fn a_deletion_in_the_middle_of_telling() {
    let (mut pair, subscriptions) = waiting(0..3);
    answer(&mut pair);
    assert_eq!(told(&mut pair, 1), Some((WorkKind::Joined, vec![2])));
    assert!(pair.a.delete_home(&pair.name, &mut pair.to_b));
    pair.publish();
    pair.carry_to_b();
    pair.b.place(subscriptions[2], 0);
    let mut heard = Vec::new();
    while let Some((kind, _)) = told(&mut pair, 9) {
        assert_eq!(kind, WorkKind::Deleted);
        for (who, subscription) in std::mem::take(&mut pair.work.targets) {
            heard.push(who.conn);
            pair.b.unsubscribe(0, subscription, &mut pair.to_a);
        }
    }
    heard.sort_unstable();
    assert_eq!(heard, [0, 1, 2]);
}

#[test]
fn a_deletion_before_the_answer_is_none_of_theirs() {
    let (mut pair, subscriptions) = waiting(0..1);
    let old = pair.a.report(0, &pair.name).home.unwrap().position;
    assert!(pair.a.delete_home(&pair.name, &mut pair.to_b));
    answer(&mut pair);
    assert_eq!(told(&mut pair, 9), Some((WorkKind::Joined, vec![0])));
    let start = Start::After(old);
    let begin = pair.b.begin(0, subscriptions[0].channel, &start, OnGap::Now).unwrap();
    assert_eq!(begin.gap.unwrap().reason, crate::GapReason::Epoch);
}

#[test]
fn they_lag_like_others_once_they_were_told() {
    let mut pair = Pair::with_rules(keeping(2), &roomy());
    let subscription = pair.subscribe(0);
    let (subscription, _) = pair.b.block(subscription, 0);
    pair.carry_to_a();
    for _ in 0..4 {
        pair.publish();
    }
    pair.carry_to_b();
    assert_eq!(told(&mut pair, 9), Some((WorkKind::Joined, vec![0])));
    assert_eq!(told(&mut pair, 9), Some((WorkKind::Lagged, vec![0])));
    pair.b.unsubscribe(0, subscription, &mut pair.to_a);
    assert_eq!(told(&mut pair, 9), None);
}

#[test]
fn a_mirror_that_joined_again_goes_on_in_the_same_stream() {
    let (mut pair, subscriptions) = waiting(0..1);
    answer(&mut pair);
    told(&mut pair, 9);
    let at = pair.b.position(subscriptions[0].channel).unwrap();
    pair.b.unsubscribe(0, subscriptions[0], &mut pair.to_a);
    pair.b.tick(10_000, &mut pair.to_a);
    assert_eq!(pair.b.channels(), 0);
    pair.publish();
    assert_eq!(pair.b.visit(10_000, &pair.name, &mut pair.to_a), None);
    let subscription = pair.subscribe(1);
    let (subscription, _) = pair.b.block(subscription, 0);
    answer(&mut pair);
    assert_eq!(told(&mut pair, 9), Some((WorkKind::Joined, vec![1])));
    let begin = pair.b.begin(10_000, subscription.channel, &Start::After(at), OnGap::Now).unwrap();
    assert_eq!((begin.cursor, begin.gap), (at.offset, None));
    pair.b.place(subscription, begin.cursor);
    assert_eq!(pair.b.lag(subscription).publications, 1);
}

#[test]
fn a_mirror_has_the_history_of_its_home_and_no_more() {
    let history = keeping(2).history;
    let rules = Rules { history, history_ttl_ms: 5000, ..Rules::default() };
    let mut pair = Pair::with_rules(rules, &roomy());
    for second in 1..=5 {
        let draft = Draft::new(Kind::Text, b"x");
        pair.a.publish_home(second * 1000, &pair.name, draft, &mut pair.to_b);
    }
    let subscription = pair.subscribe(0);
    answer(&mut pair);
    let channel = subscription.channel;
    assert_eq!(pair.b.table[channel].log().bytes() * 5, pair.a.log_bytes() * 2);
    let home = pair.a.visit(0, &pair.name, &mut pair.to_b).unwrap();
    let seconds = (0..6).map(Start::AfterSecond);
    for start in seconds.chain([Start::Earliest, Start::Latest]) {
        for now_ms in [5000, 8999, 9000, 9999, 10_000] {
            let there = pair.a.begin(now_ms, home, &start, OnGap::Now);
            assert_eq!(pair.b.begin(now_ms, channel, &start, OnGap::Now), there);
        }
    }
    assert_eq!(
        [2, 3, 4].map(|offset| pair.b.time_at(channel, offset)),
        [None, Some(3000), Some(4000)]
    );
}
