//! The internal door: the HTTP interface by which backends publish and people look in.
//!
//! It runs on a tokio runtime of its own, off the shards, with ordinary libraries. It reaches the
//! shards only through a [`Backbone`], never waits for one without a deadline, and bounds the bytes
//! on their way to them, so that nothing that happens here can slow a shard down.
//!
//! What it refuses to do: serve clients. Those have the public door.
#![forbid(unsafe_code)]

mod backbone;
mod batch;
mod body;
mod channel;
mod clients;
mod config;
mod error;
mod guard;
mod info;
mod pending;
mod publish;
mod router;
mod server;
mod status;
#[cfg(test)]
mod tests;

pub use backbone::{Backbone, Reply};
pub use config::{ApiKey, ApiRules, ControlConfig, Timeouts};
pub use server::{Control, serve};
