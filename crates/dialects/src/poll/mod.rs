//! Answers to polls, long and interval.

mod answer;
mod charset;
mod head;
mod json;

use switchboard_hub::{ChannelName, Kind, Publication};

use crate::cors::Cors;
use crate::date::Date;
use crate::field::{content_type, event, push_number};
use charset::charset;
use head::{end_head, push_content, push_encoded_line, push_gaps, push_validators, write_bounded};

pub use answer::{Answer, Item};
pub use head::HEAD_BYTES_MAX;
pub use json::{JsonAnswer, JsonBody};

/// Appends the head of an answer with one publication; its payload follows as it is. `channel` is
/// given if the request names several.
pub fn write_news_head(
    answer: &Answer<'_>,
    publication: &Publication,
    channel: Option<&ChannelName>,
    out: &mut Vec<u8>,
) {
    let content_type = content_type(publication).unwrap_or(match publication.kind() {
        Kind::Text => "text/plain; charset=utf-8",
        Kind::Binary => "application/octet-stream",
    });
    let charset = charset(publication.kind(), content_type);
    write_bounded(out, |form, out| {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        push_content(out, content_type, charset, publication.payload().len());
        push_validators(out, form, answer, publication.time_ms());
        if let Some(channel) = channel {
            push_encoded_line(out, "Switchboard-Channel", channel.as_str());
        }
        if let Some(event) = event(publication).filter(|_| form.has_event()) {
            push_encoded_line(out, "Switchboard-Event", event);
        }
        push_gaps(out, form, answer.gaps);
        end_head(out, answer.wall.date, answer.cors, answer.keep_alive);
    });
}

/// Appends a whole answer without messages; `status` is 304 or 408. `last_modified_ms` is the time
/// of the last publication before the answer's position, as it was stamped. `retry_after_s` is given where
/// the client is to wait before it asks again.
pub fn write_nothing(
    answer: &Answer<'_>,
    status: u16,
    last_modified_ms: u64,
    retry_after_s: Option<u32>,
    out: &mut Vec<u8>,
) {
    debug_assert!(matches!(status, 304 | 408), "{status} is no answer without news");
    write_bounded(out, |form, out| {
        if status == 304 {
            out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n");
        } else {
            // A 304 never has a body, and a length in it would be that of the messages.
            out.extend_from_slice(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n");
        }
        if let Some(seconds) = retry_after_s {
            out.extend_from_slice(b"Retry-After: ");
            push_number(out, seconds.into());
            out.extend_from_slice(b"\r\n");
        }
        push_validators(out, form, answer, last_modified_ms);
        push_gaps(out, form, answer.gaps);
        end_head(out, answer.wall.date, answer.cors, answer.keep_alive);
    });
}

/// Appends the answer to a browser that asks whether a page may send what polls send.
pub fn write_preflight(date: Date, cors: Option<Cors<'_>>, keep_alive: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"HTTP/1.1 204 No Content\r\n\
          Allow: GET, OPTIONS\r\n\
          Access-Control-Allow-Methods: GET\r\n\
          Access-Control-Allow-Headers: If-None-Match, If-Modified-Since, Last-Event-ID, \
          Cache-Control, Authorization\r\n\
          Access-Control-Max-Age: 86400\r\n",
    );
    end_head(out, date, cors, keep_alive);
}
