//! Unmasking beside memcpy of the same size, aligned and not.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use switchboard_bench::sample;
use switchboard_ws::mask::unmask;

const SIZES: [usize; 4] = [64, 1 << 10, 16 << 10, 64 << 10];

/// Where the payload begins: on a cache line, and where the shortest header leaves it.
const STARTS: [(&str, usize); 2] = [("aligned", 0), ("unaligned", 6)];

pub(crate) fn bench(criterion: &mut Criterion) {
    for (place, start) in STARTS {
        let mut group = criterion.benchmark_group(format!("unmask {place}"));
        for bytes in SIZES {
            let (mut memory, skip) = aligned(bytes + start);
            let payload = &mut memory[skip + start..][..bytes];
            // Equally far from a cache line: else a memcpy by `rep movsb` takes 20 times as long on
            // some processors, and would be no yardstick.
            let (from, skip) = aligned(bytes + start);
            let from = &from[skip + start..][..bytes];
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(BenchmarkId::new("memcpy", bytes), |bencher| {
                bencher.iter(|| black_box(&mut *payload).copy_from_slice(black_box(from)));
            });
            group.bench_function(BenchmarkId::new("unmask", bytes), |bencher| {
                bencher.iter(|| unmask(black_box(&mut *payload), black_box(sample::KEY), 0));
            });
        }
    }
}

/// Room for so many bytes after the first that lies on a cache line, and which that is.
fn aligned(bytes: usize) -> (Vec<u8>, usize) {
    let memory = sample::text(bytes + 64);
    let skip = memory.as_ptr().align_offset(64);
    (memory, skip)
}
