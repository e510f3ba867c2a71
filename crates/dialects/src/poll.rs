//! Answers to polls, long and interval.

use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;
use serde::Serialize;
use switchboard_hub::{ChannelName, Gap, Kind, Publication};

use crate::cors;
use crate::field::{content_type, event, push_name, push_number, push_range};
use crate::json::{Base64, Bounds, push_json};
use crate::shape::{Body, MEMBER, Shape};

/// What all answers to one request have in common.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Whether another request may follow on the connection.
    pub keep_alive: bool,
    /// The value of `Access-Control-Allow-Origin`, if any.
    pub cors: Option<&'a str>,
    /// Where to resume after this answer ([`crate::id`]).
    pub id: &'a str,
    /// What was missed before this answer's publications.
    pub gaps: &'a [(ChannelName, Gap)],
}

/// One publication of a JSON answer.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Where to resume after it ([`crate::id`]).
    pub id: &'a str,
    /// Its channel.
    pub channel: &'a ChannelName,
    /// The publication.
    pub publication: &'a Publication,
}

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
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    push_content(out, content_type, charset, publication.payload().len());
    push_validators(out, answer.id, publication.time_ms());
    if let Some(channel) = channel {
        push_encoded_line(out, "Switchboard-Channel", channel.as_str());
    }
    if let Some(event) = event(publication) {
        push_encoded_line(out, "Switchboard-Event", event);
    }
    push_gaps(out, answer.gaps);
    end_head(out, answer.cors, answer.keep_alive);
}

/// Appends a whole answer in JSON: the gaps, then the publications. `begin_id` is where the items
/// begin, after the gaps; `last_modified_ms` the time of the last item, in Unix milliseconds.
pub fn write_json(
    answer: &Answer<'_>,
    begin_id: &str,
    items: &[Item<'_>],
    last_modified_ms: u64,
    out: &mut Vec<u8>,
) {
    let mut body = open_array(answer, begin_id);
    for item in items {
        open_item(&mut body, item);
        push_member(&mut body, item.publication);
        body.push(b'}');
    }
    body.push(b']');
    push_json_head(answer, body.len(), last_modified_ms, out);
    out.extend_from_slice(&body);
}

/// Appends what precedes the payload of an answer in JSON with a single publication. The
/// publication keeps the form of the payload that follows, and all answers share it.
pub fn write_json_head(
    answer: &Answer<'_>,
    begin_id: &str,
    item: &Item<'_>,
    out: &mut Vec<u8>,
) -> Shape {
    let mut start = open_array(answer, begin_id);
    open_item(&mut start, item);
    let body = match item.publication.form(MEMBER, member) {
        Ok(_) => Body::Member,
        Err(member) => {
            start.extend_from_slice(&member);
            Body::Nothing
        }
    };
    let shape = Shape { body, tail: b"}]" };
    let bytes = start.len() + shape.body.of(item.publication).len() + shape.tail.len();
    push_json_head(answer, bytes, item.publication.time_ms(), out);
    out.extend_from_slice(&start);
    shape
}

/// The payload as the last member of an item.
fn member(publication: &Publication) -> Box<[u8]> {
    let mut member = Vec::new();
    push_member(&mut member, publication);
    member.into()
}

fn push_json_head(answer: &Answer<'_>, bytes: usize, last_modified_ms: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    push_content(out, "application/json", "", bytes);
    push_validators(out, answer.id, last_modified_ms);
    end_head(out, answer.cors, answer.keep_alive);
}

fn open_array(answer: &Answer<'_>, begin_id: &str) -> Vec<u8> {
    let mut body = vec![b'['];
    for (channel, gap) in answer.gaps {
        let missed = gap.missed.as_ref().map(Bounds::of);
        let channel = channel.as_str();
        let gap = gap.reason.as_str();
        part(&mut body);
        push_json(&mut body, &JsonGap { position: begin_id, channel, gap, missed });
    }
    body
}

/// Writes an item up to its payload.
fn open_item(body: &mut Vec<u8>, item: &Item<'_>) {
    part(body);
    push_json(
        body,
        &JsonLabels {
            position: item.id,
            channel: item.channel.as_str(),
            time: item.publication.time_ms(),
            content_type: content_type(item.publication),
            event: event(item.publication),
        },
    );
    // The object continues.
    let brace = body.pop();
    debug_assert_eq!(brace, Some(b'}'));
    body.push(b',');
}

fn push_member(body: &mut Vec<u8>, publication: &Publication) {
    let payload = publication.payload();
    let text = match publication.kind() {
        Kind::Text => str::from_utf8(payload).ok(),
        Kind::Binary => None,
    };
    if let Some(text) = text {
        body.extend_from_slice(b"\"data\":");
        push_json(body, &text);
    } else {
        body.extend_from_slice(b"\"b64\":");
        push_json(body, &Base64(payload));
    }
}

/// Separates an element from the one before it.
fn part(body: &mut Vec<u8>) {
    if body.len() > 1 {
        body.extend_from_slice(b",\n");
    }
}

/// Appends a whole answer without messages; `status` is 304 or 408. `last_modified_ms` is the time
/// of the last publication before the answer's position, in Unix milliseconds.
pub fn write_nothing(answer: &Answer<'_>, status: u16, last_modified_ms: u64, out: &mut Vec<u8>) {
    debug_assert!(matches!(status, 304 | 408), "{status} is no answer without news");
    if status == 304 {
        out.extend_from_slice(b"HTTP/1.1 304 Not Modified\r\n");
    } else {
        // A 304 never has a body, and a length in it would be that of the messages.
        out.extend_from_slice(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n");
    }
    push_validators(out, answer.id, last_modified_ms);
    push_gaps(out, answer.gaps);
    end_head(out, answer.cors, answer.keep_alive);
}

/// Appends the answer to a browser that asks whether a page may send what polls send.
pub fn write_preflight(cors: Option<&str>, keep_alive: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"HTTP/1.1 204 No Content\r\n\
          Allow: GET, OPTIONS\r\n\
          Access-Control-Allow-Methods: GET\r\n\
          Access-Control-Allow-Headers: If-None-Match, If-Modified-Since, Last-Event-ID, \
          Cache-Control, Authorization\r\n\
          Access-Control-Max-Age: 86400\r\n",
    );
    end_head(out, cors, keep_alive);
}

/// Types that a browser would show as a page of this server, scripts and all, at their address.
fn is_document(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.contains("html") || media_type.contains("xml")
}

/// What a publisher left out: text is UTF-8 here, and clients take text that does not say so for Latin-1.
fn charset(kind: Kind, content_type: &str) -> &'static str {
    let mut parts = content_type.split(';');
    let is_text = parts.next().is_some_and(|media_type| starts_with(media_type, "text/"));
    let is_given = parts.any(|parameter| starts_with(parameter, "charset="));
    if kind == Kind::Text && is_text && !is_given { "; charset=utf-8" } else { "" }
}

