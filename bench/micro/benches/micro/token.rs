//! Checking a token: with each kind of key, and where it was checked before.

use std::sync::Arc;

use criterion::{Criterion, Throughput};
use switchboard_auth::{TokenCache, Verifier};
use switchboard_bench::token::{NOW_S, signed};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("token");
    group.throughput(Throughput::Elements(1));
    for (name, token, keys) in signed() {
        let verifier = Verifier::new(keys, None, None);
        group.bench_function(name, |bencher| {
            bencher.iter(|| verifier.read(token.as_bytes()).unwrap().verify(NOW_S).unwrap());
        });
        let claims = Arc::new(verifier.read(token.as_bytes()).unwrap().verify(NOW_S).unwrap());
        if name == "HS256" {
            let mut cache = TokenCache::new(1 << 20);
            cache.insert(token.as_bytes(), Some(claims), None);
            group.bench_function("known", |bencher| {
                bencher.iter(|| cache.get(token.as_bytes(), NOW_S).unwrap());
            });
        }
    }
}
