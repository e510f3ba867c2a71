//! Publications and deletions as messages of the engine, and back.
//!
//! The body is the payload. What else a publication says is in headers of ours, percent-encoded where a header
//! could not carry it. A deletion is a message without a body that rolls its subject up: the engine removes
//! what was there and stores the tombstone in one step, where a purge and a publication would be two, between
//! which a node may die.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde::de::IgnoredAny;
use switchboard_hub::{Draft, Epoch, Kind, Publication};

use crate::headers;
use crate::time_stamp::parse_time_stamp;

/// What a header's value cannot carry, or would lose at its ends, and `%` itself.
const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Headers with their names.
pub type Headers = Vec<(&'static str, String)>;

/// What a publication says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content<'a> {
    /// What the payload is.
    pub kind: Kind,
    /// The payload.
    pub payload: &'a [u8],
    /// The payload's media type.
    pub content_type: Option<&'a str>,
    /// The event's name.
    pub event: Option<&'a str>,
    /// Who published it: one value of JSON on one line.
    pub info: Option<&'a str>,
    /// What the publisher says beside the payload: a JSON object of texts.
    pub tags: Option<&'a str>,
}

impl<'a> Content<'a> {
    /// Of a payload without anything beside it.
    pub fn new(kind: Kind, payload: &'a [u8]) -> Self {
        Self { kind, payload, content_type: None, event: None, info: None, tags: None }
    }

    /// Its headers as a message with this id, to a stream that had this epoch when last looked at. The engine
    /// keeps it for `lifetime_s` seconds, or without end.
    pub fn headers(&self, epoch: Epoch, id: &str, lifetime_s: Option<u32>) -> Headers {
        let kind = match self.kind {
            Kind::Text => "text",
            Kind::Binary => "binary",
        };
        let mut headers = common(kind, epoch, id, lifetime_s);
        let labels = [
            (headers::CONTENT_TYPE, self.content_type),
            (headers::EVENT, self.event),
            (headers::INFO, self.info),
            (headers::TAGS, self.tags),
        ];
        headers.extend(labels.into_iter().filter_map(|(name, label)| Some((name, encode(label?)))));
        headers
    }
}

impl<'a> From<&'a Publication> for Content<'a> {
    fn from(publication: &'a Publication) -> Self {
        Self {
            kind: publication.kind(),
            payload: publication.payload(),
            content_type: publication.content_type(),
            event: publication.event(),
            info: publication.info(),
            tags: publication.tags(),
        }
    }
}

impl<'a> From<&'a Draft> for Content<'a> {
    fn from(draft: &'a Draft) -> Self {
        Self {
            kind: draft.kind(),
            payload: draft.payload(),
            content_type: draft.content_type(),
            event: draft.event(),
            info: draft.info(),
            tags: draft.tags(),
        }
    }
}

/// The headers of a deletion, as [`Content::headers`]. Its body is empty.
pub fn deletion_headers(epoch: Epoch, id: &str, lifetime_s: Option<u32>) -> Headers {
    let mut headers = common("deletion", epoch, id, lifetime_s);
    headers.push((headers::ROLLUP, "sub".to_owned()));
    headers
}

/// The headers of the marker that holds a stream's epoch, which is its body. The engine stores only the first.
pub fn epoch_marker_headers() -> Headers {
    vec![(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, "0".to_owned())]
}

