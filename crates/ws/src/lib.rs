//! The wire of Switchboard without any input or output: HTTP/1.0 and 1.1 request heads, the
//! WebSocket opening handshake (RFC 6455 section 4) and WebSocket frames and messages
//! (sections 5 to 7), for the server and for the client side.
//!
//! Bytes come in as slices, values and errors come out. Nothing here knows a socket, a clock or a
//! runtime, and nothing allocates per frame. What was received is unmasked in place and handed out
//! as slices of the receive buffer.
//!
//! The life of a connection on the server side:
//!
//! 1. [`head::find_end`] after each read until the head is whole, then [`head::parse`] once.
//! 2. [`handshake::wants_upgrade`] and [`handshake::check`], then
//!    [`handshake::Accept::write_response`].
//! 3. [`message::Receiver::next`] for what the peer sends; [`frame::write`] and
//!    [`close::write_close`] for what is sent to it.

pub mod accept;
pub mod authority;
pub mod authorization;
pub mod body;
pub mod close;
pub mod entity_tag;
pub mod error;
pub mod forwarded;
pub mod frame;
pub mod handshake;
pub mod head;
pub mod mask;
pub mod message;
pub mod proxy_header;

mod close_code;
mod list;
mod utf8;

pub use error::ProtocolError;
