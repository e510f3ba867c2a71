//! An event stream, read as the HTML standard says (section 9.2.6), from the client's side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::course::{Course, Facts, Start, Told};
use crate::http::{Head, nth_of, positions};
use crate::plan::gap_word;
use crate::record::serial_of;

#[derive(Debug, Default)]
pub(crate) struct EventStream {
    is_open: bool,
    /// What was received and has not been looked at.
    raw: Vec<u8>,
    /// None on HTTP/1.0, where the end of the connection is the end of the stream.
    chunks: Option<Chunks>,
    /// The body, without what frames it.
    received: Vec<u8>,
    gaps: Vec<Told>,
    has_begun: bool,
}

/// The chunks of a body.
#[derive(Debug, Default)]
struct Chunks {
    has_ended: bool,
}

/// What the lines before an empty one said.
#[derive(Debug, Default)]
struct Event {
    id: Option<String>,
    name: Option<String>,
    data: Vec<String>,
}

impl EventStream {
    /// A client with its request: it names its position in the URL, or in the header when it has
    /// seen something.
    pub(crate) fn new(course: &Course, by_header: bool, is_chunked: bool) -> (Self, String) {
        let (query, last) = if by_header && course.start() == Start::Seen {
            // What stands in the URL is older.
            let query = format!("since=earliest&gap={}", gap_word(course.on_gap));
            (query, format!("Last-Event-ID: {}\r\n", course.position()))
        } else {
            (course.query(), String::new())
        };
        let request = format!(
            "GET /sub/{}?{query} HTTP/1.{}\r\nHost: here\r\nAccept: text/event-stream\r\n{last}\r\n",
            course.channels.join(","),
            u8::from(is_chunked),
        );
        let chunks = is_chunked.then(Chunks::default);
        (Self { chunks, ..Self::default() }, request)
    }

    /// The server has said that the stream is over, where it can.
    pub(crate) fn has_ended(&self) -> bool {
        self.chunks.as_ref().is_none_or(|chunks| chunks.has_ended)
    }

    pub(crate) fn read(&mut self, bytes: &[u8], course: &mut Course, facts: Facts<'_>) {
        self.raw.extend_from_slice(bytes);
        if !self.is_open {
            let Some(head) = Head::take(&mut self.raw) else { return };
            assert_eq!(head.status, 200, "{head:?} to {course:?}");
            assert_eq!(head.get("content-type"), Some("text/event-stream; charset=utf-8"));
            let coding = self.chunks.as_ref().map(|_| "chunked");
            assert_eq!(head.get("transfer-encoding"), coding);
            self.is_open = true;
        }
        match &mut self.chunks {
            Some(chunks) => chunks.take(&mut self.raw, &mut self.received),
            None => self.received.append(&mut self.raw),
        }
        while let Some(end) = self.received.windows(2).position(|window| window == b"\n\n") {
            let block = String::from_utf8(self.received.drain(..end + 2).collect()).unwrap();
            let event = Event::parse(&block);
            self.dispatch(&event, course, facts);
        }
    }

    fn dispatch(&mut self, event: &Event, course: &mut Course, facts: Facts<'_>) {
        let Some(id) = &event.id else {
            assert!(event.data.is_empty() && event.name.is_none(), "no id: {event:?}");
            return;
        };
        let (ids, data) = (positions(id), event.data.join("\n"));
        match event.name.as_deref() {
            Some("gap") => {
                let gap = told(&course.channels, &serde_json::from_str(&data).unwrap(), id);
                if self.has_begun {
                    course.lag(&gap, &ids, facts);
                } else {
                    self.gaps.push(gap);
                }
            }
            None if event.data.is_empty() => {
                assert!(!std::mem::replace(&mut self.has_begun, true), "it begins once");
                course.begin(&std::mem::take(&mut self.gaps), &ids, facts);
            }
            name => {
                assert!(self.has_begun, "the start comes first");
                let payload = match name {
                    Some("binary") => String::from_utf8(STANDARD.decode(&data).unwrap()).unwrap(),
                    None => data,
                    Some(other) => panic!("foreign event {other}"),
                };
                let (nth, serial) = serial_of(&course.channels, &payload);
                course.deliver(&ids, nth, serial, facts.record);
            }
        }
    }
}

impl Chunks {
    /// Moves the data of whole chunks to `data`.
    fn take(&mut self, raw: &mut Vec<u8>, data: &mut Vec<u8>) {
        loop {
            assert!(!self.has_ended || raw.is_empty(), "bytes behind the end");
            let Some(line_end) = raw.windows(2).position(|window| window == b"\r\n") else {
                return;
            };
            let line = str::from_utf8(&raw[..line_end]).unwrap();
            let size = usize::from_str_radix(line, 16).unwrap();
            let end = line_end + 2 + size;
            if raw.len() < end + 2 {
                return;
            }
            assert_eq!(raw[end..end + 2], *b"\r\n", "a chunk ends where it says");
            data.extend_from_slice(&raw[line_end + 2..end]);
            // Each thing that is said has one of its own.
            assert!(size == 0 || data.ends_with(b"\n\n"), "a chunk ends with what it says");
            raw.drain(..end + 2);
            self.has_ended = size == 0;
        }
    }
}

impl Event {
    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with(':')) {
            let (field, value) =
                line.split_once(": ").unwrap_or_else(|| panic!("foreign: {block}"));
            match field {
                "id" => event.id = Some(value.to_owned()),
                "event" => event.name = Some(value.to_owned()),
                "data" => event.data.push(value.to_owned()),
                "retry" => assert!((1_000..=3_000).contains(&value.parse::<u32>().unwrap())),
                _ => panic!("foreign bytes: {block}"),
            }
        }
        event
    }
}

/// A gap in JSON, as event streams and polls have it.
pub(crate) fn told(channels: &[String], value: &Value, id: &str) -> Told {
    assert_eq!(value["position"], id);
    let reason = value.get("reason").or_else(|| value.get("gap")).unwrap();
    let missed = value
        .get("missed")
        .map(|missed| (missed[0].as_u64().unwrap(), missed[1].as_u64().unwrap()));
    Told {
        channel: nth_of(channels, value["channel"].as_str().unwrap()),
        reason: reason.as_str().unwrap().to_owned(),
        missed,
    }
}
