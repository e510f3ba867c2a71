//! Publications.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use switchboard_ws::frame::{HEADER_BYTES_MAX, Opcode, encode_header};

use crate::forms::Forms;
use crate::{Accounting, Form, FormSlot, Position};

/// Whether a payload is text or binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Anything.
    Binary,
}

impl Kind {
    fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// A publication without a place in its channel yet.
#[derive(Clone, Debug)]
pub struct Draft {
    kind: Kind,
    header_bytes: u8,
    frame: Box<[u8]>,
    /// What few publications have.
    extras: Option<Box<Extras>>,
}

/// What few publications have, so that the others pay 8 B for it.
#[derive(Clone, Debug, Default)]
struct Extras {
    content_type: Option<Box<str>>,
    event: Option<Box<str>>,
    info: Option<Box<str>>,
    tags: Option<Box<str>>,
}

impl Extras {
    /// Their memory.
    fn bytes(&self) -> usize {
        let extras = self.content_type.iter().chain(&self.event);
        let texts = extras.chain(&self.info).chain(&self.tags);
        size_of::<Self>() + texts.map(|text| text.len()).sum::<usize>()
    }
}

impl Draft {
    /// Builds the server's WebSocket frame around the payload, once for all receivers. The caller
    /// has checked that text is UTF-8.
    pub fn new(kind: Kind, payload: &[u8]) -> Self {
        debug_assert!(kind == Kind::Binary || str::from_utf8(payload).is_ok());
        let mut header = [0; HEADER_BYTES_MAX];
        let used = encode_header(&mut header, true, kind.opcode(), payload.len() as u64, None);
        let mut frame = Vec::with_capacity(used + payload.len());
        frame.extend_from_slice(&header[..used]);
        frame.extend_from_slice(payload);
        Self { kind, header_bytes: used as u8, frame: frame.into(), extras: None }
    }

    /// Adds the payload's media type, for clients that listen by HTTP.
    #[must_use]
    pub fn with_content_type(mut self, content_type: &str) -> Self {
        self.extras.get_or_insert_default().content_type = Some(content_type.into());
        self
    }

    /// Adds the name of the event, for clients that listen to an event stream.
    #[must_use]
    pub fn with_event(mut self, event: &str) -> Self {
        self.extras.get_or_insert_default().event = Some(event.into());
        self
    }

    /// Adds who publishes, as one value of JSON on one line, for clients that are told.
    #[must_use]
    pub fn with_info(mut self, json: &str) -> Self {
        debug_assert!(!json.contains(['\n', '\r']));
        self.extras.get_or_insert_default().info = Some(json.into());
        self
    }

    /// Adds what the publisher says beside the payload: a JSON object of texts, which the caller has
    /// checked.
    #[must_use]
    pub fn with_tags(mut self, tags: &str) -> Self {
        self.extras.get_or_insert_default().tags = Some(tags.into());
        self
    }

    /// The same with another payload.
    #[must_use]
    pub fn with_payload(self, kind: Kind, payload: &[u8]) -> Self {
        Self { extras: self.extras, ..Self::new(kind, payload) }
    }

    /// What the payload is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The payload alone.
    pub fn payload(&self) -> &[u8] {
        &self.frame[usize::from(self.header_bytes)..]
    }

    /// The payload's media type, if the publisher named one.
    pub fn content_type(&self) -> Option<&str> {
        self.extras.as_ref()?.content_type.as_deref()
    }

    /// The event's name, if the publisher named one.
    pub fn event(&self) -> Option<&str> {
        self.extras.as_ref()?.event.as_deref()
    }

    /// Who publishes, as JSON, if others are told.
    pub fn info(&self) -> Option<&str> {
        self.extras.as_ref()?.info.as_deref()
    }

    /// What the publisher says beside the payload: a JSON object of texts.
    pub fn tags(&self) -> Option<&str> {
        self.extras.as_ref()?.tags.as_deref()
    }
}

/// One message of a channel. What it says never changes, and all that keep or send it share it.
#[derive(Debug)]
pub struct Publication {
    position: Position,
    time_ms: u64,
    frame: Box<[u8]>,
    extras: Option<Box<Extras>>,
    /// In room that the other fields leave.
    accepted_us: u32,
    kind: Kind,
    header_bytes: u8,
    dropped_by_home: AtomicBool,
    forms: Forms,
    accounting: Arc<Accounting>,
}

impl Publication {
    /// Gives a draft its place and counts its bytes until it is dropped. The times are when the home
    /// shard accepted it, on two clocks.
    pub fn new(
        position: Position,
        (time_ms, accepted_us): (u64, u32),
        draft: Draft,
        accounting: &Arc<Accounting>,
    ) -> Arc<Self> {
        let Draft { kind, header_bytes, frame, extras } = draft;
        let publication = Self {
            position,
            time_ms,
            frame,
            extras,
            accepted_us,
            kind,
            header_bytes,
            dropped_by_home: AtomicBool::new(false),
            forms: Forms::default(),
            accounting: Arc::clone(accounting),
        };
        publication.accounting.add(publication.cost_bytes());
        Arc::new(publication)
    }

