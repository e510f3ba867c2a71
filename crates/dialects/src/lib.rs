//! What clients ask for, and how publications stand on their wire, without any input or output.
//!
//! [`parse`] reads from a request how its client wants to listen and where it wants to begin. The
//! two kinds of listeners who stay, WebSockets and event streams, get publications one after
//! another: [`write_head`] says for one [`Dialect`] what stands before and behind the bytes that
//! the publication itself holds, so that those are sent to everybody as they lie. Polls get whole
//! answers ([`poll`]).
//!
//! Nothing that a publisher or a client chose can begin another header, line or event: names are
//! percent-encoded or checked where they are written.
#![forbid(unsafe_code)]

pub mod id;
pub mod poll;
pub mod v1;

mod cors;
mod dialect;
mod event_stream;
mod field;
mod json;
mod raw;
mod request;
mod shape;

pub use cors::write_cors_lines;
pub use dialect::{Dialect, write_gap, write_head, write_start};
pub use event_stream::{KEEP_ALIVE, write_event_stream_head};
pub use request::{Listen, ListenError, Transport, parse};
pub use shape::{Body, Label, Shape};
