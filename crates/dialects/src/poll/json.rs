//! Answers in JSON: an array of gaps and publications.

use serde::Serialize;
use switchboard_hub::{Kind, Publication};

use super::head::{end_head, push_content, push_validators, write_bounded};
use super::{Answer, Item};
use crate::date::WallTime;
use crate::field::{content_type, event};
use crate::json::{Base64, Bounds, push_json};
use crate::shape::{Body, MEMBER, Shape};

/// Appends a whole answer in JSON: the gaps, then the publications. `begin_id` is where the items
/// begin, after the gaps; `last_modified_ms` the time of the last item, as it was stamped.
pub fn write_json(
    answer: &Answer<'_>,
    begin_id: &str,
    items: &[Item<'_>],
    last_modified_ms: u64,
    out: &mut Vec<u8>,
) {
    let mut body = open_array(answer, begin_id);
    for item in items {
        open_item(&mut body, answer.wall, item);
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
    open_item(&mut start, answer.wall, item);
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
    write_bounded(out, |form, out| {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        push_content(out, "application/json", "", bytes);
        push_validators(out, form, answer, last_modified_ms);
        end_head(out, answer.wall.date, answer.cors, answer.keep_alive);
    });
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
fn open_item(body: &mut Vec<u8>, wall: WallTime, item: &Item<'_>) {
    part(body);
    push_json(
        body,
        &JsonLabels {
            position: item.id,
            channel: item.channel.as_str(),
            time: wall.of_stamp_ms(item.publication.time_ms()),
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
