//! Ways to send the same bytes to many sockets, measured side by side: the inner loop of the
//! fan-out. `docs/benchmarks.md` has the table and what was chosen.
//!
//! ```sh
//! cargo bench -p switchboard-plane --bench send_designs -- [SOCKETS [ROUNDS]]
//! ```
//!
//! Both ends are in this process, over loopback: the receiver's part of TCP runs in the sender's
//! system call and is the same for all designs. What is measured is the CPU time of the whole
//! process while it sends, so that a kernel thread of a ring counts too; reading is not measured.
//! Each round runs all designs in turn, and the table has medians with the lowest and the highest
//! round.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod designs;
mod sockets;

use std::time::{Duration, Instant};

use designs::{Batch, Design, RingKind, Syscalls, Uring};
use sockets::Pairs;

const SOCKETS: usize = 4_000;
const ROUNDS: usize = 15;
const WARM_UP_ROUNDS: usize = 2;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse().ok());
    let sockets = numbers.next().unwrap_or(SOCKETS);
    let rounds = numbers.next().unwrap_or(ROUNDS).max(1);
    let mut pairs = Pairs::connect(sockets).expect("sockets over loopback");
    println!(
        "{sockets} sockets, {rounds} rounds; CPU time per delivery: median (lowest .. highest)"
    );
    for (title, frame, burst) in [
        ("one frame of 64 B", 64, 1),
        ("one frame of 1 KiB", 1024, 1),
        ("one frame of 16 KiB", 16 << 10, 1),
        ("a burst of 32 frames of 64 B", 64, 32),
    ] {
        println!("\n{title}");
        compare(&mut pairs, &Batch::new(frame, burst), rounds);
    }
}

fn compare(pairs: &mut Pairs, batch: &Batch, rounds: usize) {
    let mut designs = all(pairs, batch.frames() > 1);
    let mut figures: Vec<Vec<Cost>> = designs.iter().map(|_| Vec::new()).collect();
    for round in 0..WARM_UP_ROUNDS + rounds {
        for (design, costs) in designs.iter_mut().zip(&mut figures) {
            let cost = measure(|| design.send(pairs, batch));
            pairs.drain(batch.bytes().len());
            if round >= WARM_UP_ROUNDS {
                costs.push(cost);
            }
        }
    }
    let deliveries = pairs.len() * batch.frames();
    let mut base = None;
    for (design, costs) in designs.iter().zip(&mut figures) {
        let cpu = per_delivery(costs, deliveries, |cost| cost.cpu);
        let wall = per_delivery(costs, deliveries, |cost| cost.wall);
        let base = *base.get_or_insert(cpu.median);
        println!(
            "  {:<58} {:>7.0} ns ({:.0} .. {:.0})  x {:.2}   wall {:>7.0} ns",
            design.name(),
            cpu.median,
            cpu.lowest,
            cpu.highest,
            cpu.median / base,
            wall.median,
        );
    }
}

/// The designs. The first is what the others are compared with.
fn all(pairs: &Pairs, burst: bool) -> Vec<Box<dyn Design>> {
    let ring = |kind, per_enter| Uring::boxed(kind, per_enter, pairs);
    let mut designs: Vec<Box<dyn Design>> = vec![Box::new(Syscalls::Joined)];
    if burst {
        designs.push(Box::new(Syscalls::EachFrame));
        designs.push(Box::new(Syscalls::Gathered));
        designs.push(ring(RingKind::SendEachFrame, 1024));
        designs.push(ring(RingKind::SendGathered, 1024));
    }
    for per_enter in [32, 256, 1024] {
        designs.push(ring(RingKind::Send, per_enter));
    }
    designs.push(ring(RingKind::SendWithCompletions, 1024));
    designs.push(ring(RingKind::SendOrdinaryDescriptors, 1024));
    designs.push(ring(RingKind::WriteRegisteredBuffer, 1024));
    designs.push(ring(RingKind::NoSubmissionArray, 1024));
    designs.push(ring(RingKind::DeferredTaskWork, 1024));
    designs.push(ring(RingKind::KernelThread, 1024));
    designs
}

/// What one round took.
struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn measure(mut work: impl FnMut()) -> Cost {
    let (cpu, wall) = (process_cpu_time(), Instant::now());
    work();
    Cost { cpu: process_cpu_time().saturating_sub(cpu), wall: wall.elapsed() }
}

fn process_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec to write to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned() as u32)
}

/// Nanoseconds.
struct Spread {
    lowest: f64,
    median: f64,
    highest: f64,
}

fn per_delivery(costs: &[Cost], deliveries: usize, of: impl Fn(&Cost) -> Duration) -> Spread {
    let each = |cost| of(cost).as_nanos() as f64 / deliveries as f64;
    let mut all: Vec<f64> = costs.iter().map(each).collect();
    all.sort_by(f64::total_cmp);
    Spread { lowest: all[0], median: all[all.len() / 2], highest: all[all.len() - 1] }
}
