//! Request heads and the opening handshake.

use std::hint::black_box;

use criterion::Criterion;
use switchboard_bench::sample;
use switchboard_ws::handshake::{self, Rules};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

const RULES: Rules<'static> = Rules { protocols: &[], allowed_origins: Some(&[]) };

pub(crate) fn bench(criterion: &mut Criterion) {
    let short = sample::short_upgrade("/sub/news");
    for (client, bytes) in [("browser", sample::BROWSER_UPGRADE), ("program", &short[..])] {
        parse(criterion, client, bytes);
        upgrade(criterion, client, bytes);
    }
}

fn parse(criterion: &mut Criterion, client: &str, bytes: &[u8]) {
    let limits = HeadLimits::default();
    criterion.bench_function(&format!("head/parse/{client}"), |bencher| {
        bencher.iter(|| {
            let end = head::find_end(black_box(bytes), 0, &limits).unwrap().unwrap();
            let mut slots = HeaderSlots::new();
            head::parse(&bytes[..end], &mut slots, &limits).unwrap().keep_alive()
        });
    });
}

/// The check, which is the accept key above all, and everything from the head to the 101.
fn upgrade(criterion: &mut Criterion, client: &str, bytes: &[u8]) {
    let limits = HeadLimits::default();
    criterion.bench_function(&format!("handshake/check and accept key/{client}"), |bencher| {
        let mut slots = HeaderSlots::new();
        let request = head::parse(bytes, &mut slots, &limits).unwrap();
        bencher.iter(|| handshake::check(black_box(&request), &RULES).unwrap());
    });
    criterion.bench_function(&format!("handshake/whole upgrade/{client}"), |bencher| {
        let mut out = Vec::with_capacity(1_024);
        bencher.iter(|| {
            let end = head::find_end(black_box(bytes), 0, &limits).unwrap().unwrap();
            let mut slots = HeaderSlots::new();
            let request = head::parse(&bytes[..end], &mut slots, &limits).unwrap();
            out.clear();
            handshake::check(&request, &RULES).unwrap().write_response(&mut out);
            out.len()
        });
    });
}
