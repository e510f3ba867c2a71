//! Event streams (the HTML standard, section 9.2): `text/event-stream` without an end that is known.
//!
//! On HTTP/1.1 each publication and each notice is one chunk, since many clients hand on what a chunk
//! has when it is there, and without chunks only what fills a buffer. HTTP/1.0 knows no chunks
//! (RFC 9112 section 6.1): there the body ends with the connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr2;
use serde::Serialize;
use switchboard_hub::{ChannelName, Gap, Kind, Publication};

use crate::chunk::{self, CHUNK_END, LAST_CHUNK};
use crate::cors::Cors;
use crate::date::Date;
use crate::field::{event, push_name, push_number};
use crate::json::{Bounds, push_json};
use crate::shape::{Body, LINES, Label, Shape};
use crate::stream_head::{EVENT_STREAM, write_stream_head};

/// What separates one thing said on a stream from the next, and how the stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One chunk each.
    Chunked,
    /// Nothing; the stream ends with the connection.
    UntilClose,
}

impl Framing {
    /// Appends what `write` says, framed.
    fn frame(self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        write(out);
        if self == Self::Chunked {
            chunk::frame_from(out, start);
        }
    }
}

/// A comment, which every client skips. It keeps proxies from ending a silent stream, and shows
/// whether the client is still there.
const KEEP_ALIVE: &[u8] = b":\n\n";

/// Begins each further line of data.
const NEXT_LINE: &[u8] = b"\ndata: ";

/// Ends the last line and the event.
const TAIL: &[u8] = b"\n\n";

/// Ends the last line, the event and its chunk.
const CHUNKED_TAIL: &[u8] = b"\n\n\r\n";

const _: () = assert!(CHUNKED_TAIL.len() == TAIL.len() + CHUNK_END.len());

pub(crate) fn write_response_head(
    framing: Framing,
    date: Date,
    cors: Option<Cors<'_>>,
    out: &mut Vec<u8>,
) {
    let is_chunked = framing == Framing::Chunked;
    write_stream_head(EVENT_STREAM, is_chunked, date, cors, out);
}

/// The last bytes of a stream that the server ends.
pub(crate) fn write_end(framing: Framing, out: &mut Vec<u8>) {
    if framing == Framing::Chunked {
        out.extend_from_slice(LAST_CHUNK);
    }
}

/// How long the client waits before it reconnects. Without data it is no event.
pub(crate) fn write_retry(framing: Framing, retry_ms: u32, out: &mut Vec<u8>) {
    framing.frame(out, |out| {
        push_retry(out, retry_ms);
        out.push(b'\n');
    });
}

fn push_retry(out: &mut Vec<u8>, retry_ms: u32) {
    out.extend_from_slice(b"retry: ");
    push_number(out, retry_ms.into());
    out.push(b'\n');
}

pub(crate) fn write_keep_alive(framing: Framing, out: &mut Vec<u8>) {
    framing.frame(out, |out| out.extend_from_slice(KEEP_ALIVE));
}

pub(crate) fn write_head(
    framing: Framing,
    publication: &Publication,
    label: Label<'_>,
    head: &mut Vec<u8>,
) -> Shape {
    let start = head.len();
    push_id(head, label.id);
    match publication.kind() {
        Kind::Binary => head.extend_from_slice(b"event: binary\n"),
        Kind::Text => {
            if let Some(event) = event(publication) {
                push_event(head, event);
            }
        }
    }
    head.extend_from_slice(b"data: ");
    let body = match publication.form(LINES, lines) {
        Some(lines) => Body::Form(lines),
        // The payload can go out as it is.
        None => Body::Payload,
    };
    if framing == Framing::UntilClose {
        return Shape { body, tail: TAIL };
    }
    // The size line is the same for all who get the same head, and counted once with it.
    chunk::open_from(head, start, body.of(publication).len() + TAIL.len());
    Shape { body, tail: CHUNKED_TAIL }
}

/// Where the client begins. Without data it is no event, yet the client remembers the id.
pub(crate) fn write_start(framing: Framing, id: &str, retry_ms: Option<u32>, out: &mut Vec<u8>) {
    framing.frame(out, |out| {
        if let Some(retry_ms) = retry_ms {
            push_retry(out, retry_ms);
        }
        push_id(out, id);
        out.push(b'\n');
    });
}

/// The data of an event that says what was missed.
#[derive(Serialize)]
struct GapNotice<'a> {
    channel: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<Bounds>,
    position: &'a str,
}

pub(crate) fn write_gap(
    framing: Framing,
    channel: &ChannelName,
    gap: &Gap,
    id: &str,
    out: &mut Vec<u8>,
) {
    let notice = GapNotice {
        channel: channel.as_str(),
        reason: gap.reason.as_str(),
        missed: gap.missed.as_ref().map(Bounds::of),
        position: id,
    };
    framing.frame(out, |out| {
        push_id(out, id);
        out.extend_from_slice(b"event: gap\ndata: ");
        push_json(out, &notice);
        out.extend_from_slice(TAIL);
    });
}

/// The payload in a form that can follow `data: `, or nothing if it can as it is. The publication
/// keeps it, so it is searched once for all listeners.
fn lines(publication: &Publication) -> Box<[u8]> {
    match publication.kind() {
        Kind::Binary => STANDARD.encode(publication.payload()).into_bytes().into(),
        Kind::Text => split_lines(publication.payload()),
    }
}

/// Begins a new line of data at each CR LF, LF and CR. The client joins them with LF.
fn split_lines(payload: &[u8]) -> Box<[u8]> {
    let Some(mut end) = memchr2(b'\r', b'\n', payload) else {
        return Box::default();
    };
    let mut rest = payload;
    let mut lines = Vec::with_capacity(payload.len() + payload.len() / 8);
    loop {
        let (line, from_break) = rest.split_at(end);
        let break_bytes = if from_break.starts_with(b"\r\n") { 2 } else { 1 };
        lines.extend_from_slice(line);
        lines.extend_from_slice(NEXT_LINE);
        rest = &from_break[break_bytes..];
        match memchr2(b'\r', b'\n', rest) {
            Some(next) => end = next,
            None => break,
        }
    }
    lines.extend_from_slice(rest);
    lines.into_boxed_slice()
}

fn push_id(out: &mut Vec<u8>, id: &str) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(id.as_bytes());
    out.push(b'\n');
}

/// An event's name goes out as it is, unless it has a line break.
fn push_event(out: &mut Vec<u8>, event: &str) {
    out.extend_from_slice(b"event: ");
    if memchr2(b'\r', b'\n', event.as_bytes()).is_some() {
        push_name(out, event);
    } else {
        out.extend_from_slice(event.as_bytes());
    }
    out.push(b'\n');
}
