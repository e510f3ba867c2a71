//! What the micro benchmarks and the instruction counts measure with: samples of what clients send,
//! a hub with subscribers, and a whole shard over the simulated network.
//!
//! `cargo bench -p switchboard-bench` gives times, `scripts/instructions.sh` gives instructions.
#![forbid(unsafe_code)]
// A benchmark that cannot be set up has nothing to go on with.
#![allow(clippy::unwrap_used)]

mod room;
pub mod sample;
mod shard;
pub mod token;

pub use room::Room;
pub use shard::SimShard;
