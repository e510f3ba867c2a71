//! One connection as plain data.
//!
//! What every idle subscriber needs is in [`Connection`]; what only a busy connection needs is
//! boxed in [`Busy`] and dropped when it is idle again. Several subscriptions of one connection are in
//! the shard's [`Pool`]. Nothing here acts.

mod api_work;
mod asked;
mod asking;
mod busy;
mod by_slot;
mod calling;
mod client_ids;
mod commands;
mod counted;
mod emulation_keys;
mod gates;
mod listen_mode;
mod peer;
mod place;
mod pool;
mod request_body;
mod session;
mod slot;
mod subscriptions;
mod terms;
mod uptake;
mod watches;

pub(crate) use api_work::{
    Answering, ApiStage, ApiWork, Form, Incoming, Publications, Results, Target,
};
pub(crate) use asked::Asked;
pub(crate) use asking::{Asking, Opening, Ticket};
pub(crate) use busy::{Busy, Lost, ResumeRequest, Then, Untold};
pub(crate) use by_slot::{BySlot, Vacant};
pub(crate) use calling::Calling;
pub use client_ids::ClientIds;
pub(crate) use commands::{
    Awaited, Beginning, Connecting, Granted, Headers, Order, Reading, Wanted,
};
pub(crate) use counted::{Counted, HeldBytes};
pub use emulation_keys::EmulationKeys;
pub(crate) use emulation_keys::EmulationSession;
pub(crate) use gates::{InputReason, OutputReason};
pub(crate) use listen_mode::{ListenFlag, ListenMode};
pub(crate) use place::Place;
pub(crate) use pool::{Pool, Relocated};
pub(crate) use request_body::RequestBody;
pub(crate) use session::{Delivery, Session};
pub(crate) use slot::Connection;
pub(crate) use subscriptions::Subscriptions;
pub(crate) use terms::Terms;
pub(crate) use uptake::Uptake;
pub(crate) use watches::Watches;