/// What a message takes on the wire of the engine, whose `max_payload` bounds it: headers count.
pub fn wire_bytes(headers: &[(&'static str, String)], payload: &[u8]) -> usize {
    let lines = headers.iter().map(|(name, value)| name.len() + ": \r\n".len() + value.len());
    "NATS/1.0\r\n\r\n".len() + lines.sum::<usize>() + payload.len()
}

fn common(kind: &str, epoch: Epoch, id: &str, lifetime_s: Option<u32>) -> Headers {
    let mut headers = vec![
        (headers::KIND, kind.to_owned()),
        (headers::EPOCH, epoch.to_string()),
        (headers::MESSAGE_ID, id.to_owned()),
    ];
    headers.extend(lifetime_s.map(|seconds| (headers::TIME_TO_LIVE, format!("{seconds}s"))));
    headers
}

fn encode(label: &str) -> String {
    utf8_percent_encode(label, RESERVED).to_string()
}

/// A message that a stream stored.
#[derive(Debug)]
pub struct Message {
    /// Its place in the stream, and so the offset in its channel.
    pub sequence: u64,
    /// When it was stored, by the clock of the stream's leader, in Unix milliseconds. For show: clocks of
    /// leaders differ, so it may be less than that of the message before.
    pub time_ms: u64,
    /// What it says.
    pub body: Body,
}

/// What a stored message says.
#[derive(Debug)]
pub enum Body {
    /// A publication.
    Publication(Draft),
    /// The channel was deleted. All before it is gone, whether anybody has seen it or not.
    Deletion,
    /// Somebody else wrote to our subjects. It has a place in the order, and that is all.
    Foreign(ForeignError),
}

/// A message as the engine repeats it.
#[derive(Debug)]
pub struct Republished {
    /// The message.
    pub message: Message,
    /// The sequence of the one before it on its subject; 0 where none was held when it was stored.
    pub previous: u64,
    /// What its publisher took for the epoch of the stream, if it said so.
    pub epoch: Option<Epoch>,
}

impl Republished {
    /// Reads a message that the engine repeated. Of several headers with one name the last counts: the engine
    /// appends its own.
    pub fn parse(headers: &[(&str, &str)], payload: &[u8]) -> Result<Self, MetadataError> {
        let message = Message::parse(headers, payload)?;
        let previous = number(headers, headers::LAST_SEQUENCE)?;
        if previous >= message.sequence {
            return Err(MetadataError::Order);
        }
        let epoch = headers.iter().rfind(|(name, _)| *name == headers::EPOCH);
        Ok(Self { message, previous, epoch: epoch.and_then(|(_, value)| value.parse().ok()) })
    }
}

impl Message {
    /// Reads a message that was fetched.
    pub fn parse(headers: &[(&str, &str)], payload: &[u8]) -> Result<Self, MetadataError> {
        let sequence = number(headers, headers::SEQUENCE)?;
        if sequence == 0 {
            return Err(MetadataError::Order);
        }
        let time_stamp = last(headers, headers::TIME_STAMP)?;
        let time_ms = parse_time_stamp(time_stamp)
            .ok_or(MetadataError::Malformed { header: headers::TIME_STAMP })?;
        let body = body(headers, payload).unwrap_or_else(Body::Foreign);
        Ok(Self { sequence, time_ms, body })
    }

    /// The bytes of its payload, for bounds.
    pub fn payload_bytes(&self) -> usize {
        match &self.body {
            Body::Publication(draft) => draft.payload().len(),
            Body::Deletion | Body::Foreign(_) => 0,
        }
    }

    /// It is a tombstone.
    pub fn is_deletion(&self) -> bool {
        matches!(self.body, Body::Deletion)
    }
}

fn last<'a>(headers: &[(&str, &'a str)], name: &'static str) -> Result<&'a str, MetadataError> {
    let found = headers.iter().rfind(|(own, _)| *own == name);
    found.map(|(_, value)| *value).ok_or(MetadataError::Missing { header: name })
}

fn number(headers: &[(&str, &str)], name: &'static str) -> Result<u64, MetadataError> {
    last(headers, name)?.parse().map_err(|_| MetadataError::Malformed { header: name })
}

/// The labels of a publication, encoded as they were found.
#[derive(Default)]
struct Found<'a> {
    kind: Option<&'a str>,
    epoch: Option<&'a str>,
    content_type: Option<&'a str>,
    event: Option<&'a str>,
    info: Option<&'a str>,
    tags: Option<&'a str>,
}

