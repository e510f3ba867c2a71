//! HTTP/1.1 responses on a connection that is kept, and event streams: bytes in, parts out. No
//! sockets, no clock.

mod events;
mod head;
mod reader;
mod sentence;

pub(crate) use events::EventStream;
pub(crate) use head::Head;
pub(crate) use reader::{Part, Reader};
pub(crate) use sentence::refusal;

/// The peer does not speak HTTP as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;
