//! The head of a response that has no end.

use crate::cors::{self, Cors};
use crate::date::Date;

/// The media type of event streams, of all kinds.
pub(crate) const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";

/// Appends it. Proxies must not keep what follows until they have more of it.
pub(crate) fn write_stream_head(
    content_type: &str,
    is_chunked: bool,
    date: Date,
    cors: Option<Cors<'_>>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: ");
    out.extend_from_slice(content_type.as_bytes());
    out.extend_from_slice(
        b"\r\n\
          Cache-Control: no-store\r\n\
          X-Accel-Buffering: no\r\n",
    );
    if is_chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    date.push_line(out);
    cors::write_cors_lines(out, cors);
    out.extend_from_slice(b"Connection: close\r\n\r\n");
}
