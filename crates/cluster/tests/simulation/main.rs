//! Several nodes, the engine between them, and clients that come, go and resume on any node, all simulated.
//!
//! The engine stores messages in order, knows ids for a while, keeps so many of each subject, repeats what it
//! stores, loses leaders and streams; replicas lag, and leaders that were deposed do not know it. What is
//! repeated gets lost, comes twice and in any order; connections break; nodes freeze and die.
//!
//! Checked on the way: every client gets in its channel exactly what was stored after what it has seen, in order;
//! what it does not get is announced, and really is lost. Checked at the end: everybody has everything; all that
//! was acknowledged is stored, and nothing twice. And that all this finds bugs: some are planted.
//!
//! A failure prints its seed; `SIM_SEED=n` runs that one alone, `SIM_SEEDS=n` runs n of them.

#![allow(clippy::unwrap_used)] // a test says what it missed by panicking

mod broker;
mod engine;
mod inbox;
mod log;
mod network;
mod node;
mod plan;
mod random;
mod record;
mod schedule;
mod world;

use plan::{Plan, Planted};
use schedule::Outcome;
use world::World;

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("SIM_SEED"), number("SIM_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(250),
    }
}

fn run_all(plan: &Plan) -> Outcome {
    let mut sum = Outcome::default();
    for seed in seeds() {
        let outcome = std::panic::catch_unwind(|| World::new(seed, plan).run());
        match outcome {
            Ok(Outcome { received, gaps, acknowledged }) => {
                sum.received += received;
                sum.gaps += gaps;
                sum.acknowledged += acknowledged;
            }
            Err(panic) => {
                eprintln!("failed with SIM_SEED={seed} and {plan:?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    sum
}

/// Some seed fails with a planted bug, and says what is wrong.
fn finds(plan: &Plan, planted: Planted, complaint: &str) {
    let plan = plan.clone().with(planted);
    let complains = |seed: u64| {
        let outcome = std::panic::catch_unwind(|| World::new(seed, &plan).run());
        let panic = outcome.err().and_then(|panic| panic.downcast::<String>().ok());
        panic.is_some_and(|text| text.contains(complaint))
    };
    assert!((0..50).any(complains), "{planted:?} is not found");
}

#[test]
fn nothing_is_lost_while_everything_is_kept() {
    let outcome = run_all(&Plan::roomy());
    assert_eq!(outcome.gaps, 0, "{outcome:?}");
    assert!(outcome.received > 0 && outcome.acknowledged > 0);
}

#[test]
fn what_is_lost_is_announced_while_little_is_kept() {
    let outcome = run_all(&Plan::scarce());
    assert!(outcome.received > outcome.gaps, "{outcome:?}");
}

#[test]
fn what_expires_is_announced() {
    let outcome = run_all(&Plan::fleeting());
    assert!(outcome.received > outcome.gaps, "{outcome:?}");
}

#[test]
fn the_end_of_a_stream_is_announced() {
    let outcome = run_all(&Plan::ruinous());
    assert!(outcome.received > outcome.gaps, "{outcome:?}");
}

/// Whatever fails in this test is meant to.
fn quietly() {
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some("planted_bugs_are_found") {
            loud(panic);
        }
    }));
}

#[test]
fn planted_bugs_are_found() {
    quietly();
    finds(&Plan::roomy(), Planted::DedupeOff, "is stored twice");
    finds(&Plan::roomy(), Planted::DuplicateWindowShort, "is stored twice");
    finds(&Plan::roomy(), Planted::RetriesWithOtherIds, "is stored twice");
    finds(&Plan::roomy(), Planted::GapsUnseen, "and misses");
    finds(&Plan::roomy(), Planted::ChecksOff, "has not got");
    finds(&Plan::roomy(), Planted::ReplicasTrusted, "is said to be lost, and");
    finds(&Plan::scarce(), Planted::ResumesUnjudged, "and misses");
    finds(&Plan::ruinous(), Planted::EpochUnseen, "left == right");
}
