//! Requests to listen, and the wire format of publications, without any input or output.
//!
//! [`parse`] reads from a request how its client wants to listen and where it wants to begin. The
//! two kinds of listeners that stay connected, WebSockets and event streams, get publications one
//! after another: for one [`Dialect`], [`write_head`] gives what precedes and follows the bytes
//! that the publication itself holds, so those go out to every listener as they are. Polls get
//! whole answers ([`poll`]).
//!
//! Nothing that a publisher or a client chose can begin another header, line or event: names are
//! percent-encoded or checked where they are written.
#![forbid(unsafe_code)]

pub mod centrifuge;
pub mod id;
pub mod poll;
pub mod v1;

mod chunk;
mod cors;
mod date;
mod dialect;
mod event_stream;
mod field;
mod json;
mod plain;
mod presence;
mod request;
mod shape;
mod stream_head;

pub use cors::{Cors, write_cors_lines};
pub use date::{Date, WallTime};
pub use dialect::{
    Dialect, write_end, write_event_stream_head, write_gap, write_head, write_keep_alive,
    write_retry, write_start,
};
pub use presence::{JOIN, LEAVE, PRESENCE_PREFIX};
pub use request::{Listen, ListenError, Transport, parse};
pub use shape::{Body, Chain, Label, Shape};
