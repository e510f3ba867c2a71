//! What ages out of a log.

use super::*;
use crate::{OnGap, Start};

fn short_lived() -> Rules {
    Rules { history_ttl_ms: 100, ..Rules::default() }
}

#[test]
fn a_silent_channel_gives_its_memory_back_though_somebody_listens() {
    let mut single = Single::with_rules(short_lived(), roomy());
    single.subscribe("a", 0);
    for _ in 0..10 {
        single.publish("a", b"x");
    }
    single.tick(100);
    assert_eq!(single.accounting.count(), 10, "it is to be sent yet");
    assert_eq!(single.slices().len(), 1);
    single.work.clear();
    single.tick(0);
    assert_eq!((single.accounting.count(), single.hub.log_bytes()), (0, 0));
    single.publish("a", b"x");
    assert_eq!(single.slices(), [(vec![0], vec![11])]);
    assert_eq!(single.hub.evicted(), 0, "no budget took it");
}

#[test]
fn what_a_laggard_waits_for_stays() {
    let mut single = Single::with_rules(short_lived(), roomy());
    let subscription = single.subscribe("a", 0);
    let (subscription, _) = single.hub.block(subscription, 0);
    for _ in 0..10 {
        single.publish("a", b"x");
    }
    single.hub.advance(subscription, 4);
    single.tick(100);
    let mut publications = Vec::new();
    assert_eq!(single.hub.pull(subscription, 99, &mut publications), Pull::More);
    assert_eq!(offsets(&publications), [5, 6, 7, 8, 9, 10]);
    let begin = single.hub.begin(single.now_ms, subscription.channel, &Start::Earliest, OnGap::Now);
    assert_eq!(begin.unwrap().cursor, 10, "but it is no history");
    publications.clear();
    single.unsubscribe(subscription);
    single.tick(0);
    assert_eq!(single.accounting.count(), 0);
}

#[test]
fn what_left_the_history_counts_for_the_laggards_bounds() {
    let rules = Rules { tail: keeping(3).tail, ..short_lived() };
    let mut single = Single::with_rules(rules, roomy());
    let subscription = single.subscribe("a", 0);
    single.hub.block(subscription, 0);
    for _ in 0..10 {
        single.publish("a", b"x");
    }
    assert_eq!(single.slices(), [], "the history is long enough for it");
    single.tick(100);
    assert_eq!(single.slice(9, 9), None, "what is over the bounds goes first");
    assert_eq!(single.slice(9, 9), Some((vec![0], vec![])));
    assert_eq!(single.work.kind, WorkKind::Lagged);
    assert_eq!(single.hub.lag(single.work.targets[0].1).publications, 10);
}

#[test]
fn a_tick_drops_a_bounded_part_and_the_next_ones_the_rest() {
    let rules = Rules { history: keeping(9000).history, ..short_lived() };
    let mut single = Single::with_rules(rules, roomy());
    for _ in 0..3000 {
        single.publish("a", b"x");
        single.publish("b", b"x");
    }
    single.now_ms += 100;
    // To drop one, the sweep must first take it from its history.
    assert_eq!(ticks_until_empty(&mut single), 12);
}

fn ticks_until_empty(single: &mut Single) -> usize {
    let mut ticks = 0;
    while single.accounting.count() > 0 {
        single.tick(0);
        ticks += 1;
    }
    ticks
}

#[test]
fn all_channels_have_their_turn() {
    let mut single = Single::with_rules(short_lived(), roomy());
    for channel in 0..5000 {
        single.publish(&format!("c{channel}"), b"x");
    }
    single.now_ms += 100;
    // One to look, one to take it from its history, one to drop it.
    assert_eq!(ticks_until_empty(&mut single), 5000 * 3 / 1024 + 1);
    assert_eq!(single.hub.channels(), 5000);
}

#[test]
fn the_time_of_what_was_dropped_outlives_it() {
    let mut single = Single::with_rules(short_lived(), roomy());
    single.now_ms = 5000;
    single.publish("a", b"x");
    single.tick(100);
    assert_eq!(single.accounting.count(), 0);
    let a = single.hub.visit(6000, &name("a"), &mut single.out).unwrap();
    assert_eq!(single.hub.time_at(a, 1), Some(5000));
    let begin = |second| {
        let start = Start::AfterSecond(second);
        single.hub.begin(6000, a, &start, OnGap::Now).unwrap().gap.is_some()
    };
    assert!(begin(4) && !begin(5));
}

#[test]
fn the_budget_counts_what_it_takes_from_histories_only() {
    let limits = Limits { shard_log_bytes_max: 3000, ..Limits::default() };
    let rules = Rules { history: keeping(1).history, ..short_lived() };
    let mut single = Single::with_rules(rules, limits);
    single.publish("a", &[0; 1000]);
    single.publish("a", &[0; 1000]);
    single.publish("b", &[0; 1000]);
    assert_eq!(single.hub.evicted(), 0, "the first of a was kept for laggards");
    single.publish("c", &[0; 1000]);
    assert_eq!(single.hub.evicted(), 1);
    single.now_ms += 100;
    single.publish("d", &[0; 1000]);
    assert_eq!(single.hub.evicted(), 1, "its time had run out");
    invariants::assert_sound(&single.hub);
}

#[test]
fn a_history_that_outlives_the_metadata_keeps_the_channel() {
    let rules = Rules { history_ttl_ms: 1000, ..Rules::default() };
    let mut single = Single::with_rules(rules, Limits { meta_ttl_ms: 10, ..roomy() });
    let position = single.publish("a", b"x").position;
    for _ in 0..99 {
        single.tick(10);
        assert_eq!(single.stand("a"), Some((position, 1)));
    }
    single.tick(10);
    assert_eq!(single.stand("a"), Some((position, 0)));
    single.tick(10);
    assert_eq!(single.stand("a"), None);
}