fn body(headers: &[(&str, &str)], payload: &[u8]) -> Result<Body, ForeignError> {
    let mut found = Found::default();
    for (name, value) in headers.iter().filter(|(name, _)| name.starts_with(headers::OURS)) {
        let slot = match *name {
            headers::KIND => &mut found.kind,
            headers::EPOCH => &mut found.epoch,
            headers::CONTENT_TYPE => &mut found.content_type,
            headers::EVENT => &mut found.event,
            headers::INFO => &mut found.info,
            headers::TAGS => &mut found.tags,
            _ => return Err(ForeignError::UnknownHeader),
        };
        if slot.replace(value).is_some() {
            return Err(ForeignError::Twice);
        }
    }
    let kind = match found.kind.ok_or(ForeignError::NotOurs)? {
        "text" => Kind::Text,
        "binary" => Kind::Binary,
        "deletion" => return deletion(&found, payload),
        _ => return Err(ForeignError::Kind),
    };
    if kind == Kind::Text && str::from_utf8(payload).is_err() {
        return Err(ForeignError::NotUtf8);
    }
    labelled(Draft::new(kind, payload), &found).map(Body::Publication)
}

fn deletion(found: &Found<'_>, payload: &[u8]) -> Result<Body, ForeignError> {
    let labels = [found.content_type, found.event, found.info, found.tags];
    if !payload.is_empty() || labels.iter().any(Option::is_some) {
        return Err(ForeignError::Deletion);
    }
    Ok(Body::Deletion)
}

/// Checks what a [`Draft`] takes on trust.
fn labelled(mut draft: Draft, found: &Found<'_>) -> Result<Draft, ForeignError> {
    let decode = |value: &str| {
        let text = percent_decode_str(value).decode_utf8().map_err(|_| ForeignError::Encoding)?;
        Ok::<String, ForeignError>(text.into_owned())
    };
    let plain = |value: &str| {
        let text = decode(value)?;
        let is_plain = !text.is_empty() && !text.contains(char::is_control);
        is_plain.then_some(text).ok_or(ForeignError::Label)
    };
    if let Some(value) = found.content_type {
        draft = draft.with_content_type(&plain(value)?);
    }
    if let Some(value) = found.event {
        draft = draft.with_event(&plain(value)?);
    }
    if let Some(value) = found.info {
        let info = plain(value)?;
        serde_json::from_str::<IgnoredAny>(&info).map_err(|_| ForeignError::Info)?;
        draft = draft.with_info(&info);
    }
    if let Some(value) = found.tags {
        let tags = decode(value)?;
        serde_json::from_str::<BTreeMap<String, String>>(&tags).map_err(|_| ForeignError::Tags)?;
        draft = draft.with_tags(&tags);
    }
    Ok(draft)
}

/// Why a message says nothing about its place: it did not come from a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A header of the engine is missing.
    #[error("the message has no header {header}")]
    Missing {
        /// Which.
        header: &'static str,
    },
    /// A header of the engine cannot be read.
    #[error("the header {header} cannot be read")]
    Malformed {
        /// Which.
        header: &'static str,
    },
    /// Sequences begin with 1 and grow.
    #[error("the message has a sequence that no stream gives")]
    Order,
}

/// Why a stored message is no publication of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// It does not say what it is: nothing of ours wrote it.
    #[error("the message has no header Sb-Kind")]
    NotOurs,
    /// A kind that this version does not know.
    #[error("Sb-Kind is neither text nor binary nor deletion")]
    Kind,
    /// A header of ours that this version does not know.
    #[error("the message has a header Sb-... that this version does not know")]
    UnknownHeader,
    /// A header of ours is there twice.
    #[error("the message has one of the headers Sb-... twice")]
    Twice,
    /// The payload of a text is not UTF-8.
    #[error("the payload is called text and is not UTF-8")]
    NotUtf8,
    /// A decoded header is not UTF-8.
    #[error("one of the headers Sb-... is not UTF-8")]
    Encoding,
    /// A content type, event or info is empty or has control characters.
    #[error("Sb-Content-Type, Sb-Event or Sb-Info is empty or has control characters")]
    Label,
    /// Not JSON.
    #[error("Sb-Info is not JSON")]
    Info,
    /// Not a JSON object of texts.
    #[error("Sb-Tags is not a JSON object of texts")]
    Tags,
    /// A deletion has neither a payload nor anything beside it.
    #[error("a deletion has a payload or a label")]
    Deletion,
}

#[cfg(test)]
mod tests;
