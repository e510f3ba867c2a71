use super::*;

const EVERYTHING: usize = usize::MAX;

#[test]
fn a_burst_is_one_slice_for_all_who_stand_at_the_same_place() {
    let mut single = Single::new(roomy());
    for conn in 0..5 {
        single.subscribe("a", conn);
    }
    for _ in 0..32 {
        single.publish("a", b"x");
    }
    let all: Vec<u64> = (1..=32).collect();
    assert_eq!(single.slice(3, EVERYTHING), Some((vec![4, 3, 2], all.clone())));
    assert_eq!(single.slice(3, EVERYTHING), Some((vec![1, 0], all)));
    assert_eq!(single.slice(3, EVERYTHING), None);
    assert!(single.work.targets.is_empty() && single.work.publications.is_empty());
}

#[test]
fn a_large_slice_crosses_pages() {
    let mut single = Single::new(roomy());
    for conn in 0..1000 {
        single.subscribe("a", conn);
    }
    single.publish("a", b"x");
    let sizes: Vec<usize> = single.slices().iter().map(|(targets, _)| targets.len()).collect();
    assert_eq!(sizes, [256, 256, 256, 232]);
}

#[test]
fn who_comes_later_starts_at_the_head() {
    let mut single = Single::new(roomy());
    single.subscribe("a", 0);
    single.publish("a", b"1");
    single.subscribe("a", 1);
    single.publish("a", b"2");
    assert_eq!(single.slices(), [(vec![1], vec![2]), (vec![0], vec![1, 2])]);
}

#[test]
fn a_slice_has_at_most_the_bytes_unless_one_publication_has_more() {
    let mut single = Single::new(roomy());
    single.subscribe("a", 0);
    single.subscribe("a", 1);
    single.publish("a", &vec![0; 30_000]);
    single.publish("a", &vec![0; 30_000]);
    single.publish("a", &vec![0; 1 << 20]);
    single.publish("a", b"x");
    let both = vec![1, 0];
    let expected = [vec![1, 2], vec![3], vec![4]].map(|offsets| (both.clone(), offsets));
    assert_eq!(single.slices(), expected);
}

#[test]
fn what_comes_during_a_pass_goes_with_it_to_those_who_are_still_to_be_visited() {
    let mut single = Single::new(roomy());
    for conn in 0..4 {
        single.subscribe("a", conn);
    }
    single.publish("a", b"1");
    assert_eq!(single.slice(2, EVERYTHING), Some((vec![3, 2], vec![1])));
    single.publish("a", b"2");
    single.publish("a", b"3");
    assert_eq!(single.slice(2, EVERYTHING), Some((vec![1, 0], vec![1, 2, 3])));
    assert_eq!(single.slices(), [(vec![3, 2], vec![2, 3])]);
}

#[test]
fn channels_take_turns() {
    let mut single = Single::new(roomy());
    for (conn, channel) in [(0, "a"), (1, "a"), (2, "b"), (3, "b")] {
        single.subscribe(channel, conn);
    }
    single.publish("a", b"x");
    single.publish("b", b"x");
    let order: Vec<u32> = (0..4).map(|_| single.slice(1, EVERYTHING).unwrap().0[0]).collect();
    assert_eq!(order, [1, 3, 0, 2]);
}

#[test]
fn removals_during_a_pass_skip_and_repeat_nobody() {
    let mut single = Single::new(roomy());
    let subscriptions: Vec<Subscription> = (0..6).map(|conn| single.subscribe("a", conn)).collect();
    single.publish("a", b"x");
    assert_eq!(single.slice(2, EVERYTHING), Some((vec![5, 4], vec![1])));
    // A served subscriber moves among those not served yet.
    let moved = single.unsubscribe(subscriptions[1]).unwrap();
    assert_eq!(
        moved,
        Moved { who: Subscriber { conn: 5, nth: 0, form: 0 }, subscription: subscriptions[1] }
    );
    single.subscribe("a", 6);
    assert_eq!(single.slice(2, EVERYTHING), Some((vec![3, 2], vec![1])));
    assert_eq!(single.slice(2, EVERYTHING), Some((vec![0], vec![1])));
    assert_eq!(single.slice(2, EVERYTHING), None);
}

#[test]
fn the_last_one_leaves_in_the_middle_of_a_pass() {
    let mut single = Single::new(roomy());
    let subscriptions = [0, 1].map(|conn| single.subscribe("a", conn));
    single.publish("a", b"x");
    assert_eq!(single.slice(1, EVERYTHING), Some((vec![1], vec![1])));
    assert_eq!(single.unsubscribe(subscriptions[1]), None);
    assert_eq!(single.unsubscribe(subscriptions[0]), None);
    assert_eq!(single.slice(1, EVERYTHING), None);
    single.subscribe("a", 2);
    assert_eq!(single.slice(1, EVERYTHING), None);
    single.publish("a", b"y");
    assert_eq!(single.slice(1, EVERYTHING), Some((vec![2], vec![2])));
}

#[test]
fn ready_subscribers_do_not_lag_by_the_limits_of_the_channel() {
    let mut single = Single::with_rules(keeping(3), roomy());
    single.subscribe("a", 0);
    single.subscribe("a", 1);
    for _ in 0..5000 {
        single.publish("a", b"x");
    }
    assert_eq!(single.slice(1, EVERYTHING).unwrap().1.len(), 5000);
    assert_eq!(single.slice(1, EVERYTHING).unwrap().1.len(), 5000);
    // The rest is given back in bounded steps.
    for _ in 0..5 {
        assert_eq!(single.slice(1, EVERYTHING), None);
    }
    assert_eq!(single.report("a").home.unwrap().messages, 3);
}

#[test]
fn a_deletion_reaches_all_who_were_there_and_nobody_else() {
    let mut single = Single::new(roomy());
    for conn in 0..4 {
        single.subscribe("a", conn);
    }
    single.publish("a", b"lost");
    assert_eq!(single.slice(1, EVERYTHING), Some((vec![3], vec![1])));
    let before = single.report("a").home.unwrap().position;
    assert!(single.delete("a"));
    single.subscribe("a", 4);
    let receipt = single.publish("a", b"new");
    assert_eq!(receipt.position.offset, 1);
    assert_ne!(receipt.position.epoch, before.epoch);
    assert_eq!(single.slice(9, EVERYTHING), Some((vec![4], vec![1])));
    assert_eq!(single.work.publications[0].payload(), b"new");
    assert_eq!(single.slice(9, EVERYTHING), Some((vec![3, 2, 1, 0], vec![])));
    assert_eq!(single.work.kind, WorkKind::Deleted);
    for (_, subscription) in std::mem::take(&mut single.work.targets) {
        single.unsubscribe(subscription);
    }
    assert_eq!(single.slice(9, EVERYTHING), None);
    assert_eq!(single.report("a").subscribers, 1);
}

#[test]
fn there_is_nothing_to_delete_twice() {
    let mut single = Single::new(roomy());
    assert!(!single.delete("a"));
    let subscription = single.subscribe("a", 0);
    assert!(single.delete("a"), "a channel with a subscriber exists");
    single.unsubscribe(subscription);
    assert!(!single.delete("a"));
    let epoch = single.publish("a", b"x").position.epoch;
    assert!(single.delete("a"));
    assert!(!single.delete("a"));
    assert_eq!((single.accounting.count(), single.hub.channels()), (0, 0));
    assert_ne!(single.publish("a", b"x").position.epoch, epoch);
}
