//! What one namespace can cost the others.

use super::*;

/// A hub where `open:` may take so many percent, and all others everything.
fn beside_open(share_percent: u32, limits: Limits) -> Single {
    let mut single = Single::new(limits.clone());
    let open = Rules { share_percent, ..Rules::default() };
    let named = [("open".to_owned(), open), ("other".to_owned(), Rules::default())];
    let namespaces = Arc::new(Namespaces::new(Rules::default(), named, false));
    let accounting = Arc::clone(&single.accounting);
    single.hub = Hub::new(ShardId(0), Router::new(1), namespaces, limits, 1, accounting);
    single
}

fn flood(single: &mut Single, channels: usize) {
    for i in 0..channels {
        single.publish(&format!("open:{i}"), &[0; 100]);
        invariants::assert_sound(&single.hub);
    }
}

fn messages(single: &Single, channel: &str) -> u64 {
    single.stand(channel).map_or(0, |(_, messages)| messages)
}

#[test]
fn many_small_logs_of_one_namespace_cost_no_history_of_another() {
    let limits = Limits { shard_log_bytes_max: 100_000, ..Limits::default() };
    let mut single = beside_open(100, limits);
    for _ in 0..20 {
        single.publish("large", &[0; 1_000]);
        single.publish("other:large", &[0; 1_000]);
    }
    flood(&mut single, 2_000);
    assert_eq!(["large", "other:large"].map(|it| messages(&single, it)), [20, 20]);
    assert!(single.hub.log_bytes() > 90_000, "what they leave is used");
}

#[test]
fn a_namespace_takes_no_more_than_its_share_though_there_is_room() {
    let limits = Limits { shard_log_bytes_max: 100_000, ..Limits::default() };
    let mut single = beside_open(10, limits);
    flood(&mut single, 500);
    assert!((9_000..=10_000).contains(&single.hub.log_bytes()), "{}", single.hub.log_bytes());
    // What is alone more than its share stays until the next one comes.
    let subscription = single.subscribe("open:large", 0);
    single.publish("open:large", &vec![0; 20_000]);
    assert_eq!(single.slices().len(), 1);
    single.unsubscribe(subscription);
    single.publish("open:0", &[0; 100]);
    assert!(single.hub.log_bytes() <= 10_000);
}

#[test]
fn idle_channels_of_one_namespace_drive_out_few_of_another() {
    let limits = Limits { channels_idle_max: 100, ..roomy() };
    for (share_percent, kept) in [(25, 60), (100, 50)] {
        let mut single = beside_open(share_percent, limits.clone());
        for i in 0..60 {
            single.publish(&format!("a{i}"), b"x");
        }
        flood(&mut single, 1_000);
        let of_others = (0..60).filter(|i| messages(&single, &format!("a{i}")) == 1).count();
        assert_eq!(of_others, kept, "beside {share_percent} percent");
        let newest = (0..25).filter(|i| messages(&single, &format!("open:{}", 999 - i)) == 1);
        assert_eq!(newest.count(), 25, "and its own oldest go first");
    }
}

#[test]
fn idle_channels_of_all_namespaces_are_forgotten_in_time() {
    let limits = Limits { meta_ttl_ms: 100, ..roomy() };
    let mut single = beside_open(100, limits);
    for channel in ["a", "open:a", "other:a", "other:b"] {
        single.publish(channel, b"x");
    }
    single.tick(3_600_000);
    single.tick(99);
    assert_eq!(single.hub.channels(), 4);
    single.tick(1);
    assert_eq!(single.hub.channels(), 0);
}
