//! Publishers: by HTTP, on streams or by WebSocket, at a rate or as fast as the subscribers follow.

mod answers;
mod frame;
mod lanes;
mod means;
mod publishers;
mod queue;
mod request;
mod results;
mod schedule;
mod turns;

pub(crate) use means::{Context, Means, STREAM_MESSAGES_MAX};
pub(crate) use publishers::Publishers;
pub(crate) use request::Request;
pub(crate) use schedule::Schedule;
