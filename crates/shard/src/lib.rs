//! One core of the server.
//!
//! A [`Shard`] is one synchronous function, [`Shard::turn`], over plain data: the connections, the
//! channels this core knows, and a [`Plane`](switchboard_plane::Plane) that moves the bytes. A
//! turn takes what the plane and the mailbox have, answers, does one slice of fan-out and one step
//! of the sweep, and says when it wants to be called again. [`run`] hosts it on monoio, one pinned
//! thread per core; tests drive it over the simulated plane.
//!
//! The rooms, from the top down; imports go no other way: `turn` (the stages of a turn), `delivery`
//! (publications out), `session` (what a connection speaks, one file for each way; its documentation
//! says how to drive one), `identity` (who the clients are), `http` (requests), `lifecycle` (how connections come and end), `subscribe`
//! (channels, positions, where a subscriber begins), `core` (replies, parking, changes of session),
//! `link` (bytes in and out), `exchange` (mail), `admission` (who is let in), `connection` and `encoding` (plain data, bytes).
#![forbid(unsafe_code)]

mod admission;
mod api;
mod backends;
mod command;
mod config;
mod connection;
mod core;
mod counters;
mod delivery;
mod encoding;
mod exchange;
mod gateway_mail;
mod handle;
mod histogram;
mod hooks;
mod http;
mod identity;
mod lifecycle;
mod link;
mod phases;
mod rate;
mod refusals;
pub mod run;
mod session;
mod subscribe;
mod time;
mod turn;
mod wall;

pub use admission::{Admission, AdmissionRules, BUDGETS_BYTES, ProxyRules};
pub use api::{Api, ApiConfig, ApiRequest, ApiResponse, ApiTimeouts, RequestHandler};
pub use backends::{Backends, NoBackends};
pub use command::{Chosen, Command, Reply};
pub use config::{
    ClientRules, Config, ECHO_LIMITS, EventRules, HeaderNames, HookRules, IdentityConfig,
    NamespaceRules, Timeouts,
};
pub use connection::{ClientIds, EmulationKeys};
pub use counters::{Counter, Counters};
pub use gateway_mail::{GatewayMail, ToGateway};
pub use handle::Handle;
pub use histogram::{Histogram, SEND_DELAY};
pub use lifecycle::admission::{RESERVED_SLOTS, internal_slots};
pub use phases::Phases;
pub use switchboard_ws::forwarded::ForwardedHeader;
pub use switchboard_ws::head::HeadLimits;
pub use switchboard_ws::message::MessageLimits;
pub use turn::{Common, Next, Shard};
