//! Whole turns of a shard. What is sent is thrown away, what is received comes from the simulated
//! network, whose own work is in the figures of `echo` and `accept`.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use switchboard_bench::{SimShard, sample};
use switchboard_hub::ChannelName;
use switchboard_ws::frame::Opcode;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("turn");
    group.bench_function("idle", |bencher| {
        let mut shard = SimShard::new(1_000, "/sub/news");
        bencher.iter(|| shard.turn());
    });
    let name = ChannelName::new("news").unwrap();
    let draft = sample::draft(64);
    for subscribers in [100, 10_000] {
        group.throughput(Throughput::Elements(subscribers as u64));
        group.bench_function(BenchmarkId::new("fan-out", subscribers), |bencher| {
            let mut shard = SimShard::new(subscribers, "/sub/news");
            bencher.iter(|| {
                shard.publish(&name, &draft);
                shard.run();
            });
        });
    }
    group.throughput(Throughput::Elements(100));
    group.bench_function(BenchmarkId::new("echo", 100), |bencher| {
        let mut shard = SimShard::new(100, "/echo");
        let frame = sample::masked_frame(Opcode::Text, 64);
        bencher.iter(|| {
            shard.everybody_sends(&frame);
            shard.run();
        });
    });
    let head = sample::short_upgrade("/sub/news");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function(BenchmarkId::new("accept", 1_000), |bencher| {
        bencher.iter_batched_ref(
            || SimShard::without_clients(1_000),
            |shard| {
                (0..1_000).for_each(|_| shard.connect(&head));
                shard.run();
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
