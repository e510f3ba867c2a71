//! The JSON protocol of Centrifuge (version 2), as far as a client speaks it that listens to one
//! channel. It is that of any server that has it, and uses nothing that only ours has.

mod commands;
mod place;
mod replies;

/// Where servers serve it.
pub(crate) const PATH: &str = "/connection/websocket";

pub(crate) use commands::{PONG, connect, subscribe};
pub(crate) use place::{Epoch, Epochs, Place};
pub(crate) use replies::{Push, Refusal, Reply, Subscribed, each, plain_push};
