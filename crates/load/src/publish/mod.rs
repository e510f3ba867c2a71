//! Publishers: by HTTP or by WebSocket, at a rate or as fast as the subscribers follow.

mod publishers;
mod queue;
mod request;
mod schedule;

pub(crate) use publishers::{Context, Means, Publishers};
pub(crate) use request::Request;
pub(crate) use schedule::Schedule;
