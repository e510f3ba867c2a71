//! What stands around each object that a client gets: a way for each transport.
//!
//! Where there are no messages of a WebSocket, objects stand in the answer to one request, which has no
//! end. On HTTP/1.1 each is one chunk, for the reasons that event streams have (`event_stream`); on
//! HTTP/1.0 the answer ends with the connection.

use switchboard_ws::frame::{self, HEADER_BYTES_MAX, Opcode, encode_header};

use crate::chunk::{self, CHUNK_END, LAST_CHUNK};
use crate::cors::Cors;
use crate::date::Date;
use crate::stream_head::{EVENT_STREAM, write_stream_head};

/// How many nested objects end at once.
const OBJECTS_MAX: usize = 3;

/// What stands around each object.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Framing {
    /// It is a message of a WebSocket.
    Message,
    /// It is a line, in a chunk (`http_stream`).
    ChunkedLine,
    /// It is a line.
    Line,
    /// It is an event of an event stream, in a chunk (SSE).
    ChunkedEvent,
    /// It is an event.
    Event,
}

impl Framing {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Message, Self::ChunkedLine, Self::Line, Self::ChunkedEvent, Self::Event];

    /// The transport, as the SDKs call it.
    pub fn transport(self) -> &'static str {
        match self {
            Self::Message => "websocket",
            Self::ChunkedLine | Self::Line => "http_stream",
            Self::ChunkedEvent | Self::Event => "sse",
        }
    }

    /// Appends an object, which must have no line break.
    pub fn write(self, json: &[u8], out: &mut Vec<u8>) {
        if self == Self::Message {
            return frame::write(out, Opcode::Text, json, None);
        }
        let (start, tail) = (self.begin(out), self.tail(0));
        out.extend_from_slice(json);
        self.end_head(out, start, tail.len());
        out.extend_from_slice(tail);
    }

    /// Appends a ping, which the client answers with the same.
    pub fn write_ping(self, out: &mut Vec<u8>) {
        self.write(b"{}", out);
    }

    /// Appends the head of the response, and what event streams begin with, so that proxies and clients see
    /// it begin; nothing for a WebSocket.
    pub fn write_response_head(self, date: Date, cors: Option<Cors<'_>>, out: &mut Vec<u8>) {
        let content_type = match self {
            Self::Message => return,
            Self::ChunkedLine | Self::Line => "application/json",
            Self::ChunkedEvent | Self::Event => EVENT_STREAM,
        };
        write_stream_head(content_type, self.is_chunked(), date, cors, out);
        match self {
            Self::ChunkedEvent => out.extend_from_slice(b"2\r\n\r\n\r\n"),
            Self::Event => out.extend_from_slice(b"\r\n"),
            Self::Message | Self::ChunkedLine | Self::Line => {}
        }
    }

    /// Appends what ends a stream in order; nothing for a WebSocket, which has Close frames.
    pub fn write_end(self, out: &mut Vec<u8>) {
        if self.is_chunked() {
            out.extend_from_slice(LAST_CHUNK);
        }
    }

    fn is_chunked(self) -> bool {
        matches!(self, Self::ChunkedLine | Self::ChunkedEvent)
    }

    /// Begins an object; returns where.
    pub(super) fn begin(self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        if matches!(self, Self::ChunkedEvent | Self::Event) {
            out.extend_from_slice(b"data: ");
        }
        start
    }

    /// What has been written of an object since `start` is its head: `more_bytes` follow, the end of the
    /// framing among them.
    pub(super) fn end_head(self, out: &mut Vec<u8>, start: usize, more_bytes: usize) {
        match self {
            Self::Message => {
                let bytes = (out.len() - start + more_bytes) as u64;
                let mut header = [0; HEADER_BYTES_MAX];
                let used = encode_header(&mut header, true, Opcode::Text, bytes, None);
                out.extend_from_slice(&header[..used]);
                out[start..].rotate_right(used);
            }
            Self::ChunkedLine | Self::ChunkedEvent => {
                chunk::open_from(out, start, more_bytes - CHUNK_END.len());
            }
            Self::Line | Self::Event => {}
        }
    }

    /// What ends so many nested objects, at most three, and what follows then.
    pub(super) fn tail(self, objects: usize) -> &'static [u8] {
        let tail: &[u8] = match self {
            Self::Message => b"}}}",
            Self::ChunkedLine => b"}}}\n\r\n",
            Self::Line => b"}}}\n",
            Self::ChunkedEvent => b"}}}\n\n\r\n",
            Self::Event => b"}}}\n\n",
        };
        &tail[OBJECTS_MAX - objects..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_stands_alone() {
        let written = |framing: Framing| {
            let mut out = b"before".to_vec();
            framing.write(br#"{"id":1}"#, &mut out);
            framing.write_ping(&mut out);
            framing.write_end(&mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(
            written(Framing::ChunkedLine),
            "before9\r\n{\"id\":1}\n\r\n3\r\n{}\n\r\n0\r\n\r\n"
        );
        assert_eq!(written(Framing::Line), "before{\"id\":1}\n{}\n");
        assert_eq!(
            written(Framing::ChunkedEvent),
            "before10\r\ndata: {\"id\":1}\n\n\r\na\r\ndata: {}\n\n\r\n0\r\n\r\n"
        );
        assert_eq!(written(Framing::Event), "beforedata: {\"id\":1}\n\ndata: {}\n\n");
    }

    #[test]
    fn a_stream_is_not_kept_by_those_who_pass_it_on() {
        for framing in [Framing::ChunkedLine, Framing::Line, Framing::ChunkedEvent, Framing::Event]
        {
            let mut out = Vec::new();
            framing.write_response_head(Date::of_unix_ms(0), None, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
            assert!(text.contains("\r\nX-Accel-Buffering: no\r\n"), "{text}");
            assert!(text.contains("\r\nCache-Control: no-store\r\n"), "{text}");
            assert_eq!(text.contains("\r\nTransfer-Encoding: chunked\r\n"), framing.is_chunked());
        }
        let mut out = Vec::new();
        Framing::Message.write_response_head(Date::of_unix_ms(0), None, &mut out);
        assert!(out.is_empty());
    }
}
