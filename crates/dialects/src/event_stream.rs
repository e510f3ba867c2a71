//! Event streams (the HTML standard, section 9.2): `text/event-stream`, ended by closing the
//! connection, so that HTTP/1.0 and 1.1 get the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr2;
use serde::Serialize;
use switchboard_hub::{ChannelName, Gap, Kind, Publication};

use crate::cors;
use crate::field::{event, push_name, push_number};
use crate::json::{Bounds, push_json};
use crate::shape::{Body, LINES, Label, Shape};

/// A comment, which every client skips. It keeps proxies from ending a silent stream, and shows
/// whether the client is still there.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// Begins each further line of data.
const NEXT_LINE: &[u8] = b"\ndata: ";

/// Ends the last line and the event.
const TAIL: &[u8] = b"\n\n";

/// Appends the head of the response. The body ends with the connection.
pub fn write_event_stream_head(cors: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"HTTP/1.1 200 OK\r\n\
          Content-Type: text/event-stream\r\n\
          Cache-Control: no-store\r\n\
          X-Accel-Buffering: no\r\n",
    );
    cors::write_cors_lines(out, cors);
    out.extend_from_slice(b"Connection: close\r\n\r\n");
}

pub(crate) fn write_head(publication: &Publication, label: Label<'_>, head: &mut Vec<u8>) -> Shape {
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
        // There are none where the payload can go out as it is.
        Ok([]) => Body::Payload,
        Ok(_) => Body::Lines,
        Err(lines) if lines.is_empty() => Body::Payload,
        Err(lines) => {
            head.extend_from_slice(&lines);
            Body::Nothing
        }
    };
    Shape { body, tail: TAIL }
}

/// Where the client begins. Without data it is no event, yet the client remembers the id.
pub(crate) fn write_start(id: &str, retry_ms: Option<u32>, out: &mut Vec<u8>) {
    if let Some(retry_ms) = retry_ms {
        out.extend_from_slice(b"retry: ");
        push_number(out, retry_ms.into());
        out.push(b'\n');
    }
    push_id(out, id);
    out.push(b'\n');
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

pub(crate) fn write_gap(channel: &ChannelName, gap: &Gap, id: &str, out: &mut Vec<u8>) {
    push_id(out, id);
    out.extend_from_slice(b"event: gap\ndata: ");
    let notice = GapNotice {
        channel: channel.as_str(),
        reason: gap.reason.as_str(),
        missed: gap.missed.as_ref().map(Bounds::of),
        position: id,
    };
    push_json(out, &notice);
    out.extend_from_slice(TAIL);
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
