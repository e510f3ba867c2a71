//! Frame headers, and whole messages through the receiver.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use switchboard_bench::sample;
use switchboard_ws::frame::{self, HEADER_BYTES_MAX, Opcode, Role};
use switchboard_ws::message::{MessageLimits, Receiver};

pub(crate) fn bench(criterion: &mut Criterion) {
    headers(criterion);
    whole_messages(criterion);
    split_message(criterion);
}

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame header");
    for bytes in [64, 1_024, 65_536] {
        let frame = sample::masked_frame(Opcode::Text, bytes);
        group.bench_function(BenchmarkId::new("decode", bytes), |bencher| {
            bencher.iter(|| frame::decode(black_box(&frame), Role::Server));
        });
        group.bench_function(BenchmarkId::new("encode", bytes), |bencher| {
            let mut out = [0; HEADER_BYTES_MAX];
            bencher.iter(|| {
                let used = frame::encode_header(
                    &mut out,
                    true,
                    Opcode::Text,
                    black_box(bytes as u64),
                    None,
                );
                black_box(&out);
                used
            });
        });
    }
}

/// Messages that lie wholly in the receive buffer, as most do.
fn whole_messages(criterion: &mut Criterion) {
    let limits = MessageLimits::default();
    let mut group = criterion.benchmark_group("receive");
    for (kind, opcode) in [("text", Opcode::Text), ("binary", Opcode::Binary)] {
        for bytes in [64, 1 << 10, 16 << 10] {
            let mut frame = sample::masked_frame(opcode, bytes);
            let mut receiver = Receiver::default();
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::new(kind, bytes), |bencher| {
                bencher.iter(|| {
                    let step = receiver.next(black_box(&mut frame), Role::Server, &limits).unwrap();
                    assert!(black_box(step).event.is_some());
                });
            });
        }
    }
}

/// A message that comes in two reads, and is stored between them.
fn split_message(criterion: &mut Criterion) {
    let limits = MessageLimits::default();
    let mut frame = sample::masked_frame(Opcode::Text, 64);
    let mut receiver = Receiver::default();
    criterion.bench_function("receive/text in two pieces/64", |bencher| {
        bencher.iter(|| {
            let (first, second) = black_box(&mut frame).split_at_mut(40);
            assert!(receiver.next(first, Role::Server, &limits).unwrap().event.is_none());
            let step = receiver.next(second, Role::Server, &limits).unwrap();
            assert!(black_box(step).event.is_some());
        });
    });
}
