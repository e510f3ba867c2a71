//! What backends are told of a history, and its removal.

use super::pair::Pair;
use super::*;

fn query(since: Option<u64>, limit: usize, reverse: bool) -> HistoryQuery {
    HistoryQuery { since, limit, reverse, bytes_max: usize::MAX }
}

fn told(single: &Single, query: HistoryQuery) -> Vec<u64> {
    offsets(&single.hub.history_home(single.now_ms, &name("a"), query).unwrap().publications)
}

#[test]
fn a_part_of_a_history_is_told_from_either_end() {
    let mut single = Single::with_rules(keeping(5), roomy());
    assert!(single.hub.history_home(0, &name("a"), query(None, 9, false)).is_none());
    for _ in 0..7 {
        single.publish("a", b"12345");
    }
    for (since, limit, reverse, expected) in [
        (None, 9, false, vec![3, 4, 5, 6, 7]),
        (None, 2, false, vec![3, 4]),
        (None, 2, true, vec![7, 6]),
        (Some(5), 9, false, vec![6, 7]),
        (Some(0), 1, false, vec![3]),
        (Some(7), 9, false, vec![]),
        (Some(u64::MAX), 9, false, vec![]),
        (Some(5), 9, true, vec![4, 3]),
        (Some(0), 9, true, vec![]),
        (Some(u64::MAX), 1, true, vec![7]),
        (None, 0, false, vec![]),
    ] {
        assert_eq!(told(&single, query(since, limit, reverse)), expected, "{since:?} {limit}");
    }
    let few = HistoryQuery { bytes_max: 11, ..query(None, 9, false) };
    assert_eq!(told(&single, few), [3, 4]);
    let one = HistoryQuery { bytes_max: 1, ..query(None, 9, true) };
    assert_eq!(told(&single, one), [7]);
}

#[test]
fn channels_with_subscribers_are_listed_a_part_at_a_time() {
    let mut single = Single::new(roomy());
    for channel in ["a", "b", "c"] {
        single.subscribe(channel, 1);
        single.publish(&format!("{channel} alone"), b"x");
    }
    single.subscribe("c", 2);
    let (mut from, mut all) = (Some(0), Vec::new());
    while let Some(at) = from {
        let ListenedTo { channels, next } = single.hub.listened_to(at, 2);
        all.extend(channels.iter().map(|(name, count)| (name.to_string(), *count)));
        from = next;
    }
    assert_eq!(all, [("a".into(), 1), ("b".into(), 1), ("c".into(), 2)]);
}

#[test]
fn a_removed_history_is_gone_on_all_shards_and_its_subscribers_go_on() {
    let mut pair = Pair::with_rules(keeping(5), &roomy());
    pair.subscribe(7);
    pair.carry_to_a();
    pair.carry_to_b();
    for _ in 0..3 {
        pair.publish();
    }
    let name = pair.name.clone();
    assert!(pair.a.remove_history_home(&name, &mut pair.to_b));
    assert!(!pair.a.remove_history_home(&name, &mut pair.to_b));
    pair.publish();
    pair.carry_to_b();
    assert_eq!(pair.received(), [(vec![7], vec![1, 2, 3, 4])]);
    for hub in [&pair.a, &pair.b] {
        let history = hub.history_home(0, &name, query(None, 9, false)).unwrap();
        assert_eq!((offsets(&history.publications), history.position.offset), (vec![4], 4));
    }
}
