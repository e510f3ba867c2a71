//! The internal API: the HTTP interface for backends that publish and for operators.
//!
//! It runs on a tokio runtime of its own, off the shards, with ordinary libraries. It reaches the
//! shards only through a [`Broker`] and [`Inspect`], never waits for one without a deadline, and
//! bounds the bytes on their way to them. So nothing that happens here can slow a shard down.
//!
//! It does not serve clients: that is what the public listener is for.
#![forbid(unsafe_code)]

mod access;
mod batch;
mod body;
mod broker;
mod channel;
mod clients;
mod clock;
mod config;
mod conformance;
mod error;
mod guard;
mod info;
mod inspect;
mod methods;
mod pending;
mod publish;
mod reply;
mod router;
mod server;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use broker::Broker;
pub use config::{ApiKey, ApiRules, ControlConfig, Timeouts};
pub use inspect::Inspect;
pub use reply::Reply;
pub use server::{Control, serve};
