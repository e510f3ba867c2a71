//! The whole shard over the simulated plane: seeded schedules of clients that join, leave, stall,
//! reset and publish, on one to three shards whose letters cross in every order.
//!
//! Checked after each run: every subscriber got a run of its channel's publications in order,
//! without a gap, a repetition or a foreign byte; whoever stayed got all of them up to the last;
//! whoever was cut off was told; every byte of every publication is accounted for and freed.
//!
//! A failure prints its seed; `SIM_SEED=n` runs that one alone, `SIM_SEEDS=n` runs n of them.

#![allow(clippy::unwrap_used)] // a test says what it missed by panicking

mod client;
mod world;

use world::{Plan, World};

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("SIM_SEED"), number("SIM_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(150),
    }
}

fn run_all(plan: impl Fn(u64) -> Plan) {
    for seed in seeds() {
        let plan = plan(seed);
        let outcome = std::panic::catch_unwind(|| World::new(seed, &plan).run());
        if let Err(panic) = outcome {
            eprintln!("failed with SIM_SEED={seed} and {plan:?}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn nothing_is_lost_or_repeated_while_clients_come_and_go() {
    run_all(|seed| Plan {
        shards: 1 + (seed % 3) as u16,
        faults: seed % 2 == 1,
        steps: 400,
        stalls: false,
        log_publications_max: 1_024,
    });
}

#[test]
fn slow_subscribers_are_told_and_others_lose_nothing() {
    run_all(|seed| Plan {
        shards: 1 + (seed % 2) as u16,
        faults: true,
        steps: 400,
        stalls: true,
        log_publications_max: 16,
    });
}
