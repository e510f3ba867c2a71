//! Publish, fan-out, subscribe and unsubscribe, without any socket.

use criterion::{BenchmarkId, Criterion, Throughput};
use switchboard_bench::{Room, sample};

pub(crate) fn bench(criterion: &mut Criterion) {
    fan_out(criterion);
    change(criterion);
}

/// `window` publications to each channel, then all the work that follows. The throughput counts
/// sends: publications that wait together go out in one.
fn fan_out(criterion: &mut Criterion) {
    let draft = sample::draft(64);
    let mut group = criterion.benchmark_group("publish and fan out");
    for (channels, subscribers) in [(1, 1), (1, 100), (1, 10_000), (10_000, 1)] {
        for window in [1, 32] {
            let sends = channels * subscribers;
            group.throughput(Throughput::Elements(sends as u64));
            let name = format!("{channels} channels of {subscribers}");
            group.bench_function(BenchmarkId::new(name, format!("window {window}")), |bencher| {
                let mut room = Room::new(channels, subscribers);
                bencher.iter(|| {
                    for _ in 0..window {
                        (0..channels).for_each(|channel| room.publish(channel, draft.clone()));
                    }
                    assert_eq!(room.fan_out(), sends);
                });
            });
        }
    }
}

/// One leaves and another comes, on one hot channel.
fn change(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unsubscribe and subscribe");
    group.throughput(Throughput::Elements(1));
    for subscribers in [10_000, 100_000] {
        group.bench_function(BenchmarkId::from_parameter(subscribers), |bencher| {
            let mut room = Room::new(1, subscribers);
            bencher.iter(|| room.replace_one());
        });
    }
}