/// Whether `text` begins with `prefix`, in any case and behind any spaces.
fn starts_with(text: &str, prefix: &str) -> bool {
    let text = text.trim_start().as_bytes();
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// A browser must not guess another type than the one given.
fn push_content(out: &mut Vec<u8>, content_type: &str, charset: &str, bytes: usize) {
    out.extend_from_slice(b"Content-Type: ");
    out.extend_from_slice(content_type.as_bytes());
    out.extend_from_slice(charset.as_bytes());
    if is_document(content_type) {
        out.extend_from_slice(b"\r\nContent-Security-Policy: sandbox");
    }
    out.extend_from_slice(b"\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ");
    push_number(out, bytes as u64);
    out.extend_from_slice(b"\r\n");
}

fn push_validators(out: &mut Vec<u8>, id: &str, time_ms: u64) {
    out.extend_from_slice(b"ETag: \"");
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(b"\"\r\n");
    // Writing to a Vec cannot fail.
    let _ = write!(out, "Last-Modified: {}\r\n", http_date(time_ms));
    out.extend_from_slice(b"Cache-Control: no-store\r\n");
}

/// The last second in an HTTP date: the end of the year 9999.
const SECOND_MAX: u64 = 253_402_300_799;

fn http_date(time_ms: u64) -> HttpDate {
    (UNIX_EPOCH + Duration::from_secs((time_ms / 1000).min(SECOND_MAX))).into()
}

/// `Switchboard-Gap: news; reason=evicted; missed=18-39, chat; reason=epoch`
fn push_gaps(out: &mut Vec<u8>, gaps: &[(ChannelName, Gap)]) {
    for (nth, (channel, gap)) in gaps.iter().enumerate() {
        out.extend_from_slice(if nth == 0 { b"Switchboard-Gap: " } else { b", " });
        push_name(out, channel.as_str());
        out.extend_from_slice(b"; reason=");
        out.extend_from_slice(gap.reason.as_str().as_bytes());
        if let Some(missed) = &gap.missed {
            out.extend_from_slice(b"; missed=");
            push_range(out, missed);
        }
    }
    if !gaps.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
}

fn push_encoded_line(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    push_name(out, value);
    out.extend_from_slice(b"\r\n");
}

fn end_head(out: &mut Vec<u8>, cors: Option<&str>, keep_alive: bool) {
    cors::write_cors_lines(out, cors);
    out.extend_from_slice(if keep_alive {
        b"Connection: keep-alive\r\n\r\n"
    } else {
        b"Connection: close\r\n\r\n"
    });
}

#[derive(Serialize)]
struct JsonGap<'a> {
    position: &'a str,
    channel: &'a str,
    gap: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<Bounds>,
}

/// All of an item but its payload.
#[derive(Serialize)]
struct JsonLabels<'a> {
    position: &'a str,
    channel: &'a str,
    time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_scripts_is_put_into_a_sandbox() {
        for document in ["text/html", "Text/HTML; charset=utf-8", "image/svg+xml", "text/xml"] {
            let mut out = Vec::new();
            push_content(&mut out, document, "", 1);
            assert!(
                String::from_utf8(out)
                    .unwrap()
                    .contains("\r\nContent-Security-Policy: sandbox\r\n")
            );
        }
        for other in ["text/plain; charset=utf-8", "application/json", "image/png"] {
            let mut out = Vec::new();
            push_content(&mut out, other, "", 1);
            assert!(!String::from_utf8(out).unwrap().contains("Policy"), "{other}");
        }
    }

    #[test]
    fn text_says_that_it_is_utf_8_unless_its_publisher_said_more() {
        for content_type in ["text/plain", "TEXT/markdown", "text/csv; header=present"] {
            assert_eq!(charset(Kind::Text, content_type), "; charset=utf-8", "{content_type}");
            assert_eq!(charset(Kind::Binary, content_type), "", "{content_type}");
        }
        for content_type in [
            "text/plain; charset=iso-8859-1",
            "text/plain;Charset=UTF-8",
            "application/json",
            "tex",
        ] {
            assert_eq!(charset(Kind::Text, content_type), "", "{content_type}");
        }
    }
}
