//! What backends are asked on behalf of clients, and what they are told.
//!
//! A question goes to the control side, and its verdict comes back as mail. A request that waits for one is
//! held where it was received, and looked at again from its beginning: what is known by then stands in
//! [`Opening`](crate::connection::Opening). So nothing is kept of it beside its bytes, and each question
//! takes a place in the bounded queue of its hook.

mod ask;
mod client;
mod opening;
mod publishing;
mod refresh;

pub(crate) use ask::{ask, ask_and_wait, awaits_verdict, limit_time};
pub(crate) use client::{Asker, headers, of_connection, share};
pub(crate) use opening::{Known, forget, identify, known, note, permit};
pub(crate) use publishing::{Decided, ask_to_publish, decide};
pub(crate) use refresh::{ask_to_stay, refreshed};
