//! One simulated WebSocket client: what it sends, and what it makes of what it receives.

use std::collections::HashMap;

use switchboard_plane::sim::{ClientId, SimNet};
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

const MASK: Option<[u8; 4]> = Some([0x5a, 0x01, 0xfe, 0x77]);

const LIMITS: MessageLimits =
    MessageLimits { frame_bytes_max: 1 << 20, message_bytes_max: 1 << 20, fragments_max: 16 };

/// A client that subscribes to some channels and remembers what came.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) shard: usize,
    pub(crate) channels: Vec<String>,
    /// For each channel the numbers of the publications it got.
    pub(crate) got: HashMap<String, Vec<u64>>,
    /// For each channel how many had been published when it saw its 101.
    pub(crate) published_at_join: Option<HashMap<String, u64>>,
    pub(crate) close_code: Option<u16>,
    /// It left on its own, in whatever way.
    pub(crate) left: bool,
    pub(crate) stalled: bool,
    received: Vec<u8>,
    receiver: Receiver,
}

impl Client {
    pub(crate) fn connect(net: &SimNet, shard: usize, number: u32, channels: Vec<String>) -> Self {
        let port = 1_024 + (number % 60_000) as u16;
        let id = net.connect(([127, 0, 0, 1], port).into());
        let head = format!(
            "GET /sub/{} HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            channels.join(",")
        );
        net.write(id, head.as_bytes());
        Self {
            id,
            shard,
            channels,
            got: HashMap::new(),
            published_at_join: None,
            close_code: None,
            left: false,
            stalled: false,
            received: Vec::new(),
            receiver: Receiver::default(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.published_at_join.is_some() && self.close_code.is_none() && !self.left
    }

    pub(crate) fn publish(&self, net: &SimNet, payload: &[u8]) {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, Opcode::Text, payload, MASK);
        net.write(self.id, &bytes);
    }

    pub(crate) fn send_close(&mut self, net: &SimNet) {
        let mut bytes = Vec::new();
        switchboard_ws::close::write_close(&mut bytes, 1000, "", MASK);
        net.write(self.id, &bytes);
        self.left = true;
    }

    /// Reads and checks everything that arrived. `published` is how much each channel has now.
    pub(crate) fn read(&mut self, net: &SimNet, published: &HashMap<String, u64>) {
        self.received.extend(net.read(self.id));
        if self.published_at_join.is_none() {
            let Some(end) = find(&self.received, b"\r\n\r\n") else {
                return;
            };
            let head = String::from_utf8(self.received.drain(..end + 4).collect()).unwrap();
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
            self.published_at_join = Some(published.clone());
        }
        let mut bytes = std::mem::take(&mut self.received);
        let mut at = 0;
        let mut pongs = Vec::new();
        while self.close_code.is_none() {
            let step = self.receiver.next(&mut bytes[at..], Role::Client, &LIMITS).unwrap();
            at += step.consumed;
            match step.event {
                None => break,
                Some(Event::Text(text)) => note(&mut self.got, &self.channels, text),
                Some(Event::Ping(payload)) => frame::write(&mut pongs, Opcode::Pong, payload, MASK),
                Some(Event::Close(close)) => {
                    self.close_code = Some(close.map_or(1005, |(code, _)| code));
                }
                Some(other) => panic!("unexpected {other:?}"),
            }
        }
        net.write(self.id, &pongs);
    }

    /// What must hold for every client at any time.
    pub(crate) fn check_runs(&self) {
        for (channel, got) in &self.got {
            let contiguous = got.windows(2).all(|pair| pair[0] + 1 == pair[1]);
            assert!(contiguous, "{channel} at {:?}: {got:?}", self.id);
            if let Some(at_join) = &self.published_at_join {
                let first_due = at_join.get(channel).copied().unwrap_or(0) + 1;
                assert!(got[0] <= first_due, "{channel}: began at {} not {first_due}", got[0]);
            }
        }
    }

    /// What must hold for a client that is still open when everything has come to rest.
    pub(crate) fn check_complete(&self, published: &HashMap<String, u64>) {
        let at_join = self.published_at_join.as_ref().unwrap();
        for channel in &self.channels {
            let due = published.get(channel).copied().unwrap_or(0);
            let before = at_join.get(channel).copied().unwrap_or(0);
            let last = self.got.get(channel).and_then(|got| got.last()).copied();
            assert!(
                due == before || last == Some(due),
                "{channel} at {:?}: {last:?} of {due}",
                self.id
            );
        }
    }
}

/// A payload names its channel and number and repeats both, so that foreign bytes show.
pub(crate) fn payload(channel: &str, number: u64, filler: usize) -> String {
    format!("{channel} {number} {} {channel}#{number}", "x".repeat(filler))
}

fn note(got: &mut HashMap<String, Vec<u64>>, channels: &[String], text: &str) {
    let parts: Vec<&str> = text.split(' ').collect();
    let [channel, number, filler, check] = parts[..] else { panic!("foreign bytes: {text}") };
    assert_eq!(check, format!("{channel}#{number}"));
    assert!(filler.bytes().all(|byte| byte == b'x'), "foreign bytes: {text}");
    assert!(channels.iter().any(|own| own == channel), "foreign channel {channel}");
    got.entry(channel.to_owned()).or_default().push(number.parse().unwrap());
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
