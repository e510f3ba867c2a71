//! What can happen to a mesh of hubs.

use proptest::prelude::*;

use super::*;
use crate::{OnGap, Start};

pub(super) const CHANNELS: usize = 6;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Subscribe {
        hub: usize,
        channel: usize,
    },
    Unsubscribe {
        hub: usize,
        nth: usize,
    },
    Publish {
        hub: usize,
        channel: usize,
        count: u8,
        bytes: usize,
    },
    Delete {
        channel: usize,
    },
    Carry {
        from: usize,
        to: usize,
        count: usize,
    },
    Work {
        hub: usize,
        sends_max: usize,
        bytes_max: usize,
        full: u32,
    },
    Pull {
        hub: usize,
        nth: usize,
        bytes_max: usize,
    },
    Unblock {
        hub: usize,
        nth: usize,
    },
    Tick {
        hub: usize,
        passed_ms: u64,
    },
    /// A client subscribes from some start, and stays.
    Resume {
        hub: usize,
        channel: usize,
        aim: Aim,
        on_gap: OnGap,
    },
    /// A client takes all there is from some start, and leaves.
    Poll {
        hub: usize,
        channel: usize,
        aim: Aim,
        on_gap: OnGap,
        bytes_max: usize,
    },
}

/// Where a client wants to begin.
#[derive(Clone, Debug)]
pub(super) enum Aim {
    At(Start),
    /// Where a client left, or some publications before.
    Remembered {
        nth: usize,
        before: u64,
    },
    /// A stream that never existed.
    Foreign,
    /// So far beyond the home's head.
    Beyond(u64),
    /// What was published so long ago.
    Since {
        ago_ms: u64,
    },
}

fn aim() -> impl Strategy<Value = Aim> {
    let before = prop_oneof![2 => Just(0u64), 1 => 1u64..20];
    prop_oneof![
        1 => Just(Aim::At(Start::Now)),
        1 => Just(Aim::At(Start::Earliest)),
        1 => Just(Aim::At(Start::Latest)),
        5 => (0usize..64, before).prop_map(|(nth, before)| Aim::Remembered { nth, before }),
        1 => Just(Aim::Foreign),
        1 => prop_oneof![Just(0u64), Just(1), Just(1000)].prop_map(Aim::Beyond),
        2 => (0u64..5000).prop_map(|ago_ms| Aim::Since { ago_ms }),
    ]
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let hub = 0usize..3;
    let channel = 0..CHANNELS;
    let bytes_max = prop_oneof![Just(1usize), Just(60), Just(400), Just(1 << 16)];
    let full = prop_oneof![3 => Just(0u32), 2 => any::<u32>(), 1 => Just(u32::MAX)];
    let passed_ms = prop_oneof![5 => 0u64..12, 1 => 100u64..1500];
    let on_gap = prop_oneof![Just(OnGap::Now), Just(OnGap::Earliest)];
    prop_oneof![
        4 => (hub.clone(), channel.clone())
            .prop_map(|(hub, channel)| Op::Subscribe { hub, channel }),
        2 => (hub.clone(), 0usize..64).prop_map(|(hub, nth)| Op::Unsubscribe { hub, nth }),
        6 => (hub.clone(), channel.clone(), 1u8..9, 0usize..200)
            .prop_map(|(hub, channel, count, bytes)| Op::Publish { hub, channel, count, bytes }),
        1 => channel.clone().prop_map(|channel| Op::Delete { channel }),
        6 => (hub.clone(), hub.clone(), 1usize..6)
            .prop_map(|(from, to, count)| Op::Carry { from, to, count }),
        5 => (hub.clone(), 1usize..5, bytes_max.clone(), full).prop_map(
            |(hub, sends_max, bytes_max, full)| Op::Work { hub, sends_max, bytes_max, full }
        ),
        2 => (hub.clone(), 0usize..64, bytes_max.clone())
            .prop_map(|(hub, nth, bytes_max)| Op::Pull { hub, nth, bytes_max }),
        1 => (hub.clone(), 0usize..64).prop_map(|(hub, nth)| Op::Unblock { hub, nth }),
        2 => (hub.clone(), passed_ms).prop_map(|(hub, passed_ms)| Op::Tick { hub, passed_ms }),
        4 => (hub.clone(), channel.clone(), aim(), on_gap.clone()).prop_map(
            |(hub, channel, aim, on_gap)| Op::Resume { hub, channel, aim, on_gap }
        ),
        2 => (hub, channel, aim(), on_gap, bytes_max).prop_map(
            |(hub, channel, aim, on_gap, bytes_max)| {
                Op::Poll { hub, channel, aim, on_gap, bytes_max }
            }
        ),
    ]
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let publications = prop_oneof![Just(1usize), Just(3), Just(10), Just(1024)];
    let bytes = prop_oneof![Just(500usize), Just(1 << 20)];
    (publications, bytes).prop_map(|(publications, bytes)| Bounds { publications, bytes })
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    let history = prop_oneof![4 => bounds(), 1 => Just(Bounds { publications: 0, bytes: 0 })];
    let ttl_ms = prop_oneof![Just(5u64), Just(30), Just(2_000), Just(1_000_000)];
    (bounds(), history, ttl_ms).prop_map(|(tail, history, history_ttl_ms)| Rules {
        share_percent: 100,
        slow_policy: SlowPolicy::default(),
        tail,
        history,
        history_ttl_ms,
    })
}

pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let shard_log_bytes_max = prop_oneof![Just(2000usize), Just(8000), Just(1 << 26)];
    let channels_idle_max = prop_oneof![Just(1usize), Just(100)];
    let offset_skip_max = prop_oneof![Just(0u32), Just(1), Just(9)];
    (shard_log_bytes_max, channels_idle_max, offset_skip_max).prop_map(
        |(shard_log_bytes_max, channels_idle_max, offset_skip_max)| Limits {
            shard_log_bytes_max,
            channels_idle_max,
            meta_ttl_ms: 40,
            mirror_linger_ms: 10,
            offset_skip_max,
            watches_occupancy: true,
        },
    )
}

/// The same with two channels of one home, so that everything meets there.
pub(super) fn narrowed(mut op: Op) -> Op {
    match &mut op {
        Op::Subscribe { channel, .. }
        | Op::Publish { channel, .. }
        | Op::Resume { channel, .. }
        | Op::Poll { channel, .. }
        | Op::Delete { channel } => *channel = *channel % 2 * 2,
        _ => {}
    }
    op
}
