//! Times of the hot paths, by criterion: `cargo bench -p switchboard-bench -- FILTER`.
//!
//! On a machine that others use too, compare what stands beside each other in one run, and several
//! runs; `scripts/instructions.sh` is the guard that does not waver.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, missing_docs)]

mod frame;
mod head;
mod hub;
mod mask;
mod token;
mod turn;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn configured() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = all;
    config = configured();
    targets = mask::bench, frame::bench, head::bench, hub::bench, token::bench, turn::bench
}
criterion_main!(all);
