//! The receiving side of one connection: frames in, messages out (RFC 6455 sections 5.4 to 5.6).
//!
//! ```
//! use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};
//!
//! let mut received = *b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
//! let limits = MessageLimits::default();
//! let mut receiver = Receiver::default();
//! let mut at = 0;
//! loop {
//!     let step = receiver.next(&mut received[at..], Role::Server, &limits)?;
//!     at += step.consumed;
//!     match step.event {
//!         Some(event) => assert_eq!(event, Event::Text("Hello")),
//!         None => break,
//!     }
//! }
//! # Ok::<(), switchboard_ws::ProtocolError>(())
//! ```

mod buffer;
mod receiver;

#[cfg(test)]
mod tests;

pub use crate::frame::Role;
pub use receiver::Receiver;

use crate::close;
use crate::error::ProtocolError;
use crate::frame::Opcode;

/// Limits on what a peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Payload of one frame in bytes, as declared by its header.
    pub frame_bytes_max: u64,
    /// Payload of one message in bytes, all its fragments together.
    pub message_bytes_max: usize,
    /// Frames of one message; empty ones count.
    pub fragments_max: u32,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { frame_bytes_max: 64 << 10, message_bytes_max: 64 << 10, fragments_max: 1024 }
    }
}

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole text message.
    Text(&'a str),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// The receiver answers it with a Pong that has the same payload, 125 bytes at most.
    Ping(&'a [u8]),
    /// An answer to a Ping or a sign of life.
    Pong(&'a [u8]),
    /// The peer's Close frame: its code and reason, if it gave any.
    Close(Option<(u16, &'a str)>),
}

/// The outcome of one [`Receiver::next`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// Bytes taken from the front of the input.
    pub consumed: usize,
    /// The event that they completed. `None`: all input was taken, more is needed.
    pub event: Option<Event<'a>>,
}

/// A complete frame's event.
#[inline]
fn to_event(opcode: Opcode, payload: &[u8]) -> Result<Event<'_>, ProtocolError> {
    match opcode {
        Opcode::Text => to_text(payload).map(Event::Text),
        Opcode::Binary | Opcode::Continuation => Ok(Event::Binary(payload)),
        Opcode::Ping => Ok(Event::Ping(payload)),
        Opcode::Pong => Ok(Event::Pong(payload)),
        Opcode::Close => close::parse(payload).map(Event::Close),
    }
}

#[inline]
fn to_text(payload: &[u8]) -> Result<&str, ProtocolError> {
    simdutf8::basic::from_utf8(payload).map_err(|_| ProtocolError::TextNotUtf8)
}
