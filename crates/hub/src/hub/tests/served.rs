//! Which publications have reached all ready subscribers, and when they were accepted.

use super::*;

const EVERYTHING: usize = usize::MAX;

/// When those were accepted that have reached all since the last question.
fn served(single: &mut Single) -> Vec<u32> {
    let repeated = |Served { accepted_us, publications }| {
        std::iter::repeat_n(accepted_us, publications as usize)
    };
    single.work.served.drain(..).flat_map(repeated).collect()
}

fn publish_at(single: &mut Single, channel: &str, accepted_us: u32) {
    single.hub.set_fine_time(accepted_us);
    single.publish(channel, b"x");
}

#[test]
fn a_publication_is_served_with_its_last_subscriber() {
    let mut single = Single::new(roomy());
    for conn in 0..5 {
        single.subscribe("a", conn);
    }
    for accepted_us in [7, 7, 9] {
        publish_at(&mut single, "a", accepted_us);
    }
    single.slice(3, EVERYTHING);
    assert!(served(&mut single).is_empty());
    single.slice(3, EVERYTHING);
    assert_eq!(single.work.served.len(), 2, "those of one time are counted together");
    assert_eq!(served(&mut single), [7, 7, 9]);
    assert_eq!(single.slice(3, EVERYTHING), None);
    assert!(served(&mut single).is_empty(), "once");
}

#[test]
fn what_joins_a_pass_is_served_with_the_next_one() {
    let mut single = Single::new(roomy());
    for conn in 0..4 {
        single.subscribe("a", conn);
    }
    publish_at(&mut single, "a", 1);
    single.slice(2, EVERYTHING);
    publish_at(&mut single, "a", 2);
    single.slice(2, EVERYTHING);
    assert_eq!(served(&mut single), [1]);
    single.slices();
    assert_eq!(served(&mut single), [2]);
}

#[test]
fn the_only_subscriber_is_the_last_one() {
    let mut single = Single::with_rules(keeping(10), roomy());
    publish_at(&mut single, "a", 1);
    single.slices();
    assert!(served(&mut single).is_empty(), "there was nobody");
    single.subscribe("a", 0);
    for accepted_us in [2, 3] {
        publish_at(&mut single, "a", accepted_us);
        single.slices();
        assert_eq!(served(&mut single), [accepted_us]);
    }
    publish_at(&mut single, "a", 4);
    single.delete("a");
    single.slices();
    assert!(served(&mut single).is_empty(), "it is gone, and so is what was published");
}

#[test]
fn nobody_waits_for_blocked_subscribers() {
    let mut single = Single::with_rules(keeping(10), roomy());
    let slow = single.subscribe("a", 0);
    single.subscribe("a", 1);
    let cursor = single.hub.cursor(slow);
    let (slow, _) = single.hub.block(slow, cursor);
    publish_at(&mut single, "a", 1);
    assert_eq!(single.slices(), [(vec![1], vec![1])]);
    assert_eq!(served(&mut single), [1]);
    single.hub.advance(slow, 1);
    single.hub.unblock(slow);
    single.slices();
    assert!(served(&mut single).is_empty(), "it is counted already");
    publish_at(&mut single, "a", 2);
    single.slices();
    assert_eq!(served(&mut single), [2]);
}
