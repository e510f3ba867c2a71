//! One core of the server.
//!
//! A [`Shard`] is one synchronous function, [`Shard::turn`], over plain data: the connections, the
//! channels this core knows, and a [`Plane`](switchboard_plane::Plane) that moves the bytes. A
//! turn takes what the plane and the mailbox have, answers, does one slice of fan-out and one step
//! of the sweep, and says when it wants to be called again. [`run`] hosts it on monoio, one pinned
//! thread per core; tests drive it over the simulated plane.
//!
//! The files, in the order in which a client meets them: `admission` (accept, full), `input`,
//! `http` and `response` (requests, handshake), `listen` (the four ways), `start` (where one begins),
//! `poll` and `answer`, `websocket` (frames, client publications), `fanout` and `batch` (publications out),
//! `blocked` and `catch_up` (who is held back, and how it goes on), `presence` (who listens), `sweep`
//! (pings, deadlines), `closing` (every end).
#![forbid(unsafe_code)]

mod command;
mod config;
mod connection;
mod core;
mod counters;
mod delivery;
mod encoding;
mod exchange;
mod handle;
mod http;
mod lifecycle;
mod link;
mod rate;
pub mod run;
mod session;
mod subscribe;
mod time;
mod turn;

pub use command::{Command, Reply};
pub use config::{ClientRules, Config, ECHO_LIMITS, NamespaceRules, Timeouts};
pub use counters::{Counter, Counters};
pub use handle::Handle;
pub use lifecycle::admission::RESERVED_SLOTS;
pub use switchboard_ws::head::HeadLimits;
pub use switchboard_ws::message::MessageLimits;
pub use turn::{Common, Next, Shard};