    /// Its offset in the channel, at least 1. Later publications have larger ones.
    pub fn offset(&self) -> u64 {
        self.position.offset
    }

    /// Its place in its channel's stream.
    pub fn position(&self) -> Position {
        self.position
    }

    /// When the home shard accepted it, in Unix milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// When the home shard accepted it, in microseconds of a clock that all shards share and that
    /// begins anew each 71 minutes: for measuring how long ago that was.
    pub fn accepted_us(&self) -> u32 {
        self.accepted_us
    }

    /// Text or binary.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The payload's media type, if the publisher named one.
    pub fn content_type(&self) -> Option<&str> {
        self.extras.as_ref()?.content_type.as_deref()
    }

    /// The event's name, if the publisher named one.
    pub fn event(&self) -> Option<&str> {
        self.extras.as_ref()?.event.as_deref()
    }

    /// Who published it, as JSON, if that is a client of which others are told.
    pub fn info(&self) -> Option<&str> {
        self.extras.as_ref()?.info.as_deref()
    }

    /// What the publisher says beside the payload: a JSON object of texts.
    pub fn tags(&self) -> Option<&str> {
        self.extras.as_ref()?.tags.as_deref()
    }

    /// The payload alone.
    pub fn payload(&self) -> &[u8] {
        &self.frame[usize::from(self.header_bytes)..]
    }

    /// The payload as one unmasked WebSocket frame (RFC 6455, section 5.2).
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Its channel's home keeps it no longer. Who still does must count its bytes.
    pub(crate) fn dropped_by_home(&self) {
        self.dropped_by_home.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_dropped_by_home(&self) -> bool {
        self.dropped_by_home.load(Ordering::Relaxed)
    }

    /// The payload in another form; None if `build` makes nothing. All who need it share it: it is
    /// built for the first, and again only when it was given up meanwhile and nobody sends it.
    pub fn form(
        &self,
        slot: FormSlot,
        build: impl FnOnce(&Self) -> Box<[u8]>,
    ) -> Option<Arc<Form>> {
        self.forms.get_or_build(slot, &self.accounting, || build(self))
    }

    /// The memory that it takes without its forms: its bytes, the struct, the counters of the
    /// shared pointer, and the slots for forms, as if they were made already.
    pub fn cost_bytes(&self) -> usize {
        let extras = self.extras.as_ref().map_or(0, |extras| extras.bytes());
        self.frame.len() + extras + size_of::<Self>() + Forms::SLOTS_BYTES + 2 * size_of::<usize>()
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        self.forms.give_up(&self.accounting);
        self.accounting.subtract(self.cost_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_header_and_payload_in_one() {
        for (payload_bytes, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; payload_bytes];
            let draft = Draft::new(Kind::Text, &payload);
            assert_eq!(draft.payload(), payload);
            assert_eq!(&draft.frame[..header.len()], header);
            assert_eq!(draft.frame.len(), header.len() + payload_bytes);
        }
        assert_eq!(Draft::new(Kind::Binary, &[0xff]).frame[..], [0x82, 1, 0xff]);
    }

    #[test]
    fn is_counted_while_it_lives() {
        let accounting = Arc::new(Accounting::default());
        let draft = Draft::new(Kind::Text, b"hi").with_content_type("text/plain").with_event("e");
        let draft = draft.with_tags(r#"{"a":"b"}"#);
        let position = Position { epoch: crate::Epoch::from_random(1), offset: 7 };
        let publication = Publication::new(position, (99, 5), draft, &accounting);
        let other = Arc::clone(&publication);
        assert_eq!(accounting.count(), 1);
        assert_eq!(accounting.bytes(), publication.cost_bytes());
        assert!(accounting.bytes() > "hitext/plaine".len());
        assert_eq!((publication.offset(), publication.time_ms()), (7, 99));
        assert_eq!(publication.accepted_us(), 5);
        assert_eq!(publication.content_type(), Some("text/plain"));
        assert_eq!(publication.event(), Some("e"));
        assert_eq!(publication.tags(), Some(r#"{"a":"b"}"#));
        assert_eq!(publication.kind(), Kind::Text);
        drop(publication);
        assert_eq!(accounting.count(), 1);
        drop(other);
        assert_eq!((accounting.count(), accounting.bytes()), (0, 0));
    }
}
