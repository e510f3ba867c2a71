//! What the internal API answers beside publications: channels, subscribers, counters, metrics,
//! health.
//!
//! The shards accept its connections, see that a client has access and hand over whole requests. They
//! are answered here, on a tokio runtime of its own, with ordinary libraries. It reaches the shards only
//! through a [`Broker`] and [`Inspect`] and never waits for one without a deadline. So nothing that
//! happens here can slow a shard down.
//!
//! [`Hooks`] ask backends on behalf of the shards, and tell them what happens. They have a runtime of their
//! own ([`BackendsRuntime`]), so that they slow down nothing here either.
#![forbid(unsafe_code)]

mod broker;
mod centrifugo;
mod channel;
mod client;
mod clients;
mod clock;
mod config;
mod engine;
mod error;
mod hooks;
mod inspect;
mod jwks;
mod methods;
mod metrics;
mod nodes;
mod openapi;
mod question;
mod reply;
mod requests;
mod router;
mod runtime;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod users;

pub use broker::Broker;
pub use client::{Url, UrlError};
pub use config::{ApiRules, CallRules, ControlConfig};
pub use engine::{
    Checked, Credentials, ENGINE_METRICS, Engine, EngineConfig, EngineError, EngineStats,
    EngineTls, ShardMail, Storage, ToHome, check as check_engine, create as create_streams,
};
pub use hooks::{
    Endpoint, EventsConfig, HOOK_METRICS, HookConfig, HookStats, Hooks, HooksConfig, header_name,
    is_allowed_header, static_header,
};
pub use inspect::{Inspect, Only, Refresh};
pub use jwks::{Jwks, JwksConfig, TakeKeys, UnknownKey};
pub use metrics::{METRICS, series_name};
pub use reply::Reply;
pub use requests::{Control, LocalApi};
pub use runtime::BackendsRuntime;
