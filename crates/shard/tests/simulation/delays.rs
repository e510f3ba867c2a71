//! How long publications take, as a shard measures it.

use switchboard_plane::sim::SimConfig;

use crate::single::Single;

/// More than one slice of fan-out.
const SUBSCRIBERS: usize = 300;

/// A publication is measured once, when its last subscriber has it: from the beginning of the turn that
/// accepted it to the end of that one.
pub(crate) fn to_the_last_subscriber() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    let clients = single.open("/sub/news", SUBSCRIBERS);
    single.publish(2, 100);
    single.shard.set_fine_time(1_000);
    single.turn(1);
    assert!(!single.shard.has_served(), "most of them have it");
    single.shard.set_fine_time(2_000);
    single.turn(1);
    assert!(single.shard.has_served());
    single.shard.sent_by(4_500);
    assert!(!single.shard.has_served());
    single.turn(10);
    assert!(!single.shard.has_served(), "it is measured once");
    assert!(single.read(&clients).iter().all(|bytes| *bytes == 2 * 102));

    let measured = single.handle.send_delays();
    let counted: Vec<_> = measured.buckets.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [&(0.005, 2)]);
    assert!((measured.sum - 0.007).abs() < 1e-9, "{}", measured.sum);
}

/// The finer clock begins anew each 71 minutes.
pub(crate) fn across_the_end_of_the_clock() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    single.open("/sub/news", 1);
    single.publish(1, 100);
    single.shard.set_fine_time(u64::from(u32::MAX) - 9);
    single.turn(1);
    single.shard.sent_by(u64::from(u32::MAX) + 61);
    let measured = single.handle.send_delays();
    assert_eq!(measured.buckets[1], (0.000_1, 1), "{measured:?}");
}
