//! Answers in JSON: an array of gaps and publications.

use std::sync::Arc;

use serde::Serialize;
use switchboard_hub::{ChannelName, Form, Gap, Kind, Publication};

use super::answer::{Answer, Item};
use super::head::{end_head, push_content, push_validators, write_bounded};
use crate::date::WallTime;
use crate::field::{content_type, event};
use crate::json::{Base64, Bounds, push_json};
use crate::shape::MEMBER;

/// A form of a payload from this length on goes out from where the publication keeps it.
const SHARED_BYTES_MIN: usize = 4 << 10;

/// Payloads from this length on are encoded once for all answers, and so is the first of an answer,
/// which is the only one where many wait for it.
const KEPT_BYTES_MIN: usize = 1 << 10;

/// The position is that of all channels, and each gap has it. Where that is longer, only the last has it.
const GAP_POSITIONS_BYTES_MAX: usize = 16 << 10;

/// The body of an answer in JSON, item by item.
#[derive(Debug)]
pub struct JsonBody {
    own: Vec<u8>,
    /// What is shared with other answers, and where in `own` it is put in.
    shared: Vec<(usize, Arc<Form>)>,
    shared_bytes: usize,
    has_items: bool,
}

/// A whole answer in JSON, in pieces.
#[derive(Debug)]
pub struct JsonAnswer {
    /// All bytes but those that are shared.
    pub own: Vec<u8>,
    /// The bytes shared with other answers, and where in `own` they are put in.
    pub shared: Vec<(usize, Arc<Form>)>,
}

impl JsonBody {
    /// With the gaps, after which the items begin at `begin_id`.
    pub fn open(begin_id: &str, gaps: &[(ChannelName, Gap)]) -> Self {
        let own = open_array(begin_id, gaps);
        Self { own, shared: Vec::new(), shared_bytes: 0, has_items: false }
    }

    /// Appends an item. False, and nothing is changed, where the body would be longer than `bytes_max`,
    /// unless the item is the first.
    #[must_use]
    pub fn push(&mut self, wall: WallTime, item: &Item<'_>, bytes_max: usize) -> bool {
        let (start, is_first) = (self.own.len(), !self.has_items);
        let payload_bytes = item.publication.payload().len();
        // No payload gets shorter, so what cannot fit is not even encoded.
        if !is_first && self.bytes() + payload_bytes > bytes_max {
            return false;
        }
        open_item(&mut self.own, wall, item);
        let mut shared = None;
        if is_first || payload_bytes >= KEPT_BYTES_MIN {
            match item.publication.form(MEMBER, member) {
                Some(member) if member.len() >= SHARED_BYTES_MIN => shared = Some(member),
                Some(member) => self.own.extend_from_slice(&member),
                None => {}
            }
        } else {
            push_member(&mut self.own, item.publication);
        }
        let at = self.own.len();
        self.own.push(b'}');
        let shared_bytes = shared.as_ref().map_or(0, |member| member.len());
        if !is_first && self.bytes() + shared_bytes > bytes_max {
            self.own.truncate(start);
            return false;
        }
        if let Some(member) = shared {
            self.shared.push((at, member));
            self.shared_bytes += shared_bytes;
        }
        self.has_items = true;
        true
    }

    /// How long the whole body is, once it is closed.
    fn bytes(&self) -> usize {
        self.own.len() + self.shared_bytes + 1
    }

    /// The whole answer. `last_modified_ms` is the time of the last item, as it was stamped.
    pub fn close(mut self, answer: &Answer<'_>, last_modified_ms: u64) -> JsonAnswer {
        self.own.push(b']');
        let mut own = Vec::with_capacity(512 + self.own.len());
        push_json_head(answer, self.own.len() + self.shared_bytes, last_modified_ms, &mut own);
        let head_bytes = own.len();
        own.append(&mut self.own);
        let moved = self.shared.into_iter().map(|(at, member)| (at + head_bytes, member));
        JsonAnswer { own, shared: moved.collect() }
    }
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

fn open_array(begin_id: &str, gaps: &[(ChannelName, Gap)]) -> Vec<u8> {
    let mut body = vec![b'['];
    let is_long = gaps.len() * begin_id.len() > GAP_POSITIONS_BYTES_MAX;
    for (nth, (channel, gap)) in gaps.iter().enumerate() {
        let position = (!is_long || nth + 1 == gaps.len()).then_some(begin_id);
        let missed = gap.missed.as_ref().map(Bounds::of);
        let channel = channel.as_str();
        let gap = gap.reason.as_str();
        part(&mut body);
        push_json(&mut body, &JsonGap { position, channel, gap, missed });
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
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<&'a str>,
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
