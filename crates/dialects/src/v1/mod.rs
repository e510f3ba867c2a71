//! The subprotocol `switchboard.v1`: each message is a header, an empty line and the payload.
//!
//! ```text
//! position: 4xk2c9aa-19        where to resume after this publication
//! channel: chat%3Aroom         if the connection has several channels, percent-encoded
//! content-type: text/plain     if the publisher named one
//! event: price                 if the publisher named one, percent-encoded
//!
//! payload
//! ```
//!
//! Lines end with LF. The first line's value is the position to resume from, and its name is
//! the kind of message: `position` a publication, `start` where the connection begins, `gap` what
//! it will never get. What a client sends ([`Request`]) has the same form, and its answers begin with the
//! id that it chose. Publications of binary payloads are binary messages, all others text.

mod reply;
mod request;

use switchboard_hub::{ChannelName, Gap, Kind, Publication};
use switchboard_ws::frame::{HEADER_BYTES_MAX, Opcode, encode_header};

use crate::field::{content_type, event, push_name, push_range};
use crate::{Body, Label, Shape};

pub use reply::{write_answer, write_error, write_published, write_refreshed};
pub use request::{Request, RequestError, RequestKind};

/// The name of the subprotocol.
pub const PROTOCOL: &str = "switchboard.v1";

pub(crate) fn write_head(publication: &Publication, label: Label<'_>, head: &mut Vec<u8>) -> Shape {
    let start = head.len();
    push_line(head, "position", label.id.as_bytes());
    if let Some(channel) = label.channel {
        push_encoded_line(head, "channel", channel.as_str());
    }
    if let Some(content_type) = content_type(publication) {
        push_line(head, "content-type", content_type.as_bytes());
    }
    if let Some(event) = event(publication) {
        push_encoded_line(head, "event", event);
    }
    head.push(b'\n');
    frame_from(head, start, opcode(publication.kind()), publication.payload().len());
    Shape { body: Body::Payload, tail: b"" }
}

fn opcode(kind: Kind) -> Opcode {
    match kind {
        Kind::Text => Opcode::Text,
        Kind::Binary => Opcode::Binary,
    }
}

pub(crate) fn write_start(id: &str, out: &mut Vec<u8>) {
    let start = out.len();
    push_line(out, "start", id.as_bytes());
    out.push(b'\n');
    frame_from(out, start, Opcode::Text, 0);
}

pub(crate) fn write_gap(channel: &ChannelName, gap: &Gap, id: &str, out: &mut Vec<u8>) {
    let start = out.len();
    push_line(out, "gap", id.as_bytes());
    push_encoded_line(out, "channel", channel.as_str());
    push_line(out, "reason", gap.reason.as_str().as_bytes());
    if let Some(missed) = &gap.missed {
        out.extend_from_slice(b"missed: ");
        push_range(out, missed);
        out.push(b'\n');
    }
    out.push(b'\n');
    frame_from(out, start, Opcode::Text, 0);
}

/// Puts the frame's header before what is in `out` from `start` on. `more_bytes` of payload will
/// follow.
fn frame_from(out: &mut Vec<u8>, start: usize, opcode: Opcode, more_bytes: usize) {
    let payload_bytes = out.len() - start + more_bytes;
    let mut header = [0; HEADER_BYTES_MAX];
    let used = encode_header(&mut header, true, opcode, payload_bytes as u64, None);
    out.extend_from_slice(&header[..used]);
    out[start..].rotate_right(used);
}

fn push_line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn push_encoded_line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    push_name(out, value);
    out.push(b'\n');
}
