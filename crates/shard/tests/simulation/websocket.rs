//! A WebSocket, plain or `switchboard.v1`, from the client's side.

use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use crate::course::{Course, Facts, Start, Told};
use crate::http::{Head, nth_of, positions, range};
use crate::record::serial_of;

pub(crate) const MASK: Option<[u8; 4]> = Some([0x5a, 0x01, 0xfe, 0x77]);

const LIMITS: MessageLimits =
    MessageLimits { frame_bytes_max: 1 << 20, message_bytes_max: 1 << 20, fragments_max: 16 };

#[derive(Debug, Default)]
pub(crate) struct WebSocket {
    is_v1: bool,
    pub(crate) is_open: bool,
    received: Vec<u8>,
    receiver: Receiver,
    /// Gaps before the start.
    gaps: Vec<Told>,
    has_begun: bool,
    /// Publications that it has sent, and the receipts that came.
    published: u32,
    receipts: u32,
    pub(crate) close_code: Option<u16>,
}

impl WebSocket {
    /// The client's side of a handshake, with its request.
    pub(crate) fn new(course: &Course, is_v1: bool) -> (Self, String) {
        let protocol = if is_v1 { "Sec-WebSocket-Protocol: switchboard.v1\r\n" } else { "" };
        let request = format!(
            "GET /sub/{}?{} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {protocol}\r\n",
            course.channels.join(","),
            course.query()
        );
        (Self { is_v1, ..Self::default() }, request)
    }

    /// Reads what arrived; returns what the client says to it.
    pub(crate) fn read(&mut self, bytes: &[u8], course: &mut Course, facts: Facts<'_>) -> Vec<u8> {
        self.received.extend_from_slice(bytes);
        if !self.is_open {
            let Some(head) = Head::take(&mut self.received) else { return Vec::new() };
            assert_eq!(head.status, 101, "{head:?} to {course:?}");
            assert_eq!(head.get("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
            let protocol = self.is_v1.then_some("switchboard.v1");
            assert_eq!(head.get("sec-websocket-protocol"), protocol);
            self.is_open = true;
        }
        let (mut bytes, mut receiver) =
            (std::mem::take(&mut self.received), std::mem::take(&mut self.receiver));
        let (mut at, mut pongs) = (0, Vec::new());
        while self.close_code.is_none() {
            let step = receiver.next(&mut bytes[at..], Role::Client, &LIMITS).unwrap();
            at += step.consumed;
            match step.event {
                None => break,
                Some(Event::Text(text)) => self.message(text, course, facts),
                Some(Event::Binary(bytes)) => {
                    self.message(str::from_utf8(bytes).unwrap(), course, facts);
                }
                Some(Event::Ping(payload)) => frame::write(&mut pongs, Opcode::Pong, payload, MASK),
                Some(Event::Close(close)) => {
                    let code = close.map_or(1005, |(code, _)| code);
                    check_close(code, self.is_v1, course, facts);
                    self.close_code = Some(code);
                    if code == 4010 {
                        course.forget();
                    }
                }
                Some(other) => panic!("unexpected {other:?}"),
            }
        }
        self.receiver = receiver;
        pongs
    }

    /// A publication as this client sends it. The one who asks for a receipt counts them.
    pub(crate) fn publication(&mut self, payload: &[u8]) -> Vec<u8> {
        if !self.is_v1 {
            return payload.to_vec();
        }
        self.published += 1;
        [format!("publish: {}\n\n", self.published).as_bytes(), payload].concat()
    }

    fn message(&mut self, text: &str, course: &mut Course, facts: Facts<'_>) {
        if !self.is_v1 {
            let (nth, serial) = serial_of(&course.channels, text);
            return course.deliver_plain(nth, serial, facts);
        }
        let (header, payload) = text.split_once("\n\n").unwrap();
        let mut lines = header.lines().map(|line| line.split_once(": ").unwrap());
        let (what, position) = lines.next().unwrap();
        if what == "published" {
            self.receipts += 1;
            assert_eq!(position.parse(), Ok(self.receipts), "receipts come in order, once each");
            let (_, position) = lines.next().unwrap();
            assert!(self.receipts <= self.published && positions(position).len() == 1);
            return;
        }
        let ids = positions(position);
        let line = |wanted| lines.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let named = line("channel").map(|name| nth_of(&course.channels, name));
        match what {
            "gap" => {
                let reason = line("reason").unwrap().to_owned();
                let missed = line("missed").map(range);
                let gap = Told { channel: named.unwrap(), reason, missed };
                if self.has_begun {
                    course.lag(&gap, &ids, facts);
                } else {
                    self.gaps.push(gap);
                }
            }
            "start" => {
                assert!(!std::mem::replace(&mut self.has_begun, true), "it begins once");
                course.begin(&std::mem::take(&mut self.gaps), &ids, facts);
            }
            "position" => {
                assert!(self.has_begun, "the start comes first");
                let (nth, serial) = serial_of(&course.channels, payload);
                assert_eq!(named, (course.channels.len() > 1).then_some(nth));
                course.deliver(&ids, nth, serial, facts.record);
            }
            _ => panic!("foreign bytes: {text}"),
        }
    }
}

/// Whether the server may close with this code.
fn check_close(code: u16, is_v1: bool, course: &Course, facts: Facts<'_>) {
    match code {
        1001 | 1012 => {}
        1000 => assert!(facts.plan.deletions, "nobody deleted a channel"),
        4008 => assert!(!facts.plan.is_roomy(), "nobody was slow"),
        4010 => {
            assert!(!is_v1 && course.start() == Start::Seen, "it could have been told");
            course.check_lost(facts);
        }
        _ => panic!("closed with {code}"),
    }
}
